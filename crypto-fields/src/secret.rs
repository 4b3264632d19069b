//! Secrets: wiped when dropped, never printed, copied or serialised by accident.

use std::fmt;
use std::ops::Deref;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::random::{self, RandomError};

/// The length of every key of this crate, in bytes.
pub const KEY_LEN: usize = 32;

/// 32 secret bytes: a key of any kind.
///
/// They live on the heap, so that moving the value leaves no copy behind, and are overwritten with
/// zeros when it is dropped. There is no `Clone`, no `Serialize`, and `Debug` prints no byte.
/// Comparison takes the same time for any two keys.
///
/// ```
/// use crypto_fields::SecretKey;
///
/// let key = SecretKey::random()?;
/// assert_eq!(format!("{key:?}"), "SecretKey(..)");
/// assert!(key != SecretKey::random()?);
/// # Ok::<(), crypto_fields::RandomError>(())
/// ```
pub struct SecretKey(Box<[u8; KEY_LEN]>);

impl SecretKey {
    /// A new key from the operating system's random source.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the operating system gives no randomness.
    pub fn random() -> Result<Self, RandomError> {
        let mut key = Self(Box::new([0; KEY_LEN]));
        random::fill(&mut *key.0)?;
        Ok(key)
    }

    /// Takes over the bytes of a key and wipes them where they came from.
    ///
    /// They must be uniformly random: no password, no text.
    #[must_use]
    pub fn take(bytes: &mut [u8; KEY_LEN]) -> Self {
        let key = Self(Box::new(*bytes));
        bytes.zeroize();
        key
    }

    /// Copies a key from a slice; `None` unless it has exactly 32 bytes.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; KEY_LEN] = bytes.try_into().ok()?;
        Some(Self(Box::new(*bytes)))
    }

    /// The bytes, for a primitive. Whoever copies them has to wipe the copy.
    #[must_use]
    pub const fn expose(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for SecretKey {}

impl ConstantTimeEq for SecretKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.as_slice().ct_eq(other.0.as_slice())
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for SecretKey {}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// An opened plaintext: wiped when dropped, printed by nobody.
///
/// It dereferences to its bytes. [`into_vec`](Self::into_vec) hands them out, and with them the
/// duty to wipe them.
#[derive(Default, PartialEq, Eq)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes over bytes. What a `Vec` left behind when it grew before is not wiped.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, not wiped any more when dropped.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<u8> {
        std::mem::take(&mut *self.0)
    }

    /// As text, not wiped any more when dropped; the bytes back if they are not UTF-8.
    ///
    /// # Errors
    ///
    /// The value itself, unchanged.
    pub fn into_string(self) -> Result<String, Self> {
        String::from_utf8(self.into_vec()).map_err(|error| Self::new(error.into_bytes()))
    }
}

impl Deref for SecretBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Zeroizing<Vec<u8>>> for SecretBytes {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_whole_and_wiped_where_it_came_from() {
        let mut bytes = [7; KEY_LEN];
        let key = SecretKey::take(&mut bytes);
        assert_eq!(bytes, [0; KEY_LEN]);
        assert_eq!(key.expose(), &[7; KEY_LEN]);
        assert!(SecretKey::from_slice(&[1; 31]).is_none());
        assert!(SecretKey::from_slice(&[1; 33]).is_none());
        assert!(SecretKey::from_slice(&[7; 32]).is_some_and(|same| same == key));
    }

    #[test]
    fn nothing_is_printed() {
        assert_eq!(format!("{:?}", SecretKey::take(&mut [65; 32])), "SecretKey(..)");
        assert_eq!(format!("{:?}", SecretBytes::new(b"secret".to_vec())), "SecretBytes(..)");
    }

    #[test]
    fn text_that_is_none_stays_secret() {
        let bytes = SecretBytes::new(vec![0xff]).into_string().unwrap_err();
        assert_eq!(&*bytes, [0xff]);
        assert_eq!(SecretBytes::new(b"x".to_vec()).into_string().unwrap(), "x");
    }
}
