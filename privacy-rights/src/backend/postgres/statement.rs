//! Statements in PostgreSQL.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Column, PgConnection, Postgres, Row, SqlStr, TypeInfo, ValueRef};

use crate::backend::StatementSql;
use crate::backend::value::{Fields, Value, other};

impl StatementSql for Postgres {
    /// Whatever the role's default, and so that a lock's waiter reads what its holder wrote.
    const BEGIN: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED";

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
