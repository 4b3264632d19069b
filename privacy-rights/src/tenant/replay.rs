//! Tenants that a restored backup has brought back.

use audit_core::{Actor, Outcome as EventOutcome, Timestamp};
use uuid::Uuid;

use crate::backend::Backend;
use crate::erasure::store::ErasureState;
use crate::tenant::error::PurgeError;
use crate::tenant::ledger::PurgeNote;
use crate::tenant::rows::{self, Body};
use crate::tenant::saga::TenantPurger;

impl<DB: Backend> TenantPurger<DB> {
    /// The purges that the ledger holds and this database does not know: it was restored from a backup
    /// of before. Nobody must be served from it until they are done again
    /// ([`replay_since`](Self::replay_since)).
    ///
    /// # Errors
    ///
    /// [`PurgeError::Ledger`], those of the database.
    pub async fn owed(&self) -> Result<Vec<PurgeNote>, PurgeError> {
        let mut owed = Vec::new();
        for note in self.ledger.notes().await? {
            if self.load(note.purge).await?.is_none() {
                owed.push(note);
            }
        }
        Ok(owed)
    }

    /// Does every purge again that was intended since the backup was taken that was restored, and
    /// those that the database does not know, and goes on with those that were under way in it, in the
    /// order in which they were intended. Stores are purged in the same way: what is not there is
    /// gone. Returns the purges and where they are.
    ///
    /// # Errors
    ///
    /// Any [`PurgeError`]; what was done stays done, and asking again goes on.
    pub async fn replay_since(
        &self,
        taken_at: Timestamp,
        actor: &Actor,
    ) -> Result<Vec<(Uuid, ErasureState)>, PurgeError> {
        let mut done: Vec<(Uuid, ErasureState)> = Vec::new();
        for note in self.ledger.notes().await? {
            // The same may have been noted more than once.
            if done.iter().any(|(id, _)| *id == note.purge) {
                continue;
            }
            let known = self.load(note.purge).await?;
            let id = note.purge;
            match known {
                Some(stored) if note.at < taken_at => {
                    if stored.state != ErasureState::Done {
                        done.push((id, self.resume(id, actor.clone()).await?));
                    }
                    continue;
                }
                _ => {}
            }
            let body = Body { at: note.at, ground: note.ground, plan: note.plan };
            let mut tx = self.journal.begin().await?;
            rows::remove::<DB>(&mut tx, id).await?;
            rows::insert::<DB>(&mut tx, (id, &note.tenant), &body, &self.steps()).await?;
            let entry = self.entry("rights.tenant_purge_replayed", id, &note.tenant, actor.clone());
            self.record(&mut tx, entry.outcome(EventOutcome::Success).build()?).await?;
            tx.commit().await?;
            done.push((id, self.run(id).await?));
        }
        Ok(done)
    }
}
