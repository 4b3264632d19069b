//! A bundle in a directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Take};
use std::path::{Path, PathBuf};

use audit_core::BundlePath;

use super::{BundleError, BundleFault, MAX_ZIP_MEMBERS};

/// The files of a directory that belong into a bundle, and what else lies there.
#[derive(Debug)]
pub(super) struct BundleDirectory {
    root: PathBuf,
    files: BTreeSet<BundlePath>,
    strangers: BTreeMap<String, BundleFault>,
}

/// A file opened for reading.
#[derive(Debug)]
pub(super) struct OpenFile {
    file: File,
    size: u64,
}

impl OpenFile {
    /// The file's size when it was opened and its bytes from the beginning, at most one more than
    /// that.
    pub(super) fn bytes(&mut self) -> io::Result<(u64, Take<&mut File>)> {
        self.file.rewind()?;
        Ok((self.size, (&mut self.file).take(self.size.saturating_add(1))))
    }
}

/// How many names that have no place in a bundle are remembered.
const MAX_STRANGERS: usize = 1_000;

impl BundleDirectory {
    pub(super) fn read(root: &Path) -> Result<Self, BundleError> {
        let mut this =
            Self { root: root.to_owned(), files: BTreeSet::new(), strangers: BTreeMap::new() };
        this.scan(root, "")?;
        if this.files.contains(&BundlePath::Manifest) {
            Ok(this)
        } else {
            Err(BundleError::NotABundle { path: root.to_owned() })
        }
    }

    fn scan(&mut self, folder: &Path, prefix: &str) -> Result<(), BundleError> {
        let io = |source| BundleError::io(folder, source);
        for item in fs::read_dir(folder).map_err(io)? {
            let item = item.map_err(io)?;
            let name = format!("{prefix}{}", item.file_name().to_string_lossy());
            // Of the item itself: a link is not followed, whatever it names.
            let kind = item.file_type().map_err(io)?;
            if prefix.is_empty() && name == "checkpoints" && kind.is_dir() {
                self.scan(&item.path(), "checkpoints/")?;
                continue;
            }
            match name.parse::<BundlePath>() {
                Ok(path) if kind.is_file() => {
                    if u64::try_from(self.files.len()).is_ok_and(|n| n < MAX_ZIP_MEMBERS) {
                        self.files.insert(path);
                    } else {
                        self.stranger(name, BundleFault::Unlisted);
                    }
                }
                Ok(_) => self.stranger(name, BundleFault::NotAFile),
                Err(_) => self.stranger(name, BundleFault::Unlisted),
            }
        }
        Ok(())
    }

    fn stranger(&mut self, name: String, fault: BundleFault) {
        if self.strangers.len() < MAX_STRANGERS {
            self.strangers.insert(name.escape_debug().to_string(), fault);
        }
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &BundlePath> {
        self.files.iter()
    }

    /// What lies in the directory and has no place there.
    pub(super) fn strangers(&self) -> &BTreeMap<String, BundleFault> {
        &self.strangers
    }

    /// Opens a file; `None` where there is none.
    pub(super) fn open(&self, file: &BundlePath) -> Result<Option<OpenFile>, BundleError> {
        if !self.files.contains(file) {
            return Ok(None);
        }
        let path = self.root.join(file.to_string());
        let io = |source| BundleError::io(&path, source);
        let file = File::open(&path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        Ok(Some(OpenFile { file, size }))
    }
}
