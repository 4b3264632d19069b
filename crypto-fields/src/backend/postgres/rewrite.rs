//! Rewriting rows of a host's table in PostgreSQL.

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres};
use uuid::Uuid;

use crate::backend::value::{Value, other};
use crate::backend::{Change, Relation, RewriteSql, trusted};

type Statement<'q> = Query<'q, Postgres, PgArguments>;

impl RewriteSql for Postgres {
    const BATCH: usize = 500;

    const SKIP_LOCKED: Option<&'static str> = Some(" FOR UPDATE OF t SKIP LOCKED");

    async fn rewrite(
        conn: &mut PgConnection,
        relation: &Relation,
        changes: Vec<Change>,
    ) -> sqlx::Result<u64> {
        let Some(first) = changes.first() else { return Ok(0) };
        let (key_type, value_type) = (array_of(&first.key), array_of(&first.old));
        let Relation { table, key, sealed, index } = relation;
        let (more, columns, set) = match index {
            Some(index) => (", $4::bytea[]", "k, o, n, i", format!(", {index} = v.i")),
            None => ("", "k, o, n", String::new()),
        };
        let sql = format!(
            "UPDATE {table} AS t SET {sealed} = v.n{set} \
             FROM UNNEST($1::{key_type}, $2::{value_type}, $3::{value_type}{more}) AS v({columns}) \
             WHERE t.{key} = v.k AND t.{sealed} = v.o"
        );
        let len = changes.len();
        let (mut keys, mut old, mut new, mut indexes) = (
            Vec::with_capacity(len),
            Vec::with_capacity(len),
            Vec::with_capacity(len),
            Vec::with_capacity(len),
        );
        for change in changes {
            keys.push(change.key);
            old.push(change.old);
            new.push(change.new);
            indexes.push(change.index);
        }
        let mut query = sqlx::query(trusted(sql));
        for column in [keys, old, new] {
            query = bind_column(query, column)?;
        }
        if index.is_some() {
            query = query.bind(indexes);
        }
        query.execute(conn).await.map(|done| done.rows_affected())
    }
}

const fn array_of(value: &Value) -> &'static str {
    match value {
        Value::Int(_) => "bigint[]",
        Value::Text(_) => "text[]",
        Value::Bytes(_) => "bytea[]",
        Value::Uuid(_) => "uuid[]",
    }
}

/// One column of all rows; they are all of one type.
fn bind_column(query: Statement<'_>, column: Vec<Value>) -> sqlx::Result<Statement<'_>> {
    let mixed = || other("of one type in all rows");
    Ok(match column.first() {
        Some(Value::Int(_)) => {
            let of = |value| if let Value::Int(Some(value)) = value { Some(value) } else { None };
            let column: Option<Vec<i64>> = column.into_iter().map(of).collect();
            query.bind(column.ok_or_else(mixed)?)
        }
        Some(Value::Text(_)) => {
            let of = |value| if let Value::Text(Some(value)) = value { Some(value) } else { None };
            let column: Option<Vec<String>> = column.into_iter().map(of).collect();
            query.bind(column.ok_or_else(mixed)?)
        }
        Some(Value::Bytes(_)) => {
            let of = |value| if let Value::Bytes(Some(value)) = value { Some(value) } else { None };
            let column: Option<Vec<Vec<u8>>> = column.into_iter().map(of).collect();
            query.bind(column.ok_or_else(mixed)?)
        }
        Some(Value::Uuid(_)) => {
            let of = |value| if let Value::Uuid(value) = value { Some(value) } else { None };
            let column: Option<Vec<Uuid>> = column.into_iter().map(of).collect();
            query.bind(column.ok_or_else(mixed)?)
        }
        None => query,
    })
}
