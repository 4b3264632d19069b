//! What is left of a block once its entries have been examined.

use super::checkpoints::StoredCheckpoint;
use super::finding::FindingLog;
use super::report::Counts;
use crate::{LeafHash, NodeHash, Reserved, SubjectRef, TileId, Timestamp};

/// What one block of a chain contributes to its verification: small, and made on any thread by a
/// [`BlockVerifier`](crate::BlockVerifier). [`ChainVerifier::merge`](crate::ChainVerifier::merge)
/// takes summaries in the order of their blocks.
#[derive(Debug, Default)]
pub struct BlockSummary {
    pub(crate) first: u64,
    pub(crate) rows: Vec<Row>,
    /// What rows cannot say, ascending by seq.
    pub(crate) oddities: Vec<(u64, Oddity)>,
    /// The reserved entries, ascending by seq.
    pub(crate) reserved: Vec<(u64, Timestamp, Reserved)>,
    /// Roots over the leaves of the whole tiles of the block, by index of tile.
    pub(crate) roots: Vec<(u64, NodeHash)>,
    /// Digests without a disclosure.
    pub(crate) undisclosed: Vec<(SubjectRef, u64)>,
    /// Findings, by index of tile.
    pub(crate) logs: Vec<(u64, FindingLog)>,
    /// Stored tiles above level 0.
    pub(crate) tiles: Vec<(TileId, Vec<NodeHash>)>,
    pub(crate) checkpoints: Vec<StoredCheckpoint>,
    pub(crate) counts: Counts,
    pub(crate) sealed: u64,
    pub(crate) withheld: u64,
}

impl BlockSummary {
    /// The seq of the block's first entry.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The seq after the block's last entry.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first.saturating_add(u64::try_from(self.rows.len()).unwrap_or(u64::MAX))
    }

    /// What was looked at in this block, for a progress display.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// What the sequential part needs to know about one entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Hash of the bytes that stand here, or the stored hash where none stand.
    pub(crate) leaf: LeafHash,
    pub(crate) prev: LeafHash,
    pub(crate) at: Timestamp,
    /// `u64::MAX` for none: no seq is that large.
    pub(crate) control: u64,
    pub(crate) flags: u8,
}

impl Row {
    /// Bytes stand here.
    pub(crate) const PRESENT: u8 = 1;
    /// They are an entry: `prev`, `at` and `control` are its.
    pub(crate) const PARSED: u8 = 1 << 1;
    /// A reserved one.
    pub(crate) const RESERVED: u8 = 1 << 2;
    /// `leaf` is known.
    pub(crate) const HASHED: u8 = 1 << 3;
    /// A stored tile has the same hash.
    pub(crate) const VOUCHED: u8 = 1 << 4;
    /// A stored tile has another hash: see [`Oddity::Stored`].
    pub(crate) const CONTRADICTED: u8 = 1 << 5;
    /// Its `seq` is another place's: see [`Oddity::Claims`].
    pub(crate) const MISPLACED: u8 = 1 << 6;
    /// Absent because an export left it out.
    pub(crate) const WITHHELD: u8 = 1 << 7;

    pub(crate) const ABSENT: Self = Self {
        leaf: LeafHash::ZERO,
        prev: LeafHash::ZERO,
        at: Timestamp::MIN,
        control: u64::MAX,
        flags: 0,
    };

    /// Whether all of these flags are set.
    pub(crate) const fn is(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }
}

/// What is odd about one row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Oddity {
    /// The hash that a stored tile has instead.
    Stored(LeafHash),
    /// The seq that the entry says it has.
    Claims(u64),
}
