//! The second look.

use audit_core::{Actor, Outcome as EventOutcome};
use uuid::Uuid;

use super::rows;
use crate::backend::Backend;
use crate::erasure::error::EraseError;
use crate::erasure::saga::Eraser;
use crate::erasure::store::{StoredErasure, StoredStep};

impl<DB: Backend> Eraser<DB> {
    /// Looks whether anything is left that should not be, and records that. Whether there was: then
    /// its steps, and what follows from them, are to be done again.
    pub(super) async fn look_again(
        &self,
        request: Uuid,
        stored: &StoredErasure,
    ) -> Result<bool, EraseError> {
        let person = self.person(&stored.body).await?;
        let (left, late) = self.left(request, stored, &person).await?;
        let more: u64 = late.iter().map(|(_, more)| more).sum();
        let now = self.desk.options.clock.now();
        let mut tx = self.desk.journal.begin().await?;
        rows::set_looked::<DB>(&mut tx, request, stored.state, now).await?;
        let entry = self
            .entry("rights.erasure_looked_again", request, Actor::system("privacy-rights"))
            .meta("left", left.records)
            .meta("explained", left.explained)
            .meta("late", more);
        self.record(&mut tx, entry.outcome(EventOutcome::Success).build()?).await?;
        if !late.is_empty() {
            let again = |step: &StoredStep| {
                let (_, more) = late.iter().find(|(late, _)| late.number == step.number)?;
                let mut outcome = step.outcome.clone();
                outcome.expect(*more);
                Some(outcome)
            };
            self.reopen(&mut tx, request, stored, again).await?;
        }
        tx.commit().await?;
        Ok(!late.is_empty())
    }
}
