//! Proofs from what is stored, on both databases.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    dead_code,
    reason = "a test fails by panicking"
)]

#[path = "support/place.rs"]
mod place;

use std::time::Duration;

use audit_core::{CompactRange, LeafHash, ProofFile, TreeHead};
use audit_store::{Backend, ExportFormat, Journal, JournalOptions, ProveError};
use place::{Place, chain, event, key, options, verified};

fn quiet() -> JournalOptions {
    options().checkpoint_after(u64::MAX, Duration::MAX)
}

async fn append<DB: Backend>(journal: &Journal<DB>, count: usize) {
    let events = (0..count).map(|n| event(&n.to_string())).collect();
    journal.append_batch(&chain("acme/default"), events).await.unwrap();
}

/// The bytes of every entry.
async fn bodies<DB: Backend>(journal: &Journal<DB>) -> Vec<String> {
    let mut out = Vec::new();
    let export = journal.export(&chain("acme/default"), .., ExportFormat::JsonLines).await.unwrap();
    export.write_to(&mut out).await.unwrap();
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

/// The tree head of each size, from the entries' bytes alone.
fn heads(bodies: &[String]) -> Vec<TreeHead> {
    let mut range = CompactRange::default();
    let mut heads = vec![range.head()];
    for body in bodies {
        range.push(LeafHash::of(body.as_bytes()));
        heads.push(range.head());
    }
    heads
}

async fn every_proof_of_a_chain_that_grows_verifies<T: Place>(db: T) {
    let journal = db.create(&quiet()).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    // Sizes around the edge of a tile, and one with a partial tile above full ones.
    let mut size = 1;
    for next in [2, 17, 255, 256, 257, 600] {
        append(&journal, next - size).await;
        size = next;
        let heads = heads(&bodies(&journal).await);
        for seq in 0..size as u64 {
            let proven = journal.prove_inclusion(&acme, seq, None).await.unwrap();
            assert_eq!((proven.seq, proven.head), (seq, heads[size]));
            proven.proof.verify(proven.leaf, seq, &heads[size]).unwrap();
        }
        for old in (0..=size as u64).step_by(1 + size / 40) {
            let proven = journal.prove_consistency(&acme, old, size as u64).await.unwrap();
            assert_eq!((proven.old, proven.new), (heads[old as usize], heads[size]));
            proven.proof.verify(&heads[old as usize], &heads[size]).unwrap();
        }
    }
    // Within sizes that are past.
    let bodies = bodies(&journal).await;
    let heads = heads(&bodies);
    for new in (1..=600_u64).step_by(13) {
        let (seq, old) = (new * 5 / 7, new / 3);
        let proven = journal.prove_inclusion(&acme, seq, Some(new)).await.unwrap();
        assert_eq!(proven.leaf, LeafHash::of(bodies[seq as usize].as_bytes()));
        proven.proof.verify(proven.leaf, seq, &heads[new as usize]).unwrap();
        let proven = journal.prove_consistency(&acme, old, new).await.unwrap();
        proven.proof.verify(&heads[old as usize], &heads[new as usize]).unwrap();
    }
    journal.close().await;
}

async fn a_proof_file_is_all_a_reader_needs<T: Place>(db: T) {
    let journal = db.create(&quiet()).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    append(&journal, 799).await;
    let early = journal.proof_file(&acme, 5).await;
    assert!(matches!(early, Err(ProveError::NotCovered { seq: 5, .. })), "{early:?}");
    journal.checkpoint(&acme).await.unwrap();
    append(&journal, 50).await;
    let bodies = bodies(&journal).await;
    for seq in [0, 5, 255, 256, 700, 799] {
        let file = journal.proof_file(&acme, seq).await.unwrap().to_string();
        let body = bodies[seq as usize].as_bytes();
        let read = ProofFile::parse(&file).unwrap();
        assert_eq!(read.verify(body, key().verifier()).unwrap().head.size, 800);
        assert!(read.verify(bodies[1].as_bytes(), key().verifier()).is_err());
    }
    let late = journal.proof_file(&acme, 820).await;
    assert!(matches!(late, Err(ProveError::NotCovered { .. })), "{late:?}");
    journal.close().await;
}

async fn what_cannot_be_proved_says_so<T: Place>(db: T) {
    let journal = db.create(&quiet()).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    append(&journal, 9).await;
    let out_of_range = |error: ProveError, of: u64| match error {
        ProveError::OutOfRange { size, asked, .. } => assert_eq!((size, asked), (10, of)),
        other => panic!("{other:?}"),
    };
    out_of_range(journal.prove_inclusion(&acme, 10, None).await.unwrap_err(), 10);
    out_of_range(journal.prove_inclusion(&acme, 7, Some(7)).await.unwrap_err(), 7);
    out_of_range(journal.prove_inclusion(&acme, 7, Some(11)).await.unwrap_err(), 11);
    out_of_range(journal.prove_consistency(&acme, 3, 11).await.unwrap_err(), 11);
    out_of_range(journal.prove_consistency(&acme, 5, 3).await.unwrap_err(), 5);
    out_of_range(journal.proof_file(&acme, u64::MAX).await.unwrap_err(), u64::MAX);
    let unknown = journal.prove_inclusion(&chain("acme/other"), 0, None).await;
    assert!(matches!(unknown, Err(ProveError::UnknownChain { .. })), "{unknown:?}");
    journal.close().await;
}

/// Signing stores the right edge of the upper levels, and does not do so again and again.
async fn tiles_of_the_right_edge_are_kept_at_signing<T: Place>(db: T) {
    let journal = db.create(&quiet()).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    let partial = || async {
        db.number("SELECT count(*) FROM audit_tile WHERE level = 1 AND width < 256").await
    };
    append(&journal, 256 * 5).await;
    journal.checkpoint(&acme).await.unwrap();
    assert_eq!(partial().await, 1);
    for _ in 0..6 {
        append(&journal, 128).await;
        journal.checkpoint(&acme).await.unwrap();
    }
    assert_eq!(partial().await, 2, "5 and 7 hashes, 8 follow later");
    let heads = heads(&bodies(&journal).await);
    let size = heads.len() as u64 - 1;
    for seq in (0..size).step_by(37) {
        let proven = journal.prove_inclusion(&acme, seq, None).await.unwrap();
        proven.proof.verify(proven.leaf, seq, &heads[size as usize]).unwrap();
    }
    verified(&journal).await;
    journal.close().await;
}

test_support::both_databases!(
    every_proof_of_a_chain_that_grows_verifies,
    a_proof_file_is_all_a_reader_needs,
    what_cannot_be_proved_says_so,
    tiles_of_the_right_edge_are_kept_at_signing,
);
