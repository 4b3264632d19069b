//! Events in transactions of the host, on both databases.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    dead_code,
    reason = "a test fails by panicking"
)]

#[path = "support/place.rs"]
mod place;

use std::collections::BTreeSet;
use std::time::Duration;

use audit_core::ChainId;
use audit_store::{
    AppendError, Backend, Committed, DatabaseErrorKind, Isolation, Journal, Receipt, Ticket,
};
use place::{Place, chain, event, event_with, private_event, verified};
use sqlx::{Postgres, Sqlite, Transaction};
use uuid::Uuid;

/// The host's own statements.
trait Host: Place {
    /// How the host begins a transaction of its own.
    const BEGIN: &'static str;

    fn run(
        tx: &mut Transaction<'_, Self::Db>,
        sql: String,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    fn host(
        tx: &mut Transaction<'_, Self::Db>,
        id: i64,
    ) -> impl Future<Output = sqlx::Result<()>> + Send {
        Self::run(tx, format!("INSERT INTO host VALUES ({id})"))
    }
}

impl Host for test_support::TestSqlite {
    const BEGIN: &'static str = "BEGIN IMMEDIATE";

    async fn run(tx: &mut Transaction<'_, Sqlite>, sql: String) -> sqlx::Result<()> {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut **tx).await.map(drop)
    }
}

impl Host for test_support::TestPg {
    const BEGIN: &'static str = "BEGIN";

    async fn run(tx: &mut Transaction<'_, Postgres>, sql: String) -> sqlx::Result<()> {
        let sql = sqlx::AssertSqlSafe(sql.replace(" audit_", " audit."));
        sqlx::query(sql).execute(&mut **tx).await.map(drop)
    }
}

async fn prepared<T: Host>(db: &T) -> (Journal<T::Db>, ChainId) {
    let journal = db.journal().await;
    db.execute("CREATE TABLE host (id bigint PRIMARY KEY)").await.unwrap();
    (journal, chain("acme/default"))
}

fn receipts<DB: Backend>(committed: Vec<Committed<DB>>) -> Vec<Receipt> {
    committed
        .into_iter()
        .map(|committed| match committed {
            Committed::Sealed(receipt) => receipt,
            other => panic!("not sealed: {other:?}"),
        })
        .collect()
}

async fn sealed<DB: Backend>(ticket: Ticket<DB>) -> Result<Receipt, AppendError> {
    tokio::time::timeout(Duration::from_secs(20), ticket.sealed()).await.unwrap()
}

async fn both_are_committed_or_neither<T: Host>(db: T) {
    let (journal, acme) = prepared(&db).await;
    let mut tx = journal.begin().await.unwrap();
    T::host(&mut tx, 1).await.unwrap();
    tx.record(&acme, event("a")).await.unwrap();
    tx.record(&acme, private_event(Uuid::now_v7(), "p", "192.0.2.1")).await.unwrap();
    let receipts = receipts(tx.commit().await.unwrap());
    assert_eq!(receipts.iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 2]);

    let mut tx = journal.begin().await.unwrap();
    T::host(&mut tx, 2).await.unwrap();
    tx.record(&acme, private_event(Uuid::now_v7(), "q", "192.0.2.1")).await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = journal.begin().await.unwrap();
    T::host(&mut tx, 3).await.unwrap();
    tx.record(&acme, event("b")).await.unwrap();
    drop(tx);
    // Nothing recorded: the host's statements alone.
    let mut tx = journal.begin().await.unwrap();
    T::host(&mut tx, 4).await.unwrap();
    assert!(tx.commit().await.unwrap().is_empty());

    assert_eq!(db.number("SELECT count(*) FROM host").await, 2);
    assert_eq!(db.number("SELECT count(*) FROM audit_entry").await, 3);
    assert_eq!(db.number("SELECT count(*) FROM audit_subject").await, 1);
    assert_eq!(journal.append(&acme, event("c")).await.unwrap().seq, 3);
    verified(&journal).await;
}

async fn several_chains_are_one_atom<T: Host>(db: T) {
    let (journal, acme) = prepared(&db).await;
    let other = chain("acme/billing");
    journal.create_chain(&other).await.unwrap();
    let mut tx = journal.begin().await.unwrap();
    for n in 0..600 {
        let chain = if n % 3 == 0 { &other } else { &acme };
        tx.record(chain, event("a")).await.unwrap();
    }
    let receipts = receipts(tx.commit().await.unwrap());
    assert_eq!(receipts.len(), 600);
    for (n, receipt) in receipts.iter().enumerate() {
        assert_eq!(receipt.chain, if n % 3 == 0 { other.clone() } else { acme.clone() });
    }
    assert_eq!((receipts[0].seq, receipts[1].seq, receipts[2].seq), (1, 1, 2));
    verified(&journal).await;
}

async fn an_event_that_stands_is_not_written_again<T: Host>(db: T) {
    let (journal, acme) = prepared(&db).await;
    let id = Uuid::now_v7();
    let first = journal.append(&acme, event_with(id, "a")).await.unwrap();
    let mut tx = journal.begin().await.unwrap();
    T::host(&mut tx, 1).await.unwrap();
    tx.record(&acme, event_with(id, "a")).await.unwrap();
    tx.record(&acme, event("b")).await.unwrap();
    let got = receipts(tx.commit().await.unwrap());
    assert_eq!((&got[0], got[1].seq), (&first, 2));
    // Another event under that id takes the host's statements back, too.
    let mut tx = journal.begin().await.unwrap();
    T::host(&mut tx, 2).await.unwrap();
    tx.record(&acme, event_with(id, "other")).await.unwrap();
    let error = tx.commit().await.unwrap_err();
    assert!(matches!(error, AppendError::DuplicateId { .. }));
    assert_eq!(db.number("SELECT count(*) FROM host").await, 1);
    assert_eq!(journal.append(&acme, event("c")).await.unwrap().seq, 3);
    verified(&journal).await;
}

async fn a_deferred_constraint_that_fails_leaves_nothing<T: Host>(db: T) {
    let (journal, acme) = prepared(&db).await;
    db.execute("CREATE TABLE child (id bigint REFERENCES host (id) DEFERRABLE INITIALLY DEFERRED)")
        .await
        .unwrap();
    let mut tx = journal.begin().await.unwrap();
    T::host(&mut tx, 1).await.unwrap();
    T::run(&mut tx, "INSERT INTO child VALUES (99)".to_owned()).await.unwrap();
    tx.record(&acme, event("a")).await.unwrap();
    match tx.commit().await {
        Err(AppendError::Database(error)) => {
            assert_eq!(error.kind(), DatabaseErrorKind::Constraint);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(db.number("SELECT count(*) FROM host").await, 0);
    assert_eq!(db.number("SELECT count(*) FROM audit_entry").await, 1);
    assert_eq!(journal.append(&acme, event("b")).await.unwrap().seq, 1);
    verified(&journal).await;
}

async fn a_staged_event_is_sealed_after_the_commit<T: Host>(db: T) {
    let (journal, acme) = prepared(&db).await;
    let pool = db.pool(2).await;
    let mut tx = pool.begin_with(T::BEGIN).await.unwrap();
    T::host(&mut tx, 1).await.unwrap();
    let private = private_event(Uuid::now_v7(), "p", "192.0.2.1");
    let tickets = [
        journal.stage(&mut tx, &acme, event("a")).await.unwrap(),
        journal.stage(&mut tx, &acme, private).await.unwrap(),
    ];
    tx.commit().await.unwrap();
    for (seq, ticket) in (1_u64..).zip(tickets) {
        assert_eq!(sealed(ticket).await.unwrap().seq, seq);
    }
    assert_eq!(db.number("SELECT count(*) FROM audit_staged").await, 0);
    assert_eq!(db.number("SELECT count(*) FROM audit_disclosure").await, 1);
    let moment = "SELECT count(*) FROM audit_entry WHERE body LIKE '%\"occurred_at\":\"2%'";
    assert_eq!(db.number(moment).await, 2);

    // Rolled back: nothing.
    let mut tx = pool.begin_with(T::BEGIN).await.unwrap();
    journal.stage(&mut tx, &acme, event("b")).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(journal.sequence().await.unwrap(), 0);
    // Committed, and nobody waits: the next run seals it, in whichever process.
    let mut tx = pool.begin_with(T::BEGIN).await.unwrap();
    let ticket = journal.stage(&mut tx, &acme, event("c")).await.unwrap();
    tx.commit().await.unwrap();
    let second = db.open(&place::options()).await.unwrap();
    second.sequence().await.unwrap();
    assert_eq!(sealed(ticket).await.unwrap().seq, 3);
    verified(&journal).await;
}

async fn staging_the_same_again_is_dropped_and_another_refused<T: Host>(db: T) {
    let (journal, acme) = prepared(&db).await;
    let pool = db.pool(2).await;
    let id = Uuid::now_v7();
    let mut first = None;
    for _ in 0..2 {
        let mut tx = pool.begin_with(T::BEGIN).await.unwrap();
        let ticket = journal.stage(&mut tx, &acme, event_with(id, "a")).await.unwrap();
        tx.commit().await.unwrap();
        let receipt = sealed(ticket).await.unwrap();
        assert_eq!(*first.get_or_insert_with(|| receipt.clone()), receipt);
    }
    // Staged, then appended in the ordinary way.
    let again = journal.append(&acme, event_with(id, "a")).await.unwrap();
    assert_eq!(Some(again), first);
    let mut tx = pool.begin_with(T::BEGIN).await.unwrap();
    let refused = journal.stage(&mut tx, &acme, event_with(id, "other")).await.unwrap();
    let proceeds = journal.stage(&mut tx, &acme, event("b")).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(sealed(refused).await, Err(AppendError::DuplicateId { .. })));
    assert_eq!(sealed(proceeds).await.unwrap().seq, 3);
    journal.sequence().await.unwrap();
    let count = "SELECT count(*) FROM audit_entry WHERE body LIKE '%journal.event_refused%'";
    assert_eq!(db.number(count).await, 1);
    assert_eq!(db.number("SELECT count(*) FROM audit_staged").await, 0);
    verified(&journal).await;
}

async fn what_is_staged_leaves_by_being_sealed_only<T: Host>(db: T) {
    let (journal, acme) = prepared(&db).await;
    journal.clone().close().await;
    let journal = db.open(&place::options()).await.unwrap();
    // Held back: an uncommitted transaction of the host.
    let pool = db.pool(2).await;
    let mut tx = pool.begin_with(T::BEGIN).await.unwrap();
    journal.stage(&mut tx, &acme, event("a")).await.unwrap();
    let mut statements = vec!["UPDATE audit_staged SET body = 'x'", "DELETE FROM audit_staged"];
    if !T::POSTGRES {
        statements.push("INSERT OR REPLACE INTO audit_staged SELECT * FROM audit_staged");
    }
    for statement in statements {
        let error = T::run(&mut tx, statement.to_owned()).await.unwrap_err();
        let error = audit_store::DatabaseError::from(error);
        assert_eq!(error.kind(), DatabaseErrorKind::Constraint, "{statement}");
        if T::POSTGRES {
            tx.rollback().await.unwrap();
            tx = pool.begin_with(T::BEGIN).await.unwrap();
            journal.stage(&mut tx, &acme, event("a")).await.unwrap();
        }
    }
}

/// Hosts at SERIALIZABLE commit by staging on PostgreSQL, and seal at once on SQLite; mixed with
/// everything else, there is no gap, no fork, and nothing twice.
async fn every_way_at_once<T: Host>(db: T) {
    let (journal, acme) = prepared(&db).await;
    let second = db.open(&place::options()).await.unwrap();
    let per_task = test_support::scaled(10, 100);
    let mut tasks = Vec::new();
    for task in 0..8_u32 {
        let journal = if task % 2 == 0 { journal.clone() } else { second.clone() };
        let (acme, pool) = (acme.clone(), db.pool(1).await);
        tasks.push(tokio::spawn(async move {
            let mut got = Vec::new();
            for n in 0..per_task {
                let host = i64::from(task) * 1_000_000 + i64::try_from(n).unwrap();
                match (usize::try_from(task).unwrap() + n) % 4 {
                    0 => got.push(journal.append(&acme, event("a")).await.unwrap()),
                    1 => {
                        let mut tx = journal.begin().await.unwrap();
                        T::host(&mut tx, host).await.unwrap();
                        tx.record(&acme, event("b")).await.unwrap();
                        got.extend(receipts(tx.commit().await.unwrap()));
                    }
                    2 => {
                        let mut tx = journal.begin_with(Isolation::Serializable).await.unwrap();
                        T::host(&mut tx, host).await.unwrap();
                        tx.record(&acme, event("c")).await.unwrap();
                        for committed in tx.commit().await.unwrap() {
                            got.push(match committed {
                                Committed::Sealed(receipt) => receipt,
                                Committed::Staged(ticket) => sealed(ticket).await.unwrap(),
                                other => panic!("{other:?}"),
                            });
                        }
                    }
                    _ => {
                        let mut tx = pool.begin_with(T::BEGIN).await.unwrap();
                        T::host(&mut tx, host).await.unwrap();
                        let ticket = journal.stage(&mut tx, &acme, event("d")).await.unwrap();
                        tx.commit().await.unwrap();
                        got.push(sealed(ticket).await.unwrap());
                    }
                }
            }
            got
        }));
    }
    let mut seqs = Vec::new();
    for task in tasks {
        seqs.extend(task.await.unwrap().into_iter().map(|receipt| receipt.seq));
    }
    let all: BTreeSet<u64> = seqs.iter().copied().collect();
    assert_eq!(all.len(), seqs.len(), "a seq twice");
    assert_eq!(all, (1..=u64::try_from(seqs.len()).unwrap()).collect(), "a gap");
    assert_eq!(db.number("SELECT count(*) FROM audit_staged").await, 0);
    verified(&journal).await;
    journal.close().await;
    second.close().await;
}

test_support::both_databases!(
    both_are_committed_or_neither,
    several_chains_are_one_atom,
    an_event_that_stands_is_not_written_again,
    a_deferred_constraint_that_fails_leaves_nothing,
    a_staged_event_is_sealed_after_the_commit,
    staging_the_same_again_is_dropped_and_another_refused,
    what_is_staged_leaves_by_being_sealed_only,
    every_way_at_once,
);

/// A host that raises the isolation itself, after the transaction began.
#[tokio::test(flavor = "multi_thread")]
async fn a_raised_isolation_is_noticed_at_the_commit() {
    let db = test_support::postgres().await;
    let (journal, acme) = prepared(&db).await;
    let mut tx = journal.begin().await.unwrap();
    sqlx::query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE").execute(&mut **tx).await.unwrap();
    <test_support::TestPg as Host>::host(&mut tx, 1).await.unwrap();
    // Meanwhile the chain grows, which this transaction's snapshot will not show.
    tx.record(&acme, private_event(Uuid::now_v7(), "p", "192.0.2.1")).await.unwrap();
    tx.record(&acme, event("b")).await.unwrap();
    journal.append(&acme, event("a")).await.unwrap();
    let mut seqs = Vec::new();
    for committed in tx.commit().await.unwrap() {
        match committed {
            Committed::Staged(ticket) => seqs.push(sealed(ticket).await.unwrap().seq),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seqs, [2, 3]);
    verified(&journal).await;
}

/// Whatever default the role has, our transactions are READ COMMITTED.
#[tokio::test(flavor = "multi_thread")]
async fn a_serializable_default_changes_nothing() {
    let db = test_support::postgres().await;
    let (journal, acme) = prepared(&db).await;
    let name = db.name();
    let sql = format!("ALTER DATABASE {name} SET default_transaction_isolation TO 'serializable'");
    db.execute(&sql).await.unwrap();
    journal.close().await;
    let handles =
        [db.open(&place::options()).await.unwrap(), db.open(&place::options()).await.unwrap()];
    let tasks = (0..8_usize).map(|task| {
        let (journal, acme) = (handles[task % 2].clone(), acme.clone());
        tokio::spawn(async move {
            for n in 0..10 {
                if n % 2 == 0 {
                    journal.append(&acme, event("a")).await.unwrap();
                } else {
                    let mut tx = journal.begin().await.unwrap();
                    tx.record(&acme, event("b")).await.unwrap();
                    receipts(tx.commit().await.unwrap());
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(db.number("SELECT count(*) FROM audit_entry").await, 81);
    verified(&handles[0]).await;
}

/// New subjects are added when a transaction commits and not before.
#[tokio::test(flavor = "multi_thread")]
async fn new_subjects_of_two_transactions_do_not_wait_for_each_other() {
    let db = test_support::postgres().await;
    let (journal, acme) = prepared(&db).await;
    let mut tx = journal.begin().await.unwrap();
    tx.record(&acme, private_event(Uuid::now_v7(), "p", "192.0.2.1")).await.unwrap();
    // The attempt is recorded on its own while the host's transaction is open: no lock of the
    // transaction is in the way.
    let attempt = journal.append(&acme, private_event(Uuid::now_v7(), "p", "192.0.2.1"));
    let attempt = tokio::time::timeout(Duration::from_secs(10), attempt).await.unwrap();
    assert_eq!(attempt.unwrap().seq, 1);
    assert_eq!(receipts(tx.commit().await.unwrap())[0].seq, 2);
    assert_eq!(db.number("SELECT count(*) FROM audit_subject").await, 1);
    verified(&journal).await;
}
