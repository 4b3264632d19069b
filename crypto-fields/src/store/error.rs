//! Why keys were not stored or read.

use crate::backend::error::DatabaseError;
use crate::key_id::KeyId;
use crate::wrap::WrappedDataKey;

/// A store of keys was not opened, read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The record is not as the transition found it: somebody else changed it, or has made the
    /// same key or another primary of the group. Read the records again.
    #[error("the key {key} was changed by somebody else")]
    Conflict {
        /// The key.
        key: KeyId,
    },
    /// A row is none that this library writes.
    #[error("a row of the table of keys cannot be read")]
    Damaged,
    /// The database failed.
    #[error("the store of keys cannot be read or changed")]
    Database(#[from] DatabaseError),
    /// A migration that was applied is not the one this version carries.
    #[error("migration {version} was applied in another form than this version knows")]
    MigrationChanged {
        /// The migration's number.
        version: i64,
    },
    /// All keys of a tenant were to be destroyed, and none was named.
    #[error("no tenant is named whose keys are to be destroyed")]
    NoTenant,
    /// What was to be stored is too short to be wrapped, or says to be wrapped by itself: a root
    /// key has no place in the database whose keys it wraps.
    #[error("the key {key} is not wrapped, and is not stored")]
    NotWrapped {
        /// The key.
        key: KeyId,
    },
    /// A destruction is stored with the proof that nothing is sealed under the key.
    #[error("the destruction of the key {key} needs the proof that it is unused")]
    ProofMissing {
        /// The key.
        key: KeyId,
    },
    /// The tables were made by a newer version of this library.
    #[error("the schema has version {found}, this library knows {known} at most")]
    SchemaTooNew {
        /// The newest migration that was applied.
        found: i64,
        /// The newest migration this version carries.
        known: i64,
    },
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => Self::Damaged,
            error => Self::Database(error.into()),
        }
    }
}

/// The least length of a wrapped key: 32 bytes and an authentication of 8.
const SHORTEST: usize = 40;

pub(super) fn refuse_unwrapped(
    key: KeyId,
    wrapped: Option<&WrappedDataKey>,
) -> Result<(), StoreError> {
    let refused = wrapped.is_some_and(|wrapped| {
        // The names of wrapping keys in memory end in their ids.
        wrapped.bytes().len() < SHORTEST || wrapped.wrapper().ends_with(&key.to_string())
    });
    if refused { Err(StoreError::NotWrapped { key }) } else { Ok(()) }
}
