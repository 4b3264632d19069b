//! Inclusion proofs: RFC 6962 section 2.1.1, RFC 9162 section 2.1.3.

use super::{MAX_TREE_SIZE, NodeId, TreeHead, descending, fold, path_shape};
use crate::hash::{LeafHash, NodeHash, RootHash};

/// Most hashes an inclusion proof can have, in a tree of [`MAX_TREE_SIZE`] leaves.
pub const MAX_INCLUSION_HASHES: usize = 63;

/// Why a proof was refused. It carries what was expected and what was found, so that it can be
/// shown as evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The index is not below the size of the tree.
    #[error("no entry {index} in a tree of size {size}")]
    IndexOutOfRange {
        /// The index asked for.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The number of hashes is not the one that index and size determine: usually a proof for
    /// another entry or another size.
    #[error("{found} hashes where {expected} were expected")]
    Length {
        /// The only number accepted.
        expected: usize,
        /// The number found.
        found: usize,
    },
    /// The proof does not lead to the root of the newer (or only) tree head: the entry, the index,
    /// the proof or the root is not what it is said to be.
    #[error("the proof leads to another root")]
    Root {
        /// The root of the tree head.
        expected: RootHash,
        /// What the proof computes to.
        computed: RootHash,
    },
    /// The proof does not lead to the root of the older tree head: the newer tree does not
    /// continue it.
    #[error("the proof leads to another root of the older tree")]
    OldRoot {
        /// The root of the older tree head.
        expected: RootHash,
        /// What the proof computes to.
        computed: RootHash,
    },
    /// The tree said to be older is the larger one.
    #[error("a tree of size {new} cannot continue one of size {old}")]
    Shrinking {
        /// Size of the tree said to be older.
        old: u64,
        /// Size of the tree said to be newer.
        new: u64,
    },
    /// The tree would have more than [`MAX_TREE_SIZE`] leaves.
    #[error("more than 2^63 - 1 leaves")]
    TooLarge,
    /// More hashes than any proof can have.
    #[error("more hashes than a proof can have")]
    TooLong,
}

/// What an inclusion proof is made of: the nodes to fetch.
///
/// # Examples
///
/// ```
/// use audit_core::{CompactRange, InclusionRequest, LeafHash, NodeHash};
///
/// let leaves = [LeafHash::of(b"a"), LeafHash::of(b"b"), LeafHash::of(b"c")];
/// let mut range = CompactRange::default();
/// leaves.iter().for_each(|leaf| range.push(*leaf));
///
/// let request = InclusionRequest::new(2, 3)?;
/// let fetched: Vec<NodeHash> = request
///     .nodes()
///     .iter()
///     .map(|node| {
///         assert_eq!((node.level(), node.index()), (1, 0)); // the pair of the first two leaves
///         NodeHash::parent(&leaves[0].into(), &leaves[1].into())
///     })
///     .collect();
/// let proof = request.assemble(&fetched)?;
/// proof.verify(leaves[2], 2, &range.head())?;
/// # Ok::<(), audit_core::ProofError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionRequest {
    path: PathNodes,
}

impl InclusionRequest {
    /// Names the nodes for the proof of entry `index` in the tree of `size` leaves:
    /// `PATH(index, D[size])` of RFC 6962 section 2.1.1.
    ///
    /// # Errors
    ///
    /// [`ProofError::IndexOutOfRange`], [`ProofError::TooLarge`].
    pub fn new(index: u64, size: u64) -> Result<Self, ProofError> {
        check_index(index, size)?;
        Ok(Self { path: PathNodes::of(0, index, size) })
    }

    /// The perfect subtrees needed, in the order [`assemble`](Self::assemble) wants their hashes.
    #[must_use]
    pub fn nodes(&self) -> &[NodeId] {
        &self.path.nodes
    }

    /// Folds the fetched hashes into the proof. They are taken as they are: a wrong one makes a
    /// proof that does not verify.
    ///
    /// # Errors
    ///
    /// [`ProofError::Length`] unless there is one hash for each node.
    pub fn assemble(&self, hashes: &[NodeHash]) -> Result<InclusionProof, ProofError> {
        Ok(InclusionProof { hashes: self.path.assemble(hashes)? })
    }
}

/// Shows that an entry stands at an index of a tree: the neighbours on its path to the root, from
/// the leaf upwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    hashes: Vec<NodeHash>,
}

impl InclusionProof {
    /// Takes hashes as received. Nothing is shown before [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// [`ProofError::TooLong`] beyond [`MAX_INCLUSION_HASHES`].
    pub fn from_hashes(hashes: Vec<NodeHash>) -> Result<Self, ProofError> {
        if hashes.len() > MAX_INCLUSION_HASHES {
            return Err(ProofError::TooLong);
        }
        Ok(Self { hashes })
    }

    /// The hashes, from the leaf's neighbour to the root's child.
    #[must_use]
    pub fn hashes(&self) -> &[NodeHash] {
        &self.hashes
    }

    /// The root that this proof leads to for a leaf at `index` of a tree of `size`
    /// (RFC 9162 section 2.1.3.2). Whether it is the right one is for the caller to compare.
    ///
    /// # Errors
    ///
    /// [`ProofError::IndexOutOfRange`], [`ProofError::TooLarge`], and [`ProofError::Length`] where
    /// the proof has not exactly as many hashes as index and size determine.
    pub fn root(&self, leaf: LeafHash, index: u64, size: u64) -> Result<RootHash, ProofError> {
        check_index(index, size)?;
        // `check_index` has size above 0.
        let (inner, border) = path_shape(index, size.wrapping_sub(1));
        let expected = length(inner, border);
        if self.hashes.len() != expected {
            return Err(ProofError::Length { expected, found: self.hashes.len() });
        }
        let mut node = NodeHash::from(leaf);
        for (level, neighbour) in (0_u32..).zip(&self.hashes) {
            let is_left = level < inner && index.unbounded_shr(level) & 1 == 0;
            node = if is_left {
                NodeHash::parent(&node, neighbour)
            } else {
                NodeHash::parent(neighbour, &node)
            };
        }
        Ok(node.into())
    }

    /// Checks that `leaf` stands at `index` of the tree with this head.
    ///
    /// Success says that whoever computed the root put this leaf there. It says nothing about who
    /// signed the head, nor what else is in the tree.
    ///
    /// # Errors
    ///
    /// Those of [`root`](Self::root), and [`ProofError::Root`] where it is another.
    pub fn verify(&self, leaf: LeafHash, index: u64, head: &TreeHead) -> Result<(), ProofError> {
        let computed = self.root(leaf, index, head.size)?;
        if computed == head.root {
            Ok(())
        } else {
            Err(ProofError::Root { expected: head.root, computed })
        }
    }
}

/// The neighbours of a node on its path to the root, and which of them stand for one neighbour
/// that the end of the tree cuts off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathNodes {
    pub(super) nodes: Vec<NodeId>,
    /// Hashes before the group that is folded into one, and the length of that group.
    folded: (usize, usize),
}

impl PathNodes {
    /// The path of the perfect subtree (`level`, `index`) to the root of a tree of `size`; the
    /// subtree must end at `size` or before.
    pub(super) fn of(level: u32, index: u64, size: u64) -> Self {
        let last = size.wrapping_sub(1).unbounded_shr(level);
        let (inner, _) = path_shape(index, last);
        let mut nodes = Vec::with_capacity(MAX_INCLUSION_HASHES);
        let mut folded = (0, 0);
        for height in 0..64_u32 {
            let own = index.unbounded_shr(height);
            let at = level.wrapping_add(height);
            if height.wrapping_add(1) == inner {
                // Here the paths of this node and of the last one part: the neighbour holds all
                // leaves from its start to the end of the tree, cut off as that may be.
                let start = (own ^ 1).unbounded_shl(at);
                let before = nodes.len();
                nodes.extend(descending(start, size));
                folded = (before, nodes.len().wrapping_sub(before));
            } else if height < inner || own & 1 == 1 {
                // A full neighbour: below the parting both sides are within a full subtree, above
                // it only left neighbours exist.
                nodes.extend(node(at, own ^ 1));
            }
        }
        Self { nodes, folded }
    }

    /// One hash for each neighbour.
    pub(super) fn assemble(&self, hashes: &[NodeHash]) -> Result<Vec<NodeHash>, ProofError> {
        let wrong = ProofError::Length { expected: self.nodes.len(), found: hashes.len() };
        if hashes.len() != self.nodes.len() {
            return Err(wrong);
        }
        let (before, count) = self.folded;
        // Both splits are within the length just checked.
        let (head, rest) = hashes.split_at_checked(before).ok_or(wrong)?;
        let (group, tail) = rest.split_at_checked(count).ok_or(wrong)?;
        Ok(head.iter().copied().chain(fold(group)).chain(tail.iter().copied()).collect())
    }
}

/// A node within a tree whose size has been checked, so always one.
fn node(level: u32, index: u64) -> Option<NodeId> {
    NodeId::new(u8::try_from(level).ok()?, index).ok()
}

/// Number of hashes of a path; both counts are below 64.
pub(super) fn length(inner: u32, border: u32) -> usize {
    usize::try_from(inner.wrapping_add(border)).unwrap_or(usize::MAX)
}

fn check_index(index: u64, size: u64) -> Result<(), ProofError> {
    if size > MAX_TREE_SIZE {
        Err(ProofError::TooLarge)
    } else if index >= size {
        Err(ProofError::IndexOutOfRange { index, size })
    } else {
        Ok(())
    }
}
