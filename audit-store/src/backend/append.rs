//! Writing entries and moving heads.

use std::future::Future;

use audit_core::ChainId;
use sqlx::Database;
use uuid::Uuid;

use crate::append::transaction::Isolation;
use crate::backend::Schema;
use crate::backend::rows::{ChainRow, TileRow};

/// A head's way from one state to the next.
#[derive(Debug)]
pub struct Move<'a> {
    /// The chain's surrogate id.
    pub chain: i64,
    /// Its tenant.
    pub tenant: &'a str,
    /// The size it must have.
    pub size: i64,
    /// The head it must have.
    pub head: [u8; 32],
    /// Its size afterwards.
    pub new_size: i64,
    /// Its head afterwards.
    pub new_head: [u8; 32],
    /// Its compact range afterwards.
    pub range: Vec<u8>,
    /// When its newest entry was sealed.
    pub at: i64,
    /// Its newest reserved entry.
    pub control: Option<i64>,
    /// The tiles that are filled thereby.
    pub tiles: Vec<TileRow>,
}

/// An entry to be written; its seq follows from its place among the others.
#[derive(Debug)]
pub struct EntryRow {
    /// The event's id.
    pub id: Uuid,
    /// The canonical bytes.
    pub body: String,
}

/// The disclosures of one subject of one entry, to be written.
#[derive(Debug)]
pub struct NewDisclosures {
    /// The entry's seq.
    pub seq: i64,
    /// The subject's ref.
    pub subject: [u8; 16],
    /// JSON array.
    pub items: String,
}

/// An entry that stands: seq, id, body.
pub(crate) type Standing = (i64, Uuid, String);

/// Writing entries and moving heads. Numbers and hashes go in and out as the database keeps them.
pub trait AppendSql: Database {
    /// How many entries [`write`](Self::write) commits in one atomic statement where no transaction
    /// is open.
    const ALONE: usize;

    /// Whether a transaction that others were in the way of is worth repeating at once. Not where
    /// the database has waited for them already.
    const RETRIES_BUSY: bool;

    /// Whether a transaction that writes excludes all others from the beginning.
    const WRITES_ALONE: bool;

    /// How a transaction that is shared with the host begins.
    fn begin(isolation: Isolation) -> &'static str;

    /// Whether a transaction under that isolation commits by staging.
    fn stages(isolation: Isolation) -> bool;

    /// The surrogate id of a chain.
    fn find_chain(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: &ChainId,
    ) -> impl Future<Output = sqlx::Result<Option<i64>>> + Send;

    /// Makes an empty chain; nothing where it is there already.
    fn insert_chain(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: &ChainId,
        at: i64,
    ) -> impl Future<Output = sqlx::Result<Option<i64>>> + Send;

    /// A head, locked until the transaction ends. On SQLite the transaction is immediate and so
    /// has locked everything.
    fn lock_head(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
    ) -> impl Future<Output = sqlx::Result<Option<ChainRow>>> + Send;

    /// Whether entries may be sealed in the transaction that is open: not under a snapshot that
    /// hides what others have appended since. Checks deferred constraints, too.
    fn ready_to_seal(
        conn: &mut Self::Connection,
        schema: &Schema,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// Moves the head and writes the entries and tiles; false, and nothing done, where the head is not as
    /// expected.
    fn write(
        conn: &mut Self::Connection,
        schema: &Schema,
        step: &Move<'_>,
        rows: Vec<EntryRow>,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// [`ready_to_seal`](Self::ready_to_seal) and [`write`](Self::write) in one call; nothing where
    /// the transaction is not ready.
    fn write_if_ready(
        conn: &mut Self::Connection,
        schema: &Schema,
        step: &Move<'_>,
        rows: Vec<EntryRow>,
    ) -> impl Future<Output = sqlx::Result<Option<bool>>> + Send;

    /// Writes disclosures.
    fn insert_disclosures(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        tenant: &str,
        rows: Vec<NewDisclosures>,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// The standing entries from seq `first` up to and not including `end`, in order.
    fn standing(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        first: i64,
        end: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<Standing>>> + Send;

    /// The standing entries that carry one of these event ids.
    fn standing_by_id(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        ids: &[Uuid],
    ) -> impl Future<Output = sqlx::Result<Vec<Standing>>> + Send;
}
