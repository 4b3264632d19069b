//! Proofs of a small tree verify; with any bit changed they do not; arbitrary ones never panic.
#![no_main]

use arbitrary::Arbitrary;
use audit_core::{
    CompactRange, ConsistencyProof, ConsistencyRequest, InclusionProof, InclusionRequest, LeafHash,
    NodeHash, NodeId, RootHash, TreeHead,
};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    /// A tree of this many leaves, and where to look in it.
    size: u8,
    place: u8,
    /// Which bit of the honest proof to turn.
    bit: u16,
    /// A proof of nothing in particular.
    hashes: Vec<[u8; 32]>,
    first: u64,
    second: u64,
}

fn leaf(index: u64) -> LeafHash {
    LeafHash::of(&index.to_be_bytes())
}

fn head(size: u64) -> TreeHead {
    let mut range = CompactRange::default();
    (0..size).for_each(|index| range.push(leaf(index)));
    range.head()
}

/// The hash of a perfect subtree, from its leaves.
fn node(id: &NodeId) -> NodeHash {
    let width = 1_u64 << id.level();
    let mut range = CompactRange::default();
    (id.index() * width..(id.index() + 1) * width).for_each(|index| range.push(leaf(index)));
    NodeHash::from_bytes(*range.root().as_bytes())
}

fn turned(hashes: &[NodeHash], bit: u16) -> Option<Vec<NodeHash>> {
    let mut bytes: Vec<[u8; 32]> = hashes.iter().map(|hash| *hash.as_bytes()).collect();
    let flat = bytes.as_flattened_mut();
    let bit = usize::from(bit).checked_rem(flat.len() * 8)?;
    flat[bit / 8] ^= 1 << (bit % 8);
    Some(bytes.into_iter().map(NodeHash::from_bytes).collect())
}

fn honest(size: u64, place: u64, bit: u16) {
    let new = head(size);
    let request = InclusionRequest::new(place, size).unwrap();
    let hashes: Vec<_> = request.nodes().iter().map(node).collect();
    let proof = request.assemble(&hashes).unwrap();
    assert_eq!(proof.verify(leaf(place), place, &new), Ok(()));
    assert!(proof.verify(leaf(size), place, &new).is_err());
    if let Some(hashes) = turned(proof.hashes(), bit) {
        let proof = InclusionProof::from_hashes(hashes).unwrap();
        assert!(proof.verify(leaf(place), place, &new).is_err());
    }

    let old = head(place + 1);
    let request = ConsistencyRequest::new(old.size, new.size).unwrap();
    let hashes: Vec<_> = request.nodes().iter().map(node).collect();
    let proof = request.assemble(&hashes).unwrap();
    assert_eq!(proof.verify(&old, &new), Ok(()));
    if let Some(hashes) = turned(proof.hashes(), bit) {
        let proof = ConsistencyProof::from_hashes(hashes).unwrap();
        assert!(proof.verify(&old, &new).is_err());
    }
}

fuzz_target!(|input: Input| {
    let size = u64::from(input.size).max(1);
    honest(size, u64::from(input.place) % size, input.bit);

    let hashes: Vec<_> = input.hashes.into_iter().map(NodeHash::from_bytes).collect();
    let (old, new) =
        (TreeHead::new(input.first, RootHash::EMPTY), TreeHead::new(input.second, RootHash::EMPTY));
    if let Ok(proof) = InclusionProof::from_hashes(hashes.clone()) {
        assert!(proof.verify(leaf(0), input.first, &new).is_err());
    }
    if let Ok(proof) = ConsistencyProof::from_hashes(hashes) {
        // Two non-empty trees of different sizes: no proof leads to the empty tree's root.
        let trivial = old.size == 0 || old.size == new.size;
        assert!(trivial || proof.verify(&old, &new).is_err());
    }
});
