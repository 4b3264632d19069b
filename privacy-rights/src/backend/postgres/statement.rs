//! Statements in PostgreSQL.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Column, PgConnection, Postgres, Row, SqlStr, TypeInfo, ValueRef};

use crate::backend::value::{Fields, Value, other};
use crate::backend::{Migration, StatementSql};

/// The advisory lock of migrations ("pr_migr8").
const LOCK: i64 = 0x7072_5f6d_6967_7238;

impl StatementSql for Postgres {
    /// Whatever the role's default, and so that a lock's waiter reads what its holder wrote.
    const BEGIN_RIGHTS: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED";

    const RIGHTS_MIGRATIONS: &'static [Migration] = &[
        (1, "request", include_str!("../../../migrations/postgres/0001_request.sql")),
        (2, "erasure", include_str!("../../../migrations/postgres/0002_erasure.sql")),
        (5, "purge", include_str!("../../../migrations/postgres/0005_purge.sql")),
