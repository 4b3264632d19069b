//! The Merkle tree over a chain's entries: RFC 6962 section 2.1 (the same hashing in RFC 9162
//! section 2.1).
//!
//! Nothing here reads or writes anything. A proof is asked for in two steps: a request names the
//! perfect subtrees it needs as [`NodeId`]s, the caller fetches their hashes from wherever they
//! are kept, and `assemble` folds them into the proof.

pub(crate) mod compact_range;
pub(crate) mod consistency;
pub(crate) mod inclusion;
pub(crate) mod tile;

use serde::{Deserialize, Serialize};

use crate::hash::{NodeHash, RootHash};

/// Largest number of leaves a tree may have: 2^63 - 1, so that every size and every index is also
/// a signed 64-bit number, and no inclusion proof is longer than 63 hashes.
pub const MAX_TREE_SIZE: u64 = u64::MAX >> 1;

/// Size and root of a tree: all there is to commit to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TreeHead {
    /// Number of leaves.
    pub size: u64,
    /// Merkle Tree Hash of those leaves.
    pub root: RootHash,
}

impl TreeHead {
    /// Head of the tree without a leaf.
    pub const EMPTY: Self = Self { size: 0, root: RootHash::EMPTY };

    /// Puts size and root together; that they belong together is for a proof or a signature to
    /// show.
    #[must_use]
    pub const fn new(size: u64, root: RootHash) -> Self {
        Self { size, root }
    }
}

/// Why a node, a compact range or a subtree was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// The number of hashes is not the number of perfect subtrees that the size has.
    #[error("{found} bytes of hashes where a tree of size {size} has {expected}")]
    Length {
        /// Size of the tree.
        size: u64,
        /// Bytes that this size takes.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// The tree or the subtree would reach beyond [`MAX_TREE_SIZE`] leaves.
    #[error("more than 2^63 - 1 leaves")]
    TooLarge,
    /// A subtree can only be appended where one of its level may begin.
    #[error("a subtree of level {level} cannot begin at leaf {size}")]
    Unaligned {
        /// Level of the subtree.
        level: u8,
        /// Where it would begin.
        size: u64,
    },
}

/// Names a perfect subtree: the leaves from `index * 2^level` up to `(index + 1) * 2^level`.
///
/// Level 0 is the leaves. Such a node never changes once its last leaf exists.
// INVARIANT: the subtree ends at MAX_TREE_SIZE or before, so level is at most 62 and neither of
// its ends overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    level: u8,
    index: u64,
}

impl NodeId {
    /// Names the `index`-th subtree of 2^`level` leaves.
    ///
    /// # Errors
    ///
    /// [`TreeError::TooLarge`] where it would end beyond [`MAX_TREE_SIZE`].
    pub fn new(level: u8, index: u64) -> Result<Self, TreeError> {
        // end = (index + 1) * 2^level <= MAX exactly when index < floor(MAX / 2^level).
        if index < MAX_TREE_SIZE.unbounded_shr(u32::from(level)) {
            Ok(Self { level, index })
        } else {
            Err(TreeError::TooLarge)
        }
    }

    /// Height above the leaves.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Number of subtrees of the same level to the left of this one.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// Index of its first leaf.
    #[must_use]
    pub fn first_leaf(self) -> u64 {
        self.index.unbounded_shl(u32::from(self.level))
    }

    /// Index of the leaf after its last, which is the smallest tree size that has this node.
    #[must_use]
    pub fn end_leaf(self) -> u64 {
        self.index.wrapping_add(1).unbounded_shl(u32::from(self.level))
    }
}

/// The perfect subtrees that the leaves from `start` up to `end` fall into, left to right, where
/// they shrink from left to right. That is so if every bit of `start` is also one of `end`, or
/// `start` is aligned to the largest power of two not above the distance.
pub(crate) fn descending(start: u64, end: u64) -> impl DoubleEndedIterator<Item = NodeId> {
    // Each set bit of the distance is one subtree; the leaves before it are the higher bits.
    let rest = end.wrapping_sub(start);
    (0..64_u8).rev().filter_map(move |level| {
        let width = 1_u64.unbounded_shl(u32::from(level));
        let higher = u64::MAX.unbounded_shl(u32::from(level).wrapping_add(1));
        (rest & width != 0).then(|| NodeId {
            level,
            index: start.wrapping_add(rest & higher).unbounded_shr(u32::from(level)),
        })
    })
}

/// Hashes shrinking neighbours (largest first) into the one subtree they make up, from the right:
/// RFC 6962 splits at the largest power of two, so the right side is always folded first.
pub(crate) fn fold(hashes: &[NodeHash]) -> Option<NodeHash> {
    let (last, before) = hashes.split_last()?;
    Some(before.iter().rev().fold(*last, |right, left| NodeHash::parent(left, &right)))
}

/// Number of bits that a value takes: 0 for 0.
pub(crate) fn bit_length(value: u64) -> u32 {
    u64::BITS.wrapping_sub(value.leading_zeros())
}

/// How far a node's path to the root runs beside full subtrees only (`inner` levels, of which the
/// last may be cut off by the end of the tree), and how many left neighbours follow (`border`).
///
/// `index` and `last` are the node's and the last node's index on one level. Above `inner` levels
/// both have the same ancestor, the one at the right edge, which has no right neighbour; each set
/// bit of its index stands for a left neighbour.
pub(crate) fn path_shape(index: u64, last: u64) -> (u32, u32) {
    let inner = bit_length(index ^ last);
    (inner, index.unbounded_shr(inner).count_ones())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_stay_within_the_largest_tree() {
        assert!(NodeId::new(62, 0).is_ok());
        assert_eq!(NodeId::new(62, 1), Err(TreeError::TooLarge));
        assert_eq!(NodeId::new(63, 0), Err(TreeError::TooLarge));
        assert_eq!(NodeId::new(255, 0), Err(TreeError::TooLarge));
        assert_eq!(NodeId::new(0, MAX_TREE_SIZE), Err(TreeError::TooLarge));
        let last = NodeId::new(0, MAX_TREE_SIZE - 1).unwrap();
        assert_eq!(last.end_leaf(), MAX_TREE_SIZE);
        let node = NodeId::new(8, 3).unwrap();
        assert_eq!((node.first_leaf(), node.end_leaf()), (768, 1024));
    }

    #[test]
    fn descending_covers_without_gap() {
        for end in 0..600_u64 {
            let mut next = 0;
            for node in descending(0, end) {
                assert_eq!(node.first_leaf(), next);
                next = node.end_leaf();
            }
            assert_eq!(next, end);
        }
        let whole: Vec<_> = descending(512, 600).map(|node| (node.level, node.index)).collect();
        assert_eq!(whole, [(6, 8), (4, 36), (3, 74)]);
    }

    #[test]
    fn errors_read_well() {
        assert_eq!(TreeError::TooLarge.to_string(), "more than 2^63 - 1 leaves");
        assert_eq!(
            TreeError::Unaligned { level: 3, size: 9 }.to_string(),
            "a subtree of level 3 cannot begin at leaf 9"
        );
        assert_eq!(
            TreeError::Length { size: 3, expected: 64, found: 32 }.to_string(),
            "32 bytes of hashes where a tree of size 3 has 64"
        );
    }
}
