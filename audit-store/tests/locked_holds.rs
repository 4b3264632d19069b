//! Legal holds inside a transaction of the host's, on both databases.
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

use std::time::Duration;

use audit_core::{Actor, Event, Target};
use audit_store::{Backend, HoldOrder, Isolation, Journal, LockHoldsError, LockedHolds};
use place::{Place, chain};

const PERSON: &str = "person-7b1f2c";

fn dpo() -> Actor {
    Actor::user("dpo")
}

fn invoice(id: &str) -> Target {
    Target::new("invoice", id)
}

fn on_invoice(hold: &str) -> HoldOrder {
    HoldOrder::on_target("acme", &invoice("7"), hold, "file 12/26", dpo())
}

async fn locked<DB: Backend>(journal: &Journal<DB>, tenant: &str) -> LockedHolds {
    let mut tx = journal.begin().await.unwrap();
    let locked = journal.lock_holds(&mut tx, tenant).await.unwrap();
    tx.rollback().await.unwrap();
    locked
}

async fn what_is_held_is_said<T: Place>(db: T) {
    let journal = db.journal().await;
    journal.create_chain(&chain("acme/other")).await.unwrap();
    journal.create_chain(&chain("acme-2/default")).await.unwrap();
    let login = Event::builder("user.login", dpo()).private(PERSON, "/context/ip", "192.0.2.7");
    journal.append(&chain("acme/default"), login.build().unwrap()).await.unwrap();
    assert!(locked(&journal, "acme").await.is_empty());

    journal.place_hold(&on_invoice("case-1")).await.unwrap();
    let person = HoldOrder::on_subject("acme", PERSON, "case-2", "file 12/26", dpo());
    journal.place_hold(&person).await.unwrap();
    let whole = HoldOrder::on_chain(&chain("acme/other"), "case-3", "file 12/26", dpo());
    journal.place_hold(&whole).await.unwrap();

    let mut tx = journal.begin().await.unwrap();
    let held = journal.lock_holds(&mut tx, "acme").await.unwrap();
    assert!(!held.is_empty() && held.on_subjects());
    assert_eq!(held.on_target(&invoice("7")).collect::<Vec<_>>(), ["case-1"]);
    assert_eq!(held.on_target(&invoice("8")).count(), 0);
    assert_eq!(held.on_target(&Target::new("order", "7")).count(), 0);
    assert_eq!(held.on_chains().collect::<Vec<_>>(), ["case-3"]);
    let person = journal.subject_in(&mut tx, "acme", PERSON).await.unwrap().unwrap();
    assert_eq!(held.on_subject(person).collect::<Vec<_>>(), ["case-2"]);
    assert_eq!(journal.subject_in(&mut tx, "acme", "nobody").await.unwrap(), None);
    assert_eq!(journal.subject_in(&mut tx, "acme-2", PERSON).await.unwrap(), None);
    assert!(journal.lock_holds(&mut tx, "acme-2").await.unwrap().is_empty());
    tx.rollback().await.unwrap();

    for hold in ["case-1", "case-2", "case-3"] {
        journal.release_hold("acme", hold, dpo()).await.unwrap();
    }
    assert!(locked(&journal, "acme").await.is_empty());
}

/// Whether a call waits for a transaction that is open.
async fn waits<O>(call: &mut (impl Future<Output = O> + Unpin)) -> bool {
    tokio::time::timeout(Duration::from_millis(300), call).await.is_err()
}

async fn a_hold_is_not_placed_in_between<T: Place>(db: T) {
    let journal = db.journal().await;
    // Of other processes: nothing but the database makes them wait.
    let (one, two) = (db.pool(1).await, db.pool(1).await);
    let begin = || async {
        let sql = if T::POSTGRES { "BEGIN" } else { "BEGIN IMMEDIATE" };
        one.begin_with(sql).await.unwrap()
    };
    let mut tx = begin().await;
    assert!(journal.lock_holds(&mut tx, "acme").await.unwrap().is_empty());
    if T::POSTGRES {
        // Another step does not wait.
        let mut other = two.begin().await.unwrap();
        assert!(journal.lock_holds(&mut other, "acme").await.unwrap().is_empty());
        other.commit().await.unwrap();
    }
    let order = on_invoice("case-1");
    let mut placing = Box::pin(journal.place_hold(&order));
    assert!(waits(&mut placing).await);
    // What was locked is what it was.
    assert!(journal.lock_holds(&mut tx, "acme").await.unwrap().is_empty());
    tx.commit().await.unwrap();
    placing.await.unwrap();

    let mut tx = begin().await;
    let held = journal.lock_holds(&mut tx, "acme").await.unwrap();
    assert_eq!(held.on_target(&invoice("7")).collect::<Vec<_>>(), ["case-1"]);
    let mut releasing = Box::pin(journal.release_hold("acme", "case-1", dpo()));
    assert!(waits(&mut releasing).await);
    drop(tx);
    releasing.await.unwrap();
}

async fn where_nothing_is_locked_nothing_is_said<T: Place>(db: T) {
    let journal = db.journal().await;
    let pool = db.pool(1).await;
    let mut conn = pool.acquire().await.unwrap();
    let error = journal.lock_holds(&mut conn, "acme").await.unwrap_err();
    assert!(matches!(error, LockHoldsError::NoTransaction), "{error}");
    for isolation in [Isolation::RepeatableRead, Isolation::Serializable] {
        let mut tx = journal.begin_with(isolation).await.unwrap();
        let answer = journal.lock_holds(&mut tx, "acme").await;
        assert_eq!(matches!(answer, Err(LockHoldsError::Snapshot)), T::POSTGRES, "{answer:?}");
        tx.rollback().await.unwrap();
    }
}

test_support::both_databases!(
    what_is_held_is_said,
    a_hold_is_not_placed_in_between,
    where_nothing_is_locked_nothing_is_said,
);
