//! A journal over a fresh database, and shorthands.

use std::sync::Arc;

use audit_core::{Actor, ChainId, JournalName, ManualClock, SigningKey, Timestamp};
use audit_store::{Journal, JournalOptions, PgJournal, SqliteJournal};
use privacy_rights::{Backend, Identifier, Selection};
use sqlx::{AssertSqlSafe, Executor, Pool, Row};
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

pub(crate) struct World<DB: Backend> {
    pub(crate) pool: Pool<DB>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) journal: Journal<DB>,
}

/// On 11 June 2026.
pub(crate) async fn world<T: Home>(db: &T) -> World<T::Db> {
    let pool = db.pool(6).await;
    let clock = Arc::new(ManualClock::new(now()));
    let options = JournalOptions::new(JournalName::new("audit.example.com").unwrap())
        .signer(key())
        .record_private_reads(true)
        .clock(clock.clone());
    let journal = T::journal(pool.clone(), &options).await;
    World { pool, clock, journal }
}

pub(crate) fn now() -> Timestamp {
    "2026-06-11T10:00:00.000000Z".parse().unwrap()
}

/// The journal's key.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap()
}

pub(crate) fn chain(tenant: &str, series: &str) -> ChainId {
    ChainId::new(tenant, series).unwrap()
}

pub(crate) fn clerk() -> Actor {
    Actor::user("usr_7")
}

pub(crate) fn person(kind: &str, value: &str) -> Selection {
    Selection::of(Identifier::new(kind, value).unwrap())
}

/// A table's rows as text, in order.
pub(crate) async fn rows<DB: Backend>(pool: &Pool<DB>, sql: &str) -> Vec<String>
where
    for<'c> &'c Pool<DB>: Executor<'c, Database = DB>,
    for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    let rows = pool.fetch_all(AssertSqlSafe(sql.to_owned())).await.unwrap();
    rows.iter().map(|row| row.try_get::<String, _>(0).unwrap()).collect()
}

/// Behaviours on both databases, with the bounds that they need.
#[macro_export]
macro_rules! behaviours {
    ($($(#[$attribute:meta])* async fn $name:ident($db:ident) $body:block)+) => {
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
