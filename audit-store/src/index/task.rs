//! The task that follows what is appended: it posts to the query index, and tells other processes
//! that there is something to read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::backend::Backend;
use crate::backend::index::ChainState;
use crate::index::handed::Handed;
use crate::index::poster::{PostError, post_chain};
use crate::index::segment::SEGMENT_ENTRIES;
use crate::journal::Store;
use crate::journal::task::{Background, Rested, Shared};
use crate::subject::Prepared;

/// While a chain keeps growing it is posted each time this many entries have come.
const ENOUGH: u64 = 4_096;

/// Once a journal has been quiet for so long, what is left is posted.
const QUIET: Duration = Duration::from_millis(250);

/// The task rests so long between two rounds, so that what is committed meanwhile is one round.
const PACE: Duration = Duration::from_millis(10);

/// What the appending side knows of the task: it tells what was appended, and when to end.
#[derive(Debug)]
pub(crate) struct Follower(Background<Growth>);

/// What each chain has got since it was posted last.
#[derive(Debug, Default)]
struct Growth(Mutex<HashMap<i64, Grown>>);

/// What one chain has got.
#[derive(Debug, Default)]
struct Grown {
    entries: u64,
    /// Events among them that need not be read back.
    handed: Handed,
}

impl Growth {
    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Grown>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The chains that are due, with how many entries they have got. They stay noted until they
    /// are posted.
    fn due(&self, quiet: bool) -> HashMap<i64, Grown> {
        let mut grown = self.lock();
        let due = grown.iter_mut().filter(|(_, grown)| quiet || grown.entries >= ENOUGH);
        due.map(|(chain, grown)| {
            let handed = std::mem::take(&mut grown.handed);
            (*chain, Grown { entries: grown.entries, handed })
        })
        .collect()
    }

    /// Strikes those entries off; what has come since stays noted.
    fn posted(&self, posted: HashMap<i64, Grown>) {
        let mut grown = self.lock();
        for (chain, mut posted) in posted {
            let Some(now) = grown.get_mut(&chain) else { continue };
            now.entries = now.entries.saturating_sub(posted.entries);
            if now.entries == 0 {
                grown.remove(&chain);
                continue;
            }
            // The last few are not a full run yet.
            posted.handed.join(std::mem::take(&mut now.handed));
            now.handed = posted.handed;
        }
    }
}

impl Follower {
    pub(crate) fn new() -> Self {
        Self(Background::new(Growth::default()))
    }

    /// Starts the task.
    pub(crate) fn start<DB: Backend>(store: &Arc<Store<DB>>) {
        store.follower.0.start(|shared| run(Arc::downgrade(store), shared));
    }

    /// Tells that entries of a chain were committed.
    pub(crate) fn grown(&self, chain: i64, entries: u64) {
        let mut grown = self.0.state().lock();
        let now = grown.entry(chain).or_default();
        now.entries = now.entries.saturating_add(entries);
        drop(grown);
        self.0.wake();
    }

    /// Gives events of a chain away that were committed from `first` on, so that they need not be
    /// read back.
    pub(crate) fn hand_over(&self, chain: i64, first: u64, events: Vec<Prepared>) {
        let mut grown = self.0.state().lock();
        if let Some(now) = grown.get_mut(&chain) {
            now.handed.push(first, events);
        }
    }

    /// Ends the task, after the round it is in.
    pub(crate) async fn end(&self) {
        self.0.end().await;
    }
}

/// Holds the journal only during a round, so that dropping all its handles ends it.
async fn run<DB: Backend>(store: Weak<Store<DB>>, shared: Arc<Shared<Growth>>) {
    // What an earlier process has left.
    if let Some(store) = store.upgrade() {
        let _done_by_a_later_round = post_all(&store).await;
    }
    loop {
        let woken = match shared.rest(QUIET).await {
            Rested::Ended => return,
            rested => rested == Rested::Woken,
        };
        let mut due = shared.state().due(!woken);
        if woken || !due.is_empty() {
            let Some(store) = store.upgrade() else { return };
            if woken {
                // A watcher that hears nothing looks by itself after a while.
                let _found_later = announce(&store).await;
            }
            // What fails stays due; who wants to know calls `post_index`, which returns it.
            if !due.is_empty() && post_due(&store, &mut due).await.is_ok() {
                shared.state().posted(due);
            }
        }
        if woken {
            tokio::time::sleep(PACE).await;
        }
    }
}

async fn announce<DB: Backend>(store: &Store<DB>) -> sqlx::Result<()> {
    if !DB::ANNOUNCES {
        return Ok(());
    }
    let mut conn = store.pool.acquire().await?;
    DB::announce(&mut conn, &store.schema).await
}

/// Posts what has grown.
async fn post_due<DB: Backend>(
    store: &Store<DB>,
    due: &mut HashMap<i64, Grown>,
) -> Result<(), PostError> {
    let chains: Vec<i64> = due.keys().copied().collect();
    for round in store.rounds_of(&chains).await? {
        for chain in behind(store, round.as_deref(), Some(&chains)).await? {
            if let Some(grown) = due.get_mut(&chain.id) {
                post_chain(store, round.as_deref(), chain, &mut grown.handed).await?;
            }
        }
    }
    Ok(())
}

/// Posts all chains. Returns how many entries were posted.
pub(super) async fn post_all<DB: Backend>(store: &Store<DB>) -> Result<u64, PostError> {
    let mut posted = 0_u64;
    for round in store.rounds().await? {
        for chain in behind(store, round.as_deref(), None).await? {
            // What the task was handed is not worth waiting for it.
            let mut nothing = Handed::default();
            let count = post_chain(store, round.as_deref(), chain, &mut nothing).await?;
            posted = posted.saturating_add(count);
        }
    }
    Ok(posted)
}

async fn behind<DB: Backend>(
    store: &Store<DB>,
    round: Option<&str>,
    chains: Option<&[i64]>,
) -> Result<Vec<ChainState>, PostError> {
    let mut reader = store.read_in(round).await?;
    Ok(DB::chains_behind(&mut reader, &store.schema, SEGMENT_ENTRIES, chains).await?)
}
