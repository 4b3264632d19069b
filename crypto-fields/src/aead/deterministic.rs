//! Deterministic encryption: suite 0x03, with keys of its own.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use zeroize::Zeroizing;

use super::{derive::Deriver, padding};
use crate::associated_data::{AssociatedData, Context};
use crate::ciphertext::{Ciphertext, HEADER_LEN, Header, Parts, Suite, TAG_LEN};
use crate::data_key::{DataKey, WrongPurpose};
use crate::error::{OpenError, SealError};
use crate::key_id::KeyId;
use crate::purpose::Purpose;
use crate::secret::SecretBytes;

const BODY: usize = HEADER_LEN + TAG_LEN;

/// A data key made ready for deterministic encryption (AES-256-SIV, RFC 5297).
///
/// **Equal values in equal context give equal ciphertexts**, so whoever reads the database sees
/// which are equal. With the row in the context only a value that is written again in its own row
/// shows as equal. To look rows up by an encrypted value, use a
/// [`BlindIndex`](crate::BlindIndex), which leaks less.
pub struct DeterministicKey {
    id: KeyId,
    deriver: Deriver,
    sealed: AtomicU64,
}

impl DeterministicKey {
    /// Makes a key ready.
    ///
    /// # Errors
    ///
    /// [`WrongPurpose`] unless the key is for [`Purpose::Deterministic`].
    pub fn new(key: &DataKey) -> Result<Self, WrongPurpose> {
        let deriver = Deriver::new(key.secret_for(Purpose::Deterministic)?);
        Ok(Self { id: key.id(), deriver, sealed: AtomicU64::new(0) })
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

    /// Seals a value for its place, always to the same bytes.
    ///
    /// # Errors
    ///
    /// [`SealError::TooLong`].
    pub fn seal(
        &self,
        padded: bool,
        place: &AssociatedData<'_>,
        value: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        self.seal_in(padded, &place.digest(), value)
    }

    /// Opens a value in its place.
    ///
    /// # Errors
    ///
    /// [`OpenError::UnknownKey`] if it names another key, [`OpenError::SuiteNotAllowed`] if it is
    /// not deterministic, else [`OpenError::Authentication`] for whatever is not as it was sealed.
    pub fn open(
        &self,
        ciphertext: &Ciphertext<'_>,
        place: &AssociatedData<'_>,
    ) -> Result<SecretBytes, OpenError> {
        self.open_in(ciphertext, &place.digest())
    }

    pub(super) fn seal_in(
        &self,
        padded: bool,
        context: &Context,
        value: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let header = Header { suite: Suite::Aes256Siv, padded, key: self.id }.to_bytes();
        let capacity =
            padding::padded_len(value.len(), padded).and_then(|len| len.checked_add(BODY));
        let mut out = Vec::with_capacity(capacity.ok_or(SealError::TooLong)?);
        out.extend_from_slice(&header);
        out.extend_from_slice(&[0; TAG_LEN]);
        out.extend_from_slice(value);
        if padded {
            padding::pad(&mut out, BODY);
        }
        let (head, body) = out.split_at_mut_checked(BODY).ok_or(SealError::TooLong)?;
        let siv = self
            .cipher(&header)
            .encrypt_inout_detached([&header[..], &context.0], body.into())
            .map_err(|_| SealError::TooLong)?;
        if let Some(slot) = head.last_chunk_mut::<TAG_LEN>() {
            *slot = siv.into();
        }
        self.sealed.fetch_add(1, Ordering::Relaxed);
        Ok(out)
    }

    pub(super) fn open_in(
        &self,
        ciphertext: &Ciphertext<'_>,
        context: &Context,
    ) -> Result<SecretBytes, OpenError> {
        let Parts::Deterministic { siv, body } = ciphertext.parts else {
            return Err(OpenError::SuiteNotAllowed(ciphertext.header.suite));
        };
        if ciphertext.key_id() != self.id {
            return Err(OpenError::UnknownKey { key: ciphertext.key_id() });
        }
        let header = ciphertext.header.to_bytes();
        let mut value = Zeroizing::new(body.to_vec());
        self.cipher(&header)
            .decrypt_inout_detached(
                [&header[..], &context.0],
                value.as_mut_slice().into(),
                siv.into(),
            )
            .map_err(|_| OpenError::Authentication)?;
        if ciphertext.header.padded {
            padding::unpad(&mut value).ok_or(OpenError::Authentication)?;
        }
        Ok(SecretBytes::from(value))
    }

    /// `K = HMAC(DEK, "cf1/siv\0" || H || 0x01) || HMAC(DEK, "cf1/siv\0" || H || 0x02)`.
    fn cipher(&self, header: &[u8; HEADER_LEN]) -> Aes256Siv {
        let mut key = Zeroizing::new([0; 64]);
        let (mac, encryption) = key.split_at_mut(32);
        mac.copy_from_slice(&*self.deriver.synthetic(header, 1));
        encryption.copy_from_slice(&*self.deriver.synthetic(header, 2));
        Aes256Siv::new((&*key).into())
    }
}

impl fmt::Debug for DeterministicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeterministicKey").field("id", &self.id).finish_non_exhaustive()
    }
}
