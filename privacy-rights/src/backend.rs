//! What the two databases do differently, behind one sealed trait, under the same file names.

#![allow(unnameable_types, reason = "what stands behind the sealed trait is not for naming")]

use std::future::Future;

use sqlx::{Database, SqlSafeStr, SqlStr};

pub(crate) mod catalogue;
pub(crate) mod error;
#[cfg(feature = "postgres")]
mod postgres;
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
pub trait Backend: sealed::Sealed + StatementSql + catalogue::CatalogueSql {}

#[cfg(feature = "postgres")]
impl Backend for sqlx::Postgres {}
#[cfg(feature = "sqlite")]
impl Backend for sqlx::Sqlite {}

/// Statements that both databases understand, with parameters `$1`, `$2`, each used once and in
/// their order.
pub trait StatementSql: Database {
    /// Runs a query.
    fn fetch(
        conn: &mut Self::Connection,
        sql: SqlStr,
        values: Vec<Value>,
    ) -> impl Future<Output = sqlx::Result<Vec<Fields>>> + Send;
}

/// A statement as it is written in the source.
pub(crate) fn fixed(sql: &'static str) -> SqlStr {
    sql.into_sql_str()
}
