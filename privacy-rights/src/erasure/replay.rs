//! What comes after: holds that were released, periods that are over, databases that were restored.

use std::collections::BTreeMap;

use audit_core::{Actor, Outcome as EventOutcome, Timestamp};
use uuid::Uuid;

use crate::backend::Backend;
use crate::erasure::error::EraseError;
use crate::erasure::ledger::ErasureNote;
use crate::erasure::saga::Eraser;
use crate::erasure::store::{
    self, Body, ErasureState, StepKind, StepState, StoredErasure, StoredStep,
};
use crate::source::selection::Selection;
use crate::source::walk::foresee_all;

/// By the number of a step, how many records would go, and how many be kept.
type Foreseen = BTreeMap<i64, (u64, u64)>;

impl<DB: Backend> Eraser<DB> {
    /// Goes on with what was interrupted, and erases what a hold or a law had kept and does not keep
    /// any more. To be called now and then, and when a hold was released. Returns the erasures that
    /// were gone on with, and where they are.
    ///
    /// What is given up waits for [`resume`](Self::resume).
    ///
    /// # Errors
    ///
    /// Any [`EraseError`]; what was done stays done.
    pub async fn sweep(&self) -> Result<Vec<(Uuid, ErasureState)>, EraseError> {
        let (mut moved, mut after) = (Vec::new(), String::new());
        loop {
            let mut conn = self.desk.pool.acquire().await?;
            let ids = store::open::<DB>(&mut conn, self.tenant(), &after).await?;
            drop(conn);
            let Some(last) = ids.last() else { return Ok(moved) };
            after = last.to_string();
            for id in ids {
                match self.sweep_one(id).await {
                    Ok(Some(state)) => moved.push((id, state)),
                    // Somebody else is at it.
                    Ok(None) | Err(EraseError::Conflict | EraseError::Leased) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    async fn sweep_one(&self, request: Uuid) -> Result<Option<ErasureState>, EraseError> {
        let Some(stored) = self.load(request).await? else { return Ok(None) };
        match stored.state {
            ErasureState::Running => self.run(request).await.map(Some),
            ErasureState::Deferred => match self.due(request, &stored).await? {
                Some(foreseen) => {
                    self.again(request, &stored, &foreseen).await?;
                    self.run(request).await.map(Some)
                }
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// What of that which was kept would go now, by step; none if nothing would.
    async fn due(
        &self,
        request: Uuid,
        stored: &StoredErasure,
    ) -> Result<Option<Foreseen>, EraseError> {
        let person = self.person(&stored.body).await?;
        let (mut foreseen, mut is_due) = (Foreseen::new(), false);
        for step in stored.steps.iter().filter(|step| step.state == StepState::Deferred) {
            match step.kind {
                StepKind::Source => {
                    let (goes, kept) = self.foresee(request, stored, step, &person).await?;
                    foreseen.insert(step.number, (goes, kept));
                    // One that waits for the others is due when they are.
                    is_due |= !step.waits() && (goes > 0 || kept < step.outcome.records_kept);
                }
                StepKind::Journal => is_due |= self.is_journal_due(request, step).await?,
                _ => {}
            }
        }
        Ok(is_due.then_some(foreseen))
    }

    /// How many records of a source would go as a whole or be kept.
    async fn foresee(
        &self,
        request: Uuid,
        stored: &StoredErasure,
        step: &StoredStep,
        person: &Selection,
    ) -> Result<(u64, u64), EraseError> {
        let permit = self.permit_of(person, &stored.refs());
        let (mut kept, mut in_part) = (0_u64, 0_u64);
        let source = self.source(&step.name)?;
        let now = self.step_of(request);
        let goes = foresee_all(source, person, &now, &*permit, |applied| {
            for one in &applied.kept {
                kept = kept.saturating_add(1);
                in_part = in_part.saturating_add(u64::from(!one.fields.is_empty()));
            }
        });
        Ok((goes.await?.saturating_sub(in_part), kept))
    }

    /// Has the deferred steps, and what follows from them, done again.
    async fn again(
        &self,
        request: Uuid,
        stored: &StoredErasure,
        foreseen: &Foreseen,
    ) -> Result<(), EraseError> {
        let mut tx = self.desk.journal.begin().await?;
        store::set_state::<DB>(&mut tx, request, stored.state, ErasureState::Running).await?;
        store::lease::<DB>(&mut tx, (self.tenant(), request), &stored.body.tokens).await?;
        for old in &stored.steps {
            let follows = matches!(old.kind, StepKind::Verify | StepKind::Certify | StepKind::Sign);
            if follows || old.state == StepState::Deferred {
                let mut new = StoredStep { state: StepState::Pending, attempts: 0, ..old.clone() };
                if let Some((goes, kept)) = foreseen.get(&old.number) {
                    new.outcome.planned = old.erased().saturating_add(*goes);
                    new.outcome.planned_kept = *kept;
                }
                store::change::<DB>(&mut tx, request, old, &new).await?;
            }
        }
        let actor = Actor::system("privacy-rights");
        let entry = self.entry("rights.erasure_resumed", request, actor);
        self.record(&mut tx, entry.outcome(EventOutcome::Success).build()?).await?;
        tx.commit().await?;
        Ok(())
    }

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
                None => self.begin_again(note).await?,
                Some(stored) if note.at >= backup_taken_at => {
                    self.undo(request, &stored).await?;
                }
                Some(_) => continue,
            }
            done.push((request, self.run(request).await?));
        }
        Ok(done)
    }

    /// Records an erasure again that the database has forgotten.
    async fn begin_again(&self, note: ErasureNote) -> Result<(), EraseError> {
        let request = note.request;
        let ErasureNote { at, ground, identity, plan, refs, tokens, vault, .. } = note;
        let body = Body { at, ground, identity, plan, refs, tokens, vault };
        let (state, certificate) = (ErasureState::Running, None);
        let mut stored = StoredErasure { state, body, certificate, steps: self.steps() };
        let foreseen = self.foresee_again(request, &stored).await?;
        for (step, (goes, kept)) in stored.steps.iter_mut().zip(foreseen) {
            (step.outcome.planned, step.outcome.planned_kept) = (goes, kept);
        }
        let StoredErasure { body, steps, .. } = stored;
        let mut tx = self.desk.journal.begin().await?;
        store::insert::<DB>(&mut tx, (self.tenant(), request), &body, &steps).await?;
        self.record_replay(&mut tx, request).await?;
        tx.commit().await?;
        Ok(())
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
        if stored.state != ErasureState::Running {
            store::set_state::<DB>(&mut tx, request, stored.state, ErasureState::Running).await?;
        }
        store::lease::<DB>(&mut tx, (self.tenant(), request), &stored.body.tokens).await?;
        for old in &stored.steps {
            let mut new = StoredStep { state: StepState::Pending, attempts: 0, ..old.clone() };
            // What a backup brings back is erased again, and counts once.
            new.outcome.expect(0);
            new.outcome.changed = 0;
            store::change::<DB>(&mut tx, request, old, &new).await?;
        }
        self.record_replay(&mut tx, request).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn record_replay(
        &self,
        tx: &mut audit_store::JournalTx<DB>,
        request: Uuid,
    ) -> Result<(), EraseError> {
        let actor = Actor::system("privacy-rights");
        let entry = self.entry("rights.erasure_replayed", request, actor);
        self.record(tx, entry.outcome(EventOutcome::Success).build()?).await
    }
}
