//! The records of a keyset as one file, sealed: for hosts that keep them in no database.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::record::{KeyCheck, KeyRecord};
use super::state::KeyState;
use crate::aead::{SealOptions, SealingKey};
use crate::associated_data::Context;
use crate::associated_data::names::{KeyGroup, TenantId};
use crate::ciphertext::{self, Ciphertext};
use crate::clock::Timestamp;
use crate::data_key::DataKey;
use crate::key_id::KeyId;
use crate::purpose::Purpose;
use crate::wrap::{KeyOwner, KeyWrapper, WrapContext, WrapError, WrappedDataKey};

const FORMAT: &str = "crypto-fields/keyset/v1";

/// The records of a keyset, sealed: states, times and ids are authenticated too, so that nobody
/// makes a retired key primary by editing a file.
///
/// What it cannot show is that it is the newest one: whoever can put an older file in its place
/// brings its keys back. Keep it where only the operator writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKeyset(String);

/// A sealed keyset was not made or not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedKeysetError {
    /// Not in the form of a sealed keyset, or changed.
    #[error("the file is no sealed keyset, or was changed")]
    Form,
    /// The operating system gave no randomness.
    #[error("the keyset cannot be sealed without randomness")]
    Random,
    /// The wrapper failed or refused.
    #[error("the key of the keyset cannot be wrapped or unwrapped")]
    Wrap(#[source] WrapError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    key: String,
    wrapper: String,
    wrapped: String,
    sealed: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    tenant: String,
    purpose: String,
    group: String,
    state: String,
    created_at: i64,
    state_since: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    compromised_at: Option<i64>,
    check: [u8; 8],
    #[serde(skip_serializing_if = "Option::is_none", default)]
    wrapped: Option<(String, String)>,
}

impl SealedKeyset {
    /// Seals records under a new key, which the wrapper wraps.
    ///
    /// # Errors
    ///
    /// [`SealedKeysetError::Random`], [`SealedKeysetError::Wrap`].
    pub async fn seal(
        records: &[KeyRecord],
        wrapper: &dyn KeyWrapper,
    ) -> Result<Self, SealedKeysetError> {
        let key = DataKey::generate(Purpose::Wrap).map_err(|_| SealedKeysetError::Random)?;
        let wrapped = wrapper.wrap(&key, &context(key.id())).await;
        let wrapped = wrapped.map_err(SealedKeysetError::Wrap)?;
        let rows: Vec<Row> = records.iter().map(Row::of).collect();
        let rows = serde_json::to_vec(&rows).map_err(|_| SealedKeysetError::Form)?;
        let sealed = SealingKey::to_wrap(&key)
            .seal_in(SealOptions::new(), &digest(), &rows)
            .map_err(|_| SealedKeysetError::Random)?;
        let file = File {
            format: FORMAT.to_owned(),
            key: key.id().to_string(),
            wrapper: wrapped.wrapper().to_owned(),
            wrapped: ciphertext::to_text(wrapped.bytes()),
            sealed: ciphertext::to_text(&sealed),
        };
        serde_json::to_string_pretty(&file).map(Self).map_err(|_| SealedKeysetError::Form)
    }

    /// Takes over the text of a file.
    #[must_use]
    pub const fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The text of a file.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Opens the records.
    ///
    /// # Errors
    ///
    /// [`SealedKeysetError::Form`], [`SealedKeysetError::Wrap`].
    pub async fn open(
        &self,
        wrapper: &dyn KeyWrapper,
    ) -> Result<Vec<KeyRecord>, SealedKeysetError> {
        let form = SealedKeysetError::Form;
        let (id, wrapped, sealed) = self.read().ok_or(form)?;
        let key = wrapper.unwrap(&wrapped, &context(id)).await;
        let key = key.map_err(SealedKeysetError::Wrap)?;
        let rows = Ciphertext::parse(&sealed)
            .ok()
            .and_then(|sealed| SealingKey::to_wrap(&key).open_in(&sealed, &digest()).ok())
            .and_then(|rows| serde_json::from_slice::<Vec<Row>>(&rows).ok())
            .ok_or(SealedKeysetError::Form)?;
        rows.into_iter().map(Row::into_record).collect::<Option<_>>().ok_or(SealedKeysetError::Form)
    }

    fn read(&self) -> Option<(KeyId, WrappedDataKey, Vec<u8>)> {
        let file: File = serde_json::from_str(&self.0).ok()?;
        if file.format != FORMAT {
            return None;
        }
        let wrapped = ciphertext::from_text(&file.wrapped).ok()?;
        let sealed = ciphertext::from_text(&file.sealed).ok()?;
        Some((file.key.parse().ok()?, WrappedDataKey::new(file.wrapper, wrapped), sealed))
    }
}

/// What the key of a sealed keyset is wrapped in.
fn context(id: KeyId) -> WrapContext {
    let owner = KeyOwner::Group(KeyGroup::KEYSET);
    WrapContext::new(TenantId::SINGLE, id, Purpose::Wrap, owner)
}

fn digest() -> Context {
    Context(Sha256::digest(b"crypto-fields/keyset/v1\0").into())
}

impl Row {
    fn of(record: &KeyRecord) -> Self {
        Self {
            id: record.id.to_string(),
            tenant: record.tenant.as_str().to_owned(),
            purpose: record.purpose.name().to_owned(),
            group: record.group.as_str().to_owned(),
            state: record.state.name().to_owned(),
            created_at: record.created_at.as_micros(),
            state_since: record.state_since.as_micros(),
            compromised_at: record.compromised_at.map(Timestamp::as_micros),
            check: record.check.to_bytes(),
            wrapped: record.wrapped.as_ref().map(|wrapped| {
                (wrapped.wrapper().to_owned(), ciphertext::to_text(wrapped.bytes()))
            }),
        }
    }

    fn into_record(self) -> Option<KeyRecord> {
        let tenant = match self.tenant {
            empty if empty.is_empty() => TenantId::SINGLE,
            name => TenantId::new(name).ok()?,
        };
        let wrapped = match self.wrapped {
            Some((wrapper, bytes)) => {
                Some(WrappedDataKey::new(wrapper, ciphertext::from_text(&bytes).ok()?))
            }
            None => None,
        };
        Some(KeyRecord {
            id: self.id.parse().ok()?,
            tenant,
            purpose: Purpose::from_name(&self.purpose)?,
            group: KeyGroup::new(self.group).ok()?,
            state: KeyState::from_name(&self.state)?,
            created_at: Timestamp::from_micros(self.created_at),
            state_since: Timestamp::from_micros(self.state_since),
            compromised_at: self.compromised_at.map(Timestamp::from_micros),
            check: KeyCheck::from_bytes(self.check),
            wrapped,
        })
    }
}
