//! Journals and ordinary tables that several rows share.

use std::sync::Arc;

use audit_core::{Event, ManualClock, Timestamp};
use audit_store::Journal;
use benches::{Engine, PlainRow, PlainTable, chain, fill, journal_options, timed};
use sqlx::Pool;
use test_support::{Synthetic, TestDatabase};

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

/// A number of the measurement, from the environment where it is set there.
pub(crate) fn size(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Synthetic events of the seed; without ids of the host's unless `named`.
pub(crate) fn events(seed: u64) -> impl Iterator<Item = Event> {
    Synthetic::new(seed).map(|event| event.expect("within the limits"))
}

/// A journal and an ordinary table with the same events, in databases of their own.
pub(crate) struct World<E: Engine> {
    pub(crate) place: E::Place,
    pub(crate) journal: Journal<E::Db>,
    pub(crate) plain: Pool<E::Db>,
    _plain_place: E::Place,
    pub(crate) entries: usize,
}

impl<E: Engine> World<E> {
    /// A journal of so many entries, by the journal's own clock.
    pub(crate) async fn new(entries: usize, connections: u32) -> Self {
        let (place, plain_place) = (E::Place::fresh().await, E::Place::fresh().await);
        let journal = E::create(&place, &journal_options()).await;
        journal.create_chain(&chain()).await.expect("made");
        let plain = plain_place.pool(connections).await;
        E::plain_create(&plain).await;
        let mut all = events(1);
        fill(&journal, None, &mut all, entries).await;
        Self { place, journal, plain, _plain_place: plain_place, entries }
    }

    /// A journal of a million entries that were sealed when they happened, every tenth with private
    /// fields, and the ordinary table of the same events with B-trees on actor, target, action and
    /// time, made when all rows stood in it and so as dense as they get.
    pub(crate) async fn million() -> Self {
        let entries = size("BENCH_MILLION", 1_000_000);
        eprintln!("{}: filling a journal of {entries} entries", E::NAME);
        let (place, plain_place) = (E::Place::fresh().await, E::Place::fresh().await);
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let options = journal_options().clock(Arc::<ManualClock>::clone(&clock));
        let journal = E::create(&place, &options).await;
        journal.create_chain(&chain()).await.expect("made");
        let source = || Synthetic::new(1).private_every(10).map(|event| event.expect("right"));
        let (_, took) = timed(fill(&journal, Some(&clock), &mut source(), entries)).await;
        journal.post_index().await.expect("posted");
        journal.checkpoint(&chain()).await.expect("signed");
        eprintln!("  {:.1?}; and the ordinary table", took.wall);
        let plain = plain_place.pool(4).await;
        E::plain_create(&plain).await;
        let mut rows = source().take(entries).map(|event| PlainRow::of(&event));
        loop {
            let batch: Vec<PlainRow> = rows.by_ref().take(1_000).collect();
            if batch.is_empty() {
                break;
            }
            E::plain_insert_many(&plain, PlainTable::Indexed, &batch).await;
        }
        E::plain_index(&plain, true).await;
        Self { place, journal, plain, _plain_place: plain_place, entries }
    }
}
