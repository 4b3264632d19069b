//! What the tests compare with: the definitions of the standard written out naively, and a store of
//! every node.

use std::collections::HashMap;

use audit_core::{
    CompactRange, ConsistencyProof, ConsistencyRequest, InclusionProof, InclusionRequest, LeafHash,
    NodeHash, NodeId, TreeHead,
};
use sha2::{Digest, Sha256};

// RFC 6962 section 2.1, word for word and without a thought for speed.

pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}

/// The largest power of two smaller than n.
pub(crate) fn split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

pub(crate) fn mth(d: &[Vec<u8>]) -> [u8; 32] {
    match d {
        [] => sha256(&[]),
        [only] => sha256(&[&[0], only]),
        _ => {
            let (left, right) = d.split_at(split(d.len()));
            sha256(&[&[1], &mth(left), &mth(right)])
        }
    }
}

pub(crate) fn path(m: usize, d: &[Vec<u8>]) -> Vec<[u8; 32]> {
    if d.len() == 1 {
        return Vec::new();
    }
    let k = split(d.len());
    let (mut path, last) =
        if m < k { (path(m, &d[..k]), mth(&d[k..])) } else { (path(m - k, &d[k..]), mth(&d[..k])) };
    path.push(last);
    path
}

pub(crate) fn proof(m: usize, d: &[Vec<u8>]) -> Vec<[u8; 32]> {
    subproof(m, d, true)
}

pub(crate) fn subproof(m: usize, d: &[Vec<u8>], complete: bool) -> Vec<[u8; 32]> {
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

pub(crate) struct Store(pub(crate) HashMap<NodeId, NodeHash>);

impl Store {
    pub(crate) fn of(leaves: &[LeafHash]) -> Self {
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

    pub(crate) fn inclusion(&self, index: u64, size: u64) -> InclusionProof {
        let request = InclusionRequest::new(index, size).unwrap();
        request.assemble(&self.fetch(request.nodes(), size)).unwrap()
    }

    pub(crate) fn consistency(&self, old: u64, new: u64) -> ConsistencyProof {
        let request = ConsistencyRequest::new(old, new).unwrap();
        request.assemble(&self.fetch(request.nodes(), new)).unwrap()
    }
}

pub(crate) fn entries(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|index| format!("entry {index}").into_bytes()).collect()
}

pub(crate) fn leaves(entries: &[Vec<u8>]) -> Vec<LeafHash> {
    entries.iter().map(|entry| LeafHash::of(entry)).collect()
}

pub(crate) fn heads(leaves: &[LeafHash]) -> Vec<TreeHead> {
    let mut range = CompactRange::default();
    let mut heads = vec![range.head()];
    for leaf in leaves {
        range.push(*leaf);
        heads.push(range.head());
    }
    heads
}

pub(crate) fn bytes(hashes: &[NodeHash]) -> Vec<[u8; 32]> {
    hashes.iter().map(|hash| *hash.as_bytes()).collect()
}
