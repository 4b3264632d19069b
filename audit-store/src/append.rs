//! Appending events.

use audit_core::{ChainId, Event, EventError, LeafHash, SealError, Timestamp};
use uuid::Uuid;

use crate::backend::Backend;
use crate::error::DatabaseError;
use crate::journal::Journal;
use crate::private::SealerError;
use crate::publish::HistoryError;
use crate::subject::{Fresh, Prepared};
use crate::tenancy::TenantMismatch;

pub(crate) mod chain;
pub(crate) mod commit;
mod duplicate;
pub(crate) mod group_commit;
pub(crate) mod head;
pub(crate) mod seal;
pub(crate) mod sequencer;
pub(crate) mod staging;
pub(crate) mod tiles;
pub(crate) mod transaction;
pub(crate) mod write;

/// Where an event stands in the journal: on disk, in its chain, for good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The chain.
    pub chain: ChainId,
    /// The entry's index in its chain.
    pub seq: u64,
    /// The event's id.
    pub id: Uuid,
    /// When it was sealed.
    pub at: Timestamp,
    /// The entry's leaf hash.
    pub leaf: LeafHash,
}

/// Why an event was not appended. Nothing of the call was written.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The chain has as many entries as a chain can have.
    #[error("the chain {chain} is full")]
    ChainFull {
        /// The chain.
        chain: ChainId,
    },
    /// The journal has been closed.
    #[error("the journal is closed")]
    Closed,
    /// What is stored cannot be continued; verify the journal.
    #[error("{what} cannot be read")]
    Corrupt {
        /// What it is.
        what: &'static str,
    },
    /// The database did not carry it out. Where the connection was lost at the commit, it may stand
    /// nevertheless: append the same event id again, and either the first receipt is returned or
    /// the event is appended now.
    #[error("the event was not written")]
    Database(#[from] DatabaseError),
    /// The directory of data subjects is kept under a key that the options do not give.
    #[error("the directory of data subjects needs its key")]
    DirectoryClosed,
    /// Another event stands in the chain under this id.
    #[error("another event stands in {chain} under the id {id}")]
    DuplicateId {
        /// The chain.
        chain: ChainId,
        /// The id.
        id: Uuid,
    },
    /// The event breaks a limit of the format.
    #[error("the event cannot be made canonical")]
    Event(#[source] std::sync::Arc<EventError>),
    /// The private fields could not be sealed.
    #[error("the private fields were not sealed")]
    PrivateFields(#[from] SealerError),
    /// The queue is full (of `try_append` only; the others wait).
    #[error("the queue is full")]
    QueueFull,
    /// The journal is not the one that was signed, or that could not be found out, and it refuses
    /// to append; see [`Journal::suspension`].
    #[error("the journal refuses to append")]
    History(#[from] HistoryError),
    /// Only the journal itself records actions that start with `journal.`.
    #[error("the action {action} is reserved")]
    Reserved {
        /// The action.
        action: String,
    },
    /// The sealer of private fields returned something else than the text form of format `cf1`.
    #[error("the sealer of private fields returned what is not in format cf1")]
    SealedForm,
    /// The entry breaks a limit of the format.
    #[error("the event cannot be sealed")]
    Seal(#[from] SealError),
    /// A data subject's id is empty or too long.
    #[error("a subject id has {bytes} bytes, allowed are 1 to {limit}")]
    SubjectId {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// There is no such chain; [`Journal::create_chain`] makes one.
    #[error("there is no chain {chain}")]
    UnknownChain {
        /// The chain.
        chain: ChainId,
    },
    /// It is another tenant's than the handle's, or than the one that the host's transaction names.
    #[error("it is another tenant's")]
    TenantMismatch(#[source] TenantMismatch),
}

impl From<EventError> for AppendError {
    fn from(error: EventError) -> Self {
        Self::Event(error.into())
    }
}

impl From<sqlx::Error> for AppendError {
    fn from(error: sqlx::Error) -> Self {
        if let Some(mismatch) = TenantMismatch::of(&error) {
            return Self::TenantMismatch(mismatch);
        }
        Self::Database(error.into())
    }
}

impl<DB: Backend> Journal<DB> {
    /// Appends an event in a transaction of its own, shared with whoever else appends at that
    /// moment. When it returns, the entry is on disk.
    ///
    /// Waits while the queue is full. Dropping the future takes nothing back: the event is appended
    /// or not, whole, and no other caller is affected. Appending the same event under the same id
    /// again returns the first receipt.
    ///
    /// # Errors
    ///
    /// Any [`AppendError`] but `QueueFull`. Nothing was written, with the one
    /// exception that [`AppendError::Database`] names.
    pub async fn append(&self, chain: &ChainId, event: Event) -> Result<Receipt, AppendError> {
        let events = self.prepare(chain, vec![event]).await?;
        let mut receipts = self.submit(chain, events).await?;
        receipts.pop().ok_or(AppendError::Closed)
    }

    /// As [`append`](Self::append), but refuses instead of waiting where the queue is full.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append), and [`AppendError::QueueFull`].
    pub async fn try_append(&self, chain: &ChainId, event: Event) -> Result<Receipt, AppendError> {
        let events = self.prepare(chain, vec![event]).await?;
        let mut receipts = self.try_submit(chain, events).await?;
        receipts.pop().ok_or(AppendError::Closed)
    }

    /// Appends events in one transaction, in their order, all or none.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub async fn append_batch(
        &self,
        chain: &ChainId,
        events: Vec<Event>,
    ) -> Result<Vec<Receipt>, AppendError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let prepared = self.prepare(chain, events).await?;
        self.submit(chain, prepared).await
    }

    /// Checks events and makes them canonical, before any lock is held.
    async fn prepare(
        &self,
        chain: &ChainId,
        events: Vec<Event>,
    ) -> Result<Vec<Prepared>, AppendError> {
        let (store, tenant) = (&self.store, chain.tenant());
        store.gate.check()?;
        store.admit(tenant).map_err(AppendError::TenantMismatch)?;
        events.iter().try_for_each(refuse_reserved)?;
        store.meet(tenant, &events).await?;
        let mut fresh = Fresh::new();
        let mut prepared = Vec::with_capacity(events.len());
        for event in events {
            let mut event = Prepared::new(event, tenant, &store.subjects, &mut fresh)?;
            store.seal_ahead(tenant, &mut event).await?;
            prepared.push(event);
        }
        Ok(prepared)
    }
}

/// What only the journal itself records is not taken from the host.
fn refuse_reserved(event: &Event) -> Result<(), AppendError> {
    if event.is_reserved() {
        return Err(AppendError::Reserved { action: event.action().to_owned() });
    }
    Ok(())
}
