//! What the two databases do differently, behind one sealed trait, under the same file names.

#![allow(unnameable_types, reason = "what stands behind the sealed trait is not for naming")]

use std::future::Future;

use sqlx::{AssertSqlSafe, Database, SqlSafeStr, SqlStr};

pub(crate) mod begin;
pub(crate) mod catalogue;
#[cfg(feature = "postgres")]
mod postgres;
pub(crate) mod source;
#[cfg(feature = "sqlite")]
mod sqlite;
pub(crate) mod value;

use value::{Fields, Value};

mod sealed {
    pub trait Sealed {}
    #[cfg(feature = "postgres")]
    impl Sealed for sqlx::Postgres {}
    #[cfg(feature = "sqlite")]
    impl Sealed for sqlx::Sqlite {}
}

/// A database in which personal data, requests and registers are kept: `sqlx::Sqlite` or
/// `sqlx::Postgres`.
///
/// Sealed: how they are stored is this crate's own business.
pub trait Backend:
    sealed::Sealed + audit_store::Backend + StatementSql + catalogue::CatalogueSql + source::SourceSql
{
}

#[cfg(feature = "postgres")]
impl Backend for sqlx::Postgres {}
#[cfg(feature = "sqlite")]
impl Backend for sqlx::Sqlite {}

/// One migration: its number, its name, its SQL.
pub(crate) type Migration = (i64, &'static str, &'static str);

/// Statements that both databases understand, with parameters `$1`, `$2`, each used once and in
/// their order.
pub trait StatementSql: Database {
    /// How this crate's own writing transactions begin.
    const BEGIN_RIGHTS: &'static str;

    /// The migrations, oldest first.
    const RIGHTS_MIGRATIONS: &'static [Migration];

    /// What the migrations' table is made by.
    const RIGHTS_MIGRATION_TABLE: &'static str;

    /// Whether a table of migrations is there.
    const HAS_RIGHTS_MIGRATION_TABLE: &'static str;

    /// Takes the lock that keeps two processes from migrating at once, until the transaction ends.
    fn lock_rights_migrations(
        conn: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Runs the statements of a migration.
    fn run_script(
        conn: &mut Self::Connection,
        script: &'static str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Has what is overwritten in this connection's next statements wiped from the file, as far as
    /// the database can.
    fn wipe_what_is_overwritten(
        conn: &mut Self::Connection,
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

/// A statement made of our own text, and of quoted names that were checked and that the database's
/// catalogue holds.
pub(crate) fn trusted(sql: String) -> SqlStr {
    AssertSqlSafe(sql).into_sql_str()
}

/// A statement as it is written in the source.
pub(crate) fn fixed(sql: &'static str) -> SqlStr {
    sql.into_sql_str()
}
