//! Where the wrapped keys of data subjects are kept.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::associated_data::names::{SubjectId, TenantId};
use crate::clock::Timestamp;
use crate::key_id::KeyId;
use crate::keyset::record::KeyCheck;
use crate::purpose::Purpose;
use crate::wrap::{BoxFuture, KeyOwner, WrapContext, WrappedDataKey};

/// Everything that is stored of a data subject's key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubjectKeyRecord {
    /// The key.
    pub id: KeyId,
    /// Whose data subject.
    pub tenant: TenantId,
    /// The data subject.
    pub subject: SubjectId,
    /// What the key is for.
    pub purpose: Purpose,
    /// When it was made.
    pub created_at: Timestamp,
    /// Eight bytes that tell it from any other.
    pub check: KeyCheck,
    /// The key, or that it is gone.
    pub state: SubjectKeyState,
}

/// Whether a data subject's key is there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectKeyState {
    /// Wrapped under the key of an epoch.
    Live(WrappedDataKey),
    /// Gone for ever.
    Destroyed {
        /// Since then.
        at: Timestamp,
    },
}

impl SubjectKeyRecord {
    /// A record as it was stored.
    #[must_use]
    pub const fn new(
        id: KeyId,
        tenant: TenantId,
        subject: SubjectId,
        purpose: Purpose,
        created_at: Timestamp,
        check: KeyCheck,
        state: SubjectKeyState,
    ) -> Self {
        Self { id, tenant, subject, purpose, created_at, check, state }
    }

    /// What the key is wrapped in.
    #[must_use]
    pub fn context(&self) -> WrapContext {
        let owner = KeyOwner::Subject(self.subject.clone());
        WrapContext::new(self.tenant.clone(), self.id, self.purpose, owner)
    }
}

/// A store did not answer, or says that something is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("the store of subject keys failed")]
pub struct SubjectStoreError(#[source] Box<dyn Error + Send + Sync>);

impl SubjectStoreError {
    /// For this reason.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}

/// What a store answers with.
pub type StoreResult<'a, T> = BoxFuture<'a, Result<T, SubjectStoreError>>;

/// A store of data subjects' wrapped keys.
///
/// One key for each tenant, subject and purpose, ever: the record of a destroyed key stays, so
/// that nothing is sealed anew for who was forgotten, and so that "destroyed" is never mistaken for
/// "unknown".
pub trait SubjectKeyStore: fmt::Debug + Send + Sync {
    /// The key of a data subject.
    fn find<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        purpose: Purpose,
    ) -> StoreResult<'a, Option<SubjectKeyRecord>>;

    /// Stores a new key, unless there is one already; returns the one that is there then.
    fn insert(&self, record: SubjectKeyRecord) -> StoreResult<'_, SubjectKeyRecord>;

    /// Overwrites every wrapped key of a data subject, for all purposes, with the time. Returns
    /// all of the subject's records as they are then; those that were destroyed before keep their
    /// time. MUST be durable when it returns.
    fn destroy<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        at: Timestamp,
    ) -> StoreResult<'a, Vec<SubjectKeyRecord>>;

    /// Up to `limit` living keys that this wrapper wrapped, in the order of their ids, after one.
    fn wrapped_by<'a>(
        &'a self,
        wrapper: &'a str,
        after: Option<KeyId>,
        limit: usize,
    ) -> StoreResult<'a, Vec<SubjectKeyRecord>>;

    /// Puts a wrapped key in the place of another, if that one is still there; says whether it was.
    /// A key that was destroyed meanwhile MUST stay destroyed.
    fn replace<'a>(
        &'a self,
        id: KeyId,
        old: &'a WrappedDataKey,
        new: WrappedDataKey,
    ) -> StoreResult<'a, bool>;
}

impl<S: SubjectKeyStore + ?Sized> SubjectKeyStore for Arc<S> {
    fn find<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        purpose: Purpose,
    ) -> StoreResult<'a, Option<SubjectKeyRecord>> {
        (**self).find(tenant, subject, purpose)
    }

    fn insert(&self, record: SubjectKeyRecord) -> StoreResult<'_, SubjectKeyRecord> {
        (**self).insert(record)
    }

    fn destroy<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        at: Timestamp,
    ) -> StoreResult<'a, Vec<SubjectKeyRecord>> {
        (**self).destroy(tenant, subject, at)
    }

    fn wrapped_by<'a>(
        &'a self,
        wrapper: &'a str,
        after: Option<KeyId>,
        limit: usize,
    ) -> StoreResult<'a, Vec<SubjectKeyRecord>> {
        (**self).wrapped_by(wrapper, after, limit)
    }

    fn replace<'a>(
        &'a self,
        id: KeyId,
        old: &'a WrappedDataKey,
        new: WrappedDataKey,
    ) -> StoreResult<'a, bool> {
        (**self).replace(id, old, new)
    }
}

/// A store in memory: for tests, also of what is built upon this crate.
#[derive(Debug, Default)]
pub struct MemorySubjectKeys(Mutex<BTreeMap<KeyId, SubjectKeyRecord>>);

impl MemorySubjectKeys {
    /// A copy of the store as it is now: a backup.
    #[must_use]
    pub fn backup(&self) -> Self {
        Self(Mutex::new(self.lock().clone()))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<KeyId, SubjectKeyRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SubjectKeyStore for MemorySubjectKeys {
    fn find<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        purpose: Purpose,
    ) -> StoreResult<'a, Option<SubjectKeyRecord>> {
        let records = self.lock();
        let found = records.values().find(|record| {
            record.tenant == *tenant && record.subject == *subject && record.purpose == purpose
        });
        let found = found.cloned();
        Box::pin(ready(Ok(found)))
    }

    fn insert(&self, record: SubjectKeyRecord) -> StoreResult<'_, SubjectKeyRecord> {
        let mut records = self.lock();
        let there = records.values().find(|other| {
            other.tenant == record.tenant
                && other.subject == record.subject
                && other.purpose == record.purpose
        });
        let there = there.cloned().unwrap_or_else(|| {
            records.insert(record.id, record.clone());
            record
        });
        Box::pin(ready(Ok(there)))
    }

    fn destroy<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        at: Timestamp,
    ) -> StoreResult<'a, Vec<SubjectKeyRecord>> {
        let mut destroyed = Vec::new();
        for record in self.lock().values_mut() {
            if record.tenant == *tenant && record.subject == *subject {
                if matches!(record.state, SubjectKeyState::Live(_)) {
                    record.state = SubjectKeyState::Destroyed { at };
                }
                destroyed.push(record.clone());
            }
        }
        Box::pin(ready(Ok(destroyed)))
    }

    fn wrapped_by<'a>(
        &'a self,
        wrapper: &'a str,
        after: Option<KeyId>,
        limit: usize,
    ) -> StoreResult<'a, Vec<SubjectKeyRecord>> {
        let found = self
            .lock()
            .values()
            .filter(|record| after.is_none_or(|after| record.id > after))
            .filter(|record| {
                matches!(&record.state, SubjectKeyState::Live(key) if key.wrapper() == wrapper)
            })
            .take(limit)
            .cloned()
            .collect();
        Box::pin(ready(Ok(found)))
    }

    fn replace<'a>(
        &'a self,
        id: KeyId,
        old: &'a WrappedDataKey,
        new: WrappedDataKey,
    ) -> StoreResult<'a, bool> {
        let mut records = self.lock();
        let live = records
            .get_mut(&id)
            .filter(|record| matches!(&record.state, SubjectKeyState::Live(there) if there == old));
        let done = live.map(|record| record.state = SubjectKeyState::Live(new)).is_some();
        Box::pin(ready(Ok(done)))
    }
}
