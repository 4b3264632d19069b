//! A data key with the ciphers that its purpose admits, made ready once.

use std::fmt;

use crate::aead::SealingKey;
use crate::aead::deterministic::DeterministicKey;
use crate::associated_data::names::{SubjectId, TenantId};
use crate::data_key::{DataKey, WrongPurpose};
use crate::key_id::KeyId;
use crate::purpose::Purpose;

/// A data key made ready for use, as a [`KeySource`](crate::KeySource) hands it out.
pub struct ReadyKey {
    key: DataKey,
    cipher: ReadyCipher,
    origin: KeyOrigin,
}

enum ReadyCipher {
    Seal(SealingKey),
    Deterministic(DeterministicKey),
    None,
}

/// Whose key it is, so that it does not serve anybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyOrigin {
    /// A tenant's, for a group of fields.
    Group(TenantId),
    /// A data subject's.
    Subject(TenantId, SubjectId),
}

impl ReadyKey {
    /// Makes a key ready.
    #[must_use]
    pub fn new(key: DataKey, origin: KeyOrigin) -> Self {
        let cipher = match key.purpose() {
            Purpose::Seal => SealingKey::new(&key).map(ReadyCipher::Seal),
            Purpose::Deterministic => DeterministicKey::new(&key).map(ReadyCipher::Deterministic),
            _ => Ok(ReadyCipher::None),
        };
        // Each was asked for its own purpose.
        Self { cipher: cipher.unwrap_or(ReadyCipher::None), key, origin }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.key.id()
    }

    /// The data key, for purposes other than sealing fields.
    #[must_use]
    pub const fn data_key(&self) -> &DataKey {
        &self.key
    }

    /// Whose it is.
    #[must_use]
    pub const fn origin(&self) -> &KeyOrigin {
        &self.origin
    }

    /// The cipher of fields.
    ///
    /// # Errors
    ///
    /// [`WrongPurpose`] unless the key is for [`Purpose::Seal`].
    pub const fn sealing(&self) -> Result<&SealingKey, WrongPurpose> {
        match &self.cipher {
            ReadyCipher::Seal(key) => Ok(key),
            _ => Err(self.wrong(Purpose::Seal)),
        }
    }

    /// The deterministic cipher of fields.
    ///
    /// # Errors
    ///
    /// [`WrongPurpose`] unless the key is for [`Purpose::Deterministic`].
    pub const fn deterministic(&self) -> Result<&DeterministicKey, WrongPurpose> {
        match &self.cipher {
            ReadyCipher::Deterministic(key) => Ok(key),
            _ => Err(self.wrong(Purpose::Deterministic)),
        }
    }

    const fn wrong(&self, wanted: Purpose) -> WrongPurpose {
        WrongPurpose { id: self.key.id(), of: self.key.purpose(), wanted }
    }
}

impl fmt::Debug for ReadyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyKey").field("key", &self.key).finish_non_exhaustive()
    }
}
