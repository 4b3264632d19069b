//! A person's request as a sequence of events, and what each of them may follow.

use audit_core::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::due::{Due, Place, due};
use crate::clock::error::ClockError;
use crate::clock::event::{ClockEvent, Question};
use crate::clock::rule::Rule;
use crate::request::error::TransitionError;
use crate::request::event::{RefusalReason, RequestEvent, Requester, Right};

pub(crate) mod error;
pub(crate) mod event;

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RequestState {
    /// It came, and nothing was done yet.
    Received,
    /// The person was asked who they are.
    AwaitingIdentity,
    /// It is the person, or whoever may act for them.
    Verified,
    /// The person was asked what they mean.
    AwaitingScope,
    /// A plan was made, and waits for approval.
    AwaitingApproval,
    /// Approved, and not begun before a moment.
    CoolingOff,
    /// It is carried out.
    Executing,
    /// Everything was done; whether anything is left is being looked at.
    Verifying,
    /// Nothing is left but what is explained; the person and the recipients are being told.
    Notifying,
    /// Everything was done.
    Completed,
    /// Something was done, and something is left.
    PartiallyCompleted,
    /// It was refused.
    Refused,
    /// The person took it back.
    Withdrawn,
    /// Nobody answered.
    Expired,
    /// It could not be carried out. It can be resumed.
    Failed,
}

impl RequestState {
    /// Whether the controller still owes something.
    #[must_use]
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Completed | Self::Refused | Self::Withdrawn | Self::Expired)
    }

    /// Its name, as it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::AwaitingIdentity => "awaiting_identity",
            Self::Verified => "verified",
            Self::AwaitingScope => "awaiting_scope",
            Self::AwaitingApproval => "awaiting_approval",
            Self::CoolingOff => "cooling_off",
            Self::Executing => "executing",
            Self::Verifying => "verifying",
            Self::Notifying => "notifying",
            Self::Completed => "completed",
            Self::PartiallyCompleted => "partially_completed",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }
}

/// A request with its history: the fold of its events. Pure; the desk keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    id: Uuid,
    right: Right,
    requester: Requester,
    state: RequestState,
    /// The digest of the plan that waits for approval, or was approved.
    plan: Option<String>,
    not_before: Option<Timestamp>,
    verified: bool,
    refusal: Option<RefusalReason>,
    events: Vec<(Timestamp, RequestEvent)>,
    clock: Vec<ClockEvent>,
}

impl Request {
    /// A request whose first event is [`RequestEvent::Received`].
    ///
    /// # Errors
    ///
    /// [`TransitionError::NotReceived`] if it is not.
    pub fn received(id: Uuid, at: Timestamp, event: RequestEvent) -> Result<Self, TransitionError> {
        let RequestEvent::Received { right, requester, .. } = &event else {
            return Err(TransitionError::NotReceived);
        };
        Ok(Self {
            id,
            right: *right,
            requester: requester.clone(),
            state: RequestState::Received,
            plan: None,
            not_before: None,
            verified: false,
            refusal: None,
            clock: vec![ClockEvent::started(at)],
            events: vec![(at, event)],
        })
    }

    /// From its events, in order.
    ///
    /// # Errors
    ///
    /// Any [`TransitionError`] of an event that may not follow.
    pub fn from_events(
        id: Uuid,
        events: impl IntoIterator<Item = (Timestamp, RequestEvent)>,
    ) -> Result<Self, TransitionError> {
        let mut events = events.into_iter();
        let (at, first) = events.next().ok_or(TransitionError::NotReceived)?;
        let mut request = Self::received(id, at, first)?;
        for (at, event) in events {
            request.apply(at, event)?;
        }
        Ok(request)
    }

    /// Takes an event, if it may follow.
    ///
    /// # Errors
    ///
    /// Any [`TransitionError`]; the request is as it was.
    pub fn apply(&mut self, at: Timestamp, event: RequestEvent) -> Result<(), TransitionError> {
        if self.events.last().is_some_and(|(last, _)| *last > at) {
            return Err(TransitionError::OutOfOrder);
        }
        let state = self.next(at, &event)?;
        match &event {
            RequestEvent::IdentityAsked if !self.is_asked(Question::Identity) => {
                self.clock.push(ClockEvent::asked(Question::Identity, at));
            }
            RequestEvent::IdentityProven { .. } => {
                self.verified = true;
                if self.is_asked(Question::Identity) {
                    self.clock.push(ClockEvent::answered(Question::Identity, at));
                }
            }
            RequestEvent::ScopeAsked => self.clock.push(ClockEvent::asked(Question::Scope, at)),
            RequestEvent::ScopeAnswered => {
                self.clock.push(ClockEvent::answered(Question::Scope, at));
            }
            RequestEvent::Extended { reason } => {
                self.clock.push(ClockEvent::extended(reason.clone(), at));
            }
            RequestEvent::Planned { digest } => self.plan = Some(digest.clone()),
            RequestEvent::Approved { not_before, .. } => self.not_before = *not_before,
            RequestEvent::Refused { reason, .. } => self.refusal = Some(*reason),
            _ => {}
        }
        self.state = state;
        self.events.push((at, event));
        Ok(())
    }

    fn is_asked(&self, question: Question) -> bool {
        let last = self.clock.iter().rev().find_map(|event| match event {
            ClockEvent::Asked { question: asked, .. } if *asked == question => Some(true),
            ClockEvent::Answered { question: answered, .. } if *answered == question => Some(false),
            _ => None,
        });
        last.unwrap_or(false)
    }

    /// The state after an event.
    fn next(&self, at: Timestamp, event: &RequestEvent) -> Result<RequestState, TransitionError> {
        use RequestEvent as E;
        use RequestState as S;
        let state = self.state;
        let refused = || TransitionError::NotNow { state, event: event.name() };
        if !state.is_open() {
            return Err(refused());
        }
        let begun = matches!(state, S::Executing | S::Verifying | S::Notifying);
        // What failed can be planned anew; it was begun all the same.
        let failed = |event: &E| matches!(event, E::PartiallyCompleted { .. } | E::Failed { .. });
        let has_failed = self.events.iter().any(|(_, event)| failed(event));
        let done = begun || has_failed;
        Ok(match (state, event) {
            (_, E::Alarmed { .. }) => state,
            (_, E::Extended { reason }) => {
                if reason.trim().is_empty() {
                    return Err(TransitionError::ReasonMissing);
                }
                state
            }
            (S::Received | S::AwaitingIdentity, E::IdentityAsked) => S::AwaitingIdentity,
            (S::AwaitingIdentity, E::IdentityFailed) => state,
            (S::Received | S::AwaitingIdentity, E::IdentityProven { .. }) => S::Verified,
            (S::Verified | S::AwaitingApproval, E::ScopeAsked) => S::AwaitingScope,
            (S::AwaitingScope, E::ScopeAnswered) => S::Verified,
            (
                S::Verified | S::AwaitingApproval | S::CoolingOff | S::Failed,
                E::Planned { digest },
            ) => {
                if digest.trim().is_empty() {
                    return Err(refused());
                }
                S::AwaitingApproval
            }
            (S::AwaitingApproval, E::Approved { digest, not_before }) => {
                self.may_be_approved(digest)?;
                if not_before.is_some_and(|moment| moment > at) {
                    S::CoolingOff
                } else {
                    S::Executing
                }
            }
            (S::CoolingOff, E::Begun) => {
                if self.not_before.is_some_and(|moment| moment > at) {
                    return Err(refused());
                }
                S::Executing
            }
            (S::Executing, E::PlanStale) if has_failed => S::Failed,
            (S::Executing, E::PlanStale) => S::Verified,
            (S::Failed | S::PartiallyCompleted, E::Resumed) => S::Executing,
            (S::Executing, E::Executed) => S::Verifying,
            (S::Verifying, E::NothingLeft { remaining, explained }) => {
                if remaining != explained {
                    let (remaining, explained) = (*remaining, *explained);
                    return Err(TransitionError::Unexplained { remaining, explained });
                }
                S::Notifying
            }
            (S::Notifying, E::Completed) => S::Completed,
            (_, E::PartiallyCompleted { .. }) if begun => S::PartiallyCompleted,
            (_, E::Failed { .. }) if begun => S::Failed,
            // What was begun is not refused or taken back any more, only left partial.
            (_, E::Refused { ground, .. }) if !done => {
                if ground.trim().is_empty() {
                    return Err(TransitionError::ReasonMissing);
                }
                S::Refused
            }
            (_, E::Withdrawn) if !done => S::Withdrawn,
            (S::AwaitingIdentity | S::AwaitingScope, E::Expired) => S::Expired,
            _ => return Err(refused()),
        })
    }

    /// Whoever approves, approves this plan, of a request that was verified.
    fn may_be_approved(&self, digest: &str) -> Result<(), TransitionError> {
        if !self.verified {
            return Err(TransitionError::NotVerified);
        }
        if self.plan.as_deref() != Some(digest) {
            return Err(TransitionError::StalePlan);
        }
        Ok(())
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// What is asked for.
    #[must_use]
    pub const fn right(&self) -> Right {
        self.right
    }

    /// Who asks.
    #[must_use]
    pub const fn requester(&self) -> &Requester {
        &self.requester
    }

    /// Why it goes before others, if it does.
    #[must_use]
    pub fn expedited(&self) -> Option<&str> {
        match self.events.first() {
            Some((_, RequestEvent::Received { expedited, .. })) => expedited.as_deref(),
            _ => None,
        }
    }

    /// Where it is.
    #[must_use]
    pub const fn state(&self) -> RequestState {
        self.state
    }

    /// Whether it was proven who asks.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        self.verified
    }

    /// Why it was refused.
    #[must_use]
    pub const fn refusal(&self) -> Option<RefusalReason> {
        self.refusal
    }

    /// Its events, in order.
    #[must_use]
    pub fn events(&self) -> &[(Timestamp, RequestEvent)] {
        &self.events
    }

    /// What its clock takes into account.
    #[must_use]
    pub fn clock(&self) -> &[ClockEvent] {
        &self.clock
    }

    /// When it is due under a rule.
    ///
    /// # Errors
    ///
    /// [`ClockError`].
    pub fn due(&self, rule: &Rule, place: &Place) -> Result<Due, ClockError> {
        due(rule, place, &self.clock)
    }
}
