//! One event at a time: from one task, and from sixty-four.

use std::sync::Arc;

use audit_core::Event;
use audit_store::Journal;
use benches::{Contest, Engine, Figure, PlainRow, PlainTable, Report, chain, timed};
use sqlx::pool::PoolConnection;
use test_support::Synthetic;
use tokio::sync::Mutex;

use crate::world::{World, size};

/// Events to which the journal gives the id, which is what a host mostly wants.
fn nameless(seed: u64, count: usize) -> Vec<Event> {
    Synthetic::new(seed).nameless().take(count).map(|event| event.expect("right")).collect()
}

fn rows(seed: u64, count: usize) -> Vec<PlainRow> {
    nameless(seed, count).iter().map(PlainRow::of).collect()
}

/// `append` from one task against the plain INSERT that commits by itself.
pub(crate) async fn single<E: Engine>(report: &mut Report) {
    let world = World::<E>::new(10_000, 1).await;
    E::plain_index(&world.plain, false).await;
    let mut conn = world.plain.acquire().await.expect("free");
    let appends = size("BENCH_APPENDS", 60);
    let mut contest = Contest::new(
        size("BENCH_ROUNDS", 61),
        &["append", "plain INSERT", "plain INSERT, three B-trees"],
    );
    for (round, turn) in (100..).zip(contest.turns()) {
        let took = if turn == 0 {
            let events = nameless(round, appends);
            let work = async {
                for event in events {
                    world.journal.append(&chain(), event).await.expect("appended");
                }
            };
            timed(work).await.1
        } else {
            let table = if turn == 1 { PlainTable::Bare } else { PlainTable::Indexed };
            let rows = rows(round, appends);
            let work = async {
                for row in &rows {
                    E::plain_insert_one(&mut conn, table, row).await;
                }
            };
            timed(work).await.1
        };
        contest.record(turn, appends, took);
    }
    report.ratio("`append` from one task", &contest, 0, 1, Figure::AtLeast(0.8));
    let what = "the same against the table with three B-trees";
    report.ratio(what, &contest, 0, 2, Figure::Shown);
    world.journal.close().await;
}

/// `append` from 64 tasks against as many tasks of plain INSERTs that commit by themselves.
pub(crate) async fn tasks<E: Engine>(report: &mut Report) {
    const TASKS: u64 = 64;
    let world = World::<E>::new(10_000, E::PLAIN_CONNECTIONS).await;
    let mut connections = Vec::new();
    for _ in 0..E::PLAIN_CONNECTIONS {
        let connection = world.plain.acquire().await.expect("free");
        connections.push(Arc::new(Mutex::new(connection)));
    }
    let each = size("BENCH_EACH", 30);
    let names = ["append", "plain INSERT"];
    let mut contest = Contest::new(size("BENCH_ROUNDS", 15), &names);
    let count = each * usize::try_from(TASKS).expect("few");
    for (round, turn) in (1_000..).zip(contest.turns()) {
        let seeds = (0..TASKS).map(|task| round * TASKS + task);
        let took = if turn == 0 {
            let shares: Vec<_> = seeds.map(|seed| nameless(seed, each)).collect();
            timed(all(shares, |share| append_all(world.journal.clone(), share))).await.1
        } else {
            let connections = connections.iter().cycle().map(Arc::clone);
            let shares: Vec<_> = seeds.map(|seed| rows(seed, each)).zip(connections).collect();
            timed(all(shares, |(share, connection)| insert_all::<E>(connection, share))).await.1
        };
        contest.record(turn, count, took);
    }
    let least = if E::PLAIN_CONNECTIONS == 1 { 5.0 } else { 2.5 };
    report.ratio("`append` from 64 tasks", &contest, 0, 1, Figure::AtLeast(least));
    world.journal.close().await;
}

async fn append_all<DB: audit_store::Backend>(journal: Journal<DB>, events: Vec<Event>) {
    let chain = chain();
    for event in events {
        journal.append(&chain, event).await.expect("appended");
    }
}

/// One of the connections that the tasks share, evenly.
type Shared<DB> = Arc<Mutex<PoolConnection<DB>>>;

async fn insert_all<E: Engine>(connection: Shared<E::Db>, rows: Vec<PlainRow>) {
    for row in &rows {
        E::plain_insert_one(&mut *connection.lock().await, PlainTable::Bare, row).await;
    }
}

/// A task for each share, all at once.
pub(crate) async fn all<T, F>(shares: Vec<T>, work: impl Fn(T) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let tasks: Vec<_> = shares.into_iter().map(|share| tokio::spawn(work(share))).collect();
    for task in tasks {
        task.await.expect("ended well");
    }
}
