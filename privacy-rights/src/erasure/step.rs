//! The steps of an erasure, one by one.

use std::collections::BTreeMap;

use audit_core::{Actor, MAX_NAME, Outcome as EventOutcome};
use uuid::Uuid;

use crate::backend::Backend;
use crate::desk::error::DeskError;
use crate::erasure::certificate::{KeptCount, LeftCount};
use crate::erasure::error::EraseError;
use crate::erasure::ledger::ErasureNote;
use crate::erasure::saga::{Eraser, Progress};
use crate::erasure::store::{
    self, ErasureState, Outcome, StepKind, StepState, StoredErasure, StoredStep, word,
};
use crate::request::RequestState;
use crate::request::error::TransitionError;
use crate::request::event::RequestEvent;
use crate::source::PersonalDataSource;
use crate::source::error::SourceError;
use crate::source::permit::Until;
use crate::source::record::Kept;
use crate::source::selection::Selection;
use crate::source::walk::apply_all;

/// What came of a step: where it is, and what it did.
pub(super) type Done = (StepState, Outcome);

impl<DB: Backend> Eraser<DB> {
    /// Does a step and records it.
    pub(super) async fn take(
        &self,
        request: Uuid,
        stored: &StoredErasure,
        step: &StoredStep,
    ) -> Result<Progress, EraseError> {
        let person = self.person(&stored.body).await?;
        if matches!(step.kind, StepKind::Revoke | StepKind::Source) {
            // What was made of the data goes before the data.
            self.desk.delete_those_of(&stored.body.tokens).await?;
        }
        let done = match step.kind {
            StepKind::Note => self.note(request, stored).await,
            StepKind::Revoke => match &self.revocation {
                Some(revocation) => revocation.revoke(&person).await.map(plain),
                None => Ok(plain(())),
            }
            .map_err(EraseError::from),
            StepKind::Source => self.erase_source(request, stored, step, &person).await,
            StepKind::Keys => self.destroy_keys(stored, &person).await,
            StepKind::Journal => self.erase_journal(request, stored, step, &person).await,
            StepKind::Verify => return self.verify(request, stored, step, &person).await,
            StepKind::Notify => self.tell(request, step, &person).await,
            StepKind::Certify => return self.certify(request, stored, step).await,
            StepKind::Sign => return self.sign(request, stored, step).await,
        };
        // What others have to answer for is given up after some time; the rest is not.
        let gives_up = matches!(step.kind, StepKind::Source | StepKind::Notify);
        let attempts = step.attempts.saturating_add(1);
        let (state, outcome) = match done {
            Ok(done) => done,
            Err(EraseError::Source(_)) if gives_up => {
                let last = attempts >= i64::from(self.attempts);
                let state = if last { StepState::Failed } else { StepState::Pending };
                (state, step.outcome.clone())
            }
            Err(error) => return Err(error),
        };
        let new = StoredStep { state, attempts, outcome, ..step.clone() };
        self.persist(request, &[(step, &new)]).await
    }

    /// Records what came of a step, with its entry; other steps may have to be done again by it.
    pub(super) async fn persist(
        &self,
        request: Uuid,
        changes: &[(&StoredStep, &StoredStep)],
    ) -> Result<Progress, EraseError> {
        let Some((_, first)) = changes.first() else { return Err(EraseError::Damaged) };
        let mut tx = self.desk.journal.begin().await?;
        for (old, new) in changes {
            store::change::<DB>(&mut tx, request, old, new).await?;
        }
        let well = matches!(first.state, StepState::Done | StepState::Deferred);
        let result = if well { EventOutcome::Success } else { EventOutcome::Failure };
        let kept: u64 = first.outcome.records_kept;
        let entry = self
            .entry("rights.erasure_step", request, Actor::system("privacy-rights"))
            .meta("step", word(&first.kind)?)
            .meta("name", &first.name)
            .meta("state", word(&first.state)?)
            .meta("erased", first.outcome.changed)
            .meta("kept", kept);
        self.record(&mut tx, entry.outcome(result).build()?).await?;
        tx.commit().await?;
        let (kind, name, state) = (first.kind, first.name.clone(), first.state);
        Ok(Progress::Step { kind, name, state })
    }

    async fn note(&self, request: Uuid, stored: &StoredErasure) -> Result<Done, EraseError> {
        let body = stored.body.clone();
        let note = ErasureNote {
            at: body.at,
            ground: body.ground,
            identity: body.identity,
            plan: body.plan,
            refs: body.refs,
            request,
            tenant: self.tenant().to_owned(),
            tokens: body.tokens,
            vault: body.vault,
        };
        self.ledger.note(&note).await?;
        Ok(plain(()))
    }

    pub(super) fn source(&self, name: &str) -> Result<&dyn PersonalDataSource, EraseError> {
        let source = self.sources.iter().find(|source| source.declaration().name() == name);
        let gone = || SourceError::Unavailable("the source is not there any more".into());
        Ok(&**source.ok_or_else(gone)?)
    }

    async fn erase_source(
        &self,
        request: Uuid,
        stored: &StoredErasure,
        step: &StoredStep,
        person: &Selection,
    ) -> Result<Done, EraseError> {
        let source = self.source(&step.name)?;
        let waits = |other: &&StoredStep| {
            other.kind == StepKind::Source && other.state == StepState::Deferred
        };
        let is_root = self.sources.last().is_some_and(|last| {
            last.declaration().name() == step.name && last.declaration().deletes_rows()
        });
        if is_root && stored.steps.iter().any(|other| waits(&other)) {
            // What is kept names its rows, and is found through them.
            return Ok((StepState::Deferred, step.outcome.clone()));
        }
        let mut kept: BTreeMap<(String, Until), u64> = BTreeMap::new();
        let (mut held, mut records_kept) = (0_u64, 0_u64);
        let each = |applied: &crate::source::record::Applied| {
            for one in &applied.kept {
                records_kept = records_kept.saturating_add(1);
                held = held.saturating_add(u64::from(is_held_only(one)));
                let mut reasons: Vec<_> = one
                    .reasons
                    .iter()
                    .map(|why| (printable(&why.ground), why.until.clone()))
                    .collect();
                reasons.sort();
                reasons.dedup();
                for reason in reasons {
                    let count = kept.entry(reason).or_default();
                    *count = count.saturating_add(1);
                }
            }
        };
        let now = self.step_of(request);
        let permit = self.permit_of(person, &stored.refs());
        let changed = apply_all(source, person, &now, &*permit, each).await?;
        let kept = kept
            .into_iter()
            .map(|((ground, until), records)| KeptCount::new(&step.name, ground, until, records));
        let outcome = Outcome {
            changed: step.outcome.changed.saturating_add(changed),
            kept: kept.collect(),
            held,
            records_kept,
            ..step.outcome.clone()
        };
        let state = if outcome.records_kept == 0 { StepState::Done } else { StepState::Deferred };
        Ok((state, outcome))
    }

    /// Keys go when no record is kept: one that is kept may be sealed under them.
    async fn destroy_keys(
        &self,
        stored: &StoredErasure,
        person: &Selection,
    ) -> Result<Done, EraseError> {
        let Some(keys) = &self.keys else { return Ok(plain(())) };
        let keeps = |step: &StoredStep| step.outcome.records_kept > 0;
        if stored.steps.iter().any(|step| step.kind == StepKind::Source && keeps(step)) {
            return Ok((StepState::Deferred, Outcome::default()));
        }
        let keys = keys.destroy(self.tenant(), person).await?;
        Ok((StepState::Done, Outcome { keys, ..Outcome::default() }))
    }

    /// Counts what is left, and finds the sources in which that is not explained, and of how much.
    pub(super) async fn left<'a>(
        &self,
        request: Uuid,
        stored: &'a StoredErasure,
        person: &Selection,
    ) -> Result<(LeftCount, Vec<(&'a StoredStep, u64)>), EraseError> {
        let (mut left, mut again) = (LeftCount::default(), Vec::new());
        let now = self.step_of(request);
        let is_back = self.is_back(stored).await?;
        for other in stored.steps.iter().filter(|step| step.kind == StepKind::Source) {
            let found = self.source(&other.name)?.remaining(person, &now).await?;
            let mut explained = found.kept_by_law.saturating_add(other.outcome.held);
            // A root that waits for others waits as a whole; what is found of somebody who has come
            // back was given since.
            if other.waits() || is_back {
                explained = found.records;
            }
            explained = std::cmp::min(explained, found.records);
            if explained < found.records {
                again.push((other, found.records.saturating_sub(explained)));
            }
            left.records = left.records.saturating_add(found.records);
            left.explained = left.explained.saturating_add(explained);
        }
        // Who comes back later is somebody new to the journal, and no business of this erasure's.
        let journal = stored.steps.iter().find(|step| step.kind == StepKind::Journal);
        if let (Some(journal), None) = (journal, &stored.certificate) {
            let entries = self.in_journal(&self.refs(person).await?).await?;
            left.records = left.records.saturating_add(entries);
            if entries > 0 {
                again.push((journal, entries));
            }
        }
        Ok((left, again))
    }

    /// Looks what is left. What came while the erasure ran is erased again, some times.
    async fn verify(
        &self,
        request: Uuid,
        stored: &StoredErasure,
        step: &StoredStep,
        person: &Selection,
    ) -> Result<Progress, EraseError> {
        let (left, again) = self.left(request, stored, person).await?;
        let attempts = step.attempts.saturating_add(1);
        let outcome = Outcome { left: Some(left), ..Outcome::default() };
        let state = match again.is_empty() {
            true => StepState::Done,
            false if attempts >= i64::from(self.attempts) => StepState::Failed,
            false => StepState::Pending,
        };
        let new = StoredStep { state, attempts, outcome, ..step.clone() };
        let pending = |(old, more): &(&StoredStep, u64)| {
            let mut new = StoredStep { state: StepState::Pending, attempts: 0, ..(*old).clone() };
            new.outcome.expect(*more);
            new
        };
        let repeated: Vec<StoredStep> = again.iter().map(pending).collect();
        let mut changes = vec![(step, &new)];
        changes.extend(again.iter().map(|(old, _)| *old).zip(&repeated));
        self.persist(request, &changes).await
    }

    async fn tell(
        &self,
        request: Uuid,
        step: &StoredStep,
        person: &Selection,
    ) -> Result<Done, EraseError> {
        let Some((notifier, _)) = &self.notifier else { return Ok(plain(())) };
        let notice = Some(notifier.notify(&step.name, request, person).await?);
        Ok((StepState::Done, Outcome { notice, ..Outcome::default() }))
    }

    /// There is nothing left to do: says so in the state, the journal and the request.
    pub(super) async fn conclude(
        &self,
        request: Uuid,
        stored: &StoredErasure,
    ) -> Result<ErasureState, EraseError> {
        let any = |state| stored.steps.iter().any(|step| step.state == state);
        let end = if any(StepState::Failed) {
            ErasureState::Partial
        } else if any(StepState::Deferred) {
            ErasureState::Deferred
        } else {
            ErasureState::Done
        };
        // The request first: its steps are recorded each by itself, and taken once.
        self.tell_desk(request, stored, end).await?;
        let mut tx = self.desk.journal.begin().await?;
        store::set_state::<DB>(&mut tx, request, ErasureState::Running, end).await?;
        if end != ErasureState::Partial {
            store::release::<DB>(&mut tx, request).await?;
        }
        let actor = Actor::system("privacy-rights");
        let entry = self.entry("rights.erasure_ended", request, actor).meta("state", word(&end)?);
        self.record(&mut tx, entry.outcome(EventOutcome::Success).build()?).await?;
        tx.commit().await?;
        Ok(end)
    }

    /// Takes the request to where its erasure is.
    async fn tell_desk(
        &self,
        request: Uuid,
        stored: &StoredErasure,
        end: ErasureState,
    ) -> Result<(), EraseError> {
        let left = stored.steps.iter().find_map(|step| step.outcome.left).unwrap_or_default();
        let held = stored.steps.iter().any(|step| step.outcome.held > 0);
        let partly = match end {
            ErasureState::Partial => Some("a source or a recipient does not answer"),
            _ if held => Some("a hold keeps records"),
            _ => None,
        };
        loop {
            let known = match self.desk.request(request).await {
                Ok(known) => known,
                // The database was restored to before the request.
                Err(DeskError::Unknown) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let event = match (known.state(), partly) {
                (RequestState::Failed, _) => RequestEvent::Resumed,
                (RequestState::PartiallyCompleted, None) => RequestEvent::Resumed,
                (
                    RequestState::Executing | RequestState::Verifying | RequestState::Notifying,
                    Some(reason),
                ) => RequestEvent::PartiallyCompleted { reason: reason.to_owned() },
                (RequestState::Executing, None) => RequestEvent::Executed,
                (RequestState::Verifying, None) => {
                    RequestEvent::NothingLeft { remaining: left.records, explained: left.explained }
                }
                (RequestState::Notifying, None) => RequestEvent::Completed,
                _ => return Ok(()),
            };
            match self.desk.record(request, event, Actor::system("privacy-rights")).await {
                // Another process has just told it, or one that crashed while it did.
                Err(
                    DeskError::Conflict | DeskError::Transition(TransitionError::NotNow { .. }),
                ) => {
                    return Err(EraseError::Conflict);
                }
                told => told?,
            };
        }
    }
}

pub(super) fn plain(_done: ()) -> Done {
    (StepState::Done, Outcome::default())
}

/// A ground as a certificate can say it.
pub(super) fn printable(ground: &str) -> String {
    let mut text: String = ground.chars().filter(|character| !character.is_control()).collect();
    text.truncate(text.floor_char_boundary(MAX_NAME));
    if text.trim().is_empty() { "not named".to_owned() } else { text }
}

/// Whether a hold keeps a record, and no law.
fn is_held_only(kept: &Kept) -> bool {
    kept.reasons.iter().all(|reason| matches!(reason.until, Until::HoldReleased(_)))
}
