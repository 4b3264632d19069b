//! The two databases, as the measurements see them.

use std::future::Future;
use std::sync::Arc;

use audit_core::{ChainId, Event, ManualClock, SigningKey, SystemClock, Timestamp};
use audit_store::{Backend, Journal, JournalOptions};
use sqlx::{Database, Pool, Postgres, Sqlite};
use test_support::{TestDatabase, TestPg, TestSqlite};

use crate::plain::{PlainRow, PlainTable, Question};

/// The chain that is measured.
///
/// # Panics
///
/// Never: the name is right.
#[must_use]
pub fn chain() -> ChainId {
    ChainId::new("acme", "default").expect("a name")
}

/// The options every journal is opened with: the defaults, and the key of these measurements.
#[must_use]
pub fn journal_options() -> JournalOptions {
    let name = "audit.example.com";
    let key = SigningKey::from_seed(name, &[7; 32]).expect("a key");
    JournalOptions::new(name.parse().expect("a name")).signer(key).clock(Arc::new(SystemClock))
}

/// Appends so many events in batches of a thousand, with the clock at the time of the last one.
pub async fn fill<DB: Backend>(
    journal: &Journal<DB>,
    clock: Option<&ManualClock>,
    events: &mut dyn Iterator<Item = Event>,
    count: usize,
) {
    let mut left = count;
    while left > 0 {
        let batch: Vec<Event> = events.take(std::cmp::min(left, 1_000)).collect();
        if let (Some(clock), Some(last)) = (clock, batch.last()) {
            clock.set(Timestamp::from_micros(PlainRow::of(last).at).expect("a time"));
        }
        left = left.saturating_sub(batch.len());
        journal.append_batch(&chain(), batch).await.expect("appended");
    }
}

/// A database, with what the ordinary table needs of it.
pub trait Engine: Send + Sync + 'static {
    /// Of the driver.
    type Db: Backend;
    /// A database of its own.
    type Place: TestDatabase<Db = Self::Db>;
    /// Its name.
    const NAME: &'static str;
    /// How many connections plain transactions of many tasks share: where each commits by itself,
    /// more than one only makes SQLite wait for its own locks.
    const PLAIN_CONNECTIONS: u32;

    /// Makes a journal.
    fn create(
        place: &Self::Place,
        options: &JournalOptions,
    ) -> impl Future<Output = Journal<Self::Db>> + Send;
    /// Opens it again.
    fn open(url: &str, options: &JournalOptions) -> impl Future<Output = Journal<Self::Db>> + Send;
    /// Which version.
    fn version(pool: &Pool<Self::Db>) -> impl Future<Output = String> + Send;
    /// Makes the ordinary tables.
    fn plain_create(pool: &Pool<Self::Db>) -> impl Future<Output = ()> + Send;
    /// Makes the B-trees of the indexed one.
    fn plain_index(pool: &Pool<Self::Db>, time: bool) -> impl Future<Output = ()> + Send;
    /// Writes rows in one transaction, as fast as the database takes them.
    fn plain_insert_many(
        pool: &Pool<Self::Db>,
        table: PlainTable,
        rows: &[PlainRow],
    ) -> impl Future<Output = ()> + Send;
    /// Writes one row, which outside a transaction commits by itself.
    fn plain_insert_one(
        conn: &mut <Self::Db as Database>::Connection,
        table: PlainTable,
        row: &PlainRow,
    ) -> impl Future<Output = ()> + Send;
    /// Makes the host's own table.
    fn host_table(conn: &mut <Self::Db as Database>::Connection)
    -> impl Future<Output = ()> + Send;
    /// Changes a row of it.
    fn host_statement(
        conn: &mut <Self::Db as Database>::Connection,
        id: i64,
    ) -> impl Future<Output = ()> + Send;
    /// How a host begins a transaction that writes.
    fn begin(
        pool: &Pool<Self::Db>,
    ) -> impl Future<Output = sqlx::Transaction<'static, Self::Db>> + Send;
    /// How many bytes the database takes on its disk.
    fn bytes(pool: &Pool<Self::Db>) -> impl Future<Output = i64> + Send;
    /// Gives back to the file system what the database takes and does not need.
    fn vacuum(pool: &Pool<Self::Db>) -> impl Future<Output = ()> + Send;
    /// The first page of an answer.
    fn plain_ask(pool: &Pool<Self::Db>, question: &Question) -> impl Future<Output = usize> + Send;
}

/// SQLite.
#[derive(Debug)]
#[non_exhaustive]
pub struct InSqlite;

/// PostgreSQL.
#[derive(Debug)]
#[non_exhaustive]
pub struct InPostgres;

macro_rules! plain {
    ($dialect:ident) => {
        async fn plain_create(pool: &Pool<Self::Db>) {
            crate::plain::$dialect::create(pool).await.expect("made");
        }

        async fn plain_index(pool: &Pool<Self::Db>, time: bool) {
            crate::plain::$dialect::index(pool, time).await.expect("made");
        }

        async fn plain_insert_many(pool: &Pool<Self::Db>, table: PlainTable, rows: &[PlainRow]) {
            crate::plain::$dialect::insert_many(pool, table, rows).await.expect("written");
        }

        async fn plain_insert_one(
            conn: &mut <Self::Db as Database>::Connection,
            table: PlainTable,
            row: &PlainRow,
        ) {
            crate::plain::$dialect::insert_one(conn, table, row).await.expect("written");
        }

        async fn host_table(conn: &mut <Self::Db as Database>::Connection) {
            crate::plain::$dialect::host_table(conn).await.expect("made");
        }

        async fn host_statement(conn: &mut <Self::Db as Database>::Connection, id: i64) {
            crate::plain::$dialect::host_statement(conn, id).await.expect("done");
        }

        async fn plain_ask(pool: &Pool<Self::Db>, question: &Question) -> usize {
            crate::plain::$dialect::ask(pool, question).await.expect("answered")
        }
    };
}

impl Engine for InSqlite {
    type Db = Sqlite;
    type Place = TestSqlite;
    const NAME: &'static str = "SQLite";
    const PLAIN_CONNECTIONS: u32 = 1;

    async fn create(place: &TestSqlite, options: &JournalOptions) -> Journal<Sqlite> {
        Journal::<Sqlite>::create(place.path(), options).await.expect("created")
    }

    async fn open(url: &str, options: &JournalOptions) -> Journal<Sqlite> {
        let path = url.strip_prefix("sqlite:").expect("its own address");
        Journal::<Sqlite>::open(path, options).await.expect("opened")
    }

    async fn version(pool: &Pool<Sqlite>) -> String {
        sqlx::query_scalar("SELECT sqlite_version()").fetch_one(pool).await.expect("a version")
    }

    async fn bytes(pool: &Pool<Sqlite>) -> i64 {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(pool).await.expect("truncated");
        sqlx::query_scalar(
            "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        )
        .fetch_one(pool)
        .await
        .expect("a size")
    }

    async fn vacuum(pool: &Pool<Sqlite>) {
        sqlx::query("VACUUM").execute(pool).await.expect("vacuumed");
    }

    async fn begin(pool: &Pool<Sqlite>) -> sqlx::Transaction<'static, Sqlite> {
        pool.begin_with("BEGIN IMMEDIATE").await.expect("begun")
    }

    plain!(sqlite);
}

impl Engine for InPostgres {
    type Db = Postgres;
    type Place = TestPg;
    const NAME: &'static str = "PostgreSQL";
    const PLAIN_CONNECTIONS: u32 = 64;

    async fn create(place: &TestPg, options: &JournalOptions) -> Journal<Postgres> {
        let pool = place.pool(1).await;
        let folder: String =
            sqlx::query_scalar("SHOW data_directory").fetch_one(&pool).await.expect("a folder");
        crate::meter::count_server(folder.as_ref());
        pool.close().await;
        Journal::<Postgres>::create(&place.url(), options).await.expect("created")
    }

    async fn open(url: &str, options: &JournalOptions) -> Journal<Postgres> {
        Journal::<Postgres>::open(url, options).await.expect("opened")
    }

    async fn version(pool: &Pool<Postgres>) -> String {
        sqlx::query_scalar("SHOW server_version").fetch_one(pool).await.expect("a version")
    }

    async fn bytes(pool: &Pool<Postgres>) -> i64 {
        sqlx::query_scalar("SELECT pg_database_size(current_database())")
            .fetch_one(pool)
            .await
            .expect("a size")
    }

    async fn vacuum(pool: &Pool<Postgres>) {
        sqlx::query("VACUUM FULL").execute(pool).await.expect("vacuumed");
    }

    async fn begin(pool: &Pool<Postgres>) -> sqlx::Transaction<'static, Postgres> {
        pool.begin().await.expect("begun")
    }

    plain!(postgres);
}
