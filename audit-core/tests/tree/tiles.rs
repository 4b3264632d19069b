//! Tiles: their names, their widths, and that they hold every node.

use std::collections::{BTreeMap, BTreeSet};

use audit_core::{
    InclusionRequest, LeafHash, MAX_TREE_SIZE, NodeHash, NodeId, TILE_WIDTH, Tile, TileError,
    TileId, partial_tiles, tiles_filled,
};
use proptest::prelude::*;

use crate::reference::{Store, entries, leaves};

#[test]
fn the_standards_example_of_tiles() {
    // A tree of 70,000: 273 full tiles at level 0, a partial one of 112, one full and one partial
    // one of 17 at level 1, one of width 1 at level 2.
    let full: Vec<_> = tiles_filled(0, 70_000).collect();
    assert_eq!(full.iter().filter(|tile| tile.level() == 0).count(), 273);
    assert_eq!(full.iter().filter(|tile| tile.level() == 1).count(), 1);
    assert_eq!(full.len(), 274);
    assert!(full.is_sorted_by_key(|tile| (tile.level(), tile.index())));
    let partial: Vec<_> = partial_tiles(70_000).map(TileId::path).collect();
    assert_eq!(partial, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    let partial: Vec<_> = partial_tiles(256).map(TileId::path).collect();
    assert_eq!(partial, ["tile/1/000.p/1"]);
    assert_eq!(tiles_filled(0, 256).map(TileId::path).collect::<Vec<_>>(), ["tile/0/000"]);
    assert_eq!(tiles_filled(10, 10).count() + tiles_filled(600, 3).count(), 0);
    assert_eq!(partial_tiles(0).count(), 0);
    assert_eq!(partial_tiles(u64::MAX).count(), 8);
}

#[test]
fn growing_step_by_step_fills_the_same_tiles() {
    let at_once: BTreeSet<_> = tiles_filled(0, 140_000).collect();
    let mut stepwise = BTreeSet::new();
    let mut size = 0;
    for step in (1..).map(|n: u64| n * 37 % 1009) {
        let next = std::cmp::min(size + step, 140_000);
        for tile in tiles_filled(size, next) {
            assert!(tile.is_full());
            assert!(stepwise.insert(tile), "{tile} twice");
        }
        size = next;
        if size == 140_000 {
            break;
        }
    }
    assert_eq!(at_once, stepwise);
}

#[test]
fn paths_are_strict() {
    for (level, index, width, path) in [
        (0, 0, 256, "tile/0/000"),
        (0, 999, 256, "tile/0/999"),
        (0, 1000, 1, "tile/0/x001/000.p/1"),
        (1, 1_234_067, 255, "tile/1/x001/x234/067.p/255"),
        (2, 1_000_000, 256, "tile/2/x001/x000/000"),
        (0, MAX_TREE_SIZE >> 8, 255, "tile/0/x036/x028/x797/x018/x963/967.p/255"),
    ] {
        let tile = TileId::new(level, index, width).unwrap();
        assert_eq!(tile.path(), path);
        assert_eq!(TileId::parse(path), Ok(tile));
        assert_eq!(path.parse(), Ok(tile));
    }
    for bad in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "/tile/0/000",
        "tile/00/000",
        "tile/+0/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/256/000",
        "Tile/0/000",
        "tile/0/x000/000",
        "tile/0/x000/x001/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/",
        "tile/0/X001/000",
        "tile/0/x01/000",
        "tile/0/x0001/000",
        "tile/0/x001//000",
        "tile/0/+01",
        "tile/0/x+01/000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/+1",
        "tile/0/000.p/1/",
        "tile/0/000.p/1 ",
        " tile/0/000",
        "tile/0/000\n",
        "tile/0/000.p/1.p/1",
        "tile/entries/000",
        "tile/0/٠٠٠",
        "tile/0/00é",
    ] {
        assert_eq!(TileId::parse(bad), Err(TileError::Path), "{bad}");
    }
    for far in [
        "tile/8/000",
        "tile/63/000.p/1",
        "tile/7/000",
        "tile/7/000.p/128",
        "tile/1/x140/x737/x488/x355/328",
        "tile/0/x036/x028/x797/x018/x963/967",
        "tile/0/x036/x028/x797/x018/x963/968.p/1",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert_eq!(TileId::parse(far), Err(TileError::TooLarge), "{far}");
    }
    assert_eq!(TileId::new(0, 0, 0), Err(TileError::Width(0)));
    assert_eq!(TileId::new(0, 0, 257), Err(TileError::Width(257)));
    assert_eq!(TileId::new(0, u64::MAX, 1), Err(TileError::TooLarge));
    assert_eq!(TileId::new(255, 0, 1), Err(TileError::TooLarge));
    assert!(TileId::new(7, 0, 127).is_ok());
}

#[test]
fn tile_errors_read_well() {
    let short = Tile::from_bytes(TileId::new(0, 0, 2).unwrap(), &[0; 63]).unwrap_err();
    assert_eq!(short.to_string(), "63 bytes where a tile of width 2 has 64");
    assert_eq!(TileError::Path.to_string(), "not the path of a tile");
    assert_eq!(TileError::TooLarge.to_string(), "a tile beyond 2^63 - 1 leaves");
    assert_eq!(TileError::Width(300).to_string(), "a tile cannot have 300 hashes");
}

/// All tiles of a tree, full and partial, each level made from the one below.
fn tiles(leaves: &[LeafHash]) -> BTreeMap<(u8, u64), Tile> {
    let mut all = BTreeMap::new();
    let size = leaves.len() as u64;
    let mut hashes: Vec<NodeHash> = leaves.iter().map(|leaf| (*leaf).into()).collect();
    for level in 0.. {
        let mut above = Vec::new();
        for (index, chunk) in (0..).zip(hashes.chunks(usize::from(TILE_WIDTH))) {
            let id = TileId::at_size(level, index, size).unwrap();
            let tile = Tile::new(id, chunk.to_vec()).unwrap();
            assert_eq!(Tile::from_bytes(id, &tile.to_bytes()).unwrap(), tile);
            assert_eq!(tile.root().is_some(), id.is_full());
            above.extend(tile.root());
            all.insert((level, index), tile);
        }
        if above.is_empty() {
            return all;
        }
        hashes = above;
    }
    unreachable!()
}

#[test]
fn tiles_hold_every_node() {
    let entries = entries(70_000);
    let leaves = leaves(&entries);
    let store = Store::of(&leaves);
    let tiles = tiles(&leaves);
    assert_eq!(
        tiles.values().map(Tile::id).filter(|id| id.is_full()).collect::<Vec<_>>(),
        tiles_filled(0, 70_000).collect::<Vec<_>>()
    );
    assert_eq!(
        tiles.values().map(Tile::id).filter(|id| !id.is_full()).collect::<Vec<_>>(),
        partial_tiles(70_000).collect::<Vec<_>>()
    );
    for (node, hash) in &store.0 {
        assert_eq!(tiles[&TileId::holding(*node)].node(*node), Some(*hash), "{node:?}");
    }
    let first = &tiles[&(0, 0)];
    assert_eq!(first.id().hash_id(255), NodeId::new(0, 255).ok());
    assert_eq!(tiles[&(1, 1)].id().hash_id(3), NodeId::new(8, 259).ok());
    assert_eq!(first.id().hash_id(256), None);
    // Another tile's node, and nodes that reach beyond the width.
    assert_eq!(first.node(NodeId::new(0, 256).unwrap()), None);
    assert_eq!(first.node(NodeId::new(8, 0).unwrap()), None);
    let last = &tiles[&(0, 273)];
    assert_eq!(last.node(NodeId::new(0, 273 * 256 + 112).unwrap()), None);
    assert_eq!(last.node(NodeId::new(7, 273 * 2).unwrap()), None);
    assert!(last.node(NodeId::new(4, 273 * 16 + 6).unwrap()).is_some());
}

#[test]
fn a_proof_in_a_million_reads_few_tiles() {
    for size in [1_000_000, 1_048_575, 1_048_576, 1_048_577, 999_424_u64] {
        for index in (0..size).step_by(997).chain([0, 1, size - 2, size - 1]) {
            let request = InclusionRequest::new(index, size).unwrap();
            let mut per_level = BTreeMap::<u8, BTreeSet<u64>>::new();
            for node in request.nodes() {
                let (level, tile) = TileId::holding(*node);
                per_level.entry(level).or_default().insert(tile);
            }
            assert!(per_level.len() <= 3);
            assert!(per_level.values().all(|tiles| tiles.len() <= 2), "{index}: {per_level:?}");
        }
    }
}

fn a_tile() -> impl Strategy<Value = TileId> {
    (0..8_u8, any::<u64>(), 1..=256_u16, 0..64_u32)
        .prop_filter_map("no such tile", |(level, index, width, shift)| {
            TileId::new(level, index >> shift, width).ok()
        })
}

proptest! {
    #[test]
    fn tile_paths_round_trip(tile in a_tile()) {
        prop_assert_eq!(TileId::parse(&tile.path()), Ok(tile));
    }

    #[test]
    fn tile_paths_never_panic_and_are_canonical(path in "tile/[0-9]{1,2}/(x[0-9]{3}/){0,8}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(tile) = TileId::parse(&path) {
            prop_assert_eq!(tile.path(), path);
        }
    }

    #[test]
    fn any_text_is_an_error_or_a_path(path: String) {
        if let Ok(tile) = TileId::parse(&path) {
            prop_assert_eq!(tile.path(), path);
        }
    }
}
