//! Rows of tables that tenants share.

use std::fmt;
use std::sync::Arc;

use crate::source::error::SourceError;
use crate::source::permit::Permit;
use crate::source::record::{Applied, Step};
use crate::source::selection::{Identifier, Selection};
use crate::source::walk::apply_all;
use crate::source::{BoxFuture, PersonalDataSource};
use crate::tenant::{TenantContents, TenantPurged, TenantStore};

/// What a source holds of a tenant as a whole: the rows of a shared table by its tenant column, some
/// hundred in a transaction. It is a source like any other, whose declaration links it by an
/// identifier of a kind that stands for tenants:
///
/// ```no_run
/// # use std::sync::Arc;
/// use privacy_rights::{Link, SharedStore, SourceDeclaration, SqlSource, Storage};
///
/// # async fn of(pool: sqlx::SqlitePool) -> Result<(), Box<dyn std::error::Error>> {
/// let settings = SourceDeclaration::new("settings", Storage::table("setting", "id")?)
///     .linked(Link::column("tenant_id", "tenant")?);
/// // ... with its fields, all of which are deleted with their row.
/// let settings = SqlSource::new(pool, settings).await?;
/// let store = SharedStore::new(Arc::new(settings), "tenant");
/// # let _used = store;
/// # Ok(())
/// # }
/// ```
///
/// What a law keeps is kept, as in every erasure, and the keys with it.
pub struct SharedStore {
    source: Arc<dyn PersonalDataSource>,
    kind: String,
}

impl SharedStore {
    /// The records that belong to the tenant by identifiers of that kind.
    pub fn new(source: Arc<dyn PersonalDataSource>, kind: impl Into<String>) -> Self {
        Self { source, kind: kind.into() }
    }

    fn selection(&self, tenant: &str) -> Result<Selection, SourceError> {
        let refused = |_| SourceError::Identifier { kind: self.kind.clone() };
        Ok(Selection::of(Identifier::new(&self.kind, tenant).map_err(refused)?))
    }
}

impl TenantStore for SharedStore {
    fn name(&self) -> &str {
        self.source.declaration().name()
    }

    fn survey<'a>(
        &'a self,
        tenant: &'a str,
        step: &'a Step,
    ) -> BoxFuture<'a, Result<TenantContents, SourceError>> {
        Box::pin(async move {
            let left = self.source.remaining(&self.selection(tenant)?, step).await?;
            Ok(TenantContents::new(left.records, left.kept_by_law))
        })
    }

    fn purge<'a>(
        &'a self,
        tenant: &'a str,
        step: &'a Step,
        permit: &'a dyn Permit,
    ) -> BoxFuture<'a, Result<TenantPurged, SourceError>> {
        Box::pin(async move {
            let selection = self.selection(tenant)?;
            let mut purged = TenantPurged::default();
            let each = |applied: &Applied| {
                let reasons = applied.kept.iter().flat_map(|kept| kept.reasons.iter().cloned());
                purged.kept.extend(reasons);
            };
            let gone = apply_all(&*self.source, &selection, step, permit, each).await?;
            purged.add(gone);
            Ok(purged)
        })
    }
}

impl fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedStore").field("kind", &self.kind).finish_non_exhaustive()
    }
}
