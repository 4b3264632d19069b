//! An erasure as a sequence of steps, each of which is on record before the next one begins.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use audit_core::{Actor, Event, Outcome as EventOutcome, Target};
use audit_store::{CheckpointSigner, JournalTx};
use uuid::Uuid;

use crate::backend::Backend;
use crate::desk::Desk;
use crate::erasure::after::{ROLLING_DAYS, SECOND_LOOK};
use crate::erasure::blocker::Blocker;
use crate::erasure::error::EraseError;
use crate::erasure::hooks::{KeyDestroyer, Notifier, Revocation};
use crate::erasure::ledger::NoteLedger;
use crate::erasure::plan::{ErasurePlan, PlanError, PlannedSource};
use crate::erasure::store::{
    self, Body, ErasureState, Outcome, StepKind, StepState, StoredErasure, StoredStep,
};
use crate::erasure::suppression::SuppressionTokens;
use crate::request::RequestState;
use crate::request::event::{RequestEvent, Right};
use crate::source::PersonalDataSource;
use crate::source::permit::Permit;
use crate::source::record::Step;
use crate::source::selection::Selection;

/// How often a step is tried where nothing else is said.
const ATTEMPTS: u32 = 3;

/// What one call of [`Eraser::advance`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// There was nothing left to do.
    Ended(ErasureState),
    /// A step was done, or tried, and that is on record.
    Step {
        /// Which.
        kind: StepKind,
        /// Of which source or recipient.
        name: String,
        /// Where it is now. `Pending` if it failed and is tried again.
        state: StepState,
    },
}

/// Carries out the erasures of a desk.
///
/// An erasure is a sequence of steps: it is noted outside the database, sessions are revoked, each
/// source erases what is the person's, the person's keys are destroyed, the journal's private fields
/// erased, the root of the records goes last; then it is looked at whether anything is left, recipients
/// are told, and the certificate is recorded and signed. The outcome of each step is committed together
/// with its entry in the journal. Each step can be done again, so a crash between any two loses
/// nothing: whoever calls [`run`](Self::run) next goes on.
///
/// Nothing is destroyed before the intent is on record, in the database and in the ledger outside it.
/// With it the desk's exports of the person are cancelled and their bundles cannot be had any more
/// ([`Desk::begin_export`]); the files go before the first source. What follows the end is done by
/// [`sweep`](Self::sweep).
pub struct Eraser<DB: Backend> {
    pub(super) desk: Arc<Desk<DB>>,
    pub(super) sources: Vec<Arc<dyn PersonalDataSource>>,
    pub(super) ledger: Arc<dyn NoteLedger>,
    pub(super) tokens: Arc<SuppressionTokens>,
    pub(super) signer: Arc<dyn CheckpointSigner>,
    pub(super) single: Vec<String>,
    pub(super) permit: Option<Arc<dyn Permit>>,
    pub(super) blockers: Vec<Arc<dyn Blocker>>,
    pub(super) revocation: Option<Arc<dyn Revocation>>,
    pub(super) keys: Option<Arc<dyn KeyDestroyer>>,
    pub(super) notifier: Option<(Arc<dyn Notifier>, Vec<String>)>,
    pub(super) journal_subject: Option<String>,
    pub(super) attempts: u32,
    pub(super) second_look: Duration,
    pub(super) rolling_days: Option<u16>,
}

impl<DB: Backend> Eraser<DB> {
    /// Over the sources in the order in which they are erased
    /// ([`DataMap::erasure_order`](crate::DataMap::erasure_order)), the root of a person's records
    /// last; `signer` signs certificates and is the journal's.
    pub fn new(
        desk: Arc<Desk<DB>>,
        sources: Vec<Arc<dyn PersonalDataSource>>,
        ledger: Arc<dyn NoteLedger>,
        tokens: impl Into<Arc<SuppressionTokens>>,
        signer: Arc<dyn CheckpointSigner>,
    ) -> Self {
        Self {
            desk,
            sources,
            ledger,
            tokens: tokens.into(),
            signer,
            single: Vec::new(),
            permit: None,
            blockers: Vec::new(),
            revocation: None,
            keys: None,
            notifier: None,
            journal_subject: None,
            attempts: ATTEMPTS,
            second_look: SECOND_LOOK,
            rolling_days: Some(ROLLING_DAYS),
        }
    }

    /// Of identifiers of that kind each person has one: several stop the erasure for review.
    #[must_use]
    pub fn single(mut self, kind: impl Into<String>) -> Self {
        self.single.push(kind.into());
        self
    }

    /// Asked about each record inside the transaction that erases it, and when a plan is made, instead
    /// of the journal's legal holds: a [`HoldPermit`](crate::HoldPermit) for the person, each of whose
    /// identifiers is a target of its kind, and for the records, which are targets whose type is the
    /// source's name.
    #[must_use]
    pub fn permit(mut self, permit: Arc<dyn Permit>) -> Self {
        self.permit = Some(permit);
        self
    }

    /// Asked before an erasure begins.
    #[must_use]
    pub fn blocker(mut self, blocker: Arc<dyn Blocker>) -> Self {
        self.blockers.push(blocker);
        self
    }

    /// Asked before the first source.
    #[must_use]
    pub fn revocation(mut self, revocation: Arc<dyn Revocation>) -> Self {
        self.revocation = Some(revocation);
        self
    }

    /// Destroys a person's keys, once no record of theirs is kept.
    #[must_use]
    pub fn keys(mut self, keys: Arc<dyn KeyDestroyer>) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Tells these recipients.
    #[must_use]
    pub fn notifier(
        mut self,
        notifier: Arc<dyn Notifier>,
        recipients: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut recipients: Vec<String> = recipients.into_iter().collect();
        recipients.sort();
        recipients.dedup();
        self.notifier = Some((notifier, recipients));
        self
    }

    /// Erases the journal's private fields, too: the person's identifiers of that kind are those by
    /// which the journal knows them.
    #[must_use]
    pub fn journal_subject(mut self, kind: impl Into<String>) -> Self {
        self.journal_subject = Some(kind.into());
        self
    }

    /// A source or recipient that fails so often is given up, and the erasure is partial; three
    /// times if nothing is said.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = std::cmp::max(attempts, 1);
        self
    }

    pub(super) fn tenant(&self) -> &str {
        self.desk.options.chain.tenant()
    }

    pub(super) fn step_of(&self, request: Uuid) -> Step {
        let today = self.desk.options.place.day(self.desk.options.clock.now());
        Step::new(request, today)
    }

    async fn make_plan(
        &self,
        request: Uuid,
        ground: &str,
        person: &Selection,
    ) -> Result<ErasurePlan, EraseError> {
        let sources: Vec<&dyn PersonalDataSource> =
            self.sources.iter().map(|source| &**source).collect();
        let blockers: Vec<&dyn Blocker> = self.blockers.iter().map(|one| &**one).collect();
        let what = (&*sources, person);
        let step = self.step_of(request);
        let permit = self.permit_of(person, &self.refs(person).await?);
        let plan = ErasurePlan::make((request, ground), what, &step, &*permit, &blockers).await?;
        Ok(plan)
    }

    /// What the erasure of a request would do now, and why not more. Writes nothing.
    ///
    /// # Errors
    ///
    /// [`EraseError::Ambiguous`], [`EraseError::Source`], [`EraseError::Desk`].
    pub async fn preview(&self, request: Uuid, ground: &str) -> Result<ErasurePlan, EraseError> {
        let person = self.resolved(request).await?;
        self.make_plan(request, ground, &person).await
    }

    /// Records a plan: from now on it waits for approval by its digest ([`Desk::approve`]).
    ///
    /// # Errors
    ///
    /// [`EraseError::NobodyFound`], so that no erasure of nothing is certified: the request is to be
    /// refused ([`RefusalReason::NoMatch`](crate::RefusalReason::NoMatch)), or its identifiers are
    /// written in another way where the records are. [`EraseError::Desk`].
    pub async fn propose(&self, plan: &ErasurePlan, actor: Actor) -> Result<(), EraseError> {
        if plan.is_empty() {
            let person = self.resolved(plan.request).await?;
            if self.refs(&person).await?.is_empty() {
                return Err(EraseError::NobodyFound);
            }
        }
        let event = RequestEvent::Planned { digest: plan.digest() };
        self.desk.record(plan.request, event, actor).await?;
        Ok(())
    }

    /// Begins the erasure of a request that was approved: the plan is made again, and must be the
    /// approved one. When this returns the intent is on record, the person suppressed, and nothing
    /// destroyed. Beginning again what was begun changes nothing.
    ///
    /// # Errors
    ///
    /// [`EraseError::NotApproved`], [`EraseError::Plan`] for a blocked plan, [`EraseError::Leased`],
    /// [`EraseError::Ambiguous`], others of what is asked: nothing was changed. [`EraseError::Plan`] for
    /// a stale plan, or another ground than the approved one: nothing was erased, and the request
    /// waits to be [previewed](Self::preview), [proposed](Self::propose) and approved anew, or refused.
    pub async fn begin(&self, request: Uuid, ground: &str, actor: Actor) -> Result<(), EraseError> {
        if self.load(request).await?.is_some() {
            return Ok(());
        }
        let known = self.desk.request(request).await?;
        let approved = known.events().iter().rev().find_map(|(_, event)| match event {
            RequestEvent::Approved { digest, .. } => Some(digest.clone()),
            _ => None,
        });
        let Some(approved) = approved else { return Err(EraseError::NotApproved) };
        if known.right() != Right::Erasure || known.state() != RequestState::Executing {
            return Err(EraseError::NotApproved);
        }
        let person = self.resolved(request).await?;
        let plan = self.make_plan(request, ground, &person).await?;
        match plan.may_begin(&approved) {
            Err(stale @ PlanError::Stale) => return self.is_stale(request, stale).await,
            may => may?,
        }
        let vault = Uuid::now_v7();
        let body = Body {
            at: self.desk.options.clock.now(),
            ground: ground.to_owned(),
            identity: self.seal(vault, &person).await?,
            plan: approved,
            refs: self.refs(&person).await?,
            tokens: self.tokens.tokens(&person)?,
            vault,
        };
        if let Some(downloads) = &self.desk.options.downloads
            && downloads.tokens.tokens(&person)? != body.tokens
        {
            return Err(EraseError::OtherTokens);
        }
        let mut steps = self.steps();
        self.may_be_certified(request, &body, &steps)?;
        for step in &mut steps {
            let planned = plan.sources.iter().find(|source| source.source == step.name);
            let kept = |one: &PlannedSource| one.kept.iter().map(|kept| kept.records).sum();
            match step.kind {
                StepKind::Source => {
                    step.outcome.planned = planned.map_or(0, |planned| planned.erased);
                    step.outcome.planned_kept = planned.map_or(0, kept);
                }
                StepKind::Journal => step.outcome.planned = self.in_journal(&body.refs).await?,
                _ => {}
            }
        }
        let mut tx = self.desk.journal.begin().await?;
        self.enter(&mut tx, request, (&body, &steps)).await?;
        let entry = self.entry("rights.erasure_intended", request, actor);
        let entry = entry.meta("plan", &body.plan).meta("ground", ground);
        self.record(&mut tx, entry.outcome(EventOutcome::Success).build()?).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What was approved is not what would be done: that is on record, unless somebody else has begun
    /// it and the plan is another for that.
    async fn is_stale(&self, request: Uuid, stale: PlanError) -> Result<(), EraseError> {
        let mut tx = self.desk.journal.begin().await?;
        if store::load::<DB>(&mut tx, self.tenant(), request).await?.is_some() {
            tx.rollback().await?;
            return Ok(());
        }
        let actor = Actor::system("privacy-rights");
        self.desk.step_in(&mut tx, request, RequestEvent::PlanStale, actor).await?;
        tx.commit().await?;
        Err(stale.into())
    }

    /// The steps of an erasure, none of them done.
    pub(super) fn steps(&self) -> Vec<StoredStep> {
        let mut all = vec![(StepKind::Note, String::new()), (StepKind::Revoke, String::new())];
        let source = |source: &Arc<dyn PersonalDataSource>| {
            (StepKind::Source, source.declaration().name().to_owned())
        };
        if let Some((_, others)) = self.sources.split_last() {
            all.extend(others.iter().map(source));
        }
        all.push((StepKind::Journal, String::new()));
        all.extend(self.sources.last().map(source));
        all.push((StepKind::Keys, String::new()));
        all.push((StepKind::Verify, String::new()));
        if let Some((_, recipients)) = &self.notifier {
            all.extend(recipients.iter().map(|name| (StepKind::Notify, name.clone())));
        }
        all.push((StepKind::Certify, String::new()));
        all.push((StepKind::Sign, String::new()));
        let numbered = (0_i64..).zip(all).map(|(number, (kind, name))| StoredStep {
            number,
            kind,
            name,
            state: StepState::Pending,
            attempts: 0,
            outcome: Outcome::default(),
        });
        numbered.collect()
    }

    /// Does the next step of an erasure, and records what came of it.
    ///
    /// # Errors
    ///
    /// Any [`EraseError`]; the step is to be done again.
    pub async fn advance(&self, request: Uuid) -> Result<Progress, EraseError> {
        let stored = self.load(request).await?.ok_or(EraseError::Unknown)?;
        if stored.state != ErasureState::Running {
            return Ok(Progress::Ended(stored.state));
        }
        match next(&stored.steps) {
            Some(step) => self.take(request, &stored, step).await,
            None => self.conclude(request, &stored).await.map(Progress::Ended),
        }
    }

    /// Does all steps that are left.
    ///
    /// # Errors
    ///
    /// Any [`EraseError`]; asking again goes on.
    pub async fn run(&self, request: Uuid) -> Result<ErasureState, EraseError> {
        loop {
            if let Progress::Ended(state) = self.advance(request).await? {
                return Ok(state);
            }
        }
    }

    /// Has the steps that were given up done again.
    ///
    /// # Errors
    ///
    /// [`EraseError::Unknown`], [`EraseError::Conflict`], those of the database and the journal.
    pub async fn resume(&self, request: Uuid, actor: Actor) -> Result<ErasureState, EraseError> {
        let stored = self.load(request).await?.ok_or(EraseError::Unknown)?;
        if stored.state == ErasureState::Partial {
            let mut tx = self.desk.journal.begin().await?;
            store::set_state::<DB>(&mut tx, request, stored.state, ErasureState::Running).await?;
            for old in stored.steps.iter().filter(|step| step.state == StepState::Failed) {
                let new = StoredStep { state: StepState::Pending, attempts: 0, ..old.clone() };
                store::change::<DB>(&mut tx, request, old, &new).await?;
            }
            let entry = self.entry("rights.erasure_resumed", request, actor.clone());
            self.record(&mut tx, entry.outcome(EventOutcome::Success).build()?).await?;
            tx.commit().await?;
        }
        self.run(request).await
    }

    pub(super) async fn load(&self, request: Uuid) -> Result<Option<StoredErasure>, EraseError> {
        let mut conn = self.desk.pool.acquire().await?;
        store::load::<DB>(&mut conn, self.tenant(), request).await
    }

    pub(super) fn entry(
        &self,
        action: &str,
        request: Uuid,
        actor: Actor,
    ) -> audit_core::EventBuilder {
        Event::builder(action, actor).target(Target::new("rights_request", request.to_string()))
    }

    pub(super) async fn record(
        &self,
        tx: &mut JournalTx<DB>,
        event: Event,
    ) -> Result<(), EraseError> {
        tx.record(&self.desk.options.chain, event).await?;
        Ok(())
    }
}

/// The next step: after one that was given up only what does not build on it.
fn next(steps: &[StoredStep]) -> Option<&StoredStep> {
    let failed = |kind: Option<StepKind>| {
        let mut failed = steps.iter().filter(|step| step.state == StepState::Failed);
        failed.any(|step| kind.is_none_or(|kind| step.kind != kind))
    };
    let root = steps.iter().rev().find(|step| step.kind == StepKind::Source);
    let root = root.map(|step| step.number);
    let may = |step: &&StoredStep| match step.kind {
        StepKind::Note | StepKind::Revoke | StepKind::Journal => true,
        StepKind::Source => Some(step.number) != root || !failed(None),
        // One recipient that does not answer keeps no other from being told.
        StepKind::Notify => !failed(Some(StepKind::Notify)),
        StepKind::Keys | StepKind::Verify | StepKind::Certify | StepKind::Sign => !failed(None),
    };
    steps.iter().filter(|step| step.state == StepState::Pending).find(may)
}

impl<DB: Backend> fmt::Debug for Eraser<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Eraser").field("chain", &self.desk.options.chain).finish_non_exhaustive()
    }
}
