//! Keyed hashes of credentials, and the keys they are under.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::data_key::{DataKey, WrongPurpose};
use crate::key_id::KeyId;
use crate::purpose::Purpose;
use crate::secret::SecretKey;

/// Bytes of a [`CredentialHash`]: the key's id and the MAC.
pub const CREDENTIAL_HASH_LEN: usize = ID_LEN + MAC_LEN;

const ID_LEN: usize = 8;
const MAC_LEN: usize = 32;
const DOMAIN: &[u8] = b"crypto-fields/credential/v1\0";

/// The keys under which tokens and codes are hashed: one hashes, all verify.
///
/// They are keys of purpose [`Credential`](crate::Purpose::Credential) and serve nothing else. They
/// do not belong into the database whose tokens and codes they guard: without them, a stolen table
/// of six-digit codes tells nothing.
///
/// # Examples
///
/// ```
/// use crypto_fields::{CredentialKeys, DataKey, Purpose};
///
/// let (old, new) = (DataKey::generate(Purpose::Credential)?, DataKey::generate(Purpose::Credential)?);
/// let id = new.id();
/// let keys = CredentialKeys::new(new)?.verifying(old)?;
/// assert_eq!(keys.primary(), id);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CredentialKeys {
    // INVARIANT: all are of purpose `Credential`.
    primary: Arc<DataKey>,
    older: Vec<Arc<DataKey>>,
}

impl CredentialKeys {
    /// Hashes and verifies with this key.
    ///
    /// # Errors
    ///
    /// [`WrongPurpose`] if it is not a key for credentials.
    pub fn new(key: impl Into<Arc<DataKey>>) -> Result<Self, WrongPurpose> {
        Ok(Self { primary: checked(key.into())?, older: Vec::new() })
    }

    /// Verifies with this key too.
    ///
    /// # Errors
    ///
    /// [`WrongPurpose`] if it is not a key for credentials.
    pub fn verifying(mut self, key: impl Into<Arc<DataKey>>) -> Result<Self, WrongPurpose> {
        self.older.push(checked(key.into())?);
        Ok(self)
    }

    /// The id of the key that hashes.
    #[must_use]
    pub fn primary(&self) -> KeyId {
        self.primary.id()
    }

    /// The hash under the primary key.
    pub(super) fn hash(&self, kind: Kind, parts: &[&[u8]]) -> CredentialHash {
        hash_under(&self.primary, kind, parts)
    }

    /// The hash under every key, the primary first: where a stored one may stand.
    pub(super) fn hashes(&self, kind: Kind, parts: &[&[u8]]) -> Vec<CredentialHash> {
        self.all().map(|key| hash_under(key, kind, parts)).collect()
    }

    /// Whether `stored` is the hash of these parts, in constant time for a given key.
    pub(super) fn verify(&self, stored: &CredentialHash, kind: Kind, parts: &[&[u8]]) -> bool {
        self.all()
            .find(|key| key.id() == stored.key)
            .is_some_and(|key| stored.ct_eq(&hash_under(key, kind, parts)).into())
    }

    fn all(&self) -> impl Iterator<Item = &DataKey> {
        std::iter::once(&self.primary).chain(&self.older).map(|key| &**key)
    }
}

fn checked(key: Arc<DataKey>) -> Result<Arc<DataKey>, WrongPurpose> {
    key.secret_for(Purpose::Credential)?;
    Ok(key)
}

impl fmt::Debug for CredentialKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().map(DataKey::id)).finish()
    }
}

/// What is hashed: no hash of one kind is ever one of another.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    ApiToken,
    BackupCode,
    OneTimeCode,
}

impl Kind {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::ApiToken => b"api-token",
            Self::BackupCode => b"backup-code",
            Self::OneTimeCode => b"one-time-code",
        }
    }
}

/// HMAC-SHA-256 over the domain, the kind and the parts, each with its length before it.
fn hash_under(key: &DataKey, kind: Kind, parts: &[&[u8]]) -> CredentialHash {
    let mut mac = keyed(key.expose_to_wrap());
    mac.update(DOMAIN);
    for part in std::iter::once(&kind.name()).chain(parts) {
        update_sized(&mut mac, part);
    }
    CredentialHash { key: key.id(), mac: mac.finalize().into_bytes().into() }
}

/// A MAC under a key. Filled to a whole block, as RFC 2104 does with a shorter key, it cannot fail.
pub(crate) fn keyed(key: &SecretKey) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key.expose()) {
        *to = *from;
    }
    Hmac::<Sha256>::new((&*block).into())
}

/// A part with its length before it, so that no two lists of parts are the same bytes.
pub(crate) fn update_sized(mac: &mut Hmac<Sha256>, part: &[u8]) {
    // Nobody has names, codes or indexed values of 4 GiB. If so, the length says "at least that".
    mac.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    mac.update(part);
}

/// A keyed hash as it is stored: the key's id (8 bytes, big-endian) and an HMAC-SHA-256.
///
/// It holds no secret: without the key it cannot be compared with a guess. Two are compared in
/// constant time.
#[derive(Clone, Copy, Eq)]
pub struct CredentialHash {
    key: KeyId,
    mac: [u8; MAC_LEN],
}

impl CredentialHash {
    /// The key that it is under.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key
    }

    /// The bytes to store, [`CREDENTIAL_HASH_LEN`] of them.
    #[must_use]
    pub fn to_bytes(self) -> [u8; CREDENTIAL_HASH_LEN] {
        let mut bytes = [0; CREDENTIAL_HASH_LEN];
        let (id, mac) = bytes.split_at_mut(ID_LEN);
        id.copy_from_slice(&self.key.to_bytes());
        mac.copy_from_slice(&self.mac);
        bytes
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    ///
    /// [`CredentialHashError`] if they are of another length or name no key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CredentialHashError> {
        let (id, mac) = bytes.split_first_chunk().ok_or(CredentialHashError)?;
        Ok(Self {
            key: KeyId::from_bytes(*id).ok_or(CredentialHashError)?,
            mac: mac.try_into().map_err(|_| CredentialHashError)?,
        })
    }
}

/// Not the bytes of a [`CredentialHash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a stored credential hash of {CREDENTIAL_HASH_LEN} bytes")]
#[non_exhaustive]
pub struct CredentialHashError;

impl ConstantTimeEq for CredentialHash {
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        self.mac.ct_eq(&other.mac) & self.key.to_bytes().ct_eq(&other.key.to_bytes())
    }
}

impl PartialEq for CredentialHash {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Hash for CredentialHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_bytes().hash(state);
    }
}

impl fmt::Debug for CredentialHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialHash({}, ..)", self.key)
    }
}

/// As base64url without padding.
impl Serialize for CredentialHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64UrlUnpadded::encode_string(&self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for CredentialHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; CREDENTIAL_HASH_LEN];
        Base64UrlUnpadded::decode(&text, &mut bytes)
            .map_err(|_| CredentialHashError)
            .and_then(Self::from_bytes)
            .map_err(serde::de::Error::custom)
    }
}
