//! The person's private fields in the journal.

use audit_core::{Actor, SubjectRef};
use audit_store::{Erasure, ErasureError};
use uuid::Uuid;

use crate::backend::Backend;
use crate::erasure::certificate::KeptCount;
use crate::erasure::error::EraseError;
use crate::erasure::saga::Eraser;
use crate::erasure::step::{Done, plain, printable};
use crate::erasure::store::{self, Outcome, StepState, StoredErasure, StoredStep};
use crate::source::permit::Until;
use crate::source::selection::Selection;

/// What a certificate calls the journal where it says what is kept.
const JOURNAL: &str = "journal";

impl<DB: Backend> Eraser<DB> {
    /// Of how many entries of the journal private fields of these pseudonyms are stored.
    pub(super) async fn in_journal(&self, refs: &[SubjectRef]) -> Result<u64, EraseError> {
        let mut entries = 0_u64;
        for subject in refs {
            let some = self.desk.journal.count_private(self.tenant(), *subject).await?;
            entries = entries.saturating_add(some);
        }
        Ok(entries)
    }

    /// Erases the journal's private fields of the person. What legal holds keep of them the journal
    /// lets go by itself when they are released; the step is deferred until then.
    pub(super) async fn erase_journal(
        &self,
        request: Uuid,
        stored: &StoredErasure,
        step: &StoredStep,
        person: &Selection,
    ) -> Result<Done, EraseError> {
        let mut outcome = step.outcome.clone();
        let Some(kind) = &self.journal_subject else { return Ok(plain(())) };
        // Whose a pseudonym was nobody knows afterwards: it is on record before.
        let known = stored.refs();
        outcome.refs.extend(self.refs(person).await?);
        outcome
            .refs
            .retain(|subject| !known.contains(subject) || step.outcome.refs.contains(subject));
        outcome.refs.dedup();
        if outcome.refs != step.outcome.refs {
            let new = StoredStep { outcome: outcome.clone(), ..step.clone() };
            let mut tx = self.desk.journal.begin().await?;
            store::change::<DB>(&mut tx, request, step, &new).await?;
            tx.commit().await?;
        }
        let mut changed = step.outcome.changed;
        for subject in person.values(kind) {
            let erasure = Erasure::new(
                self.tenant(),
                subject,
                Actor::system("privacy-rights"),
                &stored.body.ground,
                request.to_string(),
            );
            match self.desk.journal.erase_subject(&erasure).await {
                Ok(report) => {
                    changed = changed.saturating_add(report.removed);
                    if !known.contains(&report.subject) && !outcome.refs.contains(&report.subject) {
                        outcome.refs.push(report.subject);
                    }
                }
                // It knows nobody of that id, or does not any more.
                Err(ErasureError::UnknownSubject) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let left = self.desk.journal.finish_erasure(self.tenant(), &request.to_string()).await?;
        // What was kept and is not any more has gone with the release of its hold.
        let gone = step.outcome.records_kept.saturating_sub(left.entries);
        let kept = left.holds.into_iter().map(|(hold, entries)| {
            KeptCount::new(JOURNAL, "legal hold", Until::HoldReleased(printable(&hold)), entries)
        });
        let state = if left.entries == 0 { StepState::Done } else { StepState::Deferred };
        let outcome = Outcome {
            changed: changed.saturating_add(gone),
            kept: kept.collect(),
            held: left.entries,
            records_kept: left.entries,
            ..outcome
        };
        Ok((state, outcome))
    }

    /// Whether of what the journal had kept some is gone.
    pub(super) async fn is_journal_due(
        &self,
        request: Uuid,
        step: &StoredStep,
    ) -> Result<bool, EraseError> {
        let left = self.desk.journal.finish_erasure(self.tenant(), &request.to_string()).await?;
        Ok(left.entries < step.outcome.records_kept)
    }
}
