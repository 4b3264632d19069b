//! What was disclosed to authorities.

use audit_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::registers::Register;

/// A disclosure to an authority, or its refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Disclosure {
    /// Its id.
    pub id: String,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// By whom.
    pub authority: String,
    /// The law that they named.
    pub law: String,
    /// Their reference.
    pub reference: String,
    /// Which categories of data were given; none if it was refused.
    pub categories: Vec<String>,
    /// Why it was given, narrowed or refused.
    pub decision: String,
    /// When it was decided.
    pub decided_at: Timestamp,
}

/// A disclosure that cannot be entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisclosureError {
    /// It was decided before it was asked for.
    #[error("it was decided before it was asked for")]
    OutOfOrder,
    /// The authority, the law or the decision is missing.
    #[error("it is not said who asked, under which law, or what was decided")]
    Undocumented,
}

impl Disclosure {
    /// An authority asked, and that was decided.
    pub fn new(
        id: impl Into<String>,
        (asked_at, decided_at): (Timestamp, Timestamp),
        authority: impl Into<String>,
        law: impl Into<String>,
        decision: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            asked_at,
            authority: authority.into(),
            law: law.into(),
            reference: String::new(),
            categories: Vec::new(),
            decision: decision.into(),
            decided_at,
        }
    }

    /// Under that reference of theirs.
    #[must_use]
    pub fn referring_to(mut self, reference: impl Into<String>) -> Self {
        self.reference = reference.into();
        self
    }

    /// That category of data was given.
    #[must_use]
    pub fn giving(mut self, category: impl Into<String>) -> Self {
        self.categories.push(category.into());
        self
    }

    /// Whether it says what it has to.
    ///
    /// # Errors
    ///
    /// Any [`DisclosureError`].
    pub fn check(&self) -> Result<(), DisclosureError> {
        let said = [&self.id, &self.authority, &self.law, &self.decision];
        if said.iter().any(|text| text.trim().is_empty()) {
            return Err(DisclosureError::Undocumented);
        }
        if self.decided_at < self.asked_at {
            return Err(DisclosureError::OutOfOrder);
        }
        Ok(())
    }

    /// All of them, in the order given.
    #[must_use]
    pub fn register(all: &[Self]) -> Register {
        let rows = all.iter().map(|one| {
            let given = if one.categories.is_empty() {
                "nothing".into()
            } else {
                one.categories.join("\n")
            };
            [
                one.id.clone(),
                one.asked_at.to_string(),
                one.authority.clone(),
                one.law.clone(),
                one.reference.clone(),
                given,
                one.decision.clone(),
                one.decided_at.to_string(),
            ]
        });
        Register::new(
            "Disclosures to authorities",
            "GDPR Art. 5(2), 6(1)(c), 48",
            ["id", "asked at", "authority", "law", "reference", "given", "decision", "decided at"],
            rows,
        )
    }
}
