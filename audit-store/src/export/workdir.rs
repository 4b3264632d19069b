//! A directory beside the export's place, that becomes the export or goes away.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use audit_core::BundleFile;
use sha2::{Digest as _, Sha256};

/// A directory of unfinished work. Removed when it is dropped, unless it was moved into its place.
#[derive(Debug)]
pub(crate) struct WorkDir {
    path: Option<PathBuf>,
}

impl WorkDir {
    /// Makes a directory beside `place`, so that moving it there is one step of the file system.
    pub(crate) fn beside(place: &Path) -> io::Result<Self> {
        let name = place.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let parent = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut random = [0; 8];
        getrandom::fill(&mut random)?;
        let random = u64::from_le_bytes(random);
        let path = parent.join(format!(".{name}.{random:016x}.unfinished"));
        fs::create_dir(&path)?;
        Ok(Self { path: Some(path) })
    }

    pub(crate) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new("."))
    }

    /// Moves the whole directory to `place`, where nothing may be.
    pub(crate) fn into_place(mut self, place: &Path) -> io::Result<()> {
        if place.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(self.path(), place)?;
        self.path = None;
        flush_parent(place)
    }

    /// Moves one finished file of it to `place`, where nothing may be.
    pub(super) fn file_into_place(self, file: &Path, place: &Path) -> io::Result<()> {
        // A link is made or refused in one step, where a move would replace what is there.
        match fs::hard_link(file, place) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(e),
            // A file system without links.
            Err(_) if place.symlink_metadata().is_ok() => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Err(_) => fs::rename(file, place)?,
        }
        flush_parent(place)
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Left over where this fails, under a name that no reader takes for a bundle.
            let _cannot_be_told_anybody = fs::remove_dir_all(path);
        }
    }
}

fn flush_parent(place: &Path) -> io::Result<()> {
    match place.parent() {
        Some(parent) if cfg!(unix) && !parent.as_os_str().is_empty() => {
            File::open(parent)?.sync_all()
        }
        _ => Ok(()),
    }
}

/// A file that is being written, counted and hashed.
pub(super) struct HashedFile {
    out: BufWriter<File>,
    bytes: u64,
    state: Sha256,
}

impl HashedFile {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let out = BufWriter::with_capacity(256 << 10, File::create_new(path)?);
        Ok(Self { out, bytes: 0, state: Sha256::new() })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.state.update(bytes);
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Flushes it to the disk.
    pub(super) fn finish(self) -> io::Result<BundleFile> {
        self.close(true)
    }

    /// Leaves it to the operating system when it reaches the disk: a small file among many, whose
    /// hash the manifest has.
    pub(super) fn finish_unsynced(self) -> io::Result<BundleFile> {
        self.close(false)
    }

    fn close(mut self, sync: bool) -> io::Result<BundleFile> {
        self.out.flush()?;
        if sync {
            self.out.get_ref().sync_all()?;
        }
        Ok(BundleFile::new(self.bytes, self.state.finalize().into()))
    }
}
