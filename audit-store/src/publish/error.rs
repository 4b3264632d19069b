//! What can go wrong between the journal and what was signed of it.

use std::fmt;
use std::sync::Arc;

use audit_core::{ChainId, CheckpointError, NameError, SignedCheckpoint, TreeHead};

use crate::error::DatabaseError;
use crate::proof::ReadNodesError;
use crate::tenancy::TenantMismatch;

use super::signer::SignerError;
use super::sink::SinkError;

/// Where a checkpoint was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckpointPlace {
    /// In the journal's own tables.
    Database,
    /// In the sink of this name.
    Sink(String),
}

impl fmt::Display for CheckpointPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database => f.write_str("the database"),
            Self::Sink(name) => write!(f, "the sink {name:?}"),
        }
    }
}

/// The journal's history and a checkpoint of it do not go together, or that cannot be told.
///
/// A journal that is so suspended reads, but neither appends nor signs.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The database could not be asked.
    #[error("cannot compare the journal with its checkpoints")]
    Database(#[from] DatabaseError),
    /// A witness denies the history at the size of the checkpoint that it cosigned last, and the
    /// journal holds nothing by which to show that it is wrong: somebody rewrote the journal, or
    /// the witness lies. What the witness cosigned last, whoever runs it can show.
    #[error("the witness {witness:?} cosigned another history of {chain} at size {size}")]
    #[non_exhaustive]
    Disputed {
        /// The chain.
        chain: ChainId,
        /// The name of the witness's key.
        witness: String,
        /// The size it cosigned last.
        size: u64,
        /// What the journal is now.
        head: TreeHead,
    },
    /// What is stored of the tree does not suffice to compare.
    #[error("cannot compare {chain} with a checkpoint in {place}")]
    #[non_exhaustive]
    Damaged {
        /// The chain.
        chain: ChainId,
        /// Where the checkpoint is.
        place: CheckpointPlace,
        /// What is lacking.
        #[source]
        source: ReadNodesError,
    },
    /// The history differs from the one that was signed: somebody rewrote it.
    #[error(
        "{chain} is not the history of the checkpoint at size {} in {place}",
        known.checkpoint().head.size
    )]
    #[non_exhaustive]
    Forked {
        /// The chain.
        chain: ChainId,
        /// Where the checkpoint is.
        place: CheckpointPlace,
        /// What the journal is now.
        head: TreeHead,
        /// What was signed: the evidence.
        known: Box<SignedCheckpoint>,
    },
    /// The head row states an incarnation that none can have.
    #[error("the incarnation of {chain} is not one")]
    #[non_exhaustive]
    Incarnation {
        /// The chain.
        chain: ChainId,
        /// What is wrong with it.
        #[source]
        source: NameError,
    },
    /// The chain is shorter than what was signed: it was cut, or restored from an old backup.
    #[error(
        "{chain} has {} entries, the checkpoint in {place} counts {}",
        head.size,
        known.checkpoint().head.size
    )]
    #[non_exhaustive]
    RolledBack {
        /// The chain.
        chain: ChainId,
        /// Where the checkpoint is.
        place: CheckpointPlace,
        /// What the journal is now.
        head: TreeHead,
        /// What was signed: the evidence.
        known: Box<SignedCheckpoint>,
    },
    /// A sink could not be asked what it knows.
    #[error("cannot learn from the sink {sink:?} whether a newer checkpoint is known")]
    #[non_exhaustive]
    Unreachable {
        /// The sink.
        sink: String,
        /// Why not.
        #[source]
        source: Arc<SinkError>,
    },
    /// A witness says that it cosigned a larger checkpoint than the journal has ever signed: the
    /// journal was cut, or restored from an old backup, or the witness lies. What it cosigned
    /// last, whoever runs it can show.
    #[error("{chain} has {} entries, the witness {witness:?} cosigned {known}", head.size)]
    #[non_exhaustive]
    WitnessAhead {
        /// The chain.
        chain: ChainId,
        /// The name of the witness's key.
        witness: String,
        /// The size it cosigned last, as it says.
        known: u64,
        /// What the journal is now.
        head: TreeHead,
    },
    /// What is held as a checkpoint of this chain is none that this journal signed.
    #[error("what is in {place} as a checkpoint of {chain} is not one of this journal's")]
    #[non_exhaustive]
    Untrusted {
        /// The chain.
        chain: ChainId,
        /// Where it is.
        place: CheckpointPlace,
        /// What is held there.
        note: String,
        /// What is wrong with it.
        #[source]
        source: CheckpointError,
    },
}

/// A sink or a witness that did not take a checkpoint. Publishing it is tried again.
#[derive(Debug, thiserror::Error)]
#[error("the sink {sink:?} did not take the checkpoint of {chain} at size {size}")]
#[non_exhaustive]
pub struct SinkFailure {
    /// The chain.
    pub chain: ChainId,
    /// The size of the checkpoint.
    pub size: u64,
    /// The sink's name; of a witness `witness:<key id>:<name>`.
    pub sink: String,
    /// Why not.
    #[source]
    pub source: SinkError,
}

/// What a round of publishing did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct PublishReport {
    /// How many checkpoints were published, counted once for each sink.
    pub published: u64,
    /// How many cosignatures were collected.
    pub cosigned: u64,
    /// How many checkpoints no quorum of the witnesses will ever cosign, since all of them have
    /// gone on to a later one, counted once for each sink. They stay stored; a later one covers
    /// them.
    pub superseded: u64,
    /// Which sinks and witnesses failed: at most once for each chain and sink.
    pub failures: Vec<SinkFailure>,
}

impl PublishReport {
    /// Adds what another part of the round did.
    pub(crate) fn add(&mut self, other: Self) {
        self.published = self.published.saturating_add(other.published);
        self.cosigned = self.cosigned.saturating_add(other.cosigned);
        self.superseded = self.superseded.saturating_add(other.superseded);
        self.failures.extend(other.failures);
    }
}

/// Why no checkpoint was signed, or why it is not published everywhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The database could not be asked or written. Nothing was signed.
    #[error("cannot read or store the checkpoint")]
    Database(#[from] DatabaseError),
    /// The history and an earlier checkpoint do not go together. Nothing was signed.
    #[error("signing would contradict what is known")]
    History(#[source] HistoryError),
    /// The signer's key was retired since the journal was opened. Nothing was signed.
    #[error("the signer's key was retired")]
    KeyRetired,
    /// The journal was opened without a signer.
    #[error("the journal was opened without a signer")]
    NoSigner,
    /// The checkpoint is signed and stored, but not every sink has taken it yet. It is published
    /// by the next round.
    #[error("the checkpoint is stored, but {} of its sinks did not take it", failures.len())]
    #[non_exhaustive]
    NotPublished {
        /// The checkpoint, which is valid.
        checkpoint: Box<SignedCheckpoint>,
        /// Which sinks did not take it, and why.
        failures: Vec<SinkFailure>,
    },
    /// What the signer returned is not a signature by the journal's key. Nothing was stored.
    #[error("the signer returned something else than the journal's signature")]
    Signature(#[source] CheckpointError),
    /// The key could not be used. Nothing was signed.
    #[error("the signer failed")]
    Signer(#[source] SignerError),
    /// There is no such chain.
    #[error("there is no chain {chain}")]
    #[non_exhaustive]
    UnknownChain {
        /// The chain.
        chain: ChainId,
    },
    /// A crash may take committed entries away, so that a signed size could be one that never was.
    /// Nothing was signed.
    #[error("the database is set to lose commits in a crash ({setting})")]
    #[non_exhaustive]
    Volatile {
        /// The setting.
        setting: String,
    },
    /// It is another tenant's than the handle's, or than the one that the host's transaction names.
    #[error("it is another tenant's")]
    TenantMismatch(#[source] TenantMismatch),
}

impl From<sqlx::Error> for SigningError {
    fn from(error: sqlx::Error) -> Self {
        if let Some(mismatch) = TenantMismatch::of(&error) {
            return Self::TenantMismatch(mismatch);
        }
        Self::Database(error.into())
    }
}

impl From<sqlx::Error> for HistoryError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
