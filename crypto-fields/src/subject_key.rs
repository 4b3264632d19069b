//! A key for each data subject, and forgetting somebody by destroying it.

pub(crate) mod store;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::associated_data::names::{KeyGroup, SubjectId, TenantId};
use crate::cache::{CacheKey, CacheMetrics, CachePolicy, KeyCache, Known, Slot};
use crate::clock::{Clock, Timestamp};
use crate::data_key::DataKey;
use crate::error::{OpenError, SealError};
use crate::key_id::KeyId;
use crate::keyset::ready::{KeyOrigin, ReadyKey};
use crate::keyset::record::KeyCheck;
use crate::keyset::{KeySource, KeyStatus};
use crate::purpose::Purpose;
use crate::random::RandomError;
use crate::wrap::{KeyOwner, KeyWrapper, WrapContext, WrapError};
use store::{SubjectKeyRecord, SubjectKeyState, SubjectKeyStore, SubjectStoreError};

/// The keys of epochs, under which the keys of data subjects are wrapped.
///
/// Each is kept **outside the database and outside its backups**, for as long as its epoch: then
/// every living subject's key is rewrapped to the next one ([`SubjectKeys::rewrap`]), and it is
/// destroyed. From then on no backup of the database taken in that epoch opens any subject's
/// values by the keys that are in it; those of the living open by the key table of today, which is
/// to be restored beside an old backup of the data.
#[derive(Debug, Clone)]
pub struct EpochKeys {
    current: Arc<dyn KeyWrapper>,
    before: Vec<Arc<dyn KeyWrapper>>,
}

impl EpochKeys {
    /// The key of the epoch that is now.
    #[must_use]
    pub fn new(current: Arc<dyn KeyWrapper>) -> Self {
        Self { current, before: Vec::new() }
    }

    /// The key of an epoch before, which is still there.
    #[must_use]
    pub fn with(mut self, before: Arc<dyn KeyWrapper>) -> Self {
        self.before.push(before);
        self
    }

    fn of(&self, wrapper: &str) -> Result<&Arc<dyn KeyWrapper>, WrapError> {
        std::iter::once(&self.current)
            .chain(&self.before)
            .find(|key| key.id() == wrapper)
            .ok_or_else(|| WrapError::UnknownWrapper { wrapper: wrapper.to_owned() })
    }
}

/// The keys of data subjects: made when they are first needed, cached, destroyed.
pub struct SubjectKeys<S> {
    store: S,
    epochs: RwLock<Arc<EpochKeys>>,
    clock: Arc<dyn Clock>,
    cache: KeyCache,
}

/// The key of one data subject, ready to seal and open: a [`KeySource`] for the rows about them.
///
/// Hold it for as long as a request, not longer: it works until this process destroys the key, or
/// it is dropped.
#[derive(Debug, Clone)]
pub struct SubjectKey {
    key: Arc<ReadyKey>,
    slot: Arc<Slot>,
}

/// What was destroyed, and by when nothing opens any more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CryptoErasure {
    /// The data subject.
    pub subject: SubjectId,
    /// The keys that are gone; none if there never was one, and so nothing sealed under it.
    pub keys: Vec<KeyId>,
    /// When they were destroyed; if that was before, then.
    pub destroyed_at: Timestamp,
    /// When the caches of other processes have let go of them, if these have the same bound. In
    /// this process it is at once.
    pub closed_at: Timestamp,
}

/// How far a rewrapping came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rewrapped {
    /// Keys that are under the current epoch now.
    pub done: u64,
    /// Keys that were destroyed, or rewrapped by somebody else, meanwhile.
    pub skipped: u64,
}

/// A data subject's key was not had, made or destroyed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectKeyError {
    /// The stored key is not the one that its record is of.
    #[error("the key {0} is not the one that its check value is of")]
    Check(KeyId),
    /// The data subject was forgotten.
    #[error("the key of the data subject was destroyed")]
    Destroyed {
        /// When.
        at: Timestamp,
    },
    /// The operating system gave no randomness.
    #[error("no key can be made without randomness")]
    Random(#[source] RandomError),
    /// The store failed.
    #[error("the key of the data subject cannot be read or stored")]
    Store(#[source] SubjectStoreError),
    /// No such key was ever made here. Not an erasure: most likely the wrong store.
    #[error("no key of this data subject is known here")]
    Unknown,
    /// The wrapper failed, or the key of the epoch is gone.
    #[error("the key of the data subject cannot be wrapped or unwrapped")]
    Wrap(#[source] WrapError),
}

impl<S: SubjectKeyStore> SubjectKeys<S> {
    /// Over this store.
    pub fn new(store: S, epochs: EpochKeys, policy: CachePolicy, clock: Arc<dyn Clock>) -> Self {
        let cache = KeyCache::new(policy, Arc::clone(&clock));
        Self { store, epochs: RwLock::new(Arc::new(epochs)), clock, cache }
    }

    /// Goes on with other epoch keys.
    pub fn set_epochs(&self, epochs: EpochKeys) {
        *self.epochs.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(epochs);
    }

    /// The store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// What the cache did.
    pub fn metrics(&self) -> CacheMetrics {
        self.cache.metrics()
    }

    /// The key of a data subject, to open with.
    ///
    /// # Errors
    ///
    /// [`SubjectKeyError::Unknown`] if there never was one, [`SubjectKeyError::Destroyed`],
    /// [`SubjectKeyError::Store`], [`SubjectKeyError::Wrap`], [`SubjectKeyError::Check`].
    pub async fn opening(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
        purpose: Purpose,
    ) -> Result<SubjectKey, SubjectKeyError> {
        self.get(tenant, subject, purpose, false).await
    }

    /// The key of a data subject, to seal with; made if there is none.
    ///
    /// # Errors
    ///
    /// As [`opening`](Self::opening) but [`SubjectKeyError::Unknown`];
    /// [`SubjectKeyError::Random`].
    pub async fn sealing(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
        purpose: Purpose,
    ) -> Result<SubjectKey, SubjectKeyError> {
        self.get(tenant, subject, purpose, true).await
    }

    async fn get(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
        purpose: Purpose,
        make: bool,
    ) -> Result<SubjectKey, SubjectKeyError> {
        let key = CacheKey { tenant: tenant.clone(), subject: subject.clone(), purpose };
        match self.cache.get(&key, || self.load(&key, make)).await? {
            (Known::Live(key), slot) => Ok(SubjectKey { key, slot }),
            (Known::Destroyed(at), _) => Err(SubjectKeyError::Destroyed { at }),
        }
    }

    async fn load(&self, key: &CacheKey, make: bool) -> Result<Known, SubjectKeyError> {
        let found = self.store.find(&key.tenant, &key.subject, key.purpose).await;
        let record = match found.map_err(SubjectKeyError::Store)? {
            Some(record) => record,
            None if make => match self.forgotten(key).await? {
                Some(at) => return Ok(Known::Destroyed(at)),
                None => self.make(key).await?,
            },
            None => return Err(SubjectKeyError::Unknown),
        };
        let wrapped = match &record.state {
            SubjectKeyState::Live(wrapped) => wrapped,
            SubjectKeyState::Destroyed { at } => return Ok(Known::Destroyed(*at)),
        };
        let epochs = self.epochs();
        let wrapper = epochs.of(wrapped.wrapper()).map_err(SubjectKeyError::Wrap)?;
        let unwrapped = wrapper.unwrap(wrapped, &record.context()).await;
        let unwrapped = unwrapped.map_err(SubjectKeyError::Wrap)?;
        if KeyCheck::of(&unwrapped) != record.check {
            return Err(SubjectKeyError::Check(record.id));
        }
        let origin = KeyOrigin::Subject(record.tenant, record.subject);
        Ok(Known::Live(Arc::new(ReadyKey::new(unwrapped, origin))))
    }

    /// Since when a data subject is forgotten who has no key for this purpose: none is made for
    /// whom a key of another purpose was destroyed.
    async fn forgotten(&self, key: &CacheKey) -> Result<Option<Timestamp>, SubjectKeyError> {
        for purpose in Purpose::ALL {
            let found = self.store.find(&key.tenant, &key.subject, purpose).await;
            let found = found.map_err(SubjectKeyError::Store)?;
            if let Some(SubjectKeyState::Destroyed { at }) = found.map(|record| record.state) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    async fn make(&self, key: &CacheKey) -> Result<SubjectKeyRecord, SubjectKeyError> {
        let made = DataKey::generate(key.purpose).map_err(SubjectKeyError::Random)?;
        let owner = KeyOwner::Subject(key.subject.clone());
        let context = WrapContext::new(key.tenant.clone(), made.id(), key.purpose, owner);
        let wrapped = self.epochs().current.wrap(&made, &context).await;
        let record = SubjectKeyRecord::new(
            made.id(),
            key.tenant.clone(),
            key.subject.clone(),
            key.purpose,
            self.clock.now(),
            KeyCheck::of(&made),
            SubjectKeyState::Live(wrapped.map_err(SubjectKeyError::Wrap)?),
        );
        self.store.insert(record).await.map_err(SubjectKeyError::Store)
    }

    /// What is known of a data subject's key, asked of the store.
    ///
    /// # Errors
    ///
    /// [`SubjectKeyError::Store`].
    pub async fn status(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
        purpose: Purpose,
    ) -> Result<KeyStatus, SubjectKeyError> {
        let found = self.store.find(tenant, subject, purpose).await;
        Ok(match found.map_err(SubjectKeyError::Store)?.map(|record| record.state) {
            None => KeyStatus::Unknown,
            Some(SubjectKeyState::Live(_)) => KeyStatus::Live,
            Some(SubjectKeyState::Destroyed { at }) => KeyStatus::Destroyed { at },
        })
    }

    /// Forgets a data subject: destroys the keys for all purposes. What they sealed opens nowhere
    /// in this process any more when this returns, and in others by
    /// [`closed_at`](CryptoErasure::closed_at). Done again, it says the same.
    ///
    /// Not by this alone: backups of the store, which are closed when their epoch's key is
    /// destroyed; blind indexes, which the host sets to NULL in the same transaction; plaintext
    /// that was copied elsewhere.
    ///
    /// # Errors
    ///
    /// [`SubjectKeyError::Store`]: ask again, or for the [`status`](Self::status).
    pub async fn destroy(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
    ) -> Result<CryptoErasure, SubjectKeyError> {
        let now = self.clock.now();
        let records = self.store.destroy(tenant, subject, now).await;
        // Also when the store failed: it may have done it and lost the answer.
        self.cache.revoke(tenant, subject);
        let records = records.map_err(SubjectKeyError::Store)?;
        let times = records.iter().filter_map(|record| match record.state {
            SubjectKeyState::Destroyed { at } => Some(at),
            SubjectKeyState::Live(_) => None,
        });
        let destroyed_at = times.max().unwrap_or(now);
        Ok(CryptoErasure {
            subject: subject.clone(),
            keys: records.iter().map(|record| record.id).collect(),
            destroyed_at,
            closed_at: destroyed_at.saturating_add(self.cache.policy().ttl),
        })
    }

    /// Rewraps every living key that this wrapper wrapped to the current epoch, in batches. It can
    /// be stopped and begun again at any time.
    ///
    /// A process that still has the old epoch as its current one makes new keys under it. So: give
    /// every process the new epoch first ([`set_epochs`](Self::set_epochs)), then rewrap, and again
    /// until nothing was left to do; then the old epoch's key may be destroyed.
    ///
    /// # Errors
    ///
    /// [`SubjectKeyError::Store`], [`SubjectKeyError::Wrap`]; what was done stays done.
    pub async fn rewrap(&self, from: &str) -> Result<Rewrapped, SubjectKeyError> {
        const BATCH: usize = 500;
        let epochs = self.epochs();
        let old = epochs.of(from).map_err(SubjectKeyError::Wrap)?;
        let mut progress = Rewrapped::default();
        let mut after = None;
        loop {
            let batch = self.store.wrapped_by(from, after, BATCH).await;
            let batch = batch.map_err(SubjectKeyError::Store)?;
            let Some(last) = batch.last().map(|record| record.id) else { break };
            for record in batch {
                let context = record.context();
                let SubjectKeyState::Live(wrapped) = record.state else { continue };
                let key = old.unwrap(&wrapped, &context).await.map_err(SubjectKeyError::Wrap)?;
                if KeyCheck::of(&key) != record.check {
                    return Err(SubjectKeyError::Check(record.id));
                }
                let new = epochs.current.wrap(&key, &context).await;
                let new = new.map_err(SubjectKeyError::Wrap)?;
                let replaced = self.store.replace(record.id, &wrapped, new).await;
                if replaced.map_err(SubjectKeyError::Store)? {
                    progress.done = progress.done.saturating_add(1);
                } else {
                    progress.skipped = progress.skipped.saturating_add(1);
                }
            }
            after = Some(last);
        }
        Ok(progress)
    }

    fn epochs(&self) -> Arc<EpochKeys> {
        Arc::clone(&self.epochs.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: fmt::Debug> fmt::Debug for SubjectKeys<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectKeys").field("cache", &self.cache).finish_non_exhaustive()
    }
}

impl SubjectKey {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.key.id()
    }

    fn of(&self, tenant: &TenantId) -> bool {
        matches!(self.key.origin(), KeyOrigin::Subject(owner, _) if owner == tenant)
    }
}

/// Seals for its data subject only, whatever the group: a [`RowContext`](crate::RowContext) has to
/// name the same subject.
impl KeySource for SubjectKey {
    fn sealing(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        _: &KeyGroup,
    ) -> Result<Arc<ReadyKey>, SealError> {
        if !self.of(tenant) {
            return Err(SealError::WrongOwner);
        }
        if self.slot.is_revoked() {
            return Err(SealError::Revoked);
        }
        self.key.data_key().secret_for(purpose)?;
        Ok(Arc::clone(&self.key))
    }

    fn opening(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        id: KeyId,
    ) -> Result<Arc<ReadyKey>, OpenError> {
        if !self.of(tenant) {
            return Err(OpenError::WrongOwner);
        }
        if id != self.key.id() {
            return Err(OpenError::UnknownKey { key: id });
        }
        if self.slot.is_revoked() {
            return Err(OpenError::Revoked { key: id });
        }
        self.key.data_key().secret_for(purpose)?;
        Ok(Arc::clone(&self.key))
    }
}

#[cfg(test)]
mod tests;
