//! First pages at a million entries.

use audit_core::{Actor, Target, Timestamp};
use audit_store::Query;
use benches::{Contest, Engine, Figure, PlainRow, Question, Report, chain, median, timed};
use test_support::Synthetic;

use crate::world::{World, size};

/// The same question to both, about what a row says.
type Kind<'a> = &'a dyn Fn(&PlainRow) -> (Query, Question);

/// Asks the journal and the ordinary table the same questions in turns. What is asked for is taken
/// from events all over the journal, so that the frequent is asked for as often as it occurs.
pub(crate) async fn run<E: Engine>(world: &World<E>, report: &mut Report) {
    let questions = size("BENCH_QUESTIONS", 300);
    let step = std::cmp::max(world.entries / questions, 1);
    let events = Synthetic::new(1).private_every(10).take(world.entries);
    let rows: Vec<PlainRow> =
        events.step_by(step).map(|event| PlainRow::of(&event.expect("right"))).collect();
    let of_target = |row: &PlainRow| {
        let (kind, id) = row.target.split_once(':').expect("type and id");
        let query = Query::new(&chain()).target(Target::new(kind, id));
        (query, Question::Target(row.target.clone()))
    };
    let of_actor = |row: &PlainRow| {
        let (kind, id) = row.actor.split_once(':').expect("type and id");
        let actor = if kind == "service" { Actor::service(id) } else { Actor::user(id) };
        let query = Query::new(&chain()).actor(actor).action(&row.action);
        (query, Question::ActorAndAction(row.actor.clone(), row.action.clone()))
    };
    let of_time = |row: &PlainRow| {
        let until = row.at + 3_600_000_000;
        let time = |micros| Timestamp::from_micros(micros).expect("a time");
        let query = Query::new(&chain()).from(time(row.at)).until(time(until));
        (query, Question::Time(row.at, until))
    };
    let kinds: [(&str, Kind<'_>); 3] =
        [("target", &of_target), ("actor and action", &of_actor), ("an hour", &of_time)];
    for (what, question) in kinds {
        let mut contest = Contest::new(rows.len(), &["journal", "B-trees"]);
        let mut counts = [0_usize; 2];
        // The first is asked twice, since the first turn does not count.
        let asked = std::iter::once(rows.first().expect("some")).chain(&rows);
        for (row, turns) in asked.zip(contest.turns().chunks(2)) {
            let (query, plain) = question(row);
            for turn in turns {
                let work = async {
                    if *turn == 0 {
                        world.journal.query(&query).await.expect("answered").entries.len()
                    } else {
                        E::plain_ask(&world.plain, &plain).await
                    }
                };
                let (count, took) = timed(work).await;
                contest.record_quietly(*turn, 1, took);
                *counts.get_mut(*turn).expect("two") += count;
            }
        }
        let mut costs = contest.costs(0);
        costs.sort_by(f64::total_cmp);
        let nearly_all = costs.get(costs.len() * 99 / 100).copied().unwrap_or_default() * 1e3;
        let measured = format!(
            "half below {:.2} ms (B-trees {:.2} ms); CPU {:.2} ms ({:.2} ms); {} entries a page",
            median(&costs) * 1e3,
            median(&contest.costs(1)) * 1e3,
            contest.cpu(0) * 1e3,
            contest.cpu(1) * 1e3,
            counts[0] / (rows.len() + 1)
        );
        let line = format!("first page by {what} at 1 M: 99 of 100 within");
        report.value(&line, &measured, nearly_all, "ms", Figure::AtMost(5.0));
        let ratio = median(&contest.ratios(0, 1).iter().map(|r| 1.0 / r).collect::<Vec<_>>());
        let measured = format!("{counts:?} entries in all");
        let line = format!("time of the same of that of the B-trees, by {what}");
        report.value(&line, &measured, ratio, "×", Figure::AtMost(2.0));
    }
}
