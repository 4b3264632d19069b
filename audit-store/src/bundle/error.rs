//! Why a bundle, or a file of it, cannot be taken.

use std::io;
use std::path::{Path, PathBuf};

use audit_core::ManifestError;

/// Why a bundle, or a file of it, cannot be taken.
///
/// [`Malformed`](Self::Malformed) is a finding about a bundle; the others mean that there is no
/// bundle to speak about, or that it cannot be read at this moment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file system refused.
    #[error("{} cannot be read", path.display())]
    #[non_exhaustive]
    Io {
        /// What was read.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// A file is not what the format or the manifest says.
    #[error("{file} is not what the format and the manifest say")]
    #[non_exhaustive]
    Malformed {
        /// The file's name inside the bundle.
        file: String,
        /// What is wrong with it.
        #[source]
        fault: BundleFault,
    },
    /// Neither a directory with a `manifest.json` nor a file.
    #[error("{} is neither a directory with a manifest.json nor a zip archive", path.display())]
    #[non_exhaustive]
    NotABundle {
        /// What was to be opened.
        path: PathBuf,
    },
    /// An archive breaks a rule of the format; nothing of it is read.
    #[error("the archive is refused at {name:?}: {rule}")]
    #[non_exhaustive]
    Refused {
        /// The member, or the part of the archive, that breaks it.
        name: String,
        /// The rule.
        rule: ZipRule,
    },
}

impl BundleError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// What is wrong with a file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFault {
    /// The packed data cannot be unpacked, or do not have the size and checksum the archive states.
    #[error("is damaged inside the archive")]
    Damaged,
    /// The bytes hash to something else than the manifest says.
    #[error("has the SHA-256 {found}, the manifest says {expected}")]
    #[non_exhaustive]
    Hash {
        /// What the manifest says.
        expected: String,
        /// What the bytes hash to.
        found: String,
    },
    /// A line is longer than any the format allows.
    #[error("has a line of more than {limit} bytes (line {line}, counted from 0)")]
    #[non_exhaustive]
    LineTooLong {
        /// The line, counted from 0.
        line: u64,
        /// The greatest length.
        limit: usize,
    },
    /// The manifest is not a manifest.
    #[error("is not a manifest")]
    Manifest(#[source] ManifestError),
    /// A file that must be there is not.
    #[error("is missing")]
    Missing,
    /// A directory, a link or something else stands where a file belongs.
    #[error("is not a plain file")]
    NotAFile,
    /// The last line does not end.
    #[error("does not end with a newline")]
    NoFinalNewline,
    /// The bytes are not UTF-8.
    #[error("is not UTF-8 text (at line {line}, counted from 0)")]
    #[non_exhaustive]
    NotText {
        /// The line, counted from 0; 0 for a file that is read whole.
        line: u64,
    },
    /// The size is another than the manifest says.
    #[error("has {found} bytes, the manifest says {expected}")]
    #[non_exhaustive]
    Size {
        /// What the manifest says.
        expected: u64,
        /// What is there; reading stops one byte behind what was expected.
        found: u64,
    },
    /// Larger than any such file can be.
    #[error("is larger than {limit} bytes")]
    #[non_exhaustive]
    TooLarge {
        /// The greatest size.
        limit: u64,
    },
    /// The manifest does not list this file.
    #[error("is not listed in the manifest")]
    Unlisted,
}

/// A rule that an archive breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZipRule {
    /// Two members of one name.
    #[error("the name occurs twice")]
    Duplicate,
    /// Encryption, patched data or a masked header.
    #[error("encrypted members are refused")]
    Encrypted,
    /// A member's own header says something else than the central directory.
    #[error("its header and the central directory disagree")]
    HeadersDisagree,
    /// `manifest.json` is not the first member, at the archive's first byte.
    #[error("manifest.json must come first")]
    ManifestNotFirst,
    /// A compression method other than stored and deflated.
    #[error("only stored and deflated members are taken")]
    Method,
    /// A name that has no place in a bundle, a path among them.
    #[error("the name has no place in a bundle")]
    Name,
    /// A directory, a link or a device.
    #[error("only plain files are taken")]
    NotAFile,
    /// Not an archive, a cut one, a part of one, or one with bytes behind its end.
    #[error("not a whole zip archive")]
    NotAnArchive,
    /// Members that share bytes.
    #[error("members overlap")]
    Overlap,
    /// A member that unfolds absurdly.
    #[error("unfolds to more than {limit} times its packed size")]
    #[non_exhaustive]
    Ratio {
        /// The greatest ratio.
        limit: u64,
    },
    /// Bytes that belong to no member follow this one.
    #[error("bytes that belong to no member follow it")]
    StrayBytes,
    /// More members than any bundle has.
    #[error("more than {limit} members")]
    #[non_exhaustive]
    TooManyMembers {
        /// The greatest number.
        limit: u64,
    },
}
