//! Rows as they stand, read one by one or in bulk: what appends, proofs, exports, queries and
//! verification all read.
//!
//! Nothing here is believed: numbers, lengths and texts come as the database has them, and whoever
//! reads says what is wrong with them. Many entries are packed into one row by the query, since a
//! driver's work for each row would cost more than all the hashing.

use std::future::Future;

use audit_core::{ChainId, SubjectRef};
use serde::Deserialize;
use sqlx::Database;

use crate::backend::Schema;

/// A chain's row of the table `chain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainRow {
    /// Its surrogate id.
    pub id: i64,
    /// Its tenant.
    pub tenant: String,
    /// Its series.
    pub series: String,
    /// How many entries it says it has.
    pub size: i64,
    /// The leaf hash it says is the newest, zeros for none.
    pub head: Vec<u8>,
    /// The compact range it says the tree consists of: 32 bytes for each perfect subtree.
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

    /// Each entry's seq and text.
    ///
    /// # Errors
    ///
    /// [`sqlx::Error::Decode`] where the parts do not fit each other, at once, and for an entry
    /// that is no text.
    pub fn texts(&self) -> impl Iterator<Item = sqlx::Result<(u64, &str)>> {
        let nonsense = (!self.is_whole())
            .then(|| Err(sqlx::Error::Decode("rows of entries that do not fit each other".into())));
        let decode = |(seq, _, bytes): (i64, _, _)| {
            let text = std::str::from_utf8(bytes).map_err(|e| sqlx::Error::Decode(e.into()))?;
            Ok((unsigned(seq)?, text))
        };
        nonsense.into_iter().chain(self.iter().map(decode))
    }
}

/// The disclosures of one entry and subject.
#[derive(Debug)]
pub struct DisclosureRow {
    /// The entry's seq.
    pub seq: i64,
    /// The data subject's ref.
    pub subject: Vec<u8>,
    /// JSON array of what is disclosed or sealed.
    pub items: Vec<u8>,
}

/// An item of a row of disclosures. Nothing in it is ever escaped.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredItem<'a> {
    /// The digest that the entry commits to.
    pub digest: &'a str,
    /// What it discloses.
    #[serde(borrow)]
    pub disclosure: Option<&'a str>,
    /// Or the same, sealed.
    #[serde(borrow)]
    pub sealed: Option<&'a str>,
}

impl DisclosureRow {
    /// The subject and the items, `None` where the row is of another form.
    #[must_use]
    pub fn read(&self) -> Option<(SubjectRef, Vec<StoredItem<'_>>)> {
        let subject = <[u8; 16]>::try_from(self.subject.as_slice()).ok()?;
        let items = serde_json::from_slice(&self.items).ok()?;
        Some((SubjectRef::from_bytes(subject), items))
    }
}

/// A stored tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileRow {
    /// Its level among the tiles.
    pub level: i64,
    /// Its index in its level.
    pub index: i64,
    /// How many hashes it says it has.
    pub width: i64,
    /// The hashes, 32 bytes each.
    pub hashes: Vec<u8>,
}

/// A stored checkpoint.
#[derive(Debug, Clone)]
pub struct CheckpointRow {
    /// The incarnation it is filed under.
    pub incarnation: i64,
    /// The size it is filed under.
    pub size: i64,
    /// The signed note, with the lines of the cosignatures that were collected behind the signer's.
    pub note: String,
}

/// Behind every checkpoint.
pub(crate) const LAST_CHECKPOINT: (i64, i64) = (i64::MAX, i64::MAX);

/// So many checkpoints are read at once where each is worked on by itself.
pub(crate) const CHECKPOINT_PAGE: i64 = 100;

/// Rows as they stand.
pub trait RowsSql: Database {
    /// The head row of a chain.
    fn chain_row(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: &ChainId,
    ) -> impl Future<Output = sqlx::Result<Option<ChainRow>>> + Send;

    /// All chains, in the order of their names.
    fn chain_rows(
        conn: &mut Self::Connection,
        schema: &Schema,
    ) -> impl Future<Output = sqlx::Result<Vec<ChainRow>>> + Send;

    /// The standing entries with `first <= seq < end`.
    fn packed_entries(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
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

    /// The checkpoints of which (incarnation, size) lies behind `above` and not behind `upto`, in
    /// that order: at most `most`.
    fn checkpoint_rows(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        above: (i64, i64),
        upto: (i64, i64),
        most: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<CheckpointRow>>> + Send;
}

/// A number that the schema keeps from being negative or too large.
pub(crate) fn unsigned<F, T>(value: F) -> sqlx::Result<T>
where
    T: TryFrom<F, Error: std::error::Error + Send + Sync + 'static>,
{
    T::try_from(value).map_err(|error| sqlx::Error::Decode(error.into()))
}
