//! Opening a journal in a SQLite file.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Sqlite};

use crate::backend::Schema;
use crate::error::OpenError;
use crate::journal::options::JournalOptions;
use crate::journal::{Journal, state};
use crate::migrate::State;

impl Journal<Sqlite> {
    /// Makes a journal in the SQLite file `path`, which is created where it is missing; a file of
    /// the host's own tables will do as well.
    ///
    /// The file is set to write-ahead logging; the journal's connections run with
    /// `synchronous = FULL`, `secure_delete` and foreign keys on.
    ///
    /// # Errors
    ///
    /// [`OpenError::AlreadyExists`] where there is a journal already, [`OpenError::NoSigner`]
    /// without a signer; nothing was changed then. [`OpenError::Database`].
    pub async fn create(
        path: impl AsRef<Path> + Send,
        options: &JournalOptions,
    ) -> Result<Self, OpenError> {
        if options.signer.is_none() {
            return Err(OpenError::NoSigner);
        }
        let connect = SqliteConnectOptions::new().filename(path.as_ref()).create_if_missing(true);
        let connect = own(connect, options);
        Self::create_in(readers(&connect, options), writer(connect), options).await
    }

    /// Opens the journal in the SQLite file `path`. Never creates a file, and leaves a file without
    /// a journal untouched.
    ///
    /// # Errors
    ///
    /// [`OpenError::NotFound`], [`OpenError::NotAJournal`], [`OpenError::SchemaTooNew`],
    /// [`OpenError::MigrationChanged`], [`OpenError::NameMismatch`], [`OpenError::KeyMismatch`],
    /// [`OpenError::Database`].
    pub async fn open(
        path: impl AsRef<Path> + Send,
        options: &JournalOptions,
    ) -> Result<Self, OpenError> {
        let path = path.as_ref();
        if !path.is_file() {
            return Err(OpenError::NotFound);
        }
        let connect = SqliteConnectOptions::new().filename(path);
        // A look without any setting of ours: switching a stranger's file to write-ahead logging
        // would change it.
        let mut conn = match connect.connect().await {
            Ok(conn) => conn,
            Err(error) => return Err(not_a_database(error)),
        };
        let state = state::<Sqlite>(&mut conn, &Schema::default()).await;
        let _closing_a_reader_loses_nothing = conn.close().await;
        if let State::None = state.map_err(not_a_journal)? {
            return Err(OpenError::NotAJournal);
        }
        let connect = own(connect, options);
        Self::open_in(readers(&connect, options), writer(connect), options).await
    }

    /// Opens the journal in the host's own SQLite database, over the host's pool. Shared
    /// transactions run on that pool; the journal's own writes have two connections of their own to
    /// the same file.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn from_pool(pool: SqlitePool, options: &JournalOptions) -> Result<Self, OpenError> {
        let connect = own((*pool.connect_options()).clone(), options).create_if_missing(false);
        Self::open_in(pool, writer(connect), options).await
    }

    /// Makes a journal in the host's own SQLite database, over the host's pool, see
    /// [`from_pool`](Self::from_pool).
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub async fn create_in_pool(
        pool: SqlitePool,
        options: &JournalOptions,
    ) -> Result<Self, OpenError> {
        let connect = own((*pool.connect_options()).clone(), options).create_if_missing(false);
        Self::create_in(pool, writer(connect), options).await
    }
}

/// The settings of the journal's own connections.
fn own(connect: SqliteConnectOptions, options: &JournalOptions) -> SqliteConnectOptions {
    connect
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        .pragma("secure_delete", "ON")
}

fn readers(connect: &SqliteConnectOptions, options: &JournalOptions) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(options.connections)
        .connect_lazy_with(connect.clone().create_if_missing(false))
}

/// The writer's connection, and one for the sequencer, the index and the publisher. They take
/// turns, so neither ever waits for the other's lock.
fn writer(connect: SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(2)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .test_before_acquire(false)
        .connect_lazy_with(connect)
}

fn not_a_database(error: sqlx::Error) -> OpenError {
    not_a_journal(error.into())
}

/// A file that is no database holds no journal either.
fn not_a_journal(error: OpenError) -> OpenError {
    match error {
        OpenError::Database(error)
            if error.kind() == crate::error::DatabaseErrorKind::NotADatabase =>
        {
            OpenError::NotAJournal
        }
        error => error,
    }
}
