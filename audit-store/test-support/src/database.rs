//! A database of its own for each test.

use std::error::Error;
use std::fmt::Write;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Database, Executor, Pool, Postgres, Sqlite};
use tempfile::TempDir;

use crate::cluster::Cluster;

/// A database that exists for one test, of either kind.
pub trait TestDatabase: Send + Sync + Sized + 'static {
    /// The kind.
    type Db: Database;

    /// Whether this is PostgreSQL, for the few behaviours that only one of the two has.
    const POSTGRES: bool;

    /// Makes an empty one.
    fn fresh() -> impl Future<Output = Self> + Send;

    /// A copy of it as it stands, while nobody is connected to it.
    fn copy(&self) -> impl Future<Output = Self> + Send;

    /// A connection pool of at most `size` connections.
    fn pool(&self, size: u32) -> impl Future<Output = Pool<Self::Db>> + Send;

    /// Its address, for other processes too: `sqlite:PATH` or `postgres://…`.
    fn url(&self) -> String;
}

/// An empty SQLite database, see [`TestSqlite`].
///
/// # Panics
///
/// When there is no temporary folder.
#[must_use]
pub fn sqlite() -> TestSqlite {
    let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    let path = dir.path().join("journal.db");
    TestSqlite { dir, path }
}

/// An empty PostgreSQL database, see [`TestPg`].
///
/// # Panics
///
/// When there is no server and none can be started; the message says what to install.
pub async fn postgres() -> TestPg {
    TestPg::create("template0").await
}

/// The address of the server that tests use, of a user that may create databases. Starts the
/// server where there is none yet.
///
/// # Panics
///
/// When none can be started; the message says what to install.
#[must_use]
pub fn postgres_url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        if let Ok(url) = std::env::var("TEST_POSTGRES_URL") {
            return url;
        }
        // Under cargo nextest each test is a process, and their parent is the run.
        let cluster = match std::env::var("NEXTEST_RUN_ID") {
            Ok(run) => Cluster::shared(&run, std::os::unix::process::parent_id()),
            Err(_) => Cluster::start(std::process::id()),
        };
        match cluster {
            Ok(cluster) => cluster.url().to_owned(),
            Err(error) => panic!("{}", with_sources(&error)),
        }
    })
}

/// A SQLite file in a temporary folder of its own; both go when this value does.
#[derive(Debug)]
pub struct TestSqlite {
    dir: TempDir,
    path: PathBuf,
}

impl TestSqlite {
    /// The folder, for further files of the test.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The database file. It does not exist before something creates it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The options under which [`TestDatabase::pool`] connects: WAL, durable, created if missing.
    #[must_use]
    pub fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(std::time::Duration::from_secs(30))
    }
}

impl TestDatabase for TestSqlite {
    type Db = Sqlite;
    const POSTGRES: bool = false;

    async fn fresh() -> Self {
        sqlite()
    }

    async fn copy(&self) -> Self {
        let copy = sqlite();
        std::fs::copy(&self.path, &copy.path)
            .unwrap_or_else(|error| panic!("cannot copy {}: {error}", self.path.display()));
        copy
    }

    async fn pool(&self, size: u32) -> Pool<Sqlite> {
        SqlitePoolOptions::new()
            .max_connections(size)
            .connect_with(self.options())
            .await
            .unwrap_or_else(|error| panic!("cannot open {}: {error}", self.path.display()))
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }
}

/// A database of the test server under a random name; dropped with this value, connections and
/// all.
#[derive(Debug)]
pub struct TestPg {
    name: String,
    url: String,
}

impl TestPg {
    async fn create(template: &str) -> Self {
        let name = unique("test");
        let url = with_database(postgres_url(), &name);
        execute(format!("CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'"))
            .await
            .unwrap_or_else(|error| panic!("cannot create a test database: {error}"));
        Self { name, url }
    }

    /// The database's name, unique on the server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address under which another role connects to this database.
    #[must_use]
    pub fn url_as(&self, role: &str, password: &str) -> String {
        let after_scheme = self.url.find("://").map_or(0, |at| at.saturating_add(3));
        let (scheme, rest) = self.url.split_at(after_scheme);
        let authority = rest.find('/').unwrap_or(rest.len());
        let host = rest
            .get(..authority)
            .and_then(|authority| authority.rfind('@'))
            .map_or(0, |at| at.saturating_add(1));
        format!("{scheme}{role}:{password}@{}", rest.get(host..).unwrap_or_default())
    }

    /// A name that nothing else on the server has: roles belong to the server and not to one
    /// database, so a test that makes some must name them so. It must drop them, too, where the
    /// server outlives the test.
    #[must_use]
    pub fn unique(prefix: &str) -> String {
        unique(prefix)
    }
}

impl TestDatabase for TestPg {
    type Db = Postgres;
    const POSTGRES: bool = true;

    async fn fresh() -> Self {
        Self::create("template0").await
    }

    async fn copy(&self) -> Self {
        Self::create(&self.name).await
    }

    async fn pool(&self, size: u32) -> Pool<Postgres> {
        PgPoolOptions::new()
            .max_connections(size)
            .connect(&self.url)
            .await
            .unwrap_or_else(|error| panic!("cannot connect to {}: {error}", self.url))
    }

    fn url(&self) -> String {
        self.url.clone()
    }
}

impl Drop for TestPg {
    /// Best effort: what stays goes with the server. On a thread of its own, since this may run
    /// inside a runtime.
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _unfinished = std::thread::spawn(move || {
            if let Ok(runtime) = runtime(1) {
                let _left_behind = runtime.block_on(execute(statement));
            }
        })
        .join();
    }
}

/// Runs one behaviour on one fresh database; what [`both_databases!`](crate::both_databases) calls.
#[doc(hidden)]
pub fn run<T, F>(behaviour: impl FnOnce(T) -> F)
where
    T: TestDatabase,
    F: Future<Output = ()>,
{
    let runtime = runtime(2).unwrap_or_else(|error| panic!("no runtime: {error}"));
    runtime.block_on(async { behaviour(T::fresh().await).await });
}

fn runtime(workers: usize) -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()
}

async fn execute(statement: String) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(postgres_url()).await?;
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await
}

fn unique(prefix: &str) -> String {
    let random = getrandom::u64().unwrap_or_else(|error| panic!("no randomness: {error}"));
    format!("{prefix}_{random:016x}")
}

/// The same server and user, another database.
fn with_database(url: &str, database: &str) -> String {
    let (address, parameters) = match url.find('?') {
        Some(at) => url.split_at(at),
        None => (url, ""),
    };
    let after_scheme = address.find("://").map_or(0, |at| at.saturating_add(3));
    let authority = address
        .get(after_scheme..)
        .and_then(|rest| rest.find('/'))
        .map_or(address.len(), |at| at.saturating_add(after_scheme));
    format!("{}/{database}{parameters}", address.get(..authority).unwrap_or(address))
}

fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _infallible = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{TestPg, with_database};

    #[test]
    fn the_database_of_an_address_is_replaced() {
        for (url, expected) in [
            ("postgres://u@h/postgres?host=/tmp/s", "postgres://u@h/t?host=/tmp/s"),
            ("postgres://u:p@h:5433", "postgres://u:p@h:5433/t"),
            ("postgres://u:p@h:5433/x", "postgres://u:p@h:5433/t"),
        ] {
            assert_eq!(with_database(url, "t"), expected);
        }
    }

    #[test]
    fn the_role_of_an_address_is_replaced() {
        let url_as = |url: &str| {
            let database =
                std::mem::ManuallyDrop::new(TestPg { name: String::new(), url: url.to_owned() });
            database.url_as("auditor", "secret")
        };
        assert_eq!(url_as("postgres://u:p@h:1/x?a=@"), "postgres://auditor:secret@h:1/x?a=@");
        assert_eq!(url_as("postgres://h/x"), "postgres://auditor:secret@h/x");
    }
}
