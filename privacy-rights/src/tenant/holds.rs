//! The legal holds of a tenant as a whole.

use std::fmt;

use audit_store::{Journal, LockHoldsError};

use tokio::sync::Mutex;

use crate::backend::Backend;
use crate::source::BoxFuture;
use crate::source::error::SourceError;
use crate::source::permit::{Connection, Item, Permit, Reason, Until};

/// Keeps everything of a tenant while any legal hold of theirs is in force in the journal, on
/// whomever or whatever it is: what it covers cannot be told from the rest of a schema.
///
/// It is asked inside of the transaction that destroys, and there holds the lock that keeps holds from
/// being placed; elsewhere (a file, objects in a store, keys) in a transaction of its own for each
/// batch, and between the answer and the end of the batch a hold can be placed. One serves one store
/// at a time.
pub(crate) struct TenantHolds<DB: Backend> {
    journal: Journal<DB>,
    tenant: String,
    /// Those that were locked when the transaction began, which stay what they are until it ends.
    locked: Mutex<Option<Vec<String>>>,
}

impl<DB: Backend> TenantHolds<DB> {
    pub(crate) fn new(journal: Journal<DB>, tenant: impl Into<String>) -> Self {
        Self { journal, tenant: tenant.into(), locked: Mutex::new(None) }
    }

    async fn ids(&self, conn: &mut DB::Connection) -> Result<Vec<String>, LockHoldsError> {
        let held = self.journal.lock_holds(conn, &self.tenant).await?;
        Ok(held.ids().map(ToOwned::to_owned).collect())
    }
}

fn failed(error: impl Into<LockHoldsError>) -> SourceError {
    SourceError::Unavailable(Box::new(error.into()))
}

impl<DB: Backend> Permit for TenantHolds<DB> {
    fn begin<'a>(&'a self, conn: Connection<'a>) -> BoxFuture<'a, Result<(), SourceError>> {
        Box::pin(async move {
            if let Some(conn) = DB::of_connection(conn) {
                *self.locked.lock().await = Some(self.ids(conn).await.map_err(failed)?);
            }
            Ok(())
        })
    }

    fn reasons<'a>(
        &'a self,
        conn: Connection<'a>,
        _item: &'a Item,
    ) -> BoxFuture<'a, Result<Vec<Reason>, SourceError>> {
        Box::pin(async move {
            let ids = match DB::of_connection(conn) {
                Some(conn) => match &*self.locked.lock().await {
                    Some(ids) => Ok(ids.clone()),
                    None => self.ids(conn).await,
                },
                None => {
                    let mut tx = self.journal.begin().await.map_err(failed)?;
                    let ids = self.ids(&mut tx).await;
                    tx.rollback().await.map_err(failed)?;
                    ids
                }
            };
            let reason = |hold| Reason::new("legal hold", Until::HoldReleased(hold));
            let mut reasons: Vec<Reason> = ids.map_err(failed)?.into_iter().map(reason).collect();
            reasons.sort();
            reasons.dedup();
            Ok(reasons)
        })
    }
}

impl<DB: Backend> fmt::Debug for TenantHolds<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantHolds").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}
