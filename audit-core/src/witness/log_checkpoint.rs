//! A checkpoint of whatever log: C2SP tlog-checkpoint v1.

use std::fmt;

use crate::checkpoint::{CheckpointError, SignedCheckpoint, parse_size};
use crate::hash::RootHash;
use crate::name::Origin;
use crate::note::key::{KeyAlgorithm, VerifierKey};
use crate::note::{Note, NoteError, VerifiedSignature};
use crate::tree::TreeHead;

/// A signed checkpoint of any log, as a witness reads it: its origin need not be a journal's, and
/// it may have extension lines, which nobody here understands.
///
/// For a journal's own checkpoints there is the stricter [`SignedCheckpoint`].
// INVARIANT: the note's text begins with the lines of `origin` and `head`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogCheckpoint {
    origin: String,
    head: TreeHead,
    note: Note,
}

impl LogCheckpoint {
    /// Reads a signed checkpoint. Strict: what it prints again is what was read. No signature is
    /// checked.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Note`], [`CheckpointError::Lines`] where there are fewer than three lines
    /// or one of them is empty, [`CheckpointError::Size`], [`CheckpointError::Root`],
    /// [`CheckpointError::EmptyRoot`].
    pub fn parse(note: &str) -> Result<Self, CheckpointError> {
        let note = Note::parse(note).map_err(CheckpointError::Note)?;
        let mut lines = note.text().strip_suffix('\n').ok_or(CheckpointError::Lines)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Lines);
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(CheckpointError::Lines);
        }
        let size = parse_size(size).ok_or(CheckpointError::Size)?;
        let root = RootHash::from_base64(root).map_err(CheckpointError::Root)?;
        if size == 0 && root != RootHash::EMPTY {
            return Err(CheckpointError::EmptyRoot);
        }
        let (origin, head) = (origin.to_owned(), TreeHead::new(size, root));
        Ok(Self { origin, head, note })
    }

    /// The log's own name of itself: the first line.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Size and root of the tree.
    #[must_use]
    pub const fn head(&self) -> TreeHead {
        self.head
    }

    /// The note around it.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// Checks the signatures of those of these keys that are this log's, see
    /// [`names`](Self::names), and ignores all others. Returns the keys that signed.
    ///
    /// # Errors
    ///
    /// [`NoteError::Untrusted`] where none did, [`NoteError::Invalid`] where a signature that
    /// claims to be by one of them is not.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Vec<VerifiedSignature>, NoteError> {
        let own: Vec<_> = keys.iter().filter_map(|key| key_of(&self.origin, key)).collect();
        self.note.verify(&own)
    }

    /// Whether a key is one for this log: a key for notes that is named as the origin or, where the
    /// origin is a chain's, as its journal.
    #[must_use]
    pub fn names(&self, key: &VerifierKey) -> bool {
        key_of(&self.origin, key).is_some()
    }
}

impl From<&SignedCheckpoint> for LogCheckpoint {
    fn from(signed: &SignedCheckpoint) -> Self {
        let checkpoint = signed.checkpoint();
        let (origin, head) = (checkpoint.origin.to_string(), checkpoint.head);
        Self { origin, head, note: signed.note().clone() }
    }
}

impl fmt::Display for LogCheckpoint {
    /// The signed note.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

/// The key under which a log of this origin signs, where `key` is that key or its journal's.
pub(crate) fn key_of(origin: &str, key: &VerifierKey) -> Option<VerifierKey> {
    if key.algorithm() != KeyAlgorithm::Ed25519 {
        return None;
    }
    if key.name() == origin {
        return Some(key.clone());
    }
    let chain: Origin = origin.parse().ok()?;
    (key.name() == chain.journal().as_str()).then(|| key.renamed(origin).ok()).flatten()
}
