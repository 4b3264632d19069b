//! The second look.

use audit_core::{Actor, Outcome as EventOutcome};
use uuid::Uuid;

use super::rows;
use crate::backend::Backend;
use crate::erasure::error::EraseError;
use crate::erasure::saga::Eraser;
use crate::erasure::store::{self, ErasureState, StoredErasure, StoredStep};

impl<DB: Backend> Eraser<DB> {
    /// The person has come back of their own will (`rights.erasure_person_back`): what they give now is
    /// not what a late writer left. There is no second look, and [`is_erased`](Self::is_erased) says no
    /// more of the identifiers that the erasure knew. To be called before anything of theirs is stored.
    ///
    /// What a hold or a law has kept is still erased when that ends, by the same identifiers, and with
    /// it the person's keys and a root that waited: in a source of which something is kept, in the root
    /// and for what is sealed they need others. What other sources have of them by then stays. A
    /// restored backup brings the erasure back, and this is to be said again.
    ///
    /// # Errors
    ///
    /// [`EraseError::Unknown`], [`EraseError::Leased`] while the erasure has not ended,
    /// [`EraseError::Conflict`], those of the database and the journal. Nothing was changed.
    pub async fn came_back(&self, request: Uuid, actor: Actor) -> Result<(), EraseError> {
        let stored = self.load(request).await?.ok_or(EraseError::Unknown)?;
        if !matches!(stored.state, ErasureState::Deferred | ErasureState::Done) {
            return Err(EraseError::Leased);
        }
        let mut tx = self.desk.journal.begin().await?;
        if !stored.after.looked {
            let now = self.desk.options.clock.now();
            rows::set_looked::<DB>(&mut tx, request, stored.state, now).await?;
        }
        store::readmit::<DB>(&mut tx, self.tenant(), &stored.body.tokens).await?;
        let entry = self.entry("rights.erasure_person_back", request, actor);
        self.record(&mut tx, entry.outcome(EventOutcome::Success).build()?).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether the person has come back since the erasure ended for the first time: of what it
    /// suppresses something is let in again.
    pub(in crate::erasure) async fn is_back(
        &self,
        stored: &StoredErasure,
    ) -> Result<bool, EraseError> {
        if stored.certificate.is_none() {
            return Ok(false);
        }
        let mut conn = self.desk.pool.acquire().await?;
        for token in &stored.body.tokens {
            if !store::is_suppressed::<DB>(&mut conn, self.tenant(), token).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

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
