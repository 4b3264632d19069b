//! Why a source did not do what it was asked.

use std::error::Error;

use crate::source::record::Cursor;
use crate::source::rectify::CorrectionError;

/// A source failed. What was asked may be asked again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A correction that the source cannot carry out.
    #[error("the record cannot be put right like that")]
    Correction(#[from] CorrectionError),
    /// A cursor that this source did not make.
    #[error("the cursor is none of this source's")]
    Cursor,
    /// The database failed.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    #[error("the source's database failed")]
    Database(#[from] audit_store::DatabaseError),
    /// A page begins where an earlier one did: it would never end.
    #[error("the source comes back to {cursor:?}: it would never end")]
    Endless {
        /// The cursor that came again.
        cursor: Cursor,
    },
    /// An identifier cannot stand in the prefix of an object store, or in the name of a schema or file.
    #[error("an identifier of the kind {kind:?} cannot stand in a prefix or name")]
    Identifier {
        /// Its kind.
        kind: String,
    },
    /// More identifiers than a person has.
    #[error("more than {limit} identifiers were found")]
    TooManyIdentifiers {
        /// The limit.
        limit: usize,
    },
    /// A page is longer than what was asked for.
    #[error("the source gave {records} records where {limit} were asked for")]
    TooMuch {
        /// How many it gave.
        records: usize,
        /// How many were asked for.
        limit: usize,
    },
    /// Something outside of the database failed: a service, a store, the host's own code.
    #[error("the source cannot be reached")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl From<sqlx::Error> for SourceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
