//! The task that signs and publishes in the background.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::backend::Backend;
use crate::journal::Store;
use crate::journal::task::{Background, Rested, Shared};

use super::outbox::sign_due;

/// What the appending side knows of the task: it tells how much was appended, and when to end.
///
/// The state is how many entries were appended through this handle since the last round.
#[derive(Debug)]
pub(crate) struct Publisher(Background<AtomicU64>);

impl Publisher {
    pub(crate) fn new() -> Self {
        Self(Background::new(AtomicU64::new(0)))
    }

    /// Starts the task, where there is something for it to do.
    pub(crate) fn start<DB: Backend>(store: &Arc<Store<DB>>) {
        let options = &store.options;
        if options.signer.is_none() && options.sinks.is_empty() && options.witnesses.is_empty() {
            return;
        }
        let interval = options.checkpoint_interval;
        store.publisher.0.start(|shared| run(Arc::downgrade(store), shared, interval));
    }

    /// Tells that entries were committed; wakes the task where enough were for a checkpoint.
    pub(crate) fn grown(&self, entries: u64, enough: u64) {
        let before = self.0.state().fetch_add(entries, Ordering::Relaxed);
        if before.saturating_add(entries) >= enough {
            self.0.wake();
        }
    }

    /// Ends the task, after the round it is in.
    pub(crate) async fn end(&self) {
        self.0.end().await;
    }
}

/// Holds the journal only during a round, so that dropping all its handles ends it.
async fn run<DB: Backend>(
    store: Weak<Store<DB>>,
    shared: Arc<Shared<AtomicU64>>,
    interval: Duration,
) {
    while shared.rest(interval).await != Rested::Ended {
        shared.state().store(0, Ordering::Relaxed);
        let Some(store) = store.upgrade() else { return };
        // What failed is due again in the next round; who wants to know asks `maintain`,
        // `checkpoint` or `publish`, which return it.
        let _reported_elsewhere = sign_due(&store).await;
    }
}
