//! What the two databases do differently, behind one sealed trait, under the same file names.

#![allow(unnameable_types, reason = "what stands behind the sealed trait is not for naming")]

use std::future::Future;

use sqlx::{AssertSqlSafe, Database, SqlSafeStr, SqlStr};

pub(crate) mod catalogue;
pub(crate) mod error;
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
    sealed::Sealed + StatementSql + catalogue::CatalogueSql + source::SourceSql
{
}

#[cfg(feature = "postgres")]
impl Backend for sqlx::Postgres {}
#[cfg(feature = "sqlite")]
impl Backend for sqlx::Sqlite {}

/// Statements that both databases understand, with parameters `$1`, `$2`, each used once and in
/// their order.
pub trait StatementSql: Database {
    /// How this crate's own writing transactions begin.
    const BEGIN: &'static str;

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
