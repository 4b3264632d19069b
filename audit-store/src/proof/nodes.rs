//! Which stored bytes the nodes of a tree are computed from.
//!
//! No I/O here: a [`NodePlan`] names the tiles and rows to read, in two rounds, and turns what was
//! read into the hashes of the nodes. The right edge is not stored as such: a node that is a
//! perfect subtree of the present tree stands in the chain's compact range, a leaf behind the last
//! full tile is hashed from its row, and a hash that a wider tile will hold is the root of a full
//! tile below it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use audit_core::{
    CompactRange, HASH_LEN, LeafHash, NodeHash, NodeId, TILE_HEIGHT, TILE_WIDTH, TileId,
};

use crate::backend::proof::{StoredTile, TilePlace};

/// What to read for a set of nodes, and what was read.
#[derive(Debug)]
pub(crate) struct NodePlan {
    wanted: Vec<NodeId>,
    known: HashMap<NodeId, NodeHash>,
    tiles: BTreeMap<TilePlace, Held>,
}

/// What is known of the hashes of one tile.
#[derive(Debug, Default)]
struct Held {
    stored: Vec<NodeHash>,
    needed: BTreeSet<usize>,
    /// Of the needed ones behind the stored ones.
    derived: HashMap<usize, NodeHash>,
}

impl Held {
    fn hash(&self, at: usize) -> Option<NodeHash> {
        self.stored.get(at).or_else(|| self.derived.get(&at)).copied()
    }

    fn lacking(&self) -> impl Iterator<Item = usize> {
        self.needed.iter().copied().filter(|at| self.hash(*at).is_none())
    }
}

impl NodePlan {
    /// A plan for `wanted`, in a tree whose perfect subtrees at present are `range`.
    pub(crate) fn new(wanted: Vec<NodeId>, range: &CompactRange) -> Self {
        let known: HashMap<_, _> = range.nodes().collect();
        let mut tiles = BTreeMap::<TilePlace, Held>::new();
        for node in wanted.iter().filter(|node| !known.contains_key(node)) {
            tiles.entry(TileId::holding(*node)).or_default().needed.extend(positions(*node));
        }
        Self { wanted, known, tiles }
    }

    /// The tiles to read first: the widest stored at each of these places, if any.
    pub(crate) fn tiles(&self) -> Vec<TilePlace> {
        self.tiles.keys().copied().collect()
    }

    pub(crate) fn add_tiles(&mut self, stored: Vec<StoredTile>) {
        for tile in stored {
            if let Some(held) = self.tiles.get_mut(&(tile.level, tile.index)) {
                held.stored = tile.hashes;
            }
        }
    }

    /// The full tiles whose roots are still lacking. Known once the first tiles are.
    pub(crate) fn children(&self) -> Vec<TilePlace> {
        let lacking = self.tiles.iter().filter(|((level, _), _)| *level > 0);
        lacking
            .flat_map(|((level, index), held)| {
                held.lacking().filter_map(|at| Some((level.checked_sub(1)?, child(*index, at)?)))
            })
            .collect()
    }

    pub(crate) fn add_children(&mut self, stored: Vec<StoredTile>) {
        for tile in stored {
            if tile.hashes.len() != usize::from(TILE_WIDTH) {
                continue;
            }
            let (Some(root), Some(above)) = (fold(&tile.hashes), tile.level.checked_add(1)) else {
                continue;
            };
            let (index, at) = place_of(tile.index);
            if let Some(held) = self.tiles.get_mut(&(above, index)) {
                held.derived.insert(at, root);
            }
        }
    }

    /// The entries whose leaf hashes no tile holds yet. Known once the first tiles are.
    pub(crate) fn rows(&self) -> Option<Range<u64>> {
        let lacking = self.tiles.iter().filter(|((level, _), _)| *level == 0);
        let mut seqs = lacking
            .flat_map(|((_, index), held)| held.lacking().filter_map(|at| child(*index, at)));
        let first = seqs.next()?;
        // The places and the positions in each ascend, so the last is the greatest.
        let last = seqs.last().unwrap_or(first);
        Some(first..last.saturating_add(1))
    }

    pub(crate) fn add_leaf(&mut self, seq: u64, leaf: LeafHash) {
        let (index, at) = place_of(seq);
        if let Some(held) = self.tiles.get_mut(&(0, index)) {
            held.derived.insert(at, leaf.into());
        }
    }

    /// The hashes of the wanted nodes in their order; the first node that lacks something where
    /// what was read does not suffice.
    pub(crate) fn finish(&self) -> Result<Vec<NodeHash>, NodeId> {
        self.wanted
            .iter()
            .map(|node| self.known.get(node).copied().or_else(|| self.compute(*node)).ok_or(*node))
            .collect()
    }

    fn compute(&self, node: NodeId) -> Option<NodeHash> {
        let held = self.tiles.get(&TileId::holding(node))?;
        let hashes: Option<Vec<_>> = positions(node).map(|at| held.hash(at)).collect();
        fold(&hashes?)
    }
}

/// The positions in its tile of the hashes that a node is computed from.
fn positions(node: NodeId) -> Range<usize> {
    let below = u32::from(node.level() % TILE_HEIGHT);
    let count = 1_usize.unbounded_shl(below);
    let first = node.index().unbounded_shl(below) & 0xff;
    let first = usize::try_from(first).unwrap_or(usize::MAX);
    first..first.saturating_add(count)
}

/// The index, one level below, of what the hash at a position stands for.
fn child(index: u64, at: usize) -> Option<u64> {
    index.checked_mul(u64::from(TILE_WIDTH))?.checked_add(u64::try_from(at).ok()?)
}

/// The tile index and the position in it of the hash with this index in its level.
fn place_of(index: u64) -> (u64, usize) {
    let at = usize::try_from(index & 0xff).unwrap_or(usize::MAX);
    (index.unbounded_shr(u32::from(TILE_HEIGHT)), at)
}

/// The hashes of a stored tile.
pub(crate) fn split_hashes(bytes: &[u8]) -> sqlx::Result<Vec<NodeHash>> {
    let (chunks, rest) = bytes.as_chunks::<HASH_LEN>();
    if !rest.is_empty() || chunks.is_empty() || chunks.len() > usize::from(TILE_WIDTH) {
        return Err(sqlx::Error::Decode("a tile holds 1 to 256 hashes of 32 bytes".into()));
    }
    Ok(chunks.iter().copied().map(NodeHash::from_bytes).collect())
}

/// The root over a power of two of hashes.
fn fold(hashes: &[NodeHash]) -> Option<NodeHash> {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level.as_chunks::<2>().0.iter().map(|[l, r]| NodeHash::parent(l, r)).collect();
    }
    level.first().copied()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
mod tests {
    use audit_core::{ConsistencyRequest, InclusionRequest, TreeHead, partial_tiles, tiles_filled};
    use proptest::prelude::*;

    use super::*;

    /// A stored chain: full tiles, partial ones as some signing left them, rows, compact range.
    struct Stored {
        leaves: Vec<LeafHash>,
        tiles: BTreeMap<TilePlace, Vec<NodeHash>>,
        range: CompactRange,
        reads: std::cell::RefCell<BTreeMap<u8, usize>>,
    }

    fn hashes(leaves: &[LeafHash], level: u8) -> Vec<NodeHash> {
        let span = 1_usize << (u32::from(level) * 8);
        let whole = leaves.chunks_exact(span);
        whole
            .map(|part| fold(&part.iter().map(|l| (*l).into()).collect::<Vec<_>>()).unwrap())
            .collect()
    }

    impl Stored {
        /// `signed` is the size at which partial tiles were stored, 0 for never.
        fn new(size: u64, signed: u64) -> Self {
            let leaves: Vec<_> = (0..size).map(|n| LeafHash::of(&n.to_be_bytes())).collect();
            let mut range = CompactRange::default();
            leaves.iter().for_each(|leaf| range.push(*leaf));
            let partial = partial_tiles(signed).filter(|id| id.level() > 0);
            let mut tiles = BTreeMap::new();
            let levels = [0, 1, 2].map(|level| hashes(&leaves, level));
            for id in partial.chain(tiles_filled(0, size)) {
                let all = &levels[usize::from(id.level())];
                let first = usize::try_from(id.index() * 256).unwrap();
                let these = all[first..first + usize::from(id.width())].to_vec();
                tiles.insert((id.level(), id.index()), these);
            }
            Self { leaves, tiles, range, reads: Default::default() }
        }

        fn read(&self, places: &[TilePlace]) -> Vec<StoredTile> {
            places
                .iter()
                .filter_map(|place| {
                    *self.reads.borrow_mut().entry(place.0).or_default() += 1;
                    let hashes = self.tiles.get(place)?.clone();
                    Some(StoredTile { level: place.0, index: place.1, hashes })
                })
                .collect()
        }

        fn nodes(&self, wanted: &[NodeId]) -> Vec<NodeHash> {
            let mut plan = NodePlan::new(wanted.to_vec(), &self.range);
            plan.add_tiles(self.read(&plan.tiles()));
            plan.add_children(self.read(&plan.children()));
            for seq in plan.rows().unwrap_or_default() {
                plan.add_leaf(seq, self.leaves[usize::try_from(seq).unwrap()]);
            }
            plan.finish().unwrap()
        }

        fn head(&self, size: u64) -> TreeHead {
            let mut range = CompactRange::default();
            let size = usize::try_from(size).unwrap();
            self.leaves[..size].iter().for_each(|leaf| range.push(*leaf));
            range.head()
        }

        fn check(&self, seq: u64, old: u64, new: u64) {
            let request = InclusionRequest::new(seq, new).unwrap();
            let proof = request.assemble(&self.nodes(request.nodes())).unwrap();
            let leaf = self.leaves[usize::try_from(seq).unwrap()];
            proof.verify(leaf, seq, &self.head(new)).unwrap();
            let request = ConsistencyRequest::new(old, new).unwrap();
            let proof = request.assemble(&self.nodes(request.nodes())).unwrap();
            proof.verify(&self.head(old), &self.head(new)).unwrap();
        }
    }

    #[test]
    fn every_proof_around_a_tile_edge() {
        for size in [1, 2, 255, 256, 257, 511, 512, 600] {
            let stored = Stored::new(size, 0);
            for seq in (0..size).step_by(7).chain([size - 1]) {
                stored.check(seq, seq + 1, size);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4))]
        #[test]
        fn any_proof_of_a_tree_with_three_levels_of_tiles(
            size in 65_000_u64..70_000, signed in 0_u64..1_000,
            a in any::<u64>(), b in any::<u64>(), c in any::<u64>(),
        ) {
            let stored = Stored::new(size, size - signed);
            let new = 1 + a % size;
            stored.check(b % new, 1 + c % new, new);
            stored.check(b % size, new, size);
        }
    }

    #[test]
    fn few_tiles_are_read_for_a_proof_at_a_signed_size() {
        let size = 3 * 65_536 + 41 * 256 + 17;
        let stored = Stored::new(size, size);
        for seq in [0, 255, 70_000, 3 * 65_536 - 1, 3 * 65_536, 3 * 65_536 + 300, size - 1] {
            stored.reads.borrow_mut().clear();
            let request = InclusionRequest::new(seq, size).unwrap();
            let proof = request.assemble(&stored.nodes(request.nodes())).unwrap();
            let leaf = stored.leaves[usize::try_from(seq).unwrap()];
            proof.verify(leaf, seq, &stored.range.head()).unwrap();
            for (level, reads) in &*stored.reads.borrow() {
                assert!(*reads <= 4, "{reads} tiles of level {level} for the proof of {seq}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let stored = Stored::new(600, 0);
        let node = NodeId::new(3, 2).unwrap();
        let plan = NodePlan::new(vec![node], &stored.range);
        assert_eq!(plan.tiles(), [(0, 0)]);
        assert_eq!(plan.finish(), Err(node));
    }
}
