//! Group commit: callers that wait at the same moment share one transaction and one fsync.

use std::sync::{Arc, PoisonError, RwLock};

use audit_core::ChainId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::append::AppendError;
use crate::append::commit::{Job, Outcome};
use crate::backend::Backend;
use crate::journal::{Journal, Store};
use crate::subject::Prepared;

/// A job, and whom to tell.
#[derive(Debug)]
pub(crate) struct Request {
    job: Job,
    reply: oneshot::Sender<Outcome>,
}

/// The way to the writer.
#[derive(Debug)]
pub(crate) struct Queue {
    sender: RwLock<Option<mpsc::Sender<Request>>>,
}

impl Queue {
    fn sender(&self) -> Result<mpsc::Sender<Request>, AppendError> {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        sender.clone().ok_or(AppendError::Closed)
    }

    /// Lets nobody in any more; what was accepted is still written.
    pub(crate) fn close(&self) {
        *self.sender.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Starts the writer: it ends when the queue is closed or dropped, after what was accepted.
pub(crate) fn start<DB: Backend>(store: &Arc<Store<DB>>) -> (Queue, JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel(store.options.queue);
    let writer = tokio::spawn(write(Arc::clone(store), receiver));
    (Queue { sender: RwLock::new(Some(sender)) }, writer)
}

async fn write<DB: Backend>(store: Arc<Store<DB>>, mut receiver: mpsc::Receiver<Request>) {
    let mut requests = Vec::new();
    while receiver.recv_many(&mut requests, store.options.batch).await > 0 {
        // What arrives while another writer has the turn comes along.
        let turn = store.turn().await;
        while requests.len() < store.options.batch
            && let Ok(request) = receiver.try_recv()
        {
            requests.push(request);
        }
        let (jobs, replies): (Vec<Job>, Vec<_>) =
            requests.drain(..).map(|request| (request.job, request.reply)).unzip();
        let outcomes = store.commit(jobs).await;
        drop(turn);
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            // Whoever no longer waits has dropped the call; the event is written all the same.
            let _nobody_waits = reply.send(outcome);
        }
    }
}

impl<DB: Backend> Journal<DB> {
    /// Hands a job in and waits for its fate; waits for room in the queue, too.
    pub(crate) async fn submit(&self, chain: &ChainId, events: Vec<Prepared>) -> Outcome {
        let sender = self.handle.queue.sender()?;
        let job = Job { chain: chain.clone(), events };
        // With nobody else about, the caller writes itself: handing over would cost more than it
        // saves. Dropped half-way, it is one transaction that commits or does not.
        if sender.capacity() == sender.max_capacity()
            && let Some(_turn) = self.store.try_turn()
        {
            return self.store.commit(vec![job]).await.pop().unwrap_or(Err(AppendError::Closed));
        }
        let (reply, outcome) = oneshot::channel();
        sender.send(Request { job, reply }).await.map_err(|_| AppendError::Closed)?;
        drop(sender);
        outcome.await.unwrap_or(Err(AppendError::Closed))
    }

    /// As [`submit`](Self::submit), but refuses where the queue is full.
    pub(crate) async fn try_submit(&self, chain: &ChainId, events: Vec<Prepared>) -> Outcome {
        let sender = self.handle.queue.sender()?;
        let job = Job { chain: chain.clone(), events };
        let (reply, outcome) = oneshot::channel();
        sender.try_send(Request { job, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Closed(_) => AppendError::Closed,
            mpsc::error::TrySendError::Full(_) => AppendError::QueueFull,
        })?;
        drop(sender);
        outcome.await.unwrap_or(Err(AppendError::Closed))
    }
}
