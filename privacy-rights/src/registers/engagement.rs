//! Recipients and sub-processors over time: announced, objected to, in use, ended.

use audit_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::data_map::party::Recipient;
use crate::registers::Register;

/// Something that happened with a recipient. Its texts name no person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EngagementStep {
    /// Those on whose behalf data is processed were told of a new one, or of a change (GDPR
    /// Art. 28(2)).
    Announced {
        /// Its kind: "hosting".
        kind: String,
        /// Its country.
        country: String,
        /// What makes a transfer lawful, where it needs that.
        safeguard: Option<String>,
        /// By which notice: the host's own reference.
        notice: String,
        /// From when on it is used: until then one may object.
        from: Timestamp,
    },
    /// It is no longer used.
    Ended {
        /// Why, and what became of the data.
        reason: String,
    },
    /// Somebody who was told objects.
    ObjectedTo {
        /// Who: the host's own reference.
        by: String,
    },
    /// An objection was answered.
    ObjectionSettled {
        /// Whose.
        by: String,
        /// How.
        outcome: String,
    },
    /// It is used.
    Used,
}

impl EngagementStep {
    /// A recipient of the data map was announced by that notice, to be used from that moment on.
    pub fn announced(recipient: &Recipient, notice: impl Into<String>, from: Timestamp) -> Self {
        Self::Announced {
            kind: recipient.kind().to_owned(),
            country: recipient.country().to_string(),
            safeguard: recipient.safeguard().map(ToString::to_string),
            notice: notice.into(),
            from,
        }
    }

    /// Its name, as the journal knows it: `register.recipient_<name>`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Announced { .. } => "announced",
            Self::Ended { .. } => "ended",
            Self::ObjectedTo { .. } => "objected_to",
            Self::ObjectionSettled { .. } => "objection_settled",
            Self::Used => "used",
        }
    }
}

/// A step that cannot be taken. The engagement is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngagementError {
    /// Before that it is announced.
    #[error("the recipient was not announced")]
    NotAnnounced,
    /// The time to object is not over.
    #[error("the time to object is not over")]
    NotYet,
    /// An objection was not answered.
    #[error("an objection was not answered")]
    Objected,
    /// It happened before what was entered last.
    #[error("it happened before what was entered last")]
    OutOfOrder,
    /// That was said before, or there is nothing to end or to answer.
    #[error("that was said before, or there is nothing to end")]
    Twice,
    /// A reference or a reason is missing.
    #[error("a reference or a reason is missing")]
    Undocumented,
}

/// A recipient over time. Each step is checked against those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engagement {
    recipient: String,
    steps: Vec<(Timestamp, EngagementStep)>,
    from: Option<Timestamp>,
    objections: Vec<String>,
    used: bool,
}

impl Engagement {
    /// A recipient of that name, without a history yet.
    pub fn new(recipient: impl Into<String>) -> Self {
        let (recipient, steps, objections) = (recipient.into(), Vec::new(), Vec::new());
        Self { recipient, steps, from: None, objections, used: false }
    }

    /// Takes a step.
    ///
    /// # Errors
    ///
    /// Any [`EngagementError`].
    pub fn step(&mut self, at: Timestamp, step: EngagementStep) -> Result<(), EngagementError> {
        if self.steps.last().is_some_and(|(last, _)| *last > at) {
            return Err(EngagementError::OutOfOrder);
        }
        self.check(at, &step)?;
        self.take(at, step);
        Ok(())
    }

    fn check(&self, at: Timestamp, step: &EngagementStep) -> Result<(), EngagementError> {
        let said = |texts: &[&String]| {
            let blank = texts.iter().any(|text| text.trim().is_empty());
            if blank { Err(EngagementError::Undocumented) } else { Ok(()) }
        };
        let from = self.from.ok_or(EngagementError::NotAnnounced);
        let unless = |wrong: bool, error| if wrong { Err(error) } else { Ok(()) };
        match step {
            EngagementStep::Announced { kind, country, notice, from, .. } => {
                said(&[kind, country, notice])?;
                unless(*from < at, EngagementError::OutOfOrder)
            }
            EngagementStep::ObjectedTo { by } => {
                said(&[by])?;
                from?;
                unless(self.objections.contains(by), EngagementError::Twice)
            }
            EngagementStep::ObjectionSettled { by, outcome } => {
                said(&[by, outcome])?;
                unless(!self.objections.contains(by), EngagementError::Twice)
            }
            EngagementStep::Used => {
                unless(from? > at, EngagementError::NotYet)?;
                unless(!self.objections.is_empty(), EngagementError::Objected)?;
                unless(self.used, EngagementError::Twice)
            }
            EngagementStep::Ended { reason } => {
                said(&[reason])?;
                from.map(drop)
            }
        }
    }

    /// Takes a step that was checked when it was entered.
    pub(crate) fn take(&mut self, at: Timestamp, step: EngagementStep) {
        match &step {
            EngagementStep::Announced { from, .. } => {
                self.from = Some(*from);
                // A change is announced while the recipient is used as before.
                self.used = false;
            }
            EngagementStep::ObjectedTo { by } => self.objections.push(by.clone()),
            EngagementStep::ObjectionSettled { by, .. } => self.objections.retain(|one| one != by),
            EngagementStep::Used => self.used = true,
            EngagementStep::Ended { .. } => {
                self.from = None;
                self.used = false;
                self.objections.clear();
            }
        }
        self.steps.push((at, step));
    }

    /// The recipient's name.
    #[must_use]
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// Whether it is used as it was announced last.
    #[must_use]
    pub const fn is_used(&self) -> bool {
        self.used
    }

    /// Whether it was announced as the data map declares it: of that kind, in that country, under
    /// that safeguard, and neither ended since.
    #[must_use]
    pub fn is_announced_as(&self, recipient: &Recipient) -> bool {
        let last = self.steps.iter().rev().find_map(|(_, step)| match step {
            EngagementStep::Announced { kind, country, safeguard, .. } => {
                Some((kind, country, safeguard))
            }
            _ => None,
        });
        self.from.is_some()
            && last.is_some_and(|(kind, country, safeguard)| {
                kind == recipient.kind()
                    && *country == recipient.country().to_string()
                    && *safeguard == recipient.safeguard().map(ToString::to_string)
            })
    }

    /// Its history.
    #[must_use]
    pub fn steps(&self) -> &[(Timestamp, EngagementStep)] {
        &self.steps
    }

    /// All of them with all their steps.
    #[must_use]
    pub fn register(all: &[Self]) -> Register {
        let rows = all.iter().flat_map(|one| {
            one.steps.iter().map(|(at, step)| {
                let (what, detail) = words(step);
                [one.recipient.clone(), at.to_string(), what.to_owned(), detail]
            })
        });
        Register::new(
            "Changes of recipients and sub-processors",
            "GDPR Art. 28(2)",
            ["recipient", "at", "what", "detail"],
            rows,
        )
    }
}

fn words(step: &EngagementStep) -> (&'static str, String) {
    match step {
        EngagementStep::Announced { kind, country, safeguard, notice, from } => {
            let safeguard = safeguard.as_ref().map(|one| format!(", {one}")).unwrap_or_default();
            ("announced", format!("{kind}, {country}{safeguard}\nnotice {notice}; from {from}"))
        }
        EngagementStep::ObjectedTo { by } => ("objected to", by.clone()),
        EngagementStep::ObjectionSettled { by, outcome } => {
            ("objection settled", format!("{by}: {outcome}"))
        }
        EngagementStep::Used => ("used", String::new()),
        EngagementStep::Ended { reason } => ("ended", reason.clone()),
    }
}
