//! Names of a host's tables and columns.

use std::fmt;

/// The longest name of a table or column, in bytes: PostgreSQL cuts what is longer.
const LONGEST: usize = 63;

/// A name of a table or column: letters, digits and underscores, at most 63. A table may have its
/// schema before it. It stands quoted in every statement.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SqlName(String);

/// A table or column has a name that is not used in statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a table or column is named by 1 to 63 letters, digits and underscores")]
#[non_exhaustive]
pub struct SqlNameError;

impl SqlName {
    pub(crate) fn column(name: &str) -> Result<Self, SqlNameError> {
        let mut bytes = name.bytes();
        let first = bytes.next().is_some_and(|byte| byte == b'_' || byte.is_ascii_alphabetic());
        let rest = bytes.all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
        if first && rest && name.len() <= LONGEST {
            Ok(Self(name.to_owned()))
        } else {
            Err(SqlNameError)
        }
    }

    pub(crate) fn table(name: &str) -> Result<Self, SqlNameError> {
        match name.split_once('.') {
            Some((schema, table)) => {
                Self::column(schema)?;
                Self::column(table)?;
                Ok(Self(name.to_owned()))
            }
            None => Self::column(name),
        }
    }

    /// As it stands in a statement. A column is always written with its table before it: SQLite
    /// takes a quoted name alone for a text where there is no such column.
    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.0.replace('.', "\".\""))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SqlName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        for good in ["users", "_u1", "Order", "select", &"x".repeat(63)] {
            assert_eq!(SqlName::column(good).unwrap().quoted(), format!("\"{good}\""));
        }
        assert_eq!(SqlName::table("crm.users").unwrap().quoted(), "\"crm\".\"users\"");
        for bad in [
            "",
            "1st",
            "users; DROP TABLE users",
            "users\"",
            "users--",
            "us ers",
            "a.b",
            "übung",
            "u\0",
            "\"users\"",
            &"x".repeat(64),
        ] {
            assert_eq!(SqlName::column(bad), Err(SqlNameError), "{bad:?}");
        }
        for bad in [".users", "crm.", "a.b.c", "a.\"b\""] {
            assert_eq!(SqlName::table(bad), Err(SqlNameError), "{bad:?}");
        }
    }
}
