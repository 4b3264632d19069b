//! What was erased, kept outside the database: so that a restored backup forgets nobody.

use std::fmt;
use std::sync::Arc;

use audit_core::{SubjectRef, Timestamp};
use serde::{Deserialize, Serialize};

use crate::BoxFuture;

/// One erasure, as a ledger keeps it. It names nobody: without the directory of the database that
/// it is about, the ref means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ErasedSubject {
    /// When it was decided.
    pub at: Timestamp,
    /// The legal ground.
    pub ground: String,
    /// The request that led to it.
    pub request: String,
    /// The pseudonym of the data subject.
    pub subject: SubjectRef,
    /// The tenant.
    pub tenant: String,
}

/// A place outside the database where erasures are noted before anything is destroyed.
///
/// A backup of the database knows nothing of the erasures since, and neither does a backup of keys.
/// The ledger does: [`Journal::open`](crate::Journal::open) and
/// [`Journal::declare_restored`](crate::Journal::declare_restored) erase again whom it names and the
/// database still knows. So it belongs in another backup set than the database, or in none: what it
/// holds must be newer than any backup that is ever restored.
pub trait ErasureLedger: fmt::Debug + Send + Sync {
    /// Notes an erasure. When it returns, the note stays. The same may be noted again.
    ///
    /// # Errors
    ///
    /// Any [`LedgerError`]; nobody is erased then.
    fn record<'a>(&'a self, erased: &'a ErasedSubject) -> BoxFuture<'a, Result<(), LedgerError>>;

    /// Some of what was noted, in the order in which it was, behind a place that an earlier call
    /// returned; from the beginning at 0. With it the place to go on at, which is greater each time;
    /// nothing at the end.
    ///
    /// # Errors
    ///
    /// Any [`LedgerError`]; the journal is not opened then, nor a restore declared.
    fn read(&self, behind: u64) -> BoxFuture<'_, Result<LedgerPage, LedgerError>>;
}

/// Some of a ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerPage {
    /// What was noted; none at the ledger's end.
    pub erased: Vec<ErasedSubject>,
    /// Where to go on.
    pub behind: u64,
}

impl LedgerPage {
    /// Of these, to go on behind them.
    #[must_use]
    pub const fn new(erased: Vec<ErasedSubject>, behind: u64) -> Self {
        Self { erased, behind }
    }
}

/// Why a ledger did not do its part.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// What is there is not a ledger's.
    #[error("the ledger holds at {behind} what is no note of an erasure")]
    Malformed {
        /// Where: the place before it.
        behind: u64,
    },
    /// The ledger could not be reached, read or written.
    #[error("the ledger of erasures could not be had")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl LedgerError {
    /// The ledger could not be reached, read or written.
    pub fn unavailable(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unavailable(Arc::new(source))
    }
}
