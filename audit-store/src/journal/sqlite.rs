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
use crate::journal::{Journal, JournalIdentity, Pools, identity};

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
        Self::create_in(own(connect, options), options).await
    }

    /// Opens the journal in the SQLite file `path`. Never creates a file, and leaves a file without
    /// a journal untouched.
    ///
    /// # Errors
    ///
    /// [`OpenError::NotFound`], [`OpenError::NotAJournal`], [`OpenError::SchemaTooNew`],
    /// [`OpenError::MigrationChanged`], [`OpenError::NameMismatch`], [`OpenError::KeyMismatch`],
    /// [`OpenError::Database`]; for reading only, [`OpenError::SchemaBehind`].
    pub async fn open(
        path: impl AsRef<Path> + Send,
        options: &JournalOptions,
    ) -> Result<Self, OpenError> {
        let path = path.as_ref();
        if options.read_only {
            let connect = Self::read_only_options(path).await?.busy_timeout(options.busy_timeout);
            let pool = readers(&connect, options);
            return Self::open_in(Pools { writer: pool.clone(), pool, given: false }, options)
                .await;
        }
        if !path.is_file() {
            return Err(OpenError::NotFound);
        }
        let connect = SqliteConnectOptions::new().filename(path);
        // A look without any setting of ours: switching a stranger's file to write-ahead logging
        // would change it.
        look(&connect).await?;
        Self::open_in(own(connect, options), options).await
    }

    /// Whose journal is in the SQLite file `path`. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`OpenError::NotFound`], [`OpenError::NotAJournal`], [`OpenError::SchemaTooNew`],
    /// [`OpenError::MigrationChanged`], [`OpenError::Database`].
    pub async fn identify(path: impl AsRef<Path> + Send) -> Result<JournalIdentity, OpenError> {
        look(&Self::read_only_options(path).await?).await
    }

    /// How to connect to the SQLite file `path` without the means to change it, for
    /// [`verify_pool`](crate::verify_pool) and the like. Works where the file and its folder cannot
    /// be written, too, unless there is a write-ahead log beside the file that says that somebody
    /// does.
    ///
    /// # Errors
    ///
    /// [`OpenError::NotFound`]; [`OpenError::NotAJournal`] where the file is no database;
    /// [`OpenError::Database`].
    pub async fn read_only_options(
        path: impl AsRef<Path> + Send,
    ) -> Result<SqliteConnectOptions, OpenError> {
        let path = path.as_ref();
        if !path.is_file() {
            return Err(OpenError::NotFound);
        }
        let connect = SqliteConnectOptions::new().filename(path).read_only(true);
        match readable(&connect).await {
            Ok(()) => Ok(connect),
            // SQLite wants to write beside the file, unless it is told that nobody else does.
            Err(_) if !has_log(path) => {
                let connect = connect.immutable(true);
                readable(&connect).await.map_err(not_a_database)?;
                Ok(connect)
            }
            Err(error) => Err(not_a_database(error)),
        }
    }

    /// Opens the journal in the host's own SQLite database, over the host's pool. Shared
    /// transactions run on that pool; the journal's own writes have two connections of their own to
    /// the same file.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn from_pool(pool: SqlitePool, options: &JournalOptions) -> Result<Self, OpenError> {
        let writer = if options.read_only { pool.clone() } else { writer_of(&pool, options) };
        Self::open_in(Pools { pool, writer, given: true }, options).await
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
        let writer = writer_of(&pool, options);
        Self::create_in(Pools { pool, writer, given: true }, options).await
    }
}

/// Whose journal it is, by a connection that is closed again.
async fn look(connect: &SqliteConnectOptions) -> Result<JournalIdentity, OpenError> {
    let mut conn = connect.connect().await.map_err(not_a_database)?;
    let identity = identity::<Sqlite>(&mut conn, &Schema::default()).await;
    let _closing_a_reader_loses_nothing = conn.close().await;
    identity.map_err(not_a_journal)
}

/// Whether anything can be read: connecting alone reads nothing.
async fn readable(connect: &SqliteConnectOptions) -> sqlx::Result<()> {
    let mut conn = connect.connect().await?;
    let read = sqlx::query("SELECT 1 FROM sqlite_schema LIMIT 1").fetch_optional(&mut conn).await;
    let _closing_a_reader_loses_nothing = conn.close().await;
    read.map(drop)
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).exists()
}

fn own(connect: SqliteConnectOptions, options: &JournalOptions) -> Pools<Sqlite> {
    let connect = set(connect, options);
    Pools { pool: readers(&connect, options), writer: writer(connect), given: false }
}

fn writer_of(pool: &SqlitePool, options: &JournalOptions) -> SqlitePool {
    writer(set((*pool.connect_options()).clone(), options).create_if_missing(false))
}

/// The settings of the journal's own connections.
fn set(connect: SqliteConnectOptions, options: &JournalOptions) -> SqliteConnectOptions {
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
