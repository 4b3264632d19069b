//! What is to be done for a person who wants no copy and no erasure.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::data_map::source::SourceDeclaration;
use crate::erasure::certificate::hex_digest;
use crate::erasure::plan::PlannedKept;
use crate::registers::preference::Preference;
use crate::request::event::Right;
use crate::source::rectify::Correction;

/// What is to be done for a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// The person says something about what is done with their data: a restriction, objections,
    /// withdrawals of consent, an opt-out.
    Prefer(Vec<Preference>),
    /// Records are put right.
    Rectify(Vec<Correction>),
}

impl Measure {
    /// Whether it is what a right is about.
    #[must_use]
    pub fn is_of(&self, right: Right) -> bool {
        let of = |preference: &Preference| match preference {
            Preference::ConsentWithdrawn { .. } => right == Right::ConsentWithdrawal,
            Preference::Objected { .. } => right == Right::Objection,
            Preference::OptedOut { .. } => right == Right::OptOut,
            Preference::Restricted { .. } => right == Right::Restriction,
            _ => false,
        };
        match self {
            Self::Prefer(all) => !all.is_empty() && all.iter().all(of),
            Self::Rectify(all) => right == Right::Rectification && !all.is_empty(),
        }
    }

    /// Who received what it is about, by name (GDPR Art. 19): of records put right the recipients of
    /// those fields, of a purpose those of the fields that are used for it, of a restriction all.
    pub(crate) fn recipients<'a>(
        &self,
        sources: impl Iterator<Item = &'a SourceDeclaration>,
    ) -> Vec<String> {
        let concerns =
            |source: &SourceDeclaration, field: &crate::data_map::source::Field| match self {
                Self::Rectify(all) => all.iter().any(|one| {
                    one.source() == source.name() && one.fields().contains_key(field.name())
                }),
                Self::Prefer(all) => all.iter().any(|one| {
                    one.purpose().is_none_or(|purpose| source.purpose_of(field) == Some(purpose))
                }),
            };
        let mut names = BTreeSet::new();
        for source in sources {
            let fields = source.fields().iter().filter(|field| concerns(source, field));
            names.extend(fields.flat_map(|field| source.recipients_of(field)).cloned());
        }
        names.into_iter().collect()
    }
}

/// What would be put right in one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlannedCorrection {
    /// The fields, by name.
    pub fields: Vec<String>,
    /// The records that would stay as they are, and why.
    pub kept: Vec<PlannedKept>,
    /// The key of the one record, if it is one.
    pub record: Option<String>,
    /// How many records would change.
    pub records: u64,
    /// The source.
    pub source: String,
}

/// What would be done for a request: names and counts, and no values. It is approved by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MeasurePlan {
    /// Stands for the values: a digest under a random key that is sealed with them, so that nobody
    /// can guess them from it.
    pub commitment: String,
    /// What would be put right.
    pub corrections: Vec<PlannedCorrection>,
    /// What the person says.
    pub preferences: Vec<Preference>,
    /// Who would be told.
    pub recipients: Vec<String>,
    /// The request.
    pub request: Uuid,
    /// What is asked for.
    pub right: &'static str,
}

impl MeasurePlan {
    /// The SHA-256 of the plan as JSON, in hexadecimal: what is approved. Other values, another count
    /// or another hold are another digest.
    #[must_use]
    pub fn digest(&self) -> String {
        // Its members are texts and numbers, which always serialise.
        hex_digest(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }
}

/// A measure as it is sealed: with the key that its commitment is made under.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sealed {
    pub(super) key: [Uuid; 2],
    pub(super) measure: Measure,
    /// The tokens of the person's that erasures before this were of.
    pub(super) erased: BTreeSet<String>,
}

impl Sealed {
    pub(super) fn new(measure: Measure, erased: BTreeSet<String>) -> Self {
        // From the operating system's generator, 244 bits.
        Self { key: [Uuid::new_v4(), Uuid::new_v4()], measure, erased }
    }

    pub(super) fn commitment(&self) -> String {
        // Everything in it serialises; the key stands first, and has one length.
        hex_digest(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }
}
