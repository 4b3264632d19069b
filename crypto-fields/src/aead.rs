//! Sealing and opening one message: suites 0x01 and 0x02.

pub(crate) mod derive;
pub(crate) mod deterministic;
mod padding;
#[cfg(test)]
pub(crate) mod vectors;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit};
use chacha20poly1305::XChaCha20Poly1305;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::associated_data::{AssociatedData, Context};
use crate::ciphertext::{BODY, Ciphertext, Header, OVERHEAD, Parts, Suite, TAG_LEN};
use crate::data_key::{DataKey, WrongPurpose};
use crate::error::{OpenError, SealError};
use crate::key_id::KeyId;
use crate::purpose::Purpose;
use crate::random::{self, SALT_LEN};
use crate::secret::SecretBytes;
use derive::Deriver;

/// How a value is sealed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SealOptions {
    /// The suite; 0x01 unless told otherwise.
    pub cipher: Cipher,
    /// Whether the length is hidden up to a multiple of 32 bytes.
    pub padded: bool,
}

impl SealOptions {
    /// AES-256-GCM, not padded.
    #[must_use]
    pub const fn new() -> Self {
        Self { cipher: Cipher::Aes256Gcm, padded: false }
    }

    /// With this cipher.
    #[must_use]
    pub const fn cipher(mut self, cipher: Cipher) -> Self {
        self.cipher = cipher;
        self
    }

    /// Padded to a multiple of 32 bytes (ISO/IEC 7816-4), or not.
    #[must_use]
    pub const fn padded(mut self, padded: bool) -> Self {
        self.padded = padded;
        self
    }
}

/// The ciphers of a [`SealingKey`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cipher {
    /// Suite 0x01.
    #[default]
    Aes256Gcm,
    /// Suite 0x02.
    XChaCha20Poly1305,
}

impl Cipher {
    /// The suite.
    #[must_use]
    pub const fn suite(self) -> Suite {
        match self {
            Self::Aes256Gcm => Suite::Aes256Gcm,
            Self::XChaCha20Poly1305 => Suite::XChaCha20Poly1305,
        }
    }
}

/// A data key made ready to seal and open values.
///
/// Each message has a key of its own, derived from a random salt of 192 bits, so there is no limit
/// of messages worth counting; [`sealed`](Self::sealed) counts them all the same. Each ciphertext
/// commits to its key and its whole context: nobody can make one that opens under two keys, or in
/// two places.
///
/// ```
/// use crypto_fields::{
///     AssociatedData, Ciphertext, DataKey, FieldId, OpenError, Purpose, RowKey, SealOptions,
///     SealingKey, TenantId,
/// };
///
/// let key = SealingKey::new(&DataKey::generate(Purpose::Seal)?)?;
/// let (tenant, field) = (TenantId::new("acme")?, FieldId::new("users.email")?);
/// let (alice, bob) = (RowKey::int(1)?, RowKey::int(2)?);
///
/// let place = AssociatedData::new(&tenant, &field, &alice);
/// let sealed = key.seal(SealOptions::new(), &place, b"alice@example.com")?;
/// assert_eq!(sealed.len(), 17 + crypto_fields::OVERHEAD);
/// assert_eq!(&*key.open(&Ciphertext::parse(&sealed)?, &place)?, b"alice@example.com");
///
/// let moved = AssociatedData::new(&tenant, &field, &bob);
/// let refused = key.open(&Ciphertext::parse(&sealed)?, &moved);
/// assert_eq!(refused.unwrap_err(), OpenError::Authentication);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SealingKey {
    id: KeyId,
    deriver: Deriver,
    sealed: AtomicU64,
}

impl SealingKey {
    /// Makes a key ready.
    ///
    /// # Errors
    ///
    /// [`WrongPurpose`] unless the key is for [`Purpose::Seal`].
    pub fn new(key: &DataKey) -> Result<Self, WrongPurpose> {
        Self::of_purpose(key, Purpose::Seal)
    }

    pub(crate) fn of_purpose(key: &DataKey, purpose: Purpose) -> Result<Self, WrongPurpose> {
        let deriver = Deriver::new(key.secret_for(purpose)?);
        Ok(Self { id: key.id(), deriver, sealed: AtomicU64::new(0) })
    }

    /// A key that wraps others, whatever it says that it is for.
    pub(crate) fn to_wrap(key: &DataKey) -> Self {
        let deriver = Deriver::new(key.expose_to_wrap());
        Self { id: key.id(), deriver, sealed: AtomicU64::new(0) }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// How many values this process has sealed with it since it was made ready.
    #[must_use]
    pub fn sealed(&self) -> u64 {
        self.sealed.load(Ordering::Relaxed)
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    ///
    /// [`SealError::Random`], [`SealError::TooLong`].
    pub fn seal(
        &self,
        options: SealOptions,
        place: &AssociatedData<'_>,
        value: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        self.seal_in(options, &place.digest(), value)
    }

    /// Opens a value in its place.
    ///
    /// # Errors
    ///
    /// [`OpenError::UnknownKey`] if it names another key, [`OpenError::SuiteNotAllowed`] if it is
    /// deterministic, else [`OpenError::Authentication`] for whatever is not as it was sealed.
    pub fn open(
        &self,
        ciphertext: &Ciphertext<'_>,
        place: &AssociatedData<'_>,
    ) -> Result<SecretBytes, OpenError> {
        self.open_in(ciphertext, &place.digest())
    }

    pub(crate) fn seal_in(
        &self,
        options: SealOptions,
        context: &Context,
        value: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        self.seal_salted(options, context, &random::salt()?, value)
    }

    fn seal_salted(
        &self,
        options: SealOptions,
        context: &Context,
        salt: &[u8; SALT_LEN],
        value: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let suite = options.cipher.suite();
        let header = Header { suite, padded: options.padded, key: self.id }.to_bytes();
        let len = padding::padded_len(value.len(), options.padded);
        let len = len.and_then(|len| len.checked_add(OVERHEAD)).ok_or(SealError::TooLong)?;
        let mut out = vec![0; len];
        // As long as the overhead and the body together, so both are there.
        let (head, rest) = out.split_at_mut_checked(BODY).ok_or(SealError::TooLong)?;
        let (body, tag) = rest.split_last_chunk_mut().ok_or(SealError::TooLong)?;
        derive::fill(head, &[&header, salt, &self.deriver.commitment(&header, salt, context)]);
        let key = self.deriver.message_key(&header, salt, context);
        let aad = derive::concat(&header, &context.0);
        // From the value straight into its place: a long one is not copied first.
        let body = if options.padded {
            derive::fill(body, &[value, &[padding::MARK]]);
            InOutBuf::from(body)
        } else {
            InOutBuf::new(value, body).map_err(|_| SealError::TooLong)?
        };
        *tag = encrypt(options.cipher, &key, &aad, body)?;
        self.sealed.fetch_add(1, Ordering::Relaxed);
        Ok(out)
    }

    pub(crate) fn open_in(
        &self,
        ciphertext: &Ciphertext<'_>,
        context: &Context,
    ) -> Result<SecretBytes, OpenError> {
        let cipher = match ciphertext.header.suite {
            Suite::Aes256Gcm => Cipher::Aes256Gcm,
            Suite::XChaCha20Poly1305 => Cipher::XChaCha20Poly1305,
            suite => return Err(OpenError::SuiteNotAllowed(suite)),
        };
        let Parts::Committing { salt, commitment, body, tag } = ciphertext.parts else {
            return Err(OpenError::SuiteNotAllowed(ciphertext.header.suite));
        };
        if ciphertext.key_id() != self.id {
            return Err(OpenError::UnknownKey { key: ciphertext.key_id() });
        }
        let header = ciphertext.header.to_bytes();
        let expected = self.deriver.commitment(&header, salt, context);
        if !bool::from(expected.ct_eq(commitment)) {
            return Err(OpenError::Authentication);
        }
        let key = self.deriver.message_key(&header, salt, context);
        let aad = derive::concat(&header, &context.0);
        let mut value = Zeroizing::new(vec![0; body.len()]);
        let both = InOutBuf::new(body, &mut value).map_err(|_| OpenError::Authentication)?;
        decrypt(cipher, &key, &aad, both, tag)?;
        if ciphertext.header.padded {
            padding::unpad(&mut value).ok_or(OpenError::Authentication)?;
        }
        Ok(SecretBytes::from(value))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Encrypts with the nonce zero: the key is used for this message only.
fn encrypt(
    cipher: Cipher,
    key: &derive::MessageKey,
    aad: &[u8],
    body: InOutBuf<'_, '_, u8>,
) -> Result<[u8; TAG_LEN], SealError> {
    let tag = match cipher {
        Cipher::Aes256Gcm => Aes256Gcm::new((&**key).into()).encrypt_inout_detached(
            &aes_gcm::Nonce::default(),
            aad,
            body,
        ),
        Cipher::XChaCha20Poly1305 => XChaCha20Poly1305::new((&**key).into())
            .encrypt_inout_detached(&chacha20poly1305::XNonce::default(), aad, body),
    };
    tag.map(Into::into).map_err(|_| SealError::TooLong)
}

/// Decrypts, if the tag is right; writes nothing of it otherwise.
fn decrypt(
    cipher: Cipher,
    key: &derive::MessageKey,
    aad: &[u8],
    body: InOutBuf<'_, '_, u8>,
    tag: &[u8; TAG_LEN],
) -> Result<(), OpenError> {
    let opened = match cipher {
        Cipher::Aes256Gcm => Aes256Gcm::new((&**key).into()).decrypt_inout_detached(
            &aes_gcm::Nonce::default(),
            aad,
            body,
            tag.into(),
        ),
        Cipher::XChaCha20Poly1305 => XChaCha20Poly1305::new((&**key).into())
            .decrypt_inout_detached(&chacha20poly1305::XNonce::default(), aad, body, tag.into()),
    };
    opened.map_err(|_| OpenError::Authentication)
}

#[cfg(test)]
mod tests;
