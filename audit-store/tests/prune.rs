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

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use audit_core::{AuditorPolicy, ChainId, Entry, Reserved, Target, Timestamp, Verdict};
use audit_store::{
    Backend, BundleOptions, HoldOrder, Journal, PruneError, PruneOptions, Query, Residue,
    VerifyOptions, verify_bundle,
};
use place::{Place, chain, key, verified};
use years::{acme, clock, day, days, dpo, numbered, schedule, small, standing, with};

/// What the entries of all prunings say, in their order.
async fn prunings<DB: Backend>(journal: &Journal<DB>, name: &ChainId) -> Vec<Reserved> {
    let query = Query::new(name).action("journal.pruned").oldest_first().page_size(1_000);
    let page = journal.query(&query).await.unwrap();
    let entries = page
        .entries
        .iter()
        .map(|entry| Entry::parse(entry.as_str()).unwrap().reserved().unwrap().unwrap());
    entries.collect()
}

fn counts(prunings: &[Reserved]) -> u64 {
    let count = |pruning: &Reserved| match pruning {
        Reserved::Pruned { count, .. } => *count,
        other => panic!("{other:?}"),
    };
    prunings.iter().map(count).sum()
}

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

    // What would go; whoever may only read may ask, too.
    let dry = journal.prune(&PruneOptions::new().dry_run()).await.unwrap();
    let reader = db.open(&with(&clock, schedule()).read_only()).await.unwrap();
    assert_eq!(reader.prune(&PruneOptions::new().dry_run()).await.unwrap(), dry);
    assert!(reader.prune(&PruneOptions::new()).await.is_err());
    reader.close().await;
    assert_eq!((dry.dry_run, dry.residue), (true, None));
    assert_eq!(standing::<T>(&journal, &acme()).await.len(), 1_002);
    // Days 0 to 10 are at least ten days old, the last of day 10 stays.
    let report = journal.prune(&PruneOptions::new().batch(100)).await.unwrap();
    assert_eq!((dry.removed(), report.removed()), (549, 549));
    let [pruned] = &report.chains[..] else { panic!("{report:?}") };
    assert_eq!((pruned.batches, pruned.held, pruned.entries.len()), (6, 0, 6));
    assert_eq!(dry.chains[0].batches, 1);
    assert_eq!(report.residue, Some(Residue::UntilVacuum));
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

async fn what_is_held_stays_until_it_is_released<T: Place>(db: T) {
    let clock = clock();
    let journal = small(&db, &clock).await;
    days::<T>(&journal, &clock, &acme(), 15, 30).await;
    let record = Target::new("record", "r-4");
    let target = HoldOrder::on_target("acme", &record, "h-record", "file 1", dpo());
    journal.place_hold(&target).await.unwrap();
    let person = HoldOrder::on_subject("acme", "person-3", "h-person", "file 2", dpo());
    journal.place_hold(&person).await.unwrap();
    // What matches and comes later is kept, too.
    days::<T>(&journal, &clock, &acme(), 5, 30).await;
    let dry = journal.prune(&PruneOptions::new().dry_run()).await.unwrap();
    let report = journal.prune(&PruneOptions::new().batch(50)).await.unwrap();
    assert_eq!((dry.removed(), dry.held()), (report.removed(), report.held()));
    // Of thirty a day, three are of the record and two about the person, for eleven days.
    assert_eq!((report.removed(), report.held()), (11 * 25 - 1, 11 * 5));
    let held = standing::<T>(&journal, &acme()).await;
    assert_eq!(held.iter().filter(|seq| (2..332).contains(*seq)).count(), 11 * 5 + 1);
    let query = |journal: &Journal<T::Db>| {
        let query = Query::new(&acme()).target(record.clone()).oldest_first();
        let journal = journal.clone();
        async move { journal.query(&query).await.unwrap().entries[0].seq() }
    };
    assert_eq!(query(&journal).await, 6);
    verified(&journal).await;
    let kept = prunings(&journal, &acme())
        .await
        .iter()
        .any(|pruning| matches!(pruning, Reserved::Pruned { kept, .. } if !kept.is_empty()));
    assert!(kept);
    // Nothing to do, but for what is held.
    let again = journal.prune(&PruneOptions::new()).await.unwrap();
    assert_eq!((again.removed(), again.held(), again.residue), (0, 55, None));

    journal.release_hold("acme", "h-record", dpo()).await.unwrap();
    let released = journal.prune(&PruneOptions::new()).await.unwrap();
    assert_eq!((released.removed(), released.held()), (33, 22));
    verified(&journal).await;
    journal.release_hold("acme", "h-person", dpo()).await.unwrap();
    // A hold on the whole chain.
    let all = HoldOrder::on_chain(&acme(), "h-all", "file 3", dpo());
    journal.place_hold(&all).await.unwrap();
    let report = journal.prune(&PruneOptions::new()).await.unwrap();
    assert_eq!((report.removed(), report.held()), (0, 22));
    journal.release_hold("acme", "h-all", dpo()).await.unwrap();
    assert_eq!(journal.prune(&PruneOptions::new()).await.unwrap().removed(), 22);
    assert_eq!(verified(&journal).await.counts.pruned, 329);
}

/// A sweep that is given up goes on where it was, and nothing goes twice.
async fn a_sweep_that_is_cut_off_goes_on<T: Place>(db: T) {
    let clock = clock();
    let journal = small(&db, &clock).await;
    days::<T>(&journal, &clock, &acme(), 20, 60).await;
    journal.post_index().await.unwrap();
    let mut cut = 0;
    for patience in (0..40_u64).map(|n| 1 + n * 3 % 29) {
        let options = PruneOptions::new().batch(23);
        let sweep = journal.prune(&options);
        if tokio::time::timeout(Duration::from_millis(patience), sweep).await.is_err() {
            cut += 1;
        }
        // Whoever appends in between is not in the way, and a dropped transaction is rolled back.
        journal.append(&acme(), numbered(cut)).await.unwrap();
    }
    assert!(cut > 0);
    // After some batch or other.
    let batches = Arc::new(AtomicU64::new(0));
    let (seen, own) = (Arc::clone(&batches), journal.clone());
    let task = tokio::spawn(async move {
        let options = PruneOptions::new().batch(23).progress(move |_| {
            seen.fetch_add(1, Ordering::SeqCst);
        });
        own.prune(&options).await
    });
    while batches.load(Ordering::SeqCst) < 1 && !task.is_finished() {
        tokio::task::yield_now().await;
    }
    task.abort();
    let _aborted_or_done = task.await;
    journal.close().await;

    let journal = db.open(&with(&clock, schedule())).await.unwrap();
    journal.prune(&PruneOptions::new()).await.unwrap();
    assert_eq!(journal.prune(&PruneOptions::new()).await.unwrap().removed(), 0);
    let removed = counts(&prunings(&journal, &acme()).await);
    assert_eq!(removed, 11 * 60 - 1);
    assert_eq!(verified(&journal).await.counts.pruned, removed);
}

/// Others append, place and release holds, and prune at the same time, in two processes as it were.
async fn a_sweep_is_in_nobodys_way<T: Place>(db: T) {
    let clock = clock();
    let journal = small(&db, &clock).await;
    days::<T>(&journal, &clock, &acme(), 20, 80).await;
    journal.post_index().await.unwrap();
    let second = db.open(&with(&clock, schedule())).await.unwrap();
    let mut tasks = Vec::new();
    for journal in [journal.clone(), second.clone()] {
        tasks.push(tokio::spawn(async move {
            for n in 0..40 {
                journal.append(&acme(), numbered(n)).await.unwrap();
            }
        }));
    }
    let holder = second.clone();
    tasks.push(tokio::spawn(async move {
        for n in 0..4 {
            let id = format!("h-{n}");
            let record = Target::new("record", format!("r-{n}"));
            let order = HoldOrder::on_target("acme", &record, &id, "file", dpo());
            holder.place_hold(&order).await.unwrap();
            tokio::task::yield_now().await;
            if n % 2 == 0 {
                holder.release_hold("acme", &id, dpo()).await.unwrap();
            }
        }
    }));
    let options = PruneOptions::new().batch(37);
    let (one, two) = tokio::join!(journal.prune(&options), second.prune(&options));
    for task in tasks {
        task.await.unwrap();
    }
    let last = journal.prune(&options).await.unwrap();
    let removed = one.unwrap().removed() + two.unwrap().removed() + last.removed();
    assert_eq!(counts(&prunings(&journal, &acme()).await), removed);
    assert_eq!(verified(&journal).await.counts.pruned, removed);
    assert_eq!(removed + last.held(), 11 * 80 - 1);
    // Of two of ten records, those that were there still when they were put on hold.
    assert!(last.held() <= 11 * 16);
    journal.post_index().await.unwrap();
    assert_eq!(verified(&second).await.counts.pruned, removed);
}

async fn a_clock_that_is_wrong_prunes_nothing<T: Place>(db: T) {
    let clock = clock();
    let journal = small(&db, &clock).await;
    days::<T>(&journal, &clock, &acme(), 20, 10).await;
    let stand = standing::<T>(&journal, &acme()).await;
    let size = db.number("SELECT size FROM audit_chain").await;
    let nothing = || async {
        assert_eq!(standing::<T>(&journal, &acme()).await, stand);
        assert_eq!(db.number("SELECT size FROM audit_chain").await, size);
    };
    for wrong in [day(60), day(100_000), day(-400), Timestamp::MIN, Timestamp::MAX] {
        clock.set(wrong);
        let error = journal.prune(&PruneOptions::new()).await.unwrap_err();
        let expected = if wrong > day(20) {
            matches!(error, PruneError::ClockAhead { newest, .. } if newest == day(19))
        } else {
            matches!(error, PruneError::ClockBehind { newest, .. } if newest == day(19))
        };
        assert!(expected, "{wrong}: {error}");
        nothing().await;
    }
    clock.set(day(20));
    // A sweep for a day to come.
    let tomorrow = PruneOptions::new().now(day(21));
    for options in [tomorrow.clone(), tomorrow.dangerous_trust_clock()] {
        let error = journal.prune(&options).await.unwrap_err();
        assert!(matches!(error, PruneError::InFuture { .. }), "{error}");
    }
    let early = journal.prune(&PruneOptions::new().now(day(-4_000))).await.unwrap();
    assert_eq!(early.chains, []);
    nothing().await;
    // Asking what will go is no pruning.
    let dry = |now| PruneOptions::new().now(now).dry_run();
    assert_eq!(journal.prune(&dry(day(25))).await.unwrap().removed(), 159);
    assert_eq!(journal.prune(&dry(day(4_000))).await.unwrap().removed(), 199);
    nothing().await;
    // What was due some days ago.
    assert_eq!(journal.prune(&PruneOptions::new().now(day(15))).await.unwrap().removed(), 59);
    // A journal that was silent for long, and whose operator knows it.
    clock.set(day(80));
    let trusting = PruneOptions::new().dangerous_trust_clock();
    let error = journal.prune(&PruneOptions::new()).await.unwrap_err();
    assert!(matches!(error, PruneError::ClockAhead { .. }), "{error}");
    // The last record of the chain is the boundary: the entry of the pruning before.
    assert_eq!(journal.prune(&trusting).await.unwrap().removed(), 141);
    // A clock that is behind by less prunes by it, and the entry's own time does not step back.
    clock.set(Timestamp::from_micros(day(80).as_micros() - 3_600_000_000).unwrap());
    assert_eq!(journal.prune(&PruneOptions::new()).await.unwrap().removed(), 0);
    verified(&journal).await;
}

/// Of one tenant only, and not of one whose name begins like it.
async fn one_tenants_sweep_leaves_the_others<T: Place>(db: T) {
    let clock = clock();
    let journal = small(&db, &clock).await;
    let other = chain("acme-2/default");
    journal.create_chain(&other).await.unwrap();
    journal.set_plan("acme-2", "small", dpo()).await.unwrap();
    clock.set(day(31));
    for name in [&acme(), &other] {
        days::<T>(&journal, &clock, name, 20, 5).await;
    }
    let report = journal.prune(&PruneOptions::new().tenant("acme")).await.unwrap();
    assert_eq!(report.chains.len(), 1);
    assert_eq!((report.chains[0].chain.clone(), report.removed()), (acme(), 99));
    assert_eq!(journal.prune(&PruneOptions::new().tenant("acm")).await.unwrap().chains, []);
    assert_eq!(standing::<T>(&journal, &other).await.len(), 102);
    // Nothing of it is posted yet; a poster who has read it already must notice.
    let changes = "SELECT sum(revision) FROM audit_posted WHERE chain = 1";
    let changes = if T::POSTGRES {
        changes.replace("sum(revision)", "sum(revision)::bigint")
    } else {
        changes.into()
    };
    assert_eq!(db.number(&changes).await, 1);
    let report = journal.prune(&PruneOptions::new()).await.unwrap();
    assert_eq!(report.chains.iter().map(|of| of.chain.clone()).collect::<Vec<_>>(), [other]);
    verified(&journal).await;
}

test_support::both_databases!(
    what_is_old_goes_and_all_proofs_stay,
    the_unfilled_tile_keeps_its_hashes,
    what_is_held_stays_until_it_is_released,
    a_sweep_that_is_cut_off_goes_on,
    a_sweep_is_in_nobodys_way,
    a_clock_that_is_wrong_prunes_nothing,
    one_tenants_sweep_leaves_the_others,
);
