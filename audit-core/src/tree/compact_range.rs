//! The right edge of a tree: what appending needs, and nothing else.

use super::{MAX_TREE_SIZE, NodeId, TreeError, TreeHead, descending, fold};
use crate::hash::{HASH_LEN, LeafHash, NodeHash, RootHash};

/// The perfect subtrees that a tree's leaves fall into, one for each set bit of its size: all that
/// is needed to append further leaves and to compute the root. At most 63 hashes.
///
/// # Examples
///
/// ```
/// use audit_core::{CompactRange, LeafHash};
///
/// let mut range = CompactRange::default();
/// range.push(LeafHash::of(b"first"));
/// range.push(LeafHash::of(b"second"));
/// let restored = CompactRange::from_bytes(range.size(), &range.to_bytes())?;
/// assert_eq!(restored.head(), range.head());
/// # Ok::<(), audit_core::TreeError>(())
/// ```
// INVARIANT: `nodes` has one hash for each set bit of `size`, the highest bit first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    nodes: Vec<NodeHash>,
}

impl CompactRange {
    /// Puts a range together from its size and its hashes, the largest (leftmost) first. The
    /// hashes themselves are taken as they are: compare the [root](Self::root) with one you trust.
    ///
    /// # Errors
    ///
    /// [`TreeError::Length`] where the number of hashes does not fit the size,
    /// [`TreeError::TooLarge`] beyond [`MAX_TREE_SIZE`].
    pub fn from_hashes(size: u64, hashes: Vec<NodeHash>) -> Result<Self, TreeError> {
        check(size, hashes.len().saturating_mul(HASH_LEN))?;
        Ok(Self { size, nodes: hashes })
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    ///
    /// Those of [`from_hashes`](Self::from_hashes).
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Result<Self, TreeError> {
        check(size, bytes.len())?;
        let (chunks, _) = bytes.as_chunks::<HASH_LEN>();
        Ok(Self { size, nodes: chunks.iter().copied().map(NodeHash::from_bytes).collect() })
    }

    /// 32 bytes for each perfect subtree, the largest (leftmost) first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.nodes.iter().flat_map(|node| *node.as_bytes()).collect()
    }

    /// The subtrees that make up a tree of `size` leaves, the largest (leftmost) first: what to
    /// fetch in order to restore the range of an earlier size.
    ///
    /// # Errors
    ///
    /// [`TreeError::TooLarge`] beyond [`MAX_TREE_SIZE`].
    pub fn node_ids(size: u64) -> Result<Vec<NodeId>, TreeError> {
        if size > MAX_TREE_SIZE {
            return Err(TreeError::TooLarge);
        }
        Ok(descending(0, size).collect())
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The subtrees and their hashes, the largest (leftmost) first.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, NodeHash)> {
        descending(0, self.size).zip(self.nodes.iter().copied())
    }

    /// Appends a leaf. Costs one hash for each level it completes, one on average.
    pub fn push(&mut self, leaf: LeafHash) {
        self.carry(0, leaf.into());
    }

    /// Appends a perfect subtree of 2^`level` leaves at once.
    ///
    /// # Errors
    ///
    /// [`TreeError::Unaligned`] where the size is not a multiple of 2^`level`,
    /// [`TreeError::TooLarge`] where it would reach beyond [`MAX_TREE_SIZE`]; the range is as
    /// before.
    pub fn push_subtree(&mut self, level: u8, hash: NodeHash) -> Result<(), TreeError> {
        let index = self.size.unbounded_shr(u32::from(level));
        if index.unbounded_shl(u32::from(level)) != self.size {
            return Err(TreeError::Unaligned { level, size: self.size });
        }
        NodeId::new(level, index)?;
        self.carry(level, hash);
        Ok(())
    }

    /// Root of the tree (RFC 6962 section 2.1). Costs one hash less than there are subtrees.
    #[must_use]
    pub fn root(&self) -> RootHash {
        fold(&self.nodes).map_or(RootHash::EMPTY, RootHash::from)
    }

    /// Size and root.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead::new(self.size, self.root())
    }

    /// Binary addition of 2^level to the size: each carried bit merges two equal subtrees.
    fn carry(&mut self, level: u8, mut node: NodeHash) {
        let ones = self.size.unbounded_shr(u32::from(level)).trailing_ones();
        for _ in 0..ones {
            // The invariant has a hash for every set bit, so the loop never runs dry.
            let Some(left) = self.nodes.pop() else { break };
            node = NodeHash::parent(&left, &node);
        }
        self.nodes.push(node);
        // `push_subtree` checks the bound. `push` does not need to: a range starts at 2^63 - 1 at
        // most, and counting the other 2^63 leaves one by one takes centuries.
        self.size = self.size.wrapping_add(1_u64.unbounded_shl(u32::from(level)));
    }
}

/// That `found` bytes are what a tree of this size has.
fn check(size: u64, found: usize) -> Result<(), TreeError> {
    if size > MAX_TREE_SIZE {
        return Err(TreeError::TooLarge);
    }
    let expected = descending(0, size).count().saturating_mul(HASH_LEN);
    if found == expected { Ok(()) } else { Err(TreeError::Length { size, expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(index: u64) -> LeafHash {
        LeafHash::of(&index.to_be_bytes())
    }

    #[test]
    fn subtrees_give_the_same_range_as_leaves() {
        let mut by_leaf = CompactRange::default();
        let mut by_tile = CompactRange::default();
        for block in 0..9_u64 {
            let mut tile = CompactRange::default();
            for index in block * 16..(block + 1) * 16 {
                by_leaf.push(leaf(index));
                tile.push(leaf(index));
            }
            let (node, hash) = tile.nodes().next().unwrap();
            by_tile.push_subtree(node.level(), hash).unwrap();
            assert_eq!(by_leaf, by_tile);
        }
        by_leaf.push(leaf(0));
        assert_eq!(
            by_leaf.push_subtree(4, leaf(1).into()),
            Err(TreeError::Unaligned { level: 4, size: 145 })
        );
        assert_eq!(by_leaf.size(), 145);
    }

    #[test]
    fn bytes_must_fit_the_size() {
        let mut range = CompactRange::default();
        for size in 0..70 {
            let bytes = range.to_bytes();
            assert_eq!(CompactRange::from_bytes(size, &bytes).unwrap(), range);
            let ids: Vec<_> = range.nodes().map(|(id, _)| id).collect();
            assert_eq!(CompactRange::node_ids(size).unwrap(), ids);
            assert!(CompactRange::from_bytes(size, &[&bytes[..], &[0]].concat()).is_err());
            assert!(CompactRange::from_bytes(size, &[&bytes[..], &[0; 32]].concat()).is_err());
            range.push(leaf(size));
        }
        assert_eq!(
            CompactRange::from_bytes(3, &[0; 32]),
            Err(TreeError::Length { size: 3, expected: 64, found: 32 })
        );
        assert_eq!(CompactRange::from_bytes(u64::MAX, &[0; 64 * 32]), Err(TreeError::TooLarge));
        assert_eq!(CompactRange::node_ids(MAX_TREE_SIZE + 1), Err(TreeError::TooLarge));
    }

    #[test]
    fn the_largest_trees_do_not_overflow() {
        let mut full = CompactRange::from_bytes(MAX_TREE_SIZE, &[7; 63 * 32]).unwrap();
        assert_eq!(full.push_subtree(0, leaf(0).into()), Err(TreeError::TooLarge));
        full.push(leaf(0));
        assert_eq!(full.nodes().count(), 1);
        let mut empty = CompactRange::default();
        assert_eq!(empty.push_subtree(63, leaf(0).into()), Err(TreeError::TooLarge));
        assert_eq!(empty.push_subtree(200, leaf(0).into()), Err(TreeError::TooLarge));
        empty.push_subtree(62, leaf(0).into()).unwrap();
        assert_eq!(empty.size(), 1 << 62);
    }
}
