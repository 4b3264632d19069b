//! Why a right was not carried out.

use audit_core::EventError;
use audit_store::{AppendError, DatabaseError};

use crate::desk::error::DeskError;
use crate::desk::vault::VaultError;
use crate::erasure::suppression::TokenError;
use crate::registers::kept::error::RegistersError;
use crate::registers::preference::PreferenceError;
use crate::source::error::SourceError;

/// A right was not carried out, or not to its end. What was done is recorded, and asking again goes
/// on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RightsError {
    /// What was found leads to more than one person. Nothing was done: it is for a human to decide.
    #[error("{values} values of the kind {kind:?} were found: that may be more than one person")]
    Ambiguous {
        /// The kind.
        kind: String,
        /// How many values.
        values: usize,
    },
    /// The person is being erased: records of theirs are not put right meanwhile. What was approved
    /// before is [`Stale`](Self::Stale) after it.
    #[error("the person is being erased")]
    BeingErased,
    /// Somebody else is at it.
    #[error("somebody else carries out the same request")]
    Conflict,
    /// A stored row is none that this library writes.
    #[error("a row of the table of measures cannot be read")]
    Damaged,
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// The desk did not do its part.
    #[error("the desk did not do its part")]
    Desk(#[from] DeskError),
    /// An entry breaks the journal's format: a text that is too long.
    #[error("the step cannot be recorded")]
    Event(#[from] EventError),
    /// The journal did not take an entry.
    #[error("the step was not recorded")]
    Journal(#[from] AppendError),
    /// It was not approved, or it is not the time for it.
    #[error("the request is none that was approved and begun")]
    NotApproved,
    /// The measure is of another right than the one that is asked for, or empty.
    #[error("the measure is not of the right that is asked for")]
    OtherRight,
    /// The registers did not do their part.
    #[error("the registers did not do their part")]
    Registers(#[from] RegistersError),
    /// A source, the permit or the notifier failed, or a correction is one that it cannot carry out.
    #[error("a source failed")]
    Source(#[source] SourceError),
    /// What was approved is no longer what would be done, or the person was erased since. The request is marked as failed, and can
    /// be planned anew.
    #[error("what was approved is another plan than what would be done now")]
    Stale,
    /// Nothing was proposed for the request.
    #[error("nothing was proposed for the request")]
    Unknown,
    /// The measure was not sealed or opened.
    #[error("the measure was not sealed or opened")]
    Vault(#[from] VaultError),
}

impl From<SourceError> for RightsError {
    fn from(error: SourceError) -> Self {
        match error {
            // What this crate's own permit has found, asked by a source.
            SourceError::Unavailable(inner) => match inner.downcast::<Self>() {
                Ok(own) => *own,
                Err(inner) => Self::Source(SourceError::Unavailable(inner)),
            },
            error => Self::Source(error),
        }
    }
}

impl From<TokenError> for RightsError {
    fn from(error: TokenError) -> Self {
        Self::Registers(error.into())
    }
}

impl From<PreferenceError> for RightsError {
    fn from(error: PreferenceError) -> Self {
        Self::Registers(error.into())
    }
}

impl From<sqlx::Error> for RightsError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => Self::Damaged,
            error => Self::Database(error.into()),
        }
    }
}
