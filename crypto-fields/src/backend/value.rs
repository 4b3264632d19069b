//! Values on their way to and from either database.

use std::fmt;

use uuid::Uuid;

/// A parameter of a statement, or a column of a row.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// An integer, or none.
    Int(Option<i64>),
    /// Text, or none.
    Text(Option<String>),
    /// Bytes, or none.
    Bytes(Option<Vec<u8>>),
    /// A UUID: of its own type in PostgreSQL, 16 bytes in SQLite.
    Uuid(Uuid),
}

/// The type only: a value may be anything.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int(_) => "Int(..)",
            Self::Text(_) => "Text(..)",
            Self::Bytes(_) => "Bytes(..)",
            Self::Uuid(_) => "Uuid(..)",
        })
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(Some(value.to_vec()))
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(Some(value))
    }
}

impl From<Option<&[u8]>> for Value {
    fn from(value: Option<&[u8]>) -> Self {
        Self::Bytes(value.map(<[u8]>::to_vec))
    }
}

/// The columns of a row, taken one after the other.
#[derive(Debug)]
pub struct Fields(pub(super) std::vec::IntoIter<Value>);

impl Fields {
    /// The next column, of whatever type.
    pub(crate) fn any(&mut self) -> sqlx::Result<Value> {
        self.0.next().ok_or_else(|| sqlx::Error::Decode("a column is missing".into()))
    }

    /// The next column, an integer or NULL.
    pub(crate) fn int_or_null(&mut self) -> sqlx::Result<Option<i64>> {
        match self.any()? {
            Value::Int(value) => Ok(value),
            Value::Text(None) | Value::Bytes(None) => Ok(None),
            _ => Err(other("an integer")),
        }
    }

    /// The next column, an integer.
    pub(crate) fn int(&mut self) -> sqlx::Result<i64> {
        self.int_or_null()?.ok_or_else(|| other("an integer"))
    }

    /// The next column, a count.
    pub(crate) fn count(&mut self) -> sqlx::Result<u64> {
        u64::try_from(self.int()?).map_err(|_| other("a count"))
    }

    /// The next column, text or NULL.
    pub(crate) fn text_or_null(&mut self) -> sqlx::Result<Option<String>> {
        match self.any()? {
            Value::Text(value) => Ok(value),
            Value::Int(None) | Value::Bytes(None) => Ok(None),
            _ => Err(other("text")),
        }
    }

    /// The next column, text.
    pub(crate) fn text(&mut self) -> sqlx::Result<String> {
        self.text_or_null()?.ok_or_else(|| other("text"))
    }

    /// The next column, bytes or NULL.
    pub(crate) fn bytes_or_null(&mut self) -> sqlx::Result<Option<Vec<u8>>> {
        match self.any()? {
            Value::Bytes(value) => Ok(value),
            Value::Int(None) | Value::Text(None) => Ok(None),
            _ => Err(other("bytes")),
        }
    }

    /// The next column, bytes.
    pub(crate) fn bytes(&mut self) -> sqlx::Result<Vec<u8>> {
        self.bytes_or_null()?.ok_or_else(|| other("bytes"))
    }
}

/// A column is not of the type that it has to be.
pub(crate) fn other(wanted: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("a column is not {wanted}").into())
}
