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
        (3, "after", include_str!("../../../migrations/postgres/0003_after.sql")),
        (4, "register", include_str!("../../../migrations/postgres/0004_register.sql")),
        (5, "purge", include_str!("../../../migrations/postgres/0005_purge.sql")),
        (6, "measure", include_str!("../../../migrations/postgres/0006_measure.sql")),
    ];

    const RIGHTS_MIGRATION_TABLE: &'static str =
        "CREATE TABLE IF NOT EXISTS _privacy_rights_migrations (
            version    bigint PRIMARY KEY,
            name       text   NOT NULL,
            checksum   text   NOT NULL CHECK (length(checksum) = 64),
            applied_at bigint NOT NULL
        )";

    const HAS_RIGHTS_MIGRATION_TABLE: &'static str =
        "SELECT 1::bigint WHERE to_regclass('_privacy_rights_migrations') IS NOT NULL";

    async fn lock_rights_migrations(conn: &mut PgConnection) -> sqlx::Result<()> {
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(conn).await.map(drop)
    }

    async fn run_script(conn: &mut PgConnection, script: &'static str) -> sqlx::Result<()> {
        sqlx::raw_sql(script).execute(conn).await.map(drop)
    }

    /// Left to VACUUM: PostgreSQL keeps old versions of rows until then.
    async fn wipe_what_is_overwritten(_conn: &mut PgConnection) -> sqlx::Result<()> {
        Ok(())
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
        Value::Null => query.bind(None::<String>),
        Value::Text(value) => query.bind(value),
    }
}

fn fields(row: &PgRow) -> sqlx::Result<Fields> {
    let mut values = Vec::with_capacity(row.len());
    for (at, column) in row.columns().iter().enumerate() {
        values.push(if row.try_get_raw(at)?.is_null() {
            Value::Null
        } else {
            match column.type_info().name() {
                "INT8" => Value::Int(row.try_get(at)?),
                "INT4" => Value::Int(row.try_get::<i32, _>(at)?.into()),
                "TEXT" | "VARCHAR" => Value::Text(row.try_get(at)?),
                _ => return Err(other("an integer or text")),
            }
        });
    }
    Ok(Fields(values.into_iter()))
}
