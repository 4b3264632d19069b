//! Creating and opening, on both databases.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use audit_core::{JournalName, SigningKey};
use audit_store::{
    Backend, DatabaseErrorKind, Journal, JournalOptions, OpenError, PgJournal, SqliteJournal,
    migrations,
};
use test_support::{TestDatabase, TestPg, TestSqlite};

fn key() -> SigningKey {
    SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap()
}

fn options() -> JournalOptions {
    JournalOptions::new(JournalName::new("audit.example.com").unwrap()).signer(key())
}

/// What the two kinds of test database need to be opened by this suite.
trait Place: TestDatabase<Db: Backend> {
    async fn create(&self, options: &JournalOptions) -> Result<Journal<Self::Db>, OpenError>;
    async fn open(&self, options: &JournalOptions) -> Result<Journal<Self::Db>, OpenError>;
}
impl Place for TestSqlite {
    async fn create(&self, options: &JournalOptions) -> Result<SqliteJournal, OpenError> {
        SqliteJournal::create(self.path(), options).await
    }
    async fn open(&self, options: &JournalOptions) -> Result<SqliteJournal, OpenError> {
        SqliteJournal::open(self.path(), options).await
    }
}
impl Place for TestPg {
    async fn create(&self, options: &JournalOptions) -> Result<PgJournal, OpenError> {
        PgJournal::create(&self.url(), options).await
    }
    async fn open(&self, options: &JournalOptions) -> Result<PgJournal, OpenError> {
        PgJournal::open(&self.url(), options).await
    }
}

async fn what_was_created_can_be_opened<T: Place>(db: T) {
    db.create(&options()).await.unwrap().close().await;
    assert!(matches!(db.create(&options()).await, Err(OpenError::AlreadyExists)));
    let journal = db.open(&options()).await.unwrap();
    assert_eq!(journal.key(), key().verifier().to_string());
    journal.close().await;
    let other = JournalOptions::new(JournalName::new("other.example.com").unwrap());
    assert!(matches!(db.open(&other).await, Err(OpenError::NameMismatch { .. })));
    assert!(!migrations::<T::Db>().is_empty());
}
test_support::both_databases!(what_was_created_can_be_opened);

#[tokio::test]
async fn a_typo_creates_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jornal.db");
    assert!(matches!(SqliteJournal::open(&path, &options()).await, Err(OpenError::NotFound)));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_wrong_address_is_an_error_of_the_connection() {
    let url = "postgres://nobody@127.0.0.1:1/nowhere";
    match PgJournal::open(url, &options()).await {
        Err(OpenError::Database(error)) => {
            assert_eq!(error.kind(), DatabaseErrorKind::Unavailable);
        }
        other => panic!("{other:?}"),
    }
}
