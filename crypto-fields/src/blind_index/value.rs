//! The index of one value, as it is stored.

use std::fmt;

use super::plan::IndexWidth;

/// The index of one value: a version byte and up to 32 bytes of hash.
///
/// Store it as bytes, under an ordinary (in PostgreSQL: btree) index. With the features `sqlite`
/// and `postgres` it binds as a BLOB or BYTEA.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlindIndexValue(
    // INVARIANT: one byte at least.
    Vec<u8>,
);

impl BlindIndexValue {
    /// The version and the first bits of a hash, the rest of the last byte zero.
    pub(super) fn cut(version: u8, hash: &[u8; 32], width: IndexWidth) -> Self {
        let bits = usize::from(width.bits());
        let mut value = Vec::with_capacity(bits.div_ceil(8).saturating_add(1));
        value.push(version);
        value.extend(hash.iter().take(bits.div_ceil(8)));
        let unused = bits.div_ceil(8).saturating_mul(8).saturating_sub(bits);
        if let Some(last) = value.last_mut() {
            // At most seven.
            *last &= u8::MAX.unbounded_shl(u32::try_from(unused).unwrap_or(0));
        }
        Self(value)
    }

    /// Takes stored bytes, whatever they are: they only ever are compared.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes to store.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The version of the index that it is of; `None` of stored bytes that are none.
    #[must_use]
    pub fn version(&self) -> Option<u8> {
        self.0.first().copied()
    }
}

impl AsRef<[u8]> for BlindIndexValue {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The version and the length: the hash itself need not be in a log.
impl fmt::Debug for BlindIndexValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.0.len().saturating_sub(1);
        write!(f, "BlindIndexValue(version {:?}, {len} bytes)", self.version())
    }
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
crate::column::column!(BlindIndexValue as Vec<u8>, |value| value.0.clone(), |bytes| Ok(Self(
    bytes
)));
