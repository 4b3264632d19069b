//! What a person has agreed to, objected to and had restricted.

use std::collections::{BTreeMap, BTreeSet};

use audit_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::data_map::purpose::{LegalBasis, Purpose};
use crate::registers::Register;

/// Something that a person has said about what is done with their data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Preference {
    /// Consent was given (GDPR Art. 7(1)).
    ConsentGiven {
        /// For that purpose.
        purpose: String,
        /// To the text of that version.
        text_version: String,
        /// By that act: "ticked the box of the order form".
        act: String,
    },
    /// Consent was withdrawn (GDPR Art. 7(3)).
    ConsentWithdrawn {
        /// For that purpose.
        purpose: String,
    },
    /// The person's data was erased (GDPR Art. 17): consents and a restriction end with it, an
    /// objection and an opt-out stay.
    Erased,
    /// The person objected (GDPR Art. 21(1) and (2)).
    Objected {
        /// To that purpose.
        purpose: String,
    },
    /// The objection was overruled, or taken back.
    ObjectionEnded {
        /// To that purpose.
        purpose: String,
        /// Why: the compelling grounds (GDPR Art. 21(1)), or that it was taken back.
        reason: String,
    },
    /// The person opted out, whatever the basis: of sale and sharing (Cal. Civ. Code 1798.120). A
    /// consent that is given later ends it.
    OptedOut {
        /// Of that purpose.
        purpose: String,
    },
    /// Processing was restricted (GDPR Art. 18(1)).
    Restricted {
        /// On that ground: `a` to `d`.
        letter: char,
    },
    /// The restriction was lifted, after the person was told (GDPR Art. 18(3)).
    RestrictionLifted {
        /// When they were told.
        told_at: Timestamp,
    },
}

impl Preference {
    /// Its name, as the journal knows it: `register.<name>`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ConsentGiven { .. } => "consent_given",
            Self::ConsentWithdrawn { .. } => "consent_withdrawn",
            Self::Erased => "preferences_erased",
            Self::Objected { .. } => "objected",
            Self::ObjectionEnded { .. } => "objection_ended",
            Self::OptedOut { .. } => "opted_out",
            Self::Restricted { .. } => "restricted",
            Self::RestrictionLifted { .. } => "restriction_lifted",
        }
    }

    /// The purpose that it is about, if it is about one.
    #[must_use]
    pub fn purpose(&self) -> Option<&str> {
        match self {
            Self::ConsentGiven { purpose, .. }
            | Self::ConsentWithdrawn { purpose }
            | Self::Objected { purpose }
            | Self::ObjectionEnded { purpose, .. }
            | Self::OptedOut { purpose } => Some(purpose),
            Self::Erased | Self::Restricted { .. } | Self::RestrictionLifted { .. } => None,
        }
    }
}

/// A preference at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PreferenceEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub preference: Preference,
}

impl PreferenceEvent {
    /// At that moment.
    #[must_use]
    pub const fn new(at: Timestamp, preference: Preference) -> Self {
        Self { at, preference }
    }
}

/// A preference that cannot be. What stood before stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PreferenceError {
    /// Something that is to be ended has not begun.
    #[error("there is nothing to end")]
    NothingToEnd,
    /// It is about a purpose and names none: it would have no effect.
    #[error("it does not say for which purpose")]
    NoPurpose,
    /// A restriction has one of the four grounds of Art. 18(1).
    #[error("a restriction stands on a ground from a to d")]
    NoSuchGround,
    /// It happened before what was entered last.
    #[error("it happened before what was entered last")]
    OutOfOrder,
    /// The person was not told before the restriction was lifted.
    #[error("a restriction is lifted after the person was told")]
    NotTold,
    /// A consent without the text's version, or without the act by which it was given, or an end
    /// without a reason, proves nothing.
    #[error("it does not say to which text, by which act or for what reason")]
    Unproven,
}

/// A consent that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Consent {
    /// Since when.
    pub at: Timestamp,
    /// To which version of the text.
    pub text_version: String,
    /// By which act.
    pub act: String,
}

/// Whether something may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Permission {
    /// It may.
    Granted {
        /// On what basis.
        ground: String,
    },
    /// It may not.
    Refused {
        /// Why not.
        ground: &'static str,
    },
}

impl Permission {
    /// Whether it may.
    #[must_use]
    pub const fn is_granted(&self) -> bool {
        matches!(self, Self::Granted { .. })
    }
}

/// What one person has said, with its history. Nothing is overwritten: what was ended stands in the
/// history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    history: Vec<PreferenceEvent>,
    consents: BTreeMap<String, Consent>,
    objections: BTreeSet<String>,
    opted_out: BTreeSet<String>,
    restricted: bool,
}

impl Preferences {
    /// From the history.
    ///
    /// # Errors
    ///
    /// [`PreferenceError`] of the first event that cannot be.
    pub fn from_history(
        history: impl IntoIterator<Item = PreferenceEvent>,
    ) -> Result<Self, PreferenceError> {
        let mut preferences = Self::default();
        for event in history {
            preferences.add(event)?;
        }
        Ok(preferences)
    }

    /// Adds what the person says.
    ///
    /// # Errors
    ///
    /// Any [`PreferenceError`].
    pub fn add(&mut self, event: PreferenceEvent) -> Result<(), PreferenceError> {
        if self.history.last().is_some_and(|last| last.at > event.at) {
            return Err(PreferenceError::OutOfOrder);
        }
        self.check(&event)?;
        self.take(event);
        Ok(())
    }

    fn check(&self, event: &PreferenceEvent) -> Result<(), PreferenceError> {
        if event.preference.purpose().is_some_and(blank) {
            return Err(PreferenceError::NoPurpose);
        }
        let known = match &event.preference {
            Preference::ConsentGiven { text_version, act, .. } => {
                if blank(text_version) || blank(act) {
                    return Err(PreferenceError::Unproven);
                }
                true
            }
            Preference::ConsentWithdrawn { purpose } => self.consents.contains_key(purpose),
            Preference::ObjectionEnded { purpose, reason } => {
                if blank(reason) {
                    return Err(PreferenceError::Unproven);
                }
                self.objections.contains(purpose)
            }
            Preference::Restricted { letter } => {
                if !('a'..='d').contains(letter) {
                    return Err(PreferenceError::NoSuchGround);
                }
                true
            }
            Preference::RestrictionLifted { told_at } => {
                if self.restricted && *told_at > event.at {
                    return Err(PreferenceError::NotTold);
                }
                self.restricted
            }
            Preference::Erased | Preference::Objected { .. } | Preference::OptedOut { .. } => true,
        };
        if known { Ok(()) } else { Err(PreferenceError::NothingToEnd) }
    }

    /// Takes an event that was checked when it was entered.
    pub(crate) fn take(&mut self, event: PreferenceEvent) {
        match &event.preference {
            Preference::ConsentGiven { purpose, text_version, act } => {
                let (text_version, act) = (text_version.clone(), act.clone());
                let consent = Consent { at: event.at, text_version, act };
                self.consents.insert(purpose.clone(), consent);
                self.opted_out.remove(purpose);
            }
            Preference::ConsentWithdrawn { purpose } => {
                self.consents.remove(purpose);
            }
            Preference::Erased => {
                self.consents.clear();
                self.restricted = false;
            }
            Preference::Objected { purpose } => {
                self.objections.insert(purpose.clone());
            }
            Preference::ObjectionEnded { purpose, .. } => {
                self.objections.remove(purpose);
            }
            Preference::OptedOut { purpose } => {
                self.opted_out.insert(purpose.clone());
                self.consents.remove(purpose);
            }
            Preference::Restricted { .. } => self.restricted = true,
            Preference::RestrictionLifted { .. } => self.restricted = false,
        }
        self.history.push(event);
    }

    /// Whether nothing that was said has an effect any more.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let stands = !self.consents.is_empty() || !self.objections.is_empty();
        !(stands || self.restricted || !self.opted_out.is_empty())
    }

    /// The consent that stands for a purpose.
    #[must_use]
    pub fn consent(&self, purpose: &str) -> Option<&Consent> {
        self.consents.get(purpose)
    }

    /// Whether processing is restricted (GDPR Art. 18).
    #[must_use]
    pub const fn is_restricted(&self) -> bool {
        self.restricted
    }

    /// Whether the person's data may be used for a purpose now.
    ///
    /// - Restricted data is used with the person's consent only (Art. 18(2)); legal claims and the
    ///   rights of others are for a human to decide.
    /// - What stands on consent needs one that was not withdrawn (Art. 7(3)).
    /// - Whoever opted out is out, whatever the basis, until a consent is given.
    /// - An objection stops what stands on a public task or on legitimate interests (Art. 21(1));
    ///   elsewhere there is no right to object, and it changes nothing.
    #[must_use]
    pub fn permit(&self, purpose: &Purpose) -> Permission {
        let consented = self.consents.contains_key(purpose.name());
        if self.restricted && !consented {
            return Permission::Refused { ground: "restricted, GDPR Art. 18(2)" };
        }
        if self.opted_out.contains(purpose.name()) {
            return Permission::Refused { ground: "opted out, Cal. Civ. Code 1798.120" };
        }
        if matches!(purpose.basis(), LegalBasis::Consent) && !consented {
            return Permission::Refused { ground: "no consent, GDPR Art. 6(1)(a), 7(3)" };
        }
        if purpose.basis().can_be_objected_to() && self.objections.contains(purpose.name()) {
            return Permission::Refused { ground: "objection, GDPR Art. 21(1)" };
        }
        Permission::Granted { ground: purpose.basis().to_string() }
    }

    /// Everything that was said, in order.
    #[must_use]
    pub fn history(&self) -> &[PreferenceEvent] {
        &self.history
    }

    /// The history as a register, for the person or for a supervisory authority.
    #[must_use]
    pub fn register(&self) -> Register {
        let rows = self.history.iter().map(|event| {
            let (what, purpose, detail) = words(&event.preference);
            [event.at.to_string(), what.to_owned(), purpose.to_owned(), detail]
        });
        Register::new(
            "Consents, objections and restrictions",
            "GDPR Art. 7(1), 18, 21",
            ["at", "what", "purpose", "detail"],
            rows,
        )
    }
}

fn words(preference: &Preference) -> (&'static str, &str, String) {
    match preference {
        Preference::ConsentGiven { purpose, text_version, act } => {
            ("consent given", purpose, format!("text {text_version}; {act}"))
        }
        Preference::ConsentWithdrawn { purpose } => ("consent withdrawn", purpose, String::new()),
        Preference::Objected { purpose } => ("objected", purpose, String::new()),
        Preference::ObjectionEnded { purpose, reason } => {
            ("objection ended", purpose, reason.clone())
        }
        Preference::Erased => ("erased", "", "consents and restriction ended".to_owned()),
        Preference::OptedOut { purpose } => ("opted out", purpose, String::new()),
        Preference::Restricted { letter } => ("restricted", "", format!("Art. 18(1)({letter})")),
        Preference::RestrictionLifted { told_at } => {
            ("restriction lifted", "", format!("told at {told_at}"))
        }
    }
}

fn blank(text: &str) -> bool {
    text.trim().is_empty()
}
