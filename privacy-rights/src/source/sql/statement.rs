//! Statements with their values, put together.

use sha2::{Digest, Sha256};

use crate::backend::value::{Fields, Value};
use crate::backend::{Backend, trusted};
use crate::data_map::rules::ErasureStrategy;
use crate::source::error::SourceError;
use crate::source::record::{Cursor, Step};
use crate::source::selection::Selection;
use crate::source::sql::plan::{FieldPlan, LinkPlan, Plan};

/// What every token of an anonymised column begins with.
const TOKEN: &str = "anon-";

/// The text of a statement and the values of its parameters.
#[derive(Clone)]
pub(super) struct Statement {
    sql: String,
    values: Vec<Value>,
}

impl Statement {
    pub(super) const fn new(sql: String) -> Self {
        Self { sql, values: Vec::new() }
    }

    pub(super) fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// The number of a new parameter.
    fn bind(&mut self, value: impl Into<Value>) -> usize {
        self.values.push(value.into());
        self.values.len()
    }

    /// Restricts it to the rows of a person. `false` if there can be none: then it must not run.
    pub(super) fn restrict<DB: Backend>(&mut self, plan: &Plan, selection: &Selection) -> bool {
        let mut any = Vec::new();
        for link in &plan.links {
            any.extend(self.linked::<DB>("t", 0, link, selection));
        }
        self.push(&format!(" WHERE ({})", any.join(" OR ")));
        !any.is_empty()
    }

    /// The condition that rows of `alias` are the person's.
    fn linked<DB: Backend>(
        &mut self,
        alias: &str,
        depth: usize,
        link: &LinkPlan,
        selection: &Selection,
    ) -> Option<String> {
        match link {
            LinkPlan::Column { column, sql_type, kind } => {
                let column = format!("{alias}.{}", column.quoted());
                let mut any = Vec::new();
                for value in selection.values(kind) {
                    let number = self.values.len().saturating_add(1);
                    if let Some(sql) = DB::compare(&column, "=", number, sql_type, value) {
                        self.bind(value);
                        any.push(sql);
                    }
                }
                (!any.is_empty()).then(|| format!("({})", any.join(" OR ")))
            }
            LinkPlan::Through { column, table, key, link } => {
                let inner = format!("p{depth}");
                let condition =
                    self.linked::<DB>(&inner, depth.saturating_add(1), link, selection)?;
                let (column, table, key) = (column.quoted(), table.quoted(), key.quoted());
                Some(format!(
                    "{alias}.{column} IN (SELECT {inner}.{key} FROM {table} {inner}
                         WHERE {condition})"
                ))
            }
        }
    }

    /// The condition that one of these fields is not erased yet.
    pub(super) fn unerased<DB: Backend>(&mut self, fields: &[&FieldPlan]) {
        let mut any = Vec::new();
        for field in fields {
            let column = &field.column;
            match &field.strategy {
                ErasureStrategy::Delete => any.push("1 = 1".to_owned()),
                ErasureStrategy::Null | ErasureStrategy::Detach => {
                    any.push(format!("{column} IS NOT NULL"));
                }
                ErasureStrategy::Mask(text) => {
                    let number = self.bind(text.as_str());
                    any.push(DB::differs(column, &DB::assign(number, &field.sql_type)));
                }
                ErasureStrategy::Anonymise => {
                    any.push(format!("({column} IS NOT NULL AND {column} NOT LIKE '{TOKEN}%')"));
                }
                // Of these there is nothing to see in the column.
                ErasureStrategy::Shred
                | ErasureStrategy::Pseudonymise
                | ErasureStrategy::Retain(_) => {}
            }
        }
        if any.is_empty() {
            any.push("1 = 0".to_owned());
        }
        self.push(&format!("({})", any.join(" OR ")));
    }

    /// What an UPDATE sets these fields to.
    pub(super) fn assignments<DB: Backend>(
        &mut self,
        fields: &[&FieldPlan],
        step: &Step,
        key: &str,
    ) {
        let mut all = Vec::new();
        for field in fields.iter().filter(|field| !field.is_left_alone()) {
            let (target, column) = (&field.target, &field.column);
            match &field.strategy {
                ErasureStrategy::Mask(text) => {
                    let number = self.bind(text.as_str());
                    all.push(format!("{target} = {}", DB::assign(number, &field.sql_type)));
                }
                ErasureStrategy::Anonymise => {
                    let number = self.bind(token(step, &field.name, key));
                    let value = DB::assign(number, &field.sql_type);
                    // What is anonymised stays, and NULL is nobody's.
                    all.push(format!(
                        "{target} = CASE WHEN {column} IS NULL OR {column} LIKE '{TOKEN}%'
                             THEN {column} ELSE {value} END"
                    ));
                }
                _ => all.push(format!("{target} = NULL")),
            }
        }
        self.push(&all.join(", "));
    }

    /// The condition that one of these fields is not that value.
    pub(super) fn differs<DB: Backend>(&mut self, settings: &[(&FieldPlan, Value)]) {
        let mut any = Vec::with_capacity(settings.len());
        for (field, value) in settings {
            let number = self.bind(value.clone());
            any.push(DB::differs(&field.column, &DB::assign(number, &field.sql_type)));
        }
        self.push(&format!("({})", any.join(" OR ")));
    }

    /// Sets these fields to these values.
    pub(super) fn set<DB: Backend>(&mut self, settings: &[(&FieldPlan, Value)]) {
        let mut all = Vec::with_capacity(settings.len());
        for (field, value) in settings {
            let number = self.bind(value.clone());
            all.push(format!("{} = {}", field.target, DB::assign(number, &field.sql_type)));
        }
        self.push(&all.join(", "));
    }

    /// The condition that it is the row of that key. `false` if there can be none.
    pub(super) fn key_is<DB: Backend>(&mut self, plan: &Plan, key: &str) -> bool {
        let number = self.values.len().saturating_add(1);
        let Some(sql) = DB::compare(&plan.key, "=", number, &plan.key_type, key) else {
            return false;
        };
        self.bind(key);
        self.push(&sql);
        true
    }

    /// Restricts it to what comes after a cursor.
    pub(super) fn after<DB: Backend>(
        &mut self,
        plan: &Plan,
        cursor: Option<&Cursor>,
    ) -> Result<(), SourceError> {
        cursor.map_or(Ok(()), |cursor| self.beside::<DB>(plan, ">", cursor.as_str()))
    }

    /// Restricts it to what comes up to a key.
    pub(super) fn up_to<DB: Backend>(&mut self, plan: &Plan, key: &str) -> Result<(), SourceError> {
        self.beside::<DB>(plan, "<=", key)
    }

    fn beside<DB: Backend>(
        &mut self,
        plan: &Plan,
        operator: &str,
        key: &str,
    ) -> Result<(), SourceError> {
        let number = self.values.len().saturating_add(1);
        let compared = DB::compare(&plan.key, operator, number, &plan.key_type, key);
        let sql = compared.ok_or(SourceError::Cursor)?;
        self.bind(key);
        self.push(&format!(" AND {sql}"));
        Ok(())
    }

    /// In the order of the key, one more than `limit`.
    pub(super) fn in_order<DB: Backend>(&mut self, plan: &Plan, limit: usize) {
        let order = DB::order(&plan.key, &plan.key_type);
        self.push(&format!(" ORDER BY {order} LIMIT {}", limit.saturating_add(1)));
    }

    /// In the order of the key, the one row after so many.
    pub(super) fn in_order_from<DB: Backend>(&mut self, plan: &Plan, rows: usize) {
        let order = DB::order(&plan.key, &plan.key_type);
        self.push(&format!(" ORDER BY {order} LIMIT 1 OFFSET {rows}"));
    }

    /// Grouped by so many columns, from the second on.
    pub(super) fn group_from_second(&mut self, columns: usize) {
        let numbers: Vec<String> =
            (2..columns.saturating_add(2)).map(|number| number.to_string()).collect();
        self.push(&format!(" GROUP BY {}", numbers.join(", ")));
    }

    pub(super) async fn fetch<DB: Backend>(
        self,
        conn: &mut DB::Connection,
    ) -> sqlx::Result<Vec<Fields>> {
        DB::fetch(conn, trusted(self.sql), self.values).await
    }

    pub(super) async fn execute<DB: Backend>(self, conn: &mut DB::Connection) -> sqlx::Result<u64> {
        DB::execute(conn, trusted(self.sql), self.values).await
    }
}

/// What stands in an anonymised column: unique, made of the step and of the row's key, and of
/// nothing that was in the column. The same step makes the same again.
fn token(step: &Step, column: &str, key: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(step.id.as_bytes());
    for part in [column, key] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let (digits, _) = digest.split_at(16);
    format!("{TOKEN}{}", base16ct::lower::encode_string(digits))
}
