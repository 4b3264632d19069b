//! The rows of a host's table that may have to be written anew.

use std::collections::BTreeSet;

use super::column::SealedColumn;
use super::error::RotationError;
use crate::backend::value::{Value, other};
use crate::backend::{Backend, Relation, trusted};
use crate::key_id::KeyId;

/// How many keys are left out by the query: the primary keys of that many tenants.
const KNOWN: usize = 64;

/// The keys that need no rotation, as far as they are known: the rows under them are left out by
/// the query. What is not known of is read, and found current.
#[derive(Debug, Default)]
pub(super) struct CurrentKeys(BTreeSet<KeyId>);

impl CurrentKeys {
    pub(super) fn add(&mut self, key: KeyId) {
        if self.0.len() < KNOWN {
            self.0.insert(key);
        }
    }
}

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: Value,
    pub(super) stored: Value,
    pub(super) index: Option<Vec<u8>>,
    pub(super) tenant: Option<String>,
    pub(super) subject: Option<String>,
}

/// The condition that a row may have to be written anew, and its parameters from `$first` on.
fn stale(column: &SealedColumn, current: &CurrentKeys, first: usize) -> (String, Vec<Value>) {
    let relation = column.relation();
    let mut values: Vec<Value> = current.0.iter().flat_map(|key| column.key_marks(*key)).collect();
    let parameter = |at: usize| format!("${}", first.saturating_add(at));
    let mut stale = if values.is_empty() {
        "1 = 1".to_owned()
    } else {
        let known: Vec<_> = (0..values.len()).map(parameter).collect();
        format!("{} NOT IN ({})", column.key_sql(), known.join(", "))
    };
    if let (Some((_, index)), Some(name)) = (&column.index, &relation.index) {
        let version = parameter(values.len());
        stale = format!("{stale} OR substr(t.{name}, 1, 1) IS DISTINCT FROM {version}");
        values.push([index.version()].as_slice().into());
    }
    (format!("t.{} IS NOT NULL AND ({stale})", relation.sealed), values)
}

/// Reads up to `limit` such rows after a key, in the order of keys.
pub(super) async fn read<DB: Backend>(
    conn: &mut DB::Connection,
    column: &SealedColumn,
    current: &CurrentKeys,
    after: Option<&Value>,
    limit: usize,
    locking: &str,
) -> sqlx::Result<Vec<Row>> {
    let relation = column.relation();
    let (key, sealed, table) = (&relation.key, &relation.sealed, &relation.table);
    let (tenant, subject) = (column.tenant_sql(), column.subject_sql());
    // What is not asked for costs nothing.
    let mut columns = format!("t.{key}, t.{sealed}");
    for name in [&relation.index, &tenant, &subject].into_iter().flatten() {
        columns.push_str(", t.");
        columns.push_str(name);
    }
    let first = if after.is_some() { 2 } else { 1 };
    let (stale, marks) = stale(column, current, first);
    let after_sql = after.map_or(String::new(), |_| format!("t.{key} > $1 AND "));
    let sql = format!(
        "SELECT {columns} FROM {table} AS t WHERE {after_sql}{stale} \
         ORDER BY t.{key} LIMIT {limit}{locking}"
    );
    let values = after.cloned().into_iter().chain(marks).collect();
    let rows = DB::fetch(conn, trusted(sql), values).await?;
    let read = rows.into_iter().map(|mut row| {
        Ok(Row {
            key: column.key_value(row.any()?)?,
            stored: row.any()?,
            index: if relation.index.is_some() { row.bytes_or_null()? } else { None },
            tenant: if tenant.is_some() { name(row.any()?)? } else { None },
            subject: if subject.is_some() { name(row.any()?)? } else { None },
        })
    });
    read.collect()
}

/// How many such rows there are.
pub(super) async fn count<DB: Backend>(
    conn: &mut DB::Connection,
    column: &SealedColumn,
    current: &CurrentKeys,
) -> sqlx::Result<u64> {
    let (stale, values) = stale(column, current, 1);
    let table = column.relation().table;
    let sql = format!("SELECT COUNT(*) FROM {table} AS t WHERE {stale}");
    let mut rows = DB::fetch(conn, trusted(sql), values).await?;
    rows.pop().ok_or_else(|| other("a count"))?.count()
}

/// Fails where the table or one of its columns is not there.
pub(super) async fn probe<DB: Backend>(
    conn: &mut DB::Connection,
    column: &SealedColumn,
) -> Result<(), RotationError> {
    let current = CurrentKeys::default();
    read::<DB>(conn, column, &current, None, 0, "").await.map(drop).map_err(RotationError::probe)
}

/// Reads up to `limit` documents after a key, in the order of keys.
pub(super) async fn documents<DB: Backend>(
    conn: &mut DB::Connection,
    column: &SealedColumn,
    after: Option<&Value>,
    limit: usize,
) -> sqlx::Result<Vec<(Value, String)>> {
    let Relation { table, key, sealed, .. } = column.relation();
    let after_sql = after.map_or(String::new(), |_| format!("t.{key} > $1 AND "));
    let sql = format!(
        "SELECT t.{key}, CAST(t.{sealed} AS TEXT) FROM {table} AS t \
         WHERE {after_sql}t.{sealed} IS NOT NULL ORDER BY t.{key} LIMIT {limit}"
    );
    let rows = DB::fetch(conn, trusted(sql), after.cloned().into_iter().collect()).await?;
    let read = rows.into_iter().map(|mut row| Ok((column.key_value(row.any()?)?, row.text()?)));
    read.collect()
}

/// The name of a tenant or data subject, in its usual text.
fn name(value: Value) -> sqlx::Result<Option<String>> {
    match value {
        Value::Int(Some(number)) => Ok(Some(number.to_string())),
        Value::Uuid(id) => Ok(Some(id.to_string())),
        Value::Text(text) => Ok(text),
        Value::Int(None) | Value::Bytes(None) => Ok(None),
        Value::Bytes(Some(_)) => Err(other("the name of a tenant or data subject")),
    }
}
