//! Files that are there in full or not at all, also when the run is interrupted.
//!
//! Everything is written beside its destination under a name that ends in `.part`, and renamed
//! when complete. What is unfinished is known to this module, so that an interrupt can remove it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Paths that stand for something unfinished.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes whatever is unfinished. To be called when nothing writes any more.
pub fn abandon() {
    for path in unfinished().drain(..) {
        remove(&path);
    }
}

/// Best effort: what is not there needs no removal.
fn remove(path: &Path) {
    let _gone =
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
}

/// A destination under construction; dropped without [`finish`](Self::finish), nothing stays.
#[derive(Debug)]
pub struct Unfinished {
    part: PathBuf,
    destination: PathBuf,
    replace: bool,
}

impl Unfinished {
    /// For `destination`, whose folder must exist. An existing file is replaced where `replace`
    /// says so; an existing folder never is.
    ///
    /// # Errors
    ///
    /// Where it cannot stand there.
    pub fn new(destination: &Path, replace: bool) -> io::Result<Self> {
        let name = destination.file_name().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the path does not end in a name")
        })?;
        let folder = match destination.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "its folder does not exist"));
        }
        if destination.is_dir() || (!replace && destination.exists()) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists already"));
        }
        let mut part = std::ffi::OsString::from(".");
        part.push(name);
        part.push(format!(".{}.part", std::process::id()));
        let this = Self { part: folder.join(part), destination: destination.to_owned(), replace };
        remove(&this.part);
        unfinished().push(this.part.clone());
        Ok(this)
    }

    /// Where to write meanwhile. Nothing is there yet.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.part
    }

    /// Puts what was written in its place.
    ///
    /// # Errors
    ///
    /// Where it cannot be put there; nothing stays then.
    pub fn finish(self) -> io::Result<()> {
        // The lock is held across the rename: an interrupt sees it before or after, never between.
        let mut paths = unfinished();
        if self.part.is_file() {
            std::fs::File::open(&self.part)?.sync_all()?;
        }
        if !self.replace && self.destination.exists() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists already"));
        }
        std::fs::rename(&self.part, &self.destination)?;
        paths.retain(|path| *path != self.part);
        Ok(())
    }
}

/// A folder under construction that will yield one thing, a file or a folder, at its destination;
/// for what is made by others, who have unfinished things of their own.
#[derive(Debug)]
pub struct Workshop(Unfinished);

impl Workshop {
    /// For `destination`, where nothing may be.
    ///
    /// # Errors
    ///
    /// Where it cannot stand there.
    pub fn new(destination: &Path) -> io::Result<Self> {
        let unfinished = Unfinished::new(destination, false)?;
        std::fs::create_dir(unfinished.path())?;
        Ok(Self(unfinished))
    }

    /// Where to make the thing. Its name ends as the destination's does.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.part.join(self.0.destination.file_name().unwrap_or_default())
    }

    /// Puts what was made in its place.
    ///
    /// # Errors
    ///
    /// Where it cannot be put there; nothing stays then.
    pub fn finish(self) -> io::Result<()> {
        let _no_interrupt = unfinished();
        if self.0.destination.exists() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists already"));
        }
        std::fs::rename(self.path(), &self.0.destination)
        // What is left of the workshop goes when it is dropped.
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let mut paths = unfinished();
        if let Some(at) = paths.iter().position(|path| *path == self.part) {
            paths.remove(at);
            remove(&self.part);
        }
    }
}

/// Writes a whole file at once.
///
/// # Errors
///
/// Where it cannot be written; what was there is there still.
pub fn write(destination: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = Unfinished::new(destination, true)?;
    std::fs::write(unfinished.path(), bytes)?;
    unfinished.finish()
}

/// Writes a secret that only its owner may read, and never over something else.
///
/// # Errors
///
/// Where it cannot be written, or something is there.
pub fn write_secret(destination: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = Unfinished::new(destination, false)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(unfinished.path())?.write_all(bytes)?;
    unfinished.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_absent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.html");
        {
            let unfinished = Unfinished::new(&path, true).unwrap();
            std::fs::write(unfinished.path(), "half").unwrap();
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        write(&path, b"whole").unwrap();
        write(&path, b"again").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"again");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_workshop_leaves_what_was_made_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let names = || -> Vec<_> {
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
        };
        let place = dir.path().join("bundle");
        {
            let workshop = Workshop::new(&place).unwrap();
            std::fs::create_dir(workshop.path()).unwrap();
            std::fs::write(workshop.path().with_extension("other"), "half").unwrap();
        }
        assert_eq!(names().len(), 0);
        let workshop = Workshop::new(&place).unwrap();
        std::fs::create_dir(workshop.path()).unwrap();
        std::fs::write(workshop.path().with_extension("other"), "half").unwrap();
        workshop.finish().unwrap();
        assert_eq!(names(), ["bundle"]);
        assert!(Workshop::new(&place).is_err());
    }

    #[test]
    fn nothing_is_written_where_it_should_not_be() {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("j.skey");
        write_secret(&secret, b"one").unwrap();
        assert_eq!(write_secret(&secret, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&secret).unwrap(), b"one");
        assert!(write(dir.path(), b"over a folder").is_err());
        assert!(write(&dir.path().join("no/such/folder"), b"x").is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&secret).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
