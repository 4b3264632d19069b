//! Rewriting rows of a host's table in SQLite.

use sqlx::{Sqlite, SqliteConnection};

use super::statement::bind;
use crate::backend::{Change, Relation, RewriteSql, trusted};

/// Rows to a statement: enough that the statement costs nothing, few enough that one is compiled
/// quickly.
const CHUNK: usize = 250;

impl RewriteSql for Sqlite {
    const BATCH: usize = 1_000;

    /// The whole file is locked for as long as it takes to write a page of rows.
    const SKIP_LOCKED: Option<&'static str> = None;

    async fn rewrite(
        conn: &mut SqliteConnection,
        relation: &Relation,
        changes: Vec<Change>,
    ) -> sqlx::Result<u64> {
        let mut changed = 0_u64;
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            let chunk: Vec<Change> = changes.by_ref().take(CHUNK).collect();
            let mut query = sqlx::query(trusted(statement(relation, chunk.len())));
            // One compiled statement is kept, not one for each number of rows that are left.
            query = query.persistent(chunk.len() == CHUNK);
            for change in chunk {
                query = bind(query, change.key);
                query = bind(query, change.old);
                query = bind(query, change.new);
                if relation.index.is_some() {
                    query = query.bind(change.index);
                }
            }
            changed = changed.saturating_add(query.execute(&mut *conn).await?.rows_affected());
        }
        Ok(changed)
    }
}

/// The unary `+` leaves the planner one way: each row is searched by its key. Without it, it may
/// scan the whole table for each statement, or search by an index over ciphertexts.
fn statement(relation: &Relation, rows: usize) -> String {
    let Relation { table, key, sealed, index } = relation;
    let (columns, row, set) = match index {
        Some(index) => ("k, o, n, i", "(?,?,?,?)", format!(", {index} = v.i")),
        None => ("k, o, n", "(?,?,?)", String::new()),
    };
    let values = vec![row; rows].join(",");
    format!(
        "WITH v({columns}) AS (VALUES {values}) UPDATE {table} AS t SET {sealed} = v.n{set} \
         FROM v WHERE t.{key} = +v.k AND +t.{sealed} = +v.o"
    )
}
