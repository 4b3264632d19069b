//! One field: how it is sealed, what it admits when it is opened, and how plaintext becomes sealed.

pub(crate) mod registry;
pub(crate) mod row;
pub(crate) mod value;

use crate::aead::{Cipher, SealOptions};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::associated_data::names::TenantId;
use crate::associated_data::names::{FieldId, KeyGroup};
use crate::associated_data::{AssociatedData, MAX_EXTRA};
use crate::ciphertext::{self, Ciphertext, Suite, TEXT_PREFIX};
use crate::error::{OpenError, SealError};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::key_id::KeyId;
use crate::keyset::KeySource;
use crate::keyset::ready::{KeyOrigin, ReadyKey};
use crate::purpose::Purpose;
use crate::sealed::{Sealed, SealedText};
use crate::secret::SecretBytes;
use row::RowContext;
use value::FieldValue;

const _: () = assert!(MAX_EXTRA <= 0xffff, "the count of a host's pairs is written in 16 bits");

/// How far a column of plaintext is on its way to ciphertext.
///
/// Deploy each step everywhere before the next. Only fields of text take the way: no text begins
/// with the first byte of a ciphertext, or, in a column of text, with `cf1.` (a value that does is
/// taken for a ciphertext and an error, and is to be sealed first).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldMode {
    /// Writes plaintext, reads both: the state before, once every process understands both.
    Plain,
    /// Writes ciphertext, reads both: while the rows that are there are sealed.
    ReadBoth,
    /// Plaintext is an error: nobody can pass off plaintext for what was sealed.
    #[default]
    Strict,
}

/// One field: what seals and opens its values.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use crypto_fields::{
///     FieldCipher, FieldId, KeyGroup, KeyPolicy, Keyset, KeysetManager, LocalKey, OpenError,
///     Purpose, RowContext, RowKey, SecretKey, SystemClock, TenantId,
/// };
///
/// let (root, tenant) = (LocalKey::new(SecretKey::random()?), TenantId::new("acme")?);
/// let mut manager = KeysetManager::new(Vec::new(), KeyPolicy::DEFAULT, SystemClock);
/// manager.create(&root, &tenant, Purpose::Seal, &KeyGroup::DEFAULT).await?;
/// let keys = Keyset::load(manager.records().to_vec(), &[&root]).await?;
///
/// let email = FieldCipher::new(FieldId::new("users.email")?);
/// let alice = RowContext::new(&keys, tenant.clone(), RowKey::int(1)?);
/// let stored = email.seal(&alice, &"alice@example.com".to_owned())?;
/// assert_eq!(email.open(&alice, &stored)?, "alice@example.com");
///
/// let bob = RowContext::new(&keys, tenant, RowKey::int(2)?);
/// assert_eq!(email.open(&bob, &stored), Err(OpenError::Authentication));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FieldCipher {
    field: FieldId,
    group: KeyGroup,
    options: SealOptions,
    deterministic: bool,
    mode: FieldMode,
    accepted: Suites,
}

/// A set of suites.
#[derive(Debug, Clone, Copy)]
struct Suites(u8);

impl Suites {
    fn of(suites: &[Suite]) -> Self {
        Self(suites.iter().fold(0, |set, suite| set | Self::bit(*suite)))
    }

    const fn bit(suite: Suite) -> u8 {
        match suite {
            Suite::Aes256Gcm => 1,
            Suite::XChaCha20Poly1305 => 2,
            Suite::Aes256Siv => 4,
            Suite::Stream => 8,
        }
    }

    const fn has(self, suite: Suite) -> bool {
        self.0 & Self::bit(suite) != 0
    }
}

impl FieldCipher {
    /// A field sealed by suite 0x01 under the default group's keys, strict, opening suites 0x01
    /// and 0x02.
    #[must_use]
    pub fn new(field: FieldId) -> Self {
        Self {
            field,
            group: KeyGroup::DEFAULT,
            options: SealOptions::new(),
            deterministic: false,
            mode: FieldMode::Strict,
            accepted: Suites::of(&[Suite::Aes256Gcm, Suite::XChaCha20Poly1305]),
        }
    }

    /// Under the keys of this group.
    #[must_use]
    pub fn group(mut self, group: KeyGroup) -> Self {
        self.group = group;
        self
    }

    /// Sealed by this cipher.
    #[must_use]
    pub const fn cipher(mut self, cipher: Cipher) -> Self {
        self.options = self.options.cipher(cipher);
        self
    }

    /// With its length hidden up to a multiple of 32 bytes.
    #[must_use]
    pub const fn padded(mut self) -> Self {
        self.options = self.options.padded(true);
        self
    }

    /// Sealed by suite 0x03, and opening only that: equal values in one row look equal.
    #[must_use]
    pub fn deterministic(mut self) -> Self {
        self.deterministic = true;
        self.accepted = Suites::of(&[Suite::Aes256Siv]);
        self
    }

    /// Opening these suites only, whatever a ciphertext says of itself.
    #[must_use]
    pub fn accept(mut self, suites: &[Suite]) -> Self {
        self.accepted = Suites::of(suites);
        self
    }

    /// On its way from plaintext.
    #[must_use]
    pub const fn mode(mut self, mode: FieldMode) -> Self {
        self.mode = mode;
        self
    }

    /// The field.
    #[must_use]
    pub const fn field(&self) -> &FieldId {
        &self.field
    }

    pub(crate) const fn field_mode(&self) -> FieldMode {
        self.mode
    }

    /// Seals a value for its row, for a column of bytes.
    ///
    /// # Errors
    ///
    /// Every [`SealError`].
    pub fn seal<T: FieldValue>(
        &self,
        row: &RowContext<'_>,
        value: &T,
    ) -> Result<Sealed<T>, SealError> {
        if !value.is_readable() {
            return Err(SealError::TooDeep);
        }
        value.with_bytes(|bytes| {
            if self.mode == FieldMode::Plain {
                return plain::<T, _>(Sealed::from_bytes(bytes.to_vec()));
            }
            self.seal_bytes(row.keys(), &row.place(&self.field), bytes).map(Sealed::from_bytes)
        })
    }

    /// Opens a value in its row.
    ///
    /// # Errors
    ///
    /// Every [`OpenError`].
    pub fn open<T: FieldValue>(
        &self,
        row: &RowContext<'_>,
        stored: &Sealed<T>,
    ) -> Result<T, OpenError> {
        let bytes = stored.as_bytes();
        let opened = if Ciphertext::is_meant(bytes) || !self.reads_plain::<T>() {
            self.open_bytes(row.keys(), &row.place(&self.field), bytes)?
        } else {
            SecretBytes::new(bytes.to_vec())
        };
        T::from_bytes(opened).ok_or(OpenError::Value)
    }

    /// Seals a value for its row, for a column of text.
    ///
    /// # Errors
    ///
    /// Every [`SealError`].
    pub fn seal_text<T: FieldValue>(
        &self,
        row: &RowContext<'_>,
        value: &T,
    ) -> Result<SealedText<T>, SealError> {
        if !value.is_readable() {
            return Err(SealError::TooDeep);
        }
        value.with_bytes(|bytes| {
            if self.mode == FieldMode::Plain {
                let text = str::from_utf8(bytes).map_err(|_| SealError::PlainNotText)?;
                return plain::<T, _>(SealedText::from_text(text.to_owned()));
            }
            let sealed = self.seal_bytes(row.keys(), &row.place(&self.field), bytes)?;
            Ok(SealedText::from_text(ciphertext::to_text(&sealed)))
        })
    }

    /// Opens a value in its row, from a column of text.
    ///
    /// # Errors
    ///
    /// Every [`OpenError`].
    pub fn open_text<T: FieldValue>(
        &self,
        row: &RowContext<'_>,
        stored: &SealedText<T>,
    ) -> Result<T, OpenError> {
        let text = stored.as_str();
        let opened = if text.starts_with(TEXT_PREFIX) {
            let bytes = ciphertext::from_text(text)?;
            self.open_bytes(row.keys(), &row.place(&self.field), &bytes)?
        } else if self.reads_plain::<T>() {
            SecretBytes::new(text.as_bytes().to_vec())
        } else {
            return Err(OpenError::NotSealed);
        };
        T::from_bytes(opened).ok_or(OpenError::Value)
    }

    /// Whether what is stored should be sealed anew: it is plaintext, or under another key than
    /// the one that seals now, or by a suite that the field does not admit any more.
    #[must_use]
    pub fn needs_resealing<T>(&self, row: &RowContext<'_>, stored: &Sealed<T>) -> bool {
        let Ok(ciphertext) = Ciphertext::parse(stored.as_bytes()) else { return true };
        let primary = row.keys().sealing(row.tenant(), self.purpose(), &self.group);
        !self.accepted.has(ciphertext.suite())
            || primary.is_ok_and(|key| key.id() != ciphertext.key_id())
    }

    /// Seals bytes for a place.
    ///
    /// # Errors
    ///
    /// Every [`SealError`].
    pub fn seal_bytes(
        &self,
        keys: &dyn KeySource,
        place: &AssociatedData<'_>,
        value: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let key = keys.sealing(place.tenant(), self.purpose(), &self.group)?;
        if !owns(&key, place) {
            return Err(SealError::WrongOwner);
        }
        if self.deterministic {
            key.deterministic()?.seal(self.options.padded, place, value)
        } else {
            key.sealing()?.seal(self.options, place, value)
        }
    }

    /// Opens bytes in a place. Plaintext is refused, whatever the field's mode.
    ///
    /// # Errors
    ///
    /// Every [`OpenError`] but [`OpenError::Value`].
    pub fn open_bytes(
        &self,
        keys: &dyn KeySource,
        place: &AssociatedData<'_>,
        stored: &[u8],
    ) -> Result<SecretBytes, OpenError> {
        if !Ciphertext::is_meant(stored) {
            return Err(OpenError::NotSealed);
        }
        let ciphertext = Ciphertext::parse(stored)?;
        let suite = ciphertext.suite();
        if !self.accepted.has(suite) {
            return Err(OpenError::SuiteNotAllowed(suite));
        }
        let purpose = purpose_of(suite == Suite::Aes256Siv);
        let key = keys.opening(place.tenant(), purpose, ciphertext.key_id())?;
        if !owns(&key, place) {
            return Err(OpenError::WrongOwner);
        }
        if purpose == Purpose::Deterministic {
            key.deterministic()?.open(&ciphertext, place)
        } else {
            key.sealing()?.open(&ciphertext, place)
        }
    }

    /// The key that seals this field for a tenant.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn primary(
        &self,
        keys: &dyn KeySource,
        tenant: &TenantId,
    ) -> Result<KeyId, SealError> {
        keys.sealing(tenant, self.purpose(), &self.group).map(|key| key.id())
    }

    const fn purpose(&self) -> Purpose {
        purpose_of(self.deterministic)
    }

    fn reads_plain<T: FieldValue>(&self) -> bool {
        T::IS_TEXT && self.mode != FieldMode::Strict
    }
}

const fn purpose_of(deterministic: bool) -> Purpose {
    if deterministic { Purpose::Deterministic } else { Purpose::Seal }
}

/// Whether a key is of the tenant, and of the data subject, that the place says.
fn owns(key: &ReadyKey, place: &AssociatedData<'_>) -> bool {
    match key.origin() {
        KeyOrigin::Group(tenant) => tenant == place.tenant(),
        KeyOrigin::Subject(tenant, subject) => {
            tenant == place.tenant() && Some(subject) == place.subject_id()
        }
    }
}

fn plain<T: FieldValue, S>(stored: S) -> Result<S, SealError> {
    if T::IS_TEXT { Ok(stored) } else { Err(SealError::PlainNotText) }
}

#[cfg(test)]
mod tests;
