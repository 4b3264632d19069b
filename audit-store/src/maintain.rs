//! Everything that is due, in one call.

use crate::append::AppendError;
use crate::backend::Backend;
use crate::erasure::ErasureError;
use crate::index::poster::PostError;
use crate::journal::Journal;
use crate::publish::{PublishReport, SigningError};

/// What a round of maintenance did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Maintenance {
    /// How many staged events were sealed.
    pub sealed: u64,
    /// How many entries were posted to the query index.
    pub posted: u64,
    /// What was published.
    pub publication: PublishReport,
}

/// What could not be done. The rest was done nevertheless.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaintainError {
    /// Staged events could not be sealed.
    #[error("cannot seal what is staged")]
    Seal(#[from] AppendError),
    /// Entries could not be posted to the query index.
    #[error("cannot post to the query index")]
    Post(#[from] PostError),
    /// A key that an erasure has left to be destroyed is still there.
    #[error("cannot destroy the keys of erased data subjects")]
    Keys(#[from] ErasureError),
    /// A checkpoint that is due could not be signed, or nothing could be published.
    #[error("cannot sign or publish what is due")]
    Sign(#[from] SigningError),
}

impl<DB: Backend> Journal<DB> {
    /// Does all that is due: seals what host transactions have staged, posts to the query index,
    /// signs the chains that are due and publishes what is not published yet, and destroys the keys
    /// that an erasure could not.
    ///
    /// An open journal does the same by itself; this is for hosts that open one for a moment only,
    /// from a scheduled job, say, and for those that want to see what comes of it.
    ///
    /// # Errors
    ///
    /// [`MaintainError`], the first in the order of these five; what comes after it is done too.
    pub async fn maintain(&self) -> Result<Maintenance, MaintainError> {
        let sealed = self.sequence().await;
        let posted = self.post_index().await;
        let publication = self.sign_and_publish_due().await;
        let keys = self.store.destroy_all_condemned().await;
        let done = Maintenance { sealed: sealed?, posted: posted?, publication: publication? };
        keys?;
        Ok(done)
    }
}
