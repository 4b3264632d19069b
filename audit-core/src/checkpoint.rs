//! Checkpoints: signed tree heads, C2SP tlog-checkpoint v1.

use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::hash::{HashParseError, RootHash};
use crate::name::{NameError, Origin};
use crate::note::cosignature::Cosignature;
use crate::note::ed25519::SigningKey;
use crate::note::key::{KeyAlgorithm, VerifierKey};
use crate::note::{Note, NoteError, NoteSignature, VerifiedSignature};
use crate::tree::{MAX_TREE_SIZE, TreeHead};

/// Why a checkpoint was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A tree of size 0 has one root only, and this is another.
    #[error("the root of an empty tree is another one")]
    EmptyRoot,
    /// There is a line after the third. No journal writes one: nothing could audit it.
    #[error("a line after the root hash")]
    Extension,
    /// The key is named neither as the origin nor as the journal of the origin, or it is none that
    /// signs checkpoints.
    #[error("not a key of this origin")]
    Key,
    /// Fewer than three lines, or the last one without its newline.
    #[error("not three lines, each with its end")]
    Lines,
    /// The signed note around it is wrong.
    #[error("the signed note around the checkpoint was refused")]
    Note(#[source] NoteError),
    /// The first line is not an origin.
    #[error("the first line is not an origin")]
    Origin(#[source] NameError),
    /// The third line is not a root hash.
    #[error("the third line is not a root hash")]
    Root(#[source] HashParseError),
    /// The second line is not a decimal number from 0 to 2^63 - 1 without leading zeros.
    #[error("the second line is not the size of a tree")]
    Size,
}

/// What a checkpoint says: at this size, the chain of this origin had this root.
///
/// Its text is three lines. The standard allows further ones after them ("extension lines", not
/// recommended there); a journal writes none and this crate reads none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// Which chain, and which incarnation of it.
    pub origin: Origin,
    /// Its size and root.
    pub head: TreeHead,
}

impl Checkpoint {
    /// Puts both together.
    #[must_use]
    pub const fn new(origin: Origin, head: TreeHead) -> Self {
        Self { origin, head }
    }

    /// The text that is signed.
    ///
    /// # Examples
    ///
    /// ```
    /// use audit_core::{Checkpoint, TreeHead};
    ///
    /// let empty = Checkpoint::new("audit.example.com/acme/default/1".parse()?, TreeHead::EMPTY);
    /// assert_eq!(
    ///     empty.to_text(),
    ///     "audit.example.com/acme/default/1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
    /// );
    /// # Ok::<(), audit_core::NameError>(())
    /// ```
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.head.size, self.head.root.to_base64())
    }

    /// Reads that text. Strict: exactly one text stands for each checkpoint.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`], each variant but `Key` and `Note`.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Lines);
        };
        if lines.next().is_some() {
            return Err(CheckpointError::Extension);
        }
        let origin = origin.parse().map_err(CheckpointError::Origin)?;
        let size = parse_size(size).ok_or(CheckpointError::Size)?;
        let root = RootHash::from_base64(root).map_err(CheckpointError::Root)?;
        if size == 0 && root != RootHash::EMPTY {
            return Err(CheckpointError::EmptyRoot);
        }
        Ok(Self { origin, head: TreeHead::new(size, root) })
    }

    /// Signs it with a journal's key: under the key name of the origin.
    ///
    /// That it contradicts no checkpoint signed before is for the caller to have checked.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Key`] where the key is named neither as the origin nor as its journal.
    pub fn sign(self, key: &SigningKey) -> Result<SignedCheckpoint, CheckpointError> {
        key_of(&self.origin, key.verifier())?;
        let key = key.renamed(&self.origin.to_string()).map_err(|_| CheckpointError::Key)?;
        let signature = key.sign(&self.to_text());
        self.signed(signature)
    }

    /// Puts it together with a signature over [`to_text`](Self::to_text) that was made elsewhere
    /// (by a key service, say): 64 bytes, by the key given. The signature is checked first.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Key`] where the key is named neither as the origin nor as its journal,
    /// [`CheckpointError::Note`] where the signature does not verify.
    pub fn with_signature(
        self,
        key: &VerifierKey,
        signature: &[u8; 64],
    ) -> Result<SignedCheckpoint, CheckpointError> {
        let own = key_of(&self.origin, key)?;
        let signed = self.signed(NoteSignature::ed25519(&own, signature))?;
        signed.verify(&own)?;
        Ok(signed)
    }

    fn signed(self, signature: NoteSignature) -> Result<SignedCheckpoint, CheckpointError> {
        let mut note = Note::new(self.to_text()).map_err(CheckpointError::Note)?;
        note.add(signature).map_err(CheckpointError::Note)?;
        Ok(SignedCheckpoint { checkpoint: self, note })
    }
}

/// A checkpoint with its signatures: the journal's, and those of witnesses.
///
/// # Examples
///
/// ```
/// use audit_core::{Checkpoint, CompactRange, LeafHash, SignedCheckpoint, SigningKey};
///
/// let journal = SigningKey::generate("audit.example.com")?;
/// let mut range = CompactRange::default();
/// range.push(LeafHash::of(b"first"));
/// let origin = "audit.example.com/acme/default/1".parse()?;
/// let signed = Checkpoint::new(origin, range.head()).sign(&journal)?;
///
/// let received = SignedCheckpoint::parse(&signed.to_string())?;
/// assert_eq!(received.verify(journal.verifier())?.head.size, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// INVARIANT: the note's text is the checkpoint's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// Reads a signed checkpoint. Strict: what it prints again is what was read. No signature is
    /// checked.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`], each variant but `Key`.
    pub fn parse(note: &str) -> Result<Self, CheckpointError> {
        let note = Note::parse(note).map_err(CheckpointError::Note)?;
        Ok(Self { checkpoint: Checkpoint::parse(note.text())?, note })
    }

    /// What it says, whether or not it is true: see [`verify`](Self::verify).
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note around it.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// Checks the signature of the journal, and returns what it signed.
    ///
    /// The key may be the journal's own, from which that of the origin is derived (the same 32
    /// bytes, the origin as name), or the derived one. Success says that the holder of the key
    /// signed this. It says nothing about which entries lead to the root, nor whether another
    /// checkpoint of the same origin contradicts this one.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Key`] where the key is named neither as the origin nor as its journal;
    /// [`CheckpointError::Note`] with [`NoteError::Untrusted`] where it did not sign, and with
    /// [`NoteError::Invalid`] where its signature is wrong.
    pub fn verify(&self, key: &VerifierKey) -> Result<&Checkpoint, CheckpointError> {
        let key = key_of(&self.checkpoint.origin, key)?;
        self.note.verify(&[key]).map_err(CheckpointError::Note)?;
        Ok(&self.checkpoint)
    }

    /// Checks the cosignatures of these witnesses and ignores those of all others. Returns one
    /// value for each that cosigned; none of them makes a difference to [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Key`] where one of the keys is not one for cosignatures,
    /// [`CheckpointError::Note`] where a cosignature that claims to be by one of the keys is not.
    pub fn verify_cosignatures(
        &self,
        witnesses: &[VerifierKey],
    ) -> Result<Vec<VerifiedSignature>, CheckpointError> {
        if witnesses.iter().any(|key| key.algorithm() != KeyAlgorithm::CosignatureV1) {
            return Err(CheckpointError::Key);
        }
        match self.note.verify(witnesses) {
            Ok(verified) => Ok(verified),
            Err(NoteError::Untrusted) => Ok(Vec::new()),
            Err(error) => Err(CheckpointError::Note(error)),
        }
    }

    /// Checks a witness's cosignature and adds it below the signatures there are. Returns the
    /// witness's time.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Note`]; the checkpoint is as before.
    pub fn add_cosignature(
        &mut self,
        witness: &VerifierKey,
        cosignature: Cosignature,
    ) -> Result<Timestamp, CheckpointError> {
        let at = cosignature.verify(witness, self.note.text()).map_err(CheckpointError::Note)?;
        self.note.add(cosignature.into()).map_err(CheckpointError::Note)?;
        Ok(at)
    }
}

impl fmt::Display for SignedCheckpoint {
    /// The signed note.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

impl FromStr for SignedCheckpoint {
    type Err = CheckpointError;

    fn from_str(note: &str) -> Result<Self, CheckpointError> {
        Self::parse(note)
    }
}

/// The verifier key of an origin: the key itself where it is named so, or the journal's renamed.
fn key_of(origin: &Origin, key: &VerifierKey) -> Result<VerifierKey, CheckpointError> {
    let name = origin.to_string();
    let known = key.name() == name || key.name() == origin.journal().as_str();
    if !known || key.algorithm() != KeyAlgorithm::Ed25519 {
        return Err(CheckpointError::Key);
    }
    // An origin is a key name: it has neither space nor plus. Were it not, no key would be its.
    key.renamed(&name).map_err(|_| CheckpointError::Key)
}

/// A decimal number without leading zeros, up to the largest tree.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    if !canonical || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|size| *size <= MAX_TREE_SIZE)
}
