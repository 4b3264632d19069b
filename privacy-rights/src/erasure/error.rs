//! Why an erasure did not go on.

use audit_core::{EventError, NoteError};
use audit_store::{AppendError, DatabaseError, ProveError, QueryError, SignerError, SigningError};

use crate::desk::download::DownloadError;
use crate::desk::error::DeskError;
use crate::desk::vault::VaultError;
use crate::erasure::certificate::error::CertificateError;
use crate::erasure::ledger::NoteError as LedgerError;
use crate::erasure::plan::PlanError;
use crate::erasure::suppression::TokenError;
use crate::source::error::SourceError;

/// An erasure did not begin, or did not go on. What was done is recorded, and asking again goes on
/// from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EraseError {
    /// What was found leads to more than one person. Nothing was begun: it is for a human to decide.
    #[error("{values} values of the kind {kind:?} were found: that may be more than one person")]
    Ambiguous {
        /// The kind.
        kind: String,
        /// How many values.
        values: usize,
    },
    /// The person's bundles were not deleted. Nothing was erased yet.
    #[error("the person's bundles were not deleted")]
    Bundles(#[source] DownloadError),
    /// The certificate cannot say what it has to.
    #[error("the certificate was not made")]
    Certificate(#[from] CertificateError),
    /// Somebody else is at it.
    #[error("somebody else carries out the same erasure")]
    Conflict,
    /// A stored row is none that this library writes.
    #[error("a row of the tables of erasures cannot be read")]
    Damaged,
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// The desk did not do its part.
    #[error("the desk did not do its part")]
    Desk(#[from] DeskError),
    /// The entry of a step breaks the journal's format: a text that is too long.
    #[error("the step cannot be recorded")]
    Event(#[from] EventError),
    /// The journal did not take an entry.
    #[error("the step was not recorded")]
    Journal(#[from] AppendError),
    /// The journal did not erase the person's private fields.
    #[error("the journal did not erase")]
    JournalErasure(#[from] audit_store::ErasureError),
    /// The same person is being erased under another request.
    #[error("the person is being erased under another request")]
    Leased,
    /// The ledger outside the database did not take the note. Nothing was destroyed.
    #[error("the ledger of erasures did not do its part")]
    Ledger(#[from] LedgerError),
    /// No source holds anything of the person that is not erased, and the journal does not know them.
    #[error("nothing is known of the person")]
    NobodyFound,
    /// No such erasure was approved, or it is not the time for it.
    #[error("the request is no erasure that was approved and begun")]
    NotApproved,
    /// The database was restored from a backup, or is another one: it does not know of erasures that
    /// the ledger holds. Nobody must be served from it before they are done again.
    #[error("the database does not know of {erasures} erasures that the ledger holds")]
    NotReplayed {
        /// How many.
        erasures: usize,
    },
    /// The desk knows whose bundles are whose by other tokens: it is to be given the same
    /// ([`DeskOptions::downloads`](crate::DeskOptions::downloads)). Nothing was begun.
    #[error("the desk and the eraser have different tokens")]
    OtherTokens,
    /// The plan may not be carried out.
    #[error("the plan may not be carried out")]
    Plan(#[from] PlanError),
    /// The proof of the certificate's entry was not made.
    #[error("the entry of the certificate cannot be proven yet")]
    Prove(#[from] ProveError),
    /// The journal could not be read.
    #[error("the journal could not be read")]
    Query(#[from] QueryError),
    /// The key that signs could not be used.
    #[error("the certificate was not signed")]
    Sign(#[from] SignerError),
    /// No checkpoint could be signed.
    #[error("no checkpoint was signed")]
    Signing(#[from] SigningError),
    /// A source, a hook or the permit failed.
    #[error("a source failed")]
    Source(#[from] SourceError),
    /// A token of an identifier could not be computed.
    #[error("an identifier has no token")]
    Token(#[from] TokenError),
    /// There is no such erasure.
    #[error("there is no such erasure")]
    Unknown,
    /// The identity was not sealed or opened.
    #[error("the identity was not sealed, opened or destroyed")]
    Vault(#[from] VaultError),
}

impl From<sqlx::Error> for EraseError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<DownloadError> for EraseError {
    fn from(error: DownloadError) -> Self {
        match error {
            DownloadError::Desk(error) => error.into(),
            error => Self::Bundles(error),
        }
    }
}

impl From<NoteError> for EraseError {
    fn from(error: NoteError) -> Self {
        Self::Certificate(CertificateError::Note(error))
    }
}
