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
        (3, "after", include_str!("../../../migrations/sqlite/0003_after.sql")),
        (4, "register", include_str!("../../../migrations/sqlite/0004_register.sql")),
        (5, "purge", include_str!("../../../migrations/sqlite/0005_purge.sql")),
        (6, "measure", include_str!("../../../migrations/sqlite/0006_measure.sql")),
    ];

    const RIGHTS_MIGRATION_TABLE: &'static str =
        "CREATE TABLE IF NOT EXISTS _privacy_rights_migrations (
            version    INTEGER PRIMARY KEY,
            name       TEXT    NOT NULL,
            checksum   TEXT    NOT NULL CHECK (length(checksum) = 64),
            applied_at INTEGER NOT NULL
        ) STRICT";

    const HAS_RIGHTS_MIGRATION_TABLE: &'static str =
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_privacy_rights_migrations'";

    /// `BEGIN IMMEDIATE` has locked already.
    async fn lock_rights_migrations(_conn: &mut SqliteConnection) -> sqlx::Result<()> {
        Ok(())
    }

    async fn run_script(conn: &mut SqliteConnection, script: &'static str) -> sqlx::Result<()> {
        sqlx::raw_sql(script).execute(conn).await.map(drop)
    }

    async fn wipe_what_is_overwritten(conn: &mut SqliteConnection) -> sqlx::Result<()> {
        conn.execute("PRAGMA secure_delete = ON").await.map(drop)
    }

    async fn execute(
        conn: &mut SqliteConnection,
        sql: SqlStr,
        values: Vec<Value>,
    ) -> sqlx::Result<u64> {
        let query = values.into_iter().fold(sqlx::query(sql), bind);
        query.execute(conn).await.map(|done| done.rows_affected())
    }

    async fn fetch(
        conn: &mut SqliteConnection,
        sql: SqlStr,
        values: Vec<Value>,
    ) -> sqlx::Result<Vec<Fields>> {
        let query = values.into_iter().fold(sqlx::query(sql), bind);
        query.try_map(|row: SqliteRow| fields(&row)).fetch_all(conn).await
    }
}

fn bind(
    query: Query<'_, Sqlite, SqliteArguments>,
    value: Value,
) -> Query<'_, Sqlite, SqliteArguments> {
    match value {
        Value::Int(value) => query.bind(value),
        Value::Null => query.bind(None::<String>),
        Value::Text(value) => query.bind(value),
    }
}

fn fields(row: &SqliteRow) -> sqlx::Result<Fields> {
    let mut values = Vec::with_capacity(row.len());
    for at in 0..row.len() {
        let raw = row.try_get_raw(at)?;
        values.push(if raw.is_null() {
            Value::Null
        } else {
            match raw.type_info().name() {
                "INTEGER" => Value::Int(row.try_get_unchecked(at)?),
                "TEXT" => Value::Text(row.try_get_unchecked(at)?),
                _ => return Err(other("an integer or text")),
            }
        });
    }
    Ok(Fields(values.into_iter()))
}
