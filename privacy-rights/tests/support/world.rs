//! A desk over a fresh database.
#![allow(dead_code, reason = "shared by several test programs")]

use std::sync::Arc;
use std::time::Duration;

use audit_core::{
    Actor, AuditorPolicy, ChainId, JournalName, ManualClock, SigningKey, Timestamp,
    VerificationReport,
};
use audit_store::{Journal, JournalOptions, PgJournal, SqliteJournal, VerifyOptions};
use crypto_fields::{
    CachePolicy, CredentialKeys, DataKey, EpochKeys, KeyEncryptionKey, KeyStore, Purpose,
    SubjectKeys,
};
use privacy_rights::{Backend, Desk, DeskOptions, Place, Regime, SubjectKeyVault};
use sqlx::Pool;
use test_support::{TestDatabase, TestPg, TestSqlite};

/// What each kind of database needs for a journal in a pool of the host's.
pub(crate) trait Home: TestDatabase<Db: Backend + crypto_fields::Backend> {
    async fn journal(pool: Pool<Self::Db>, options: &JournalOptions) -> Journal<Self::Db>;
}

impl Home for TestSqlite {
    async fn journal(pool: Pool<Self::Db>, options: &JournalOptions) -> SqliteJournal {
        SqliteJournal::create_in_pool(pool, options).await.unwrap()
    }
}

impl Home for TestPg {
    async fn journal(pool: Pool<Self::Db>, options: &JournalOptions) -> PgJournal {
        PgJournal::create_in_pool(pool, options).await.unwrap()
    }
}

pub(crate) struct World<DB: Backend + crypto_fields::Backend> {
    pub(crate) pool: Pool<DB>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) journal: Journal<DB>,
    pub(crate) desk: Desk<DB>,
    pub(crate) options: DeskOptions,
    /// The keys of the vault, and of whatever else a test has sealed.
    pub(crate) keys: Arc<SubjectKeys<KeyStore<DB>>>,
}

/// A time, or a day at 10:00.
pub(crate) fn at(text: &str) -> Timestamp {
    let text = if text.len() == 10 { format!("{text}T10:00") } else { text.to_owned() };
    format!("{text}:00.000000Z").parse().unwrap()
}

pub(crate) fn chain() -> ChainId {
    ChainId::new("acme", "rights").unwrap()
}

pub(crate) fn clerk() -> Actor {
    Actor::user("usr_7")
}

/// The key of the journal.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap()
}

/// On 11 June 2026 in Brussels.
pub(crate) async fn world<T: Home>(db: &T) -> World<T::Db> {
    world_of(db, |options, _| options).await
}

/// As [`world`], with a journal of one's own choice.
pub(crate) async fn world_of<T: Home>(
    db: &T,
    change: impl FnOnce(JournalOptions, &Arc<SubjectKeys<KeyStore<T::Db>>>) -> JournalOptions,
) -> World<T::Db> {
    let pool = db.pool(6).await;
    let clock = Arc::new(ManualClock::new(at("2026-06-11")));
    let epoch = DataKey::generate(Purpose::Wrap).unwrap();
    let epoch = Arc::new(KeyEncryptionKey::new(&epoch).unwrap());
    let keys_clock =
        Arc::new(crypto_fields::ManualClock::new(crypto_fields::Timestamp::from_micros(1_000_000)));
    let store = KeyStore::open(pool.clone(), &*keys_clock).await.unwrap();
    let policy = CachePolicy::new(100, Duration::from_secs(300));
    let keys = Arc::new(SubjectKeys::new(store, EpochKeys::new(epoch), policy, keys_clock));

    let options = JournalOptions::new(JournalName::new("audit.example.com").unwrap())
        .signer(key())
        .clock(clock.clone());
    let options = change(options, &keys);
    let journal = T::journal(pool.clone(), &options).await;

    let vault = Arc::new(SubjectKeyVault::new(Arc::clone(&keys)).unwrap());
    let secret = DataKey::generate(Purpose::Credential).unwrap();
    let codes = Arc::new(CredentialKeys::new(&secret).unwrap());
    let law = (Regime::gdpr(), Place::new(chrono_tz::Europe::Brussels));
    let options = DeskOptions::new(chain(), law, clock.clone(), vault, codes);
    let desk = Desk::open(journal.clone(), pool.clone(), options.clone()).await.unwrap();
    World { pool, clock, journal, desk, options, keys }
}

impl<DB: Backend + crypto_fields::Backend> World<DB> {
    /// That nothing is wrong with the journal.
    pub(crate) async fn verified(&self) -> VerificationReport {
        let policy = AuditorPolicy::new([key().verifier().clone()]);
        let report = self.journal.verify(&VerifyOptions::new(policy)).await.unwrap();
        let findings: Vec<_> = report.findings().collect();
        assert!(findings.is_empty(), "{findings:#?}");
        report
    }

    /// The actions of the journal, without those of the chain itself.
    pub(crate) async fn actions(&self) -> Vec<String> {
        let mut query = audit_store::Query::new(&chain()).page_size(500);
        let mut actions: Vec<(u64, String)> = Vec::new();
        loop {
            let page = self.journal.query(&query).await.unwrap();
            actions.extend(page.entries.iter().map(|stored| {
                let entry = audit_core::Entry::parse(stored.as_str()).unwrap();
                (entry.seq(), entry.event().action().to_owned())
            }));
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
        actions.sort();
        let own = actions.into_iter().map(|(_, action)| action);
        own.filter_map(|action| action.strip_prefix("rights.").map(ToOwned::to_owned)).collect()
    }
}
