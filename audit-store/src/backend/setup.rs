//! Creating and opening: migrations, and the one row that says whose journal it is.

use std::future::Future;

use sqlx::Database;

use crate::backend::Schema;
use crate::migrate::MigrationText;

/// The row of the table `journal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRow {
    /// The journal's name.
    pub name: String,
    /// Its verifier key.
    pub key: String,
}

/// A migration's number and checksum.
pub(crate) type Applied = (i64, Vec<u8>);

/// Creating and opening.
pub trait SetupSql: Database {
    /// The migrations, oldest first.
    const MIGRATIONS: &'static [MigrationText];

    /// How this crate's own writing transactions begin.
    const BEGIN: &'static str;

    /// Takes the lock that keeps two processes from migrating at once, until the transaction ends.
    fn lock_migrations(
        conn: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Makes the table of migrations where it is missing.
    fn ensure_migrations(
        conn: &mut Self::Connection,
        schema: &Schema,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Which migrations were applied, each with its checksum; nothing where there is no such table.
    fn applied_migrations(
        conn: &mut Self::Connection,
        schema: &Schema,
    ) -> impl Future<Output = sqlx::Result<Option<Vec<Applied>>>> + Send;

    /// Applies one and notes it.
    fn apply_migration(
        conn: &mut Self::Connection,
        schema: &Schema,
        migration: &MigrationText,
        now: i64,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// The journal's row.
    fn journal_row(
        conn: &mut Self::Connection,
        schema: &Schema,
    ) -> impl Future<Output = sqlx::Result<Option<JournalRow>>> + Send;

    /// Writes the journal's row.
    fn insert_journal_row(
        conn: &mut Self::Connection,
        schema: &Schema,
        row: &JournalRow,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}
