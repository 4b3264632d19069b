//! Plans of tenants, schedules of chains, and the leaving of records.

use std::future::Future;
use std::ops::RangeInclusive;

use sqlx::Database;

use crate::backend::Schema;

/// A `journal.pruned` entry that was just written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PruningRow {
    /// Its seq.
    pub seq: i64,
    /// The first seq that may go.
    pub after: i64,
    /// The seq below which records may go.
    pub before: i64,
}

/// Plans of tenants, schedules of chains, and the leaving of records.
pub trait RetentionSql: Database {
    /// The plan of a tenant.
    fn plan(
        conn: &mut Self::Connection,
        schema: &Schema,
        tenant: &str,
    ) -> impl Future<Output = sqlx::Result<Option<String>>> + Send;

    /// Remembers the plan of a tenant.
    fn set_plan(
        conn: &mut Self::Connection,
        schema: &Schema,
        tenant: &str,
        plan: &str,
        since: i64,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Where the schedule entries of a chain stand, ascending.
    fn schedule_seqs(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<i64>>> + Send;

    /// Notes a schedule entry of a chain (its id and tenant), which stands.
    fn note_schedule(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: (i64, &str),
        seq: i64,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// When the newest entry of a tenant was sealed.
    fn newest_at(
        conn: &mut Self::Connection,
        schema: &Schema,
        tenant: &str,
    ) -> impl Future<Output = sqlx::Result<Option<i64>>> + Send;

    /// The last entry that stands with `first <= seq < end`.
    fn last_standing(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        first: i64,
        end: i64,
    ) -> impl Future<Output = sqlx::Result<Option<i64>>> + Send;

    /// Removes the records of some runs with their private fields, under a pruning that was written
    /// in the same transaction. Returns how many records there were. The database refuses what the
    /// pruning does not cover.
    fn remove(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: (i64, &str),
        pruning: PruningRow,
        runs: &[RangeInclusive<u64>],
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;
}
