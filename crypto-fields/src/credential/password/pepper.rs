//! A pepper that can rotate: the hash itself, sealed.

use std::fmt;

use zeroize::Zeroizing;

use crate::aead::{SealOptions, SealingKey};
use crate::associated_data::AssociatedData;
use crate::associated_data::names::{KeyGroup, TenantId};
use crate::ciphertext::Ciphertext;
use crate::credential::key::of_group;
use crate::data_key::{DataKey, WrongPurpose};
use crate::error::{OpenError, SealError};
use crate::keyset::Keyset;
use crate::purpose::Purpose;

/// Seals password hashes, so that a stolen table gives nothing to guess at.
///
/// A pepper that is mixed into the password can never be changed without everyone's password. Here
/// the finished PHC string is sealed for its row under a key of purpose
/// [`Credential`](Purpose::Credential) that lives outside the database: the key rotates like any
/// other, and [`needs_reseal`](Self::needs_reseal) says for which rows. A sealed hash moved to
/// another user's row does not open.
///
/// # Examples
///
/// ```
/// use crypto_fields::{
///     AssociatedData, DataKey, FieldId, PasswordPepper, Purpose, RowKey, TenantId,
/// };
///
/// let pepper = PasswordPepper::new(&DataKey::generate(Purpose::Credential)?)?;
/// let (tenant, field) = (TenantId::SINGLE, FieldId::new("users.password")?);
/// let row = RowKey::int(7)?;
/// let place = AssociatedData::new(&tenant, &field, &row);
///
/// let stored = pepper.seal("$argon2id$v=19$..", &place)?;
/// assert_eq!(*pepper.open(&stored, &place)?, "$argon2id$v=19$..");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PasswordPepper {
    primary: SealingKey,
    older: Vec<SealingKey>,
}

impl PasswordPepper {
    /// Seals and opens with this key.
    ///
    /// # Errors
    ///
    /// [`WrongPurpose`] if it is not a key for credentials.
    pub fn new(key: &DataKey) -> Result<Self, WrongPurpose> {
        let primary = SealingKey::of_purpose(key, Purpose::Credential)?;
        Ok(Self { primary, older: Vec::new() })
    }

    /// Opens with this key too.
    ///
    /// # Errors
    ///
    /// [`WrongPurpose`] if it is not a key for credentials.
    pub fn opening(mut self, older: &DataKey) -> Result<Self, WrongPurpose> {
        self.older.push(SealingKey::of_purpose(older, Purpose::Credential)?);
        Ok(self)
    }

    /// Seals with the primary of a keyset's group, opens with all of its keys that open.
    ///
    /// # Errors
    ///
    /// [`SealError::NoPrimary`] if the group has no primary key for credentials.
    pub fn of_keyset(
        keyset: &Keyset,
        tenant: &TenantId,
        group: &KeyGroup,
    ) -> Result<Self, SealError> {
        let (primary, older) = of_group(keyset, tenant, group)?;
        let mut pepper = Self::new(primary.data_key())?;
        for key in older {
            pepper = pepper.opening(key.data_key())?;
        }
        Ok(pepper)
    }

    /// Seals a hash for its row. Padded, so that the length does not tell which kind it is.
    ///
    /// # Errors
    ///
    /// [`SealError::Random`] only.
    pub fn seal(&self, hash: &str, place: &AssociatedData<'_>) -> Result<Vec<u8>, SealError> {
        self.primary.seal(SealOptions::new().padded(true), place, hash.as_bytes())
    }

    /// Opens a stored hash in its row.
    ///
    /// # Errors
    ///
    /// [`OpenError`], as of any sealed field.
    pub fn open(
        &self,
        stored: &[u8],
        place: &AssociatedData<'_>,
    ) -> Result<Zeroizing<String>, OpenError> {
        let ciphertext = Ciphertext::parse(stored).map_err(OpenError::Malformed)?;
        let id = ciphertext.key_id();
        let key = std::iter::once(&self.primary)
            .chain(&self.older)
            .find(|key| key.id() == id)
            .ok_or(OpenError::UnknownKey { key: id })?;
        let hash = key.open(&ciphertext, place)?.into_string();
        // What was sealed here is text.
        hash.map(Zeroizing::new).map_err(|_| OpenError::Authentication)
    }

    /// Whether a stored hash is sealed under an older key: open and seal it again, at login or in
    /// a job, by a compare-and-swap on these bytes.
    #[must_use]
    pub fn needs_reseal(&self, stored: &[u8]) -> bool {
        Ciphertext::parse(stored).is_ok_and(|sealed| sealed.key_id() != self.primary.id())
    }
}

impl fmt::Debug for PasswordPepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordPepper").field("primary", &self.primary).finish_non_exhaustive()
    }
}
