//! Why a rotation did not run to its end.

use super::name::SqlNameError;
use crate::backend::error::{DatabaseError, DatabaseErrorKind};
use crate::clock::Timestamp;
use crate::keyset::census::CensusError;
use crate::store::error::StoreError;

/// A rotation, or a census, ended before its end. What was written stays, whole batch by whole
/// batch, and the next run goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// Somebody else rotates this column.
    #[error("another rotator has the lease of this column until {until:?}")]
    Busy {
        /// When the lease ends, if it is not renewed.
        until: Timestamp,
    },
    /// The fields that were counted are no census.
    #[error("the count is no census")]
    Census(#[source] CensusError),
    /// The job's row in the database cannot be read.
    #[error("the row of the job is damaged")]
    Damaged,
    /// The database failed.
    #[error("the rotation cannot read or write")]
    Database(#[source] DatabaseError),
    /// The column holds documents, which are counted and not rotated.
    #[error("documents are not rotated by column")]
    Documents,
    /// Somebody else took the lease: this process was too slow, or was told off. The batch at hand
    /// was not written.
    #[error("another rotator took the lease of this column")]
    LeaseLost,
    /// A table or column has a name that is not used in statements.
    #[error("a name cannot stand in a statement")]
    Name(#[from] SqlNameError),
    /// The table, or one of its columns, is not there or not of its type.
    #[error("the table or one of its columns is not there, or of another type")]
    NoSuchColumn(#[source] DatabaseError),
    /// The tables of this crate could not be made.
    #[error("the tables of the rotation cannot be prepared")]
    Store(#[source] StoreError),
    /// Pass after pass finds rows under old keys: some process still seals under one, or holds
    /// rows locked.
    #[error("rows are still being sealed under an old key, or held")]
    Unsettled,
}

impl From<sqlx::Error> for RotationError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<StoreError> for RotationError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => Self::Database(error),
            error => Self::Store(error),
        }
    }
}

impl From<CensusError> for RotationError {
    fn from(error: CensusError) -> Self {
        Self::Census(error)
    }
}

impl RotationError {
    /// What the first look at a table says.
    pub(super) fn probe(error: sqlx::Error) -> Self {
        let error = DatabaseError::from(error);
        match error.kind() {
            DatabaseErrorKind::Other => Self::NoSuchColumn(error),
            _ => Self::Database(error),
        }
    }

    /// Whether the batch may simply be tried again.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Database(error) if error.kind() == DatabaseErrorKind::Busy)
    }
}
