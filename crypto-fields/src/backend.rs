//! What the two databases do differently, behind one sealed trait: statements and values here, the
//! rows of a host's tables under the same file names in both.

#![allow(unnameable_types, reason = "what stands behind the sealed trait is not for naming")]

pub(crate) mod begin;
pub(crate) mod error;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
pub(crate) mod value;

use std::future::Future;

use sqlx::{AssertSqlSafe, Database, SqlSafeStr, SqlStr};

use value::{Fields, Value};

mod sealed {
    pub trait Sealed {}
    #[cfg(feature = "postgres")]
    impl Sealed for sqlx::Postgres {}
    #[cfg(feature = "sqlite")]
    impl Sealed for sqlx::Sqlite {}
}

/// A database that keys and sealed values are kept in: `sqlx::Sqlite` or `sqlx::Postgres`.
///
/// Sealed: how they are stored is this crate's own business.
pub trait Backend: sealed::Sealed + StatementSql + RewriteSql {}

#[cfg(feature = "postgres")]
impl Backend for sqlx::Postgres {}
#[cfg(feature = "sqlite")]
impl Backend for sqlx::Sqlite {}

/// One migration: its number, its name, its SQL.
pub(crate) type Migration = (i64, &'static str, &'static str);

/// Statements that both databases understand, with parameters `$1`, `$2`, each used once and in
/// their order.
pub trait StatementSql: Database {
    /// The migrations, oldest first.
    const MIGRATIONS: &'static [Migration];

    /// How this crate's own writing transactions begin.
    const BEGIN: &'static str;

    /// What the migrations' table is made by.
    const MIGRATION_TABLE: &'static str;

    /// Whether a table of migrations is there.
    const HAS_MIGRATION_TABLE: &'static str;

    /// Takes the lock that keeps two processes from migrating at once, until the transaction ends.
    fn lock_migrations(
        conn: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Has what is overwritten in this connection's next statements wiped from the file, as far as
    /// the database can.
    fn wipe_what_is_overwritten(
        conn: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Runs the statements of a migration.
    fn run_script(
        conn: &mut Self::Connection,
        script: &'static str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Runs a statement; how many rows it changed.
    fn execute(
        conn: &mut Self::Connection,
        sql: SqlStr,
        values: Vec<Value>,
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// Runs a query.
    fn fetch(
        conn: &mut Self::Connection,
        sql: SqlStr,
        values: Vec<Value>,
    ) -> impl Future<Output = sqlx::Result<Vec<Fields>>> + Send;
}

/// A row of a host's table that is to hold another value, if it still holds the old one.
#[derive(Debug)]
pub struct Change {
    /// Its key.
    pub(crate) key: Value,
    /// What was read.
    pub(crate) old: Value,
    /// What is to be there.
    pub(crate) new: Value,
    /// The blind index, if there is a column of it.
    pub(crate) index: Option<Vec<u8>>,
}

/// The statement that rewrites rows of a host's table.
#[derive(Debug)]
pub struct Relation {
    /// The table, quoted.
    pub(crate) table: String,
    /// The key column, quoted.
    pub(crate) key: String,
    /// The sealed column, quoted.
    pub(crate) sealed: String,
    /// The column of the blind index, quoted.
    pub(crate) index: Option<String>,
}

/// Rewriting many rows with few statements.
pub trait RewriteSql: Database {
    /// How many rows are read and rewritten at a time.
    const BATCH: usize;

    /// What a query for rows to rewrite ends with, if rows that somebody else holds are passed by.
    const SKIP_LOCKED: Option<&'static str>;

    /// Compare-and-swap of many rows; how many still held the old value.
    fn rewrite(
        conn: &mut Self::Connection,
        relation: &Relation,
        changes: Vec<Change>,
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;
}

/// A statement made of our own text, quoted names that were checked, and numbers of parameters.
pub(crate) fn trusted(sql: String) -> SqlStr {
    AssertSqlSafe(sql).into_sql_str()
}

/// A statement as it is written in the source.
pub(crate) fn fixed(sql: &'static str) -> SqlStr {
    sql.into_sql_str()
}
