//! What proofs, checkpoints and exports read and write.

use std::future::Future;

use audit_core::{ChainId, NodeHash};
use sqlx::Database;

use crate::backend::Schema;
use crate::backend::rows::{CheckpointRow, TileRow, unsigned};
use crate::proof::nodes::split_hashes;

/// Level and index of a tile.
pub(crate) type TilePlace = (u8, u64);

/// A tile as it is stored: the widest at its place.
#[derive(Debug, Clone)]
pub struct StoredTile {
    /// Level among the tiles.
    pub level: u8,
    /// Index in its level.
    pub index: u64,
    /// Its hashes, 1 to 256.
    pub hashes: Vec<NodeHash>,
}

impl StoredTile {
    /// Reads a row whose numbers and hashes are such.
    pub(crate) fn read(row: &TileRow) -> sqlx::Result<Self> {
        Ok(Self {
            level: unsigned(row.level)?,
            index: unsigned(row.index)?,
            hashes: split_hashes(&row.hashes)?,
        })
    }
}

/// How far a chain is signed.
#[derive(Debug, Clone, Copy)]
pub struct SignedUpTo {
    /// Incarnation of the newest checkpoint, 0 where there is none.
    pub incarnation: i64,
    /// Size of the newest checkpoint, −1 where there is none.
    pub size: i64,
    /// When it was signed.
    pub at: Option<i64>,
}

/// How far a sink is served.
#[derive(Debug, Clone, Copy)]
pub struct PublishedUpTo {
    /// Incarnation of the last checkpoint the sink took, 0 where it took none.
    pub incarnation: i64,
    /// Size of the last checkpoint the sink took, −1 where it took none.
    pub size: i64,
    /// How often it failed since.
    pub failures: i64,
    /// When it failed last.
    pub failed_at: Option<i64>,
}

impl PublishedUpTo {
    /// Nothing yet.
    pub const NOTHING: Self = Self { incarnation: 0, size: -1, failures: 0, failed_at: None };
}

/// What proofs, checkpoints and exports read and write.
pub trait ProofSql: Database {
    /// How a transaction begins that reads one state of the database throughout.
    const BEGIN_SNAPSHOT: &'static str;

    /// All chains behind `after`, in the order of their ids: at most 1000.
    fn chains_after(
        conn: &mut Self::Connection,
        schema: &Schema,
        after: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<(i64, String, String)>>> + Send;

    /// The chains with something to sign: grown by `entries`, or grown at all and last signed at
    /// `before` or earlier. At most 1000.
    fn chains_due(
        conn: &mut Self::Connection,
        schema: &Schema,
        entries: i64,
        before: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<(i64, String, String)>>> + Send;

    /// The chains with a checkpoint that a sink has not taken: at most 1000, those that failed last
    /// come last.
    fn chains_unpublished(
        conn: &mut Self::Connection,
        schema: &Schema,
        sink: &str,
    ) -> impl Future<Output = sqlx::Result<Vec<(i64, String, String)>>> + Send;

    /// The widest tile stored at each of these places, where there is one.
    fn widest_tiles(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        places: &[TilePlace],
    ) -> impl Future<Output = sqlx::Result<Vec<StoredTile>>> + Send;

    /// Stores a tile that is not there yet.
    fn insert_tile(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: (i64, &ChainId),
        place: TilePlace,
        hashes: &[u8],
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// The newest checkpoint of an incarnation.
    fn newest_checkpoint(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        incarnation: i64,
    ) -> impl Future<Output = sqlx::Result<Option<CheckpointRow>>> + Send;

    /// Stores a checkpoint that is not there yet.
    fn insert_checkpoint(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: (i64, &ChainId),
        row: &CheckpointRow,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Stores a cosignature of a checkpoint, where there is none by that key yet.
    fn insert_cosignature(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: (i64, &ChainId),
        of: &CheckpointRow,
        key: &str,
        line: &str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Keeps every other signer of this chain waiting until the transaction ends.
    fn lock_signing(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: (i64, &ChainId),
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Notes how far the chain is signed, under that lock.
    fn set_signed(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        signed: SignedUpTo,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// How far a sink is served.
    fn published(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        sink: &str,
    ) -> impl Future<Output = sqlx::Result<Option<PublishedUpTo>>> + Send;

    /// Notes how far a sink is served; never moves it back.
    fn set_published(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: (i64, &ChainId),
        sink: &str,
        published: PublishedUpTo,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// The setting by which a crash may take committed transactions away, `None` where it may not.
    fn volatile_setting(
        conn: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<Option<String>>> + Send;
}
