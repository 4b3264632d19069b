//! The connection that appends.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sqlx::pool::PoolConnection;
use sqlx::{Connection, Database, Pool};

/// The connection that appends, kept from one transaction to the next. Given back to its pool it
/// would be asked for a sign of life each time, which costs as much as writing one event.
///
/// Whoever writes takes it out, and puts it back only after all went well: one that a dropped call
/// or an error has left in doubt goes to the pool, which looks at it.
#[derive(Debug)]
pub(crate) struct Kept<DB: Database>(Mutex<Slot<DB>>);

#[derive(Debug)]
struct Slot<DB: Database> {
    conn: Option<PoolConnection<DB>>,
    closed: bool,
}

impl<DB: Database> Kept<DB> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Slot { conn: None, closed: false }))
    }

    fn slot(&self) -> MutexGuard<'_, Slot<DB>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kept connection, or one of the pool where somebody else has it.
    pub(crate) async fn take(&self, pool: &Pool<DB>) -> sqlx::Result<PoolConnection<DB>> {
        let kept = self.slot().conn.take();
        match kept {
            Some(conn) => Ok(conn),
            None => pool.acquire().await,
        }
    }

    /// Keeps a connection that is as good as it was.
    pub(crate) fn put_back(&self, conn: PoolConnection<DB>) {
        let mut slot = self.slot();
        if !slot.closed && slot.conn.is_none() {
            slot.conn = Some(conn);
        }
    }

    /// Closes the connection, and keeps none any more.
    pub(crate) async fn close(&self) {
        let conn = {
            let mut slot = self.slot();
            slot.closed = true;
            slot.conn.take()
        };
        if let Some(conn) = conn {
            // Nothing is open on it that could be lost.
            let _closed = conn.detach().close().await;
        }
    }
}

impl<DB: Database> Drop for Kept<DB> {
    fn drop(&mut self) {
        if let Some(conn) = self.slot().conn.take() {
            // Going back to the pool takes a runtime, which may have ended.
            drop(conn.detach());
        }
    }
}
