//! Reading a database without the means to change it.

use std::path::Path;
use std::time::Duration;

use audit_core::VerificationReport;
use audit_store::sqlx::postgres::PgPoolOptions;
use audit_store::sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use audit_store::{VerifyOptions, verify_pool};
use tool_support::{Database, During, Failure};

/// How long a database may take to answer the first time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Verifies what a database holds. A SQLite file is opened for reading only.
pub(crate) async fn verify(
    database: &Database,
    options: &VerifyOptions,
) -> Result<VerificationReport, Failure> {
    let cannot_open = format!("cannot open {database}");
    let cannot_verify = format!("cannot verify {database}");
    // One for each thread, and a few for what is read besides.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let connections = u32::try_from(cores).unwrap_or(u32::MAX).saturating_add(3);
    match database {
        Database::Postgres(url) => {
            let pool = PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(PATIENCE)
                .connect(url)
                .await
                .during(cannot_open)?;
            let report = verify_pool(&pool, None, options).await;
            pool.close().await;
            report.during(cannot_verify)
        }
        Database::Sqlite(path) => {
            if !path.is_file() {
                return Err(Failure::new(format!("{cannot_open}: there is no such file")));
            }
            let pool = read_only(path, connections).await.during(cannot_open)?;
            let report = verify_pool(&pool, None, options).await;
            pool.close().await;
            report.during(cannot_verify)
        }
    }
}

async fn read_only(path: &Path, connections: u32) -> audit_store::sqlx::Result<SqlitePool> {
    let connect = |immutable| {
        let file = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .immutable(immutable)
            .busy_timeout(PATIENCE);
        SqlitePoolOptions::new().max_connections(connections).connect_with(file)
    };
    match connect(false).await {
        // A copy on a medium that cannot be written: SQLite wants to write beside it, unless it is
        // told that nobody else does. Where there is a write-ahead log, somebody may.
        Err(_) if !has_log(path) => connect(true).await,
        opened => opened,
    }
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).exists()
}
