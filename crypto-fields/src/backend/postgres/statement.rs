//! Statements in PostgreSQL.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Column, PgConnection, Postgres, Row, SqlStr, TypeInfo, ValueRef};

use crate::backend::value::{Fields, Value, other};
use crate::backend::{Migration, StatementSql};

/// The advisory lock of migrations ("cf_migr8").
const LOCK: i64 = 0x6366_5f6d_6967_7238;

impl StatementSql for Postgres {
    const MIGRATIONS: &'static [Migration] = &[
        (1, "keys", include_str!("../../../migrations/postgres/0001_keys.sql")),
        (2, "rotation", include_str!("../../../migrations/postgres/0002_rotation.sql")),
    ];

    /// Whatever the role's default, and so that a lock's waiter reads what its holder wrote.
    const BEGIN: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED";

    const MIGRATION_TABLE: &'static str = "CREATE TABLE IF NOT EXISTS _crypto_fields_migrations (
            version    bigint PRIMARY KEY,
            name       text   NOT NULL,
            checksum   bytea  NOT NULL CHECK (octet_length(checksum) = 32),
            applied_at bigint NOT NULL
        )";

    const HAS_MIGRATION_TABLE: &'static str =
        "SELECT 1::bigint WHERE to_regclass('_crypto_fields_migrations') IS NOT NULL";

    async fn lock_migrations(conn: &mut PgConnection) -> sqlx::Result<()> {
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(conn).await.map(drop)
    }

    /// Left to VACUUM: PostgreSQL keeps old versions of rows until then.
    async fn wipe_what_is_overwritten(_conn: &mut PgConnection) -> sqlx::Result<()> {
        Ok(())
    }

    async fn run_script(conn: &mut PgConnection, script: &'static str) -> sqlx::Result<()> {
        sqlx::raw_sql(script).execute(conn).await.map(drop)
    }

    async fn execute(
        conn: &mut PgConnection,
        sql: SqlStr,
        values: Vec<Value>,
    ) -> sqlx::Result<u64> {
        let query = values.into_iter().fold(sqlx::query(sql), bind);
        query.execute(conn).await.map(|done| done.rows_affected())
    }

    async fn fetch(
        conn: &mut PgConnection,
        sql: SqlStr,
        values: Vec<Value>,
    ) -> sqlx::Result<Vec<Fields>> {
        let query = values.into_iter().fold(sqlx::query(sql), bind);
        query.try_map(|row: PgRow| fields(&row)).fetch_all(conn).await
    }
}

fn bind(query: Query<'_, Postgres, PgArguments>, value: Value) -> Query<'_, Postgres, PgArguments> {
    match value {
        Value::Int(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
        Value::Uuid(value) => query.bind(value),
    }
}

fn fields(row: &PgRow) -> sqlx::Result<Fields> {
    let mut values = Vec::with_capacity(row.len());
    for (at, column) in row.columns().iter().enumerate() {
        let value = if row.try_get_raw(at)?.is_null() {
            Value::Bytes(None)
        } else {
            match column.type_info().name() {
                "INT8" => Value::Int(row.try_get(at)?),
                "INT4" => Value::Int(Some(row.try_get::<i32, _>(at)?.into())),
                "INT2" => Value::Int(Some(row.try_get::<i16, _>(at)?.into())),
                "TEXT" | "VARCHAR" | "CHAR" => Value::Text(row.try_get(at)?),
                "BYTEA" => Value::Bytes(row.try_get(at)?),
                "UUID" => Value::Uuid(row.try_get(at)?),
                _ => return Err(other("an integer, text, bytes or a UUID")),
            }
        };
        values.push(value);
    }
    Ok(Fields(values.into_iter()))
}
