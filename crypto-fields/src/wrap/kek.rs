//! A wrapping key in memory: of a tenant, of an epoch, or at the root.

use std::fmt;

use super::{BoxFuture, KeyWrapper, WrapContext, WrapError, WrappedDataKey};
use crate::aead::{SealOptions, SealingKey};
use crate::ciphertext::Ciphertext;
use crate::data_key::{DataKey, WrongPurpose};
use crate::key_id::KeyId;
use crate::purpose::Purpose;
use crate::secret::SecretKey;

/// A key-encryption key in memory: the key of a tenant or of an epoch, once unwrapped.
///
/// It wraps by suite 0x01 of this crate's own format, so a wrapped key commits to the key it is
/// wrapped under and to its whole [`WrapContext`].
pub struct KeyEncryptionKey {
    name: String,
    cipher: SealingKey,
}

impl KeyEncryptionKey {
    /// Makes a key ready to wrap others.
    ///
    /// # Errors
    ///
    /// [`WrongPurpose`] unless the key is for [`Purpose::Wrap`].
    pub fn new(key: &DataKey) -> Result<Self, WrongPurpose> {
        Self::named("kek", key)
    }

    pub(super) fn named(kind: &str, key: &DataKey) -> Result<Self, WrongPurpose> {
        let cipher = SealingKey::of_purpose(key, Purpose::Wrap)?;
        Ok(Self { name: format!("{kind}:{}", key.id()), cipher })
    }

    /// Its id.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.cipher.id()
    }

    pub(crate) fn wrap_now(
        &self,
        key: &DataKey,
        context: &WrapContext,
    ) -> Result<WrappedDataKey, WrapError> {
        context.check(key)?;
        let digest = context.digest(&self.name);
        let bytes = self
            .cipher
            .seal_in(SealOptions::new(), &digest, key.expose_to_wrap().expose())
            .map_err(WrapError::unavailable)?;
        Ok(WrappedDataKey::new(self.name.clone(), bytes))
    }

    pub(crate) fn unwrap_now(
        &self,
        wrapped: &WrappedDataKey,
        context: &WrapContext,
    ) -> Result<DataKey, WrapError> {
        if wrapped.wrapper() != self.name {
            return Err(WrapError::UnknownWrapper { wrapper: wrapped.wrapper().to_owned() });
        }
        let opened = Ciphertext::parse(wrapped.bytes())
            .ok()
            .and_then(|wrapped| self.cipher.open_in(&wrapped, &context.digest(&self.name)).ok())
            .ok_or(WrapError::Refused)?;
        let secret = SecretKey::from_slice(&opened).ok_or(WrapError::Refused)?;
        Ok(DataKey::from_parts(context.key(), context.purpose(), secret))
    }
}

impl KeyWrapper for KeyEncryptionKey {
    fn id(&self) -> &str {
        &self.name
    }

    fn wrap<'a>(
        &'a self,
        key: &'a DataKey,
        context: &'a WrapContext,
    ) -> BoxFuture<'a, Result<WrappedDataKey, WrapError>> {
        Box::pin(std::future::ready(self.wrap_now(key, context)))
    }

    fn unwrap<'a>(
        &'a self,
        wrapped: &'a WrappedDataKey,
        context: &'a WrapContext,
    ) -> BoxFuture<'a, Result<DataKey, WrapError>> {
        Box::pin(std::future::ready(self.unwrap_now(wrapped, context)))
    }
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyEncryptionKey").field("name", &self.name).finish_non_exhaustive()
    }
}

macro_rules! wraps_by_its_kek {
    ($name:ty) => {
        impl $crate::KeyWrapper for $name {
            fn id(&self) -> &str {
                self.0.id()
            }

            fn wrap<'a>(
                &'a self,
                key: &'a $crate::DataKey,
                context: &'a $crate::WrapContext,
            ) -> $crate::BoxFuture<'a, Result<$crate::WrappedDataKey, $crate::WrapError>> {
                self.0.wrap(key, context)
            }

            fn unwrap<'a>(
                &'a self,
                wrapped: &'a $crate::WrappedDataKey,
                context: &'a $crate::WrapContext,
            ) -> $crate::BoxFuture<'a, Result<$crate::DataKey, $crate::WrapError>> {
                self.0.unwrap(wrapped, context)
            }
        }
    };
}
pub(super) use wraps_by_its_kek;

/// A root key is named by what it is, so that the same bytes are the same wrapper everywhere: the
/// first eight bytes of `HMAC-SHA-256(key, "cf1/kid\0")`.
pub(super) fn root(kind: &str, secret: SecretKey) -> KeyEncryptionKey {
    use hmac::{Hmac, KeyInit, Mac};

    let mut block = zeroize::Zeroizing::new([0; 64]);
    for (byte, from) in block.iter_mut().zip(secret.expose()) {
        *byte = *from;
    }
    let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new((&*block).into());
    mac.update(b"cf1/kid\0");
    let tag: [u8; 32] = mac.finalize().into_bytes().into();
    let [a, b, c, d, e, f, g, h, ..] = tag;
    // Zero once in 2^64 keys.
    let id = KeyId::from_bytes([a, b, c, d, e, f, g, h]).unwrap_or(KeyId::ONE);
    let name = format!("{kind}:{id}");
    let key = DataKey::from_parts(id, Purpose::Wrap, secret);
    KeyEncryptionKey { name, cipher: SealingKey::to_wrap(&key) }
}
