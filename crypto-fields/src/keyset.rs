//! Keys with one primary, their states, and how they are kept.

pub(crate) mod census;
pub(crate) mod event;
pub(crate) mod manager;
pub(crate) mod ready;
pub(crate) mod record;
pub(crate) mod sealed;
pub(crate) mod state;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::associated_data::names::{KeyGroup, TenantId};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::error::{OpenError, SealError};
use crate::key_id::KeyId;
use crate::purpose::Purpose;
use crate::wrap::{KeyWrapper, WrapError};
use event::{KeyEvent, KeyEventKind, KeyEvents};
use ready::{KeyOrigin, ReadyKey};
use record::{KeyCheck, KeyRecord};
use state::KeyState;

/// Where a [`FieldCipher`](crate::FieldCipher) takes keys from: a [`Keyset`], or the key of one
/// data subject.
pub trait KeySource: fmt::Debug + Send + Sync {
    /// The key that seals for this tenant, purpose and group.
    ///
    /// # Errors
    ///
    /// [`SealError::NoPrimary`], [`SealError::Revoked`], [`SealError::WrongOwner`].
    fn sealing(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        group: &KeyGroup,
    ) -> Result<Arc<ReadyKey>, SealError>;

    /// The key of this id, to open with.
    ///
    /// # Errors
    ///
    /// [`OpenError::UnknownKey`], also for a key of another tenant; [`OpenError::Disabled`],
    /// [`OpenError::Destroyed`], [`OpenError::Key`], [`OpenError::WrongOwner`].
    fn opening(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        id: KeyId,
    ) -> Result<Arc<ReadyKey>, OpenError>;
}

impl<T: KeySource + ?Sized> KeySource for Arc<T> {
    fn sealing(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        group: &KeyGroup,
    ) -> Result<Arc<ReadyKey>, SealError> {
        (**self).sealing(tenant, purpose, group)
    }

    fn opening(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        id: KeyId,
    ) -> Result<Arc<ReadyKey>, OpenError> {
        (**self).opening(tenant, purpose, id)
    }
}

/// The three answers about a key. Never two: a store pointed at the wrong keyset must not read
/// everybody as erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyStatus {
    /// There is such a key.
    Live,
    /// There was, and it is gone.
    Destroyed {
        /// When it was destroyed.
        at: Timestamp,
    },
    /// Nothing is known of it here.
    Unknown,
}

/// Keys made ready: each group with one primary that seals, and others that open.
///
/// A keyset is loaded once and shared; to see new keys, load another and put it in its place.
pub struct Keyset {
    keys: HashMap<KeyId, Entry>,
    /// Few for each tenant, so that they are found without making a key to look up by.
    primaries: HashMap<TenantId, Vec<Primary>>,
    events: Arc<dyn KeyEvents>,
    clock: Arc<dyn Clock>,
}

type Primary = (Purpose, KeyGroup, Arc<ReadyKey>);

struct Entry {
    record: KeyRecord,
    ready: Option<Arc<ReadyKey>>,
}

/// Records are no keyset. Nothing was loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysetError {
    /// Two records have the same id.
    #[error("two keys have the id {0}")]
    Duplicate(KeyId),
    /// What was unwrapped is not the key that the record is of.
    #[error("the key {0} is not the one that its check value is of")]
    Check(KeyId),
    /// A record has no wrapped key and is not destroyed, or is and has one.
    #[error("the key {0} has no wrapped key, or is destroyed and has one")]
    Material(KeyId),
    /// A group has two primary keys.
    #[error("the group {0:?} has two primary keys")]
    TwoPrimaries(KeyGroup),
    /// A key could not be unwrapped.
    #[error("the key {key} cannot be unwrapped")]
    Unwrap {
        /// The key.
        key: KeyId,
        /// Why.
        #[source]
        error: WrapError,
    },
}

impl Keyset {
    /// Unwraps the keys of these records, those that open at least, and makes them ready.
    ///
    /// Each record says which wrapper it is under: a tenant with a root key of its own has it
    /// among `wrappers` beside the host's.
    ///
    /// # Errors
    ///
    /// Every [`KeysetError`]. One key that does not unwrap fails the whole: a keyset with holes
    /// reads the values under them as unknown.
    pub async fn load(
        records: Vec<KeyRecord>,
        wrappers: &[&dyn KeyWrapper],
    ) -> Result<Self, KeysetError> {
        let mut ready = HashMap::with_capacity(records.len());
        for wrapper in wrappers {
            let (ids, wrapped): (Vec<_>, Vec<_>) = records
                .iter()
                .filter(|record| record.state.opens())
                .filter_map(|record| Some((record, record.wrapped.as_ref()?)))
                .filter(|(_, wrapped)| wrapped.wrapper() == wrapper.id())
                .map(|(record, wrapped)| (record, (wrapped, record.context())))
                .unzip();
            let borrowed: Vec<_> = wrapped.iter().map(|(key, context)| (*key, context)).collect();
            let keys = wrapper.unwrap_all(&borrowed).await;
            for (record, key) in ids.into_iter().zip(keys) {
                let key = key.map_err(|error| KeysetError::Unwrap { key: record.id, error })?;
                if KeyCheck::of(&key) != record.check || key.id() != record.id {
                    return Err(KeysetError::Check(record.id));
                }
                let origin = KeyOrigin::Group(record.tenant.clone());
                ready.insert(record.id, Arc::new(ReadyKey::new(key, origin)));
            }
        }
        Self::assemble(records, ready)
    }

    fn assemble(
        records: Vec<KeyRecord>,
        mut ready: HashMap<KeyId, Arc<ReadyKey>>,
    ) -> Result<Self, KeysetError> {
        let mut keyset = Self {
            keys: HashMap::with_capacity(records.len()),
            primaries: HashMap::new(),
            events: Arc::new(()),
            clock: Arc::new(SystemClock),
        };
        for record in records {
            let id = record.id;
            if keyset.keys.contains_key(&id) {
                return Err(KeysetError::Duplicate(id));
            }
            if record.wrapped.is_none() != (record.state == KeyState::Destroyed) {
                return Err(KeysetError::Material(id));
            }
            let key = ready.remove(&id);
            if let (None, true, Some(wrapped)) = (&key, record.state.opens(), &record.wrapped) {
                let wrapper = wrapped.wrapper().to_owned();
                let error = WrapError::UnknownWrapper { wrapper };
                return Err(KeysetError::Unwrap { key: id, error });
            }
            if let (Some(key), true) = (&key, record.state.seals()) {
                let primaries = keyset.primaries.entry(record.tenant.clone()).or_default();
                if primary(primaries, record.purpose, &record.group).is_some() {
                    return Err(KeysetError::TwoPrimaries(record.group));
                }
                primaries.push((record.purpose, record.group.clone(), Arc::clone(key)));
            }
            keyset.keys.insert(id, Entry { record, ready: key });
        }
        Ok(keyset)
    }

    /// Tells of every value that is opened with a compromised key.
    #[must_use]
    pub fn observed_by(mut self, events: Arc<dyn KeyEvents>, clock: Arc<dyn Clock>) -> Self {
        self.events = events;
        self.clock = clock;
        self
    }

    /// What is known of a key.
    #[must_use]
    pub fn status(&self, id: KeyId) -> KeyStatus {
        match self.keys.get(&id).map(|entry| &entry.record) {
            None => KeyStatus::Unknown,
            Some(record) if record.state == KeyState::Destroyed => {
                KeyStatus::Destroyed { at: record.state_since }
            }
            Some(_) => KeyStatus::Live,
        }
    }

    /// The record of a key.
    #[must_use]
    pub fn record(&self, id: KeyId) -> Option<&KeyRecord> {
        self.keys.get(&id).map(|entry| &entry.record)
    }

    /// Every record.
    pub fn records(&self) -> impl Iterator<Item = &KeyRecord> {
        self.keys.values().map(|entry| &entry.record)
    }
}

fn primary<'a>(
    primaries: &'a [Primary],
    purpose: Purpose,
    group: &KeyGroup,
) -> Option<&'a Arc<ReadyKey>> {
    let mut primaries = primaries.iter();
    primaries.find(|key| key.0 == purpose && key.1 == *group).map(|key| &key.2)
}

impl KeySource for Keyset {
    fn sealing(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        group: &KeyGroup,
    ) -> Result<Arc<ReadyKey>, SealError> {
        let primaries = self.primaries.get(tenant).ok_or(SealError::NoPrimary)?;
        primary(primaries, purpose, group).cloned().ok_or(SealError::NoPrimary)
    }

    fn opening(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        id: KeyId,
    ) -> Result<Arc<ReadyKey>, OpenError> {
        let entry = self
            .keys
            .get(&id)
            .filter(|entry| entry.record.tenant == *tenant)
            .ok_or(OpenError::UnknownKey { key: id })?;
        let record = &entry.record;
        if record.state == KeyState::Destroyed {
            return Err(OpenError::Destroyed { key: id, at: record.state_since });
        }
        let ready = entry.ready.as_ref().ok_or(OpenError::Disabled { key: id })?;
        ready.data_key().secret_for(purpose)?;
        if record.compromised_at.is_some() {
            let event = KeyEvent::of(record, self.clock.now(), KeyEventKind::CompromisedRead);
            self.events.observe(&event);
        }
        Ok(Arc::clone(ready))
    }
}

impl fmt::Debug for Keyset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyset").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}
