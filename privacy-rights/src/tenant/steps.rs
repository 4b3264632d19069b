//! The steps of a purge, one by one.

use audit_core::{Actor, Outcome as EventOutcome};
use uuid::Uuid;

use crate::backend::Backend;
use crate::erasure::store::{ErasureState, StepState};
use crate::source::error::SourceError;
use crate::tenant::TenantStore;
use crate::tenant::error::PurgeError;
use crate::tenant::ledger::PurgeNote;
use crate::tenant::rows::{self, Outcome, Stored, StoredStep};
use crate::tenant::saga::{PurgeProgress, PurgeStep, TenantPurger, hold_ids, report};

impl<DB: Backend> TenantPurger<DB> {
    /// Does the next step of a purge, and records what came of it.
    ///
    /// # Errors
    ///
    /// Any [`PurgeError`]; the step is to be done again.
    pub async fn advance(&self, id: Uuid) -> Result<PurgeProgress, PurgeError> {
        let stored = self.load(id).await?.ok_or(PurgeError::Unknown)?;
        if stored.state != ErasureState::Running {
            return Ok(PurgeProgress::Ended(stored.state));
        }
        let pending = stored.steps.iter().find(|step| step.state == StepState::Pending);
        let Some(step) = pending else {
            return self.conclude(id, &stored).await.map(PurgeProgress::Ended);
        };
        match step.kind {
            PurgeStep::Note => {
                self.note(id, &stored).await?;
                let new = StoredStep { state: StepState::Done, ..step.clone() };
                self.persist(id, &stored, &[(step, &new)]).await
            }
            PurgeStep::Store | PurgeStep::Keys => self.purge(id, &stored, step).await,
            PurgeStep::Verify => self.verify(id, &stored, step).await,
        }
    }

    async fn note(&self, id: Uuid, stored: &Stored) -> Result<(), PurgeError> {
        let body = stored.body.clone();
        let note = PurgeNote {
            at: body.at,
            ground: body.ground,
            plan: body.plan,
            purge: id,
            tenant: stored.tenant.clone(),
        };
        Ok(self.ledger.note(&note).await?)
    }

    fn store(&self, name: &str) -> Result<&dyn TenantStore, PurgeError> {
        let found = self.stores.iter().find(|store| store.name() == name);
        let gone = || SourceError::Unavailable("the store is not there any more".into());
        let store =
            found.ok_or_else(|| PurgeError::Store { store: name.to_owned(), source: gone() });
        Ok(&**store?)
    }

    /// Purges a store. One that fails is tried again, some times; one that a hold or a law keeps waits.
    async fn purge(
        &self,
        id: Uuid,
        stored: &Stored,
        step: &StoredStep,
    ) -> Result<PurgeProgress, PurgeError> {
        // What is kept, and what could not be had, may be sealed under the keys.
        let waits =
            |other: &StoredStep| other.kind == PurgeStep::Store && other.state != StepState::Done;
        if step.kind == PurgeStep::Keys && stored.steps.iter().any(waits) {
            let new = StoredStep { state: StepState::Deferred, ..step.clone() };
            return self.persist(id, stored, &[(step, &new)]).await;
        }
        let (store, now) = (self.store(&step.name)?, self.step(id));
        let permit = self.holds(&stored.tenant);
        let attempts = step.attempts.saturating_add(1);
        let mut new = StoredStep { attempts, ..step.clone() };
        match store.purge(&stored.tenant, &now, &permit).await {
            Ok(purged) => {
                new.outcome.gone = step.outcome.gone.saturating_add(purged.gone);
                new.state =
                    if purged.kept.is_empty() { StepState::Done } else { StepState::Deferred };
                new.outcome.kept = purged.kept;
            }
            Err(_) if attempts >= i64::from(self.attempts) => new.state = StepState::Failed,
            Err(_) => new.state = StepState::Pending,
        }
        self.persist(id, stored, &[(step, &new)]).await
    }

    /// Looks at every store again. Where something is that nothing explains, its step is done again,
    /// some times.
    async fn verify(
        &self,
        id: Uuid,
        stored: &Stored,
        step: &StoredStep,
    ) -> Result<PurgeProgress, PurgeError> {
        let attempts = step.attempts.saturating_add(1);
        let last = attempts >= i64::from(self.attempts);
        let (mut well, mut again) = (true, false);
        let mut looked = Vec::new();
        for old in &stored.steps {
            if !matches!(old.kind, PurgeStep::Store | PurgeStep::Keys) {
                continue;
            }
            let mut new = old.clone();
            match self.store(&old.name)?.survey(&stored.tenant, &self.step(id)).await {
                Ok(found) => {
                    // What a hold keeps, it keeps as a whole, and the keys wait for what is kept.
                    let held =
                        old.kind == PurgeStep::Keys || !hold_ids(&old.outcome.kept).is_empty();
                    let waits = held && old.state == StepState::Deferred;
                    let by_law = std::cmp::min(found.kept_by_law, found.items);
                    new.outcome.left = found.items;
                    new.outcome.explained = if waits { found.items } else { by_law };
                    new.outcome.unseen = found.unseen;
                }
                Err(_) => new.outcome.unseen = vec!["anything: it cannot be reached".to_owned()],
            }
            let unexplained = new.outcome.left > new.outcome.explained;
            if unexplained && old.state == StepState::Done && !last {
                (new.state, new.attempts, again) = (StepState::Pending, 0, true);
            }
            well &= !unexplained && new.outcome.unseen.is_empty();
            looked.push((old, new));
        }
        let state = match (well, again) {
            (true, _) => StepState::Done,
            (false, true) => StepState::Pending,
            (false, false) => StepState::Failed,
        };
        let new = StoredStep { state, attempts, ..step.clone() };
        let mut changes = vec![(step, &new)];
        changes.extend(looked.iter().map(|(old, new)| (*old, new)));
        self.persist(id, stored, &changes).await
    }

    /// Records what came of a step, with its entry; others may be changed by it.
    async fn persist(
        &self,
        id: Uuid,
        stored: &Stored,
        changes: &[(&StoredStep, &StoredStep)],
    ) -> Result<PurgeProgress, PurgeError> {
        let Some((_, first)) = changes.first() else { return Err(PurgeError::Damaged) };
        let mut tx = self.journal.begin().await?;
        for (old, new) in changes {
            rows::change::<DB>(&mut tx, id, old, new).await?;
        }
        let of_all = |of: fn(&Outcome) -> u64| {
            changes.iter().fold(0_u64, |sum, (_, step)| sum.saturating_add(of(&step.outcome)))
        };
        let unseen = changes.iter().any(|(_, step)| !step.outcome.unseen.is_empty());
        let outcome = match first.state {
            StepState::Done => EventOutcome::Success,
            StepState::Deferred => EventOutcome::Denied,
            _ => EventOutcome::Failure,
        };
        let system = Actor::system("privacy-rights");
        let mut entry = self
            .entry("rights.tenant_purge_step", id, &stored.tenant, system)
            .meta("step", rows::word(&first.kind)?)
            .meta("store", &first.name)
            .meta("state", rows::word(&first.state)?)
            .meta("holds", hold_ids(&first.outcome.kept));
        entry = match first.kind {
            PurgeStep::Verify => entry
                .meta("left", of_all(|outcome| outcome.left))
                .meta("explained", of_all(|outcome| outcome.explained))
                .meta("all_seen", !unseen),
            _ => entry.meta("gone", first.outcome.gone),
        };
        self.record(&mut tx, entry.outcome(outcome).build()?).await?;
        tx.commit().await?;
        let (kind, store, state) = (first.kind, first.name.clone(), first.state);
        Ok(PurgeProgress::Step { kind, store, state })
    }

    /// There is nothing left to do: says so in the state and the journal.
    async fn conclude(&self, id: Uuid, stored: &Stored) -> Result<ErasureState, PurgeError> {
        let any = |state| stored.steps.iter().any(|step| step.state == state);
        let end = if any(StepState::Failed) {
            ErasureState::Partial
        } else if any(StepState::Deferred) {
            ErasureState::Deferred
        } else {
            ErasureState::Done
        };
        let figures = report(stored);
        let mut tx = self.journal.begin().await?;
        rows::set_state::<DB>(&mut tx, id, (ErasureState::Running, end)).await?;
        let system = Actor::system("privacy-rights");
        let entry = self
            .entry("rights.tenant_purge_ended", id, &stored.tenant, system)
            .meta("state", rows::word(&end)?)
            .meta("plan", &stored.body.plan)
            .meta("gone", figures.gone)
            .meta("left", figures.left)
            .meta("explained", figures.explained)
            .meta("all_seen", figures.unseen.is_empty());
        self.record(&mut tx, entry.outcome(EventOutcome::Success).build()?).await?;
        tx.commit().await?;
        Ok(end)
    }
}
