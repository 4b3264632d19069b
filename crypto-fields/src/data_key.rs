//! A key with its id and its purpose.

use std::fmt;

use crate::key_id::KeyId;
use crate::purpose::Purpose;
use crate::random::RandomError;
use crate::secret::SecretKey;

/// A data key: 32 secret bytes that know their id and what they are for.
///
/// What works with a key is made from one of these and refuses any other purpose than its own, so
/// that one key never serves two.
///
/// ```
/// use crypto_fields::{DataKey, Purpose};
///
/// let key = DataKey::generate(Purpose::BlindIndex)?;
/// assert!(key.secret_for(Purpose::BlindIndex).is_ok());
/// assert!(key.secret_for(Purpose::Seal).is_err());
/// # Ok::<(), crypto_fields::RandomError>(())
/// ```
pub struct DataKey {
    id: KeyId,
    purpose: Purpose,
    secret: SecretKey,
}

/// A key was to serve a purpose that is not its own. A bug of the caller, or a key table that was
/// tampered with; never caused by a ciphertext.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key {id} is for {of}, and was to be used for {wanted}")]
#[non_exhaustive]
pub struct WrongPurpose {
    /// The key.
    pub id: KeyId,
    /// What it is for.
    pub of: Purpose,
    /// What it was to be used for.
    pub wanted: Purpose,
}

impl DataKey {
    /// A new key with a new id.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the operating system gives no randomness.
    pub fn generate(purpose: Purpose) -> Result<Self, RandomError> {
        Ok(Self { id: KeyId::random()?, purpose, secret: SecretKey::random()? })
    }

    /// A key whose parts are known: one that was just unwrapped, or one of a test.
    #[must_use]
    pub const fn from_parts(id: KeyId, purpose: Purpose, secret: SecretKey) -> Self {
        Self { id, purpose, secret }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What it is for.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The secret bytes, for one purpose.
    ///
    /// # Errors
    ///
    /// [`WrongPurpose`] if that is not what the key is for.
    pub fn secret_for(&self, wanted: Purpose) -> Result<&SecretKey, WrongPurpose> {
        if self.purpose == wanted {
            Ok(&self.secret)
        } else {
            Err(WrongPurpose { id: self.id, of: self.purpose, wanted })
        }
    }

    /// The secret bytes whatever they are for: to wrap the key under another one, in a
    /// [`KeyWrapper`](crate::KeyWrapper), and for nothing else.
    #[must_use]
    pub const fn expose_to_wrap(&self) -> &SecretKey {
        &self.secret
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey")
            .field("id", &self.id)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_serves_its_own_purpose_only() {
        let id = KeyId::new(1).unwrap();
        for of in Purpose::ALL {
            let key = DataKey::from_parts(id, of, SecretKey::take(&mut [1; 32]));
            for wanted in Purpose::ALL {
                assert_eq!(key.secret_for(wanted).is_ok(), of == wanted);
            }
        }
        let error = WrongPurpose { id, of: Purpose::Seal, wanted: Purpose::BlindIndex };
        assert_eq!(
            error.to_string(),
            "the key 0000000000000001 is for seal, and was to be used for bidx"
        );
    }
}
