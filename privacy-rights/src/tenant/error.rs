//! Why a purge did not go on.

use audit_core::EventError;
use audit_store::{AppendError, DatabaseError};

use crate::desk::error::DeskError;
use crate::erasure::ledger::NoteError;
use crate::source::error::SourceError;
use crate::source::permit::Reason;

/// A tenant's purge did not begin, or did not go on. What was done is recorded, and asking again goes
/// on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PurgeError {
    /// Legal holds of the tenant stand in the way. The refusal is on record, and nothing else was
    /// changed.
    #[error("{} legal holds stand in the way", reasons.len())]
    Blocked {
        /// Which.
        reasons: Vec<Reason>,
    },
    /// Somebody else carries out the same purge, or another one of the same tenant.
    #[error("somebody else is purging the tenant")]
    Conflict,
    /// A stored row is none that this library writes.
    #[error("a row of the tables of purges cannot be read")]
    Damaged,
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// The entry of a step breaks the journal's format: a text that is too long.
    #[error("the step cannot be recorded")]
    Event(#[from] EventError),
    /// The journal did not take an entry.
    #[error("the step was not recorded")]
    Journal(#[from] AppendError),
    /// The ledger outside the database did not do its part.
    #[error("the ledger of purges did not do its part")]
    Ledger(#[from] NoteError),
    /// The tables of this crate were not made.
    #[error("the database was not made ready")]
    NotReady(#[from] DeskError),
    /// The purge would be recorded in a chain of the tenant that goes. Nothing was changed.
    #[error("a tenant's end is not recorded in a chain of that tenant")]
    OwnChain,
    /// What was approved is another plan: what is there has changed since. Nothing was changed.
    #[error("what was approved is another plan than what would be done now")]
    Stale,
    /// A store failed.
    #[error("the store {store:?} failed")]
    Store {
        /// The store.
        store: String,
        /// Why.
        #[source]
        source: SourceError,
    },
    /// Two stores have one name, or none at all was given. Nothing was changed.
    #[error("the stores of a purge have names of their own")]
    Stores,
    /// There is no such purge.
    #[error("there is no such purge")]
    Unknown,
}

impl From<sqlx::Error> for PurgeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
