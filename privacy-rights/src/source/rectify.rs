//! Putting records right (GDPR Art. 16).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is wrong in a source, and what is right: fields with their new values, in one record of the
/// person or in all.
///
/// `Debug` shows no values.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    source: String,
    record: Option<String>,
    fields: BTreeMap<String, Value>,
}

impl Correction {
    /// In all records that the person has in the source of that name, nothing yet.
    pub fn new(source: impl Into<String>) -> Self {
        Self { source: source.into(), record: None, fields: BTreeMap::new() }
    }

    /// In the record of that key alone. One that is not the person's is none.
    #[must_use]
    pub fn of_record(mut self, key: impl Into<String>) -> Self {
        self.record = Some(key.into());
        self
    }

    /// That declared field is that; `null` if there is no value.
    #[must_use]
    pub fn set(mut self, field: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(field.into(), value.into());
        self
    }

    /// The source's name.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The key of the one record, if it is one.
    #[must_use]
    pub fn record(&self) -> Option<&str> {
        self.record.as_deref()
    }

    /// The fields with their new values, by name.
    #[must_use]
    pub const fn fields(&self) -> &BTreeMap<String, Value> {
        &self.fields
    }

    /// Whether both say something of the same field of the same record.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let same = self.record.is_none() || other.record.is_none() || self.record == other.record;
        let both = self.fields.keys().any(|field| other.fields.contains_key(field));
        self.source == other.source && same && both
    }
}

impl fmt::Debug for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&String> = self.fields.keys().collect();
        f.debug_struct("Correction").field("source", &self.source).field("fields", &fields).finish()
    }
}

/// A correction that a source cannot carry out. Nothing was changed by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CorrectionError {
    /// Another correction says something else of the same field.
    #[error("two corrections speak of the same field")]
    Contradictory,
    /// No field is named.
    #[error("the correction names no field")]
    Empty,
    /// The field tells who the person is, or ties the record to them: to change it is to move the
    /// record, which is the host's own affair.
    #[error("the field {field} ties the record to the person")]
    Identifying {
        /// The field.
        field: String,
    },
    /// The field lies sealed: who writes it has to seal it.
    #[error("the field {field} lies sealed")]
    Sealed {
        /// The field.
        field: String,
    },
    /// The field has to have a value.
    #[error("the field {field} has to have a value")]
    NotNull {
        /// The field.
        field: String,
    },
    /// The database does not take the values: of another type, against a constraint.
    #[error("the database does not take the values")]
    Refused,
    /// The text is longer than the field.
    #[error("the field {field} takes {characters} characters")]
    TooLong {
        /// The field.
        field: String,
        /// How many characters it takes.
        characters: usize,
    },
    /// The source has no such field.
    #[error("the field {field} is not declared")]
    Undeclared {
        /// The field.
        field: String,
    },
    /// There is no such source, or it cannot put records right.
    #[error("the source {name:?} cannot put records right")]
    Unsupported {
        /// The source.
        name: String,
    },
}
