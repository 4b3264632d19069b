//! Beginning a transaction so that nobody's impatience can break a connection.

use sqlx::{Database, Pool, SqlSafeStr, Transaction};

/// Begins a transaction on a connection of the pool, in a task of its own: whoever asked may stop
/// waiting at any point.
///
/// If the future of sqlx's own call is dropped while the answer is on its way, the connection goes back
/// to the pool inside of a transaction that nobody knows of: what is then written on it one by one is
/// never committed, and what is read may be of yesterday. Here the transaction comes to be in any
/// case, and is rolled back where nobody takes it.
pub(crate) async fn begin<DB: Database>(
    pool: &Pool<DB>,
    statement: impl SqlSafeStr + Send + 'static,
) -> sqlx::Result<Transaction<'static, DB>> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(statement).await });
    // Only a runtime that is shutting down ends the task before.
    begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}
