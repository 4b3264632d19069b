//! Why a certificate was refused.

use audit_core::{NoteError, ProofFileError};

/// A certificate that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The entry that is proven is not the one that records this certificate.
    #[error("the proven entry does not record this certificate: {what} differs")]
    Entry {
        /// What differs.
        what: &'static str,
    },
    /// Not a certificate in the one form in which it is written.
    #[error("not a certificate: {what} is not of its form")]
    Form {
        /// What.
        what: &'static str,
    },
    /// The signature is not by any of the keys, or wrong: a figure was changed.
    #[error("the certificate's signature was refused")]
    Note(#[source] NoteError),
    /// Part 2 is not of this part 1.
    #[error("it is not of that part 1")]
    OtherPart,
    /// The proof of its entry in the journal is none.
    #[error("the proof of its entry was refused")]
    Proof(#[source] ProofFileError),
}

impl CertificateError {
    /// Whether nothing is wrong but that none of the keys is the one that signed.
    #[must_use]
    pub const fn is_untrusted(&self) -> bool {
        use audit_core::CheckpointError;
        matches!(
            self,
            Self::Note(NoteError::Untrusted)
                | Self::Proof(ProofFileError::Checkpoint(
                    CheckpointError::Key | CheckpointError::Note(NoteError::Untrusted)
                ))
        )
    }
}
