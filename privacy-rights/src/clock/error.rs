//! Why there is no deadline.

use audit_core::Timestamp;
use chrono::NaiveDate;

use super::event::Question;

/// A rule that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The alarm of a rule in hours is given in days.
    #[error("a period in hours has no alarm by days")]
    AlarmOfHours,
    /// An extension is in another unit than the period, or no longer than it.
    #[error("an extension is in the unit of the period and longer than it")]
    Extension,
    /// A period of nothing.
    #[error("the period is zero")]
    NoPeriod,
    /// A period in hours is stopped by nothing.
    #[error("a period in hours cannot be interrupted")]
    InterruptedHours,
    /// The same question is said to have two effects.
    #[error("asking for {question} has two effects")]
    TwoEffects {
        /// The question.
        question: Question,
    },
}

/// Events that contradict each other or the law, or a calendar without an end. No deadline was
/// computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockError {
    /// An answer to what was not asked, or was answered before.
    #[error("{question} was answered at {at} and not asked for before")]
    AnsweredUnasked {
        /// The question.
        question: Question,
        /// When it was answered.
        at: Timestamp,
    },
    /// The same was asked again before it was answered.
    #[error("{question} was asked for at {at}, and again before it was answered")]
    AskedTwice {
        /// The question.
        question: Question,
        /// When it was asked again.
        at: Timestamp,
    },
    /// Something happened before the clock was set going.
    #[error("something happened at {at}, before the clock started at {started}")]
    BeforeStart {
        /// When it happened.
        at: Timestamp,
        /// When the clock started.
        started: Timestamp,
    },
    /// There is one extension, not two.
    #[error("the period was extended a second time at {at}")]
    ExtendedTwice {
        /// When the second was announced.
        at: Timestamp,
    },
    /// The rule knows no extension.
    #[error("the period cannot be extended")]
    NotExtendable,
    /// Nothing set the clock going.
    #[error("nothing has started the clock")]
    NotStarted,
    /// The calendar knows no working day within a year.
    #[error("there is no working day within a year from {from}")]
    NoWorkingDay {
        /// From which day on.
        from: NaiveDate,
    },
    /// A date beyond the calendar.
    #[error("the deadline lies beyond the calendar")]
    OutOfRange,
    /// An extension names its reasons.
    #[error("the extension at {at} names no reason")]
    ReasonMissing {
        /// When it was announced.
        at: Timestamp,
    },
    /// The rule itself cannot be meant.
    #[error("the rule cannot be meant")]
    Rule(#[from] RuleError),
    /// The clock was set going twice.
    #[error("the clock was started a second time at {at}")]
    StartedTwice {
        /// When the second time.
        at: Timestamp,
    },
    /// The extension was announced after the first period was over.
    #[error("the extension was announced on {announced}, the first period ended on {last_day}")]
    TooLateToExtend {
        /// The day it was announced.
        announced: NaiveDate,
        /// The last day on which it could have been.
        last_day: NaiveDate,
    },
}
