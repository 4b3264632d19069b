//! What is kept of a key.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::state::KeyState;
use crate::associated_data::names::{KeyGroup, TenantId};
use crate::clock::Timestamp;
use crate::data_key::DataKey;
use crate::key_id::KeyId;
use crate::purpose::Purpose;
use crate::wrap::{KeyOwner, WrapContext, WrappedDataKey};

/// Everything that is stored of a data key: a row of a key table. No secret is in it but the
/// wrapped one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyRecord {
    /// The key.
    pub id: KeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it is for.
    pub purpose: Purpose,
    /// For which fields.
    pub group: KeyGroup,
    /// Where it stands.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it stands there; of a destroyed key, when it was destroyed.
    pub state_since: Timestamp,
    /// When somebody declared that others may know it. What it opens is no proof of anything any
    /// more, and has to be sealed anew first of all.
    pub compromised_at: Option<Timestamp>,
    /// Eight bytes that tell this key from any other without telling what it is.
    pub check: KeyCheck,
    /// The wrapped key; `None` once destroyed.
    pub wrapped: Option<WrappedDataKey>,
}

impl KeyRecord {
    /// A key that was just made, pending.
    #[must_use]
    pub fn pending(
        key: &DataKey,
        tenant: TenantId,
        group: KeyGroup,
        wrapped: WrappedDataKey,
        now: Timestamp,
    ) -> Self {
        Self {
            id: key.id(),
            tenant,
            purpose: key.purpose(),
            group,
            state: KeyState::Pending,
            created_at: now,
            state_since: now,
            compromised_at: None,
            check: KeyCheck::of(key),
            wrapped: Some(wrapped),
        }
    }

    /// What the key is wrapped in.
    #[must_use]
    pub fn context(&self) -> WrapContext {
        let owner = KeyOwner::Group(self.group.clone());
        WrapContext::new(self.tenant.clone(), self.id, self.purpose, owner)
    }

    /// Whether both are of the same tenant, purpose and group, of which one is primary.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        self.tenant == other.tenant && self.purpose == other.purpose && self.group == other.group
    }
}

/// A key check value: the first eight bytes of `HMAC-SHA-256(key, "cf1/kcv\0" || purpose)`. It
/// stays when a key is destroyed, to tell a copy that turns up later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyCheck([u8; 8]);

impl KeyCheck {
    /// The check value of a key.
    #[must_use]
    pub fn of(key: &DataKey) -> Self {
        let mut block = Zeroizing::new([0; 64]);
        for (byte, from) in block.iter_mut().zip(key.expose_to_wrap().expose()) {
            *byte = *from;
        }
        let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
        mac.update(b"cf1/kcv\0");
        mac.update(&[key.purpose().code()]);
        let tag: [u8; 32] = mac.finalize().into_bytes().into();
        let [a, b, c, d, e, f, g, h, ..] = tag;
        Self([a, b, c, d, e, f, g, h])
    }

    /// The value that was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0
    }
}
