//! One erasure of a person at a time, and no export of theirs beside it.

use audit_store::JournalTx;
use uuid::Uuid;

use crate::backend::Backend;
use crate::desk::download::rows;
use crate::erasure::error::EraseError;
use crate::erasure::saga::Eraser;
use crate::erasure::store::{self, Body, StoredStep};

impl<DB: Backend> Eraser<DB> {
    /// Stores an erasure whose steps are to be done, under its lease.
    pub(super) async fn enter(
        &self,
        tx: &mut JournalTx<DB>,
        request: Uuid,
        (body, steps): (&Body, &[StoredStep]),
    ) -> Result<(), EraseError> {
        store::insert::<DB>(tx, (self.tenant(), request), body, steps).await?;
        self.lease(tx, request, &body.tokens).await?;
        store::suppress::<DB>(tx, (self.tenant(), request), &body.tokens).await
    }

    /// Takes the lease of a person, or finds that another request has it. With the same commit their
    /// bundles cannot be had any more, and their exports are cancelled; the files are deleted before
    /// the next source is erased.
    pub(super) async fn lease(
        &self,
        tx: &mut JournalTx<DB>,
        request: Uuid,
        tokens: &[String],
    ) -> Result<(), EraseError> {
        rows::take_turns::<DB>(tx, self.tenant(), tokens).await?;
        store::lease::<DB>(tx, (self.tenant(), request), tokens).await?;
        self.desk.doom_those_of(tx, tokens).await?;
        rows::leave_turns::<DB>(tx, self.tenant(), tokens).await?;
        Ok(())
    }
}
