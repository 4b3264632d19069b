//! The tree over the entries, and the one that tiles and links commit to where these differ.

use std::collections::BTreeMap;

use super::block::TILE;
use super::finding::{Evidence, EvidenceSource, Finding, FindingCode};
use super::summary::Row;
use crate::{ChainId, CompactRange, LeafHash, NodeHash, RootHash, TileId};

/// A tree as far as its leaves are known.
#[derive(Clone, Debug, Default)]
struct Tree {
    range: CompactRange,
    /// A leaf was not to be had: there is no root from there on.
    lost: bool,
}

impl Tree {
    fn push(&mut self, leaf: Option<LeafHash>) {
        self.lost |= leaf.is_none();
        self.range.push(leaf.unwrap_or(LeafHash::ZERO));
    }

    fn push_tile(&mut self, root: NodeHash) {
        // Tiles are pushed whole and in order, so that the range is always aligned.
        self.lost |= self.range.push_subtree(crate::TILE_HEIGHT, root).is_err();
    }

    fn root(&self) -> Option<RootHash> {
        (!self.lost).then(|| self.range.root())
    }
}

/// Both roots at one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Roots {
    /// Over what stands; `None` where a leaf is not to be had.
    pub(crate) own: Option<RootHash>,
    /// Over what the evidence commits to, where that differs.
    pub(crate) committed: Option<RootHash>,
    /// Whether it differs at all.
    pub(crate) differ: bool,
}

impl Roots {
    /// Whether a signed root is one of these; `None` where no root is known.
    pub(crate) fn include(&self, root: &RootHash) -> Option<bool> {
        if self.own.as_ref() == Some(root) || self.committed.as_ref() == Some(root) {
            return Some(true);
        }
        if self.own.is_none() && !self.differ { None } else { Some(false) }
    }
}

/// The trees, moved along the chain tile by tile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trees {
    own: Tree,
    committed: Option<Tree>,
}

/// What stands for the leaf of an altered entry: `None` where nothing does.
pub(crate) type Substitutes = BTreeMap<usize, Option<LeafHash>>;

impl Trees {
    pub(crate) fn roots(&self) -> Roots {
        Roots {
            own: self.own.root(),
            committed: self.committed.as_ref().and_then(Tree::root),
            differ: self.committed.is_some(),
        }
    }

    /// The range over what stands, and the one over what is committed to.
    pub(crate) fn ranges(&self) -> (Option<&CompactRange>, Option<&CompactRange>) {
        let known = |tree: &'_ Tree| !tree.lost;
        (
            Some(&self.own).filter(|tree| known(tree)).map(|tree| &tree.range),
            self.committed.as_ref().filter(|tree| known(tree)).map(|tree| &tree.range),
        )
    }

    /// Adds up to one tile of rows. `root` is that of the whole tile, where it is known; `wanted`
    /// are the sizes at which a checkpoint asks for the roots, ascending. Returns the roots of the
    /// tile alone, where it is whole.
    pub(crate) fn advance(
        &mut self,
        rows: &[Row],
        substitutes: &Substitutes,
        root: Option<NodeHash>,
        wanted: &[u64],
        mut visit: impl FnMut(u64, Roots),
    ) -> [Option<NodeHash>; 2] {
        if self.committed.is_none() && !substitutes.is_empty() {
            self.committed = Some(self.own.clone());
        }
        let whole = u64::try_from(rows.len()).is_ok_and(|rows| rows == TILE);
        if let (Some(root), true, true) = (root, wanted.is_empty(), substitutes.is_empty()) {
            self.own.push_tile(root);
            if let Some(tree) = &mut self.committed {
                tree.push_tile(root);
            }
            return [Some(root), Some(root)];
        }
        let mut tile = Self { own: Tree::default(), committed: Some(Tree::default()) };
        for (i, row) in rows.iter().enumerate() {
            let leaf = row.is(Row::HASHED).then_some(row.leaf);
            let committed = substitutes.get(&i).copied().unwrap_or(leaf);
            self.push(leaf, committed);
            tile.push(leaf, committed);
            let size = self.own.range.size();
            if wanted.binary_search(&size).is_ok() {
                visit(size, self.roots());
            }
        }
        let node = |tree: &Tree| {
            let node = tree.range.nodes().next().map(|(_, hash)| hash);
            node.filter(|_| whole && !tree.lost)
        };
        [node(&tile.own), tile.committed.as_ref().and_then(node)]
    }

    fn push(&mut self, own: Option<LeafHash>, committed: Option<LeafHash>) {
        self.own.push(own);
        if let Some(tree) = &mut self.committed {
            tree.push(committed);
        }
    }
}

/// Stored tiles above level 0, compared as the tree grows.
#[derive(Debug, Default)]
pub(crate) struct UpperTiles {
    /// Of each level from 1 on, the tile that is being filled.
    levels: Vec<Vec<Option<NodeHash>>>,
    /// How many tiles of each level are full.
    full: Vec<u64>,
    stored: BTreeMap<(u8, u64), Vec<NodeHash>>,
}

impl UpperTiles {
    /// A stored tile, given before the tree fills it. Of several the widest counts; returns the
    /// finding where they differ.
    pub(crate) fn stored(
        &mut self,
        chain: &ChainId,
        id: TileId,
        hashes: Vec<NodeHash>,
    ) -> Option<Finding> {
        let widest = self.stored.entry((id.level(), id.index())).or_default();
        let differs = widest.iter().zip(&hashes).position(|(one, other)| one != other);
        let finding = differs.map(|i| {
            let (first, last) = leaves(id.level(), id.index(), i);
            let message = "two stored hash tiles of one place differ";
            let finding = Finding::within(FindingCode::Altered, chain, first, last, message);
            match (widest.get(i), hashes.get(i)) {
                (Some(one), Some(other)) => {
                    finding.with(Evidence::new(EvidenceSource::Tile, one, other))
                }
                _ => finding,
            }
        });
        if hashes.len() > widest.len() {
            *widest = hashes;
        }
        finding
    }

    /// The roots of the next tile of level 0 (over what stands, and over what is committed to).
    pub(crate) fn push(
        &mut self,
        chain: &ChainId,
        required: bool,
        mut roots: [Option<NodeHash>; 2],
        report: &mut impl FnMut(Finding),
    ) {
        for level in 1_u8.. {
            let place = usize::from(level).saturating_sub(1);
            if self.levels.len() <= place {
                self.levels.push(Vec::new());
                self.full.push(0);
            }
            let (Some(hashes), Some(full)) = (self.levels.get_mut(place), self.full.get_mut(place))
            else {
                return;
            };
            let index = *full;
            let i = hashes.len();
            let [own, committed] = roots;
            let stored = self.stored.get(&(level, index));
            if let (Some(stored), Some(found)) = (stored.and_then(|tile| tile.get(i)), own)
                && *stored != found
                && Some(*stored) != committed
            {
                let (first, last) = leaves(level, index, i);
                let message = "a stored hash tile has another hash over these entries";
                let finding = Finding::within(FindingCode::Altered, chain, first, last, message);
                let evidence = Evidence::new(EvidenceSource::Tile, stored, found);
                report(finding.with(evidence));
            }
            hashes.push(committed.or(own));
            if u64::try_from(hashes.len()).is_ok_and(|len| len < TILE) {
                return;
            }
            let stored = self.stored.remove(&(level, index));
            let width = stored.map_or(0, |hashes| hashes.len());
            if required && width < hashes.len() {
                let (first, _) = leaves(level, index, 0);
                let (_, last) = leaves(level, index, hashes.len().saturating_sub(1));
                let message = "the full hash tile over these entries is not stored";
                report(Finding::within(FindingCode::Missing, chain, first, last, message));
            }
            let root = perfect(hashes);
            hashes.clear();
            *full = full.saturating_add(1);
            roots = [root, root];
        }
    }

    /// Stored tiles that have more than the tree does.
    pub(crate) fn finish(&self, chain: &ChainId, report: &mut impl FnMut(Finding)) {
        for ((level, index), hashes) in &self.stored {
            let place = usize::from(*level).saturating_sub(1);
            let current = self.full.get(place).copied().unwrap_or(0) == *index;
            let filled = self.levels.get(place).filter(|_| current).map_or(0, Vec::len);
            if hashes.len() > filled {
                let (first, _) = leaves(*level, *index, filled);
                let (_, last) = leaves(*level, *index, hashes.len().saturating_sub(1));
                let message = "a stored hash tile has hashes over entries that are not there";
                report(Finding::within(FindingCode::Altered, chain, first, last, message));
            }
        }
    }
}

/// The first and the last leaf under the `i`-th hash of a tile.
fn leaves(level: u8, index: u64, i: usize) -> (u64, u64) {
    let shift = u32::from(level).saturating_mul(u32::from(crate::TILE_HEIGHT));
    let node = index.saturating_mul(TILE).saturating_add(u64::try_from(i).unwrap_or(u64::MAX));
    let first = node.unbounded_shl(shift);
    (first, first.saturating_add(1_u64.unbounded_shl(shift)).saturating_sub(1))
}

fn perfect(hashes: &[Option<NodeHash>]) -> Option<NodeHash> {
    let mut range = CompactRange::default();
    for hash in hashes {
        range.push(LeafHash::from_bytes(*(*hash)?.as_bytes()));
    }
    range.nodes().next().map(|(_, hash)| hash)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use super::*;

    fn chain() -> ChainId {
        "acme/default".parse().unwrap()
    }

    fn node(n: u64) -> NodeHash {
        LeafHash::of(&n.to_be_bytes()).into()
    }

    /// What is found where the tree has these roots of level-0 tiles and these tiles are stored.
    fn found(
        roots: u64,
        required: bool,
        stored: &[(u8, u64, Vec<NodeHash>)],
    ) -> Vec<(FindingCode, u64, u64)> {
        let mut tiles = UpperTiles::default();
        let mut found = Vec::new();
        for (level, index, hashes) in stored {
            let id = TileId::new(*level, *index, hashes.len().try_into().unwrap()).unwrap();
            found.extend(tiles.stored(&chain(), id, hashes.clone()));
        }
        let mut report = |finding| found.push(finding);
        for n in 0..roots {
            tiles.push(&chain(), required, [Some(node(n)); 2], &mut report);
        }
        tiles.finish(&chain(), &mut report);
        found.iter().map(|f| (f.code, f.first_seq, f.last_seq)).collect()
    }

    fn level_one(index: u64) -> Vec<NodeHash> {
        (index * 256..(index + 1) * 256).map(node).collect()
    }

    #[test]
    fn full_tiles_of_every_level_are_stored() {
        let both = [(1, 0, level_one(0)), (1, 1, level_one(1))];
        assert_eq!(found(600, true, &both), []);
        assert_eq!(found(600, false, &[]), []);
        let lacking = (FindingCode::Missing, 256 << 8, (512 << 8) - 1);
        assert_eq!(found(600, true, &both[..1]), [lacking]);
        assert_eq!(found(511, true, &both[..1]), []);
    }

    #[test]
    fn a_stored_hash_is_compared_with_the_roots_below() {
        let mut tile = level_one(1);
        tile[7] = node(9_999);
        let place = (256 + 7) << 8;
        let stored = [(1, 0, level_one(0)), (1, 1, tile.clone())];
        assert_eq!(found(600, true, &stored), [(FindingCode::Altered, place, place + 255)]);
        // A narrower one must agree with the wider one, and may be all there is.
        let stored = [(1, 0, level_one(0)), (1, 1, level_one(1)), (1, 1, tile[..8].to_vec())];
        assert_eq!(found(600, true, &stored), [(FindingCode::Altered, place, place + 255)]);
        assert_eq!(
            found(264, true, &[(1, 0, level_one(0)), (1, 1, level_one(1)[..8].to_vec())]),
            []
        );
        // More than the tree has.
        let beyond = (FindingCode::Altered, 264 << 8, (512 << 8) - 1);
        assert_eq!(found(264, true, &[(1, 0, level_one(0)), (1, 1, level_one(1))]), [beyond]);
    }

    #[test]
    fn the_second_level_is_over_the_roots_of_the_first() {
        let root = |index| perfect(&level_one(index).into_iter().map(Some).collect::<Vec<_>>());
        let stored = [(2, 0, vec![root(0).unwrap(), root(1).unwrap()])];
        assert_eq!(found(600, false, &stored), []);
        let stored = [(2, 0, vec![root(0).unwrap(), node(1)])];
        assert_eq!(found(600, false, &stored), [(FindingCode::Altered, 1 << 16, (2 << 16) - 1)]);
    }
}
