//! A task that works for an open journal in the background: how it starts and how it ends.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A task and what it shares with the rest of the journal. It ends when this is dropped or ended,
/// after the round it is in.
#[derive(Debug)]
pub(crate) struct Background<S> {
    shared: Arc<Shared<S>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the task and the rest of the journal share.
#[derive(Debug)]
pub(crate) struct Shared<S> {
    state: S,
    wake: Notify,
    ended: AtomicBool,
}

impl<S> Background<S> {
    pub(crate) fn new(state: S) -> Self {
        let shared = Shared { state, wake: Notify::new(), ended: AtomicBool::new(false) };
        Self { shared: Arc::new(shared), task: Mutex::default() }
    }

    /// Starts the task on the current runtime.
    pub(crate) fn start<F>(&self, run: impl FnOnce(Arc<Shared<S>>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = tokio::spawn(run(Arc::clone(&self.shared)));
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    pub(crate) fn state(&self) -> &S {
        &self.shared.state
    }

    /// Lets the task begin its next round at once.
    pub(crate) fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// Ends the task and waits for it.
    pub(crate) async fn end(&self) {
        self.tell_to_end();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // A task that panicked has ended too.
            let _ended = task.await;
        }
    }

    fn tell_to_end(&self) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.wake.notify_one();
    }
}

impl<S> Drop for Background<S> {
    fn drop(&mut self) {
        self.tell_to_end();
    }
}

/// Why a task's rest was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rested {
    /// There is something to do.
    Woken,
    /// The time is over.
    Late,
    /// The task is to end.
    Ended,
}

impl<S> Shared<S> {
    pub(crate) const fn state(&self) -> &S {
        &self.state
    }

    /// What the task does between its rounds.
    pub(crate) async fn rest(&self, at_most: Duration) -> Rested {
        let woken = tokio::time::timeout(at_most, self.wake.notified()).await.is_ok();
        if self.ended.load(Ordering::Acquire) {
            Rested::Ended
        } else if woken {
            Rested::Woken
        } else {
            Rested::Late
        }
    }
}
