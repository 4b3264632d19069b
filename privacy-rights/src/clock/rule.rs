//! What a law or a contract says about one clock, as data.

use serde::{Deserialize, Serialize};

use super::error::RuleError;
use super::event::Question;
use super::period::Period;

/// What becomes of a deadline that falls on a rest day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rolling {
    /// It stays.
    #[default]
    Never,
    /// It moves to the next working day.
    NextWorkingDay {
        /// The article that says so.
        basis: String,
    },
    /// It moves to the next working day, and a period of two days or more includes at least two
    /// working days (Regulation 1182/71 Art. 3(4) and (5)).
    TwoWorkingDays {
        /// The article that says so.
        basis: String,
    },
}

/// The most cautious way to read a period, whose date is the alarm. Never later than the deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Caution {
    /// An extension is added to the end of the first period, instead of the two together to the
    /// start: "one month, then two" ends two days before "three months" from 31 January.
    Chained,
    /// The day of the event counts as day one.
    DayOne,
    /// The day before it is rolled.
    #[default]
    Unrolled,
}

/// How a clock can be made to run longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Extension {
    pub(crate) total: Period,
    pub(crate) basis: String,
}

/// What asking back does to a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// The days from asking until the answer are added.
    Pauses,
    /// The period runs anew from the answer.
    Restarts,
}

/// A question and its effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Interruption {
    pub(crate) question: Question,
    pub(crate) effect: Effect,
    pub(crate) basis: String,
}

/// One clock of a law or of a contract: how long it runs, from what on, what interrupts it, how it
/// can be extended, and the article behind each of these. It is data: it can be read from a file,
/// and an amended law needs no new code.
///
/// ```
/// use privacy_rights::{Period, Rule};
///
/// let promise = Rule::new("a request for support", Period::WorkingDays(1), "Terms of service 4.2");
/// assert_eq!(promise.period(), Period::WorkingDays(1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub(crate) trigger: String,
    pub(crate) period: Period,
    pub(crate) basis: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) counting: Option<String>,
    #[serde(default)]
    pub(crate) rolling: Rolling,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) extension: Option<Extension>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) interruptions: Vec<Interruption>,
    #[serde(default)]
    pub(crate) caution: Caution,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<u16>,
}

impl Rule {
    /// A period that runs from `trigger` ("the request", "awareness of the breach"), with the
    /// article or clause that says so. Its end is not rolled, it cannot be extended, and nothing
    /// interrupts it.
    pub fn new(trigger: impl Into<String>, period: Period, basis: impl Into<String>) -> Self {
        Self {
            trigger: trigger.into(),
            period,
            basis: basis.into(),
            counting: None,
            rolling: Rolling::Never,
            extension: None,
            interruptions: Vec::new(),
            caution: Caution::Unrolled,
            warnings: Vec::new(),
        }
    }

    /// Names the article about how days are counted.
    #[must_use]
    pub fn counted_by(mut self, basis: impl Into<String>) -> Self {
        self.counting = Some(basis.into());
        self
    }

    /// What becomes of a deadline that falls on a rest day.
    #[must_use]
    pub fn rolling(mut self, rolling: Rolling) -> Self {
        self.rolling = rolling;
        self
    }

    /// It can be extended, once, to `total` from the start.
    #[must_use]
    pub fn extendable_to(mut self, total: Period, basis: impl Into<String>) -> Self {
        self.extension = Some(Extension { total, basis: basis.into() });
        self
    }

    /// Asking for that interrupts it.
    #[must_use]
    pub fn interrupted_by(
        mut self,
        question: Question,
        effect: Effect,
        basis: impl Into<String>,
    ) -> Self {
        self.interruptions.push(Interruption { question, effect, basis: basis.into() });
        self
    }

    /// How cautiously the alarm reads the period.
    #[must_use]
    pub const fn alarm(mut self, caution: Caution) -> Self {
        self.caution = caution;
        self
    }

    /// Warns so many hours after the start.
    #[must_use]
    pub fn warning_after(mut self, hours: impl IntoIterator<Item = u16>) -> Self {
        self.warnings.extend(hours);
        self
    }

    /// How long it runs.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// How long it runs at most, where it can be extended.
    #[must_use]
    pub fn extended_period(&self) -> Option<Period> {
        self.extension.as_ref().map(|extension| extension.total)
    }

    /// The article or clause that it comes from.
    #[must_use]
    pub fn basis(&self) -> &str {
        &self.basis
    }

    /// After how many hours it warns, in their order.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = u16> {
        let mut hours = self.warnings.clone();
        hours.sort_unstable();
        hours.into_iter()
    }

    /// What asking for `question` does to it.
    pub(crate) fn interruption(&self, question: Question) -> Option<&Interruption> {
        self.interruptions.iter().find(|interruption| interruption.question == question)
    }

    /// Checks that it can be meant. [`due`](crate::due) does so, too.
    ///
    /// # Errors
    ///
    /// Any [`RuleError`].
    pub fn check(&self) -> Result<(), RuleError> {
        if self.period.count() == 0 {
            return Err(RuleError::NoPeriod);
        }
        let longer = |extension: &Extension| extension.total.beyond(self.period).is_some();
        if !self.extension.as_ref().is_none_or(longer) {
            return Err(RuleError::Extension);
        }
        if matches!(self.period, Period::Hours(_)) {
            if !self.interruptions.is_empty() {
                return Err(RuleError::InterruptedHours);
            }
            if self.caution == Caution::DayOne {
                return Err(RuleError::AlarmOfHours);
            }
        }
        for (at, one) in self.interruptions.iter().enumerate() {
            if self
                .interruptions
                .iter()
                .skip(at.saturating_add(1))
                .any(|o| o.question == one.question)
            {
                return Err(RuleError::TwoEffects { question: one.question });
            }
        }
        Ok(())
    }
}
