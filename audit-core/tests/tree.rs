//! The tree against the definitions of RFC 6962 section 2.1 written out naively, against published
//! known answers, and against an independent implementation.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use audit_core::{
    CompactRange, ConsistencyProof, ConsistencyRequest, InclusionProof, InclusionRequest, LeafHash,
    MAX_TREE_SIZE, NodeHash, NodeId, ProofError, RootHash, TILE_WIDTH, Tile, TileError, TileId,
    TreeHead, partial_tiles, tiles_filled,
};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// Sizes up to this are gone through one by one.
const SIZES: usize = 130;

// RFC 6962 section 2.1, word for word and without a thought for speed.

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}

/// The largest power of two smaller than n.
fn split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

fn mth(d: &[Vec<u8>]) -> [u8; 32] {
    match d {
        [] => sha256(&[]),
        [only] => sha256(&[&[0], only]),
        _ => {
            let (left, right) = d.split_at(split(d.len()));
            sha256(&[&[1], &mth(left), &mth(right)])
        }
    }
}

fn path(m: usize, d: &[Vec<u8>]) -> Vec<[u8; 32]> {
    if d.len() == 1 {
        return Vec::new();
    }
    let k = split(d.len());
    let (mut path, last) =
        if m < k { (path(m, &d[..k]), mth(&d[k..])) } else { (path(m - k, &d[k..]), mth(&d[..k])) };
    path.push(last);
    path
}

fn proof(m: usize, d: &[Vec<u8>]) -> Vec<[u8; 32]> {
    subproof(m, d, true)
}

fn subproof(m: usize, d: &[Vec<u8>], complete: bool) -> Vec<[u8; 32]> {
    if m == d.len() {
        return if complete { Vec::new() } else { vec![mth(d)] };
    }
    let k = split(d.len());
    let (mut proof, last) = if m <= k {
        (subproof(m, &d[..k], complete), mth(&d[k..]))
    } else {
        (subproof(m - k, &d[k..], false), mth(&d[..k]))
    };
    proof.push(last);
    proof
}

// A store: every perfect subtree by its name.

struct Store(HashMap<NodeId, NodeHash>);

impl Store {
    fn of(leaves: &[LeafHash]) -> Self {
        let mut all = HashMap::new();
        let mut hashes: Vec<NodeHash> = leaves.iter().map(|leaf| (*leaf).into()).collect();
        let mut level = 0;
        while !hashes.is_empty() {
            for (index, hash) in (0..).zip(&hashes) {
                all.insert(NodeId::new(level, index).unwrap(), *hash);
            }
            hashes =
                hashes.chunks_exact(2).map(|pair| NodeHash::parent(&pair[0], &pair[1])).collect();
            level += 1;
        }
        Self(all)
    }

    fn fetch(&self, nodes: &[NodeId], size: u64) -> Vec<NodeHash> {
        nodes
            .iter()
            .map(|node| {
                assert!(node.end_leaf() <= size, "{node:?} is not in a tree of {size}");
                self.0[node]
            })
            .collect()
    }

    fn inclusion(&self, index: u64, size: u64) -> InclusionProof {
        let request = InclusionRequest::new(index, size).unwrap();
        request.assemble(&self.fetch(request.nodes(), size)).unwrap()
    }

    fn consistency(&self, old: u64, new: u64) -> ConsistencyProof {
        let request = ConsistencyRequest::new(old, new).unwrap();
        request.assemble(&self.fetch(request.nodes(), new)).unwrap()
    }
}

fn entries(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|index| format!("entry {index}").into_bytes()).collect()
}

fn leaves(entries: &[Vec<u8>]) -> Vec<LeafHash> {
    entries.iter().map(|entry| LeafHash::of(entry)).collect()
}

fn heads(leaves: &[LeafHash]) -> Vec<TreeHead> {
    let mut range = CompactRange::default();
    let mut heads = vec![range.head()];
    for leaf in leaves {
        range.push(*leaf);
        heads.push(range.head());
    }
    heads
}

fn bytes(hashes: &[NodeHash]) -> Vec<[u8; 32]> {
    hashes.iter().map(|hash| *hash.as_bytes()).collect()
}

#[test]
fn every_root_is_the_standards() {
    let entries = entries(SIZES);
    let heads = heads(&leaves(&entries));
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for size in 0..=SIZES {
        assert_eq!(heads[size].size, size as u64);
        assert_eq!(heads[size].root.as_bytes(), &mth(&entries[..size]), "size {size}");
        if size > 0 {
            oracle.push(entries[size - 1].clone());
            assert_eq!(heads[size].root.as_bytes()[..], oracle.root().as_bytes()[..]);
        }
    }
}

#[test]
fn every_inclusion_proof_is_the_standards() {
    let entries = entries(SIZES);
    let leaves = leaves(&entries);
    let (store, heads) = (Store::of(&leaves), heads(&leaves));
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for size in 1..=SIZES {
        oracle.push(entries[size - 1].clone());
        for (index, leaf) in leaves.iter().enumerate().take(size) {
            let (i, n) = (index as u64, size as u64);
            let made = store.inclusion(i, n);
            assert_eq!(bytes(made.hashes()), path(index, &entries[..size]), "{index} of {size}");
            assert_eq!(bytes(made.hashes()).concat(), oracle.prove_inclusion(index).as_bytes());
            assert_eq!(made.verify(*leaf, i, &heads[size]), Ok(()));
            assert_eq!(made.root(*leaf, i, n), Ok(heads[size].root));
        }
    }
}

#[test]
fn every_consistency_proof_is_the_standards() {
    let entries = entries(SIZES);
    let leaves = leaves(&entries);
    let (store, heads) = (Store::of(&leaves), heads(&leaves));
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for new in 1..=SIZES {
        oracle.push(entries[new - 1].clone());
        for old in 0..=new {
            let made = store.consistency(old as u64, new as u64);
            if old > 0 {
                assert_eq!(bytes(made.hashes()), proof(old, &entries[..new]), "{old} to {new}");
                let other = oracle.prove_consistency(new - old);
                assert_eq!(bytes(made.hashes()).concat(), other.as_bytes());
            }
            assert_eq!(made.verify(&heads[old], &heads[new]), Ok(()), "{old} to {new}");
        }
    }
}

#[test]
fn no_proof_shows_anything_else() {
    let entries = entries(40);
    let leaves = leaves(&entries);
    let (store, heads) = (Store::of(&leaves), heads(&leaves));
    for size in 1..=40_u64 {
        for index in 0..size {
            let made = store.inclusion(index, size);
            // Every other claim about the same leaf, the same proof and any head is false.
            for (other_size, head) in (0..).zip(&heads) {
                for other in 0..other_size + 2 {
                    let same = other == index && other_size == size;
                    let verified = made.verify(leaves[index as usize], other, head);
                    assert_eq!(verified.is_ok(), same, "{index}/{size} as {other}/{other_size}");
                }
            }
        }
    }
    for new in 1..=40_usize {
        for old in 1..new {
            let made = store.consistency(old as u64, new as u64);
            for (other_new, new_head) in heads.iter().enumerate() {
                for (other_old, old_head) in heads.iter().enumerate().skip(1) {
                    let same = other_old == old && other_new == new;
                    assert_eq!(made.verify(old_head, new_head).is_ok(), same);
                }
            }
        }
    }
}

/// The proofs a broken or hostile prover may send for a good one.
fn mangled(hashes: &[NodeHash], root: RootHash, leaf: LeafHash) -> Vec<Vec<NodeHash>> {
    let garbage = NodeHash::from_bytes([0xa5; 32]);
    let root = NodeHash::from_bytes(*root.as_bytes());
    let mut all = vec![];
    for at in 0..=hashes.len() {
        for inserted in [garbage, root, leaf.into()] {
            let mut with = hashes.to_vec();
            with.insert(at, inserted);
            all.push(with);
        }
    }
    for at in 0..hashes.len() {
        let mut without = hashes.to_vec();
        without.remove(at);
        all.push(without);
        for bit in 0..256 {
            let mut flipped = hashes.to_vec();
            let mut bytes = *flipped[at].as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            flipped[at] = NodeHash::from_bytes(bytes);
            all.push(flipped);
        }
        for other in at + 1..hashes.len() {
            let mut swapped = hashes.to_vec();
            swapped.swap(at, other);
            all.push(swapped);
        }
    }
    if !hashes.is_empty() {
        all.push(vec![]);
        all.push([hashes, hashes].concat());
    }
    all
}

#[test]
fn mangled_proofs_are_refused() {
    let entries = entries(23);
    let leaves = leaves(&entries);
    let (store, heads) = (Store::of(&leaves), heads(&leaves));
    for size in [1, 2, 3, 7, 8, 9, 21, 23_u64] {
        let head = &heads[size as usize];
        for index in 0..size {
            let leaf = leaves[index as usize];
            let good = store.inclusion(index, size);
            for bad in mangled(good.hashes(), head.root, leaf) {
                let bad = InclusionProof::from_hashes(bad).unwrap();
                assert!(bad.verify(leaf, index, head).is_err());
            }
            let wrong = LeafHash::of(b"another");
            assert!(matches!(good.verify(wrong, index, head), Err(ProofError::Root { .. })));
            for root in [RootHash::EMPTY, RootHash::from_bytes([9; 32])] {
                let head = TreeHead::new(size, root);
                assert!(matches!(good.verify(leaf, index, &head), Err(ProofError::Root { .. })));
            }
            for other in [size * 2, size / 2] {
                let head = TreeHead::new(other, head.root);
                assert!(good.verify(leaf, index, &head).is_err() || other == size);
            }
        }
        for old in 1..size {
            let (old_head, good) = (&heads[old as usize], store.consistency(old, size));
            for bad in mangled(good.hashes(), head.root, leaves[0]) {
                let bad = ConsistencyProof::from_hashes(bad).unwrap();
                assert!(bad.verify(old_head, head).is_err(), "{old} to {size}");
            }
            let other = TreeHead::new(old, head.root);
            // Where the older tree is one perfect subtree, its root is itself part of the path.
            match good.verify(&other, head) {
                Err(ProofError::OldRoot { .. }) => assert!(!old.is_power_of_two()),
                Err(ProofError::Root { .. }) => assert!(old.is_power_of_two()),
                unexpected => panic!("{unexpected:?}"),
            }
            let other = TreeHead::new(size, old_head.root);
            assert!(matches!(good.verify(old_head, &other), Err(ProofError::Root { .. })));
        }
    }
}

#[test]
fn edges_are_errors_and_never_panics() {
    let leaf = LeafHash::of(b"");
    let head = |size| TreeHead::new(size, RootHash::EMPTY);
    let empty = InclusionProof::from_hashes(vec![]).unwrap();
    assert_eq!(
        empty.verify(leaf, 0, &head(0)),
        Err(ProofError::IndexOutOfRange { index: 0, size: 0 })
    );
    assert_eq!(InclusionRequest::new(5, 5), Err(ProofError::IndexOutOfRange { index: 5, size: 5 }));
    assert_eq!(InclusionRequest::new(5, u64::MAX), Err(ProofError::TooLarge));
    assert_eq!(empty.root(leaf, u64::MAX, u64::MAX), Err(ProofError::TooLarge));
    let hash = NodeHash::from(leaf);
    assert_eq!(InclusionProof::from_hashes(vec![hash; 64]), Err(ProofError::TooLong));
    assert_eq!(ConsistencyProof::from_hashes(vec![hash; 65]), Err(ProofError::TooLong));
    let longest = InclusionProof::from_hashes(vec![hash; 63]).unwrap();
    assert!(longest.root(leaf, 0, MAX_TREE_SIZE).is_ok());
    for index in [0, 1, MAX_TREE_SIZE - 1] {
        let request = InclusionRequest::new(index, MAX_TREE_SIZE).unwrap();
        let made = request.assemble(&vec![hash; request.nodes().len()]).unwrap();
        assert!(made.root(leaf, index, MAX_TREE_SIZE).is_ok());
    }
    for old in [1, 2, 3, 1 << 62, MAX_TREE_SIZE - 1] {
        let request = ConsistencyRequest::new(old, MAX_TREE_SIZE).unwrap();
        let made = request.assemble(&vec![hash; request.nodes().len()]).unwrap();
        assert!(matches!(
            made.verify(&head(old), &head(MAX_TREE_SIZE)),
            Err(ProofError::OldRoot { .. } | ProofError::Root { .. })
        ));
        assert!(request.assemble(&[]).is_err());
    }

    assert_eq!(ConsistencyRequest::new(2, 1), Err(ProofError::Shrinking { old: 2, new: 1 }));
    let nothing = ConsistencyProof::from_hashes(vec![]).unwrap();
    let other = TreeHead::new(0, RootHash::from_bytes([1; 32]));
    assert_eq!(nothing.verify(&TreeHead::EMPTY, &TreeHead::EMPTY), Ok(()));
    assert!(nothing.verify(&other, &head(7)).is_err());
    assert!(nothing.verify(&other, &other).is_err());
    assert!(nothing.verify(&TreeHead::EMPTY, &other).is_err());
    let one = ConsistencyProof::from_hashes(vec![hash]).unwrap();
    assert_eq!(
        one.verify(&TreeHead::EMPTY, &head(7)),
        Err(ProofError::Length { expected: 0, found: 1 })
    );
    let (a, b) = (TreeHead::new(4, RootHash::EMPTY), TreeHead::new(4, hash.into()));
    assert!(matches!(nothing.verify(&a, &b), Err(ProofError::OldRoot { .. })));
    assert_eq!(nothing.verify(&b, &b), Ok(()));
}

#[test]
fn proof_errors_read_well() {
    let root = RootHash::EMPTY;
    for (error, text) in [
        (ProofError::IndexOutOfRange { index: 5, size: 5 }, "no entry 5 in a tree of size 5"),
        (ProofError::Length { expected: 3, found: 4 }, "4 hashes where 3 were expected"),
        (ProofError::Root { expected: root, computed: root }, "the proof leads to another root"),
        (
            ProofError::OldRoot { expected: root, computed: root },
            "the proof leads to another root of the older tree",
        ),
        (
            ProofError::Shrinking { old: 2, new: 1 },
            "a tree of size 1 cannot continue one of size 2",
        ),
        (ProofError::TooLarge, "more than 2^63 - 1 leaves"),
        (ProofError::TooLong, "more hashes than a proof can have"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

// The known answers of the Certificate Transparency reference implementation, as published in
// https://github.com/transparency-dev/merkle/blob/e739733c8ca2b89cfc49f35b161e81e16b5957d7/testonly/reference_test.go

const KNOWN_LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

const KNOWN_ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const KNOWN_PATHS: [(u64, u64, &[&str]); 7] = [
    (0, 1, &[]),
    (0, 2, &["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"]),
    (1, 2, &["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"]),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];

const KNOWN_PROOFS: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];

#[test]
fn published_known_answers() {
    let leaves: Vec<LeafHash> = KNOWN_LEAVES.iter().map(|entry| LeafHash::of(entry)).collect();
    let (store, heads) = (Store::of(&leaves), heads(&leaves));
    let roots: Vec<String> = heads.iter().map(|head| head.root.to_string()).collect();
    assert_eq!(roots, KNOWN_ROOTS);
    let text = |hashes: &[NodeHash]| hashes.iter().map(NodeHash::to_string).collect::<Vec<_>>();
    for (index, size, expected) in KNOWN_PATHS {
        let made = store.inclusion(index, size);
        assert_eq!(text(made.hashes()), expected);
        made.verify(leaves[index as usize], index, &heads[size as usize]).unwrap();
    }
    for (old, new, expected) in KNOWN_PROOFS {
        let made = store.consistency(old, new);
        assert_eq!(text(made.hashes()), expected);
        made.verify(&heads[old as usize], &heads[new as usize]).unwrap();
    }
}

// Tiles.

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

    #[test]
    fn ranges_restore(sizes in prop::collection::vec(0..3000_u64, 1..4)) {
        let mut range = CompactRange::default();
        let mut seq = 0_u64;
        for add in sizes {
            for _ in 0..add {
                range.push(LeafHash::of(&seq.to_be_bytes()));
                seq += 1;
            }
            let restored = CompactRange::from_bytes(seq, &range.to_bytes()).unwrap();
            prop_assert_eq!(&restored, &range);
            range = restored;
        }
        let mut fresh = CompactRange::default();
        for index in 0..seq {
            fresh.push(LeafHash::of(&index.to_be_bytes()));
        }
        prop_assert_eq!(fresh.head(), range.head());
    }

    #[test]
    fn hostile_proofs_never_panic(
        hashes in prop::collection::vec(any::<[u8; 32]>(), 0..64),
        index: u64,
        old: u64,
        new: u64,
        shift in 0..64_u32,
    ) {
        let hashes: Vec<_> = hashes.into_iter().map(NodeHash::from_bytes).collect();
        let root = RootHash::EMPTY;
        let (old, new) = (old >> shift, new >> shift);
        let consistency = ConsistencyProof::from_hashes(hashes.clone()).unwrap();
        let verified = consistency.verify(&TreeHead::new(old, root), &TreeHead::new(new, root));
        prop_assert!(verified.is_err() || old == new || old == 0);
        if let Ok(proof) = InclusionProof::from_hashes(hashes) {
            let leaf = LeafHash::ZERO;
            prop_assert!(proof.verify(leaf, index >> shift, &TreeHead::new(new, root)).is_err());
        }
        let _ = InclusionRequest::new(index >> shift, new);
        let _ = ConsistencyRequest::new(old, new);
    }
}
