//! Whose data is meant.

use std::collections::BTreeSet;
use std::fmt;

/// How many identifiers one person has at most.
pub const MAX_IDENTIFIERS: usize = 256;

/// Something that identifies a person: a kind (`email`, `customer_id`) and a value.
///
/// `Debug` shows the kind only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    kind: String,
    value: String,
}

impl Identifier {
    /// An identifier of that kind.
    ///
    /// # Errors
    ///
    /// [`SelectionError::Blank`] where the kind or the value is.
    pub fn new(kind: impl Into<String>, value: impl Into<String>) -> Result<Self, SelectionError> {
        let (kind, value) = (kind.into(), value.into());
        if kind.trim().is_empty() || value.trim().is_empty() || value.contains('\0') {
            return Err(SelectionError::Blank);
        }
        Ok(Self { kind, value })
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identifier").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// One person, by what identifies them. Access, erasure and the check that nothing is left all take
/// it, and there is no other way to say whose records are meant.
///
/// It is never empty, and it holds values only: there is no predicate and no wildcard that could
/// select more people than it names.
///
/// ```
/// use privacy_rights::{Identifier, Selection};
///
/// let person = Selection::of(Identifier::new("email", "someone@example.com")?)
///     .and(Identifier::new("customer_id", "42")?)?;
/// assert_eq!(person.len(), 2);
/// assert!(Identifier::new("email", " ").is_err());
/// # Ok::<(), privacy_rights::SelectionError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Selection {
    // INVARIANT: neither empty nor longer than MAX_IDENTIFIERS.
    identifiers: BTreeSet<Identifier>,
}

impl Selection {
    /// Whoever that identifies.
    #[must_use]
    pub fn of(identifier: Identifier) -> Self {
        Self { identifiers: BTreeSet::from([identifier]) }
    }

    /// The same person, known by that, too.
    ///
    /// # Errors
    ///
    /// [`SelectionError::TooMany`].
    pub fn and(mut self, identifier: Identifier) -> Result<Self, SelectionError> {
        self.identifiers.insert(identifier);
        if self.identifiers.len() > MAX_IDENTIFIERS {
            return Err(SelectionError::TooMany);
        }
        Ok(self)
    }

    /// What identifies the person.
    pub fn identifiers(&self) -> impl Iterator<Item = &Identifier> {
        self.identifiers.iter()
    }

    /// The values of one kind.
    pub fn values<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let of_kind = self.identifiers.iter().filter(move |identifier| identifier.kind == kind);
        of_kind.map(Identifier::value)
    }

    /// Whether that is known of the person.
    #[must_use]
    pub fn contains(&self, identifier: &Identifier) -> bool {
        self.identifiers.contains(identifier)
    }

    /// How many identifiers there are: one at least.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.identifiers.len()
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl Selection {
    /// What is sealed of it: pairs of kind and value, as JSON.
    pub(crate) fn to_plaintext(&self) -> String {
        let pairs: Vec<(&str, &str)> =
            self.identifiers.iter().map(|one| (one.kind(), one.value())).collect();
        // Pairs of texts always serialise.
        serde_json::to_string(&pairs).unwrap_or_default()
    }

    /// From what was sealed of it; `None` for anything else.
    pub(crate) fn from_plaintext(text: &str) -> Option<Self> {
        let pairs: Vec<(String, String)> = serde_json::from_str(text).ok()?;
        let mut person: Option<Self> = None;
        for (kind, value) in pairs {
            let identifier = Identifier::new(kind, value).ok()?;
            person = Some(match person {
                None => Self::of(identifier),
                Some(person) => person.and(identifier).ok()?,
            });
        }
        person
    }
}

impl fmt::Debug for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.identifiers).finish()
    }
}

/// Nobody, or too much, was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// An identifier without a kind or a value names nobody.
    #[error("an identifier has a kind and a value")]
    Blank,
    /// More than [`MAX_IDENTIFIERS`].
    #[error("a person has {MAX_IDENTIFIERS} identifiers at most")]
    TooMany,
}
