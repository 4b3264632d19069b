//! A desk and its registers over a fresh database.
#![allow(dead_code, unreachable_pub, reason = "shared by several test programs")]

use std::sync::Arc;
use std::time::Duration;

use audit_core::{Actor, ChainId, JournalName, ManualClock, SigningKey};
use audit_store::{Journal, JournalOptions, PgJournal, SqliteJournal};
use crypto_fields::{
    CachePolicy, CredentialKeys, DataKey, EpochKeys, KeyEncryptionKey, KeyId, KeyStore, Purpose,
    SecretKey, SubjectKeys,
};
use privacy_rights::{
    Backend, Desk, DeskOptions, Identifier, Place, Regime, Registers, Selection, SubjectKeyVault,
    SuppressionTokens,
};
use sqlx::{AssertSqlSafe, Executor, Pool, Row};
use test_support::{TestDatabase, TestPg, TestSqlite};

use crate::at;

/// What each kind of database needs for a journal in a pool of the host's.
pub(crate) trait Home: TestDatabase<Db: Backend + crypto_fields::Backend> {
    /// Has the database refuse that a request was executed.
    const BLOCK: &str;
    async fn journal(pool: Pool<Self::Db>, options: &JournalOptions) -> Journal<Self::Db>;
}

impl Home for TestSqlite {
    const BLOCK: &str = "CREATE TRIGGER blocked BEFORE INSERT ON privacy_request_event
         WHEN NEW.body LIKE '%executed%' BEGIN SELECT RAISE(ABORT, 'blocked'); END";

    async fn journal(pool: Pool<Self::Db>, options: &JournalOptions) -> SqliteJournal {
        SqliteJournal::create_in_pool(pool, options).await.unwrap()
    }
}

impl Home for TestPg {
    const BLOCK: &str = "CREATE TRIGGER blocked BEFORE INSERT ON privacy_request_event
         FOR EACH ROW WHEN (NEW.body LIKE '%executed%') EXECUTE FUNCTION privacy_refuse('blocked')";

    async fn journal(pool: Pool<Self::Db>, options: &JournalOptions) -> PgJournal {
        PgJournal::create_in_pool(pool, options).await.unwrap()
    }
}

pub(crate) struct World<DB: Backend> {
    pub(crate) pool: Pool<DB>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) journal: Journal<DB>,
    pub(crate) desk: Arc<Desk<DB>>,
    pub(crate) registers: Arc<Registers<DB>>,
    pub(crate) options: DeskOptions,
}

pub(crate) fn chain() -> ChainId {
    ChainId::new("acme", "rights").unwrap()
}

pub(crate) fn clerk() -> Actor {
    Actor::user("usr_7")
}

/// On 11 June 2026 in Brussels.
pub(crate) async fn world<T: Home>(db: &T) -> World<T::Db> {
    let pool = db.pool(6).await;
    let clock = Arc::new(ManualClock::new(at("2026-06-11")));
    let key = SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap();
    let options = JournalOptions::new(JournalName::new("audit.example.com").unwrap())
        .signer(key)
        .clock(clock.clone());
    let journal = T::journal(pool.clone(), &options).await;

    let epoch = DataKey::generate(Purpose::Wrap).unwrap();
    let epoch = Arc::new(KeyEncryptionKey::new(&epoch).unwrap());
    let keys_clock =
        Arc::new(crypto_fields::ManualClock::new(crypto_fields::Timestamp::from_micros(1_000_000)));
    let store = KeyStore::open(pool.clone(), &*keys_clock).await.unwrap();
    let policy = CachePolicy::new(100, Duration::from_secs(300));
    let keys = Arc::new(SubjectKeys::new(store, EpochKeys::new(epoch), policy, keys_clock));

    let vault = Arc::new(SubjectKeyVault::new(keys).unwrap());
    let secret = DataKey::generate(Purpose::Credential).unwrap();
    let codes = Arc::new(CredentialKeys::new(&secret).unwrap());
    let law = (Regime::gdpr(), Place::new(chrono_tz::Europe::Brussels));
    let options = DeskOptions::new(chain(), law, clock.clone(), vault, codes);
    let desk = Desk::open(journal.clone(), pool.clone(), options.clone()).await.unwrap();
    let desk = Arc::new(desk);
    let registers = Arc::new(Registers::new(Arc::clone(&desk), tokens()).single("customer_id"));
    World { pool, clock, journal, desk, registers, options }
}

/// The same key each time.
pub(crate) fn tokens() -> SuppressionTokens {
    let secret = SecretKey::from_slice(&[5; 32]).unwrap();
    let key = DataKey::from_parts(KeyId::new(1).unwrap(), Purpose::BlindIndex, secret);
    SuppressionTokens::new(key)
}

pub(crate) fn person(all: &[(&str, &str)]) -> Selection {
    let identifier = |(kind, value): &(&str, &str)| Identifier::new(*kind, *value).unwrap();
    let first = Selection::of(identifier(&all[0]));
    all[1..].iter().fold(first, |person, one| person.and(identifier(one)).unwrap())
}

/// Every row of the tables of registers and of what is carried out, as text.
pub(crate) async fn dump<DB: Backend>(pool: &Pool<DB>) -> Vec<String>
where
    for<'c> &'c Pool<DB>: Executor<'c, Database = DB>,
    for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    let mut all = Vec::new();
    for sql in [
        "SELECT register || ' ' || id || ' ' || body FROM privacy_register
         ORDER BY register, id, number",
        "SELECT token || ' ' || kind || ' ' || id FROM privacy_preference_person ORDER BY 1",
        "SELECT body FROM privacy_request_event",
        "SELECT state || ' ' || body FROM privacy_measure",
    ] {
        let rows = pool.fetch_all(AssertSqlSafe(sql)).await.unwrap();
        all.extend(rows.iter().map(|row| row.try_get::<String, _>(0).unwrap()));
    }
    all
}

impl<DB: Backend> World<DB> {
    /// The journal's entries as text, in their order, without those of the chain itself.
    pub(crate) async fn entries(&self) -> Vec<(String, String)> {
        let query = audit_store::Query::new(&chain());
        let page = self.journal.query(&query).await.unwrap();
        let mut entries: Vec<(u64, String, String)> = page
            .entries
            .iter()
            .map(|stored| {
                let entry = audit_core::Entry::parse(stored.as_str()).unwrap();
                let action = entry.event().action().to_owned();
                (entry.seq(), action, stored.as_str().to_owned())
            })
            .collect();
        entries.sort();
        let own = entries.into_iter().map(|(_, action, text)| (action, text));
        own.filter(|(action, _)| !action.starts_with("journal.")).collect()
    }

    /// Their actions under a prefix.
    pub(crate) async fn actions(&self, prefix: &str) -> Vec<String> {
        let all = self.entries().await.into_iter();
        all.filter_map(|(action, _)| action.strip_prefix(prefix).map(ToOwned::to_owned)).collect()
    }
}

/// Behaviours on both databases, with the bounds that they need.
#[macro_export]
macro_rules! behaviours {
    ($(async fn $name:ident($db:ident) $body:block)+) => {
        $(
            async fn $name<T: $crate::world::Home>($db: T)
            where
                for<'c> &'c sqlx::Pool<T::Db>: sqlx::Executor<'c, Database = T::Db>,
                for<'r> String: sqlx::Decode<'r, T::Db> + sqlx::Type<T::Db>,
                usize: sqlx::ColumnIndex<<T::Db as sqlx::Database>::Row>,
            $body
        )+
        test_support::both_databases!($($name),+);
    };
}
