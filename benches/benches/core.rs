//! What does not touch a database: `cargo bench -p benches --bench core`.

#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a measurement that cannot be taken ends the run"
)]

use std::hint::black_box;

use audit_core::{
    ChainId, Checkpoint, CompactRange, Entry, InclusionRequest, LeafHash, NodeHash, NodeId, Note,
    Origin, SignedCheckpoint, SigningKey, Timestamp, TreeHead, entry,
};
use benches::Fact;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// So many different events, so that no branch predictor learns one by heart.
const EVENTS: usize = 512;

fn chain() -> ChainId {
    ChainId::new("acme", "default").expect("a name")
}

fn at() -> Timestamp {
    "2026-11-20T23:23:00.123456Z".parse().expect("a time")
}

/// Entries of one chain from seq 1 on, and their leaf hashes.
fn entries() -> Vec<(String, LeafHash)> {
    let mut prev = LeafHash::of(b"the first");
    let mut sealed = Vec::with_capacity(EVENTS);
    for (seq, fact) in (1..).zip(Fact::synthetic(1).take(EVENTS)) {
        let event = fact.event().canonicalize(|_| None).expect("no private fields");
        let mut body = String::new();
        prev = entry::seal(&mut body, seq, &chain(), at(), Some(0), &prev, event.as_str())
            .expect("within the limits");
        sealed.push((body, prev));
    }
    sealed
}

fn canonical(c: &mut Criterion) {
    let facts: Vec<Fact> = Fact::synthetic(1).take(EVENTS).collect();
    for fact in &facts {
        let canonical = fact.event().canonicalize(|_| None).expect("no private fields");
        let by_serde = serde_json::to_string(fact).expect("strings and numbers");
        assert_eq!(canonical.as_str(), by_serde, "the two make the same bytes");
    }
    let events: Vec<_> = facts.iter().map(Fact::event).collect();
    let mut group = c.benchmark_group("canonical bytes");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("serde_json::to_vec of the host's struct", |b| {
        b.iter(|| {
            for fact in &facts {
                black_box(serde_json::to_vec(black_box(fact)).expect("strings and numbers"));
            }
        });
    });
    group.bench_function("host's struct to Event to canonical bytes", |b| {
        b.iter(|| {
            for fact in &facts {
                let event = black_box(fact).event();
                black_box(event.canonicalize(|_| None).expect("no private fields"));
            }
        });
    });
    group.bench_function("Event to canonical bytes", |b| {
        b.iter(|| {
            for event in &events {
                black_box(black_box(event).canonicalize(|_| None).expect("no private fields"));
            }
        });
    });
    group.finish();
}

fn entry(c: &mut Criterion) {
    let sealed = entries();
    let events: Vec<_> = Fact::synthetic(1)
        .take(EVENTS)
        .map(|fact| fact.event().canonicalize(|_| None).expect("no private fields"))
        .collect();
    let mut group = c.benchmark_group("entry");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("parse, strictly", |b| {
        b.iter(|| {
            for (body, _) in &sealed {
                black_box(Entry::parse(black_box(body)).expect("sealed"));
            }
        });
    });
    group.bench_function("leaf hash", |b| {
        b.iter(|| {
            for (body, _) in &sealed {
                black_box(LeafHash::of(black_box(body).as_bytes()));
            }
        });
    });
    let chain = chain();
    group.bench_function("seal", |b| {
        b.iter(|| {
            let mut prev = LeafHash::of(b"the first");
            let mut body = String::new();
            for (seq, event) in (1..).zip(&events) {
                prev = entry::seal(
                    &mut body,
                    seq,
                    &chain,
                    at(),
                    Some(0),
                    &prev,
                    black_box(event.as_str()),
                )
                .expect("within the limits");
            }
            prev
        });
    });
    group.finish();
}

fn tree(c: &mut Criterion) {
    let leaves: Vec<LeafHash> = (0..65_536_u32).map(|n| LeafHash::of(&n.to_le_bytes())).collect();
    let mut group = c.benchmark_group("tree");
    group.throughput(Throughput::Elements(leaves.len() as u64));
    group.bench_function("compact range of 65,536 leaves", |b| {
        b.iter(|| {
            let mut range = CompactRange::default();
            for leaf in &leaves {
                range.push(*leaf);
            }
            range.root()
        });
    });
    group.throughput(Throughput::Elements(1));
    let node = |id: &NodeId| -> NodeHash {
        let mut level: Vec<NodeHash> = (id.first_leaf()..id.end_leaf())
            .map(|n| NodeHash::from(leaves[usize::try_from(n).expect("small")]))
            .collect();
        while level.len() > 1 {
            level = level.chunks(2).map(|pair| NodeHash::parent(&pair[0], &pair[1])).collect();
        }
        level[0]
    };
    let mut range = CompactRange::default();
    leaves.iter().for_each(|leaf| range.push(*leaf));
    let (index, head): (u64, TreeHead) = (12_345, range.head());
    let request = InclusionRequest::new(index, head.size).expect("in range");
    let hashes: Vec<NodeHash> = request.nodes().iter().map(node).collect();
    let proof = request.assemble(&hashes).expect("complete");
    let leaf = leaves[usize::try_from(index).expect("small")];
    group.bench_function("inclusion proof among 65,536, verify", |b| {
        b.iter(|| proof.verify(black_box(leaf), black_box(index), black_box(&head)).expect("true"));
    });
    group.finish();
}

fn note(c: &mut Criterion) {
    let origin: Origin = "audit.example.com/acme/default/1".parse().expect("an origin");
    let key = SigningKey::from_seed(&origin.to_string(), &[7; 32]).expect("a key");
    let mut range = CompactRange::default();
    range.push(LeafHash::of(b"x"));
    let checkpoint = Checkpoint::new(origin, range.head());
    let text = checkpoint.to_text();
    let signed = checkpoint.sign(&key).expect("its own key").to_string();
    let verifier = key.verifier();
    let mut group = c.benchmark_group("note");
    group.bench_function("sign a checkpoint", |b| {
        b.iter_batched(|| text.clone(), |text| key.sign(black_box(&text)), BatchSize::SmallInput);
    });
    group.bench_function("parse and verify a note", |b| {
        b.iter(|| {
            let note = Note::parse(black_box(&signed)).expect("a note");
            note.verify(std::slice::from_ref(verifier)).expect("signed")
        });
    });
    group.bench_function("parse and verify a checkpoint", |b| {
        b.iter(|| {
            let signed = SignedCheckpoint::parse(black_box(&signed)).expect("a checkpoint");
            signed.verify(verifier).expect("signed").head
        });
    });
    group.finish();
}

criterion_group!(benches, canonical, entry, tree, note);
criterion_main!(benches);
