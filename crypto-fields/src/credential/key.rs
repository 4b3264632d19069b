//! Keyed hashes of credentials, and the keys they are under.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;

use crate::associated_data::names::{KeyGroup, TenantId};
use crate::data_key::{DataKey, WrongPurpose};
use crate::error::SealError;
use crate::key_id::KeyId;
use crate::keyset::ready::ReadyKey;
use crate::keyset::{KeySource, Keyset};
use crate::mac::{MAC_LEN, MacKey};
use crate::purpose::Purpose;

/// Bytes of a [`CredentialHash`]: the key's id and the MAC.
pub const CREDENTIAL_HASH_LEN: usize = ID_LEN + MAC_LEN;

const ID_LEN: usize = 8;
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
/// let keys = CredentialKeys::new(&new)?.verifying(&old)?;
/// assert_eq!(keys.primary(), new.id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CredentialKeys {
    primary: MacKey,
    older: Vec<MacKey>,
}

impl CredentialKeys {
    /// Hashes and verifies with this key.
    ///
    /// # Errors
    ///
    /// [`WrongPurpose`] if it is not a key for credentials.
    pub fn new(key: &DataKey) -> Result<Self, WrongPurpose> {
        Ok(Self { primary: MacKey::new(key, Purpose::Credential)?, older: Vec::new() })
    }

    /// Verifies with this key too.
    ///
    /// # Errors
    ///
    /// [`WrongPurpose`] if it is not a key for credentials.
    pub fn verifying(mut self, key: &DataKey) -> Result<Self, WrongPurpose> {
        self.older.push(MacKey::new(key, Purpose::Credential)?);
        Ok(self)
    }

    /// Hashes with the primary of a keyset's group, verifies with all of its keys that open.
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
        let mut keys = Self::new(primary.data_key())?;
        for key in older {
            keys = keys.verifying(key.data_key())?;
        }
        Ok(keys)
    }

    /// The id of the key that hashes.
    #[must_use]
    pub const fn primary(&self) -> KeyId {
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

    fn all(&self) -> impl Iterator<Item = &MacKey> {
        std::iter::once(&self.primary).chain(&self.older)
    }
}

/// The keys for credentials of a keyset's group: the primary, and the others that open.
pub(super) fn of_group(
    keyset: &Keyset,
    tenant: &TenantId,
    group: &KeyGroup,
) -> Result<(Arc<ReadyKey>, Vec<Arc<ReadyKey>>), SealError> {
    let primary = keyset.sealing(tenant, Purpose::Credential, group)?;
    let others = keyset.records().filter(|record| {
        record.tenant == *tenant
            && record.group == *group
            && record.purpose == Purpose::Credential
            && record.id != primary.id()
    });
    // What is disabled or destroyed opens nothing, and is not among them.
    let older = others
        .filter_map(|record| keyset.opening(tenant, Purpose::Credential, record.id).ok())
        .collect();
    Ok((primary, older))
}

impl fmt::Debug for CredentialKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().map(MacKey::id)).finish()
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

fn hash_under(key: &MacKey, kind: Kind, parts: &[&[u8]]) -> CredentialHash {
    let parts = std::iter::once(kind.name()).chain(parts.iter().copied());
    CredentialHash { key: key.id(), mac: key.mac(DOMAIN, parts) }
}

/// A keyed hash as it is stored: the key's id (8 bytes, big-endian) and an HMAC-SHA-256.
///
/// With the features `sqlite` and `postgres` it binds as a BLOB or BYTEA; serialised it is base64url.
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

#[cfg(any(feature = "postgres", feature = "sqlite"))]
crate::column::column!(CredentialHash as Vec<u8>, |hash| hash.to_bytes().to_vec(), |bytes| {
    Self::from_bytes(&bytes).map_err(Into::into)
});
