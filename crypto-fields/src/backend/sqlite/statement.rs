//! Statements in SQLite.

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Executor, Row, SqlStr, Sqlite, SqliteConnection, TypeInfo, ValueRef};

use crate::backend::value::{Fields, Value, other};
use crate::backend::{Migration, StatementSql};

impl StatementSql for Sqlite {
    const MIGRATIONS: &'static [Migration] = &[
        (1, "keys", include_str!("../../../migrations/sqlite/0001_keys.sql")),
        (2, "rotation", include_str!("../../../migrations/sqlite/0002_rotation.sql")),
    ];

    const BEGIN: &'static str = "BEGIN IMMEDIATE";

    const MIGRATION_TABLE: &'static str = "CREATE TABLE IF NOT EXISTS _crypto_fields_migrations (
            version    INTEGER PRIMARY KEY,
            name       TEXT    NOT NULL,
            checksum   BLOB    NOT NULL CHECK (length(checksum) = 32),
            applied_at INTEGER NOT NULL
        ) STRICT";

    const HAS_MIGRATION_TABLE: &'static str =
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_crypto_fields_migrations'";

    /// `BEGIN IMMEDIATE` has locked already.
    async fn lock_migrations(_conn: &mut SqliteConnection) -> sqlx::Result<()> {
        Ok(())
    }

    async fn wipe_what_is_overwritten(conn: &mut SqliteConnection) -> sqlx::Result<()> {
        conn.execute("PRAGMA secure_delete = ON").await.map(drop)
    }

    async fn run_script(conn: &mut SqliteConnection, script: &'static str) -> sqlx::Result<()> {
        sqlx::raw_sql(script).execute(conn).await.map(drop)
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

pub(super) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

pub(super) fn bind(query: Statement<'_>, value: Value) -> Statement<'_> {
    match value {
        Value::Int(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
        Value::Uuid(value) => query.bind(value),
    }
}

fn fields(row: &SqliteRow) -> sqlx::Result<Fields> {
    let mut values = Vec::with_capacity(row.len());
    for at in 0..row.len() {
        let raw = row.try_get_raw(at)?;
        let value = if raw.is_null() {
            Value::Bytes(None)
        } else {
            match raw.type_info().name() {
                "INTEGER" => Value::Int(row.try_get_unchecked(at)?),
                "TEXT" => Value::Text(row.try_get_unchecked(at)?),
                "BLOB" => Value::Bytes(row.try_get_unchecked(at)?),
                _ => return Err(other("an integer, text or bytes")),
            }
        };
        values.push(value);
    }
    Ok(Fields(values.into_iter()))
}
