//! A table as a source.

use audit_store::DatabaseError;
use chrono::NaiveDate;
use serde_json::Value as Json;
use sqlx::Pool;

use crate::backend::begin::begin;
use crate::backend::value::Fields;
use crate::backend::{Backend, fixed};
use crate::data_map::catalogue::Catalogue;
use crate::data_map::rules::ExportRule;
use crate::data_map::source::SourceDeclaration;
use crate::source::error::SourceError;
use crate::source::permit::{Item, Permit};
use crate::source::record::{Applied, Cursor, FieldValue, Kept, Page, Record, Remaining, Step};
use crate::source::rectify::Correction;
use crate::source::selection::{Identifier, MAX_IDENTIFIERS, Selection};
use crate::source::sql::plan::{FieldPlan, Plan};
use crate::source::sql::statement::Statement;
use crate::source::{BoxFuture, PersonalDataSource};

mod pages;
mod plan;
mod rectify;
mod statement;

/// A table as a source, made of its declaration: it scans, erases and counts with bound values and
/// with names that the database's own catalogue holds.
///
/// What each [`ErasureStrategy`](crate::ErasureStrategy) does here:
///
/// - `Anonymise` writes a token, `anon-` and random-looking digits that derive from the step and
///   the row's key and from nothing that was there; into text columns only.
/// - `Delete` deletes the row, `Null` and `Detach` set the column to NULL, `Mask` writes the text.
/// - `Shred` does nothing here: the value lies sealed, and its key is destroyed elsewhere. Nor does
///   `Retain`: what stays on a ground is nothing that is left to erase.
/// - `Pseudonymise` is refused: it needs a key that a table does not have.
///
/// It puts right what is declared, and neither the columns that identify a person or tie a row to
/// them nor those that lie sealed.
///
/// Pages come in the order of the key, which should be the table's primary key; an index on the
/// columns that link a row to its person makes the first page quick. A key of another type than an
/// integer, a UUID or text is read in the order of its text in PostgreSQL, which no index has: right,
/// and slow in a large table.
pub struct SqlSource<DB: Backend> {
    pool: Pool<DB>,
    declaration: SourceDeclaration,
    plan: Plan,
}

/// A declaration that cannot be carried out in this database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlSourceError {
    /// A column is too short for a token that is unique.
    #[error("the column {column} takes {characters} characters, a unique token needs {least}")]
    ColumnTooShort {
        /// The column.
        column: String,
        /// How many characters it takes.
        characters: usize,
        /// How many are needed.
        least: usize,
    },
    /// The catalogue could not be read.
    #[error("the catalogue of the database cannot be read")]
    Database(#[from] DatabaseError),
    /// The declaration speaks of a table or column that does not exist.
    #[error("there is no {name}")]
    Missing {
        /// The table, or the table and its column.
        name: String,
    },
    /// The declaration is not of a table.
    #[error("the source {name:?} is no table")]
    NotATable {
        /// The source.
        name: String,
    },
    /// A period that is not one of the calendar, a date in a linked table without a link through
    /// one, or a strategy that a table cannot carry out.
    #[error("the column {column} cannot be {what} here")]
    Unsupported {
        /// The column.
        column: String,
        /// What was declared of it.
        what: &'static str,
    },
}

impl<DB: Backend> SqlSource<DB> {
    /// The table of a declaration, in that database. Each name is looked up in the catalogue.
    ///
    /// # Errors
    ///
    /// Any [`SqlSourceError`].
    pub async fn new(
        pool: Pool<DB>,
        declaration: SourceDeclaration,
    ) -> Result<Self, SqlSourceError> {
        let catalogue = Catalogue::read(&pool).await?;
        let plan = Plan::new::<DB>(&declaration, &catalogue)?;
        Ok(Self { pool, declaration, plan })
    }

    /// A query for the person's rows; none if nothing selects any.
    fn select(&self, columns: &str, selection: &Selection) -> Option<Statement> {
        let mut statement = Statement::new(format!("SELECT {columns} FROM {} t", self.plan.table));
        statement.restrict::<DB>(&self.plan, selection).then_some(statement)
    }

    async fn find_identifiers(
        &self,
        selection: &Selection,
    ) -> Result<Vec<Identifier>, SourceError> {
        let mut conn = self.pool.acquire().await?;
        let mut found = Vec::new();
        for (kind, column, field) in self.plan.identifying() {
            let Some(mut query) = self.select(&format!("DISTINCT {}", DB::text(column)), selection)
            else {
                continue;
            };
            query.push(&format!(" AND {column} IS NOT NULL"));
            if let Some(field) = field {
                // What was erased identifies nobody.
                query.push(" AND ");
                query.unerased::<DB>(&[field]);
            }
            query.push(&format!(" LIMIT {}", MAX_IDENTIFIERS.saturating_add(1)));
            for mut row in query.fetch::<DB>(&mut conn).await? {
                found.extend(Identifier::new(kind, row.text()?).ok());
            }
        }
        Ok(found)
    }

    async fn page(
        &self,
        selection: &Selection,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, SourceError> {
        let mut columns = DB::text(&self.plan.key);
        for field in &self.plan.fields {
            columns.push_str(", ");
            columns.push_str(&match field.export {
                ExportRule::Own | ExportRule::RedactOthers => DB::json(&field.column),
                ExportRule::PresenceOnly | ExportRule::Withhold(_) => {
                    format!("CASE WHEN {} IS NULL THEN NULL ELSE '' END", field.column)
                }
            });
        }
        let Some(query) = self.select(&columns, selection) else { return Ok(Page::default()) };
        let rows = self.read_on(query, after, limit).await?;
        let records: Result<Vec<Record>, SourceError> =
            rows.into_iter().map(|row| self.record(row)).collect();
        let mut records = records?;
        let more = records.len() > limit;
        records.truncate(limit);
        let next = records.last().filter(|_| more).map(|last| Cursor::new(last.key.clone()));
        Ok(Page::new(records, next))
    }

    fn record(&self, mut row: Fields) -> Result<Record, SourceError> {
        let key = row.text()?;
        let mut fields = Vec::with_capacity(self.plan.fields.len());
        for field in &self.plan.fields {
            let value = match (row.text_or_null()?, &field.export) {
                (None, _) => FieldValue::Absent,
                (Some(_), ExportRule::PresenceOnly | ExportRule::Withhold(_)) => {
                    FieldValue::Present
                }
                (Some(json), _) => match serde_json::from_str(&json) {
                    Ok(Json::Null) => FieldValue::Absent,
                    Ok(value) => FieldValue::Value(value),
                    // What a database writes that JSON does not know (`NaN`) is given as it stands.
                    Err(_) => FieldValue::Value(Json::from(json)),
                },
            };
            fields.push((field.name.clone(), value));
        }
        Ok(Record::new(key, fields))
    }

    /// The query for rows that are not erased, with the days of their rules.
    fn unerased(&self, selection: &Selection) -> Option<Statement> {
        let mut columns = DB::text(&self.plan.key);
        for rule in &self.plan.rules {
            columns.push_str(", ");
            columns.push_str(&rule.day);
        }
        let mut query = self.select(&columns, selection)?;
        query.push(" AND ");
        query.unerased::<DB>(&self.plan.fields.iter().collect::<Vec<_>>());
        Some(query)
    }

    async fn look_ahead(
        &self,
        selection: &Selection,
        step: &Step,
        permit: &dyn Permit,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Applied, SourceError> {
        let Some(query) = self.unerased(selection) else { return Ok(Applied::default()) };
        // Rolled back when it is dropped: whoever is asked is asked inside of a transaction.
        let mut conn = begin(&self.pool, fixed(DB::BEGIN_RIGHTS)).await?;
        permit.begin(DB::connection(&mut conn)).await?;
        let mut rows = self.fetch_page(&mut conn, query, after, limit, "").await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let (mut applied, mut last) = (Applied::default(), None);
        for mut row in rows {
            let key = row.text()?;
            let days = self.plan.days(&mut row)?;
            let item = Item::new(self.declaration.name(), key.clone());
            let (erased, kept, mut reasons) = self.plan.divide(&days, step.today);
            let spoken = permit.reasons(DB::connection(&mut conn), &item).await?;
            let goes = spoken.is_empty() && erased.iter().any(|field| !field.is_left_alone());
            applied.changed = applied.changed.saturating_add(u64::from(goes));
            let fields = if goes { kept } else { Vec::new() };
            reasons.extend(spoken);
            if !reasons.is_empty() {
                applied.kept.push(Kept { item, reasons, fields });
            }
            last = Some(key);
        }
        applied.next = last.filter(|_| more).map(Cursor::new);
        Ok(applied)
    }

    async fn erase(
        &self,
        selection: &Selection,
        step: &Step,
        permit: &dyn Permit,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Applied, SourceError> {
        let Some(query) = self.unerased(selection) else { return Ok(Applied::default()) };
        let mut tx = begin(&self.pool, fixed(DB::BEGIN_RIGHTS)).await?;
        DB::wipe_what_is_overwritten(&mut tx).await?;
        permit.begin(DB::connection(&mut tx)).await?;
        let mut rows = self.fetch_page(&mut tx, query, after, limit, DB::LOCK_ROWS).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let mut applied = Applied::default();
        let mut last = None;
        for mut row in rows {
            let key = row.text()?;
            let days = self.plan.days(&mut row)?;
            let item = Item::new(self.declaration.name(), key.clone());
            let (erased, kept, mut reasons) = self.plan.divide(&days, step.today);
            let spoken = permit.reasons(DB::connection(&mut tx), &item).await?;
            if spoken.is_empty() {
                let changed = self.erase_row(&mut tx, &key, step, &erased).await?;
                applied.changed = applied.changed.saturating_add(changed);
                if !reasons.is_empty() {
                    let fields = if erased.is_empty() { Vec::new() } else { kept };
                    applied.kept.push(Kept { item, reasons, fields });
                }
            } else {
                reasons.extend(spoken);
                applied.kept.push(Kept { item, reasons, fields: Vec::new() });
            }
            last = Some(key);
        }
        tx.commit().await?;
        applied.next = last.filter(|_| more).map(Cursor::new);
        Ok(applied)
    }

    /// Erases these fields of a row, or the row; how many rows that changed.
    async fn erase_row(
        &self,
        conn: &mut DB::Connection,
        key: &str,
        step: &Step,
        fields: &[&FieldPlan],
    ) -> Result<u64, SourceError> {
        if fields.iter().all(|field| field.is_left_alone()) {
            return Ok(0);
        }
        let mut statement = if self.plan.deletes {
            Statement::new(format!("DELETE FROM {} AS t WHERE ", self.plan.table))
        } else {
            let mut update = Statement::new(format!("UPDATE {} AS t SET ", self.plan.table));
            update.assignments::<DB>(fields, step, key);
            update.push(" WHERE ");
            update
        };
        if !statement.key_is::<DB>(&self.plan, key) {
            return Ok(0);
        }
        statement.push(" AND ");
        statement.unerased::<DB>(fields);
        Ok(statement.execute::<DB>(conn).await?)
    }

    async fn count(
        &self,
        selection: &Selection,
        today: NaiveDate,
    ) -> Result<Remaining, SourceError> {
        // For each combination of days, and of rules whose fields are not erased, how many rows.
        let mut query = Statement::new(String::from("SELECT count(*)"));
        for (at, rule) in self.plan.rules.iter().enumerate() {
            query.push(&format!(", {}, CASE WHEN ", rule.day));
            query.unerased::<DB>(&self.plan.of_rule(Some(at)));
            query.push(" THEN 1 ELSE 0 END");
        }
        query.push(", CASE WHEN ");
        query.unerased::<DB>(&self.plan.of_rule(None));
        query.push(&format!(" THEN 1 ELSE 0 END FROM {} t", self.plan.table));
        if !query.restrict::<DB>(&self.plan, selection) {
            return Ok(Remaining::default());
        }
        query.push(" AND ");
        query.unerased::<DB>(&self.plan.fields.iter().collect::<Vec<_>>());
        query.group_from_second(self.plan.rules.len().saturating_mul(2).saturating_add(1));
        let mut conn = self.pool.acquire().await?;
        let mut remaining = Remaining::default();
        for mut row in query.fetch::<DB>(&mut conn).await? {
            let count = u64::try_from(row.int()?).unwrap_or(0);
            let (mut kept, mut free) = (false, false);
            for rule in &self.plan.rules {
                let reason = rule.keeps(row.text_or_null()?.as_deref(), today);
                let unerased = row.int()? != 0;
                kept |= reason.is_some();
                free |= unerased && reason.is_none();
            }
            free |= row.int()? != 0;
            remaining.records = remaining.records.saturating_add(count);
            if kept && (self.plan.deletes || !free) {
                remaining.kept_by_law = remaining.kept_by_law.saturating_add(count);
            }
        }
        Ok(remaining)
    }
}

impl<DB: Backend> std::fmt::Debug for SqlSource<DB> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlSource").field("table", &self.plan.table).finish_non_exhaustive()
    }
}

impl<DB: Backend> PersonalDataSource for SqlSource<DB> {
    fn declaration(&self) -> &SourceDeclaration {
        &self.declaration
    }

    fn resolve<'a>(
        &'a self,
        selection: &'a Selection,
    ) -> BoxFuture<'a, Result<Vec<Identifier>, SourceError>> {
        Box::pin(self.find_identifiers(selection))
    }

    fn scan<'a>(
        &'a self,
        selection: &'a Selection,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(self.page(selection, after, limit))
    }

    fn apply<'a>(
        &'a self,
        selection: &'a Selection,
        step: &'a Step,
        permit: &'a dyn Permit,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        Box::pin(self.erase(selection, step, permit, after, limit))
    }

    fn foresee<'a>(
        &'a self,
        selection: &'a Selection,
        step: &'a Step,
        permit: &'a dyn Permit,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        Box::pin(self.look_ahead(selection, step, permit, after, limit))
    }

    fn rectify<'a>(
        &'a self,
        selection: &'a Selection,
        correction: &'a Correction,
        permit: &'a dyn Permit,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        Box::pin(self.put_right((selection, correction), permit, (after, limit), false))
    }

    fn rehearse<'a>(
        &'a self,
        selection: &'a Selection,
        correction: &'a Correction,
        permit: &'a dyn Permit,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        Box::pin(self.put_right((selection, correction), permit, (after, limit), true))
    }

    fn remaining<'a>(
        &'a self,
        selection: &'a Selection,
        step: &'a Step,
    ) -> BoxFuture<'a, Result<Remaining, SourceError>> {
        Box::pin(self.count(selection, step.today))
    }
}
