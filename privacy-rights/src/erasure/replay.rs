//! Databases that were restored.

use std::collections::BTreeMap;

use audit_core::{Actor, Outcome as EventOutcome, Timestamp};
use uuid::Uuid;

use crate::backend::Backend;
use crate::desk::vault::VaultError;
use crate::erasure::error::EraseError;
use crate::erasure::ledger::ErasureNote;
use crate::erasure::saga::Eraser;
use crate::erasure::store::{
    self, After, Body, ErasureState, StepKind, StepState, StoredErasure, StoredStep,
};

impl<DB: Backend> Eraser<DB> {
    /// The last note of each of the tenant's erasures.
    async fn noted(&self) -> Result<BTreeMap<Uuid, ErasureNote>, EraseError> {
        let notes = self.ledger.notes().await?;
        let own = notes.into_iter().filter(|note| note.tenant == self.tenant());
        Ok(own.map(|note| (note.request, note)).collect())
    }

    /// Whether the database knows of every erasure that the ledger holds. To be asked before anybody
    /// is served: a database that was restored from a backup does not, until
    /// [`replay_since`](Self::replay_since) has run.
    ///
    /// A backup that was taken while an erasure ran knows of it; what was left is done by
    /// [`sweep`](Self::sweep).
    ///
    /// # Errors
    ///
    /// [`EraseError::NotReplayed`]; [`EraseError::Ledger`], those of the database.
    pub async fn boot_check(&self) -> Result<(), EraseError> {
        let mut erasures = 0_usize;
        for request in self.noted().await?.into_keys() {
            let known = self.load(request).await?;
            erasures = erasures.saturating_add(usize::from(known.is_none()));
        }
        if erasures == 0 { Ok(()) } else { Err(EraseError::NotReplayed { erasures }) }
    }

    /// After a restore from a backup that was taken then: does every erasure again that was intended
    /// since, or that the database does not know of. Returns them, and where they are.
    ///
    /// An erasure whose identity was destroyed at the end of its record period cannot be done again, and
    /// counts as done: its key is destroyed only once part 2 of its certificate stands, when no backup
    /// is left that holds the person. That they were erased is known again by their tokens; should
    /// they be in what was restored all the same, it was a backup that ought not to exist.
    ///
    /// # Errors
    ///
    /// Any [`EraseError`], [`EraseError::Vault`] among others where the key of an identity is not
    /// there: the keys must not be in the backup set of the database. Asking again goes on.
    pub async fn replay_since(
        &self,
        backup_taken_at: Timestamp,
    ) -> Result<Vec<(Uuid, ErasureState)>, EraseError> {
        let mut done = Vec::new();
        for (request, note) in self.noted().await? {
            match self.load(request).await? {
                None => {
                    if !self.begin_again(note).await? {
                        done.push((request, ErasureState::Done));
                        continue;
                    }
                }
                Some(stored) if note.at >= backup_taken_at && !stored.after.forgotten => {
                    match self.person(&stored.body).await {
                        Ok(_) => self.undo(request, &stored).await?,
                        Err(EraseError::Vault(VaultError::Destroyed)) => {
                            self.nobody_can_tell(request, &stored).await?;
                            done.push((request, ErasureState::Done));
                            continue;
                        }
                        Err(error) => return Err(error),
                    }
                }
                Some(_) => continue,
            }
            done.push((request, self.run(request).await?));
        }
        Ok(done)
    }

    /// Records an erasure again that the database has forgotten; whether it can be carried out.
    async fn begin_again(&self, note: ErasureNote) -> Result<bool, EraseError> {
        let request = note.request;
        let ErasureNote { at, ground, identity, plan, refs, tokens, vault, .. } = note;
        let body = Body { at, ground, identity, plan, refs, tokens, vault };
        let mut stored = StoredErasure {
            state: ErasureState::Running,
            body,
            certificate: None,
            after: After::default(),
            steps: self.steps(),
        };
        let can = match self.foresee_again(request, &stored).await {
            Ok(foreseen) => {
                for (step, (goes, kept)) in stored.steps.iter_mut().zip(foreseen) {
                    (step.outcome.planned, step.outcome.planned_kept) = (goes, kept);
                }
                true
            }
            Err(EraseError::Vault(VaultError::Destroyed)) => false,
            Err(error) => return Err(error),
        };
        let StoredErasure { mut body, steps, .. } = stored;
        let mut tx = self.desk.journal.begin().await?;
        if can {
            self.enter(&mut tx, request, (&body, &steps)).await?;
        } else {
            body = Body { identity: String::new(), refs: Vec::new(), ..body };
            let now = self.desk.options.clock.now();
            store::insert::<DB>(&mut tx, (self.tenant(), request), &body, &[]).await?;
            store::suppress::<DB>(&mut tx, (self.tenant(), request), &body.tokens).await?;
            store::set_forgotten::<DB>(&mut tx, request, now).await?;
        }
        self.record_replay(&mut tx, request, can).await?;
        tx.commit().await?;
        Ok(can)
    }

    /// What each step of a forgotten erasure finds. A source that does not answer is counted when it
    /// does.
    async fn foresee_again(
        &self,
        request: Uuid,
        stored: &StoredErasure,
    ) -> Result<Vec<(u64, u64)>, EraseError> {
        let person = self.person(&stored.body).await?;
        let mut foreseen = Vec::with_capacity(stored.steps.len());
        for step in &stored.steps {
            foreseen.push(match step.kind {
                StepKind::Source => match self.foresee(request, stored, step, &person).await {
                    Err(EraseError::Source(_)) => (0, 0),
                    found => found?,
                },
                StepKind::Journal => (self.in_journal(&stored.body.refs).await?, 0),
                _ => (0, 0),
            });
        }
        Ok(foreseen)
    }

    /// Has all steps of an erasure done again.
    async fn undo(&self, request: Uuid, stored: &StoredErasure) -> Result<(), EraseError> {
        let mut tx = self.desk.journal.begin().await?;
        // One that is running may have come to its end since it was read.
        store::set_state::<DB>(&mut tx, request, stored.state, ErasureState::Running).await?;
        self.lease(&mut tx, request, &stored.body.tokens).await?;
        // Who had come back is to be let in again.
        store::suppress::<DB>(&mut tx, (self.tenant(), request), &stored.body.tokens).await?;
        for old in &stored.steps {
            let mut new = StoredStep { state: StepState::Pending, attempts: 0, ..old.clone() };
            // What a backup brings back is erased again, and counts once.
            new.outcome.expect(0);
            new.outcome.changed = 0;
            store::change::<DB>(&mut tx, request, old, &new).await?;
        }
        store::forget_look::<DB>(&mut tx, request).await?;
        self.record_replay(&mut tx, request, true).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The key of an erasure's identity was destroyed: what is left of it, nobody can do any more.
    pub(super) async fn nobody_can_tell(
        &self,
        request: Uuid,
        stored: &StoredErasure,
    ) -> Result<(), EraseError> {
        let now = self.desk.options.clock.now();
        let mut tx = self.desk.journal.begin().await?;
        store::set_state::<DB>(&mut tx, request, stored.state, stored.state).await?;
        store::set_forgotten::<DB>(&mut tx, request, now).await?;
        store::release::<DB>(&mut tx, request).await?;
        self.record_replay(&mut tx, request, false).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn record_replay(
        &self,
        tx: &mut audit_store::JournalTx<DB>,
        request: Uuid,
        can: bool,
    ) -> Result<(), EraseError> {
        let actor = Actor::system("privacy-rights");
        let entry = self.entry("rights.erasure_replayed", request, actor).meta("known", can);
        let result = if can { EventOutcome::Success } else { EventOutcome::Failure };
        self.record(tx, entry.outcome(result).build()?).await
    }
}
