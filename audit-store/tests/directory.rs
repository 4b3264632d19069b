//! The directory of data subjects under a key, on both databases.

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

use audit_core::{Actor, SubjectRef};
use audit_store::{
    AccessReason, AppendError, Backend, DirectoryKey, Erasure, ErasureError, Isolation, Journal,
    JournalOptions, OpenError, Query,
};
use place::{Place, chain, options, private_event, verified};
use sqlx::Row;
use test_support::TestDatabase;
use uuid::Uuid;

/// The host's own id of the person.
const PERSON: &str = "person-7b1f2c-canary";

fn key(byte: u8) -> DirectoryKey {
    DirectoryKey::new([byte; 32])
}

fn keyed() -> JournalOptions {
    options().directory_key(key(3))
}

fn about() -> audit_core::Event {
    private_event(Uuid::now_v7(), PERSON, "10.1.2.3")
}

trait Directory: Place {
    /// What stands in the directory: tenant, and what is there for the host's id.
    async fn directory(&self) -> Vec<(String, Option<String>)>;

    /// Whether a text stands anywhere in what the database has stored.
    async fn stores(&self, text: &str) -> bool;
}

impl Directory for test_support::TestSqlite {
    async fn directory(&self) -> Vec<(String, Option<String>)> {
        let sql = "SELECT tenant, host FROM audit_subject ORDER BY tenant, host";
        sqlx::query_as(sql).fetch_all(&self.pool(1).await).await.unwrap()
    }
    async fn stores(&self, text: &str) -> bool {
        let files = std::fs::read_dir(self.dir()).unwrap();
        files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}

impl Directory for test_support::TestPg {
    async fn directory(&self) -> Vec<(String, Option<String>)> {
        let sql = "SELECT tenant, host FROM audit.subject ORDER BY tenant, host";
        sqlx::query_as(sql).fetch_all(&self.pool(1).await).await.unwrap()
    }
    async fn stores(&self, text: &str) -> bool {
        let pool = self.pool(1).await;
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'audit'")
                .fetch_all(&pool)
                .await
                .unwrap();
        for table in tables {
            let sql = format!("SELECT t::text FROM audit.{table} AS t");
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&pool).await.unwrap();
            if rows.iter().any(|row| row.get::<String, _>(0).contains(text)) {
                return true;
            }
        }
        false
    }
}

async fn refs<DB: Backend>(journal: &Journal<DB>, name: &str) -> Vec<SubjectRef> {
    let page = journal.query(&Query::new(&chain(name)).oldest_first()).await.unwrap();
    let entries = page.entries.iter().map(|entry| entry.entry().unwrap());
    entries.filter_map(|entry| entry.event().private().first().map(|(who, _)| *who)).collect()
}

async fn with_a_key_the_hosts_id_stands_nowhere<T: Directory>(db: T) {
    let journal = db.create(&keyed()).await.unwrap();
    for name in ["acme/default", "acme/other", "acme-2/default"] {
        journal.create_chain(&chain(name)).await.unwrap();
    }
    let acme = chain("acme/default");
    // Every way in: the writer, a batch, a shared transaction, staging.
    journal.append(&acme, about()).await.unwrap();
    journal.append_batch(&chain("acme/other"), vec![about(), about()]).await.unwrap();
    journal.append(&chain("acme-2/default"), about()).await.unwrap();
    let mut tx = journal.begin().await.unwrap();
    tx.record(&acme, about()).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = journal.begin_with(Isolation::Serializable).await.unwrap();
    tx.record(&acme, about()).await.unwrap();
    tx.record(&acme, private_event(Uuid::now_v7(), "person-new-canary", "::1")).await.unwrap();
    tx.commit().await.unwrap();
    journal.maintain().await.unwrap();
    let mut tx = journal.begin().await.unwrap();
    let ticket = journal.stage(&mut tx, &acme, about()).await.unwrap();
    tx.commit().await.unwrap();
    ticket.sealed().await.unwrap();
    journal.close().await;

    assert!(!db.stores("canary").await);
    let directory = db.directory().await;
    let tenants: Vec<_> = directory.iter().map(|(tenant, _)| tenant.as_str()).collect();
    assert_eq!(tenants, ["acme", "acme", "acme-2"]);
    let names: std::collections::BTreeSet<_> =
        directory.iter().map(|(_, name)| name.clone().unwrap()).collect();
    assert_eq!(names.len(), 3, "the same id at two tenants has two pseudonyms");
    assert!(names.iter().all(|n| n.len() == 64 && n.bytes().all(|b| b.is_ascii_hexdigit())));

    // Another process finds the person again, and erases them.
    let journal = db.open(&keyed()).await.unwrap();
    journal.append(&acme, about()).await.unwrap();
    let mut of_acme = refs(&journal, "acme/default").await;
    of_acme.extend(refs(&journal, "acme/other").await);
    of_acme.sort_unstable();
    of_acme.dedup();
    assert_eq!(of_acme.len(), 2, "the person and the new one");
    let erasure = Erasure::new("acme", PERSON, Actor::user("dpo"), "gdpr-17-1-b", "req-1");
    let report = journal.erase_subject(&erasure).await.unwrap();
    assert_eq!(report.entries.len(), 2);
    assert_eq!(report.removed, 7);
    let reason = AccessReason::new(Actor::user("support"), "matter 7");
    assert!(journal.read_private(&acme, 1, &reason).await.unwrap().is_empty());
    assert_eq!(journal.read_private(&chain("acme-2/default"), 1, &reason).await.unwrap().len(), 2);
    let gone = db.directory().await.into_iter().filter(|(_, name)| name.is_none()).count();
    assert_eq!(gone, 1);
    // Whoever comes back is somebody new.
    journal.append(&acme, about()).await.unwrap();
    assert_ne!(refs(&journal, "acme/default").await.pop(), Some(report.subject));
    verified(&journal).await;
    journal.close().await;
}

async fn a_key_that_is_not_the_one_is_refused<T: Directory>(db: T) {
    let journal = db.create(&keyed()).await.unwrap();
    journal.create_chain(&chain("acme/default")).await.unwrap();
    journal.append(&chain("acme/default"), about()).await.unwrap();
    journal.close().await;
    let before = db.directory().await;
    let other = options().directory_key(key(4));
    assert!(matches!(db.open(&options()).await, Err(OpenError::DirectoryKeyMissing)));
    assert!(matches!(db.open(&other).await, Err(OpenError::DirectoryKeyMismatch)));
    assert!(matches!(db.open(&other.read_only()).await, Err(OpenError::DirectoryKeyMismatch)));
    assert_eq!(db.directory().await, before);
    // An auditor reads without, but finds nobody by the host's id.
    let journal = db.open(&options().read_only()).await.unwrap();
    verified(&journal).await;
    assert_eq!(refs(&journal, "acme/default").await.len(), 1);
    let erasure = Erasure::new("acme", PERSON, Actor::user("dpo"), "gdpr-17-1-b", "req-1");
    match journal.erase_subject(&erasure).await.unwrap_err() {
        ErasureError::Append(AppendError::DirectoryClosed) => {}
        other => panic!("{other:?}"),
    }
    journal.close().await;
}

async fn without_a_key_the_hosts_id_stands_there<T: Directory>(db: T) {
    let journal = db.journal().await;
    journal.append(&chain("acme/default"), about()).await.unwrap();
    journal.close().await;
    assert_eq!(db.directory().await, [("acme".to_owned(), Some(PERSON.to_owned()))]);
    assert!(matches!(db.open(&keyed()).await, Err(OpenError::DirectoryNotKeyed)));
    db.open(&options()).await.unwrap().close().await;
}

test_support::both_databases!(
    with_a_key_the_hosts_id_stands_nowhere,
    a_key_that_is_not_the_one_is_refused,
    without_a_key_the_hosts_id_stands_there,
);
