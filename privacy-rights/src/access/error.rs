//! Why no bundle was made.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use audit_core::NoteError;

use crate::source::error::SourceError;

/// No bundle was made, and nothing is left of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The journal's part could not be read.
    #[error("what the journal holds cannot be read")]
    Activity(#[source] Box<dyn Error + Send + Sync>),
    /// There is something at the bundle's place; it was left as it is.
    #[error("{} is there already", path.display())]
    #[non_exhaustive]
    AlreadyExists {
        /// The place.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot write the bundle")]
    Io(#[from] io::Error),
    /// The files of a source's records are neither given nor explained.
    #[error("the files of the source {source_name:?} are neither given nor explained")]
    #[non_exhaustive]
    MissingContents {
        /// The source.
        source_name: String,
    },
    /// A record has no value of a declared field, not even an absent one.
    #[error("a record of the source {source_name:?} lacks the field {field:?}")]
    #[non_exhaustive]
    MissingField {
        /// The source.
        source_name: String,
        /// The field.
        field: String,
    },
    /// The file of a record is gone, and nobody explained that.
    #[error("the file of record {record} of the source {source_name:?} is missing")]
    #[non_exhaustive]
    MissingFile {
        /// The source.
        source_name: String,
        /// The record, counted from 1.
        record: u64,
    },
    /// A source of the data map is neither given nor explained.
    #[error("the source {source_name:?} is neither given nor explained")]
    #[non_exhaustive]
    MissingSource {
        /// The source.
        source_name: String,
    },
    /// A source that is given, or explained, is not in the data map, or is declared otherwise there.
    #[error("the source {source_name:?} is not what the data map declares")]
    #[non_exhaustive]
    NotInMap {
        /// The source.
        source_name: String,
    },
    /// The tenant's plan has no export of everything.
    #[error("the plan does not include an export of all data")]
    NotInPlan,
    /// The page cannot be made.
    #[error("the page to read cannot be made")]
    Page(#[source] Box<dyn Error + Send + Sync>),
    /// A field begins with `$`, as only what a bundle adds does.
    #[error("the field {field:?} of the source {source_name:?} begins with `$`")]
    #[non_exhaustive]
    ReservedField {
        /// The source.
        source_name: String,
        /// The field.
        field: String,
    },
    /// The manifest was not signed.
    #[error("the manifest cannot be signed")]
    Sign(#[source] Box<dyn Error + Send + Sync>),
    /// What the signer gave is not its signature.
    #[error("the signer's signature does not verify")]
    Signature(#[source] NoteError),
    /// A source failed.
    #[error("the source {source_name:?} failed")]
    #[non_exhaustive]
    Source {
        /// The source.
        source_name: String,
        /// How.
        #[source]
        source: SourceError,
    },
    /// A source was given twice.
    #[error("the source {source_name:?} is given twice")]
    #[non_exhaustive]
    Twice {
        /// The source.
        source_name: String,
    },
    /// A record has a field that nobody declared, or one twice.
    #[error("a record of the source {source_name:?} has a field that is not declared once")]
    #[non_exhaustive]
    UndeclaredField {
        /// The source.
        source_name: String,
    },
}
