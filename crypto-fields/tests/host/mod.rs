//! A host: a table of users with a sealed address, in either database.
#![allow(dead_code, reason = "each test uses some of it")]

use std::sync::Arc;
use std::time::Duration;

use crypto_fields::{
    Backend, BlindIndex, Clock, DataKey, FieldCipher, FieldId, IndexWidth, KeyGroup, KeyId,
    KeyPolicy, KeyStore, Keyset, KeysetManager, LocalKey, ManualClock, Normalizer, OpenError,
    Purpose, Rotator, RowContext, RowKey, RowKeyType, Sealed, SealedColumn, SecretKey, TenantId,
    Timestamp,
};
use sqlx::{AssertSqlSafe, Pool, Postgres, Sqlite, Transaction};
use test_support::TestDatabase;

/// What these tests do to a host's tables.
pub(crate) trait Host: Backend {
    fn run(pool: &Pool<Self>, sql: &str) -> impl Future<Output = ()> + Send;
    fn insert(pool: &Pool<Self>, rows: Vec<User>) -> impl Future<Output = ()> + Send;
    fn write(
        pool: &Pool<Self>,
        id: i64,
        email: Vec<u8>,
        version: i64,
    ) -> impl Future<Output = ()> + Send;
    fn all(pool: &Pool<Self>) -> impl Future<Output = Vec<User>> + Send;
    fn count(pool: &Pool<Self>, sql: &str) -> impl Future<Output = i64> + Send;
    fn forget_indexes(
        tx: &mut Transaction<'_, Self>,
        first: i64,
        last: i64,
    ) -> impl Future<Output = ()> + Send;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) email: Option<Vec<u8>>,
    pub(crate) index: Option<Vec<u8>>,
    pub(crate) version: i64,
}

macro_rules! host {
    ($($db:ty),*) => {$(
        impl Host for $db {
            async fn run(pool: &Pool<Self>, sql: &str) {
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap();
            }

            async fn insert(pool: &Pool<Self>, rows: Vec<User>) {
                let mut tx = pool.begin().await.unwrap();
                for row in rows {
                    sqlx::query("INSERT INTO users (id, email, email_index, version)
                         VALUES ($1, $2, $3, $4)")
                        .bind(row.id)
                        .bind(row.email)
                        .bind(row.index)
                        .bind(row.version)
                        .execute(&mut *tx)
                        .await
                        .unwrap();
                }
                tx.commit().await.unwrap();
            }

            async fn write(pool: &Pool<Self>, id: i64, email: Vec<u8>, version: i64) {
                sqlx::query("UPDATE users SET email = $1, version = $2 WHERE id = $3")
                    .bind(email)
                    .bind(version)
                    .bind(id)
                    .execute(pool)
                    .await
                    .unwrap();
            }

            async fn all(pool: &Pool<Self>) -> Vec<User> {
                let rows: Vec<(i64, Option<Vec<u8>>, Option<Vec<u8>>, i64)> = sqlx::query_as(
                    "SELECT id, email, email_index, version FROM users ORDER BY id",
                )
                .fetch_all(pool)
                .await
                .unwrap();
                let user = |(id, email, index, version)| User { id, email, index, version };
                rows.into_iter().map(user).collect()
            }

            async fn forget_indexes(tx: &mut Transaction<'_, Self>, first: i64, last: i64) {
                sqlx::query("UPDATE users SET email_index = NULL WHERE id BETWEEN $1 AND $2")
                    .bind(first)
                    .bind(last)
                    .execute(&mut **tx)
                    .await
                    .unwrap();
            }

            async fn count(pool: &Pool<Self>, sql: &str) -> i64 {
                sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(pool).await.unwrap()
            }
        }
    )*};
}
host!(Sqlite, Postgres);

pub(crate) fn field() -> FieldCipher {
    FieldCipher::new(FieldId::new("users.email").unwrap())
}

pub(crate) fn column() -> SealedColumn {
    SealedColumn::new(field(), "users", "email", "id", RowKeyType::Int).unwrap()
}

pub(crate) fn email(id: i64, version: i64) -> String {
    format!("user-{id}-version-{version}@example.com")
}

pub(crate) fn place(keys: &Keyset, id: i64) -> RowContext<'_> {
    RowContext::new(keys, TenantId::SINGLE, RowKey::int(id).unwrap())
}

pub(crate) fn seal(keys: &Keyset, id: i64, version: i64) -> Vec<u8> {
    field().seal(&place(keys, id), &email(id, version)).unwrap().into_bytes()
}

pub(crate) fn open(keys: &Keyset, id: i64, stored: &[u8]) -> Result<String, OpenError> {
    field().open(&place(keys, id), &Sealed::from_bytes(stored.to_vec()))
}

pub(crate) fn key_of(stored: &[u8]) -> KeyId {
    Sealed::<String>::from_bytes(stored.to_vec()).key_id().unwrap()
}

pub(crate) fn index(version: u8, key: &DataKey) -> BlindIndex {
    let id = FieldId::new("users.email").unwrap();
    BlindIndex::new(version, key, id, Normalizer::Email, IndexWidth::UNIQUE).unwrap()
}

/// A database with the table, and two keys of which the second is primary.
pub(crate) struct World<T: TestDatabase> {
    pub(crate) db: T,
    pub(crate) pool: Pool<T::Db>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) root: LocalKey,
    /// The same in hexadecimal digits, for another process.
    pub(crate) root_text: String,
    pub(crate) old: KeyId,
    pub(crate) new: KeyId,
    pub(crate) manager: KeysetManager<Arc<ManualClock>>,
    /// As it was when the old key was primary.
    pub(crate) before: Keyset,
    /// As it is.
    pub(crate) keys: Arc<Keyset>,
}

impl<T> World<T>
where
    T: TestDatabase<Db: Host>,
{
    pub(crate) async fn new(db: T) -> Self {
        let pool = db.pool(12).await;
        let (bytes, int) = if T::POSTGRES { ("BYTEA", "BIGINT") } else { ("BLOB", "INTEGER") };
        let table = format!(
            "CREATE TABLE users (id {int} PRIMARY KEY, email {bytes}, email_index {bytes},
             version {int} NOT NULL)"
        );
        T::Db::run(&pool, &table).await;
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000_000)));
        let mut bytes = [0; 32];
        crypto_fields::fill_random(&mut bytes).unwrap();
        let root_text = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let root = LocalKey::new(SecretKey::take(&mut bytes));
        let store = KeyStore::open(pool.clone(), &*clock).await.unwrap();
        let policy = KeyPolicy::new(Duration::from_secs(60), Duration::from_secs(60));
        let mut manager = KeysetManager::new(Vec::new(), policy, Arc::clone(&clock));
        let (tenant, group) = (TenantId::SINGLE, KeyGroup::DEFAULT);
        let first = manager.create(&root, &tenant, Purpose::Seal, &group).await.unwrap();
        let second = manager.add(&root, &tenant, Purpose::Seal, &group).await.unwrap();
        let (old, new) = (first.record.id, second.record.id);
        store.apply(&[first, second]).await.unwrap();
        let before = Keyset::load(store.records().await.unwrap(), &[&root]).await.unwrap();
        clock.advance(Duration::from_secs(60));
        store.apply(&manager.promote(new).unwrap()).await.unwrap();
        let keys = Keyset::load(store.records().await.unwrap(), &[&root]).await.unwrap();
        Self { db, pool, clock, root, root_text, old, new, manager, before, keys: Arc::new(keys) }
    }

    /// Inserts users 1 to `count` under the old key.
    pub(crate) async fn fill(&self, count: i64) {
        let user =
            |id| User { id, email: Some(seal(&self.before, id, 0)), index: None, version: 0 };
        T::Db::insert(&self.pool, (1..=count).map(user).collect()).await;
    }

    pub(crate) async fn rotator(&self) -> Rotator<T::Db> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        Rotator::open(self.pool.clone(), clock).await.unwrap()
    }

    /// Every row opens to what its version says, and is under the new key.
    pub(crate) async fn assert_rotated(&self) {
        for row in T::Db::all(&self.pool).await {
            let stored = row.email.unwrap();
            assert_eq!(key_of(&stored), self.new, "row {} is under the old key", row.id);
            assert_eq!(open(&self.keys, row.id, &stored).unwrap(), email(row.id, row.version));
        }
    }
}
