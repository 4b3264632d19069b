//! A database file of the tenant's own.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::source::BoxFuture;
use crate::source::error::SourceError;
use crate::source::permit::{Connection, Permit};
use crate::source::record::Step;
use crate::tenant::{
    PLACE, PatternError, TenantContents, TenantPurged, TenantStore, checked, filled, reasons,
};

/// What every SQLite database begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// What SQLite keeps beside a database.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The SQLite database that is one tenant's alone, with what SQLite keeps beside it.
///
/// Close it before, and let nobody open it again: a process that has it open keeps what it sees. The
/// files are removed, not overwritten: what the disk still has of them is for the disk's encryption,
/// or for the keys under which the values were sealed.
///
/// Tables of several tenants in one file, told apart by a prefix, are not served: `a_` is a prefix of
/// `a_b_`, too. Where tenants share a file, they share tables
/// ([`SharedStore`](crate::SharedStore)).
#[derive(Clone, Debug)]
pub struct FileStore {
    name: String,
    folder: PathBuf,
    pattern: String,
}

impl FileStore {
    /// The file in `folder` whose name is `pattern`, such as `{id}.db`.
    ///
    /// # Errors
    ///
    /// [`PatternError`] unless the tenant's id stands in it once, beside nothing but letters, digits,
    /// `.`, `_` and `-`, and with a `.` behind it: `{id}` alone would take the file of the tenant
    /// `t1-wal` for what SQLite keeps beside that of `t1`.
    pub fn new(
        name: impl Into<String>,
        folder: impl Into<PathBuf>,
        pattern: impl Into<String>,
    ) -> Result<Self, PatternError> {
        let plain = |part: &str| {
            part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let what = "with a `.` behind it, and is the name of a file";
        let pattern = checked(pattern.into(), plain, what)?;
        if !pattern.rsplit(PLACE).next().is_some_and(|after| after.contains('.')) {
            return Err(PatternError { what });
        }
        Ok(Self { name: name.into(), folder: folder.into(), pattern })
    }

    /// The tenant's files that are there, the database last: while it is there, there is something
    /// to do.
    fn files(&self, tenant: &str) -> Result<Vec<PathBuf>, SourceError> {
        let name = filled(&self.pattern, tenant)?;
        if !self.folder.is_dir() {
            return Err(unavailable(io::ErrorKind::NotFound.into()));
        }
        let mut files = Vec::new();
        for suffix in BESIDE.into_iter().chain([""]) {
            let file = self.folder.join(format!("{name}{suffix}"));
            match file.symlink_metadata() {
                Ok(_) if suffix.is_empty() && !is_database(&file)? => {
                    return Err(unavailable(io::ErrorKind::InvalidData.into()));
                }
                Ok(_) => files.push(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unavailable(error)),
            }
        }
        Ok(files)
    }
}

fn unavailable(error: io::Error) -> SourceError {
    SourceError::Unavailable(Box::new(error))
}

/// Whether it is one of SQLite's, or an empty one, which SQLite takes for one.
fn is_database(file: &Path) -> Result<bool, SourceError> {
    if !file.symlink_metadata().map_err(unavailable)?.is_file() {
        return Ok(false);
    }
    let mut begin = Vec::new();
    let bytes = u64::try_from(MAGIC.len()).unwrap_or(u64::MAX);
    let read = File::open(file).and_then(|file| file.take(bytes).read_to_end(&mut begin));
    read.map_err(unavailable)?;
    Ok(begin.is_empty() || begin == MAGIC)
}

impl TenantStore for FileStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn survey<'a>(
        &'a self,
        tenant: &'a str,
        _step: &'a Step,
    ) -> BoxFuture<'a, Result<TenantContents, SourceError>> {
        Box::pin(async move {
            let files = self.files(tenant)?.len();
            Ok(TenantContents::new(u64::try_from(files).unwrap_or(u64::MAX), 0))
        })
    }

    fn purge<'a>(
        &'a self,
        tenant: &'a str,
        _step: &'a Step,
        permit: &'a dyn Permit,
    ) -> BoxFuture<'a, Result<TenantPurged, SourceError>> {
        Box::pin(async move {
            let mut purged = TenantPurged::default();
            purged.kept.extend(reasons(permit, Connection::none(), &self.name, tenant).await?);
            if !purged.kept.is_empty() {
                return Ok(purged);
            }
            for file in self.files(tenant)? {
                fs::remove_file(file).map_err(unavailable)?;
                purged.add(1);
            }
            if cfg!(unix) {
                let folder = File::open(&self.folder).map_err(unavailable)?;
                folder.sync_all().map_err(unavailable)?;
            }
            Ok(purged)
        })
    }
}
