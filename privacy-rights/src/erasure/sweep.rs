//! What becomes due by itself: holds that were released, periods that are over, and what follows.

use std::collections::BTreeMap;

use audit_core::{Actor, Outcome as EventOutcome};
use audit_store::JournalTx;
use uuid::Uuid;

use crate::backend::Backend;
use crate::desk::sweep::SweepReport;
use crate::desk::vault::VaultError;
use crate::erasure::error::EraseError;
use crate::erasure::saga::Eraser;
use crate::erasure::store::{
    self, ErasureState, Outcome, StepKind, StepState, StoredErasure, StoredStep,
};
use crate::source::selection::Selection;
use crate::source::walk::foresee_all;

/// By the number of a step, how many records would go, and how many be kept.
type Foreseen = BTreeMap<i64, (u64, u64)>;

/// What a sweep of a desk and its erasures did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swept {
    /// Of the requests, and of bundles handed out.
    pub requests: SweepReport,
    /// The erasures that were gone on with, and where they are.
    pub erasures: Vec<(Uuid, ErasureState)>,
}

impl<DB: Backend> Eraser<DB> {
    /// Everything that is due by itself at the desk: [`Desk::sweep`](crate::Desk::sweep), then
    /// [`sweep`](Self::sweep). The one call that a host makes now and then. An erasure whose time to
    /// think it over has passed is among the requests that are begun now, and waits for
    /// [`begin`](Self::begin), which is given its ground.
    ///
    /// # Errors
    ///
    /// Those of both. What fails at the desk keeps no erasure from being gone on with; what was done
    /// stays done, and is in the journal.
    pub async fn sweep_all(&self) -> Result<Swept, EraseError> {
        let requests = self.desk.sweep().await;
        let erasures = self.sweep().await?;
        Ok(Swept { requests: requests?, erasures })
    }

    /// Does what is due by itself in all erasures. To be called now and then, by one process or by
    /// many, and when a hold was released. Returns the erasures that were gone on with, and where
    /// they are.
    ///
    /// - What was interrupted goes on; what is given up waits for [`resume`](Self::resume).
    /// - What a hold or a law had kept, and does not keep any more, is erased.
    /// - Some time after the end ([`second_look`](Self::second_look)) it is looked once more whether
    ///   anything is left (`rights.erasure_looked_again`). What was written late is erased, and there
    ///   is a new certificate; recipients are not told again. Who comes back of their own will is not
    ///   told from a late writer, unless the host says so ([`came_back`](Self::came_back)).
    /// - Once no backup is left that holds what was erased
    ///   ([`rolling_backups`](Self::rolling_backups)), the second part of the certificate is recorded
    ///   and signed ([`backups_certificate`](Self::backups_certificate)).
    /// - Once that stands and the desk's record period is over
    ///   ([`DeskOptions::record_months`](crate::DeskOptions::record_months)), counted from the end of
    ///   all steps, the keys under which it is sealed whom the erasure and its request were about are
    ///   destroyed (`rights.erasure_forgotten`). That somebody was erased still shows by their token.
    ///
    /// # Errors
    ///
    /// Any [`EraseError`]; what was done stays done. What fails of one erasure keeps no other from
    /// being gone on with.
    pub async fn sweep(&self) -> Result<Vec<(Uuid, ErasureState)>, EraseError> {
        let (mut moved, mut after, mut failed) = (Vec::new(), String::new(), None);
        loop {
            let mut conn = self.desk.pool.acquire().await?;
            let ids = store::open::<DB>(&mut conn, self.tenant(), &after).await?;
            drop(conn);
            let Some(last) = ids.last() else { return failed.map_or(Ok(moved), Err) };
            after = last.to_string();
            for id in ids {
                match self.sweep_one(id).await {
                    Ok(Some(state)) => moved.push((id, state)),
                    // Somebody else is at it.
                    Ok(None) | Err(EraseError::Conflict | EraseError::Leased) => {}
                    Err(error @ (EraseError::Database(_) | EraseError::Journal(_))) => {
                        return Err(error);
                    }
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
        }
    }

    async fn sweep_one(&self, request: Uuid) -> Result<Option<ErasureState>, EraseError> {
        let Some(stored) = self.load(request).await? else { return Ok(None) };
        match self.go_on(request, &stored).await {
            Err(EraseError::Vault(VaultError::Destroyed)) => {
                self.nobody_can_tell(request, &stored).await?;
                Ok(None)
            }
            done => done,
        }
    }

    async fn go_on(
        &self,
        request: Uuid,
        stored: &StoredErasure,
    ) -> Result<Option<ErasureState>, EraseError> {
        let went_on = match stored.state {
            ErasureState::Running => Some(self.run(request).await?),
            ErasureState::Deferred => match self.due(request, stored).await? {
                Some(foreseen) => {
                    self.again(request, stored, &foreseen).await?;
                    Some(self.run(request).await?)
                }
                None => None,
            },
            _ => None,
        };
        Ok(self.follow_up(request).await?.or(went_on))
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
    pub(super) async fn foresee(
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
        let deferred = |step: &StoredStep| {
            let mut outcome = step.outcome.clone();
            if let Some((goes, kept)) = foreseen.get(&step.number) {
                outcome.planned = step.erased().saturating_add(*goes);
                outcome.planned_kept = *kept;
            }
            (step.state == StepState::Deferred).then_some(outcome)
        };
        self.reopen(&mut tx, request, stored, deferred).await?;
        // It ends anew, and is looked at again after that.
        store::forget_look::<DB>(&mut tx, request).await?;
        let actor = Actor::system("privacy-rights");
        let entry = self.entry("rights.erasure_resumed", request, actor);
        self.record(&mut tx, entry.outcome(EventOutcome::Success).build()?).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Has the steps of an erasure that has ended for which `which` has an outcome, and what follows
    /// from them, done again.
    pub(super) async fn reopen(
        &self,
        tx: &mut JournalTx<DB>,
        request: Uuid,
        stored: &StoredErasure,
        which: impl Fn(&StoredStep) -> Option<Outcome>,
    ) -> Result<(), EraseError> {
        store::set_state::<DB>(tx, request, stored.state, ErasureState::Running).await?;
        self.lease(tx, request, &stored.body.tokens).await?;
        for old in &stored.steps {
            let follows = matches!(old.kind, StepKind::Verify | StepKind::Certify | StepKind::Sign);
            let outcome = which(old).or_else(|| follows.then(|| old.outcome.clone()));
            if let Some(outcome) = outcome {
                let state = StepState::Pending;
                let new = StoredStep { state, attempts: 0, outcome, ..old.clone() };
                store::change::<DB>(tx, request, old, &new).await?;
            }
        }
        Ok(())
    }
}
