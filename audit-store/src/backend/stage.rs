//! The subject directory, and events that wait for the sequencer.

use std::future::Future;

use audit_core::ChainId;
use sqlx::Database;
use uuid::Uuid;

use crate::backend::Schema;

/// A staged event.
#[derive(Debug)]
pub struct StagedRow {
    /// Its place in the staging table.
    pub id: i64,
    /// The event's id.
    pub event_id: Uuid,
    /// The event's canonical text.
    pub body: String,
    /// Its disclosures, a JSON array of {"disclosure","subject"}.
    pub disclosures: String,
    /// Whether its `occurred_at` was set by staging.
    pub timed: bool,
}

/// A chain with staged events: surrogate id, tenant, series.
pub(crate) type StagedChain = (i64, String, String);

/// The subject directory, and events that wait for the sequencer.
pub trait StageSql: Database {
    /// The refs of those of the host's subjects that have one, host id first.
    fn subjects(
        conn: &mut Self::Connection,
        schema: &Schema,
        tenant: &str,
        hosts: &[String],
    ) -> impl Future<Output = sqlx::Result<Vec<(String, Vec<u8>)>>> + Send;

    /// Adds a subject; one that is there already stays.
    fn insert_subject(
        conn: &mut Self::Connection,
        schema: &Schema,
        tenant: &str,
        host: &str,
        subject: [u8; 16],
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Which of these refs belong to erased subjects.
    fn erased(
        conn: &mut Self::Connection,
        schema: &Schema,
        tenant: &str,
        refs: &[[u8; 16]],
    ) -> impl Future<Output = sqlx::Result<Vec<Vec<u8>>>> + Send;

    /// Stages an event.
    fn insert_staged(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: (i64, &ChainId),
        row: &StagedRow,
        at: i64,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// The chains that have staged events, in the order of their ids.
    fn staged_chains(
        conn: &mut Self::Connection,
        schema: &Schema,
    ) -> impl Future<Output = sqlx::Result<Vec<StagedChain>>> + Send;

    /// The oldest staged events of a chain: `place` is the chain and the id behind which they lie.
    fn staged(
        conn: &mut Self::Connection,
        schema: &Schema,
        place: (i64, i64),
        limit: usize,
    ) -> impl Future<Output = sqlx::Result<Vec<StagedRow>>> + Send;

    /// Removes staged events, whose entries stand by now.
    fn delete_staged(
        conn: &mut Self::Connection,
        schema: &Schema,
        ids: &[i64],
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}
