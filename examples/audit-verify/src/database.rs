//! Reading a database without the means to change it.

use std::time::Duration;

use audit_core::VerificationReport;
use audit_store::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use audit_store::sqlx::sqlite::SqlitePoolOptions;
use audit_store::sqlx::{ConnectOptions, Connection};
use audit_store::{SqliteJournal, VerifyOptions, verify_pool};
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
            let connect: PgConnectOptions = url.parse().during(&cannot_open)?;
            // Alone first: a pool tries again and again, and then says only that it has waited.
            let first = tokio::time::timeout(PATIENCE, connect.connect()).await;
            let first = first.during(&cannot_open)?.during(&cannot_open)?;
            let _nothing_is_open_that_could_be_lost = first.close().await;
            let pool = PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(PATIENCE)
                .connect_lazy_with(connect);
            let report = verify_pool(&pool, None, options).await;
            pool.close().await;
            report.during(cannot_verify)
        }
        Database::Sqlite(path) => {
            let connect = SqliteJournal::read_only_options(path).await.during(cannot_open)?;
            let pool = SqlitePoolOptions::new()
                .max_connections(connections)
                .connect_lazy_with(connect.busy_timeout(PATIENCE));
            let report = verify_pool(&pool, None, options).await;
            pool.close().await;
            report.during(cannot_verify)
        }
    }
}
