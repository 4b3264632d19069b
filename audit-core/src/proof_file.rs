//! One entry's proof as a file: C2SP tlog-proof v1.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64, Encoding};

use crate::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint, parse_size};
use crate::hash::{LeafHash, NodeHash, RootHash, hash_from_base64};
use crate::note::MAX_NOTE_LEN;
use crate::note::key::VerifierKey;
use crate::tree::inclusion::{InclusionProof, MAX_INCLUSION_HASHES, ProofError};

/// First line of every proof file.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Most bytes of extra data that a proof file may carry.
pub const MAX_EXTRA_LEN: usize = 1 << 16;

/// Why a proof file was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFileError {
    /// The checkpoint is malformed, or not signed by the key.
    #[error("the checkpoint was refused")]
    Checkpoint(#[source] CheckpointError),
    /// The extra data is empty, too large, or not canonical base64.
    #[error("the extra data was refused")]
    Extra,
    /// A line is not the hash it should be.
    #[error("line {line} is not a hash")]
    Hash {
        /// The line, counted from 1.
        line: usize,
    },
    /// The first line is not `c2sp.org/tlog-proof@v1`.
    #[error("not a tlog-proof file of version 1")]
    Header,
    /// There is no line with the index, or it is not a decimal number without leading zeros.
    #[error("no index, or not a decimal number")]
    Index,
    /// The entry, the index, the proof and the checkpoint do not belong together.
    #[error("the proof does not hold")]
    Proof(#[source] ProofError),
    /// No blank line separates the proof from the checkpoint.
    #[error("no checkpoint after the proof")]
    Separator,
    /// Longer than any proof file can be.
    #[error("too long for a proof file")]
    TooLarge,
}

/// A self-contained proof that an entry stands in a journal: its index, its inclusion proof, and
/// the signed checkpoint that it leads to. Files of this form end in `.tlog-proof`.
///
/// # Examples
///
/// ```
/// use audit_core::{
///     Checkpoint, CompactRange, InclusionRequest, LeafHash, NodeHash, ProofFile, SigningKey,
/// };
///
/// // The journal's side.
/// let key = SigningKey::generate("audit.example.com")?;
/// let mut range = CompactRange::default();
/// range.push(LeafHash::of(b"first"));
/// range.push(LeafHash::of(b"second"));
/// let checkpoint = Checkpoint::new("audit.example.com/acme/default/1".parse()?, range.head());
/// let proof = InclusionRequest::new(1, 2)?.assemble(&[LeafHash::of(b"first").into()])?;
/// let file = ProofFile::new(1, proof, checkpoint.sign(&key)?).to_string();
///
/// // The reader's side: the file, the entry's bytes, and the journal's key.
/// let signed = ProofFile::parse(&file)?;
/// assert_eq!(signed.verify(b"second", key.verifier())?.head.size, 2);
/// assert!(signed.verify(b"other", key.verifier()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    extra: Option<Vec<u8>>,
    index: u64,
    proof: InclusionProof,
    checkpoint: SignedCheckpoint,
}

impl ProofFile {
    /// Puts the parts together; that they fit is for [`verify`](Self::verify) to show.
    #[must_use]
    pub const fn new(index: u64, proof: InclusionProof, checkpoint: SignedCheckpoint) -> Self {
        Self { extra: None, index, proof, checkpoint }
    }

    /// Adds extra data, whose meaning is the application's own. Nothing authenticates it.
    ///
    /// # Errors
    ///
    /// [`ProofFileError::Extra`] where it is empty or longer than [`MAX_EXTRA_LEN`].
    pub fn with_extra(mut self, extra: Vec<u8>) -> Result<Self, ProofFileError> {
        if extra.is_empty() || extra.len() > MAX_EXTRA_LEN {
            return Err(ProofFileError::Extra);
        }
        self.extra = Some(extra);
        Ok(self)
    }

    /// Reads a proof file. Strict: what it prints again is what was read. Nothing is checked but
    /// its form.
    ///
    /// # Errors
    ///
    /// [`ProofFileError`], where `Checkpoint` means its form and `Proof` means too many hashes.
    pub fn parse(file: &str) -> Result<Self, ProofFileError> {
        if file.len() > MAX_NOTE_LEN.saturating_mul(2) {
            return Err(ProofFileError::TooLarge);
        }
        let (head, checkpoint) = file.split_once("\n\n").ok_or(ProofFileError::Separator)?;
        let mut lines = (1_usize..).zip(head.split('\n')).peekable();
        if lines.next().is_none_or(|(_, line)| line != HEADER) {
            return Err(ProofFileError::Header);
        }
        let extra = match lines.peek().and_then(|(_, line)| line.strip_prefix("extra ")) {
            Some(base64) => {
                lines.next();
                Some(parse_extra(base64)?)
            }
            None => None,
        };
        let index = lines
            .next()
            .and_then(|(_, line)| line.strip_prefix("index "))
            .and_then(parse_size)
            .ok_or(ProofFileError::Index)?;
        let mut hashes = Vec::new();
        for (line, text) in lines {
            if hashes.len() >= MAX_INCLUSION_HASHES {
                return Err(ProofFileError::Proof(ProofError::TooLong));
            }
            let bytes = hash_from_base64(text).map_err(|_| ProofFileError::Hash { line })?;
            hashes.push(NodeHash::from_bytes(bytes));
        }
        let proof = InclusionProof::from_hashes(hashes).map_err(ProofFileError::Proof)?;
        let checkpoint = SignedCheckpoint::parse(checkpoint).map_err(ProofFileError::Checkpoint)?;
        Ok(Self { extra, index, proof, checkpoint })
    }

    /// The extra data, which nothing authenticates.
    #[must_use]
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// Index of the entry.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The inclusion proof.
    #[must_use]
    pub const fn proof(&self) -> &InclusionProof {
        &self.proof
    }

    /// The checkpoint, with all its signatures.
    #[must_use]
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Checks that an entry with exactly these bytes stands at [`index`](Self::index) of the tree
    /// that the checkpoint is about, and that this journal's key signed the checkpoint. Returns
    /// what was signed.
    ///
    /// The key is the journal's own or that of the origin, as for [`SignedCheckpoint::verify`].
    /// Success says nothing about witnesses: see [`SignedCheckpoint::verify_cosignatures`].
    ///
    /// # Errors
    ///
    /// [`ProofFileError::Checkpoint`] where the key did not sign it, [`ProofFileError::Proof`]
    /// where the proof does not lead from the entry to its root.
    pub fn verify(&self, entry: &[u8], key: &VerifierKey) -> Result<&Checkpoint, ProofFileError> {
        self.verify_leaf(LeafHash::of(entry), key)
    }

    /// Like [`verify`](Self::verify), for an entry of which only the leaf hash is at hand.
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify).
    pub fn verify_leaf(
        &self,
        leaf: LeafHash,
        key: &VerifierKey,
    ) -> Result<&Checkpoint, ProofFileError> {
        let checkpoint = self.checkpoint.verify(key).map_err(ProofFileError::Checkpoint)?;
        self.proof.verify(leaf, self.index, &checkpoint.head).map_err(ProofFileError::Proof)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", Base64::encode_string(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in self.proof.hashes() {
            writeln!(f, "{}", RootHash::from(*hash).to_base64())?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for ProofFile {
    type Err = ProofFileError;

    fn from_str(file: &str) -> Result<Self, ProofFileError> {
        Self::parse(file)
    }
}

fn parse_extra(base64: &str) -> Result<Vec<u8>, ProofFileError> {
    let extra = Base64::decode_vec(base64).map_err(|_| ProofFileError::Extra)?;
    if extra.is_empty() || extra.len() > MAX_EXTRA_LEN {
        return Err(ProofFileError::Extra);
    }
    Ok(extra)
}
