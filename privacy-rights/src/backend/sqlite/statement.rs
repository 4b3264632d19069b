//! Statements in SQLite.

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Executor as _, Row, SqlStr, Sqlite, SqliteConnection, TypeInfo, ValueRef};

use crate::backend::StatementSql;
use crate::backend::value::{Fields, Value, other};

impl StatementSql for Sqlite {
    const BEGIN: &'static str = "BEGIN IMMEDIATE";

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
