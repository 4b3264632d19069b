//! An event and a statement of the host's in one transaction.

use std::time::{Duration, Instant};

use audit_core::Event;
use audit_store::{Journal, JournalTx, Ticket};
use benches::{Contest, Engine, Figure, PlainRow, PlainTable, Report, chain, timed};
use test_support::{Synthetic, TestDatabase};

use crate::single::all;
use crate::world::{World, size};

fn nameless(seed: u64, count: usize) -> Vec<Event> {
    Synthetic::new(seed).nameless().take(count).map(|event| event.expect("right")).collect()
}

/// A row of the host's table, another one each time.
fn account(n: usize) -> i64 {
    i64::try_from(n * 7 % 1_000).expect("small")
}

/// Both worlds with a table of the host's own.
async fn world<E: Engine>() -> World<E> {
    let world = World::<E>::new(10_000, 1).await;
    for pool in [&world.plain, &world.place.pool(1).await] {
        let mut conn = pool.acquire().await.expect("free");
        E::host_table(&mut conn).await;
    }
    world
}

async fn plain<E: Engine>(world: &World<E>, rows: &[PlainRow]) {
    for (n, row) in rows.iter().enumerate() {
        let mut tx = E::begin(&world.plain).await;
        E::host_statement(&mut tx, account(n)).await;
        E::plain_insert_one(&mut tx, PlainTable::Bare, row).await;
        tx.commit().await.expect("committed");
    }
}

/// `JournalTx` with one statement and one event against the host's transaction with a plain INSERT.
pub(crate) async fn transaction<E: Engine>(report: &mut Report) {
    let world = world::<E>().await;
    let count = size("BENCH_APPENDS", 60);
    let names = ["JournalTx", "host's transaction with a plain INSERT"];
    let mut contest = Contest::new(size("BENCH_ROUNDS", 41), &names);
    for (round, turn) in (100..).zip(contest.turns()) {
        let events = nameless(round, count);
        let took = if turn == 0 {
            timed(journal_tx::<E>(&world.journal, events)).await.1
        } else {
            let rows: Vec<PlainRow> = events.iter().map(PlainRow::of).collect();
            timed(plain(&world, &rows)).await.1
        };
        contest.record(turn, count, took);
    }
    let what = "`JournalTx` with one statement and one event";
    report.ratio(what, &contest, 0, 1, Figure::AtLeast(0.7));
    world.journal.close().await;
}

async fn journal_tx<E: Engine>(journal: &Journal<E::Db>, events: Vec<Event>) {
    let chain = chain();
    for (n, event) in events.into_iter().enumerate() {
        let mut tx: JournalTx<E::Db> = journal.begin().await.expect("begun");
        E::host_statement(&mut tx, account(n)).await;
        tx.record(&chain, event).await.expect("recorded");
        tx.commit().await.expect("committed");
    }
}

async fn staging<E: Engine>(journal: &Journal<E::Db>, events: Vec<Event>) -> Option<Ticket<E::Db>> {
    let chain = chain();
    let mut last = None;
    for (n, event) in events.into_iter().enumerate() {
        let mut tx = E::begin(journal.pool()).await;
        E::host_statement(&mut tx, account(n)).await;
        last = Some(journal.stage(&mut tx, &chain, event).await.expect("staged"));
        tx.commit().await.expect("committed");
    }
    last
}

/// `stage` in the host's transaction against the plain INSERT, with the sequencer at work beside
/// it; and how far the sequencer is behind sixteen writers.
pub(crate) async fn stage<E: Engine>(report: &mut Report) {
    let world = world::<E>().await;
    let count = size("BENCH_APPENDS", 60);
    let names = ["stage", "host's transaction with a plain INSERT"];
    let mut contest = Contest::new(size("BENCH_ROUNDS", 41), &names);
    for (round, turn) in (100..).zip(contest.turns()) {
        let events = nameless(round, count);
        let took = if turn == 0 {
            let (last, took) = timed(staging::<E>(&world.journal, events)).await;
            // What is left to be sealed must not be done at the floor's expense.
            last.expect("some").sealed().await.expect("sealed");
            took
        } else {
            let rows: Vec<PlainRow> = events.iter().map(PlainRow::of).collect();
            timed(plain(&world, &rows)).await.1
        };
        contest.record(turn, count, took);
    }
    report.ratio("`stage`", &contest, 0, 1, Figure::AtLeast(0.85));
    behind::<E>(&world, report).await;
    world.journal.close().await;
}

/// Sixteen tasks stage as fast as they can; one in a hundred events says how long it waited.
async fn behind<E: Engine>(world: &World<E>, report: &mut Report) {
    let each = size("BENCH_EACH", 500);
    let shares: Vec<_> = (5_000..5_016).map(|seed| nameless(seed, each)).collect();
    let waits = std::sync::Arc::new(std::sync::Mutex::new(Vec::<Duration>::new()));
    let start = Instant::now();
    let work = |events: Vec<Event>| {
        let (journal, waits) = (world.journal.clone(), std::sync::Arc::clone(&waits));
        async move {
            let chain = chain();
            let mut asked = Vec::new();
            for (n, event) in events.into_iter().enumerate() {
                let mut tx = E::begin(journal.pool()).await;
                E::host_statement(&mut tx, account(n)).await;
                let ticket = journal.stage(&mut tx, &chain, event).await.expect("staged");
                tx.commit().await.expect("committed");
                if n % 100 == 99 {
                    let (committed, waits) = (Instant::now(), std::sync::Arc::clone(&waits));
                    asked.push(tokio::spawn(async move {
                        ticket.sealed().await.expect("sealed");
                        waits.lock().expect("sound").push(committed.elapsed());
                    }));
                }
            }
            for ticket in asked {
                ticket.await.expect("ended well");
            }
        }
    };
    all(shares, work).await;
    let all_sealed = start.elapsed().as_secs_f64();
    let mut waits = waits.lock().expect("sound").clone();
    waits.sort();
    let seconds = |at: usize| waits.get(at).copied().unwrap_or_default().as_secs_f64();
    let count = f64::from(u32::try_from(16 * each).expect("few"));
    let measured = format!(
        "{:.0} staged and sealed a second; half wait less than {:.3} s",
        count / all_sealed,
        seconds(waits.len() / 2)
    );
    let what = "the sequencer behind 16 writers: the longest wait to be sealed";
    report.value(what, &measured, seconds(waits.len() - 1), "s", Figure::AtMost(1.0));
}
