//! Why a register was not written or not read.

use audit_core::EventError;
use audit_store::{AppendError, DatabaseError};

use crate::clock::error::ClockError;
use crate::clock::regime::Duty;
use crate::erasure::suppression::TokenError;
use crate::registers::breach::BreachError;
use crate::registers::disclosure::DisclosureError;
use crate::registers::engagement::EngagementError;
use crate::registers::preference::PreferenceError;

/// A register was not written or not read. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistersError {
    /// What was given leads to the histories of more than one person: say who is meant.
    #[error("{values} values of the kind {kind:?} were found: that is more than one person")]
    Ambiguous {
        /// The kind.
        kind: String,
        /// How many values.
        values: usize,
    },
    /// The step of a breach contradicts those before it.
    #[error("the breach cannot take that step")]
    Breach(#[from] BreachError),
    /// The clock of a breach has no answer.
    #[error("the clock has no answer")]
    Clock(#[from] ClockError),
    /// Somebody else has added something meanwhile. Look at it again.
    #[error("somebody else has added something")]
    Conflict,
    /// A stored row is none that this library writes.
    #[error("a row of the registers cannot be read")]
    Damaged,
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// The disclosure says too little.
    #[error("the disclosure cannot be entered")]
    Disclosure(#[from] DisclosureError),
    /// The step of a recipient contradicts those before it.
    #[error("the recipient cannot take that step")]
    Engagement(#[from] EngagementError),
    /// The entry breaks the journal's format: a text that is too long.
    #[error("the entry cannot be recorded")]
    Event(#[from] EventError),
    /// Something of that id was entered before.
    #[error("something of that id was entered before")]
    Exists,
    /// It is to have happened later than now.
    #[error("it happened in the future")]
    FromTheFuture,
    /// The journal did not take the entry.
    #[error("the entry was not recorded")]
    Journal(#[from] AppendError),
    /// An id is blank, or has more than 200 characters.
    #[error("an id has 1 to 200 characters")]
    Name,
    /// The regime has no such rule.
    #[error("the regime says nothing about the duty {duty}")]
    NoRule {
        /// The duty.
        duty: Duty,
    },
    /// What the person is to have said contradicts what they said before.
    #[error("the preference cannot be entered")]
    Preference(#[from] PreferenceError),
    /// A token of an identifier could not be computed.
    #[error("an identifier has no token")]
    Token(#[from] TokenError),
    /// Nothing of that id was entered.
    #[error("nothing of that id was entered")]
    Unknown,
}

impl From<sqlx::Error> for RegistersError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => Self::Damaged,
            error => Self::Database(error.into()),
        }
    }
}
