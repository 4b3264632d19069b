//! Opening a journal in a PostgreSQL database.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Postgres};

use crate::backend::Schema;
use crate::error::OpenError;
use crate::journal::options::JournalOptions;
use crate::journal::{Journal, JournalIdentity, Pools, identity};

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
        Self::create_in(own(connect, options), options).await
    }

    /// Opens the journal in the database at `url`.
    ///
    /// # Errors
    ///
    /// [`OpenError::NotAJournal`], [`OpenError::SchemaTooNew`], [`OpenError::MigrationChanged`],
    /// [`OpenError::NameMismatch`], [`OpenError::KeyMismatch`], [`OpenError::SchemaName`],
    /// [`OpenError::Database`]; for reading only, [`OpenError::SchemaBehind`].
    pub async fn open(url: &str, options: &JournalOptions) -> Result<Self, OpenError> {
        let connect = reachable(url).await?;
        if options.read_only {
            let pool = readers(&connect, options, &["SET default_transaction_read_only TO on"]);
            return Self::open_in(Pools { writer: pool.clone(), pool, given: false }, options)
                .await;
        }
        Self::open_in(own(connect, options), options).await
    }

    /// Opens the journal in the host's own database, over the host's pool. Shared transactions run
    /// on that pool; the journal's own writes have up to three connections of their own.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn from_pool(pool: PgPool, options: &JournalOptions) -> Result<Self, OpenError> {
        let writer = if options.read_only { pool.clone() } else { writer_of(&pool) };
        Self::open_in(Pools { pool, writer, given: true }, options).await
    }

    /// Makes a journal in the host's own database, over the host's pool, see
    /// [`from_pool`](Self::from_pool).
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub async fn create_in_pool(pool: PgPool, options: &JournalOptions) -> Result<Self, OpenError> {
        let writer = writer_of(&pool);
        Self::create_in(Pools { pool, writer, given: true }, options).await
    }

    /// Whose journal is in the database at `url`, in the schema of that name. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`OpenError::NotAJournal`], [`OpenError::SchemaTooNew`], [`OpenError::MigrationChanged`],
    /// [`OpenError::SchemaName`], [`OpenError::Database`].
    pub async fn identify(url: &str, schema: &str) -> Result<JournalIdentity, OpenError> {
        let schema = Schema::new(schema)?;
        let connect: PgConnectOptions = url.parse()?;
        let mut conn = connect.connect().await?;
        let identity = identity::<Postgres>(&mut conn, &schema).await;
        let _nothing_is_open_that_could_be_lost = conn.close().await;
        identity
    }
}

/// The address, after one connection to it. A pool would try again and again for half a minute
/// where a server refuses.
async fn reachable(url: &str) -> Result<PgConnectOptions, OpenError> {
    let connect: PgConnectOptions = url.parse()?;
    connect.connect().await?.close().await?;
    Ok(connect)
}

fn own(connect: PgConnectOptions, options: &JournalOptions) -> Pools<Postgres> {
    Pools { pool: readers(&connect, options, &[]), writer: writer(connect), given: false }
}

fn writer_of(pool: &PgPool) -> PgPool {
    writer((*pool.connect_options()).clone())
}

/// Each connection begins with these settings.
fn readers(
    connect: &PgConnectOptions,
    options: &JournalOptions,
    settings: &'static [&'static str],
) -> PgPool {
    PgPoolOptions::new()
        .max_connections(options.connections)
        .after_connect(move |conn, _| Box::pin(set(conn, settings)))
        .connect_lazy_with(connect.clone())
}

async fn set(conn: &mut PgConnection, settings: &[&'static str]) -> sqlx::Result<()> {
    for setting in settings {
        conn.execute(*setting).await?;
    }
    Ok(())
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
            Box::pin(set(conn, &["SET default_transaction_isolation TO 'read committed'"]))
        })
        .connect_lazy_with(connect)
}
