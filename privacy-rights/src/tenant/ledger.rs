//! Which tenants were going to be purged, noted outside the database before anything is.

use std::path::PathBuf;

use audit_core::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::erasure::ledger::{NoteError, append, read};
use crate::source::BoxFuture;

/// A purge, as a ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PurgeNote {
    // First, as every line of a ledger begins.
    /// When it was intended.
    pub at: Timestamp,
    /// Why.
    pub ground: String,
    /// The digest of the plan.
    pub plan: String,
    /// The purge.
    pub purge: Uuid,
    /// The tenant.
    pub tenant: String,
}

/// A place outside the database where purges are noted before anything is destroyed: a restored
/// backup brings a tenant back, and the ledger says that they have gone. It belongs in no backup set
/// of the database.
pub trait PurgeLedger: Send + Sync {
    /// Notes a purge. When it returns, the note stays. The same may be noted again.
    fn note<'a>(&'a self, note: &'a PurgeNote) -> BoxFuture<'a, Result<(), NoteError>>;

    /// All notes, in the order in which they were made.
    fn notes(&self) -> BoxFuture<'_, Result<Vec<PurgeNote>, NoteError>>;
}

/// Notes purges in a file of its own, in the way of [`FileNoteLedger`](crate::FileNoteLedger).
#[derive(Clone, Debug)]
pub struct FilePurgeLedger {
    path: PathBuf,
}

impl FilePurgeLedger {
    /// In this file, which is made when the first one is noted.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl PurgeLedger for FilePurgeLedger {
    fn note<'a>(&'a self, note: &'a PurgeNote) -> BoxFuture<'a, Result<(), NoteError>> {
        Box::pin(async move {
            let mut line = serde_json::to_vec(note).map_err(NoteError::unavailable)?;
            line.push(b'\n');
            append(&self.path, &line)
        })
    }

    fn notes(&self) -> BoxFuture<'_, Result<Vec<PurgeNote>, NoteError>> {
        Box::pin(async move { read(&self.path) })
    }
}
