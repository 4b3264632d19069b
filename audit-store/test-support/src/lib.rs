//! Throw-away databases for the family's own tests: a file of SQLite in a temporary folder, a
//! database of a PostgreSQL server that lives as long as the test run.
//!
//! A behaviour is written once, over [`TestDatabase`], and run on both by [`both_databases!`]:
//!
//! ```
//! use sqlx::Connection;
//! use test_support::{TestDatabase, both_databases};
//!
//! async fn a_fresh_database_answers<T: TestDatabase>(db: T) {
//!     db.pool(1).await.acquire().await.unwrap().ping().await.unwrap();
//! }
//!
//! both_databases!(a_fresh_database_answers);
//! ```
//!
//! # Where the PostgreSQL server comes from
//!
//! 1. `TEST_POSTGRES_URL`, where set: a server whose user may create databases. The program
//!    `test-postgres` starts one, sets the variable and runs a command; `./test.sh` uses it.
//! 2. Otherwise one is started on first use: per test run under `cargo nextest`, per test program
//!    under `cargo test`. It listens on a Unix socket in a temporary folder only, never runs as
//!    root, and is stopped and removed by a watchdog when its owner ends in whatever way.
//!
//! A machine without PostgreSQL fails these tests with a sentence that says what to install. They
//! are never skipped.
//!
//! The server that is started here has `fsync` off, since a test kills clients and not machines;
//! `TEST_POSTGRES_FSYNC=on` turns it on for measurements.

#![allow(clippy::panic, reason = "this crate is used by tests, where a panic is the report")]

mod cluster;
mod database;
mod suite;
mod synthetic;

pub use cluster::{Cluster, ClusterError};
#[doc(hidden)]
pub use database::run;
pub use database::{TestDatabase, TestPg, TestSqlite, postgres, postgres_url, sqlite};
pub use suite::{long, scaled};
pub use synthetic::Synthetic;
