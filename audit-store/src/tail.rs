//! Following the tail: a stream of entries as they are appended, by whatever process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use audit_core::ChainId;
use futures_core::Stream;
use futures_util::future::{Either, select};
use tokio::sync::{Mutex, watch};

use crate::backend::{Backend, integer};
use crate::journal::{Journal, Store};
use crate::query::{QueryError, StoredEntry};

/// How many entries a tail reads, and holds in memory, at a time.
const READ: u64 = 256;

/// How the tails of one process learn of commits: of its own at once, of other processes' through
/// one connection that all of them share. Whichever of them waits drives it.
#[derive(Debug)]
pub(crate) struct TailHub<DB: Backend> {
    commits: watch::Sender<u64>,
    closed: AtomicBool,
    watcher: Mutex<Option<DB::Watcher>>,
}

impl<DB: Backend> Default for TailHub<DB> {
    fn default() -> Self {
        Self {
            commits: watch::Sender::new(0),
            closed: AtomicBool::new(false),
            watcher: Mutex::new(None),
        }
    }
}

impl<DB: Backend> TailHub<DB> {
    /// Tells that something was committed.
    pub(crate) fn grown(&self) {
        self.commits.send_modify(|commits| *commits = commits.wrapping_add(1));
    }

    /// Ends all tails, and gives the connection back.
    pub(crate) async fn end(&self) {
        self.closed.store(true, Ordering::Release);
        self.grown();
        *self.watcher.lock().await = None;
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Waits until something may have been committed since `seen` was last updated.
    async fn wait(&self, store: &Store<DB>, seen: &mut watch::Receiver<u64>) -> sqlx::Result<()> {
        let committed_here = std::pin::pin!(seen.changed());
        let committed_anywhere = std::pin::pin!(self.watch(store));
        match select(committed_here, committed_anywhere).await {
            Either::Left(_) => Ok(()),
            Either::Right((heard, _)) => heard,
        }
    }

    async fn watch(&self, store: &Store<DB>) -> sqlx::Result<()> {
        let mut watcher = self.watcher.lock().await;
        if self.is_closed() {
            return Ok(());
        }
        if let Some(watching) = watcher.as_mut() {
            if let Err(error) = DB::changed(watching).await {
                *watcher = None;
                return Err(error);
            }
        } else {
            // What was committed before it watches is found by looking once more.
            *watcher = Some(DB::watch(&store.pool, &store.schema).await?);
        }
        drop(watcher);
        self.grown();
        Ok(())
    }
}

/// One tail.
struct Tail<DB: Backend> {
    journal: Journal<DB>,
    chain: ChainId,
    /// The seq after the last one that was read.
    next: u64,
    seen: watch::Receiver<u64>,
    read: std::vec::IntoIter<StoredEntry>,
}

impl<DB: Backend> Tail<DB> {
    async fn next(&mut self) -> Result<Option<StoredEntry>, QueryError> {
        let store = Arc::clone(&self.journal.store);
        loop {
            if let Some(entry) = self.read.next() {
                return Ok(Some(entry));
            }
            if store.tail.is_closed() {
                return Ok(None);
            }
            self.seen.mark_unchanged();
            let waited = match self.fill(&store).await {
                Ok(true) => Ok(()),
                Ok(false) => {
                    store.tail.wait(&store, &mut self.seen).await.map_err(QueryError::from)
                }
                Err(error) => Err(error),
            };
            match waited {
                // Cut off by the closing.
                Err(_) if store.tail.is_closed() => return Ok(None),
                waited => waited?,
            }
        }
    }

    /// Reads what is there. `false` where there is nothing new.
    async fn fill(&mut self, store: &Store<DB>) -> Result<bool, QueryError> {
        let mut conn = store.read(self.chain.tenant()).await?;
        let state = DB::chain_state(&mut conn, &store.schema, &self.chain).await?;
        let state = state.ok_or(QueryError::UnknownChain)?;
        if state.size <= self.next {
            return Ok(false);
        }
        let end = std::cmp::min(state.size, self.next.saturating_add(READ));
        let (first, last) = (integer(self.next), integer(end));
        let page = DB::packed_entries(&mut conn, &store.schema, state.id, first, last).await?;
        let entries = page
            .texts()
            .map(|entry| entry.map(|(seq, body)| StoredEntry::new(seq, body.to_owned())))
            .collect::<Result<Vec<_>, _>>()?;
        self.next = end;
        self.read = entries.into_iter();
        Ok(true)
    }
}

impl<DB: Backend> Drop for Tail<DB> {
    /// The last one gives the shared connection back.
    fn drop(&mut self) {
        let hub = &self.journal.store.tail;
        if hub.commits.receiver_count() <= 1
            && let Ok(mut watcher) = hub.watcher.try_lock()
        {
            *watcher = None;
        }
    }
}

impl<DB: Backend> Journal<DB> {
    /// Follows a chain: all standing entries from `from` on in order, and then those to come, by
    /// whatever process they are appended.
    ///
    /// The stream holds at most 256 entries and never ends by itself, but with
    /// [`close`](Self::close). To go on after an interruption, start from the last seq read plus
    /// one: nothing is skipped, since a chain has no gaps and an entry is readable as soon as its
    /// seq is. What was pruned is passed over.
    ///
    /// All tails of a journal share one connection while they wait. Commits of this process are
    /// seen at once. Those of others are found on SQLite by polling `PRAGMA data_version` twenty
    /// times a second, and on PostgreSQL through `LISTEN`, at the latest after a second.
    ///
    /// # Errors
    ///
    /// [`QueryError::UnknownChain`], [`QueryError::Database`]; the stream ends with the error.
    pub fn tail(
        &self,
        chain: &ChainId,
        from: u64,
    ) -> impl Stream<Item = Result<StoredEntry, QueryError>> + Send + use<DB> {
        let tail = Tail {
            journal: self.clone(),
            chain: chain.clone(),
            next: from,
            seen: self.store.tail.commits.subscribe(),
            read: Vec::new().into_iter(),
        };
        futures_util::stream::try_unfold(tail, |mut tail| async move {
            Ok(tail.next().await?.map(|entry| (entry, tail)))
        })
    }
}
