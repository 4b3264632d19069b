//! The keys that sign checkpoints.

use std::future::Future;

use sqlx::Database;

use crate::backend::Schema;

/// A key besides the journal's first one, or the first one once it is retired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// The verifier key.
    pub key: String,
    /// When it was added, in microseconds; nothing for the first one.
    pub added: Option<i64>,
    /// When every chain had a checkpoint by an older key over its addition.
    pub covered: Option<i64>,
    /// When it was retired.
    pub retired: Option<i64>,
}

/// The keys that sign checkpoints.
pub trait KeySql: Database {
    /// Lets no chain be made and no other key change before the transaction ends; `shared` only lets
    /// no key change.
    fn lock_keys(
        conn: &mut Self::Connection,
        schema: &Schema,
        shared: bool,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// All rows, in the order they were added.
    fn keys(
        conn: &mut Self::Connection,
        schema: &Schema,
    ) -> impl Future<Output = sqlx::Result<Vec<KeyRow>>> + Send;

    /// Adds a row, or fills in what an existing one lacks.
    fn set_key(
        conn: &mut Self::Connection,
        schema: &Schema,
        row: &KeyRow,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}
