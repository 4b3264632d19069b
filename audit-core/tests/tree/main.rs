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

mod known_answers;
mod reference;
mod tiles;

use audit_core::{
    CompactRange, ConsistencyProof, ConsistencyRequest, InclusionProof, InclusionRequest, LeafHash,
    MAX_TREE_SIZE, NodeHash, ProofError, RootHash, TreeHead,
};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use reference::{Store, bytes, entries, heads, leaves, mth, path, proof};
use sha2::Sha256;

/// Sizes up to this are gone through one by one.
const SIZES: usize = 130;

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
                let other_length = bad.len() != good.hashes().len();
                let bad = InclusionProof::from_hashes(bad).unwrap();
                let refused = bad.verify(leaf, index, head).unwrap_err();
                assert_eq!(matches!(refused, ProofError::Length { .. }), other_length);
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
                let other_length = bad.len() != good.hashes().len();
                let bad = ConsistencyProof::from_hashes(bad).unwrap();
                let refused = bad.verify(old_head, head).unwrap_err();
                assert_eq!(matches!(refused, ProofError::Length { .. }), other_length);
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

proptest! {
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
