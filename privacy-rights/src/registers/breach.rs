//! Breaches of personal data, from the first suspicion to the end.

use audit_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::due::{Due, Place, due};
use crate::clock::error::ClockError;
use crate::clock::event::ClockEvent;
use crate::clock::rule::Rule;
use crate::registers::Register;

/// How likely a breach harms the rights and freedoms of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Risk {
    /// Unlikely to be a risk: the authority need not be told (GDPR Art. 33(1)).
    Unlikely,
    /// A risk: the authority is told.
    Likely,
    /// Likely to be a high risk: the persons are told, too (GDPR Art. 34(1)).
    High,
}

/// Something that happened in the course of a breach. Its texts name no person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreachStep {
    /// Its risk was assessed; again whenever more is known.
    Assessed {
        /// The risk.
        risk: Risk,
        /// How many people are concerned, if that is known.
        persons: Option<u64>,
        /// Its effects (GDPR Art. 33(5)).
        effects: String,
        /// What was done about it.
        measures: String,
    },
    /// The authority need not be told.
    AuthorityNotRequired {
        /// Why the risk is unlikely.
        reason: String,
    },
    /// The authority was told: at first, or of more (GDPR Art. 33(4)).
    AuthorityTold {
        /// Their reference.
        reference: String,
        /// Why it took longer than it may, if it did (GDPR Art. 33(1)).
        delay: Option<String>,
    },
    /// With reasonable certainty, data was breached: the clock starts.
    Aware {
        /// What happened.
        facts: String,
    },
    /// It is over.
    Closed,
    /// The persons need not be told.
    PersonsNotRequired {
        /// Why; for a high risk the condition of GDPR Art. 34(3).
        reason: String,
    },
    /// The persons, or an audience of them, were told.
    PersonsTold {
        /// Whom: "users", "tenants".
        audience: String,
    },
    /// Somebody suspects one.
    Suspected {
        /// What happened.
        facts: String,
    },
    /// So long after the awareness nobody had settled the authority yet, and a warning was raised.
    Warned {
        /// How many hours.
        hours: u16,
    },
}

impl BreachStep {
    /// Its name, as the journal knows it: `register.breach_<name>`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Assessed { .. } => "assessed",
            Self::AuthorityNotRequired { .. } => "authority_not_required",
            Self::AuthorityTold { .. } => "authority_told",
            Self::Aware { .. } => "aware",
            Self::Closed => "closed",
            Self::PersonsNotRequired { .. } => "persons_not_required",
            Self::PersonsTold { .. } => "persons_told",
            Self::Suspected { .. } => "suspected",
            Self::Warned { .. } => "warned",
        }
    }
}

/// Where a breach is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreachPhase {
    /// Somebody suspects one.
    Suspected,
    /// It is one.
    Aware,
    /// Its risk is known.
    Assessed,
    /// The authority was told, or need not be.
    AuthoritySettled,
    /// So were the persons.
    PersonsSettled,
    /// It is over.
    Closed,
}

/// A step that cannot be taken. The breach is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BreachError {
    /// It is over.
    #[error("the breach is closed")]
    Closed,
    /// A late notice without the reason for the delay (GDPR Art. 33(1)).
    #[error("the authority is told late, and no reason for the delay is given")]
    DelayUnexplained,
    /// The step before was not taken.
    #[error("before this, {before}")]
    NotYet {
        /// What has to be done first.
        before: &'static str,
    },
    /// The risk that was assessed does not allow it.
    #[error("at this risk it is required")]
    Required,
    /// It happened before what was entered last.
    #[error("it happened before what was entered last")]
    OutOfOrder,
    /// What has to be documented is not (GDPR Art. 33(5)).
    #[error("it is not said what happened, what it does, or what was done")]
    Undocumented,
    /// It was said before.
    #[error("that was said before")]
    Twice,
    /// The clock has no answer.
    #[error("the time limit cannot be computed")]
    Clock(#[from] ClockError),
}

/// A breach of personal data with its history. Each step is checked against those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    id: String,
    steps: Vec<(Timestamp, BreachStep)>,
    aware_at: Option<Timestamp>,
    risk: Option<Risk>,
    authority: bool,
    persons: bool,
    closed: bool,
}

impl Breach {
    /// A breach without a history yet.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            steps: Vec::new(),
            aware_at: None,
            risk: None,
            authority: false,
            persons: false,
            closed: false,
        }
    }

    /// Takes a step. `rule` and `place` are those of the notice to the authority
    /// ([`Duty::TELL_AUTHORITY`](crate::Duty::TELL_AUTHORITY)).
    ///
    /// # Errors
    ///
    /// Any [`BreachError`].
    pub fn step(
        &mut self,
        at: Timestamp,
        step: BreachStep,
        (rule, place): (&Rule, &Place),
    ) -> Result<(), BreachError> {
        if self.closed {
            return Err(BreachError::Closed);
        }
        // A warning is no event of the breach: what happened before it may be entered after it.
        let mut events = self.steps.iter().filter(|(_, step)| !is_warning(step));
        if events.next_back().is_some_and(|(last, _)| *last > at) {
            return Err(BreachError::OutOfOrder);
        }
        self.check(at, &step, (rule, place))?;
        self.take(at, step);
        Ok(())
    }

    /// Takes a step that was checked when it was entered: under the rule of that time.
    pub(crate) fn take(&mut self, at: Timestamp, step: BreachStep) {
        match &step {
            BreachStep::Suspected { .. } | BreachStep::Warned { .. } => {}
            BreachStep::Aware { .. } => self.aware_at = Some(at),
            BreachStep::Assessed { risk, .. } => {
                // More is known: what was not required may be now.
                if self.risk.is_some_and(|before| *risk > before) {
                    self.authority &= self.was_told();
                    self.persons = false;
                }
                self.risk = Some(*risk);
            }
            BreachStep::AuthorityTold { .. } | BreachStep::AuthorityNotRequired { .. } => {
                self.authority = true;
            }
            BreachStep::PersonsTold { .. } | BreachStep::PersonsNotRequired { .. } => {
                self.persons = true;
            }
            BreachStep::Closed => self.closed = true,
        }
        self.steps.push((at, step));
    }

    fn was_told(&self) -> bool {
        self.steps.iter().any(|(_, step)| matches!(step, BreachStep::AuthorityTold { .. }))
    }

    fn check(
        &self,
        at: Timestamp,
        step: &BreachStep,
        (rule, place): (&Rule, &Place),
    ) -> Result<(), BreachError> {
        let said = |text: &String| {
            if text.trim().is_empty() { Err(BreachError::Undocumented) } else { Ok(()) }
        };
        let aware = self.aware_at.ok_or(BreachError::NotYet { before: "it is known to be one" });
        let risk = self.risk.ok_or(BreachError::NotYet { before: "its risk is assessed" });
        match step {
            BreachStep::Suspected { facts } | BreachStep::Aware { facts } => {
                if self.aware_at.is_some() {
                    return Err(BreachError::Twice);
                }
                said(facts)
            }
            BreachStep::Assessed { effects, measures, .. } => {
                aware?;
                said(effects)?;
                said(measures)
            }
            BreachStep::AuthorityTold { reference, delay } => {
                let started = [ClockEvent::started(aware?)];
                said(reference)?;
                let late = due(rule, place, &started)?.is_overdue(at) && !self.was_told();
                match delay {
                    None if late => Err(BreachError::DelayUnexplained),
                    Some(reason) if reason.trim().is_empty() => Err(BreachError::DelayUnexplained),
                    _ => Ok(()),
                }
            }
            BreachStep::AuthorityNotRequired { reason } => {
                said(reason)?;
                if risk? > Risk::Unlikely { Err(BreachError::Required) } else { Ok(()) }
            }
            BreachStep::PersonsTold { audience } => {
                aware?;
                said(audience)
            }
            BreachStep::PersonsNotRequired { reason } => {
                said(reason)?;
                let named = reason.contains("34(3)");
                if risk? == Risk::High && !named { Err(BreachError::Required) } else { Ok(()) }
            }
            BreachStep::Closed => {
                risk?;
                if !self.authority {
                    return Err(BreachError::NotYet { before: "the authority is settled" });
                }
                if !self.persons {
                    return Err(BreachError::NotYet { before: "the persons are settled" });
                }
                Ok(())
            }
            BreachStep::Warned { hours } => {
                if self.was_warned(*hours) {
                    return Err(BreachError::Twice);
                }
                let come = self.warnings(rule, place, at)?;
                if rule.warnings().take(come).any(|warning| warning == *hours) {
                    return Ok(());
                }
                Err(BreachError::NotYet { before: "its time has come, and the authority waits" })
            }
        }
    }

    /// The warnings that have come by now and were not raised, in hours after the awareness.
    ///
    /// # Errors
    ///
    /// [`ClockError`].
    pub fn unraised(
        &self,
        rule: &Rule,
        place: &Place,
        now: Timestamp,
    ) -> Result<Vec<u16>, ClockError> {
        let come = if self.closed { 0 } else { self.warnings(rule, place, now)? };
        let open = rule.warnings().take(come).filter(|hours| !self.was_warned(*hours));
        let mut open: Vec<u16> = open.collect();
        open.dedup();
        Ok(open)
    }

    fn was_warned(&self, hours: u16) -> bool {
        let warned =
            |step: &BreachStep| matches!(step, BreachStep::Warned { hours: of } if *of == hours);
        self.steps.iter().any(|(_, step)| warned(step))
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it is.
    #[must_use]
    pub const fn phase(&self) -> BreachPhase {
        match (self.aware_at, self.risk) {
            _ if self.closed => BreachPhase::Closed,
            (None, _) => BreachPhase::Suspected,
            _ if self.authority && self.persons => BreachPhase::PersonsSettled,
            _ if self.authority => BreachPhase::AuthoritySettled,
            (_, None) => BreachPhase::Aware,
            (_, Some(_)) => BreachPhase::Assessed,
        }
    }

    /// When a notice under a rule is due; none before it is known to be a breach. For an audience
    /// that a contract promises to tell, give that rule.
    ///
    /// # Errors
    ///
    /// [`ClockError`].
    pub fn due(&self, rule: &Rule, place: &Place) -> Result<Option<Due>, ClockError> {
        let started = self.aware_at.map(ClockEvent::started);
        started.map(|started| due(rule, place, &[started])).transpose()
    }

    /// How many of the rule's warnings have come by now while the authority is not settled.
    ///
    /// # Errors
    ///
    /// [`ClockError`].
    pub fn warnings(
        &self,
        rule: &Rule,
        place: &Place,
        now: Timestamp,
    ) -> Result<usize, ClockError> {
        if self.authority {
            return Ok(0);
        }
        let due = self.due(rule, place)?;
        let deadline = due.as_ref().and_then(Due::deadline);
        let come = |at: &&Timestamp| **at <= now;
        Ok(deadline.map_or(0, |deadline| deadline.warnings.iter().filter(come).count()))
    }

    /// Its history.
    #[must_use]
    pub fn steps(&self) -> &[(Timestamp, BreachStep)] {
        &self.steps
    }

    /// All breaches with all their steps (GDPR Art. 33(5)).
    #[must_use]
    pub fn register(all: &[Self]) -> Register {
        let rows = all.iter().flat_map(|breach| {
            breach.steps.iter().map(|(at, step)| {
                let (what, detail) = words(step);
                [breach.id.clone(), at.to_string(), what.to_owned(), detail]
            })
        });
        Register::new(
            "Personal data breaches",
            "GDPR Art. 33(5)",
            ["breach", "at", "what", "detail"],
            rows,
        )
    }
}

const fn is_warning(step: &BreachStep) -> bool {
    matches!(step, BreachStep::Warned { .. })
}

fn words(step: &BreachStep) -> (&'static str, String) {
    match step {
        BreachStep::Suspected { facts } => ("suspected", facts.clone()),
        BreachStep::Aware { facts } => ("aware", facts.clone()),
        BreachStep::Assessed { risk, persons, effects, measures } => {
            let risk = match risk {
                Risk::Unlikely => "risk unlikely",
                Risk::Likely => "risk likely",
                Risk::High => "high risk likely",
            };
            let persons = persons.map(|count| format!("; {count} persons")).unwrap_or_default();
            ("assessed", format!("{risk}{persons}\neffects: {effects}\nmeasures: {measures}"))
        }
        BreachStep::AuthorityTold { reference, delay } => {
            let delay = delay.as_ref().map(|why| format!("; late: {why}")).unwrap_or_default();
            ("authority told", format!("{reference}{delay}"))
        }
        BreachStep::AuthorityNotRequired { reason } => ("authority not required", reason.clone()),
        BreachStep::PersonsTold { audience } => ("persons told", audience.clone()),
        BreachStep::PersonsNotRequired { reason } => ("persons not required", reason.clone()),
        BreachStep::Closed => ("closed", String::new()),
        BreachStep::Warned { hours } => {
            ("warned", format!("{hours} hours after the awareness, the authority was not settled"))
        }
    }
}
