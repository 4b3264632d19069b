//! Whom an erasure was about is forgotten.

use audit_core::{Actor, Outcome as EventOutcome};
use uuid::Uuid;

use super::rows;
use crate::backend::Backend;
use crate::desk::error::DeskError;
use crate::erasure::error::EraseError;
use crate::erasure::saga::Eraser;
use crate::erasure::store::{Body, StoredErasure};

impl<DB: Backend> Eraser<DB> {
    /// Destroys the key of an erasure's identity, and that of its request, and records it. Figures,
    /// times and the tokens of who was erased stay; the ledger's note stays, and opens never again.
    pub(super) async fn forget(
        &self,
        request: Uuid,
        stored: &StoredErasure,
    ) -> Result<(), EraseError> {
        self.desk.options.vault.destroy(self.tenant(), stored.body.vault).await?;
        match self.desk.forget_person(request).await {
            // A database that was restored to before the request does not know it; one that is open
            // is forgotten by the desk, when it is closed.
            Ok(()) | Err(DeskError::Unknown | DeskError::StillOpen) => {}
            Err(error) => return Err(error.into()),
        }
        let body = Body { identity: String::new(), refs: Vec::new(), ..stored.body.clone() };
        let now = self.desk.options.clock.now();
        let mut tx = self.desk.journal.begin().await?;
        DB::wipe_what_is_overwritten(&mut tx).await?;
        rows::set_forgotten::<DB>(&mut tx, request, (stored.state, now), &body).await?;
        let entry =
            self.entry("rights.erasure_forgotten", request, Actor::system("privacy-rights"));
        self.record(&mut tx, entry.outcome(EventOutcome::Success).build()?).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Nothing is left to be done.
    pub(super) async fn settle(&self, request: Uuid) -> Result<(), EraseError> {
        let mut conn = self.desk.pool.acquire().await?;
        rows::settle::<DB>(&mut conn, request).await
    }
}
