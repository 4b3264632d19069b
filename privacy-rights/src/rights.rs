//! Rectification, restriction, objection, withdrawal of consent and opt-out, carried out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use audit_core::{Actor, Event, Outcome, Target};
use audit_store::JournalTx;
use uuid::Uuid;

use crate::backend::Backend;
use crate::desk::Desk;
use crate::erasure::certificate::NoticeOutcome;
use crate::erasure::hooks::Notifier;
use crate::erasure::plan::PlannedKept;
use crate::registers::kept::Registers;
use crate::registers::kept::error::RegistersError;
use crate::registers::preference::{Preference, PreferenceError, PreferenceEvent, Preferences};
use crate::request::event::RequestEvent;
use crate::request::{Request, RequestState};
use crate::source::PersonalDataSource;
use crate::source::error::SourceError;
use crate::source::permit::{Permit, Reason};
use crate::source::record::Applied;
use crate::source::rectify::{Correction, CorrectionError};
use crate::source::selection::Selection;
use crate::source::walk::rectify_all;

pub(crate) mod error;
pub(crate) mod measure;
mod person;
mod store;

use error::RightsError;
use measure::{Measure, MeasurePlan, PlannedCorrection, Sealed};

/// Carries out the requests of a desk that are neither for a copy nor for an erasure: rectification
/// (GDPR Art. 16), restriction (Art. 18), objection (Art. 21), withdrawal of consent (Art. 7(3)) and
/// opt-out (CCPA).
///
/// A [`Measure`] is proposed, approved by its plan's digest ([`Desk::approve`]), carried out, looked
/// at again, and whoever received the data is told (Art. 19). What the person says about the use of
/// their data is entered in the [`Registers`] in one transaction with the request's own step, and
/// counts at once. Records are put right source by source; a legal hold keeps a record as it is,
/// which is recorded, and the request is then completed in part and can be resumed.
///
/// The new values lie sealed under the request's key until it is done; neither the plan nor the
/// journal holds them. Whoever calls [`run`](Self::run) after a crash goes on where it was: what was
/// put right is not changed twice, and a recipient may be told twice. So they may when it is resumed:
/// what was kept and is put right then concerns whoever was told before, too.
///
/// No record is put right while the person is being erased, nor after it by what was approved before:
/// that would bring back what is gone. It is seen by the registers' tokens, whose key has to be the
/// eraser's.
pub struct RightsHandler<DB: Backend> {
    desk: Arc<Desk<DB>>,
    registers: Arc<Registers<DB>>,
    sources: Vec<Arc<dyn PersonalDataSource>>,
    notifier: Arc<dyn Notifier>,
    permit: Option<Arc<dyn Permit>>,
    journal_subject: Option<String>,
}

impl<DB: Backend> RightsHandler<DB> {
    /// For the requests of the registers' desk, over these sources; `notifier` tells recipients.
    #[must_use]
    pub fn new(
        registers: Arc<Registers<DB>>,
        sources: Vec<Arc<dyn PersonalDataSource>>,
        notifier: Arc<dyn Notifier>,
    ) -> Self {
        let desk = Arc::clone(registers.desk());
        Self { desk, registers, sources, notifier, permit: None, journal_subject: None }
    }

    /// Asked about each record inside the transaction that puts it right, instead of the journal's
    /// legal holds: a [`HoldPermit`](crate::HoldPermit) for the person, each of whose identifiers is a
    /// target of its kind, and for the records, which are targets whose type is the source's name.
    #[must_use]
    pub fn permit(mut self, permit: Arc<dyn Permit>) -> Self {
        self.permit = Some(permit);
        self
    }

    /// The person's identifiers of that kind are those by which the journal knows them: its holds on
    /// data subjects count, too.
    #[must_use]
    pub fn journal_subject(mut self, kind: impl Into<String>) -> Self {
        self.journal_subject = Some(kind.into());
        self
    }

    /// Proposes what is to be done for a request: it is rehearsed, sealed, and from now on waits for
    /// approval by the plan's digest. Proposing again replaces what was not begun.
    ///
    /// # Errors
    ///
    /// [`RightsError::OtherRight`]; [`RightsError::Source`] with what a source would refuse;
    /// [`RightsError::Registers`] with a preference that contradicts; [`RightsError::Ambiguous`];
    /// [`RightsError::Desk`] where it is not the time for it; others of what is asked. Nothing was
    /// stored.
    pub async fn propose(
        &self,
        request: Uuid,
        measure: Measure,
        actor: Actor,
    ) -> Result<MeasurePlan, RightsError> {
        let known = self.desk.request(request).await?;
        if !measure.is_of(known.right()) {
            return Err(RightsError::OtherRight);
        }
        let person = self.person(request).await?;
        if let Measure::Prefer(all) = &measure {
            let mut preferences = self.registers.preferences(&person).await?;
            for one in all {
                preferences.add(self.after(&preferences, one))?;
            }
        }
        let sealed = Sealed::new(measure, self.erased(&person).await?);
        let plan = self.plan(&known, &sealed, &person).await?;
        let text = serde_json::to_string(&sealed).map_err(|_| RightsError::Damaged)?;
        let body = self.desk.options.vault.seal(self.tenant(), request, &text).await?;
        let mut tx = self.desk.journal.begin().await?;
        store::propose::<DB>(&mut tx, (self.tenant(), request), &body).await?;
        let event = RequestEvent::Planned { digest: plan.digest() };
        self.desk.step_in(&mut tx, request, event, actor).await?;
        tx.commit().await?;
        Ok(plan)
    }

    /// What was proposed for a request and is not done: for a notifier that has to tell what is right.
    ///
    /// # Errors
    ///
    /// [`RightsError::Unknown`] once it is done, too; [`RightsError::Vault`], those of the database.
    pub async fn measure(&self, request: Uuid) -> Result<Measure, RightsError> {
        Ok(self.open(request).await?.1.measure)
    }

    /// Carries out what was approved, or goes on with it. Returns where the request is then:
    /// completed; completed in part, where a hold keeps a record or a recipient was not told; failed,
    /// where a record is not as it was to be.
    ///
    /// # Errors
    ///
    /// [`RightsError::NotApproved`], [`RightsError::Stale`], [`RightsError::BeingErased`],
    /// [`RightsError::Conflict`], others of what is asked. Asking again goes on.
    pub async fn run(&self, request: Uuid) -> Result<RequestState, RightsError> {
        loop {
            let known = self.desk.request(request).await?;
            let done = match known.state() {
                RequestState::Executing => self.execute(&known).await,
                RequestState::Verifying => self.verify(&known).await,
                RequestState::Notifying => self.tell(&known).await,
                RequestState::Completed
                | RequestState::Failed
                | RequestState::PartiallyCompleted => return Ok(known.state()),
                _ => return Err(RightsError::NotApproved),
            };
            match done {
                Err(RightsError::Stale) if self.open(request).await?.0 == store::PROPOSED => {
                    self.step(request, RequestEvent::PlanStale).await?;
                    return Err(RightsError::Stale);
                }
                // What no repetition will mend is on record as failed.
                Err(
                    error @ (RightsError::Stale | RightsError::Source(SourceError::Correction(_))),
                ) => {
                    let reason = error.to_string();
                    self.step(request, RequestEvent::Failed { reason }).await?;
                    return Err(error);
                }
                done => done?,
            }
        }
    }

    /// Goes on with what failed, or was completed in part.
    ///
    /// # Errors
    ///
    /// As of [`run`](Self::run).
    pub async fn resume(&self, request: Uuid, actor: Actor) -> Result<RequestState, RightsError> {
        let known = self.desk.request(request).await?;
        if matches!(known.state(), RequestState::Failed | RequestState::PartiallyCompleted) {
            self.desk.record(request, RequestEvent::Resumed, actor).await?;
        }
        self.run(request).await
    }

    async fn execute(&self, known: &Request) -> Result<(), RightsError> {
        let request = known.id();
        let (state, sealed) = self.open(request).await?;
        let person = self.person(request).await?;
        if state == store::PROPOSED {
            let plan = self.plan(known, &sealed, &person).await?;
            let approved = known.events().iter().rev().find_map(|(_, event)| match event {
                RequestEvent::Approved { digest, .. } => Some(digest),
                _ => None,
            });
            if approved != Some(&plan.digest()) {
                return Err(RightsError::Stale);
            }
            self.begin(request, &plan).await?;
        }
        let mut tx = match &sealed.measure {
            Measure::Rectify(all) => {
                let permit = self.permit_of(&person, &sealed)?;
                for one in all {
                    rectify_all(self.source(one)?, (&person, one), &*permit, false).await?;
                }
                self.desk.journal.begin().await?
            }
            Measure::Prefer(all) => {
                let mut tx = self.desk.journal.begin().await?;
                for one in all {
                    self.prefer(&mut tx, &person, one).await?;
                }
                tx
            }
        };
        self.desk.step_in(&mut tx, request, RequestEvent::Executed, actor()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The intent is on record before anything is changed.
    async fn begin(&self, request: Uuid, plan: &MeasurePlan) -> Result<(), RightsError> {
        let mut tx = self.desk.journal.begin().await?;
        store::advance::<DB>(&mut tx, request, (store::PROPOSED, store::BEGUN)).await?;
        for one in &plan.corrections {
            let entry = self
                .entry("rights.rectification_intended", request)
                .outcome(Outcome::Success)
                .meta("source", &one.source)
                .meta("fields", &one.fields)
                .meta("records", one.records);
            tx.record(&self.desk.options.chain, entry.build()?).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Now, or with what was said last where the clock stands before that.
    fn after(&self, known: &Preferences, preference: &Preference) -> PreferenceEvent {
        let now = self.desk.options.clock.now();
        let last = known.history().last().map_or(now, |event| event.at);
        PreferenceEvent::new(std::cmp::max(now, last), preference.clone())
    }

    async fn prefer(
        &self,
        tx: &mut JournalTx<DB>,
        person: &Selection,
        preference: &Preference,
    ) -> Result<(), RightsError> {
        let known = self.registers.preferences_in(tx, person).await?;
        let event = self.after(&known, preference);
        match self.registers.prefer_in(tx, person, event, actor()).await {
            // It was ended meanwhile.
            Err(RegistersError::Preference(PreferenceError::NothingToEnd)) => Ok(()),
            done => Ok(done.map(drop)?),
        }
    }

    /// Reads back what was put right.
    async fn verify(&self, known: &Request) -> Result<(), RightsError> {
        let request = known.id();
        let (_, sealed) = self.open(request).await?;
        let person = self.person(request).await?;
        let (wrong, kept) = self.left(&sealed, &person).await?;
        if wrong > 0 {
            let reason = format!("{wrong} records are not as they were to be");
            return self.step(request, RequestEvent::Failed { reason }).await;
        }
        let mut tx = self.desk.journal.begin().await?;
        let mut held = 0_u64;
        for (one, kept) in kept {
            let records: u64 = kept.iter().map(|kept| kept.records).sum();
            held = held.saturating_add(records);
            let outcome = if records == 0 { Outcome::Success } else { Outcome::Failure };
            let mut grounds: Vec<&Reason> = kept.iter().flat_map(|kept| &kept.reasons).collect();
            grounds.sort();
            grounds.dedup();
            let entry = self
                .entry("rights.rectified", request)
                .outcome(outcome)
                .meta("source", one.source())
                .meta("fields", one.fields().keys().collect::<Vec<_>>())
                .meta("kept", records)
                .meta("grounds", grounds);
            tx.record(&self.desk.options.chain, entry.build()?).await?;
        }
        let event = RequestEvent::NothingLeft { remaining: held, explained: held };
        self.desk.step_in(&mut tx, request, event, actor()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Tells recipients, and ends the request.
    async fn tell(&self, known: &Request) -> Result<(), RightsError> {
        let request = known.id();
        let (_, sealed) = self.open(request).await?;
        let person = self.person(request).await?;
        let declarations = self.sources.iter().map(|source| source.declaration());
        let mut untold = Vec::new();
        for recipient in sealed.measure.recipients(declarations) {
            let told = self.notifier.notify(&recipient, request, &person).await;
            let (word, ground) = match &told {
                Ok(NoticeOutcome::Acknowledged) => ("acknowledged", None),
                Ok(NoticeOutcome::Told) => ("told", None),
                Ok(NoticeOutcome::NotTold { ground }) => ("not_told", Some(ground.clone())),
                Err(_) => ("failed", None),
            };
            let outcome = if told.is_ok() { Outcome::Success } else { Outcome::Failure };
            let entry = self.entry("rights.recipient_notified", request).outcome(outcome);
            let entry = entry.meta("recipient", &recipient).meta("notice", word);
            let entry = match ground {
                Some(ground) => entry.meta("ground", ground),
                None => entry,
            };
            let mut tx = self.desk.journal.begin().await?;
            tx.record(&self.desk.options.chain, entry.build()?).await?;
            tx.commit().await?;
            if told.is_err() {
                untold.push(recipient);
            }
        }
        let (_, kept) = self.left(&sealed, &person).await?;
        let kept: u64 = kept.iter().flat_map(|(_, kept)| kept).map(|kept| kept.records).sum();
        let mut tx = self.desk.journal.begin().await?;
        let event = if !untold.is_empty() {
            let reason = format!("not told yet: {}", untold.join(", "));
            RequestEvent::PartiallyCompleted { reason }
        } else if kept > 0 {
            let reason = format!("{kept} records are kept as they are");
            RequestEvent::PartiallyCompleted { reason }
        } else {
            store::clear::<DB>(&mut tx, request).await?;
            RequestEvent::Completed
        };
        self.desk.step_in(&mut tx, request, event, actor()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// How many records are not right that could be, and which are kept as they are.
    async fn left<'m>(
        &self,
        sealed: &'m Sealed,
        person: &Selection,
    ) -> Result<(u64, Vec<(&'m Correction, Vec<PlannedKept>)>), RightsError> {
        let (mut wrong, mut kept) = (0_u64, Vec::new());
        if let Measure::Rectify(all) = &sealed.measure {
            let permit = self.permit_of(person, sealed)?;
            for one in all {
                let done = rectify_all(self.source(one)?, (person, one), &*permit, true).await?;
                wrong = wrong.saturating_add(done.changed);
                kept.push((one, grouped(done)));
            }
        }
        Ok((wrong, kept))
    }

    async fn plan(
        &self,
        known: &Request,
        sealed: &Sealed,
        person: &Selection,
    ) -> Result<MeasurePlan, RightsError> {
        let (mut corrections, mut preferences) = (Vec::new(), Vec::new());
        match &sealed.measure {
            Measure::Prefer(all) => preferences.clone_from(all),
            Measure::Rectify(all) => {
                let permit = self.permit_of(person, sealed)?;
                for (at, one) in all.iter().enumerate() {
                    if all.iter().skip(at.saturating_add(1)).any(|other| other.overlaps(one)) {
                        return Err(SourceError::from(CorrectionError::Contradictory).into());
                    }
                    let done =
                        rectify_all(self.source(one)?, (person, one), &*permit, true).await?;
                    corrections.push(PlannedCorrection {
                        fields: one.fields().keys().cloned().collect(),
                        record: one.record().map(ToOwned::to_owned),
                        records: done.changed,
                        source: one.source().to_owned(),
                        kept: grouped(done),
                    });
                }
            }
        }
        let declarations = self.sources.iter().map(|source| source.declaration());
        Ok(MeasurePlan {
            commitment: sealed.commitment(),
            corrections,
            preferences,
            recipients: sealed.measure.recipients(declarations),
            request: known.id(),
            right: known.right().name(),
        })
    }

    fn source(&self, correction: &Correction) -> Result<&dyn PersonalDataSource, SourceError> {
        let mut sources = self.sources.iter().map(|source| &**source);
        let found = sources.find(|source| source.declaration().name() == correction.source());
        let name = || correction.source().to_owned();
        found.ok_or_else(|| CorrectionError::Unsupported { name: name() }.into())
    }

    async fn open(&self, request: Uuid) -> Result<(String, Sealed), RightsError> {
        let mut conn = self.desk.pool.acquire().await?;
        let (state, body) = store::load::<DB>(&mut conn, (self.tenant(), request)).await?;
        drop(conn);
        if state == store::DONE {
            return Err(RightsError::Unknown);
        }
        let text = self.desk.options.vault.open(self.tenant(), request, &body).await?;
        Ok((state, serde_json::from_str(&text).map_err(|_| RightsError::Damaged)?))
    }

    async fn step(&self, request: Uuid, event: RequestEvent) -> Result<(), RightsError> {
        self.desk.record(request, event, actor()).await?;
        Ok(())
    }

    fn entry(&self, action: &str, request: Uuid) -> audit_core::EventBuilder {
        Event::builder(action, actor()).target(Target::new("rights_request", request.to_string()))
    }

    fn tenant(&self) -> &str {
        self.desk.options.chain.tenant()
    }
}

fn actor() -> Actor {
    Actor::system("privacy-rights")
}

/// The records that stay as they are, by reason.
fn grouped(done: Applied) -> Vec<PlannedKept> {
    let mut groups: BTreeMap<Vec<Reason>, u64> = BTreeMap::new();
    for mut kept in done.kept {
        kept.reasons.sort();
        let count = groups.entry(kept.reasons).or_default();
        *count = count.saturating_add(1);
    }
    let groups = groups.into_iter();
    groups.map(|(reasons, records)| PlannedKept { in_part: false, reasons, records }).collect()
}

impl<DB: Backend> fmt::Debug for RightsHandler<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RightsHandler")
            .field("chain", &self.desk.options.chain)
            .finish_non_exhaustive()
    }
}
