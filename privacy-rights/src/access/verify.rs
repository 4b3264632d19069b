//! Checking a bundle, with nothing but it and the public key.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use audit_core::{KeyError, MAX_NOTE_LEN, Note, NoteError, VerifierKey};
use sha2::{Digest as _, Sha256};

use crate::access::manifest::{BundleManifest, FORMAT, MANIFEST, SIGNATURE};
use crate::access::name::is_safe;
use crate::access::seal::{for_documents, text};

/// The longest manifest that is read.
const LONGEST_MANIFEST: u64 = 1 << 30;

/// What is wrong with a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleDefect {
    /// A file is not what the manifest says, or the manifest not what was signed.
    #[error("{path} was changed")]
    #[non_exhaustive]
    Changed {
        /// The file.
        path: String,
    },
    /// There is a file, a folder, a link, that the manifest does not know.
    #[error("{path} does not belong to the bundle")]
    #[non_exhaustive]
    Extra {
        /// Where.
        path: String,
    },
    /// The bundle cannot be read.
    #[error("the bundle cannot be read")]
    Io(#[from] io::Error),
    /// A key that cannot have a name for documents was given to check with.
    #[error("a key cannot have a name for documents")]
    Key(#[source] KeyError),
    /// The manifest is not one of this format.
    #[error("the manifest is not one of the format {FORMAT}")]
    Manifest(#[source] Option<serde_json::Error>),
    /// A file is missing.
    #[error("{path} is missing")]
    #[non_exhaustive]
    Missing {
        /// The file.
        path: String,
    },
    /// The signature is not one of a trusted key.
    #[error("the signature does not verify")]
    Signature(#[source] NoteError),
    /// There are more signatures than one.
    #[error("the manifest has not one signature")]
    Signatures,
}

/// A bundle of which every byte is what was signed. Only checking makes one.
#[derive(Clone, Debug)]
pub struct VerifiedBundle {
    manifest: BundleManifest,
    key: VerifierKey,
}

impl VerifiedBundle {
    /// What it holds.
    #[must_use]
    pub const fn manifest(&self) -> &BundleManifest {
        &self.manifest
    }

    /// The key that signed it.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }
}

/// Checks a bundle in a directory: the signature of one of the keys (a journal's public keys will
/// do, or those under their name for documents) under the manifest, the length
/// and hash of each file, and that there is nothing else. It does not say that the bundle is all
/// there was to give: that is the word of whoever signed it.
///
/// # Errors
///
/// The first [`BundleDefect`] that is found.
pub fn verify_bundle(dir: &Path, keys: &[VerifierKey]) -> Result<VerifiedBundle, BundleDefect> {
    let keys: Result<Vec<VerifierKey>, KeyError> = keys.iter().map(for_documents).collect();
    let keys = keys.map_err(BundleDefect::Key)?;
    let limit = u64::try_from(MAX_NOTE_LEN).unwrap_or(u64::MAX);
    let note = String::from_utf8(read(dir, SIGNATURE, limit)?)
        .map_err(|_| BundleDefect::Changed { path: SIGNATURE.to_owned() })?;
    let note = Note::parse(&note).map_err(BundleDefect::Signature)?;
    let by = note.verify(&keys).map_err(BundleDefect::Signature)?;
    let (1, [by]) = (note.signatures().len(), by.as_slice()) else {
        return Err(BundleDefect::Signatures);
    };
    let bytes = read(dir, MANIFEST, LONGEST_MANIFEST)?;
    // The signature first: nothing that an unsigned manifest says is of interest.
    let id = note.text().split('\n').nth(1).and_then(|id| id.parse().ok()).unwrap_or_default();
    if note.text() != text(id, &bytes) {
        return Err(BundleDefect::Changed { path: MANIFEST.to_owned() });
    }
    let manifest: BundleManifest =
        serde_json::from_slice(&bytes).map_err(|error| BundleDefect::Manifest(Some(error)))?;
    if manifest.format != FORMAT || manifest.id != id {
        return Err(BundleDefect::Manifest(None));
    }
    let mut known: BTreeSet<&str> = BTreeSet::from([MANIFEST, SIGNATURE]);
    for file in &manifest.files {
        if !is_safe(&file.path) || !known.insert(&file.path) {
            return Err(BundleDefect::Manifest(None));
        }
        let (length, sha256) = hash(dir, &file.path)?;
        if length != file.bytes || sha256 != file.sha256 {
            return Err(BundleDefect::Changed { path: file.path.clone() });
        }
    }
    nothing_else(dir, "", &known)?;
    Ok(VerifiedBundle { key: by.key().clone(), manifest })
}

/// Opens a file of the bundle, which is one and not a link to one.
fn open(dir: &Path, path: &str) -> Result<File, BundleDefect> {
    let full = dir.join(path);
    match full.symlink_metadata() {
        Ok(found) if found.is_file() => Ok(File::open(full)?),
        Ok(_) => Err(BundleDefect::Extra { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(BundleDefect::Missing { path: path.to_owned() })
        }
        Err(error) => Err(error.into()),
    }
}

fn read(dir: &Path, path: &str, limit: u64) -> Result<Vec<u8>, BundleDefect> {
    let mut bytes = Vec::new();
    let file = open(dir, path)?;
    if file.take(limit.saturating_add(1)).read_to_end(&mut bytes).is_ok()
        && u64::try_from(bytes.len()).is_ok_and(|length| length <= limit)
    {
        Ok(bytes)
    } else {
        Err(BundleDefect::Changed { path: path.to_owned() })
    }
}

fn hash(dir: &Path, path: &str) -> Result<(u64, String), BundleDefect> {
    let mut file = open(dir, path)?;
    let (mut state, mut length) = (Sha256::new(), 0_u64);
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else {
            return Ok((length, base16ct::lower::encode_string(&state.finalize())));
        };
        state.update(piece);
        length = length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
}

/// That a folder, within the bundle at `prefix`, holds known files and folders of them only.
fn nothing_else(dir: &Path, prefix: &str, known: &BTreeSet<&str>) -> Result<(), BundleDefect> {
    for entry in fs::read_dir(dir.join(prefix))? {
        let entry = entry?;
        let name = entry.file_name();
        let path = format!("{prefix}{}", name.to_string_lossy());
        let extra = || BundleDefect::Extra { path: path.clone() };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            let folder = format!("{path}/");
            if !known.iter().any(|file| file.starts_with(&folder)) {
                return Err(extra());
            }
            nothing_else(dir, &folder, known)?;
        } else if !kind.is_file() || !known.contains(path.as_str()) {
            return Err(extra());
        }
    }
    Ok(())
}
