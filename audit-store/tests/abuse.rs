//! What a host does that it should not, or cannot help: dropping calls half-way, closing under
//! load, holding every connection, going away before its journal does.
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

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use audit_core::{AuditorPolicy, Event};
use audit_store::{AppendError, Journal, Query, VerifyOptions};
use futures_util::future::join_all;
use place::{Place, chain, event, event_with, key, options, private_event, verified};
use test_support::both_databases;
use uuid::Uuid;

fn policy() -> AuditorPolicy {
    AuditorPolicy::new([key().verifier().clone()])
}

/// More threads than the pool has connections for.
async fn verifying_with_few_connections_leaves_the_journal_writable<T: Place>(db: T) {
    for connections in [1, 2, 3, 4] {
        let at = T::fresh().await;
        let journal = at.create(&options().connections(connections)).await.unwrap();
        let acme = chain("acme/default");
        journal.create_chain(&acme).await.unwrap();
        journal.append(&acme, event("before")).await.unwrap();
        let threads = NonZeroUsize::new(16).unwrap();
        let verify = VerifyOptions::new(policy()).threads(threads);
        let report = journal.verify(&verify).await.unwrap();
        assert_eq!(report.findings().count(), 0);
        journal.append(&acme, event("after")).await.unwrap();
        journal.close().await;
    }
    drop(db);
}

/// A verification that is dropped at any moment holds no lock.
async fn a_dropped_verification_holds_no_lock<T: Place>(db: T) {
    let journal = db.create(&options().busy_timeout(Duration::from_millis(200))).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    for micros in [1, 100, 200, 300, 400, 500, 700, 900, 1_200, 1_600, 2_000, 3_000, 4_000, 6_000] {
        let verify = VerifyOptions::new(policy());
        let _dropped =
            tokio::time::timeout(Duration::from_micros(micros), journal.verify(&verify)).await;
        journal.append(&acme, event(&micros.to_string())).await.unwrap();
    }
    verified(&journal).await;
    journal.close().await;
}

async fn dropped_calls_harm_nobody<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    let tasks = (0..8_u64).map(|task| {
        let (journal, acme) = (journal.clone(), acme.clone());
        tokio::spawn(async move {
            let mut there = Vec::new();
            for n in 0..40_u64 {
                let id = Uuid::now_v7();
                let patience = Duration::from_micros((n * 97 + task * 31) % 2_500);
                let call = async {
                    match n % 4 {
                        0 => journal.append(&acme, event_with(id, "x")).await.map(drop),
                        1 => journal
                            .append_batch(&acme, vec![event_with(id, "x"), event("y")])
                            .await
                            .map(drop),
                        2 => {
                            let mut tx = journal.begin().await?;
                            tx.record(&acme, event_with(id, "x")).await?;
                            tx.commit().await.map(drop)
                        }
                        _ => journal
                            .append(&acme, private_event(id, &format!("s{n}"), "10.0.0.1"))
                            .await
                            .map(drop),
                    }
                };
                match tokio::time::timeout(patience, call).await {
                    Ok(done) => {
                        done.unwrap();
                        there.push(id);
                    }
                    // Asking again settles it, whatever became of it.
                    Err(_) if n % 4 < 3 => {
                        journal.append(&acme, event_with(id, "x")).await.unwrap();
                        there.push(id);
                    }
                    Err(_) => {}
                }
            }
            there
        })
    });
    let there: Vec<Uuid> = join_all(tasks).await.into_iter().flat_map(Result::unwrap).collect();
    let found = ids(&journal).await;
    assert_eq!(found.len(), found.iter().collect::<HashSet<_>>().len());
    let found: HashSet<_> = found.into_iter().collect();
    assert!(there.iter().all(|id| found.contains(id)));
    verified(&journal).await;
    journal.close().await;
}

async fn ids<DB: audit_store::Backend>(journal: &Journal<DB>) -> Vec<Uuid> {
    let mut ids = Vec::new();
    let mut cursor = None;
    loop {
        let mut query = Query::new(&chain("acme/default")).oldest_first();
        if let Some(cursor) = cursor {
            query = query.after(cursor);
        }
        let page = journal.query(&query).await.unwrap();
        ids.extend(page.entries.iter().map(|entry| entry.entry().unwrap().event().id()));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return ids,
        }
    }
}

async fn closing_under_load_keeps_what_was_acknowledged<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let (journal, acme) = (journal.clone(), acme.clone());
            tokio::spawn(async move {
                let mut there = Vec::new();
                for n in 0..1_000 {
                    let id = Uuid::now_v7();
                    let done = if (n + task) % 5 == 0 {
                        match journal.begin().await {
                            Ok(mut tx) => match tx.record(&acme, event_with(id, "x")).await {
                                Ok(()) => tx.commit().await.map(drop),
                                Err(error) => Err(error),
                            },
                            Err(error) => Err(error),
                        }
                    } else {
                        journal.append(&acme, event_with(id, "x")).await.map(drop)
                    };
                    match done {
                        Ok(()) => there.push(id),
                        Err(AppendError::Closed | AppendError::Database(_)) => return there,
                        Err(error) => panic!("{error:?}"),
                    }
                }
                there
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(60)).await;
    tokio::time::timeout(Duration::from_secs(20), journal.clone().close()).await.unwrap();
    let there: Vec<Uuid> = join_all(tasks).await.into_iter().flat_map(Result::unwrap).collect();
    assert!(matches!(journal.append(&acme, event("late")).await, Err(AppendError::Closed)));
    let again = db.open(&options()).await.unwrap();
    let found: HashSet<_> = ids(&again).await.into_iter().collect();
    assert!(there.iter().all(|id| found.contains(id)), "acknowledged and gone");
    verified(&again).await;
    again.close().await;
}

async fn a_host_that_holds_every_connection_can_append<T: Place>(db: T) {
    let journal = db.create(&options().connections(2)).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    let one = journal.pool().acquire().await.unwrap();
    let two = journal.pool().acquire().await.unwrap();
    for n in 0..20 {
        journal.append(&acme, event(&n.to_string())).await.unwrap();
    }
    let many = (0..300).map(|n| event(&n.to_string())).collect();
    journal.append_batch(&acme, many).await.unwrap();
    drop((one, two));
    verified(&journal).await;
    journal.close().await;
}

async fn batches_of_every_size<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    assert!(journal.append_batch(&acme, Vec::new()).await.unwrap().is_empty());
    let many: Vec<Event> = (0..10_000).map(|n| event(&n.to_string())).collect();
    let receipts = journal.append_batch(&acme, many).await.unwrap();
    assert_eq!((receipts[0].seq, receipts[9_999].seq), (1, 10_000));
    // The same event twice in one batch is one entry; another one under its id is refused.
    let id = Uuid::now_v7();
    let twice = vec![event_with(id, "a"), event_with(id, "a")];
    let receipts = journal.append_batch(&acme, twice).await.unwrap();
    assert_eq!(receipts[0], receipts[1]);
    let id = Uuid::now_v7();
    let other = vec![event("z"), event_with(id, "a"), event_with(id, "b")];
    let refused = journal.append_batch(&acme, other).await;
    assert!(matches!(refused, Err(AppendError::DuplicateId { .. })), "{refused:?}");
    assert_eq!(journal.append(&acme, event("next")).await.unwrap().seq, 10_002);
    verified(&journal).await;
    journal.close().await;
}

/// Rows that `stage` would not have written are not sealed, and keep nobody waiting behind them.
async fn staged_by_plain_sql_the_journal_does_not_speak_for_itself<T: Place>(db: T) {
    let journal = db.journal().await;
    let (acme, other) = (chain("acme/default"), chain("acme/other"));
    journal.create_chain(&other).await.unwrap();
    let stage = |chain: &str, id: Uuid, says: Uuid, action: &str, meta: &str| {
        let body = format!(
            r#"{{"action":"{action}","actor":{{"id":"u","type":"user"}},"id":"{says}","meta":{meta}}}"#
        );
        let (id, tenant) = if T::POSTGRES {
            (format!("'{id}'"), "tenant, ")
        } else {
            (format!("x'{}'", id.simple()), "")
        };
        let (name, no) = if T::POSTGRES { ("'acme', ", "false") } else { ("", "0") };
        format!(
            "INSERT INTO audit_staged ({tenant}chain, event_id, body, disclosures, timed, staged_at)
             VALUES ({name}{chain}, {id}, '{body}', '[]', {no}, 0);"
        )
    };
    let key = format!(r#"{{"key":"{}"}}"#, key().verifier());
    let one = Uuid::now_v7();
    let forged = [
        stage("1", one, one, "journal.key_added", &key),
        stage("2", one, one, "journal.key_added", &key),
        stage("1", Uuid::now_v7(), Uuid::now_v7(), "user.login", r#"{"a":1}"#),
        stage("1", Uuid::now_v7(), Uuid::now_v7(), "no action", "{}"),
    ];
    for statement in forged {
        db.execute(&statement).await.unwrap();
    }
    // More of them than one round looks at.
    let many: String = (0..1_200)
        .map(|_| stage("2", Uuid::now_v7(), Uuid::now_v7(), "user.login", r#"{"a":1}"#))
        .collect();
    db.execute(&many).await.unwrap();
    for at in [&acme, &other] {
        let mut tx = journal.pool().begin().await.unwrap();
        let ticket = journal.stage(&mut tx, at, event("x")).await.unwrap();
        tx.commit().await.unwrap();
        let sealed = tokio::time::timeout(Duration::from_secs(20), ticket.sealed()).await;
        assert_eq!(sealed.unwrap().unwrap().seq, 1);
    }
    let report = verified(&journal).await;
    assert_eq!(report.information.unsealed, 1_204);
    assert_eq!(report.counts.reserved, 2);
    journal.close().await;
}

/// What stands exactly at a limit is taken, and one byte more is refused by name.
async fn limits_and_odd_letters<T: Place>(db: T) {
    let clock = place::clock(1_700_000_000_000_000);
    let journal = db.create(&options().clock(clock.clone())).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    let filled = |bytes: usize| {
        Event::builder("record.updated", audit_core::Actor::user("u-1"))
            .id(Uuid::now_v7())
            .meta("fill", "x".repeat(bytes))
            .build()
            .unwrap()
    };
    let empty = filled(0).canonicalize(|_| None).unwrap().as_str().len();
    let at = journal.append(&acme, filled(65_000 - empty)).await.unwrap();
    assert_eq!(at.seq, 1);
    let error = Event::builder("record.updated", audit_core::Actor::user("u-1"))
        .meta("fill", "x".repeat(65_001))
        .build()
        .map_err(AppendError::from);
    let error = match error {
        Ok(event) => journal.append(&acme, event).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, AppendError::Event(_)), "{error:?}");
    // A clock that steps back is clamped.
    clock.set(audit_core::Timestamp::from_micros(1_600_000_000_000_000).unwrap());
    let back = journal.append(&acme, event("\u{202e}\u{1f600}'\"\\ \u{85}")).await.unwrap();
    assert_eq!(back.at, at.at);
    for subject in ["", &"s".repeat(257)] {
        let event = Event::builder("user.login", audit_core::Actor::user("u-1"))
            .private(subject, "/context/ip", "::1")
            .build()
            .map_err(AppendError::from);
        let refused = match event {
            Ok(event) => journal.append(&acme, event).await.map(drop),
            Err(error) => Err(error),
        };
        assert!(refused.is_err(), "{} bytes", subject.len());
    }
    let unknown = journal.append(&chain("acme/none"), event("x")).await;
    assert!(matches!(unknown, Err(AppendError::UnknownChain { .. })), "{unknown:?}");
    assert_eq!(journal.append(&acme, event("")).await.map(|receipt| receipt.seq).ok(), Some(3));
    verified(&journal).await;
    journal.close().await;
}

both_databases!(
    limits_and_odd_letters,
    staged_by_plain_sql_the_journal_does_not_speak_for_itself,
    a_dropped_verification_holds_no_lock,
    a_host_that_holds_every_connection_can_append,
    batches_of_every_size,
    closing_under_load_keeps_what_was_acknowledged,
    dropped_calls_harm_nobody,
    verifying_with_few_connections_leaves_the_journal_writable,
);

/// The last handle may go after the runtime went.
fn handles_outlive_the_runtime<T: Place>() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (db, journal) = runtime.block_on(async {
        let db = T::fresh().await;
        let journal = db.journal().await;
        journal.append(&chain("acme/default"), event("x")).await.unwrap();
        (db, journal)
    });
    drop(runtime);
    drop(journal);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let journal = db.open(&options()).await.unwrap();
        let receipt = journal.append(&chain("acme/default"), event("y")).await.unwrap();
        assert_eq!(receipt.seq, 2);
        verified(&journal).await;
        journal.close().await;
        drop(db);
    });
}

#[test]
fn handles_outlive_the_runtime_on_sqlite() {
    handles_outlive_the_runtime::<test_support::TestSqlite>();
}

#[test]
fn handles_outlive_the_runtime_on_postgres() {
    handles_outlive_the_runtime::<test_support::TestPg>();
}
