//! Statements in SQLite.

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Executor as _, Row, SqlStr, Sqlite, SqliteConnection, TypeInfo, ValueRef};

use crate::backend::value::{Fields, Value, other};
use crate::backend::{Migration, StatementSql};

impl StatementSql for Sqlite {
    const BEGIN_RIGHTS: &'static str = "BEGIN IMMEDIATE";

    const RIGHTS_MIGRATIONS: &'static [Migration] = &[
        (1, "request", include_str!("../../../migrations/sqlite/0001_request.sql")),
        (2, "erasure", include_str!("../../../migrations/sqlite/0002_erasure.sql")),
        (5, "purge", include_str!("../../../migrations/sqlite/0005_purge.sql")),
