//! A ledger of erasures in a file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::ledger::{ErasedSubject, ErasureLedger, LedgerError, LedgerPage};
use crate::BoxFuture;

/// How many notes one reading returns.
const PAGE: usize = 1_000;

/// The longest line that is taken for a note.
const MAX_LINE: u64 = 256 << 10;

/// Notes erasures in a file, a JSON object a line, each flushed to disk before it counts.
///
/// The file is made when the first one is noted; its folder must be there, so that a disk which is
/// not mounted is an error and not an empty ledger. A file that is gone from its folder cannot be told
/// from one that nobody was noted in yet: after a restore make sure that it is there. Processes that
/// share it take turns by a lock on it. A line that a crash has cut off is no note, and is removed by
/// the next one; anything else that is no note is left as it is, and an error.
#[derive(Clone, Debug)]
pub struct FileErasureLedger {
    path: PathBuf,
}

impl FileErasureLedger {
    /// In this file: on another disk than the database's, where there is one, and not part of its
    /// backups.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl ErasureLedger for FileErasureLedger {
    fn record<'a>(&'a self, erased: &'a ErasedSubject) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            let path = self.path.clone();
            let mut line = serde_json::to_vec(erased).map_err(LedgerError::unavailable)?;
            line.push(b'\n');
            blocking(move || append(&path, &line)).await
        })
    }

    fn read(&self, behind: u64) -> BoxFuture<'_, Result<LedgerPage, LedgerError>> {
        Box::pin(async move {
            let path = self.path.clone();
            blocking(move || page(&path, behind)).await
        })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, LedgerError> {
    tokio::task::spawn_blocking(work).await.map_err(LedgerError::unavailable)?
}

fn append(path: &Path, line: &[u8]) -> Result<(), LedgerError> {
    let failed = |error: io::Error| LedgerError::unavailable(error);
    let is_new = !path.exists();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(failed)?;
    file.lock().map_err(failed)?;
    let end = end_of_last_line(&mut file)?;
    write_behind(&mut file, end, line).map_err(failed)?;
    if is_new && cfg!(unix) {
        File::open(folder_of(path)).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(())
}

fn write_behind(file: &mut File, end: u64, line: &[u8]) -> io::Result<()> {
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.write_all(line)?;
    file.sync_all()
}

/// A path of one part has an empty parent: the folder it is in has a name all the same.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Where the last whole line ends.
fn end_of_last_line(file: &mut File) -> Result<u64, LedgerError> {
    let failed = |error: io::Error| LedgerError::unavailable(error);
    let size = file.seek(SeekFrom::End(0)).map_err(failed)?;
    let from = size.saturating_sub(MAX_LINE);
    file.seek(SeekFrom::Start(from)).map_err(failed)?;
    let mut last = Vec::new();
    file.take(MAX_LINE).read_to_end(&mut last).map_err(failed)?;
    let cut = last.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let end = size.saturating_sub(u64::try_from(cut.len()).unwrap_or(u64::MAX));
    // What this has not written is not this one's to remove.
    if !is_cut_off(cut) || (end == from && from > 0) {
        return Err(LedgerError::Malformed { behind: end });
    }
    Ok(end)
}

/// Whether that is what a crash leaves of a note: its beginning, or room that was never written.
fn is_cut_off(line: &[u8]) -> bool {
    const BEGINNING: &[u8] = b"{\"at\":";
    line.starts_with(BEGINNING) || BEGINNING.starts_with(line) || line.iter().all(|byte| *byte == 0)
}

fn page(path: &Path, mut behind: u64) -> Result<LedgerPage, LedgerError> {
    let mut file = match File::open(path) {
        // Nothing was noted yet. A folder that is not there is a disk that is not, and says nothing.
        Err(e) if e.kind() == io::ErrorKind::NotFound && folder_of(path).is_dir() => {
            return Ok(LedgerPage::new(Vec::new(), 0));
        }
        opened => opened.map_err(LedgerError::unavailable)?,
    };
    file.seek(SeekFrom::Start(behind)).map_err(LedgerError::unavailable)?;
    let mut reader = BufReader::new(file);
    let mut erased = Vec::new();
    let mut line = Vec::new();
    while erased.len() < PAGE {
        line.clear();
        let mut limited = reader.by_ref().take(MAX_LINE);
        let read = limited.read_until(b'\n', &mut line).map_err(LedgerError::unavailable)?;
        if line.last() != Some(&b'\n') {
            if u64::try_from(read).is_ok_and(|read| read >= MAX_LINE) || !is_cut_off(&line) {
                return Err(LedgerError::Malformed { behind });
            }
            // The end, or what a crash has cut off.
            break;
        }
        let note = serde_json::from_slice(&line).map_err(|_| LedgerError::Malformed { behind })?;
        erased.push(note);
        behind = behind.saturating_add(u64::try_from(read).unwrap_or(0));
    }
    Ok(LedgerPage::new(erased, behind))
}
