//! The keys of a tenant.

use std::fmt;
use std::sync::Arc;

use crypto_fields::{Clock, KeyStore, TenantId};

use crate::backend::Backend;
use crate::source::BoxFuture;
use crate::source::error::SourceError;
use crate::source::permit::{Connection, Permit};
use crate::source::record::Step;
use crate::tenant::{TenantContents, TenantPurged, TenantStore, reasons};

/// All keys that `crypto-fields` keeps for a tenant: the keysets and the keys of data subjects. Their
/// records stay, destroyed. What was sealed under them is unreadable from then on, in backups as
/// well, unless a backup of the keys themselves is restored.
pub struct KeysStore<DB: crypto_fields::Backend> {
    name: String,
    store: KeyStore<DB>,
    clock: Arc<dyn Clock>,
}

impl<DB: crypto_fields::Backend> KeysStore<DB> {
    /// The keys of that store, whose tenants are called as the journal calls them.
    pub fn new(name: impl Into<String>, store: KeyStore<DB>, clock: Arc<dyn Clock>) -> Self {
        Self { name: name.into(), store, clock }
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> SourceError {
    SourceError::Unavailable(Box::new(error))
}

impl<DB: Backend + crypto_fields::Backend> TenantStore for KeysStore<DB> {
    fn name(&self) -> &str {
        &self.name
    }

    fn holds_keys(&self) -> bool {
        true
    }

    fn survey<'a>(
        &'a self,
        tenant: &'a str,
        _step: &'a Step,
    ) -> BoxFuture<'a, Result<TenantContents, SourceError>> {
        Box::pin(async move {
            let tenant = TenantId::new(tenant.to_owned()).map_err(failed)?;
            Ok(TenantContents::new(self.store.live_keys(&tenant).await.map_err(failed)?, 0))
        })
    }

    fn purge<'a>(
        &'a self,
        tenant: &'a str,
        step: &'a Step,
        permit: &'a dyn Permit,
    ) -> BoxFuture<'a, Result<TenantPurged, SourceError>> {
        Box::pin(async move {
            let mut purged = TenantPurged::default();
            purged.kept.extend(reasons(permit, Connection::none(), &self.name, tenant).await?);
            if purged.kept.is_empty() {
                let tenant = TenantId::new(tenant.to_owned()).map_err(failed)?;
                let (now, reference) = (self.clock.now(), step.id.to_string());
                let gone = self.store.destroy_tenant(&tenant, now, Some(&reference)).await;
                let gone = gone.map_err(failed)?;
                purged.add(gone.keysets.saturating_add(gone.subjects));
            }
            Ok(purged)
        })
    }
}

impl<DB: crypto_fields::Backend> fmt::Debug for KeysStore<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeysStore").field("name", &self.name).finish_non_exhaustive()
    }
}
