//! Pruning what is no longer kept, on both databases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    dead_code,
    reason = "a test fails by panicking"
)]

#[path = "support/place.rs"]
mod place;
#[path = "support/years.rs"]
mod years;

use audit_core::{AuditorPolicy, Target, Verdict};
use audit_store::{BundleOptions, PruneOptions, Query, Residue, VerifyOptions, verify_bundle};
use place::{Place, key, verified};
use years::{acme, clock, day, days, numbered, schedule, small, standing, with};

async fn what_is_old_goes_and_all_proofs_stay<T: Place>(db: T) {
    let clock = clock();
    let journal = small(&db, &clock).await;
    // 20 days of 50 entries behind the two that are reserved.
    days::<T>(&journal, &clock, &acme(), 20, 50).await;
    journal.post_index().await.unwrap();
    let before = journal.checkpoint(&acme()).await.unwrap().checkpoint().head;
    let proof = journal.prove_inclusion(&acme(), 5, None).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let whole = BundleOptions::default();
    journal.export_bundle(&acme(), folder.path().join("before"), &whole).await.unwrap();

    // What would go.
    let dry = journal.prune(&PruneOptions::new().dry_run()).await.unwrap();
    assert_eq!((dry.dry_run, dry.residue), (true, None));
    assert_eq!(standing::<T>(&journal, &acme()).await.len(), 1_002);
    // Days 0 to 10 are at least ten days old, the last of day 10 stays.
    let report = journal.prune(&PruneOptions::new().batch(100)).await.unwrap();
    assert_eq!((dry.removed(), report.removed()), (549, 549));
    let [pruned] = &report.chains[..] else { panic!("{report:?}") };
    assert_eq!((pruned.batches, pruned.held, pruned.entries.len()), (6, 0, 6));
    assert_eq!(dry.chains[0].batches, 1);
    let expected = if T::POSTGRES { Residue::UntilVacuum } else { Residue::None };
    assert_eq!(report.residue, Some(expected));
    let stand: Vec<u64> = [0, 1].into_iter().chain(551..1_008).collect();
    assert_eq!(standing::<T>(&journal, &acme()).await, stand);

    // Nothing twice.
    let again = journal.prune(&PruneOptions::new()).await.unwrap();
    assert_eq!((again.chains.len(), again.residue), (0, None));

    // No field of theirs is left, nor a posting, and the rest is found as before.
    let position = if T::POSTGRES { "seq" } else { "(position & 1099511627775)" };
    let left = format!("SELECT count(*) FROM audit_disclosure WHERE {position} < 551");
    assert_eq!(db.number(&left).await, 0);
    journal.post_index().await.unwrap();
    let found = journal
        .query(&Query::new(&acme()).target(Target::new("record", "r-3")).oldest_first())
        .await
        .unwrap();
    assert_eq!(found.entries[0].seq(), 555);
    let found = verified(&journal).await;
    assert_eq!((found.counts.pruned, found.counts.boundaries_gone), (549, 5));

    // Old proofs, old bundles, new proofs of old entries, new bundles.
    proof.proof.verify(proof.leaf, 5, &proof.head).unwrap();
    let again = journal.prove_inclusion(&acme(), 5, Some(before.size)).await.unwrap();
    assert_eq!((again.leaf, again.head), (proof.leaf, before));
    let after = journal.checkpoint(&acme()).await.unwrap().checkpoint().head;
    let consistent = journal.prove_consistency(&acme(), before.size, after.size).await.unwrap();
    consistent.proof.verify(&before, &after).unwrap();
    journal.export_bundle(&acme(), folder.path().join("after"), &whole).await.unwrap();
    for bundle in ["before", "after"] {
        let policy = AuditorPolicy::new([key().verifier().clone()]);
        let path = folder.path().join(bundle);
        let report = verify_bundle(path, &VerifyOptions::new(policy)).unwrap();
        assert_eq!(report.verdict, Verdict::Intact, "{bundle}: {report:#?}");
    }
    let lines = std::fs::read_to_string(folder.path().join("after/entries.jsonl")).unwrap();
    assert!(lines.lines().nth(2).unwrap().starts_with("{\"absent\":\"pruned\","));
}

/// A pruning that reaches into the tile that is being filled: its hashes are stored before.
async fn the_unfilled_tile_keeps_its_hashes<T: Place>(db: T) {
    let clock = clock();
    let journal = small(&db, &clock).await;
    days::<T>(&journal, &clock, &acme(), 1, 300).await;
    let early = journal.checkpoint(&acme()).await.unwrap().checkpoint().head;
    clock.set(day(30));
    // Everything is old but for what is sealed now; the boundary is the last of the old ones.
    journal.append(&acme(), numbered(1)).await.unwrap();
    let report = journal.prune(&PruneOptions::new()).await.unwrap();
    assert_eq!(report.removed(), 299);
    assert_eq!(standing::<T>(&journal, &acme()).await, [0, 1, 301, 302, 303]);
    let partial = "SELECT CAST(max(width) AS bigint) FROM audit_tile WHERE level = 0 AND idx = 1";
    assert_eq!(db.number(partial).await, 303 - 256);
    verified(&journal).await;
    for seq in [2, 255, 256, 290, 301, 302] {
        let proven = journal.prove_inclusion(&acme(), seq, None).await.unwrap();
        proven.proof.verify(proven.leaf, seq, &proven.head).unwrap();
    }
    let now = journal.checkpoint(&acme()).await.unwrap().checkpoint().head;
    let grown = journal.prove_consistency(&acme(), early.size, now.size).await.unwrap();
    grown.proof.verify(&early, &now).unwrap();
    // Another process goes on from what is stored, and fills the tile.
    journal.close().await;
    let journal = db.open(&with(&clock, schedule())).await.unwrap();
    days::<T>(&journal, &clock, &acme(), 1, 400).await;
    clock.set(day(60));
    journal.append(&acme(), numbered(1)).await.unwrap();
    assert_eq!(journal.prune(&PruneOptions::new()).await.unwrap().removed(), 401);
    verified(&journal).await;
    let now = journal.checkpoint(&acme()).await.unwrap().checkpoint().head;
    let grown = journal.prove_consistency(&acme(), early.size, now.size).await.unwrap();
    grown.proof.verify(&early, &now).unwrap();
}

test_support::both_databases!(
    what_is_old_goes_and_all_proofs_stay,
    the_unfilled_tile_keeps_its_hashes,
);
