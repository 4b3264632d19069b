//! What becomes of a field: how long it is kept, exported how, erased how.

use std::fmt;

use serde::Serialize;

use crate::clock::period::Period;
use crate::data_map::name::SqlName;

/// A category of personal data: "contact", "payment".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Category {
    name: String,
    special: bool,
}

impl Category {
    /// An ordinary one.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), special: false }
    }

    /// One of GDPR Art. 9(1) (health, belief, biometrics and the like) or Art. 10 (convictions): it
    /// needs a ground of its own.
    pub fn special(name: impl Into<String>) -> Self {
        Self { name: name.into(), special: true }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it needs a ground of its own.
    #[must_use]
    pub const fn is_special(&self) -> bool {
        self.special
    }
}

impl From<&str> for Category {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// How long data is kept (GDPR Art. 5(1)(e), Art. 30(1)(f)), and what of it a law demands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retention {
    words: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    statutory: Option<Statutory>,
}

/// A period for which a law demands that data is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statutory {
    law: String,
    period: Period,
    since: SqlName,
    linked: bool,
}

impl Statutory {
    /// The law.
    #[must_use]
    pub fn law(&self) -> &str {
        &self.law
    }

    /// How long.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// The column with the date from which on.
    #[must_use]
    pub const fn since(&self) -> &SqlName {
        &self.since
    }

    /// Whether that is a column of the table through which the row belongs to a person, and not of
    /// its own.
    #[must_use]
    pub const fn is_linked(&self) -> bool {
        self.linked
    }
}

impl Retention {
    /// As long as these words say: "30 days after the account is closed".
    pub fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), statutory: None }
    }

    /// And for `period` from the date in the column `since`, because a law demands it (GDPR Art.
    /// 17(3)(b)): until then an erasure is deferred, row by row.
    #[must_use]
    pub fn demanded_by(mut self, law: impl Into<String>, period: Period, since: SqlName) -> Self {
        self.statutory = Some(Statutory { law: law.into(), period, since, linked: false });
        self
    }

    /// The same, with the date in a column of the table through which the row belongs to a person
    /// ([`Link::Through`](crate::Link::Through)): the lines of an invoice are kept as long as the
    /// invoice.
    #[must_use]
    pub fn demanded_as_linked(
        mut self,
        law: impl Into<String>,
        period: Period,
        since: SqlName,
    ) -> Self {
        self.statutory = Some(Statutory { law: law.into(), period, since, linked: true });
        self
    }

    /// It in words.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// What a law demands.
    #[must_use]
    pub const fn statutory(&self) -> Option<&Statutory> {
        self.statutory.as_ref()
    }
}

/// What of a field a person is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExportRule {
    /// The value: it is about the person alone.
    #[default]
    Own,
    /// That there is one: secrets, tokens, hashes of passwords, government ids.
    PresenceOnly,
    /// The value without what it says of others (GDPR Art. 15(4)).
    RedactOthers,
    /// Nothing, on that ground, which the person is told.
    Withhold(String),
}

/// What an erasure does with a field, or with its row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErasureStrategy {
    /// A value that is nobody's, made anew for each row: unique, and of nothing that was there.
    Anonymise,
    /// The row is deleted.
    Delete,
    /// The link to the person is cut: the column becomes NULL, the row stays.
    Detach,
    /// The same text in every row.
    Mask(String),
    /// The column becomes NULL.
    Null,
    /// The key under which the value is sealed is destroyed; the ciphertext stays.
    Shred,
    /// A keyed pseudonym in its place. It is still personal data, of whoever has the key.
    Pseudonymise,
    /// It stays, on that ground (GDPR Art. 17(3)): no erasure changes it.
    Retain(String),
}

impl ErasureStrategy {
    /// Whether the row goes.
    #[must_use]
    pub const fn deletes_rows(&self) -> bool {
        matches!(self, Self::Delete)
    }

    /// Whether the column becomes NULL.
    pub(crate) const fn nulls(&self) -> bool {
        matches!(self, Self::Detach | Self::Null)
    }

    /// Whether two rows come to hold the same.
    pub(crate) const fn repeats(&self) -> bool {
        matches!(self, Self::Mask(_))
    }
}

impl fmt::Display for ErasureStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymise => "anonymised",
            Self::Delete => "deleted with its row",
            Self::Detach => "detached",
            Self::Mask(_) => "masked",
            Self::Null => "set to NULL",
            Self::Shred => "its key destroyed",
            Self::Pseudonymise => "pseudonymised",
            Self::Retain(_) => "kept",
        })
    }
}
