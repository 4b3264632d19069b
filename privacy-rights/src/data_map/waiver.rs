//! What is deliberately not declared.

use serde::Serialize;

use crate::data_map::name::{NameError, SqlName};

/// A table or column that is deliberately not declared although it links to a person, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiver {
    table: SqlName,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<SqlName>,
    reason: String,
}

impl Waiver {
    /// Of a whole table.
    ///
    /// # Errors
    ///
    /// [`NameError`].
    pub fn table(table: &str, reason: impl Into<String>) -> Result<Self, NameError> {
        Ok(Self { table: SqlName::table(table)?, column: None, reason: reason.into() })
    }

    /// Of a column of a declared table.
    ///
    /// # Errors
    ///
    /// [`NameError`].
    pub fn column(table: &str, column: &str, reason: impl Into<String>) -> Result<Self, NameError> {
        let column = Some(SqlName::column(column)?);
        Ok(Self { table: SqlName::table(table)?, column, reason: reason.into() })
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The table.
    #[must_use]
    pub const fn of_table(&self) -> &SqlName {
        &self.table
    }

    /// The column, if it is not of the whole table.
    #[must_use]
    pub const fn of_column(&self) -> Option<&SqlName> {
        self.column.as_ref()
    }
}
