//! What happened to a clock.

use std::fmt;

use audit_core::Timestamp;
use serde::{Deserialize, Serialize};

/// What the controller may have to ask back before it can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Question {
    /// A fee that may be charged (GDPR Art. 12(5)).
    Fee,
    /// Who is asking (GDPR Art. 12(6)).
    Identity,
    /// Which data or processing is meant (GDPR recital 63).
    Scope,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fee => "a fee",
            Self::Identity => "proof of identity",
            Self::Scope => "what is meant",
        })
    }
}

/// Something that happened and that a clock takes into account. The order in which events are given
/// does not matter, only their times do: a letter may be entered days after it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClockEvent {
    /// What was asked came.
    Answered {
        /// When.
        at: Timestamp,
        /// What it answered.
        question: Question,
    },
    /// The controller asked back.
    Asked {
        /// When.
        at: Timestamp,
        /// For what.
        question: Question,
    },
    /// The person was told that it takes longer, and why.
    Extended {
        /// When they were told.
        at: Timestamp,
        /// The reasons that were given (GDPR Art. 12(3)). Names no person.
        reason: String,
    },
    /// What sets the clock going: a request was received, a breach became known, a contract ended.
    Started {
        /// When.
        at: Timestamp,
    },
}

impl ClockEvent {
    /// What sets the clock going happened at that moment.
    #[must_use]
    pub const fn started(at: Timestamp) -> Self {
        Self::Started { at }
    }

    /// The controller asked back.
    #[must_use]
    pub const fn asked(question: Question, at: Timestamp) -> Self {
        Self::Asked { at, question }
    }

    /// What was asked came.
    #[must_use]
    pub const fn answered(question: Question, at: Timestamp) -> Self {
        Self::Answered { at, question }
    }

    /// The person was told that it takes longer, and why.
    #[must_use]
    pub fn extended(reason: impl Into<String>, at: Timestamp) -> Self {
        Self::Extended { at, reason: reason.into() }
    }

    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Answered { at, .. }
            | Self::Asked { at, .. }
            | Self::Extended { at, .. }
            | Self::Started { at } => *at,
        }
    }
}
