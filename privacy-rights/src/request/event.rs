//! What happens to a request.

use std::fmt;

use audit_core::Timestamp;
use serde::{Deserialize, Serialize};

/// What is asked for, in the order of the articles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Right {
    /// To withdraw consent (GDPR Art. 7(3)).
    ConsentWithdrawal,
    /// To know and to have a copy (Art. 15).
    Access,
    /// To have it put right (Art. 16).
    Rectification,
    /// To have it erased (Art. 17).
    Erasure,
    /// To have its use restricted (Art. 18).
    Restriction,
    /// To take it elsewhere (Art. 20).
    Portability,
    /// To object (Art. 21).
    Objection,
    /// To opt out of sale and sharing (CCPA).
    OptOut,
}

impl Right {
    /// Its name, as it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConsentWithdrawal => "consent_withdrawal",
            Self::Access => "access",
            Self::Rectification => "rectification",
            Self::Erasure => "erasure",
            Self::Restriction => "restriction",
            Self::Portability => "portability",
            Self::Objection => "objection",
            Self::OptOut => "opt_out",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who asks. References are the host's own ids, never names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Requester {
    /// Somebody with a mandate.
    Agent {
        /// Who.
        reference: String,
    },
    /// The administrator of an organisation, for one of its members.
    Organisation {
        /// Who.
        reference: String,
    },
    /// Whoever holds parental responsibility.
    Parent {
        /// Who.
        reference: String,
    },
    /// The person.
    Subject,
}

/// Why a request is refused: the reason codes of the Data Rights Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefusalReason {
    /// An exemption applies.
    ClaimNotCovered,
    /// The person could not be verified.
    InsufficientVerification,
    /// Manifestly unfounded or excessive (GDPR Art. 12(5)).
    ManifestlyExcessive,
    /// Nothing is known of the person.
    NoMatch,
    /// Another law applies.
    OutsideJurisdiction,
    /// A law exempts what is asked for.
    Exempt,
    /// It is suspected not to be the person.
    SuspectedFraud,
}

impl RefusalReason {
    /// Its name, as it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClaimNotCovered => "claim_not_covered",
            Self::InsufficientVerification => "insufficient_verification",
            Self::ManifestlyExcessive => "manifestly_excessive",
            Self::NoMatch => "no_match",
            Self::OutsideJurisdiction => "outside_jurisdiction",
            Self::Exempt => "exempt",
            Self::SuspectedFraud => "suspected_fraud",
        }
    }
}

/// What a sweep found about a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlarmKind {
    /// The day by which a cautious reader is done has come.
    Cautious,
    /// It is too late.
    Overdue,
}

/// Something that happened to a request. Its texts name no person: they stand in the journal for
/// ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RequestEvent {
    /// A deadline came near, or has passed.
    Alarmed {
        /// Which.
        kind: AlarmKind,
    },
    /// A plan was approved.
    Approved {
        /// The digest of the plan.
        digest: String,
        /// Not to be begun before.
        not_before: Option<Timestamp>,
    },
    /// The time to think it over has passed.
    Begun,
    /// Everything was done, and whom it concerns was told.
    Completed,
    /// Every step was done.
    Executed,
    /// Nobody answered in time.
    Expired,
    /// The person was told that it takes longer.
    Extended {
        /// Why.
        reason: String,
    },
    /// It could not be carried out.
    Failed {
        /// What stood in the way.
        reason: String,
    },
    /// The person was asked who they are.
    IdentityAsked,
    /// A code was tried too often.
    IdentityFailed,
    /// It is the person.
    IdentityProven {
        /// How: "one-time code", "session".
        method: String,
    },
    /// Whether anything is left was looked at.
    NothingLeft {
        /// How many records are left.
        remaining: u64,
        /// How many of them are kept for a recorded reason.
        explained: u64,
    },
    /// Something is left that cannot be done now.
    PartiallyCompleted {
        /// What.
        reason: String,
    },
    /// A plan was made.
    Planned {
        /// Its digest: what is approved.
        digest: String,
    },
    /// What was approved is not what would be done any more. Nothing of it was done: a plan is to be
    /// made anew.
    PlanStale,
    /// It came.
    Received {
        /// What is asked for.
        right: Right,
        /// Who asks.
        requester: Requester,
        /// Why it goes before others, if it does: the person is a minor.
        expedited: Option<String>,
    },
    /// It was refused.
    Refused {
        /// Why.
        reason: RefusalReason,
        /// The article, and how to complain (GDPR Art. 12(4)).
        ground: String,
    },
    /// It goes on where it was.
    Resumed,
    /// The person said what they mean.
    ScopeAnswered,
    /// The person was asked what they mean.
    ScopeAsked,
    /// The person took it back.
    Withdrawn,
}

impl RequestEvent {
    /// Its name, as the journal knows it: `rights.<name>`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Alarmed { .. } => "alarmed",
            Self::Approved { .. } => "approved",
            Self::Begun => "begun",
            Self::Completed => "completed",
            Self::Executed => "executed",
            Self::Expired => "expired",
            Self::Extended { .. } => "extended",
            Self::Failed { .. } => "failed",
            Self::IdentityAsked => "identity_asked",
            Self::IdentityFailed => "identity_failed",
            Self::IdentityProven { .. } => "identity_proven",
            Self::NothingLeft { .. } => "nothing_left",
            Self::PartiallyCompleted { .. } => "partially_completed",
            Self::Planned { .. } => "planned",
            Self::PlanStale => "plan_stale",
            Self::Received { .. } => "received",
            Self::Refused { .. } => "refused",
            Self::Resumed => "resumed",
            Self::ScopeAnswered => "scope_answered",
            Self::ScopeAsked => "scope_asked",
            Self::Withdrawn => "withdrawn",
        }
    }
}
