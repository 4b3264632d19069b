//! The task that follows what is appended: it posts to the query index, and tells other processes
//! that there is something to read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::backend::Backend;
use crate::index::poster::{PostError, post_chain};
use crate::index::segment::SEGMENT_ENTRIES;
use crate::journal::Store;

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
    /// How many entries each chain has got since it was posted last.
    grown: Mutex<HashMap<i64, u64>>,
}

impl Shared {
    /// The chains that are due, with how many entries they have got. They stay noted until they
    /// are posted.
    fn due(&self, quiet: bool) -> HashMap<i64, u64> {
        let grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        let due = grown.iter().filter(|(_, entries)| quiet || **entries >= ENOUGH);
        due.map(|(chain, entries)| (*chain, *entries)).collect()
    }

    /// Strikes those entries off; what has come since stays noted.
    fn posted(&self, posted: &HashMap<i64, u64>) {
        let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        grown.retain(|chain, entries| {
            *entries = entries.saturating_sub(posted.get(chain).copied().unwrap_or(0));
            *entries > 0
        });
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
        let count = grown.entry(chain).or_default();
        *count = count.saturating_add(entries);
        drop(grown);
        self.shared.wake.notify_one();
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
        let _done_by_a_later_round = post(&store, None).await;
    }
    loop {
        let woken = tokio::time::timeout(QUIET, shared.wake.notified()).await.is_ok();
        if shared.ended.load(Ordering::Acquire) {
            return;
        }
        let due = shared.due(!woken);
        if woken || !due.is_empty() {
            let Some(store) = store.upgrade() else { return };
            if woken {
                // A watcher that hears nothing looks by itself after a while.
                let _found_later = announce(&store).await;
            }
            // What fails stays due; who wants to know calls `post_index`, which returns it.
            let chains: Vec<i64> = due.keys().copied().collect();
            if !chains.is_empty() && post(&store, Some(&chains)).await.is_ok() {
                shared.posted(&due);
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

/// Posts some chains, or all. Returns how many entries were posted.
pub(super) async fn post<DB: Backend>(
    store: &Store<DB>,
    chains: Option<&[i64]>,
) -> Result<u64, PostError> {
    let mut reader = store.pool.acquire().await?;
    let behind = DB::chains_behind(&mut reader, &store.schema, SEGMENT_ENTRIES, chains).await?;
    drop(reader);
    let mut posted = 0_u64;
    for chain in behind {
        posted = posted.saturating_add(post_chain(store, chain).await?);
    }
    Ok(posted)
}
