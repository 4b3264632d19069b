//! The number by which a ciphertext names its key.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::random::{self, RandomError};

/// The id of a key: 64 random bits, never zero.
///
/// It stands in the clear in every ciphertext and is authenticated with it. Its text is 16
/// lower-case hexadecimal digits. An SQL column takes it as a signed 64-bit integer with the same
/// bits ([`to_i64`](Self::to_i64)).
///
/// ```
/// use crypto_fields::KeyId;
///
/// let id: KeyId = "00000000000000ff".parse()?;
/// assert_eq!(id.get(), 255);
/// assert_eq!(id.to_string(), "00000000000000ff");
/// assert!("ff".parse::<KeyId>().is_err());
/// # Ok::<(), crypto_fields::KeyIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(NonZeroU64);

/// What was to be the id of a key is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a key is 16 lower-case hexadecimal digits, not all zero")]
#[non_exhaustive]
pub struct KeyIdError;

impl KeyId {
    pub(crate) const ONE: Self = Self(NonZeroU64::MIN);

    /// A new id.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the operating system gives no randomness.
    pub fn random() -> Result<Self, RandomError> {
        loop {
            let mut bytes = [0; 8];
            random::fill(&mut bytes)?;
            if let Some(id) = Self::from_bytes(bytes) {
                return Ok(id);
            }
        }
    }

    /// The id with this number; `None` for zero.
    #[must_use]
    pub const fn new(id: u64) -> Option<Self> {
        match NonZeroU64::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The id in these eight big-endian bytes; `None` for zero.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        Self::new(u64::from_be_bytes(bytes))
    }

    /// Eight bytes, big-endian.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.get().to_be_bytes()
    }

    /// The signed integer with the same bits, for an SQL column.
    #[must_use]
    pub const fn to_i64(self) -> i64 {
        self.get().cast_signed()
    }

    /// The id of an SQL column; `None` for zero.
    #[must_use]
    pub const fn from_i64(id: i64) -> Option<Self> {
        Self::new(id.cast_unsigned())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.get())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let digits =
            text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !digits {
            return Err(KeyIdError);
        }
        u64::from_str_radix(text, 16).ok().and_then(Self::new).ok_or(KeyIdError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_text_each() {
        let id = KeyId::new(0xfedc_ba98_7654_3210).unwrap();
        assert_eq!(id.to_string(), "fedcba9876543210");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(KeyId::from_i64(id.to_i64()), Some(id));
        assert_eq!(KeyId::from_bytes(id.to_bytes()), Some(id));
        for bad in ["", "0", "0000000000000000", "FEDCBA9876543210", "+edcba9876543210"] {
            assert_eq!(bad.parse::<KeyId>(), Err(KeyIdError), "{bad:?}");
        }
        assert_eq!(KeyId::new(0), None);
        assert_ne!(KeyId::random().unwrap(), KeyId::random().unwrap());
    }
}
