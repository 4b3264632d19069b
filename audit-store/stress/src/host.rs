//! The host's side of a shared transaction: one ordinary table of its own beside the journal's.

use std::future::Future;

use audit_store::{Backend, Journal, JournalOptions, OpenError};
use sqlx::{Pool, Postgres, Sqlite, Transaction};

/// What a host does that embeds the journal, per database.
pub trait Host: Backend {
    /// Makes the journal and the host's table.
    fn create(
        url: &str,
        options: &JournalOptions,
    ) -> impl Future<Output = Result<Journal<Self>, OpenError>> + Send;

    /// Opens the journal.
    fn open(
        url: &str,
        options: &JournalOptions,
    ) -> impl Future<Output = Result<Journal<Self>, OpenError>> + Send;

    /// Begins a transaction of the host's own, the way a careful host does.
    fn begin_host(
        pool: &Pool<Self>,
        serializable: bool,
    ) -> impl Future<Output = sqlx::Result<Transaction<'static, Self>>> + Send;

    /// The business change: one order, keyed by the id of the event that tells of it.
    fn insert_order(
        tx: &mut Transaction<'static, Self>,
        id: &str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// The ids of all orders.
    fn orders(pool: &Pool<Self>) -> impl Future<Output = sqlx::Result<Vec<String>>> + Send;

    /// The event ids of the entries of chain 1 in the order of their seqs, as written in the
    /// entries themselves, with their actions.
    fn entries(
        pool: &Pool<Self>,
    ) -> impl Future<Output = sqlx::Result<Vec<(i64, String, String)>>> + Send;
}

fn path(url: &str) -> &str {
    url.strip_prefix("sqlite:").unwrap_or(url)
}

impl Host for Sqlite {
    async fn create(url: &str, options: &JournalOptions) -> Result<Journal<Self>, OpenError> {
        let journal = Journal::<Self>::create(path(url), options).await?;
        sqlx::query("CREATE TABLE host_order (id TEXT PRIMARY KEY)")
            .execute(journal.pool())
            .await?;
        Ok(journal)
    }

    async fn open(url: &str, options: &JournalOptions) -> Result<Journal<Self>, OpenError> {
        Journal::<Self>::open(path(url), options).await
    }

    async fn begin_host(
        pool: &Pool<Self>,
        _serializable: bool,
    ) -> sqlx::Result<Transaction<'static, Self>> {
        // SQLite has one isolation level, serializable; IMMEDIATE because the transaction writes.
        pool.begin_with("BEGIN IMMEDIATE").await
    }

    async fn insert_order(tx: &mut Transaction<'static, Self>, id: &str) -> sqlx::Result<()> {
        sqlx::query("INSERT INTO host_order (id) VALUES (?1)")
            .bind(id)
            .execute(&mut **tx)
            .await
            .map(drop)
    }

    async fn orders(pool: &Pool<Self>) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar("SELECT id FROM host_order").fetch_all(pool).await
    }

    async fn entries(pool: &Pool<Self>) -> sqlx::Result<Vec<(i64, String, String)>> {
        sqlx::query_as("SELECT seq, id, action FROM audit_event ORDER BY seq").fetch_all(pool).await
    }
}

impl Host for Postgres {
    async fn create(url: &str, options: &JournalOptions) -> Result<Journal<Self>, OpenError> {
        let journal = Journal::<Self>::create(url, options).await?;
        sqlx::query("CREATE TABLE host_order (id text PRIMARY KEY)")
            .execute(journal.pool())
            .await?;
        Ok(journal)
    }

    async fn open(url: &str, options: &JournalOptions) -> Result<Journal<Self>, OpenError> {
        Journal::<Self>::open(url, options).await
    }

    async fn begin_host(
        pool: &Pool<Self>,
        serializable: bool,
    ) -> sqlx::Result<Transaction<'static, Self>> {
        pool.begin_with(if serializable { "BEGIN ISOLATION LEVEL SERIALIZABLE" } else { "BEGIN" })
            .await
    }

    async fn insert_order(tx: &mut Transaction<'static, Self>, id: &str) -> sqlx::Result<()> {
        sqlx::query("INSERT INTO host_order (id) VALUES ($1)")
            .bind(id)
            .execute(&mut **tx)
            .await
            .map(drop)
    }

    async fn orders(pool: &Pool<Self>) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar("SELECT id FROM host_order").fetch_all(pool).await
    }

    async fn entries(pool: &Pool<Self>) -> sqlx::Result<Vec<(i64, String, String)>> {
        sqlx::query_as("SELECT seq, id::text, action FROM audit.event ORDER BY seq")
            .fetch_all(pool)
            .await
    }
}
