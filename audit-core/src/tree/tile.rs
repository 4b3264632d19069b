//! Stored tree nodes: the hash tiles of C2SP tlog-tiles.

use std::fmt;
use std::str::FromStr;

use super::{MAX_TREE_SIZE, NodeId, fold};
use crate::hash::{HASH_LEN, NodeHash};

/// Hashes in a full tile.
pub const TILE_WIDTH: u16 = 256;

/// Levels of the tree that one level of tiles spans.
pub const TILE_HEIGHT: u8 = 8;

/// Highest level of tiles that a tree of [`MAX_TREE_SIZE`] leaves has.
const MAX_TILE_LEVEL: u8 = 7;

/// Why a tile or its path was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// The tile's bytes or hashes are not as many as its width says.
    #[error("{found} bytes where a tile of width {width} has {expected}")]
    Length {
        /// Width of the tile.
        width: u16,
        /// Bytes that this width takes.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// The path is not the one path that names a tile.
    #[error("not the path of a tile")]
    Path,
    /// No tree of [`MAX_TREE_SIZE`] leaves has such a tile.
    #[error("a tile beyond 2^63 - 1 leaves")]
    TooLarge,
    /// A tile has 1 to 256 hashes.
    #[error("a tile cannot have {0} hashes")]
    Width(u16),
}

/// Names a tile: its level, its index in that level, and how many hashes it has.
///
/// Hash `i` of tile `index` at `level` is the subtree of level `8 * level` with index
/// `256 * index + i`. A full tile has 256 hashes; the last of each level may have fewer.
///
/// # Examples
///
/// ```
/// use audit_core::TileId;
///
/// let tile: TileId = "tile/0/x001/x234/067.p/8".parse()?;
/// assert_eq!((tile.level(), tile.index(), tile.width()), (0, 1_234_067, 8));
/// assert_eq!(tile.path(), "tile/0/x001/x234/067.p/8");
/// # Ok::<(), audit_core::TileError>(())
/// ```
// INVARIANT: 1 <= width <= 256, and the last hash's subtree ends at MAX_TREE_SIZE or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    level: u8,
    index: u64,
    width: u16,
}

impl TileId {
    /// Names a tile of `width` hashes.
    ///
    /// # Errors
    ///
    /// [`TileError::Width`] unless the width is 1 to 256, [`TileError::TooLarge`] where the tile
    /// would reach beyond [`MAX_TREE_SIZE`] leaves.
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, TileError> {
        let Some(last) = width.checked_sub(1).filter(|last| *last < TILE_WIDTH) else {
            return Err(TileError::Width(width));
        };
        let last = index
            .checked_mul(u64::from(TILE_WIDTH))
            .and_then(|first| first.checked_add(u64::from(last)));
        let node_level = level.checked_mul(TILE_HEIGHT);
        match (node_level, last) {
            (Some(level_of_hash), Some(last)) if NodeId::new(level_of_hash, last).is_ok() => {
                Ok(Self { level, index, width })
            }
            _ => Err(TileError::TooLarge),
        }
    }

    /// Names the tile at this place as a tree of `size` leaves has it: full, or as wide as the
    /// size allows. `None` where such a tree has no hash there.
    #[must_use]
    pub fn at_size(level: u8, index: u64, size: u64) -> Option<Self> {
        let hashes = size.unbounded_shr(hash_level(level));
        let before = index.checked_mul(u64::from(TILE_WIDTH))?;
        let there = std::cmp::min(hashes.checked_sub(before)?, u64::from(TILE_WIDTH));
        Self::new(level, index, u16::try_from(there).ok()?).ok()
    }

    /// Level and index of the tile that holds this node, or the hashes it is computed from.
    #[must_use]
    pub fn holding(node: NodeId) -> (u8, u64) {
        let below = node.level() % TILE_HEIGHT;
        // A node `below` levels above the tile's hashes covers 2^below of its 256.
        let up = u32::from(TILE_HEIGHT.wrapping_sub(below));
        (node.level() / TILE_HEIGHT, node.index().unbounded_shr(up))
    }

    /// Level among the tiles; level 0 holds the leaf hashes.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Index in its level.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// Number of hashes, 1 to 256.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it has all 256 hashes, and so never changes again.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The `i`-th hash of the tile as a node of the tree; `None` at the width and above.
    #[must_use]
    pub fn hash_id(self, i: u16) -> Option<NodeId> {
        if i >= self.width {
            return None;
        }
        // The invariant keeps all of this below MAX_TREE_SIZE.
        let index = self.index.wrapping_mul(u64::from(TILE_WIDTH)).wrapping_add(u64::from(i));
        NodeId::new(self.level.wrapping_mul(TILE_HEIGHT), index).ok()
    }

    /// Its path: `tile/<level>/<index>`, with `.p/<width>` where it is not full.
    #[must_use]
    pub fn path(self) -> String {
        self.to_string()
    }

    /// Reads a path. Strict: exactly one path names each tile.
    ///
    /// # Errors
    ///
    /// [`TileError::Path`] for anything else, [`TileError::TooLarge`] for the well-formed path of
    /// a tile that no tree can have.
    pub fn parse(path: &str) -> Result<Self, TileError> {
        let rest = path.strip_prefix("tile/").ok_or(TileError::Path)?;
        let (level, rest) = rest.split_once('/').ok_or(TileError::Path)?;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, decimal(width, 255).ok_or(TileError::Path)?),
            None => (rest, u64::from(TILE_WIDTH)),
        };
        let level = decimal(level, 63).and_then(|level| u8::try_from(level).ok());
        let width = u16::try_from(width).ok().filter(|width| *width > 0);
        match (level, width, path_index(index)) {
            (Some(level), Some(width), Some(index)) => {
                let index = index.ok_or(TileError::TooLarge)?;
                Self::new(level, index, width)
            }
            _ => Err(TileError::Path),
        }
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        // A 63-bit index has at most seven groups of three digits; those before the last carry
        // an x, and leading ones that are zero are left out.
        let mut begun = false;
        for exponent in [18, 15, 12, 9, 6, 3_u32] {
            let group = self.index.checked_div(10_u64.pow(exponent)).unwrap_or_default() % 1000;
            if begun || group > 0 {
                begun = true;
                write!(f, "x{group:03}/")?;
            }
        }
        write!(f, "{:03}", self.index % 1000)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for TileId {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        Self::parse(path)
    }
}

/// A decimal number without leading zeros, at most `limit`.
fn decimal(text: &str, limit: u64) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    if !canonical || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|value| *value <= limit)
}

/// The index of a path: `None` where it is malformed, `Some(None)` where it is too large.
fn path_index(text: &str) -> Option<Option<u64>> {
    let (high, last) = match text.rsplit_once('/') {
        Some((high, last)) => (Some(high), last),
        None => (None, text),
    };
    let mut index = Some(0_u64);
    for (position, group) in high.into_iter().flat_map(|high| high.split('/')).enumerate() {
        let group = three_digits(group.strip_prefix('x')?)?;
        if position == 0 && group == 0 {
            return None;
        }
        index = append(index, group);
    }
    Some(append(index, three_digits(last)?))
}

/// Three more decimal digits; `None` on overflow.
fn append(index: Option<u64>, group: u64) -> Option<u64> {
    index?.checked_mul(1000)?.checked_add(group)
}

fn three_digits(text: &str) -> Option<u64> {
    (text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// A tile with its hashes.
// INVARIANT: as many hashes as the id's width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    id: TileId,
    hashes: Vec<NodeHash>,
}

impl Tile {
    /// Puts a tile together. The hashes are taken as they are.
    ///
    /// # Errors
    ///
    /// [`TileError::Length`] unless there are as many as the width says.
    pub fn new(id: TileId, hashes: Vec<NodeHash>) -> Result<Self, TileError> {
        check_length(id, hashes.len().saturating_mul(HASH_LEN))?;
        Ok(Self { id, hashes })
    }

    /// Reads the stored form: the hashes, one after the other. They are taken as they are.
    ///
    /// # Errors
    ///
    /// [`TileError::Length`] unless there are 32 bytes for each hash of the width.
    pub fn from_bytes(id: TileId, bytes: &[u8]) -> Result<Self, TileError> {
        check_length(id, bytes.len())?;
        let (chunks, _) = bytes.as_chunks::<HASH_LEN>();
        Ok(Self { id, hashes: chunks.iter().copied().map(NodeHash::from_bytes).collect() })
    }

    /// The stored form: the hashes, one after the other.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
    }

    /// Which tile it is.
    #[must_use]
    pub const fn id(&self) -> TileId {
        self.id
    }

    /// The hashes, left to right.
    #[must_use]
    pub fn hashes(&self) -> &[NodeHash] {
        &self.hashes
    }

    /// The hash of a node that this tile holds or has all the hashes for, else `None`.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<NodeHash> {
        if TileId::holding(node) != (self.id.level, self.id.index) {
            return None;
        }
        let below = u32::from(node.level() % TILE_HEIGHT);
        let count = 1_usize.unbounded_shl(below);
        // Where in its tile: the hash's index modulo 256.
        let first = node.index().unbounded_shl(below) & 0xff;
        let first = usize::try_from(first).ok()?;
        perfect(self.hashes.get(first..first.checked_add(count)?)?)
    }

    /// The root of a full tile: the hash that the tile above has for it. `None` where it is not
    /// full.
    #[must_use]
    pub fn root(&self) -> Option<NodeHash> {
        if self.id.is_full() { perfect(&self.hashes) } else { None }
    }
}

/// The root over a power of two of hashes.
fn perfect(hashes: &[NodeHash]) -> Option<NodeHash> {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        let (pairs, _) = level.as_chunks::<2>();
        level = pairs.iter().filter_map(|pair| fold(pair)).collect();
    }
    level.first().copied()
}

/// The full tiles that a tree growing from `old_size` to `new_size` leaves completes, those of
/// the lowest level first. Empty where it does not grow.
pub fn tiles_filled(old_size: u64, new_size: u64) -> impl Iterator<Item = TileId> {
    // A tree beyond the limit has the tiles of the largest one.
    let new_size = std::cmp::min(new_size, MAX_TREE_SIZE);
    (0..MAX_TILE_LEVEL).flat_map(move |level| {
        let span = hash_level(level.wrapping_add(1));
        (old_size.unbounded_shr(span)..new_size.unbounded_shr(span)).map(move |index| TileId {
            level,
            index,
            width: TILE_WIDTH,
        })
    })
}

/// The tiles of a tree of `size` leaves that are not full, at most one of each level, the lowest
/// first.
pub fn partial_tiles(size: u64) -> impl Iterator<Item = TileId> {
    let size = std::cmp::min(size, MAX_TREE_SIZE);
    (0..=MAX_TILE_LEVEL).filter_map(move |level| {
        let full = size.unbounded_shr(hash_level(level.wrapping_add(1)));
        TileId::at_size(level, full, size)
    })
}

/// Level in the tree of a tile's hashes.
fn hash_level(tile_level: u8) -> u32 {
    u32::from(tile_level).wrapping_mul(u32::from(TILE_HEIGHT))
}

fn check_length(id: TileId, found: usize) -> Result<(), TileError> {
    let expected = usize::from(id.width).saturating_mul(HASH_LEN);
    if found == expected {
        Ok(())
    } else {
        Err(TileError::Length { width: id.width, expected, found })
    }
}
