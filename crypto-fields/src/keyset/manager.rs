//! The transitions of keys, none of which can be skipped.

use std::sync::Arc;
use std::time::Duration;

use super::census::UnusedKey;
use super::event::{KeyEvent, KeyEventKind, KeyEvents};
use super::record::KeyRecord;
use super::state::KeyState;
use crate::associated_data::names::{KeyGroup, TenantId};
use crate::clock::{Clock, Timestamp};
use crate::data_key::DataKey;
use crate::key_id::KeyId;
use crate::purpose::Purpose;
use crate::random::RandomError;
use crate::wrap::{KeyOwner, KeyWrapper, WrapContext, WrapError};

/// How long keys wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyPolicy {
    /// How long a key is pending before it may become primary: at least as long as any process
    /// keeps a keyset without loading it again.
    pub propagation: Duration,
    /// How long a key is disabled before it may be destroyed: the time in which somebody notices
    /// that something does not open.
    pub grace: Duration,
}

impl KeyPolicy {
    /// Five minutes of propagation (the life of a cached key), thirty days of grace.
    pub const DEFAULT: Self = Self {
        propagation: Duration::from_secs(5 * 60),
        grace: Duration::from_secs(30 * 24 * 60 * 60),
    };

    /// With other times.
    #[must_use]
    pub const fn new(propagation: Duration, grace: Duration) -> Self {
        Self { propagation, grace }
    }
}

impl Default for KeyPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The records of keys and their transitions.
///
/// Each transition checks everything before it changes anything, and returns the records as they
/// are to be stored, with [`Transition::from`] to compare with what is stored there (`UPDATE ...
/// WHERE id = ? AND state = ?`), so that of two managers that race one fails.
///
/// It knows no key but in the moment of making it: what seals and opens is a
/// [`Keyset`](crate::Keyset).
#[derive(Debug)]
pub struct KeysetManager<C> {
    records: Vec<KeyRecord>,
    policy: KeyPolicy,
    clock: C,
    events: Arc<dyn KeyEvents>,
}

/// One record that was changed, or is new.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The state before; `None` for a new key.
    pub from: Option<KeyState>,
    /// The whole record before, for a store that compares all of it: a key that somebody else
    /// wrapped anew meanwhile must not get its old wrapping back.
    pub before: Option<KeyRecord>,
    /// The record as it is now.
    pub record: KeyRecord,
}

/// A transition was refused, and nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// The group has keys already, or, for a rotation, none.
    #[error("the group {0:?} has keys already, or none yet")]
    Group(KeyGroup),
    /// This state does not follow that one.
    #[error("a key that is {from} cannot become {to}")]
    NotAllowed {
        /// Where the key stands.
        from: KeyState,
        /// Where it was to go.
        to: KeyState,
    },
    /// The operating system gave no randomness.
    #[error("no key can be made without randomness")]
    Random(#[source] RandomError),
    /// The time has not come; the key waits in its state.
    #[error("the key has to wait until {until:?}")]
    TooEarly {
        /// When it may.
        until: Timestamp,
    },
    /// No key has this id.
    #[error("the key {0} is unknown here")]
    Unknown(KeyId),
    /// The census is of another key, or began before the key was disabled.
    #[error("the census does not show that this key is unused since it was disabled")]
    WrongCensus,
    /// The key could not be wrapped.
    #[error("the key cannot be wrapped")]
    Wrap(#[source] WrapError),
}

impl<C: Clock> KeysetManager<C> {
    /// Takes over records, from a store or none yet.
    pub fn new(records: Vec<KeyRecord>, policy: KeyPolicy, clock: C) -> Self {
        Self { records, policy, clock, events: Arc::new(()) }
    }

    /// Tells of everything that happens.
    #[must_use]
    pub fn observed_by(mut self, events: Arc<dyn KeyEvents>) -> Self {
        self.events = events;
        self
    }

    /// The records, as they are now.
    #[must_use]
    pub fn records(&self) -> &[KeyRecord] {
        &self.records
    }

    /// Makes the first key of a group, primary at once: nothing was sealed before it, and no
    /// process can have loaded the group without it.
    ///
    /// # Errors
    ///
    /// [`TransitionError::Group`] if the group has keys, [`TransitionError::Random`],
    /// [`TransitionError::Wrap`].
    pub async fn create(
        &mut self,
        wrapper: &dyn KeyWrapper,
        tenant: &TenantId,
        purpose: Purpose,
        group: &KeyGroup,
    ) -> Result<Transition, TransitionError> {
        let mut record = self.make(wrapper, tenant, purpose, group).await?;
        if self.records.iter().any(|other| other.is_beside(&record)) {
            return Err(TransitionError::Group(group.clone()));
        }
        record.state = KeyState::Primary;
        Ok(self.created(record))
    }

    /// Makes the next key of a group, pending. When it was spread, [`promote`](Self::promote) it.
    ///
    /// # Errors
    ///
    /// [`TransitionError::Group`] if the group has no key yet, [`TransitionError::Random`],
    /// [`TransitionError::Wrap`].
    pub async fn add(
        &mut self,
        wrapper: &dyn KeyWrapper,
        tenant: &TenantId,
        purpose: Purpose,
        group: &KeyGroup,
    ) -> Result<Transition, TransitionError> {
        let record = self.make(wrapper, tenant, purpose, group).await?;
        if !self.records.iter().any(|other| other.is_beside(&record)) {
            return Err(TransitionError::Group(group.clone()));
        }
        Ok(self.created(record))
    }

    async fn make(
        &self,
        wrapper: &dyn KeyWrapper,
        tenant: &TenantId,
        purpose: Purpose,
        group: &KeyGroup,
    ) -> Result<KeyRecord, TransitionError> {
        let key = DataKey::generate(purpose).map_err(TransitionError::Random)?;
        let owner = KeyOwner::Group(group.clone());
        let context = WrapContext::new(tenant.clone(), key.id(), purpose, owner);
        let wrapped = wrapper.wrap(&key, &context).await.map_err(TransitionError::Wrap)?;
        let now = self.clock.now();
        Ok(KeyRecord::pending(&key, tenant.clone(), group.clone(), wrapped, now))
    }

    fn created(&mut self, record: KeyRecord) -> Transition {
        self.records.push(record.clone());
        self.tell(&record, KeyEventKind::Created);
        Transition { from: None, before: None, record }
    }

    /// Makes a pending key primary, and the primary before it `DecryptOnly`: two changes, to be
    /// stored in one transaction, the stepping down first.
    ///
    /// # Errors
    ///
    /// [`TransitionError::TooEarly`] before the propagation time has passed,
    /// [`TransitionError::NotAllowed`], [`TransitionError::Unknown`].
    pub fn promote(&mut self, id: KeyId) -> Result<Vec<Transition>, TransitionError> {
        let record = self.movable(id, KeyState::Primary)?;
        self.waited(record, self.policy.propagation)?;
        let before = self
            .records
            .iter()
            .find(|other| other.state == KeyState::Primary && other.is_beside(record))
            .map(|other| other.id);
        let down = before.map(|before| self.moved(before, KeyState::DecryptOnly)).transpose()?;
        let up = self.moved(id, KeyState::Primary)?;
        Ok(down.into_iter().chain([up]).collect())
    }

    /// Takes a pending key back before it sealed anything, or a disabled one to be looked at again.
    ///
    /// # Errors
    ///
    /// [`TransitionError::NotAllowed`], also for a primary key, which steps down only when another
    /// is promoted; [`TransitionError::Unknown`].
    pub fn enable_reading(&mut self, id: KeyId) -> Result<Transition, TransitionError> {
        let record = self.movable(id, KeyState::DecryptOnly)?;
        if record.state == KeyState::Primary {
            return Err(TransitionError::NotAllowed {
                from: KeyState::Primary,
                to: KeyState::DecryptOnly,
            });
        }
        self.moved(id, KeyState::DecryptOnly)
    }

    /// Disables a key: nothing opens with it until it is enabled again.
    ///
    /// # Errors
    ///
    /// [`TransitionError::NotAllowed`] unless it is `DecryptOnly`, [`TransitionError::Unknown`].
    pub fn disable(&mut self, id: KeyId) -> Result<Transition, TransitionError> {
        self.movable(id, KeyState::Disabled)?;
        self.moved(id, KeyState::Disabled)
    }

    /// Destroys a disabled key for ever: the record stays, the key is gone.
    ///
    /// It takes proof that nothing is sealed under it, from a census that began after it was
    /// disabled. Overwriting the stored bytes is the store's part, backups of it are the host's.
    ///
    /// # Errors
    ///
    /// [`TransitionError::WrongCensus`], [`TransitionError::TooEarly`] before the grace has passed,
    /// [`TransitionError::NotAllowed`], [`TransitionError::Unknown`].
    pub fn destroy(
        &mut self,
        id: KeyId,
        unused: &UnusedKey,
    ) -> Result<Transition, TransitionError> {
        let record = self.movable(id, KeyState::Destroyed)?;
        if unused.key() != id || unused.begun_at() < record.state_since {
            return Err(TransitionError::WrongCensus);
        }
        self.waited(record, self.policy.grace)?;
        let (begun_at, fields) = (unused.begun_at(), unused.fields());
        self.tell(record, KeyEventKind::CountedUnused { begun_at, fields });
        self.moved(id, KeyState::Destroyed)
    }

    /// Marks a key as known to others. It keeps its state, so that nothing stops: opening with it
    /// is told to the observer from now on, and its values are the first to be sealed anew. A
    /// primary key goes on sealing until the next one is promoted.
    ///
    /// # Errors
    ///
    /// [`TransitionError::Unknown`].
    pub fn compromised(&mut self, id: KeyId) -> Result<Transition, TransitionError> {
        let now = self.clock.now();
        let record = self.record_mut(id)?;
        let before = record.clone();
        record.compromised_at.get_or_insert(now);
        let record = record.clone();
        self.tell(&record, KeyEventKind::Compromised);
        Ok(Transition { from: Some(before.state), before: Some(before), record })
    }

    /// Wraps every key that `from` wrapped under `to`: the rotation of a root key. No value is
    /// touched, and the keys stay what they are. Both may be the same wrapper with a new version.
    ///
    /// # Errors
    ///
    /// [`TransitionError::Wrap`] at the first key that cannot be; nothing was changed.
    pub async fn rewrap(
        &mut self,
        from: &dyn KeyWrapper,
        to: &dyn KeyWrapper,
    ) -> Result<Vec<Transition>, TransitionError> {
        let mut rewrapped = Vec::new();
        for record in &self.records {
            let Some(wrapped) = record.wrapped.as_ref().filter(|it| it.wrapper() == from.id())
            else {
                continue;
            };
            let context = record.context();
            let wrapped = if from.id() == to.id() {
                to.rewrap(wrapped, &context).await
            } else {
                match from.unwrap(wrapped, &context).await {
                    Ok(key) => to.wrap(&key, &context).await,
                    Err(error) => Err(error),
                }
            };
            rewrapped.push((record.id, wrapped.map_err(TransitionError::Wrap)?));
        }
        let mut transitions = Vec::with_capacity(rewrapped.len());
        for (id, wrapped) in rewrapped {
            let record = self.record_mut(id)?;
            let before = record.clone();
            record.wrapped = Some(wrapped);
            let record = record.clone();
            let (from, to) = (from.id().to_owned(), to.id().to_owned());
            self.tell(&record, KeyEventKind::Rewrapped { from, to });
            let from = Some(record.state);
            transitions.push(Transition { from, before: Some(before), record });
        }
        Ok(transitions)
    }

    /// The record of a key that may go to that state, which is yet to be done.
    fn movable(&self, id: KeyId, to: KeyState) -> Result<&KeyRecord, TransitionError> {
        let record = self.records.iter().find(|record| record.id == id);
        let record = record.ok_or(TransitionError::Unknown(id))?;
        if !record.state.may_become(to) {
            return Err(TransitionError::NotAllowed { from: record.state, to });
        }
        Ok(record)
    }

    fn waited(&self, record: &KeyRecord, wait: Duration) -> Result<(), TransitionError> {
        let until = record.state_since.saturating_add(wait);
        if self.clock.now() < until {
            return Err(TransitionError::TooEarly { until });
        }
        Ok(())
    }

    fn moved(&mut self, id: KeyId, to: KeyState) -> Result<Transition, TransitionError> {
        let now = self.clock.now();
        let record = self.record_mut(id)?;
        let before = record.clone();
        record.state = to;
        // A clock that stepped back must not make the next wait shorter.
        record.state_since = std::cmp::max(now, record.state_since);
        if to == KeyState::Destroyed {
            record.wrapped = None;
        }
        let record = record.clone();
        let from = before.state;
        self.tell(&record, KeyEventKind::Moved { from, to });
        Ok(Transition { from: Some(from), before: Some(before), record })
    }

    fn record_mut(&mut self, id: KeyId) -> Result<&mut KeyRecord, TransitionError> {
        let record = self.records.iter_mut().find(|record| record.id == id);
        record.ok_or(TransitionError::Unknown(id))
    }

    fn tell(&self, record: &KeyRecord, kind: KeyEventKind) {
        self.events.observe(&KeyEvent::of(record, self.clock.now(), kind));
    }
}

#[cfg(test)]
mod tests;
