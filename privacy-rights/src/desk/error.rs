//! Why the desk did not do what it was asked.

use audit_core::EventError;
use audit_store::{AppendError, DatabaseError};
use crypto_fields::OneTimeCodeError;

use crate::clock::error::ClockError;
use crate::clock::regime::Duty;
use crate::registers::backup::BackupError;
use crate::request::error::TransitionError;
use crate::source::error::SourceError;

use super::download::DownloadError;
use super::vault::VaultError;

/// The desk did not do it. Unless it says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// The register of backups does not take it.
    #[error("the register of backups does not take it")]
    Backup(#[from] BackupError),
    /// The deadline cannot be computed: an extension too late or twice, and the like.
    #[error("the clock has no answer")]
    Clock(#[from] ClockError),
    /// A one-time code was not issued or not looked at.
    #[error("the one-time code was not issued or not looked at")]
    Code(#[from] OneTimeCodeError),
    /// The files of bundles could not be deleted. It is tried again.
    #[error("the files of bundles were not deleted")]
    Bundles(#[source] Box<DownloadError>),
    /// Somebody else changed the request meanwhile. Look at it again.
    #[error("somebody else changed the request")]
    Conflict,
    /// A stored row is none that this library writes.
    #[error("a row of the table of requests cannot be read")]
    Damaged,
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// The entry of a step breaks the journal's format: a text that is too long.
    #[error("the step cannot be recorded")]
    Event(#[from] EventError),
    /// A request that came later than now.
    #[error("the request was received in the future")]
    FromTheFuture,
    /// The journal did not take the entry.
    #[error("the step was not recorded")]
    Journal(#[from] AppendError),
    /// A migration that was applied is not the one this version carries.
    #[error("migration {version} was applied in another form than this version knows")]
    MigrationChanged {
        /// The migration's number.
        version: i64,
    },
    /// There is no code to compare with.
    #[error("no code was issued for the request")]
    NoCode,
    /// The regime has no such rule.
    #[error("the regime says nothing about the duty {duty}")]
    NoRule {
        /// The duty.
        duty: Duty,
    },
    /// A request that is open needs to know whom it is about.
    #[error("the request is open: its identity is needed")]
    StillOpen,
    /// That step has a call of its own.
    #[error("that a request was {event} is recorded by another call")]
    OtherCall {
        /// The step.
        event: &'static str,
    },
    /// The tables were made by a newer version of this library.
    #[error("the schema has version {found}, this library knows {known} at most")]
    SchemaTooNew {
        /// The newest migration that was applied.
        found: i64,
        /// The newest migration this version carries.
        known: i64,
    },
    /// A source failed.
    #[error("a source failed")]
    Source(#[from] SourceError),
    /// The step may not follow.
    #[error("the request cannot take that step")]
    Transition(#[from] TransitionError),
    /// There is no such request.
    #[error("there is no such request")]
    Unknown,
    /// The identity was not sealed, opened or destroyed.
    #[error("the identity of the request was not sealed, opened or destroyed")]
    Vault(#[from] VaultError),
}

impl From<sqlx::Error> for DeskError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => Self::Damaged,
            error => Self::Database(error.into()),
        }
    }
}
