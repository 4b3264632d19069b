//! What a source gives and takes.

use std::fmt;

use chrono::NaiveDate;
use serde_json::Value;
use uuid::Uuid;

use crate::source::permit::{Item, Reason};

/// Where a page ended: opaque to everybody but the source that made it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cursor(String);

impl Cursor {
    /// What the source wants to read again.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What the source wrote.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Its length: a key may be anything.
impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({} bytes)", self.0.len())
    }
}

/// A value of a field, or what may be said of it.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum FieldValue {
    /// There is none.
    Absent,
    /// There is one, which is not given.
    Present,
    /// It, as JSON.
    Value(Value),
}

/// Whether there is one: a value may be anything.
impl fmt::Debug for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Present => "Present",
            Self::Value(_) => "Value(..)",
        })
    }
}

/// One record of a person.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// What names it in its source.
    pub key: String,
    /// Its fields, in the order of the declaration.
    pub fields: Vec<(String, FieldValue)>,
}

impl Record {
    /// A record of that key.
    pub fn new(key: impl Into<String>, fields: Vec<(String, FieldValue)>) -> Self {
        Self { key: key.into(), fields }
    }
}

/// Some records of a person.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// Where to go on; none if that was all.
    pub next: Option<Cursor>,
}

impl Page {
    /// These records, and where to go on.
    #[must_use]
    pub const fn new(records: Vec<Record>, next: Option<Cursor>) -> Self {
        Self { records, next }
    }
}

/// One step of an erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// Its id. The same step again changes nothing that it has done.
    pub id: Uuid,
    /// The day it is where the controller is: what a law keeps is kept through its last day.
    pub today: NaiveDate,
}

impl Step {
    /// The step of that id, on that day.
    #[must_use]
    pub const fn new(id: Uuid, today: NaiveDate) -> Self {
        Self { id, today }
    }
}

/// A record that was not erased, or not in full, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kept {
    /// The record.
    pub item: Item,
    /// Every rule that spoke for keeping it.
    pub reasons: Vec<Reason>,
    /// The fields that are kept. Empty if it is the record as a whole.
    pub fields: Vec<String>,
}

/// What a step did to some records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// How many records were erased, in full or in part.
    pub changed: u64,
    /// Those that were kept, in full or in part.
    pub kept: Vec<Kept>,
    /// Where to go on; none if that was all.
    pub next: Option<Cursor>,
}

impl Applied {
    /// So many were erased, these were kept.
    #[must_use]
    pub const fn new(changed: u64, kept: Vec<Kept>, next: Option<Cursor>) -> Self {
        Self { changed, kept, next }
    }
}

/// How much is not erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remaining {
    /// How many records hold something that the declaration would erase.
    pub records: u64,
    /// How many of them a law keeps, in full or in part.
    pub kept_by_law: u64,
}

impl Remaining {
    /// So many, of which a law keeps so many.
    #[must_use]
    pub const fn new(records: u64, kept_by_law: u64) -> Self {
        Self { records, kept_by_law }
    }

    /// Whether nothing is left but what a law keeps.
    #[must_use]
    pub const fn is_explained(&self) -> bool {
        self.records == self.kept_by_law
    }
}
