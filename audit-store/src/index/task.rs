//! The task that follows what is appended: it posts to the query index, and tells other processes
//! that there is something to read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::backend::Backend;
use crate::backend::index::ChainState;
use crate::index::handed::Handed;
use crate::index::poster::{PostError, post_chain};
use crate::index::segment::SEGMENT_ENTRIES;
use crate::journal::Store;
use crate::subject::Prepared;

/// While a chain keeps growing it is posted each time this many entries have come.
const ENOUGH: u64 = 4_096;

/// Once a journal has been quiet for so long, what is left is posted.
const QUIET: Duration = Duration::from_millis(250);

/// The task rests so long between two rounds, so that what is committed meanwhile is one round.
const PACE: Duration = Duration::from_millis(10);

/// What the appending side knows of the task: it tells what was appended, and when to end.
#[derive(Debug)]
pub(crate) struct Follower {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    wake: Notify,
    ended: AtomicBool,
    grown: Mutex<HashMap<i64, Grown>>,
}

/// What a chain has got since it was posted last.
#[derive(Debug, Default)]
struct Grown {
    entries: u64,
    /// Events among them that need not be read back.
    handed: Handed,
}

impl Shared {
    /// The chains that are due, with how many entries they have got. They stay noted until they
    /// are posted.
    fn due(&self, quiet: bool) -> HashMap<i64, Grown> {
        let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        let due = grown.iter_mut().filter(|(_, grown)| quiet || grown.entries >= ENOUGH);
        due.map(|(chain, grown)| {
            let handed = std::mem::take(&mut grown.handed);
            (*chain, Grown { entries: grown.entries, handed })
        })
        .collect()
    }

    /// Strikes those entries off; what has come since stays noted.
    fn posted(&self, posted: HashMap<i64, Grown>) {
        let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
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
        Self { shared: Arc::default(), task: Mutex::new(None) }
    }

    /// Starts the task.
    pub(crate) fn start<DB: Backend>(store: &Arc<Store<DB>>) {
        let task = tokio::spawn(run(Arc::downgrade(store), Arc::clone(&store.follower.shared)));
        *store.follower.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// Tells that entries of a chain were committed.
    pub(crate) fn grown(&self, chain: i64, entries: u64) {
        let mut grown = self.shared.grown.lock().unwrap_or_else(PoisonError::into_inner);
        let now = grown.entry(chain).or_default();
        now.entries = now.entries.saturating_add(entries);
        drop(grown);
        self.shared.wake.notify_one();
    }

    /// Gives events of a chain away that were committed from `first` on, so that they need not be
    /// read back.
    pub(crate) fn hand_over(&self, chain: i64, first: u64, events: Vec<Prepared>) {
        let mut grown = self.shared.grown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(now) = grown.get_mut(&chain) {
            now.handed.push(first, events);
        }
    }

    /// Ends the task, after the round it is in.
    pub(crate) async fn end(&self) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.wake.notify_one();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // A task that panicked has ended too.
            let _ended = task.await;
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.wake.notify_one();
    }
}

/// Holds the journal only during a round, so that dropping all its handles ends it.
async fn run<DB: Backend>(store: Weak<Store<DB>>, shared: Arc<Shared>) {
    // What an earlier process has left.
    if let Some(store) = store.upgrade() {
        let _done_by_a_later_round = post_all(&store).await;
    }
    loop {
        let woken = tokio::time::timeout(QUIET, shared.wake.notified()).await.is_ok();
        if shared.ended.load(Ordering::Acquire) {
            return;
        }
        let mut due = shared.due(!woken);
        if woken || !due.is_empty() {
            let Some(store) = store.upgrade() else { return };
            if woken {
                // A watcher that hears nothing looks by itself after a while.
                let _found_later = announce(&store).await;
            }
            // What fails stays due; who wants to know calls `post_index`, which returns it.
            if !due.is_empty() && post_due(&store, &mut due).await.is_ok() {
                shared.posted(due);
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
    for chain in behind(store, Some(&chains)).await? {
        if let Some(grown) = due.get_mut(&chain.id) {
            post_chain(store, chain, &mut grown.handed).await?;
        }
    }
    Ok(())
}

/// Posts all chains. Returns how many entries were posted.
pub(super) async fn post_all<DB: Backend>(store: &Store<DB>) -> Result<u64, PostError> {
    let mut posted = 0_u64;
    for chain in behind(store, None).await? {
        // What the task was handed is not worth waiting for it.
        let count = post_chain(store, chain, &mut Handed::default()).await?;
        posted = posted.saturating_add(count);
    }
    Ok(posted)
}

async fn behind<DB: Backend>(
    store: &Store<DB>,
    chains: Option<&[i64]>,
) -> Result<Vec<ChainState>, PostError> {
    let mut reader = store.pool.acquire().await?;
    Ok(DB::chains_behind(&mut reader, &store.schema, SEGMENT_ENTRIES, chains).await?)
}
