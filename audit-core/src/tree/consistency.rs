//! Consistency proofs: RFC 6962 section 2.1.2, RFC 9162 section 2.1.4.

use super::inclusion::{PathNodes, ProofError, length};
use super::{MAX_TREE_SIZE, NodeId, TreeHead, path_shape};
use crate::hash::{NodeHash, RootHash};

/// Most hashes a consistency proof can have, in a tree of [`MAX_TREE_SIZE`] leaves.
pub const MAX_CONSISTENCY_HASHES: usize = 64;

/// What a consistency proof is made of: the nodes to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyRequest {
    /// Whether the proof begins with the subtree at the older tree's end.
    seeded: bool,
    nodes: Vec<NodeId>,
    path: PathNodes,
}

impl ConsistencyRequest {
    /// Names the nodes for the proof that the tree of `new_size` leaves continues the one of
    /// `old_size`: `PROOF(old_size, D[new_size])` of RFC 6962 section 2.1.2.
    ///
    /// Two equal sizes, and an empty older tree, need no node: the proof is empty.
    ///
    /// # Errors
    ///
    /// [`ProofError::Shrinking`], [`ProofError::TooLarge`].
    pub fn new(old_size: u64, new_size: u64) -> Result<Self, ProofError> {
        check_sizes(old_size, new_size)?;
        if old_size == 0 || old_size == new_size {
            // A path without a neighbour.
            let path = PathNodes::of(0, 0, 1);
            return Ok(Self { seeded: false, nodes: Vec::new(), path });
        }
        // The last perfect subtree of the older tree: its right end is the older tree's end.
        let level = old_size.trailing_zeros();
        let index = old_size.wrapping_sub(1).unbounded_shr(level);
        // Where it is the whole older tree, the verifier has its hash: the older root.
        let seeded = index != 0;
        let path = PathNodes::of(level, index, new_size);
        let seed = if seeded {
            // `level` is below 64 and the node is within a tree whose size was checked.
            u8::try_from(level).ok().and_then(|level| NodeId::new(level, index).ok())
        } else {
            None
        };
        let nodes = seed.into_iter().chain(path.nodes.iter().copied()).collect();
        Ok(Self { seeded, nodes, path })
    }

    /// The perfect subtrees needed, in the order [`assemble`](Self::assemble) wants their hashes.
    #[must_use]
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// Folds the fetched hashes into the proof. They are taken as they are: a wrong one makes a
    /// proof that does not verify.
    ///
    /// # Errors
    ///
    /// [`ProofError::Length`] unless there is one hash for each node.
    pub fn assemble(&self, hashes: &[NodeHash]) -> Result<ConsistencyProof, ProofError> {
        let wrong = ProofError::Length { expected: self.nodes.len(), found: hashes.len() };
        if hashes.len() != self.nodes.len() {
            return Err(wrong);
        }
        let (seed, path) = hashes.split_at_checked(usize::from(self.seeded)).ok_or(wrong)?;
        let path = self.path.assemble(path)?;
        Ok(ConsistencyProof { hashes: seed.iter().copied().chain(path).collect() })
    }
}

/// Shows that a tree begins with all the leaves of an older one, in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    hashes: Vec<NodeHash>,
}

impl ConsistencyProof {
    /// Takes hashes as received. Nothing is shown before [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// [`ProofError::TooLong`] beyond [`MAX_CONSISTENCY_HASHES`].
    pub fn from_hashes(hashes: Vec<NodeHash>) -> Result<Self, ProofError> {
        if hashes.len() > MAX_CONSISTENCY_HASHES {
            return Err(ProofError::TooLong);
        }
        Ok(Self { hashes })
    }

    /// The hashes, in the order of RFC 6962 section 2.1.2.
    #[must_use]
    pub fn hashes(&self) -> &[NodeHash] {
        &self.hashes
    }

    /// Checks that the tree with head `new` continues the one with head `old`
    /// (RFC 9162 section 2.1.4.2).
    ///
    /// An empty tree is continued by every tree, and the proof of that is empty; its root must
    /// still be [`RootHash::EMPTY`]. Success says nothing about who signed either head.
    ///
    /// # Errors
    ///
    /// [`ProofError::Shrinking`], [`ProofError::TooLarge`], [`ProofError::Length`] where the proof
    /// has not exactly as many hashes as the sizes determine, [`ProofError::OldRoot`] and
    /// [`ProofError::Root`] where it does not lead to both roots. (An older tree whose size is a
    /// power of two is a node on the path itself, so a wrong root of it shows as `Root`.)
    pub fn verify(&self, old: &TreeHead, new: &TreeHead) -> Result<(), ProofError> {
        check_sizes(old.size, new.size)?;
        if old.size == 0 || old.size == new.size {
            self.check_length(0)?;
            let expected_old = if old.size == 0 { RootHash::EMPTY } else { new.root };
            old_root(old, expected_old)?;
            return if new.size == 0 { new_root(new, RootHash::EMPTY) } else { Ok(()) };
        }

        // 0 < old < new from here on. The seed is the last perfect subtree of the older tree,
        // `index` its index among those of its level, `last` that of the newer tree's last node.
        let level = old.size.trailing_zeros();
        let index = old.size.wrapping_sub(1).unbounded_shr(level);
        let last = new.size.wrapping_sub(1).unbounded_shr(level);
        let (inner, border) = path_shape(index, last);
        let seeded = index != 0;
        self.check_length(length(inner, border).saturating_add(usize::from(seeded)))?;
        let (seed, path) = match self.hashes.split_first() {
            Some((seed, path)) if seeded => (*seed, path),
            _ => (NodeHash::from_bytes(*old.root.as_bytes()), self.hashes.as_slice()),
        };

        let (mut old_node, mut new_node) = (seed, seed);
        for (height, neighbour) in (0_u32..).zip(path) {
            if height < inner && index.unbounded_shr(height) & 1 == 0 {
                // A right neighbour: leaves that the older tree did not have yet.
                new_node = NodeHash::parent(&new_node, neighbour);
            } else {
                // A left neighbour: leaves of both.
                old_node = NodeHash::parent(neighbour, &old_node);
                new_node = NodeHash::parent(neighbour, &new_node);
            }
        }
        old_root(old, old_node.into())?;
        new_root(new, new_node.into())
    }

    fn check_length(&self, expected: usize) -> Result<(), ProofError> {
        let found = self.hashes.len();
        if found == expected { Ok(()) } else { Err(ProofError::Length { expected, found }) }
    }
}

fn old_root(old: &TreeHead, computed: RootHash) -> Result<(), ProofError> {
    if computed == old.root {
        Ok(())
    } else {
        Err(ProofError::OldRoot { expected: old.root, computed })
    }
}

fn new_root(new: &TreeHead, computed: RootHash) -> Result<(), ProofError> {
    if computed == new.root {
        Ok(())
    } else {
        Err(ProofError::Root { expected: new.root, computed })
    }
}

fn check_sizes(old: u64, new: u64) -> Result<(), ProofError> {
    if old > new {
        Err(ProofError::Shrinking { old, new })
    } else if new > MAX_TREE_SIZE {
        Err(ProofError::TooLarge)
    } else {
        Ok(())
    }
}
