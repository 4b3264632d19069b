//! What verification alone reads.

use std::future::Future;

use audit_core::Timestamp;
use sqlx::{Database, Pool, Transaction};

use crate::backend::Schema;

/// Staged events that wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unsealed {
    /// How many.
    pub count: i64,
    /// When the oldest was staged.
    pub oldest: Option<Timestamp>,
}

/// What verification alone reads.
pub trait VerifySql: Database {
    /// How many connections more than it returns [`snapshots`](Self::snapshots) takes meanwhile.
    const SNAPSHOTS_NEED: usize;

    /// Begins `count` reading transactions that all see the same state of the database.
    fn snapshots(
        pool: &Pool<Self>,
        count: usize,
    ) -> impl Future<Output = sqlx::Result<Vec<Transaction<'static, Self>>>> + Send;

    /// The least chain id above `above` of which an entry, a disclosure, a tile or a checkpoint is
    /// stored, whether it has a head row or not.
    fn next_chain(
        conn: &mut Self::Connection,
        schema: &Schema,
        above: i64,
    ) -> impl Future<Output = sqlx::Result<Option<i64>>> + Send;

    /// The least seq from `from` on of which disclosures are stored.
    fn disclosed_from(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        from: i64,
    ) -> impl Future<Output = sqlx::Result<Option<i64>>> + Send;

    /// The first and the last of several entries under one event id, if there are such. None are
    /// looked for while the unique index that keeps them out is as it was made.
    fn repeated_id(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
    ) -> impl Future<Output = sqlx::Result<Option<(i64, i64)>>> + Send;

    /// The greatest seq that stands in a chain.
    fn last_seq(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
    ) -> impl Future<Output = sqlx::Result<Option<i64>>> + Send;

    /// The incarnations that a chain's checkpoints are filed under.
    fn incarnations(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<i64>>> + Send;

    /// What is staged for a chain and not sealed.
    fn unsealed(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
    ) -> impl Future<Output = sqlx::Result<Unsealed>> + Send;
}
