//! The key of a row, which must be there before anything of the row is sealed.

use std::fmt;

use uuid::Uuid;

use super::Sink;

/// The longest row key, all parts together, in bytes.
pub const MAX_ROW_KEY_LEN: usize = 1024;

/// The immutable key of a row.
///
/// A value is sealed for its row, so the key has to be known before the `INSERT`: a UUID that the
/// application makes (version 7 sorts by time), or a number it draws from a sequence first. A key
/// that is empty, zero or nil is refused, because it is what a row has that was not stored yet.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RowKey(Kind);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Kind {
    Int(i64),
    Uuid(Uuid),
    Text(Box<str>),
    Bytes(Box<[u8]>),
    // INVARIANT: not empty, no part composite.
    Composite(Box<[Self]>),
}

/// A row has no key that a value could be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowKeyError {
    /// None, empty, zero or nil: the row was most likely not stored yet.
    #[error("the row has no key yet")]
    Missing,
    /// A part of a composite key is composite itself.
    #[error("a part of a composite row key is composite itself")]
    Nested,
    /// Longer than [`MAX_ROW_KEY_LEN`].
    #[error("the row key is longer than 1024 bytes")]
    TooLong,
}

impl RowKey {
    /// A number.
    ///
    /// # Errors
    ///
    /// [`RowKeyError::Missing`] for zero, which is what an integer has before the database gave
    /// one. A table with a row zero uses [`bytes`](Self::bytes).
    pub const fn int(key: i64) -> Result<Self, RowKeyError> {
        if key == 0 { Err(RowKeyError::Missing) } else { Ok(Self(Kind::Int(key))) }
    }

    /// A UUID.
    ///
    /// # Errors
    ///
    /// [`RowKeyError::Missing`] for the nil UUID.
    pub const fn uuid(key: Uuid) -> Result<Self, RowKeyError> {
        if key.is_nil() { Err(RowKeyError::Missing) } else { Ok(Self(Kind::Uuid(key))) }
    }

    /// A text, as it stands: no normalisation.
    ///
    /// # Errors
    ///
    /// [`RowKeyError::Missing`] for an empty one, [`RowKeyError::TooLong`].
    pub fn text(key: &str) -> Result<Self, RowKeyError> {
        Self::bounded(Kind::Text(key.into()))
    }

    /// Bytes.
    ///
    /// # Errors
    ///
    /// [`RowKeyError::Missing`] for none, [`RowKeyError::TooLong`].
    pub fn bytes(key: &[u8]) -> Result<Self, RowKeyError> {
        Self::bounded(Kind::Bytes(key.into()))
    }

    /// A key of several columns, in their order.
    ///
    /// # Errors
    ///
    /// [`RowKeyError::Missing`] for none, [`RowKeyError::Nested`], [`RowKeyError::TooLong`].
    pub fn composite(parts: impl IntoIterator<Item = Self>) -> Result<Self, RowKeyError> {
        let parts: Box<[Kind]> = parts.into_iter().map(|part| part.0).collect();
        if parts.iter().any(|part| matches!(part, Kind::Composite(_))) {
            return Err(RowKeyError::Nested);
        }
        Self::bounded(Kind::Composite(parts))
    }

    fn bounded(kind: Kind) -> Result<Self, RowKeyError> {
        match kind.len() {
            0 => Err(RowKeyError::Missing),
            len if len > MAX_ROW_KEY_LEN => Err(RowKeyError::TooLong),
            _ => Ok(Self(kind)),
        }
    }

    pub(crate) fn encoded_len(&self) -> usize {
        self.0.len().saturating_add(1)
    }

    pub(crate) fn write(&self, out: &mut impl Sink) {
        out.put(&[self.0.code()]);
        if let Kind::Composite(parts) = &self.0 {
            for part in parts {
                out.put(&[part.code()]);
                out.len(part.len());
                part.write(out);
            }
        } else {
            self.0.write(out);
        }
    }
}

impl Kind {
    const fn code(&self) -> u8 {
        match self {
            Self::Int(_) => 1,
            Self::Uuid(_) => 2,
            Self::Text(_) => 3,
            Self::Bytes(_) => 4,
            Self::Composite(_) => 5,
        }
    }

    /// The length of the content.
    fn len(&self) -> usize {
        match self {
            Self::Int(_) => 8,
            Self::Uuid(_) => 16,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Composite(parts) => parts
                .iter()
                .fold(0_usize, |len, part| len.saturating_add(part.len()).saturating_add(5)),
        }
    }

    /// The content; of a composite key nothing, as it is written part by part.
    fn write(&self, out: &mut impl Sink) {
        match self {
            Self::Int(key) => out.put(&key.to_be_bytes()),
            Self::Uuid(key) => out.put(key.as_bytes()),
            Self::Text(text) => out.put(text.as_bytes()),
            Self::Bytes(bytes) => out.put(bytes),
            Self::Composite(_) => {}
        }
    }
}

impl TryFrom<i64> for RowKey {
    type Error = RowKeyError;

    fn try_from(key: i64) -> Result<Self, RowKeyError> {
        Self::int(key)
    }
}

impl TryFrom<Uuid> for RowKey {
    type Error = RowKeyError;

    fn try_from(key: Uuid) -> Result<Self, RowKeyError> {
        Self::uuid(key)
    }
}

impl TryFrom<&str> for RowKey {
    type Error = RowKeyError;

    fn try_from(key: &str) -> Result<Self, RowKeyError> {
        Self::text(key)
    }
}

/// A key that the database has yet to give is missing.
impl TryFrom<Option<i64>> for RowKey {
    type Error = RowKeyError;

    fn try_from(key: Option<i64>) -> Result<Self, RowKeyError> {
        Self::int(key.ok_or(RowKeyError::Missing)?)
    }
}

/// The kind only: a row key may identify somebody.
impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Int(_) => "RowKey::int(..)",
            Kind::Uuid(_) => "RowKey::uuid(..)",
            Kind::Text(_) => "RowKey::text(..)",
            Kind::Bytes(_) => "RowKey::bytes(..)",
            Kind::Composite(_) => "RowKey::composite(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_there_yet_is_refused() {
        assert_eq!(RowKey::int(0), Err(RowKeyError::Missing));
        assert_eq!(RowKey::try_from(None::<i64>), Err(RowKeyError::Missing));
        assert_eq!(RowKey::uuid(Uuid::nil()), Err(RowKeyError::Missing));
        assert_eq!(RowKey::text(""), Err(RowKeyError::Missing));
        assert_eq!(RowKey::bytes(b""), Err(RowKeyError::Missing));
        assert_eq!(RowKey::composite([]), Err(RowKeyError::Missing));
    }

    #[test]
    fn keys_are_bounded_and_not_nested() {
        assert!(RowKey::text(&"x".repeat(1024)).is_ok());
        assert_eq!(RowKey::text(&"x".repeat(1025)), Err(RowKeyError::TooLong));
        let half = RowKey::text(&"x".repeat(600)).unwrap();
        assert_eq!(RowKey::composite([half.clone(), half]), Err(RowKeyError::TooLong));
        let inner = RowKey::composite([RowKey::int(1).unwrap()]).unwrap();
        assert_eq!(RowKey::composite([inner]), Err(RowKeyError::Nested));
    }

    #[test]
    fn kinds_are_written_to_the_byte() {
        let bytes = |key: RowKey| {
            let mut out = Vec::new();
            key.write(&mut out);
            assert_eq!(out.len(), key.encoded_len());
            out
        };
        assert_eq!(bytes(RowKey::int(-2).unwrap()), b"\x01\xff\xff\xff\xff\xff\xff\xff\xfe");
        assert_eq!(bytes(RowKey::uuid(Uuid::max()).unwrap()), [&[2][..], &[0xff; 16]].concat());
        assert_eq!(bytes(RowKey::text("ab").unwrap()), b"\x03ab");
        assert_eq!(bytes(RowKey::bytes(b"\0").unwrap()), b"\x04\0");
        let parts = [RowKey::text("a").unwrap(), RowKey::bytes(b"bc").unwrap()];
        assert_eq!(
            bytes(RowKey::composite(parts).unwrap()),
            b"\x05\x03\0\0\0\x01a\x04\0\0\0\x02bc"
        );
    }
}
