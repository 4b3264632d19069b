//! Putting rows of a table right.

use serde_json::Value as Json;

use crate::backend::begin::begin;
use crate::backend::value::Value;
use crate::backend::{Backend, fixed};
use crate::data_map::rules::ErasureStrategy;
use crate::data_map::source::{Link, Storage};
use crate::source::error::SourceError;
use crate::source::permit::{Item, Permit};
use crate::source::record::{Applied, Cursor, Kept};
use crate::source::rectify::{Correction, CorrectionError};
use crate::source::selection::Selection;
use crate::source::sql::SqlSource;
use crate::source::sql::plan::FieldPlan;
use crate::source::sql::statement::Statement;

/// A column with what it is to be.
type Setting<'a> = (&'a FieldPlan, Value);

impl<DB: Backend> SqlSource<DB> {
    /// Puts at most `limit` rows right, in one transaction: all of them, or none. A rehearsal does
    /// the same and takes it back, so that what the database would refuse is known before.
    pub(super) async fn put_right(
        &self,
        (selection, correction): (&Selection, &Correction),
        permit: &dyn Permit,
        (after, limit): (Option<&Cursor>, usize),
        rehearsal: bool,
    ) -> Result<Applied, SourceError> {
        let settings = self.settings(correction)?;
        let columns = DB::text(&self.plan.key);
        let Some(mut query) = self.select(&columns, selection) else {
            return Ok(Applied::default());
        };
        if let Some(key) = correction.record() {
            query.push(" AND ");
            if !query.key_is::<DB>(&self.plan, key) {
                return Ok(Applied::default());
            }
        }
        query.push(" AND ");
        query.differs::<DB>(&settings);
        query.after::<DB>(&self.plan, after)?;
        query.in_order::<DB>(&self.plan, limit);
        query.push(DB::LOCK_ROWS);
        // Rolled back when it is dropped.
        let mut tx = begin(&self.pool, fixed(DB::BEGIN_RIGHTS)).await?;
        DB::wipe_what_is_overwritten(&mut tx).await?;
        permit.begin(DB::connection(&mut tx)).await?;
        let mut rows = query.fetch::<DB>(&mut tx).await.map_err(refusal)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let (mut applied, mut last) = (Applied::default(), None);
        for mut row in rows {
            let key = row.text()?;
            let item = Item::new(self.declaration.name(), key.clone());
            let reasons = permit.reasons(DB::connection(&mut tx), &item).await?;
            if reasons.is_empty() {
                let mut update = Statement::new(format!("UPDATE {} AS t SET ", self.plan.table));
                update.set::<DB>(&settings);
                update.push(" WHERE ");
                if update.key_is::<DB>(&self.plan, &key) {
                    let changed = update.execute::<DB>(&mut tx).await.map_err(refusal)?;
                    applied.changed = applied.changed.saturating_add(changed);
                }
            } else {
                applied.kept.push(Kept { item, reasons, fields: Vec::new() });
            }
            last = Some(key);
        }
        if rehearsal {
            tx.rollback().await?;
        } else {
            tx.commit().await.map_err(refusal)?;
        }
        applied.next = last.filter(|_| more).map(Cursor::new);
        Ok(applied)
    }

    /// The columns of a correction with their new values, each of which may be set.
    fn settings(&self, correction: &Correction) -> Result<Vec<Setting<'_>>, CorrectionError> {
        if correction.fields().is_empty() {
            return Err(CorrectionError::Empty);
        }
        let setting = |(name, value): (&String, &Json)| {
            let field = || name.clone();
            let plan = self.plan.fields.iter().find(|plan| plan.name == *name);
            let plan = plan.ok_or_else(|| CorrectionError::Undeclared { field: field() })?;
            if plan.is_identifier() || self.is_link(name) {
                return Err(CorrectionError::Identifying { field: field() });
            }
            if matches!(plan.strategy, ErasureStrategy::Shred) {
                return Err(CorrectionError::Sealed { field: field() });
            }
            let value = match value {
                Json::Null if !plan.nullable => {
                    return Err(CorrectionError::NotNull { field: field() });
                }
                Json::Null => Value::Null,
                Json::Bool(_) if DB::is_text(&plan.sql_type) => {
                    return Err(CorrectionError::Refused);
                }
                Json::Bool(value) if is_json(&plan.sql_type) => Value::from(value.to_string()),
                Json::Bool(value) => Value::from(if *value { "1" } else { "0" }),
                Json::String(text) if text.contains('\0') => return Err(CorrectionError::Refused),
                Json::String(text) => Value::from(text.as_str()),
                other => Value::from(other.to_string()),
            };
            // SQLite would store any text in a column of numbers.
            if let Value::Text(text) = &value {
                let integer = is_integer(&plan.sql_type) && text.parse::<i64>().is_err();
                let finite = || text.parse::<f64>().is_ok_and(f64::is_finite);
                if integer || (is_number(&plan.sql_type) && !finite()) {
                    return Err(CorrectionError::Refused);
                }
            }
            // A cast would cut it off silently.
            if let (Some(characters), Value::Text(text)) = (DB::longest(&plan.sql_type), &value)
                && text.chars().count() > characters
            {
                return Err(CorrectionError::TooLong { field: field(), characters });
            }
            Ok((plan, value))
        };
        correction.fields().iter().map(setting).collect()
    }

    /// Whether a column ties the row to a person, or names it.
    fn is_link(&self, name: &str) -> bool {
        let is = |column: &str| column.eq_ignore_ascii_case(name);
        let declaration = &self.declaration;
        let key = matches!(declaration.storage(), Storage::Table { key, .. } if is(key.as_str()));
        key || declaration.links().iter().map(Link::own_column).any(|column| is(column.as_str()))
    }
}

fn is_integer(sql_type: &str) -> bool {
    let integers = ["bigint", "int", "integer", "mediumint", "smallint", "tinyint"];
    integers.iter().any(|one| sql_type.eq_ignore_ascii_case(one))
}

fn is_number(sql_type: &str) -> bool {
    let of_type =
        |one: &&str| sql_type.get(..one.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(one));
    ["decimal", "double", "float", "numeric", "real"].iter().any(of_type)
}

fn is_json(sql_type: &str) -> bool {
    ["json", "jsonb"].iter().any(|one| sql_type.eq_ignore_ascii_case(one))
}

/// What the database says against the values is said in our words: its own repeat the values.
fn refusal(error: sqlx::Error) -> SourceError {
    let of_values = error.as_database_error().is_some_and(|error| {
        let code = error.code().unwrap_or_default();
        // Data exceptions and violated constraints: SQLSTATE 22 and 23, SQLite's 18 to 20.
        let lite = code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 18..=20));
        let pg = code.len() == 5 && (code.starts_with("22") || code.starts_with("23"));
        pg || (code.len() != 5 && lite)
    });
    if of_values { CorrectionError::Refused.into() } else { error.into() }
}
