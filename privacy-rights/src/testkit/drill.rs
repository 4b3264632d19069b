//! A backup that brings an erased person back, and what then has to happen.

use std::error::Error;

use audit_core::Timestamp;

use crate::backend::Backend;
use crate::erasure::error::EraseError;
use crate::erasure::saga::Eraser;
use crate::source::BoxFuture;

/// What a host did not manage to do in a drill.
pub type DrillFailure = Box<dyn Error + Send + Sync>;

/// What a host does in a restore drill, with its own means and on data that a test made.
pub trait RestoreDrill<DB: Backend>: Send {
    /// The host's eraser over the database as it stands, as a process that was just started has it.
    fn eraser(&mut self) -> BoxFuture<'_, Result<Eraser<DB>, DrillFailure>>;

    /// Takes a backup; when that was. The keys and the ledger of erasures are not in it.
    fn back_up(&mut self) -> BoxFuture<'_, Result<Timestamp, DrillFailure>>;

    /// Erases the person of the drill, from the request to the end of all steps.
    fn erase(&mut self) -> BoxFuture<'_, Result<(), DrillFailure>>;

    /// Puts the backup in the place of the database.
    fn restore(&mut self) -> BoxFuture<'_, Result<(), DrillFailure>>;

    /// What there is of the person by now, wherever the host keeps anything, in order: rows by their
    /// keys and values, files, [canaries](crate::Canaries) that are found.
    fn traces(&mut self) -> BoxFuture<'_, Result<Vec<String>, DrillFailure>>;
}

/// What a drill has shown to be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrillError {
    /// An erasure or a replay did not come to its end.
    #[error("the eraser failed")]
    Erase(#[from] EraseError),
    /// The host did not manage to do its part.
    #[error("the host failed in: {part}")]
    Host {
        /// Which part.
        part: &'static str,
        /// Why.
        #[source]
        source: DrillFailure,
    },
    /// The erasure changed nothing of what there is of the person: it cannot be shown to be undone.
    #[error("the erasure left everything as it was")]
    NothingErased,
    /// The restored database does not hold what was erased since: it is no restored one.
    #[error("after the restore the database is not as it was when the backup was taken")]
    NotRestored,
    /// The boot check let a database be served that has forgotten an erasure.
    #[error("the boot check did not notice that the database was restored")]
    NotNoticed,
    /// The replay left something that the erasure had not left.
    #[error("after the replay there is more or less of the person than after the erasure")]
    NotErasedAgain {
        /// What there is, and was not after the erasure.
        more: Vec<String>,
    },
}

/// Holds a host to what must happen when a backup from before an erasure is restored: the boot check
/// refuses to serve, the replay erases the person again, and afterwards there is of them what there was
/// after the erasure, however often it is replayed.
///
/// # Errors
///
/// The first [`DrillError`] that is found.
pub async fn restore_drill<DB: Backend>(host: &mut dyn RestoreDrill<DB>) -> Result<(), DrillError> {
    let failed = |part| move |source| DrillError::Host { part, source };
    host.eraser().await.map_err(failed("eraser"))?.boot_check().await?;
    let before = host.traces().await.map_err(failed("traces"))?;
    let taken_at = host.back_up().await.map_err(failed("back_up"))?;
    host.erase().await.map_err(failed("erase"))?;
    let after = host.traces().await.map_err(failed("traces"))?;
    if after == before {
        return Err(DrillError::NothingErased);
    }
    host.restore().await.map_err(failed("restore"))?;
    if host.traces().await.map_err(failed("traces"))? != before {
        return Err(DrillError::NotRestored);
    }
    match host.eraser().await.map_err(failed("eraser"))?.boot_check().await {
        Err(EraseError::NotReplayed { .. }) => {}
        Err(error) => return Err(error.into()),
        Ok(()) => return Err(DrillError::NotNoticed),
    }
    for _ in 0..2 {
        let eraser = host.eraser().await.map_err(failed("eraser"))?;
        eraser.replay_since(taken_at).await?;
        eraser.boot_check().await?;
        let now = host.traces().await.map_err(failed("traces"))?;
        if now != after {
            let more = now.into_iter().filter(|trace| !after.contains(trace)).collect();
            return Err(DrillError::NotErasedAgain { more });
        }
    }
    Ok(())
}
