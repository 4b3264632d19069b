//! What can go wrong between the journal and a witness.

use audit_core::NoteError;

use crate::proof::ProveError;

/// Why a witness did not cosign. It is asked again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// It answered in a way that the protocol does not know.
    #[error("the witness answered nonsense: {what}")]
    #[non_exhaustive]
    Answer {
        /// What was wrong with it.
        what: &'static str,
    },
    /// It contradicts itself: it denies a history that it cosigned, as the stored cosignature
    /// shows.
    #[error("the witness denies the checkpoint of size {size}, which it cosigned")]
    #[non_exhaustive]
    Contradiction {
        /// The size.
        size: u64,
    },
    /// What it sent as its cosignature is none, or there is none by its key.
    #[error("what the witness sent is not its cosignature of this checkpoint")]
    Cosignature(#[source] NoteError),
    /// The journal refuses to append because of what it said, see
    /// [`Journal::suspension`](crate::Journal::suspension).
    #[error("the witness knows another history than the journal")]
    History(#[source] Box<crate::publish::HistoryError>),
    /// The proof for it could not be made from what is stored.
    #[error("cannot prove to the witness that the journal only grew")]
    Proof(#[source] ProveError),
    /// It refused, with this status of HTTP: 403 where it does not know the journal's key, 404 where
    /// it does not know the chain, 400 where it does not understand the request.
    #[error("the witness refused with status {status}: {words}")]
    #[non_exhaustive]
    Refused {
        /// The status.
        status: u16,
        /// The beginning of what it said, in printable characters.
        words: String,
    },
    /// It did not answer in time.
    #[error("the witness did not answer in time")]
    TimedOut,
    /// It could not be reached.
    #[error("the witness could not be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl WitnessError {
    /// It could not be reached.
    pub fn unreachable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unreachable(source.into())
    }

    /// It answered in a way that the protocol does not know.
    #[must_use]
    pub const fn answer(what: &'static str) -> Self {
        Self::Answer { what }
    }

    /// It refused, with this status of HTTP. Of its words the beginning is kept, without whatever a
    /// terminal would not print.
    #[must_use]
    pub fn refused(status: u16, words: &str) -> Self {
        let printable = words.trim().chars().filter(|c| !c.is_control());
        Self::Refused { status, words: printable.take(200).collect() }
    }

    /// Whether asking it about other chains would only take the same time again.
    pub(crate) const fn is_silence(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Unreachable(_))
    }
}
