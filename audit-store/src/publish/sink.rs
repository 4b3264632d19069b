//! What a place for checkpoints outside the database has to offer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use audit_core::{Origin, SignedCheckpoint};

use crate::witness::WitnessError;

/// A boxed future, so that sinks and signers can be kept behind `dyn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A place outside the database where checkpoints are published.
///
/// A checkpoint protects against the database's own administrator only where he cannot reach it:
/// what is inside the database, he can cut back together with the entries. So a sink belongs
/// under other hands, and one that can be read again ([`newest`](Self::newest)) is what lets a
/// journal notice that it was restored from an old backup.
///
/// Publishing is repeated until it succeeds, also by another process and after a crash, so it must
/// be idempotent. A sink never replaces a checkpoint by another one of the same origin and size
/// ([`SinkError::Conflict`]).
pub trait CheckpointSink: fmt::Debug + Send + Sync {
    /// A name that stays the same over restarts, of 1 to 255 bytes: how far the journal has
    /// published is kept under it, so that two sinks of one journal must have two names.
    fn name(&self) -> &str;

    /// Publishes one checkpoint. When it returns, the checkpoint stays published.
    ///
    /// # Errors
    ///
    /// Any [`SinkError`]; publishing is then tried again later, from this checkpoint on.
    fn publish<'a>(
        &'a self,
        checkpoint: &'a SignedCheckpoint,
    ) -> BoxFuture<'a, Result<(), SinkError>>;

    /// The newest checkpoint that was published for `origin`, by whomever.
    ///
    /// # Errors
    ///
    /// Any [`SinkError`]; the journal then does not know whether it was restored.
    fn newest<'a>(&'a self, origin: &'a Origin) -> BoxFuture<'a, Result<Newest, SinkError>>;

    /// The checkpoint of this size that was published for `origin`; `None` where there is none, or
    /// the sink cannot tell, which is what it says unless it is written otherwise.
    ///
    /// A journal that was restored from a backup asks this to find out how much of its history is
    /// surely what it was.
    ///
    /// # Errors
    ///
    /// Any [`SinkError`]; it counts as not being able to tell.
    fn at<'a>(
        &'a self,
        origin: &'a Origin,
        size: u64,
    ) -> BoxFuture<'a, Result<Option<String>, SinkError>> {
        let _nothing_is_known = (origin, size);
        Box::pin(async { Ok(None) })
    }
}

/// What a sink knows about an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Newest {
    /// The signed note as it was published. The journal checks its signature and origin.
    Checkpoint(String),
    /// Nothing was published for this origin yet.
    Nothing,
    /// This sink can only be written to (e-mail, a printer): it cannot reveal a restore.
    WriteOnly,
}

/// Why a sink could not do its part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// Another checkpoint of the same origin and size is already there: two histories were signed.
    ///
    /// Both are evidence; the sink keeps the first.
    #[error("another checkpoint of {origin} at size {size} is already published")]
    #[non_exhaustive]
    Conflict {
        /// The origin of both.
        origin: Origin,
        /// The size of both.
        size: u64,
        /// The signed note that is already there.
        published: String,
    },
    /// What the sink holds is not a checkpoint.
    #[error("the sink holds something at {place} that is not a checkpoint")]
    #[non_exhaustive]
    Malformed {
        /// Where.
        place: String,
    },
    /// The sink could not be reached, or refused.
    #[error("the sink could not be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Not enough witnesses have cosigned the checkpoint yet, so it is not handed out.
    #[error("the checkpoint is not cosigned by {quorum} yet")]
    #[non_exhaustive]
    Unwitnessed {
        /// The quorum that is asked for, in words.
        quorum: String,
    },
    /// A witness did not cosign.
    #[error("the witness did not cosign")]
    Witness(#[source] WitnessError),
    /// The place lacks something that publishing safely needs.
    #[error("the sink cannot {what}")]
    #[non_exhaustive]
    Unsupported {
        /// What it cannot do.
        what: &'static str,
    },
}

impl SinkError {
    /// The sink could not be reached, or refused.
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }

    /// What is held at `place` is not a checkpoint.
    pub fn malformed(place: impl Into<String>) -> Self {
        Self::Malformed { place: place.into() }
    }

    /// Another checkpoint than `checkpoint` is already published at its place.
    #[must_use]
    pub fn conflict(checkpoint: &SignedCheckpoint, published: String) -> Self {
        let checkpoint = checkpoint.checkpoint();
        Self::Conflict { origin: checkpoint.origin.clone(), size: checkpoint.head.size, published }
    }
}

/// Compares what is already published at a checkpoint's place with it: the same text is the same
/// checkpoint, whatever cosignatures have joined it since.
pub(super) fn same_checkpoint(
    place: &str,
    published: String,
    checkpoint: &SignedCheckpoint,
) -> Result<(), SinkError> {
    match SignedCheckpoint::parse(&published) {
        Ok(found) if found.checkpoint() == checkpoint.checkpoint() => Ok(()),
        Ok(_) => Err(SinkError::conflict(checkpoint, published)),
        Err(_) => Err(SinkError::malformed(place)),
    }
}

/// The size that a published note is for, to see whether `latest` may move.
pub(super) fn published_size(place: &str, note: &str) -> Result<u64, SinkError> {
    match SignedCheckpoint::parse(note) {
        Ok(found) => Ok(found.checkpoint().head.size),
        Err(_) => Err(SinkError::malformed(place)),
    }
}
