//! Why data is processed, and on what basis.

use std::fmt;

use serde::Serialize;

/// What makes processing lawful (GDPR Art. 6(1)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LegalBasis {
    /// Consent (a).
    Consent,
    /// A contract with the person, or steps before one at their request (b).
    Contract,
    /// A legal obligation (c).
    LegalObligation {
        /// Which.
        law: String,
    },
    /// Somebody's vital interests (d).
    VitalInterests,
    /// A task in the public interest (e).
    PublicTask {
        /// Which law lays it down.
        law: String,
    },
    /// Legitimate interests (f).
    LegitimateInterests {
        /// Which, as the person is told (Art. 13(1)(d)).
        interest: String,
    },
}

impl LegalBasis {
    /// The article.
    #[must_use]
    pub const fn article(&self) -> &'static str {
        match self {
            Self::Consent => "GDPR Art. 6(1)(a)",
            Self::Contract => "GDPR Art. 6(1)(b)",
            Self::LegalObligation { .. } => "GDPR Art. 6(1)(c)",
            Self::VitalInterests => "GDPR Art. 6(1)(d)",
            Self::PublicTask { .. } => "GDPR Art. 6(1)(e)",
            Self::LegitimateInterests { .. } => "GDPR Art. 6(1)(f)",
        }
    }

    /// Whether a copy in a common format is owed for what the person provided (Art. 20(1)(a)).
    #[must_use]
    pub const fn is_portable(&self) -> bool {
        matches!(self, Self::Consent | Self::Contract)
    }

    /// Whether the person can object (Art. 21(1)).
    #[must_use]
    pub const fn can_be_objected_to(&self) -> bool {
        matches!(self, Self::PublicTask { .. } | Self::LegitimateInterests { .. })
    }
}

impl fmt::Display for LegalBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let article = self.article();
        match self {
            Self::Consent => write!(f, "consent, {article}"),
            Self::Contract => write!(f, "contract, {article}"),
            Self::LegalObligation { law } => write!(f, "legal obligation, {article}: {law}"),
            Self::VitalInterests => write!(f, "vital interests, {article}"),
            Self::PublicTask { law } => write!(f, "public task, {article}: {law}"),
            Self::LegitimateInterests { interest } => {
                write!(f, "legitimate interests, {article}: {interest}")
            }
        }
    }
}

/// What makes processing of a special category lawful: the letter of GDPR Art. 9(2), or the law
/// that authorises it under Art. 10.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SpecialGround {
    /// Art. 9(2), by its letter, `a` to `j`, and why it applies.
    Article9(char, String),
    /// Art. 10, and the law that authorises it.
    Article10(String),
}

impl fmt::Display for SpecialGround {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Article9(letter, why) => write!(f, "GDPR Art. 9(2)({letter}): {why}"),
            Self::Article10(law) => write!(f, "GDPR Art. 10: {law}"),
        }
    }
}

/// What data is used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Purpose {
    name: String,
    words: String,
    basis: LegalBasis,
    subjects: Vec<String>,
}

impl Purpose {
    /// A purpose by a short name, in words, on a basis.
    pub fn new(name: impl Into<String>, words: impl Into<String>, basis: LegalBasis) -> Self {
        Self { name: name.into(), words: words.into(), basis, subjects: Vec::new() }
    }

    /// Whom it concerns: "customers", "employees" (GDPR Art. 30(1)(c)).
    #[must_use]
    pub fn about(mut self, subjects: impl Into<String>) -> Self {
        self.subjects.push(subjects.into());
        self
    }

    /// Its short name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// It in words.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Its basis.
    #[must_use]
    pub const fn basis(&self) -> &LegalBasis {
        &self.basis
    }

    /// Whom it concerns.
    #[must_use]
    pub fn subjects(&self) -> &[String] {
        &self.subjects
    }
}
