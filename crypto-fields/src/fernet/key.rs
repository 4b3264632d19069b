//! Fernet's keys: a signing key and an encryption key of 128 bits each.

use std::fmt;

use base64ct::{Base64Url, Encoding};
use zeroize::Zeroizing;

use crate::random::{self, RandomError};

/// Bytes of each half of a key.
pub(super) const HALF: usize = 16;

/// Why a Fernet key was refused. It never carries any part of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FernetKeyError {
    /// Not 32 bytes in base64url with padding.
    #[error("not a Fernet key: 32 bytes in base64url with padding")]
    Form,
}

/// A Fernet key: 16 bytes to sign, 16 bytes to encrypt. Wiped when dropped.
pub struct FernetKey {
    signing: Zeroizing<[u8; HALF]>,
    encryption: Zeroizing<[u8; HALF]>,
}

impl FernetKey {
    /// A new random key.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomError> {
        let mut key = Self { signing: Zeroizing::default(), encryption: Zeroizing::default() };
        random::fill(&mut *key.signing)?;
        random::fill(&mut *key.encryption)?;
        Ok(key)
    }

    /// Reads a key as Fernet writes it, 44 characters of base64url.
    ///
    /// # Errors
    ///
    /// [`FernetKeyError::Form`] only.
    pub fn parse(text: &str) -> Result<Self, FernetKeyError> {
        let mut bytes = Zeroizing::new([0; 2 * HALF]);
        let read = Base64Url::decode(text, &mut *bytes).map_err(|_| FernetKeyError::Form)?;
        Self::of(read).ok_or(FernetKeyError::Form)
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let (signing, rest) = bytes.split_first_chunk::<HALF>()?;
        let encryption = <&[u8; HALF]>::try_from(rest).ok()?;
        Some(Self { signing: Zeroizing::new(*signing), encryption: Zeroizing::new(*encryption) })
    }

    /// The key as Fernet writes it. Whoever has it can read and make tokens.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; 2 * HALF]);
        let (signing, encryption) = bytes.split_at_mut(HALF);
        signing.copy_from_slice(&*self.signing);
        encryption.copy_from_slice(&*self.encryption);
        Zeroizing::new(Base64Url::encode_string(&*bytes))
    }

    /// A second copy of the key in memory, made on purpose.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self { signing: self.signing.clone(), encryption: self.encryption.clone() }
    }

    pub(super) fn signing(&self) -> &[u8; HALF] {
        &self.signing
    }

    pub(super) fn encryption(&self) -> &[u8; HALF] {
        &self.encryption
    }
}

impl fmt::Debug for FernetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FernetKey(..)")
    }
}
