//! Reading in bulk, for verification: many rows packed into one by the query, since a driver's
//! work for each row would cost more than all the hashing.

use std::future::Future;

use audit_core::Timestamp;
use sqlx::{Database, Pool, Transaction};

use crate::backend::Schema;

/// A chain's row of the table `chain`, as it stands.
#[derive(Clone, Debug)]
pub struct ChainRow {
    /// Its surrogate id.
    pub id: i64,
    /// Its tenant.
    pub tenant: String,
    /// Its series.
    pub series: String,
    /// How many entries it says it has.
    pub size: i64,
    /// The leaf hash it says is the newest.
    pub head: Vec<u8>,
    /// The nodes it says the tree consists of.
    pub range: Vec<u8>,
    /// When it says the newest entry was sealed, in microseconds.
    pub at: i64,
    /// The newest reserved seq it names.
    pub control: Option<i64>,
    /// Its incarnation.
    pub incarnation: i64,
}

/// Standing entries of a range, packed.
#[derive(Debug, Default)]
pub struct PackedEntries {
    /// The seq of each, ascending.
    pub seqs: Vec<i64>,
    /// The event id of each that stands beside the bytes, 16 bytes each.
    pub ids: Vec<u8>,
    /// The length of each in bytes.
    pub lengths: Vec<u32>,
    /// Their bytes, one after the other.
    pub bytes: Vec<u8>,
    /// Whether a row says another tenant than its chain's.
    pub foreign: bool,
}

impl PackedEntries {
    /// Whether the parts fit each other; a database that was tampered with may pack nonsense.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let bytes: usize = self
            .lengths
            .iter()
            .map(|l| usize::try_from(*l).unwrap_or(usize::MAX))
            .fold(0, usize::saturating_add);
        self.seqs.len() == self.lengths.len()
            && self.ids.len() == self.seqs.len().saturating_mul(16)
            && bytes == self.bytes.len()
            && self.seqs.is_sorted_by(|a, b| a < b)
    }

    /// Each entry's seq, id and bytes.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &[u8], &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.seqs.iter().zip(self.ids.chunks(16)).zip(&self.lengths).map(
            move |((seq, id), length)| {
                let length =
                    std::cmp::min(usize::try_from(*length).unwrap_or(usize::MAX), rest.len());
                let (bytes, after) = rest.split_at(length);
                rest = after;
                (*seq, id, bytes)
            },
        )
    }
}

/// One row of disclosures.
#[derive(Debug)]
pub struct DisclosureRow {
    /// The entry's seq.
    pub seq: i64,
    /// The data subject's ref.
    pub subject: Vec<u8>,
    /// The items, as stored.
    pub items: Vec<u8>,
}

/// One stored tile.
#[derive(Debug)]
pub struct TileRow {
    /// Its level.
    pub level: i64,
    /// Its index.
    pub index: i64,
    /// How many hashes it says it has.
    pub width: i64,
    /// The hashes.
    pub hashes: Vec<u8>,
}

/// One stored checkpoint.
#[derive(Debug)]
pub struct CheckpointRow {
    /// The incarnation it is filed under.
    pub incarnation: i64,
    /// The size it is filed under.
    pub size: i64,
    /// The signed note, with the cosignatures' lines after the signer's.
    pub note: String,
}

/// Staged events that wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unsealed {
    /// How many.
    pub count: i64,
    /// When the oldest was staged.
    pub oldest: Option<Timestamp>,
}

/// Reading in bulk, for verification.
pub trait VerifySql: Database {
    /// Begins `count` reading transactions that all see the same state of the database.
    fn snapshots(
        pool: &Pool<Self>,
        count: usize,
    ) -> impl Future<Output = sqlx::Result<Vec<Transaction<'static, Self>>>> + Send;

    /// All chains, in the order of their names.
    fn chain_rows(
        conn: &mut Self::Connection,
        schema: &Schema,
    ) -> impl Future<Output = sqlx::Result<Vec<ChainRow>>> + Send;

    /// The least chain id above `above` that has an entry, whether it has a head row or not.
    fn next_chain(
        conn: &mut Self::Connection,
        schema: &Schema,
        above: i64,
    ) -> impl Future<Output = sqlx::Result<Option<i64>>> + Send;

    /// The greatest seq that stands in a chain.
    fn last_seq(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
    ) -> impl Future<Output = sqlx::Result<Option<i64>>> + Send;

    /// The standing entries with `first <= seq < end`.
    fn packed_entries(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: &ChainRow,
        first: i64,
        end: i64,
    ) -> impl Future<Output = sqlx::Result<PackedEntries>> + Send;

    /// The disclosures of entries with `first <= seq < end`, by seq and subject.
    fn disclosure_rows(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        first: i64,
        end: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<DisclosureRow>>> + Send;

    /// The stored tiles of a level with `first <= index < end`, by index and width.
    fn tile_rows(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        level: i64,
        first: i64,
        end: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<TileRow>>> + Send;

    /// The incarnations that a chain's checkpoints are filed under.
    fn incarnations(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<i64>>> + Send;

    /// The checkpoints of an incarnation with `above < size <= upto`, by size.
    fn checkpoint_rows(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        incarnation: i64,
        above: i64,
        upto: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<CheckpointRow>>> + Send;

    /// What is staged for a chain and not sealed.
    fn unsealed(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
    ) -> impl Future<Output = sqlx::Result<Unsealed>> + Send;
}
