//! Requests at work: kept in the database, each step with its entry in the journal.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use audit_core::{Actor, ChainId, Clock, Timestamp};
use audit_store::{Journal, JournalTx};
use crypto_fields::{CredentialKeys, OneTimeCodePolicy};
use sqlx::Pool;
use uuid::Uuid;

use crate::backend::Backend;
use crate::clock::due::{Due, Place};
use crate::clock::period::Period;
use crate::clock::regime::{Duty, Regime};
use crate::clock::rule::Rule;
use crate::erasure::suppression::SuppressionTokens;
use crate::request::Request;
use crate::request::event::{RefusalReason, RequestEvent, Requester, Right};
use crate::source::selection::Selection;

pub(crate) mod backup;
pub(crate) mod download;
pub(crate) mod error;
pub(crate) mod identity;
pub(crate) mod migrate;
pub(crate) mod preview;
pub(crate) mod queue;
mod store;
pub(crate) mod sweep;
pub(crate) mod vault;

use download::Downloads;
use error::DeskError;
use vault::IdentityVault;

/// How a desk works.
#[derive(Clone)]
pub struct DeskOptions {
    pub(crate) chain: ChainId,
    pub(crate) regime: Regime,
    pub(crate) place: Place,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) vault: Arc<dyn IdentityVault>,
    pub(crate) codes: Arc<CredentialKeys>,
    pub(crate) policy: OneTimeCodePolicy,
    pub(crate) patience: std::time::Duration,
    pub(crate) record_months: u16,
    pub(crate) downloads: Option<Downloads>,
}

impl DeskOptions {
    /// Requests of the tenant of `chain`, whose entries go there, under `regime` at `place`; the
    /// identities sealed by `vault`, one-time codes under `codes`.
    ///
    /// A chain of its own is best, `acme/rights`: a retention schedule prunes it only under a series
    /// of that name, so that no sweep takes the evidence of a request, open or closed. Where the
    /// schedule has such a series, its period is to be no shorter than the record period
    /// ([`record_months`](Self::record_months)) and the longest time limit together.
    pub fn new(
        chain: ChainId,
        (regime, place): (Regime, Place),
        clock: Arc<dyn Clock>,
        vault: Arc<dyn IdentityVault>,
        codes: Arc<CredentialKeys>,
    ) -> Self {
        Self {
            chain,
            regime,
            place,
            clock,
            vault,
            codes,
            policy: OneTimeCodePolicy::default(),
            patience: std::time::Duration::from_secs(90 * 86_400),
            record_months: 24,
            downloads: None,
        }
    }

    /// Codes of that policy, instead of 6 digits for 15 minutes and 5 attempts.
    #[must_use]
    pub const fn code_policy(mut self, policy: OneTimeCodePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// A question that nobody answers for so long ends the request; 90 days if nothing is said.
    #[must_use]
    pub const fn waiting_for(mut self, patience: std::time::Duration) -> Self {
        self.patience = patience;
        self
    }

    /// For so many months from its end it stays known whom a request was about; 24 if nothing is
    /// said. Then [`Desk::sweep`] forgets it.
    #[must_use]
    pub const fn record_months(mut self, months: u16) -> Self {
        self.record_months = months;
        self
    }

    /// Bundles are made and kept in `folder`, which is the desk's alone, until they expire; `tokens`
    /// are those of the [`Eraser`](crate::Eraser), which takes back the bundles of whom it erases.
    #[must_use]
    pub fn downloads(
        mut self,
        folder: impl Into<PathBuf>,
        tokens: impl Into<Arc<SuppressionTokens>>,
    ) -> Self {
        let (folder, tokens) = (folder.into(), tokens.into());
        self.downloads = Some(Downloads { folder, tokens, lifetime: Downloads::LIFETIME });
        self
    }

    /// For so long a bundle can be had; 7 days if nothing is said. After
    /// [`downloads`](Self::downloads).
    #[must_use]
    pub fn download_lifetime(mut self, lifetime: std::time::Duration) -> Self {
        if let Some(downloads) = &mut self.downloads {
            downloads.lifetime = lifetime;
        }
        self
    }

    /// Whether the record period is over of what ended then.
    pub(crate) fn is_old(&self, end: Timestamp) -> bool {
        let last = Period::Months(self.record_months).after(self.place.day(end));
        last.is_some_and(|last| self.place.day(self.clock.now()) > last)
    }
}

impl fmt::Debug for DeskOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeskOptions").field("chain", &self.chain).finish_non_exhaustive()
    }
}

/// A request that came.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewRequest {
    /// What is asked for.
    pub right: Right,
    /// Who asks.
    pub requester: Requester,
    /// Whom it is about. Sealed before it is stored.
    pub person: Selection,
    /// When it came, if not now: a letter is entered later.
    pub received_at: Option<Timestamp>,
    /// Why it goes before others, if it does.
    pub expedited: Option<String>,
}

impl NewRequest {
    /// The person asks.
    #[must_use]
    pub const fn new(right: Right, person: Selection) -> Self {
        let requester = Requester::Subject;
        Self { right, requester, person, received_at: None, expedited: None }
    }

    /// Somebody else asks for the person.
    #[must_use]
    pub fn asked_by(mut self, requester: Requester) -> Self {
        self.requester = requester;
        self
    }

    /// It came at that moment.
    #[must_use]
    pub const fn received_at(mut self, at: Timestamp) -> Self {
        self.received_at = Some(at);
        self
    }

    /// It goes before others, on that ground: the person is a minor.
    #[must_use]
    pub fn expedited(mut self, ground: impl Into<String>) -> Self {
        self.expedited = Some(ground.into());
        self
    }
}

/// The desk of one tenant: takes requests and carries them from receipt to end.
///
/// Each step is stored as an event together with its entry in the journal (`rights.received`,
/// `rights.identity_proven` and so on), in one transaction: both are there, or neither. A deadline
/// is never stored; it follows from the events ([`due`](Self::due)).
///
/// Whom a request is about is stored sealed, under a key of that request alone; neither the tables
/// nor the journal name anybody.
pub struct Desk<DB: Backend> {
    pub(crate) journal: Journal<DB>,
    pub(crate) pool: Pool<DB>,
    pub(crate) options: DeskOptions,
}

impl<DB: Backend> Desk<DB> {
    /// Opens the desk over the journal's own database: applies this crate's missing migrations, and
    /// creates the chain if need be.
    ///
    /// # Errors
    ///
    /// Any [`DeskError`] about the database or the journal; [`DeskError::NoRule`] if the regime says
    /// nothing about answering.
    pub async fn open(
        journal: Journal<DB>,
        pool: Pool<DB>,
        options: DeskOptions,
    ) -> Result<Self, DeskError> {
        if options.regime.rule(&Duty::ANSWER).is_none() {
            return Err(DeskError::NoRule { duty: Duty::ANSWER });
        }
        migrate::run(&pool, options.clock.now()).await?;
        journal.create_chain(&options.chain).await?;
        Ok(Self { journal, pool, options })
    }

    /// Takes a request. Returns its id.
    ///
    /// # Errors
    ///
    /// [`DeskError::Vault`] if the identity was not sealed, [`DeskError::FromTheFuture`], those of
    /// the database and the journal. Nothing was stored.
    pub async fn receive(&self, new: NewRequest, actor: Actor) -> Result<Uuid, DeskError> {
        let now = self.options.clock.now();
        let at = new.received_at.unwrap_or(now);
        if at > now {
            return Err(DeskError::FromTheFuture);
        }
        let id = Uuid::now_v7();
        let NewRequest { right, requester, person, expedited, .. } = new;
        let event = RequestEvent::Received { right, requester, expedited };
        let request = Request::received(id, at, event)?;
        let identity = self.seal(id, &person).await?;
        let mut tx = self.journal.begin().await?;
        store::insert::<DB>(&mut tx, self.tenant(), &request, &identity).await?;
        self.journal_last(&mut tx, &request, actor).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// A request with its history.
    ///
    /// # Errors
    ///
    /// [`DeskError::Unknown`], those of the database.
    pub async fn request(&self, id: Uuid) -> Result<Request, DeskError> {
        let mut conn = self.pool.acquire().await?;
        Ok(store::load::<DB>(&mut conn, self.tenant(), id).await?.request)
    }

    /// When the answer to a request is due, and why.
    ///
    /// # Errors
    ///
    /// [`DeskError::Unknown`], [`DeskError::Clock`], those of the database.
    pub async fn due(&self, id: Uuid) -> Result<Due, DeskError> {
        Ok(self.request(id).await?.due(self.rule()?, &self.options.place)?)
    }

    /// The person is asked what they mean: the clock stands still where the regime says so.
    ///
    /// # Errors
    ///
    /// [`DeskError::Transition`] where it is not the time for it; [`DeskError::Conflict`],
    /// [`DeskError::Unknown`], those of the database and the journal. Nothing was changed.
    pub async fn ask_scope(&self, id: Uuid, actor: Actor) -> Result<Request, DeskError> {
        self.step(id, RequestEvent::ScopeAsked, actor).await
    }

    /// The person said what they mean.
    ///
    /// # Errors
    ///
    /// As of [`ask_scope`](Self::ask_scope).
    pub async fn scope_answered(&self, id: Uuid, actor: Actor) -> Result<Request, DeskError> {
        self.step(id, RequestEvent::ScopeAnswered, actor).await
    }

    /// The person was told that it takes longer, and why.
    ///
    /// # Errors
    ///
    /// As of [`ask_scope`](Self::ask_scope), and [`DeskError::Clock`] if it is too late for that, or
    /// the second time.
    pub async fn extend(
        &self,
        id: Uuid,
        reason: impl Into<String>,
        actor: Actor,
    ) -> Result<Request, DeskError> {
        self.step(id, RequestEvent::Extended { reason: reason.into() }, actor).await
    }

    /// Approves the plan of that digest, to be begun at once, or not before a moment.
    ///
    /// # Errors
    ///
    /// As of [`ask_scope`](Self::ask_scope); the transition is refused for a plan other than the
    /// last one, and for a request that was not verified.
    pub async fn approve(
        &self,
        id: Uuid,
        digest: impl Into<String>,
        not_before: Option<Timestamp>,
        actor: Actor,
    ) -> Result<Request, DeskError> {
        self.step(id, RequestEvent::Approved { digest: digest.into(), not_before }, actor).await
    }

    /// Refuses, with the article and the way to complain (GDPR Art. 12(4)).
    ///
    /// # Errors
    ///
    /// As of [`ask_scope`](Self::ask_scope).
    pub async fn refuse(
        &self,
        id: Uuid,
        reason: RefusalReason,
        ground: impl Into<String>,
        actor: Actor,
    ) -> Result<Request, DeskError> {
        self.step(id, RequestEvent::Refused { reason, ground: ground.into() }, actor).await
    }

    /// The person takes it back.
    ///
    /// # Errors
    ///
    /// As of [`ask_scope`](Self::ask_scope).
    pub async fn withdraw(&self, id: Uuid, actor: Actor) -> Result<Request, DeskError> {
        self.step(id, RequestEvent::Withdrawn, actor).await
    }

    /// Records what the host itself did with a request: that it was begun, executed, verified,
    /// completed. Who asks is proven by other calls.
    ///
    /// # Errors
    ///
    /// As of [`ask_scope`](Self::ask_scope); [`DeskError::OtherCall`] for what has a call of its
    /// own.
    pub async fn record(
        &self,
        id: Uuid,
        event: RequestEvent,
        actor: Actor,
    ) -> Result<Request, DeskError> {
        match event {
            RequestEvent::Received { .. }
            | RequestEvent::IdentityAsked
            | RequestEvent::IdentityFailed
            | RequestEvent::IdentityProven { .. } => {
                Err(DeskError::OtherCall { event: event.name() })
            }
            event => self.step(id, event, actor).await,
        }
    }

    /// Takes one step, with its entry.
    async fn step(
        &self,
        id: Uuid,
        event: RequestEvent,
        actor: Actor,
    ) -> Result<Request, DeskError> {
        let mut tx = self.journal.begin().await?;
        let request = self.step_in(&mut tx, id, event, actor).await?;
        tx.commit().await?;
        Ok(request)
    }

    /// Takes one step, with its entry, inside a transaction that does more than that.
    pub(crate) async fn step_in(
        &self,
        tx: &mut JournalTx<DB>,
        id: Uuid,
        event: RequestEvent,
        actor: Actor,
    ) -> Result<Request, DeskError> {
        let stored = store::load::<DB>(tx, self.tenant(), id).await?;
        let request = self.advance(stored.request, event)?;
        store::append::<DB>(tx, &request).await?;
        self.journal_last(tx, &request, actor).await?;
        Ok(request)
    }

    /// The request after an event of now, with a clock that has an answer.
    fn advance(&self, mut request: Request, event: RequestEvent) -> Result<Request, DeskError> {
        request.apply(self.now_after(&request), event)?;
        request.due(self.rule()?, &self.options.place)?;
        Ok(request)
    }

    /// Now; a clock that was set back does not put an event before the last one.
    fn now_after(&self, request: &Request) -> Timestamp {
        let last = request.events().last().map_or(Timestamp::MIN, |(at, _)| *at);
        std::cmp::max(self.options.clock.now(), last)
    }

    fn rule(&self) -> Result<&Rule, DeskError> {
        let rule = self.options.regime.rule(&Duty::ANSWER);
        rule.ok_or(DeskError::NoRule { duty: Duty::ANSWER })
    }

    fn tenant(&self) -> &str {
        self.options.chain.tenant()
    }
}

impl<DB: Backend> fmt::Debug for Desk<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("chain", &self.options.chain).finish_non_exhaustive()
    }
}
