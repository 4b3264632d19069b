// Included by the behaviour suites: what the two kinds of test database need to hold a journal.

use std::sync::Arc;

use audit_core::{
    Actor, AuditorPolicy, ChainId, Event, JournalName, SigningKey, Target, VerificationReport,
};
use audit_store::{
    Backend, Journal, JournalOptions, OpenError, PgJournal, SqliteJournal, VerifyOptions,
};
use test_support::{TestDatabase, TestPg, TestSqlite};
use uuid::Uuid;

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap()
}

pub(crate) fn options() -> JournalOptions {
    JournalOptions::new(JournalName::new("audit.example.com").unwrap()).signer(key())
}

pub(crate) fn chain(name: &str) -> ChainId {
    name.parse().unwrap()
}

pub(crate) fn event(target: &str) -> Event {
    Event::builder("record.updated", Actor::user("usr_1"))
        .target(Target::new("record", target))
        .meta("note", "ein Wort, \u{00e4}\u{20ac}\u{1f600}")
        .build()
        .unwrap()
}

pub(crate) fn event_with(id: Uuid, target: &str) -> Event {
    Event::builder("record.updated", Actor::user("usr_1"))
        .id(id)
        .target(Target::new("record", target))
        .build()
        .unwrap()
}

/// About a person: with private fields.
pub(crate) fn private_event(id: Uuid, subject: &str, ip: &str) -> Event {
    Event::builder("user.login", Actor::user("usr_1"))
        .id(id)
        .private(subject, "/context/ip", ip)
        .private(subject, "/actor/name", "Ada")
        .build()
        .unwrap()
}

pub(crate) trait Place: TestDatabase<Db: Backend> + Sync {
    async fn create(&self, options: &JournalOptions) -> Result<Journal<Self::Db>, OpenError>;
    async fn open(&self, options: &JournalOptions) -> Result<Journal<Self::Db>, OpenError>;

    /// A journal with the chain `acme/default`.
    async fn journal(&self) -> Journal<Self::Db> {
        let journal = self.create(&options()).await.unwrap();
        journal.create_chain(&chain("acme/default")).await.unwrap();
        journal
    }

    /// Runs a statement, written for SQLite, on the bare database.
    async fn execute(&self, sql: &str) -> sqlx::Result<u64>;

    /// The one number a query returns.
    async fn number(&self, sql: &str) -> i64;
}

impl Place for TestSqlite {
    async fn create(&self, options: &JournalOptions) -> Result<SqliteJournal, OpenError> {
        SqliteJournal::create(self.path(), options).await
    }
    async fn open(&self, options: &JournalOptions) -> Result<SqliteJournal, OpenError> {
        SqliteJournal::open(self.path(), options).await
    }
    async fn execute(&self, sql: &str) -> sqlx::Result<u64> {
        let pool = self.pool(1).await;
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        Ok(sqlx::raw_sql(sql).execute(&pool).await?.rows_affected())
    }
    async fn number(&self, sql: &str) -> i64 {
        let pool = self.pool(1).await;
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(&pool).await.unwrap()
    }
}

impl Place for TestPg {
    async fn create(&self, options: &JournalOptions) -> Result<PgJournal, OpenError> {
        PgJournal::create(&self.url(), options).await
    }
    async fn open(&self, options: &JournalOptions) -> Result<PgJournal, OpenError> {
        PgJournal::open(&self.url(), options).await
    }
    async fn execute(&self, sql: &str) -> sqlx::Result<u64> {
        let pool = self.pool(1).await;
        let sql = sqlx::AssertSqlSafe(sql.replace(" audit_", " audit."));
        Ok(sqlx::raw_sql(sql).execute(&pool).await?.rows_affected())
    }
    async fn number(&self, sql: &str) -> i64 {
        let pool = self.pool(1).await;
        let sql = sqlx::AssertSqlSafe(sql.replace(" audit_", " audit."));
        sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
    }
}

/// Verifies the whole journal; only what a test allows for may be found.
pub(crate) async fn verified<DB: Backend>(journal: &Journal<DB>) -> VerificationReport {
    let policy = AuditorPolicy::new([key().verifier().clone()]);
    let report = journal.verify(&VerifyOptions::new(policy)).await.unwrap();
    let findings: Vec<_> = report.findings().collect();
    assert!(findings.is_empty(), "{findings:#?}");
    report
}

/// A clock that tests move.
pub(crate) fn clock(micros: i64) -> Arc<audit_core::ManualClock> {
    Arc::new(audit_core::ManualClock::new(audit_core::Timestamp::from_micros(micros).unwrap()))
}
