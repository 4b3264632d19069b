//! Why an export ended early.

use std::io;
use std::path::PathBuf;

use audit_core::{ChainId, EntryError, LineError, ManifestError};

use crate::bundle::BundleError;
use crate::error::DatabaseError;
use crate::proof::ReadNodesError;
use crate::tenancy::TenantMismatch;

/// Why an export ended early. Of a bundle nothing is left behind then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// There is something at the bundle's place; it was left as it is.
    #[error("{} is there already", path.display())]
    #[non_exhaustive]
    AlreadyExists {
        /// The place.
        path: PathBuf,
    },
    /// The database could not be asked.
    #[error("cannot read what is to be exported")]
    Database(#[from] DatabaseError),
    /// The hash of an absent entry cannot be found. Verify the journal.
    #[error("the stored tree of {chain} is damaged")]
    #[non_exhaustive]
    Damaged {
        /// The chain.
        chain: ChainId,
        /// What is lacking.
        #[source]
        source: ReadNodesError,
    },
    /// The disclosures of an entry are not what the journal stores. Verify the journal.
    #[error("what is stored as disclosures of entry {seq} of {chain} is malformed")]
    #[non_exhaustive]
    Disclosures {
        /// The chain.
        chain: ChainId,
        /// The entry.
        seq: u64,
    },
    /// A stored entry is not one, and the form asked for needs to understand it. Its exact bytes
    /// can be exported. Verify the journal.
    #[error("entry {seq} of {chain} is malformed")]
    #[non_exhaustive]
    Entry {
        /// The chain.
        chain: ChainId,
        /// The entry.
        seq: u64,
        /// What is wrong with it.
        #[source]
        source: EntryError,
    },
    /// The database was restored from a backup that knows people who were erased since; nothing about
    /// anybody is exported until they are erased again.
    #[error("people who were erased have yet to be erased again")]
    ErasuresOwed,
    /// What the export was told to say cannot be said in a bundle.
    #[error("the filter or a reason cannot be written down")]
    Filter(#[from] LineError),
    /// The file system, or whoever takes the export, refused.
    #[error("cannot write the export")]
    Io(#[from] io::Error),
    /// The manifest cannot be written.
    #[error("the manifest cannot be written")]
    Manifest(#[from] ManifestError),
    /// The finished archive is not one that this library would read.
    #[error("the archive breaks a rule of the format")]
    Pack(#[source] BundleError),
    /// There is no such chain.
    #[error("there is no chain {chain}")]
    #[non_exhaustive]
    UnknownChain {
        /// The chain.
        chain: ChainId,
    },
    /// It is another tenant's than the handle's, or than the one that the host's transaction names.
    #[error("it is another tenant's")]
    TenantMismatch(#[source] TenantMismatch),
}

impl From<sqlx::Error> for ExportError {
    fn from(error: sqlx::Error) -> Self {
        if let Some(mismatch) = TenantMismatch::of(&error) {
            return Self::TenantMismatch(mismatch);
        }
        Self::Database(error.into())
    }
}
