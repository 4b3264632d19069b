//! What was going to be erased, noted outside the database before anything is.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit_core::{SubjectRef, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::source::BoxFuture;

/// The longest line that is taken for a note.
const MAX_LINE: usize = 1 << 20;

/// An erasure, as a ledger keeps it. It names nobody: whom it is about lies sealed under a key that
/// the ledger does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ErasureNote {
    /// When it was intended.
    pub at: Timestamp,
    /// The legal ground.
    pub ground: String,
    /// Whom it is about, sealed.
    pub identity: String,
    /// The digest of the plan.
    pub plan: String,
    /// The pseudonyms of the person in the journal.
    pub refs: Vec<SubjectRef>,
    /// The request.
    pub request: Uuid,
    /// The tenant.
    pub tenant: String,
    /// The keyed tokens of the person.
    pub tokens: Vec<String>,
    /// The name of the key under which the identity is sealed.
    pub vault: Uuid,
}

/// A ledger that did not do its part.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// What is there is not a ledger's.
    #[error("line {line} of the ledger is no note of an erasure")]
    Malformed {
        /// The line, from 1.
        line: usize,
    },
    /// The ledger could not be reached, read or written.
    #[error("the ledger of erasures could not be had")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl NoteError {
    /// The ledger could not be reached, read or written.
    pub fn unavailable(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unavailable(Arc::new(source))
    }
}

/// A place outside the database where erasures are noted before anything is destroyed: a restored
/// backup knows nothing of the erasures since, the ledger does. It belongs in no backup set of the
/// database, and neither do the keys.
pub trait NoteLedger: Send + Sync {
    /// Notes an erasure. When it returns, the note stays. The same may be noted again.
    fn note<'a>(&'a self, note: &'a ErasureNote) -> BoxFuture<'a, Result<(), NoteError>>;

    /// All notes, in the order in which they were made.
    fn notes(&self) -> BoxFuture<'_, Result<Vec<ErasureNote>, NoteError>>;
}

/// Notes erasures in a file, a JSON object a line, each flushed to disk before it counts. Processes
/// that share it take turns. A line that a crash has cut off is no note; anything else that is no note
/// is left as it is, and an error. A missing file cannot be told from one in which nobody was noted yet:
/// after a restore make sure that it is there.
#[derive(Clone, Debug)]
pub struct FileNoteLedger {
    path: PathBuf,
}

impl FileNoteLedger {
    /// In this file, which is made when the first one is noted.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl NoteLedger for FileNoteLedger {
    fn note<'a>(&'a self, note: &'a ErasureNote) -> BoxFuture<'a, Result<(), NoteError>> {
        Box::pin(async move {
            let mut line = serde_json::to_vec(note).map_err(NoteError::unavailable)?;
            line.push(b'\n');
            append(&self.path, &line)
        })
    }

    fn notes(&self) -> BoxFuture<'_, Result<Vec<ErasureNote>, NoteError>> {
        Box::pin(async move { read(&self.path) })
    }
}

/// A path of one part has an empty parent: the folder it is in has a name all the same.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether that is what a crash leaves of a note: its beginning, or room that was never written.
fn is_cut_off(line: &str) -> bool {
    const BEGINNING: &str = "{\"at\":";
    line.starts_with(BEGINNING) || BEGINNING.starts_with(line) || line.bytes().all(|byte| byte == 0)
}

pub(crate) fn append(path: &Path, line: &[u8]) -> Result<(), NoteError> {
    let failed = |error: io::Error| NoteError::unavailable(error);
    let is_new = !path.exists();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(failed)?;
    file.lock().map_err(failed)?;
    let text = io::read_to_string(&mut file).map_err(failed)?;
    // What a crash has cut off is no note, and is written over; what this has not written stays.
    let end = text.rfind('\n').map_or(0, |at| at.saturating_add(1));
    if !is_cut_off(text.get(end..).unwrap_or_default()) {
        return Err(NoteError::Malformed { line: text.lines().count() });
    }
    let mut written = || {
        file.set_len(u64::try_from(end).unwrap_or(u64::MAX))?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(line)?;
        file.sync_all()?;
        if is_new && cfg!(unix) {
            File::open(folder_of(path))?.sync_all()?;
        }
        Ok(())
    };
    written().map_err(failed)
}

pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, NoteError> {
    let file = match File::open(path) {
        // Nothing was noted yet. A folder that is not there is a disk that is not, and says nothing.
        Err(error) if error.kind() == io::ErrorKind::NotFound && folder_of(path).is_dir() => {
            return Ok(Vec::new());
        }
        opened => opened.map_err(NoteError::unavailable)?,
    };
    let mut reader = BufReader::new(file);
    let mut notes = Vec::new();
    let mut text = String::new();
    for line in 1.. {
        text.clear();
        reader.read_line(&mut text).map_err(NoteError::unavailable)?;
        if text.len() > MAX_LINE {
            return Err(NoteError::Malformed { line });
        }
        if !text.ends_with('\n') {
            if !is_cut_off(&text) {
                return Err(NoteError::Malformed { line });
            }
            break;
        }
        notes.push(serde_json::from_str(&text).map_err(|_| NoteError::Malformed { line })?);
    }
    Ok(notes)
}
