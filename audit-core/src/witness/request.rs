//! The body of `add-checkpoint`.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64, Encoding};

use super::log_checkpoint::LogCheckpoint;
use crate::checkpoint::{CheckpointError, parse_size};
use crate::hash::{NodeHash, hash_from_base64};
use crate::tree::consistency::ConsistencyProof;
use crate::tree::inclusion::ProofError;

/// Most bytes of an [`AddCheckpoint`].
pub const MAX_ADD_CHECKPOINT_LEN: usize = 1 << 16;

/// Most lines of consistency proof in an [`AddCheckpoint`].
pub const MAX_PROOF_LINES: usize = 63;

/// Why a request to a witness was refused for its form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddCheckpointError {
    /// The checkpoint is none.
    #[error("the checkpoint was refused")]
    Checkpoint(#[source] CheckpointError),
    /// A line of the proof is not a hash.
    #[error("line {line} is not a hash")]
    Hash {
        /// The line, counted from 1.
        line: usize,
    },
    /// The first line is not `old`, a space and a decimal number without leading zeros.
    #[error("the first line is not the old size")]
    OldSize,
    /// No empty line ends the proof.
    #[error("no empty line between the proof and the checkpoint")]
    Separator,
    /// Longer than [`MAX_ADD_CHECKPOINT_LEN`].
    #[error("longer than {MAX_ADD_CHECKPOINT_LEN} bytes")]
    TooLarge,
    /// More lines of proof than [`MAX_PROOF_LINES`].
    #[error("more than {MAX_PROOF_LINES} lines of proof")]
    TooManyLines,
}

/// A log's request to a witness: this is my checkpoint, and this shows that it continues the one of
/// the old size, which you cosigned last.
///
/// # Examples
///
/// ```
/// use audit_core::{
///     AddCheckpoint, Checkpoint, CompactRange, ConsistencyRequest, LeafHash, LogCheckpoint,
///     SigningKey,
/// };
///
/// let key = SigningKey::generate("audit.example.com")?;
/// let mut range = CompactRange::default();
/// range.push(LeafHash::of(b"first"));
/// let checkpoint = Checkpoint::new("audit.example.com/acme/default/1".parse()?, range.head());
///
/// // What the witness has never seen needs no proof.
/// let proof = ConsistencyRequest::new(0, 1)?.assemble(&[])?;
/// let request = AddCheckpoint::new(0, proof, (&checkpoint.sign(&key)?).into())?;
/// let received = AddCheckpoint::parse(&request.to_string())?;
/// received.checkpoint().verify(&[key.verifier().clone()])?;
/// assert_eq!((received.old_size(), received.checkpoint().head().size), (0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// INVARIANT: at most MAX_PROOF_LINES hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    old_size: u64,
    proof: ConsistencyProof,
    checkpoint: LogCheckpoint,
}

impl AddCheckpoint {
    /// Puts the parts together; that they fit is for the witness to see.
    ///
    /// # Errors
    ///
    /// [`AddCheckpointError::TooManyLines`].
    pub fn new(
        old_size: u64,
        proof: ConsistencyProof,
        checkpoint: LogCheckpoint,
    ) -> Result<Self, AddCheckpointError> {
        if proof.hashes().len() > MAX_PROOF_LINES {
            return Err(AddCheckpointError::TooManyLines);
        }
        Ok(Self { old_size, proof, checkpoint })
    }

    /// Reads a body. Strict: what it prints again is what was read. Nothing is checked but its
    /// form.
    ///
    /// # Errors
    ///
    /// [`AddCheckpointError`].
    pub fn parse(body: &str) -> Result<Self, AddCheckpointError> {
        if body.len() > MAX_ADD_CHECKPOINT_LEN {
            return Err(AddCheckpointError::TooLarge);
        }
        let (head, checkpoint) = body.split_once("\n\n").ok_or(AddCheckpointError::Separator)?;
        let mut lines = head.split('\n');
        let old_size = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(parse_size)
            .ok_or(AddCheckpointError::OldSize)?;
        let mut hashes = Vec::new();
        for (line, text) in (2_usize..).zip(lines) {
            if hashes.len() >= MAX_PROOF_LINES {
                return Err(AddCheckpointError::TooManyLines);
            }
            let bytes = hash_from_base64(text).map_err(|_| AddCheckpointError::Hash { line })?;
            hashes.push(NodeHash::from_bytes(bytes));
        }
        let too_many = |_: ProofError| AddCheckpointError::TooManyLines;
        let proof = ConsistencyProof::from_hashes(hashes).map_err(too_many)?;
        let checkpoint =
            LogCheckpoint::parse(checkpoint).map_err(AddCheckpointError::Checkpoint)?;
        Ok(Self { old_size, proof, checkpoint })
    }

    /// The size of the checkpoint that the witness cosigned last, as the log believes.
    #[must_use]
    pub const fn old_size(&self) -> u64 {
        self.old_size
    }

    /// Shows that the checkpoint continues the one of the old size.
    #[must_use]
    pub const fn proof(&self) -> &ConsistencyProof {
        &self.proof
    }

    /// The checkpoint.
    #[must_use]
    pub const fn checkpoint(&self) -> &LogCheckpoint {
        &self.checkpoint
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        for hash in self.proof.hashes() {
            writeln!(f, "{}", Base64::encode_string(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for AddCheckpoint {
    type Err = AddCheckpointError;

    fn from_str(body: &str) -> Result<Self, AddCheckpointError> {
        Self::parse(body)
    }
}
