//! Beginning a transaction so that nobody's impatience can break a connection.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use sqlx::{Database, Pool, SqlSafeStr, Transaction};
use tokio::runtime::Handle;

type Begun<DB> = sqlx::Result<Transaction<'static, DB>>;

/// A transaction that is being begun: whoever asked may stop waiting at any point.
///
/// If the future of sqlx's own call is dropped while the answer is on its way, the connection goes back
/// to the pool inside of a transaction that nobody knows of: what is then written on it one by one is
/// never committed, and what is read may be of yesterday. Here what nobody waits for any more comes to
/// its end in a task of its own, and is rolled back.
pub(crate) struct Begin<DB: Database> {
    future: Option<Pin<Box<dyn Future<Output = Begun<DB>> + Send>>>,
}

/// Begins a transaction on a connection of the pool.
pub(crate) fn begin<DB: Database>(
    pool: &Pool<DB>,
    statement: impl SqlSafeStr + Send + 'static,
) -> Begin<DB> {
    let pool = pool.clone();
    Begin { future: Some(Box::pin(async move { pool.begin_with(statement).await })) }
}

impl<DB: Database> Future for Begin<DB> {
    type Output = Begun<DB>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else { return Poll::Pending };
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }
}

impl<DB: Database> Drop for Begin<DB> {
    fn drop(&mut self) {
        // A runtime that is gone takes its connections with it.
        if let (Some(future), Ok(runtime)) = (self.future.take(), Handle::try_current()) {
            drop(runtime.spawn(future));
        }
    }
}
