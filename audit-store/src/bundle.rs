//! Reading an auditor's bundle: a directory, or the same files in one zip archive.
//!
//! The bundle comes from the party that is being audited, so nothing in it is believed: names,
//! sizes, counts and the archive's structure are checked before they are used, memory stays
//! bounded whatever the files hold, and every file is hashed while it streams by and compared with
//! the manifest at its end. What the lines *mean* is the verifier's business.

mod directory;
mod error;
mod reader;
mod zip;

pub use error::{BundleError, BundleFault, ZipRule};
pub use reader::{LineBlock, LineFile, LineReader};
pub use zip::{MAX_ZIP_MEMBERS, MAX_ZIP_RATIO};

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use audit_core::{BundlePath, Manifest};

use directory::BundleDirectory;
use reader::{OpenSource, Opened};
use zip::ZipDirectory;

/// The greatest manifest that is read. One of [`MAX_ZIP_MEMBERS`] checkpoints stays below it.
pub const MAX_MANIFEST_BYTES: u64 = 192 << 20;

/// The greatest `keys.txt` or checkpoint that is read.
pub const MAX_SMALL_FILE_BYTES: u64 = 1 << 20;

/// The longest line of `entries.jsonl`: the greatest entry the format allows.
pub const MAX_ENTRY_LINE_BYTES: usize = 65_535;

/// The longest line of `disclosures.jsonl`.
///
/// A private value of an event's greatest size, escaped, in base64 and sealed, stays below it.
pub const MAX_DISCLOSURE_LINE_BYTES: usize = 1 << 20;

/// An auditor's bundle that has been opened.
///
/// Opening reads the directory and the manifest and nothing else; the files are read with
/// [`lines`](Self::lines) and [`text`](Self::text), each as often as wanted and on any thread.
#[derive(Debug)]
pub struct Bundle {
    path: PathBuf,
    source: Source,
    manifest: Manifest,
}

#[derive(Debug)]
enum Source {
    Directory(BundleDirectory),
    Zip(ZipDirectory),
}

impl Bundle {
    /// Opens the directory or the zip archive at `path`.
    ///
    /// # Errors
    ///
    /// - [`BundleError::NotABundle`]: neither a directory with a manifest nor a file.
    /// - [`BundleError::Refused`]: an archive that breaks a rule of the format.
    /// - [`BundleError::Malformed`]: the manifest is there and is not one.
    /// - [`BundleError::Io`]: the file system refused.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BundleError> {
        let path = path.as_ref();
        let kind = std::fs::metadata(path).map_err(|e| BundleError::io(path, e))?;
        let source = if kind.is_dir() {
            Source::Directory(BundleDirectory::read(path)?)
        } else if kind.is_file() {
            Source::Zip(ZipDirectory::read(path)?)
        } else {
            return Err(BundleError::NotABundle { path: path.to_owned() });
        };
        let mut file = Opened {
            path: path.to_owned(),
            file: BundlePath::Manifest.to_string(),
            source: source.open(&BundlePath::Manifest)?,
            listed: None,
        };
        let manifest = file.read()?.into_text(MAX_MANIFEST_BYTES)?;
        let manifest = Manifest::parse(&manifest).map_err(|source| BundleError::Malformed {
            file: BundlePath::Manifest.to_string(),
            fault: BundleFault::Manifest(source),
        })?;
        Ok(Self { path: path.to_owned(), source, manifest })
    }

    /// What the manifest says. Nothing of it is verified by having been read.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Compares the files that are there with those the manifest lists.
    ///
    /// One fault for each that is missing, unlisted or not a plain file, in the order of their
    /// names; at most `limit` of them, so that a directory full of junk makes no endless report.
    #[must_use]
    pub fn listing_faults(&self, limit: usize) -> Vec<BundleError> {
        let mut faults = Vec::new();
        let mut report = |file: String, fault| {
            if faults.len() < limit {
                faults.push(BundleError::Malformed { file, fault });
            }
        };
        let present: BTreeSet<&BundlePath> =
            self.source.paths().filter(|path| **path != BundlePath::Manifest).collect();
        for path in self.manifest.files.keys().filter(|path| !present.contains(path)) {
            report(path.to_string(), BundleFault::Missing);
        }
        for path in present.iter().filter(|path| !self.manifest.files.contains_key(path)) {
            report(path.to_string(), BundleFault::Unlisted);
        }
        if let Source::Directory(directory) = &self.source {
            for (name, fault) in directory.strangers() {
                report(name.clone(), fault.clone());
            }
        }
        faults
    }

    /// The checkpoints that are there, by size and incarnation.
    pub fn checkpoints(&self) -> impl Iterator<Item = &BundlePath> {
        self.source.paths().filter(|path| matches!(path, BundlePath::Checkpoint { .. }))
    }

    /// Reads a small file (`keys.txt` or a checkpoint) whole and compares it with the manifest.
    ///
    /// # Errors
    ///
    /// [`BundleError::Malformed`] where it is missing, unlisted, too large, no text or other than
    /// the manifest says; [`BundleError::Refused`] and [`BundleError::Io`] as for
    /// [`open`](Self::open).
    pub fn text(&self, file: &BundlePath) -> Result<String, BundleError> {
        self.opened(file)?.read()?.into_text(MAX_SMALL_FILE_BYTES)
    }

    /// Opens `entries.jsonl` or `disclosures.jsonl`, to be read line by line.
    ///
    /// What is opened is independent of this value and of other files opened, and may be sent to a
    /// thread.
    ///
    /// # Errors
    ///
    /// As for [`text`](Self::text).
    pub fn lines(&self, file: &BundlePath) -> Result<LineFile, BundleError> {
        let longest = if *file == BundlePath::Entries {
            MAX_ENTRY_LINE_BYTES
        } else {
            MAX_DISCLOSURE_LINE_BYTES
        };
        Ok(LineFile::new(self.opened(file)?, longest))
    }

    fn opened(&self, file: &BundlePath) -> Result<Opened, BundleError> {
        let listed = self.manifest.files.get(file).ok_or_else(|| BundleError::Malformed {
            file: file.to_string(),
            fault: BundleFault::Unlisted,
        })?;
        Ok(Opened {
            path: self.path.clone(),
            file: file.to_string(),
            source: self.source.open(file)?,
            listed: Some(*listed),
        })
    }
}

impl Source {
    fn paths(&self) -> Box<dyn Iterator<Item = &BundlePath> + '_> {
        match self {
            Self::Directory(directory) => Box::new(directory.paths()),
            Self::Zip(directory) => Box::new(directory.paths()),
        }
    }

    fn open(&self, file: &BundlePath) -> Result<OpenSource, BundleError> {
        let opened = match self {
            Self::Directory(directory) => directory.open(file)?.map(OpenSource::File),
            Self::Zip(directory) => directory.open(file)?.map(OpenSource::Member),
        };
        opened.ok_or_else(|| BundleError::Malformed {
            file: file.to_string(),
            fault: BundleFault::Missing,
        })
    }
}
