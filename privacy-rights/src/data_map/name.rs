//! Names of tables and columns.

use std::fmt;

use serde::Serialize;

/// The longest name of a table or column, in bytes: PostgreSQL cuts what is longer.
const LONGEST: usize = 63;

/// The name of a table, with its schema before it if need be, or of a column: letters, digits and
/// underscores, 63 at most. It stands quoted in every statement.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SqlName(String);

/// A table or column has a name that is not used in statements.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a table or column is named by 1 to 63 letters, digits and underscores")]
#[non_exhaustive]
pub struct NameError;

impl SqlName {
    /// The name of a column.
    ///
    /// # Errors
    ///
    /// [`NameError`].
    pub fn column(name: &str) -> Result<Self, NameError> {
        let mut bytes = name.bytes();
        let first = bytes.next().is_some_and(|byte| byte == b'_' || byte.is_ascii_alphabetic());
        let rest = bytes.all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
        if first && rest && name.len() <= LONGEST {
            Ok(Self(name.to_owned()))
        } else {
            Err(NameError)
        }
    }

    /// The name of a table: `table` or `schema.table`.
    ///
    /// # Errors
    ///
    /// [`NameError`].
    pub fn table(name: &str) -> Result<Self, NameError> {
        match name.split_once('.') {
            Some((schema, table)) => {
                Self::column(schema)?;
                Self::column(table)?;
                Ok(Self(name.to_owned()))
            }
            None => Self::column(name),
        }
    }

    /// As it is declared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it stands in a statement.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.0.replace('.', "\".\""))
    }
}

impl fmt::Display for SqlName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SqlName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
