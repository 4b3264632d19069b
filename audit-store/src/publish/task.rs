//! The task that signs and publishes in the background.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::backend::Backend;
use crate::journal::Store;

use super::outbox::sign_due;

/// What the appending side knows of the task: it tells how much was appended, and when to end.
#[derive(Debug)]
pub(crate) struct Publisher {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    wake: Notify,
    ended: AtomicBool,
    /// Entries appended through this handle since the last round.
    grown: AtomicU64,
}

impl Publisher {
    pub(crate) fn new() -> Self {
        Self { shared: Arc::default(), task: Mutex::new(None) }
    }

    /// Starts the task, where there is something for it to do.
    pub(crate) fn start<DB: Backend>(store: &Arc<Store<DB>>) {
        let options = &store.options;
        if options.signer.is_none() && options.sinks.is_empty() {
            return;
        }
        let shared = Arc::clone(&store.publisher.shared);
        let interval = options.checkpoint_interval;
        let task = tokio::spawn(run(Arc::downgrade(store), shared, interval));
        *store.publisher.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// Tells that entries were committed; wakes the task where enough were for a checkpoint.
    pub(crate) fn grown(&self, entries: u64, enough: u64) {
        let before = self.shared.grown.fetch_add(entries, Ordering::Relaxed);
        if before.saturating_add(entries) >= enough {
            self.shared.wake.notify_one();
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

impl Drop for Publisher {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.wake.notify_one();
    }
}

/// Holds the journal only during a round, so that dropping all its handles ends it.
async fn run<DB: Backend>(store: Weak<Store<DB>>, shared: Arc<Shared>, interval: Duration) {
    loop {
        let _woken_or_late = tokio::time::timeout(interval, shared.wake.notified()).await;
        if shared.ended.load(Ordering::Acquire) {
            return;
        }
        shared.grown.store(0, Ordering::Relaxed);
        let Some(store) = store.upgrade() else { return };
        // What failed is due again in the next round; who wants to know asks `maintain`,
        // `checkpoint` or `publish`, which return it.
        let _reported_elsewhere = sign_due(&store).await;
    }
}
