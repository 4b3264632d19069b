//! Values on their way to and from either database.

use std::fmt;

/// A parameter of a statement, or a column of a row.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// An integer.
    Int(i64),
    /// NULL.
    Null,
    /// Text.
    Text(String),
}

/// The type only: a value may be anything.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int(_) => "Int(..)",
            Self::Null => "Null",
            Self::Text(_) => "Text(..)",
        })
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

/// The columns of a row, taken one after the other.
#[derive(Debug)]
pub struct Fields(pub(super) std::vec::IntoIter<Value>);

impl Fields {
    fn any(&mut self) -> sqlx::Result<Value> {
        self.0.next().ok_or_else(|| sqlx::Error::Decode("a column is missing".into()))
    }

    /// The next column, an integer.
    pub(crate) fn int(&mut self) -> sqlx::Result<i64> {
        match self.any()? {
            Value::Int(value) => Ok(value),
            _ => Err(other("an integer")),
        }
    }

    /// The next column, an integer or NULL.
    pub(crate) fn int_or_null(&mut self) -> sqlx::Result<Option<i64>> {
        match self.any()? {
            Value::Int(value) => Ok(Some(value)),
            Value::Null => Ok(None),
            Value::Text(_) => Err(other("an integer")),
        }
    }

    /// The next column, text or NULL.
    pub(crate) fn text_or_null(&mut self) -> sqlx::Result<Option<String>> {
        match self.any()? {
            Value::Text(value) => Ok(Some(value)),
            Value::Null => Ok(None),
            Value::Int(_) => Err(other("text")),
        }
    }

    /// The next column, text.
    pub(crate) fn text(&mut self) -> sqlx::Result<String> {
        self.text_or_null()?.ok_or_else(|| other("text"))
    }
}

/// A column is not of the type that it has to be.
pub(crate) fn other(wanted: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("a column is not {wanted}").into())
}
