//! Batches of a thousand, and what an append costs in a small and in a large journal.

use audit_core::Event;
use benches::{
    Contest, Engine, Figure, PlainRow, PlainTable, Report, chain, journal_options, timed,
};
use test_support::TestDatabase;

use crate::world::{World, events, size};

/// A thousand at a time.
const BATCH: usize = 1_000;

/// `append_batch(1000)` into a journal that is there already, with the posting of all that was
/// appended, against the plain batched INSERT of the same events.
pub(crate) async fn run<E: Engine>(report: &mut Report) {
    let standing = size("BENCH_STANDING", 300_000);
    eprintln!("{}: filling {standing} entries", E::NAME);
    let world = World::<E>::new(standing, 1).await;
    // The indexed table has its B-trees from the beginning, as it would in life.
    E::plain_index(&world.plain, false).await;
    let mut all = events(1);
    let rows = |all: &mut dyn Iterator<Item = Event>, count: usize| {
        all.take(count).map(|event| PlainRow::of(&event)).collect::<Vec<_>>()
    };
    for _ in 0..standing / BATCH {
        let batch = rows(&mut all, BATCH);
        E::plain_insert_many(&world.plain, PlainTable::Indexed, &batch).await;
        E::plain_insert_many(&world.plain, PlainTable::Bare, &batch).await;
    }
    // One round is 65 batches: the longest run that the index posts at once is 65,536 entries, so
    // that each round has its share of all that posting costs.
    let batches = size("BENCH_BATCHES", 65);
    let mut contest = Contest::new(
        size("BENCH_ROUNDS", 5),
        &["append_batch and posting", "table with three B-trees", "table without"],
    );
    let mut next = events(2);
    let mut plain = [events(2), events(2)];
    for turn in contest.turns() {
        let took = if turn == 0 {
            let all: Vec<Vec<Event>> =
                (0..batches).map(|_| next.by_ref().take(BATCH).collect()).collect();
            let work = async {
                for batch in all {
                    world.journal.append_batch(&chain(), batch).await.expect("appended");
                }
                world.journal.post_index().await.expect("posted");
            };
            timed(work).await.1
        } else {
            let (table, source) = match (turn, &mut plain) {
                (1, [source, _]) => (PlainTable::Indexed, source),
                (_, [_, source]) => (PlainTable::Bare, source),
            };
            let all: Vec<Vec<PlainRow>> = (0..batches).map(|_| rows(source, BATCH)).collect();
            let work = async {
                for batch in &all {
                    E::plain_insert_many(&world.plain, table, batch).await;
                }
            };
            timed(work).await.1
        };
        contest.record(turn, batches * BATCH, took);
    }
    let what = "`append_batch(1000)` at 300 k, index posted, against the table with B-trees";
    let least = if E::PLAIN_CONNECTIONS == 1 { 2.5 } else { 1.3 };
    report.ratio(what, &contest, 0, 1, Figure::AtLeast(least));
    let what = "the same against the table without";
    report.ratio(what, &contest, 0, 2, Figure::AtLeast(0.6));
    world.journal.close().await;
}

/// What an append costs at a million entries and at ten thousand, one at a time and in batches.
pub(crate) async fn growth<E: Engine>(large: &World<E>, report: &mut Report) {
    let place = E::Place::fresh().await;
    let small = E::create(&place, &journal_options()).await;
    small.create_chain(&chain()).await.expect("made");
    let mut sources = [events(11), events(11)];
    let [source, _] = &mut sources;
    benches::fill(&small, None, source, 10_000).await;
    let journals = [&small, &large.journal];
    for (what, batches, size, rounds) in
        [("one at a time", 400, 1, 9), ("in batches of 1000", 4, BATCH, 9)]
    {
        let mut contest = Contest::new(rounds, &["10 k entries", "1 M entries"]);
        for turn in contest.turns() {
            let (Some(source), Some(journal)) = (sources.get_mut(turn), journals.get(turn)) else {
                continue;
            };
            let all: Vec<Vec<Event>> =
                (0..batches).map(|_| source.by_ref().take(size).collect()).collect();
            let work = async {
                for batch in all {
                    journal.append_batch(&chain(), batch).await.expect("appended");
                }
            };
            let ((), took) = timed(work).await;
            contest.record(turn, batches * size, took);
        }
        let ratios: Vec<f64> = contest.ratios(1, 0).iter().map(|ratio| 1.0 / ratio).collect();
        let measured = format!(
            "{:.1} µs an entry against {:.1} µs; CPU {:.1} µs against {:.1} µs",
            1e6 / contest.rate(1),
            1e6 / contest.rate(0),
            contest.cpu(1) * 1e6,
            contest.cpu(0) * 1e6
        );
        report.value(
            &format!("cost per append at 1 M entries of that at 10 k, {what}"),
            &measured,
            benches::median(&ratios),
            "×",
            Figure::AtMost(1.25),
        );
    }
    small.close().await;
}
