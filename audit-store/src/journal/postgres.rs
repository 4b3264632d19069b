//! Opening a journal in a PostgreSQL database.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, Postgres};

use crate::error::OpenError;
use crate::journal::Journal;
use crate::journal::options::JournalOptions;

impl Journal<Postgres> {
    /// Makes a journal in the database at `url`, in the schema of the options, which is created
    /// where it is missing.
    ///
    /// # Errors
    ///
    /// [`OpenError::AlreadyExists`] where there is a journal already, [`OpenError::NoSigner`]
    /// without a signer, [`OpenError::SchemaName`]; nothing was changed then.
    /// [`OpenError::Database`].
    pub async fn create(url: &str, options: &JournalOptions) -> Result<Self, OpenError> {
        let connect = reachable(url).await?;
        Self::create_in(readers(&connect, options), writer(connect), options).await
    }

    /// Opens the journal in the database at `url`.
    ///
    /// # Errors
    ///
    /// [`OpenError::NotAJournal`], [`OpenError::SchemaTooNew`], [`OpenError::MigrationChanged`],
    /// [`OpenError::NameMismatch`], [`OpenError::KeyMismatch`], [`OpenError::SchemaName`],
    /// [`OpenError::Database`].
    pub async fn open(url: &str, options: &JournalOptions) -> Result<Self, OpenError> {
        let connect = reachable(url).await?;
        Self::open_in(readers(&connect, options), writer(connect), options).await
    }

    /// Opens the journal in the host's own database, over the host's pool. Shared transactions run
    /// on that pool; the journal's own writes have up to three connections of their own.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn from_pool(pool: PgPool, options: &JournalOptions) -> Result<Self, OpenError> {
        let connect = (*pool.connect_options()).clone();
        Self::open_in(pool, writer(connect), options).await
    }

    /// Makes a journal in the host's own database, over the host's pool, see
    /// [`from_pool`](Self::from_pool).
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub async fn create_in_pool(pool: PgPool, options: &JournalOptions) -> Result<Self, OpenError> {
        let connect = (*pool.connect_options()).clone();
        Self::create_in(pool, writer(connect), options).await
    }
}

/// The address, after one connection to it. A pool would try again and again for half a minute
/// where a server refuses.
async fn reachable(url: &str) -> Result<PgConnectOptions, OpenError> {
    let connect: PgConnectOptions = url.parse()?;
    connect.connect().await?.close().await?;
    Ok(connect)
}

fn readers(connect: &PgConnectOptions, options: &JournalOptions) -> PgPool {
    PgPoolOptions::new().max_connections(options.connections).connect_lazy_with(connect.clone())
}

/// The writer's connection, and two for the sequencer, the index and the publisher, so that nobody
/// waits for another. Single statements commit by themselves there, so the isolation is the session's.
fn writer(connect: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(3)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .test_before_acquire(false)
        .after_connect(|conn, _| {
            Box::pin(async move {
                conn.execute("SET default_transaction_isolation TO 'read committed'").await?;
                Ok(())
            })
        })
        .connect_lazy_with(connect)
}
