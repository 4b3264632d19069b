//! Appending, on both databases.
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

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use audit_core::{Actor, Clock, Event, Timestamp};
use audit_store::{AppendError, DatabaseErrorKind, Receipt};
use place::{Place, chain, clock, event, event_with, options, private_event, verified};
use uuid::Uuid;

fn seqs(receipts: &[Receipt]) -> Vec<u64> {
    receipts.iter().map(|receipt| receipt.seq).collect()
}

async fn an_event_is_sealed_and_stays<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    let opened = journal.create_chain(&acme).await.unwrap();
    assert_eq!((opened.seq, &opened.chain), (0, &acme), "an existing chain is returned");
    let receipt = journal.append(&acme, event("a")).await.unwrap();
    assert_eq!(receipt.seq, 1);
    assert!(receipt.at >= opened.at);
    journal.close().await;

    let journal = db.open(&options()).await.unwrap();
    assert_eq!(journal.append(&acme, event("b")).await.unwrap().seq, 2);
    verified(&journal).await;
    journal.close().await;
}

async fn an_unknown_chain_is_an_error<T: Place>(db: T) {
    let journal = db.journal().await;
    let nowhere = chain("acme/nowhere");
    let error = journal.append(&nowhere, event("a")).await.unwrap_err();
    assert!(matches!(error, AppendError::UnknownChain { chain } if chain == nowhere));
    let mut tx = journal.begin().await.unwrap();
    let error = tx.record(&nowhere, event("a")).await.unwrap_err();
    assert!(matches!(error, AppendError::UnknownChain { .. }));
    assert_eq!(db.number("SELECT count(*) FROM audit_entry").await, 1);
}

async fn reserved_actions_are_the_journals_own<T: Place>(db: T) {
    let journal = db.journal().await;
    let opened = audit_core::Reserved::HoldReleased { hold: "h".to_owned() };
    let event = opened.event(Actor::user("u")).unwrap();
    let error = journal.append(&chain("acme/default"), event).await.unwrap_err();
    assert!(matches!(error, AppendError::Reserved { action } if action == "journal.hold_released"));
}

async fn many_tasks_and_handles_neither_fork_nor_skip<T: Place>(db: T) {
    let acme = chain("acme/default");
    let first = db.journal().await;
    first.create_chain(&chain("acme/second")).await.unwrap();
    // A second handle knows nothing of the first: as if it were another process.
    let second = db.open(&options()).await.unwrap();
    let per_task = test_support::scaled(40, 200);
    let mut tasks = Vec::new();
    for task in 0..8 {
        let journal = if task % 2 == 0 { first.clone() } else { second.clone() };
        let acme = acme.clone();
        tasks.push(tokio::spawn(async move {
            let mut receipts = Vec::new();
            for n in 0..per_task {
                match n % 4 {
                    0 | 1 => receipts.push(journal.append(&acme, event("a")).await.unwrap()),
                    2 => {
                        let batch = vec![event("b"), event("c")];
                        receipts.extend(journal.append_batch(&acme, batch).await.unwrap());
                    }
                    _ => {
                        let mut tx = journal.begin().await.unwrap();
                        tx.record(&acme, event("d")).await.unwrap();
                        tx.record(&chain("acme/second"), event("d")).await.unwrap();
                        for committed in tx.commit().await.unwrap() {
                            match committed {
                                audit_store::Committed::Sealed(r) => receipts.push(r),
                                other => panic!("{other:?}"),
                            }
                        }
                    }
                }
            }
            receipts
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    for name in ["acme/default", "acme/second"] {
        let got: BTreeSet<u64> =
            all.iter().filter(|r| r.chain == chain(name)).map(|r| r.seq).collect();
        let count = all.iter().filter(|r| r.chain == chain(name)).count();
        assert_eq!(got.len(), count, "{name}: a seq twice");
        let last = u64::try_from(count).unwrap();
        assert_eq!(got, (1..=last).collect(), "{name}: a gap");
    }
    verified(&first).await;
    first.close().await;
    second.close().await;
}

async fn the_same_event_again_returns_the_first_receipt<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    let id = Uuid::now_v7();
    let first = journal.append(&acme, event_with(id, "a")).await.unwrap();
    assert_eq!(first.id, id);
    journal.append(&acme, event("b")).await.unwrap();
    assert_eq!(journal.append(&acme, event_with(id, "a")).await.unwrap(), first);
    let error = journal.append(&acme, event_with(id, "other")).await.unwrap_err();
    assert!(matches!(error, AppendError::DuplicateId { id: found, .. } if found == id));
    // Another chain has ids of its own.
    let other = chain("acme/other");
    journal.create_chain(&other).await.unwrap();
    assert_eq!(journal.append(&other, event_with(id, "other")).await.unwrap().seq, 1);
    // The next append works.
    assert_eq!(journal.append(&acme, event("c")).await.unwrap().seq, 3);
    verified(&journal).await;
}

async fn private_fields_compare_by_what_they_say<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    let id = Uuid::now_v7();
    let first = journal.append(&acme, private_event(id, "p1", "192.0.2.1")).await.unwrap();
    // Salts are drawn anew, so the bytes differ; the event does not.
    let again = journal.append(&acme, private_event(id, "p1", "192.0.2.1")).await.unwrap();
    assert_eq!(again, first);
    let error = journal.append(&acme, private_event(id, "p1", "192.0.2.2")).await.unwrap_err();
    assert!(matches!(error, AppendError::DuplicateId { .. }));
    // One subject, one ref; another subject, another.
    let second = journal.append(&acme, private_event(Uuid::now_v7(), "p1", "192.0.2.3")).await;
    assert_eq!(second.unwrap().seq, 2);
    journal.append(&acme, private_event(Uuid::now_v7(), "p2", "192.0.2.3")).await.unwrap();
    assert_eq!(db.number("SELECT count(*) FROM audit_subject").await, 2);
    let refs = "SELECT count(DISTINCT subject) FROM audit_disclosure";
    assert_eq!(db.number(refs).await, 2);
    assert_eq!(db.number("SELECT count(*) FROM audit_disclosure").await, 3);
    verified(&journal).await;
}

async fn a_batch_is_all_or_nothing<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    let id = Uuid::now_v7();
    journal.append(&acme, event_with(id, "a")).await.unwrap();
    let batch = vec![event("b"), event_with(id, "other"), event("c")];
    let error = journal.append_batch(&acme, batch).await.unwrap_err();
    assert!(matches!(error, AppendError::DuplicateId { .. }));
    assert_eq!(db.number("SELECT count(*) FROM audit_entry").await, 2);
    // The same event, standing or twice in the batch, is one entry.
    let twice = Uuid::now_v7();
    let batch =
        vec![event_with(twice, "x"), event_with(id, "a"), event_with(twice, "x"), event("d")];
    let receipts = journal.append_batch(&acme, batch).await.unwrap();
    assert_eq!(seqs(&receipts), [2, 1, 2, 3]);
    // Twice in the batch with different bytes is refused.
    let twice = Uuid::now_v7();
    let batch = vec![event_with(twice, "x"), event_with(twice, "y")];
    let error = journal.append_batch(&acme, batch).await.unwrap_err();
    assert!(matches!(error, AppendError::DuplicateId { .. }));
    assert_eq!(journal.append_batch(&acme, Vec::new()).await.unwrap(), []);
    assert_eq!(db.number("SELECT count(*) FROM audit_entry").await, 4);
    verified(&journal).await;
}

async fn one_callers_duplicate_is_not_anothers<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    let id = Uuid::now_v7();
    journal.append(&acme, event_with(id, "a")).await.unwrap();
    let calls = (0..40).map(|n| {
        let (journal, acme) = (journal.clone(), acme.clone());
        tokio::spawn(async move {
            let event = if n % 10 == 3 { event_with(id, "other") } else { event("b") };
            (n, journal.append(&acme, event).await)
        })
    });
    for call in calls.collect::<Vec<_>>() {
        let (n, result) = call.await.unwrap();
        match result {
            Ok(_) => assert_ne!(n % 10, 3),
            Err(AppendError::DuplicateId { .. }) => assert_eq!(n % 10, 3),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(db.number("SELECT count(*) FROM audit_entry").await, 38);
    verified(&journal).await;
}

async fn full_tiles_of_all_levels_are_written<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    // 1 + 300 + 1 + … crosses tile boundaries within a batch, on one, and right after a reopening.
    for size in [300_usize, 1, 210, 1, 300] {
        let batch = (0..size).map(|_| event("a")).collect();
        journal.append_batch(&acme, batch).await.unwrap();
    }
    assert_eq!(db.number("SELECT count(*) FROM audit_tile WHERE width = 256").await, 3);
    journal.close().await;
    let journal = db.open(&options()).await.unwrap();
    for _ in 0..3 {
        journal.append_batch(&acme, (0..100).map(|_| event("a")).collect()).await.unwrap();
    }
    assert_eq!(db.number("SELECT count(*) FROM audit_tile WHERE width = 256").await, 4);
    let second_level = test_support::scaled(0, 66_000);
    for _ in 0..second_level / 1000 {
        journal.append_batch(&acme, (0..1000).map(|_| event("a")).collect()).await.unwrap();
    }
    if second_level > 0 {
        // Narrower ones of that level are stored at each signing.
        let full = "SELECT count(*) FROM audit_tile WHERE level = 1 AND width = 256";
        assert_eq!(db.number(full).await, 1);
    }
    verified(&journal).await;
}

async fn a_clock_that_steps_back_is_clamped<T: Place>(db: T) {
    let clock = clock(1_000_000_000);
    let options = options().clock({
        let clock: Arc<dyn Clock> = clock.clone();
        clock
    });
    let journal = db.create(&options).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    let first = journal.append(&acme, event("a")).await.unwrap();
    clock.set(Timestamp::from_micros(5).unwrap());
    let second = journal.append(&acme, event("b")).await.unwrap();
    assert_eq!(second.at, first.at);
    journal.close().await;
    let journal = db.open(&options).await.unwrap();
    assert_eq!(journal.append(&acme, event("c")).await.unwrap().at, first.at);
    clock.set(Timestamp::from_micros(2_000_000_000).unwrap());
    assert_eq!(journal.append(&acme, event("d")).await.unwrap().at.as_micros(), 2_000_000_000);
}

async fn a_full_queue_is_said_so<T: Place>(db: T) {
    let acme = chain("acme/default");
    db.journal().await.close().await;
    let journal = db.open(&options().queue(2)).await.unwrap();
    let results =
        futures_util::future::join_all((0..12).map(|_| journal.try_append(&acme, event("a"))))
            .await;
    let full = results.iter().filter(|r| matches!(r, Err(AppendError::QueueFull))).count();
    let sealed = results.iter().filter(|r| r.is_ok()).count();
    assert!(full > 0 && sealed >= 2, "{full} refused, {sealed} sealed");
    assert_eq!(full + sealed, 12);
    // Those that wait instead all get through.
    let results =
        futures_util::future::join_all((0..12).map(|_| journal.append(&acme, event("a")))).await;
    assert!(results.iter().all(Result::is_ok));
    verified(&journal).await;
}

async fn a_dropped_call_harms_nobody<T: Place>(db: T) {
    use futures_util::FutureExt as _;
    let journal = db.journal().await;
    let acme = chain("acme/default");
    let mut tasks = Vec::new();
    for n in 0..30_u32 {
        let (journal, acme) = (journal.clone(), acme.clone());
        tasks.push(tokio::spawn(async move {
            if n % 3 == 0 {
                // Polled a few times, then dropped, at another point each.
                let mut call = Box::pin(journal.append(&acme, event("dropped")));
                for _ in 0..n % 7 {
                    if call.as_mut().now_or_never().is_some() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                None
            } else {
                Some(journal.append(&acme, event("kept")).await.unwrap())
            }
        }));
    }
    let mut kept = BTreeSet::new();
    for task in tasks {
        kept.extend(task.await.unwrap().map(|receipt| receipt.seq));
    }
    assert_eq!(kept.len(), 20);
    journal.append(&acme, event("after")).await.unwrap();
    verified(&journal).await;
    journal.close().await;
}

/// The writers of a process stand in one row; one that stood in it twice would wait for itself,
/// with everybody behind it, until the time-out.
async fn no_writer_waits_for_itself<T: Place>(db: T) {
    let journal = db.create(&options().busy_timeout(Duration::from_secs(3600))).await.unwrap();
    let acme = chain("acme/default");
    let everything = async {
        journal.create_chain(&acme).await.unwrap();
        journal.append_batch(&acme, (0..600).map(|_| event("a")).collect()).await.unwrap();
        // By this call, or by the task that posts in the background.
        journal.post_index().await.unwrap();
        assert_eq!(db.number("SELECT upto FROM audit_posted").await, 512);
        let mut tx = journal.begin().await.unwrap();
        tx.record(&acme, event("b")).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = journal.begin().await.unwrap();
        journal.stage(&mut tx, &acme, event("c")).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(journal.sequence().await.unwrap(), 0);
        assert_eq!(journal.checkpoint(&acme).await.unwrap().checkpoint().head.size, 602);
        journal.publish().await.unwrap();
        assert_eq!(journal.append(&acme, event("d")).await.unwrap().seq, 602);
        journal.close().await;
    };
    tokio::time::timeout(Duration::from_secs(60), everything).await.expect("somebody waits");
}

async fn a_closed_journal_takes_nothing<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    let other = journal.clone();
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let (journal, acme) = (journal.clone(), acme.clone());
            tokio::spawn(async move { journal.append(&acme, event("a")).await })
        })
        .collect();
    tokio::task::yield_now().await;
    journal.close().await;
    let mut sealed = 0;
    for call in waiting {
        match call.await.unwrap() {
            Ok(_) => sealed += 1,
            Err(AppendError::Closed | AppendError::Database(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(matches!(other.append(&acme, event("b")).await, Err(AppendError::Closed)));
    assert_eq!(db.number("SELECT count(*) FROM audit_entry").await, 1 + sealed);
}

async fn limits_are_named_and_nothing_is_written<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    let long = "s".repeat(257);
    let event = Event::builder("user.login", Actor::user("u"))
        .private(&long, "/context/ip", "192.0.2.1")
        .build();
    if let Ok(event) = event {
        let error = journal.append(&acme, event).await.unwrap_err();
        assert!(matches!(error, AppendError::SubjectId { bytes: 257, limit: 256 }), "{error:?}");
    }
    assert_eq!(db.number("SELECT count(*) FROM audit_entry").await, 1);
    assert_eq!(db.number("SELECT count(*) FROM audit_subject").await, 0);
}

async fn the_database_refuses_changes<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    journal.append(&acme, private_event(Uuid::now_v7(), "p", "192.0.2.1")).await.unwrap();
    journal.append_batch(&acme, (0..300).map(|_| event("a")).collect()).await.unwrap();
    journal.checkpoint(&acme).await.unwrap();
    let one = if T::POSTGRES { "seq = 1" } else { "position & 1099511627775 = 1" };
    let mut statements = vec![
        format!("UPDATE audit_entry SET body = 'x' WHERE {one}"),
        format!("DELETE FROM audit_entry WHERE {one}"),
        format!("UPDATE audit_disclosure SET items = '[]' WHERE {one}"),
        format!("DELETE FROM audit_disclosure WHERE {one}"),
        "UPDATE audit_tile SET idx = 7".to_owned(),
        "DELETE FROM audit_tile".to_owned(),
        "UPDATE audit_journal SET key = 'x'".to_owned(),
        "DELETE FROM audit_journal".to_owned(),
        "UPDATE audit_chain SET size = size - 1".to_owned(),
        "UPDATE audit_chain SET series = 'x', size = size + 1".to_owned(),
        "DELETE FROM audit_chain".to_owned(),
        "UPDATE audit_subject SET host = 'q'".to_owned(),
        "DELETE FROM audit_subject".to_owned(),
    ];
    if T::POSTGRES {
        for table in
            ["entry", "disclosure", "tile", "journal", "chain", "subject", "checkpoint", "staged"]
        {
            statements.push(format!("TRUNCATE audit_{table} CASCADE"));
        }
    } else {
        statements.push("INSERT OR REPLACE INTO audit_subject (tenant, ref, host) VALUES ('acme', zeroblob(16), 'p')".to_owned());
        statements.push("INSERT OR REPLACE INTO audit_tile SELECT * FROM audit_tile".to_owned());
        for table in ["journal", "chain", "entry", "disclosure", "checkpoint"] {
            statements
                .push(format!("INSERT OR REPLACE INTO audit_{table} SELECT * FROM audit_{table}"));
        }
        statements.push(
            "INSERT OR REPLACE INTO audit_entry SELECT position + 999, id, body FROM audit_entry"
                .to_owned(),
        );
    }
    for statement in statements {
        let error = db.execute(&statement).await.expect_err(&statement);
        let error = audit_store::DatabaseError::from(error);
        assert_eq!(error.kind(), DatabaseErrorKind::Constraint, "{statement}: {error:?}");
    }
    verified(&journal).await;
}

test_support::both_databases!(
    an_event_is_sealed_and_stays,
    an_unknown_chain_is_an_error,
    reserved_actions_are_the_journals_own,
    many_tasks_and_handles_neither_fork_nor_skip,
    the_same_event_again_returns_the_first_receipt,
    private_fields_compare_by_what_they_say,
    a_batch_is_all_or_nothing,
    one_callers_duplicate_is_not_anothers,
    full_tiles_of_all_levels_are_written,
    a_clock_that_steps_back_is_clamped,
    a_full_queue_is_said_so,
    a_dropped_call_harms_nobody,
    no_writer_waits_for_itself,
    a_closed_journal_takes_nothing,
    limits_are_named_and_nothing_is_written,
    the_database_refuses_changes,
);
