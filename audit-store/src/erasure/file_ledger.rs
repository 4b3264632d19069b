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
/// The file is made when the first one is noted; its folder must be there. Processes that share it
/// take turns by a lock on it. A line that a crash has cut off is no note, and is removed by the
/// next one.
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
            blocking(move || append(&path, &line).map_err(LedgerError::unavailable)).await
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

fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    let is_new = !path.exists();
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    file.lock()?;
    let end = end_of_last_line(&mut file)?;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.write_all(line)?;
    file.sync_all()?;
    if let (true, true, Some(folder)) = (is_new, cfg!(unix), path.parent()) {
        // A path of one part has an empty parent: the folder it is in has a name all the same.
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Where the last whole line ends.
fn end_of_last_line(file: &mut File) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut byte = [0];
    while end > 0 {
        file.seek(SeekFrom::Start(end.saturating_sub(1)))?;
        file.read_exact(&mut byte)?;
        if byte == *b"\n" {
            break;
        }
        end = end.saturating_sub(1);
    }
    Ok(end)
}

fn page(path: &Path, mut behind: u64) -> Result<LedgerPage, LedgerError> {
    let mut file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(LedgerPage::new(Vec::new(), 0)),
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
            if u64::try_from(read).is_ok_and(|read| read >= MAX_LINE) {
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
