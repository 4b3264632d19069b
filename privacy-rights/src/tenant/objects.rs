//! The objects of a tenant in an object store.

use std::fmt;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use object_store::ObjectStore;
use object_store::path::Path;

use crate::source::BoxFuture;
use crate::source::error::SourceError;
use crate::source::object::unavailable;
use crate::source::permit::{Connection, Permit, Reason};
use crate::source::record::Step;
use crate::tenant::{
    PatternError, TenantContents, TenantPurged, TenantStore, checked, filled, reasons,
};

/// How many objects are deleted between two questions whether they may be.
const BATCH: usize = 1000;

/// What of a bucket a plain listing does not show. For a bucket that keeps versions or takes uploads
/// in parts it is for the host to write, with the client of its provider: the crate `object_store` has
/// no call for any of it.
pub trait ObjectHistory: Send + Sync {
    /// How many older versions, delete markers and uploads that were never completed are under the
    /// prefix, and which of them are locked until when.
    fn survey<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<ObjectsHidden, SourceError>>;

    /// Deletes the versions and markers under the prefix, a thousand at a time at most, and aborts the
    /// uploads; how many went. What is locked stays.
    fn purge<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<u64, SourceError>>;
}

/// What a plain listing does not show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectsHidden {
    /// Older versions and delete markers.
    pub versions: u64,
    /// Uploads that were never completed.
    pub uploads: u64,
    /// How many of the versions are locked.
    pub locked: u64,
    /// Why they are, and until when.
    pub locks: Vec<Reason>,
}

impl ObjectsHidden {
    /// So many of each, none locked.
    #[must_use]
    pub const fn new(versions: u64, uploads: u64) -> Self {
        Self { versions, uploads, locked: 0, locks: Vec::new() }
    }

    /// So many of the versions are locked, for these reasons.
    #[must_use]
    pub fn locked(mut self, versions: u64, locks: Vec<Reason>) -> Self {
        (self.locked, self.locks) = (versions, locks);
        self
    }
}

/// The objects under a prefix of the tenant's own.
///
/// Without [`history`](Self::history) it sees current objects only, and says what it does not see: a
/// purge with it never ends as done, unless the host states that the bucket keeps no versions and
/// takes no uploads in parts ([`keeps_no_history`](Self::keeps_no_history)).
pub struct ObjectsStore {
    name: String,
    store: Arc<dyn ObjectStore>,
    pattern: String,
    history: History,
}

enum History {
    Known(Arc<dyn ObjectHistory>),
    None,
    Unseen,
}

impl ObjectsStore {
    /// The objects in `store` under `pattern`, such as `tenants/{id}/`.
    ///
    /// # Errors
    ///
    /// [`PatternError`] unless the tenant's id is one whole part of it and it ends in `/`: `t1` alone
    /// would select the objects of `t10` as well.
    pub fn new(
        name: impl Into<String>,
        store: Arc<dyn ObjectStore>,
        pattern: impl Into<String>,
    ) -> Result<Self, PatternError> {
        let pattern: String = pattern.into();
        let what = "as a whole part, and ends in `/`";
        let whole = pattern.split('/').any(|part| part == super::PLACE);
        let empty = pattern.trim_end_matches('/').split('/').any(str::is_empty);
        if !whole || empty || !pattern.ends_with('/') || pattern.ends_with("//") {
            return Err(PatternError { what });
        }
        let plain = |part: &str| !part.contains(['{', '}']) && !part.contains(char::is_control);
        let pattern = checked(pattern, plain, what)?;
        Ok(Self { name: name.into(), store, pattern, history: History::Unseen })
    }

    /// With what a plain listing does not show.
    #[must_use]
    pub fn history(mut self, history: Arc<dyn ObjectHistory>) -> Self {
        self.history = History::Known(history);
        self
    }

    /// The host knows that there is nothing else: the bucket never had versions, nor uploads in parts.
    #[must_use]
    pub fn keeps_no_history(mut self) -> Self {
        self.history = History::None;
        self
    }

    async fn look(&self, tenant: &str) -> Result<TenantContents, SourceError> {
        let prefix = filled(&self.pattern, tenant)?;
        let mut listed = self.store.list(Some(&path(&prefix)?));
        let mut contents = TenantContents::default();
        while let Some(object) = listed.next().await {
            object.map_err(unavailable)?;
            contents.items = contents.items.saturating_add(1);
        }
        match &self.history {
            History::None => {}
            History::Unseen => {
                contents = contents
                    .not_seeing("older versions of objects, and delete markers")
                    .not_seeing("uploads that were never completed");
            }
            History::Known(history) => {
                let hidden = history.survey(&prefix).await?;
                for more in [hidden.versions, hidden.uploads] {
                    contents.items = contents.items.saturating_add(more);
                }
                contents.kept_by_law = std::cmp::min(hidden.locked, hidden.versions);
            }
        }
        Ok(contents)
    }

    async fn delete(&self, tenant: &str, permit: &dyn Permit) -> Result<TenantPurged, SourceError> {
        let prefix = filled(&self.pattern, tenant)?;
        let mut purged = TenantPurged::default();
        loop {
            // Before every batch, and before the versions.
            purged.kept.extend(reasons(permit, Connection::none(), &self.name, tenant).await?);
            if !purged.kept.is_empty() {
                return Ok(purged);
            }
            let listed = self.store.list(Some(&path(&prefix)?)).take(BATCH);
            let found: Vec<_> = listed.collect().await;
            if found.is_empty() {
                break;
            }
            let paths = found.into_iter().map(|object| object.map(|object| object.location));
            let mut deleted = self.store.delete_stream(stream::iter(paths).boxed());
            while let Some(one) = deleted.next().await {
                match one {
                    // What is not there any more is deleted, whoever did it.
                    Ok(_) | Err(object_store::Error::NotFound { .. }) => purged.add(1),
                    Err(error) => return Err(unavailable(error)),
                }
            }
        }
        if let History::Known(history) = &self.history {
            purged.add(history.purge(&prefix).await?);
            purged.kept.extend(history.survey(&prefix).await?.locks);
        }
        Ok(purged)
    }
}

/// A prefix as the store wants it: it compares whole parts.
fn path(prefix: &str) -> Result<Path, SourceError> {
    let refused = |_| SourceError::Identifier { kind: "tenant".to_owned() };
    Path::parse(prefix.trim_end_matches('/')).map_err(refused)
}

impl TenantStore for ObjectsStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn survey<'a>(
        &'a self,
        tenant: &'a str,
        _step: &'a Step,
    ) -> BoxFuture<'a, Result<TenantContents, SourceError>> {
        Box::pin(self.look(tenant))
    }

    fn purge<'a>(
        &'a self,
        tenant: &'a str,
        _step: &'a Step,
        permit: &'a dyn Permit,
    ) -> BoxFuture<'a, Result<TenantPurged, SourceError>> {
        Box::pin(self.delete(tenant, permit))
    }
}

impl fmt::Debug for ObjectsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectsStore").field("pattern", &self.pattern).finish_non_exhaustive()
    }
}
