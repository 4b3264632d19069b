//! Staging: recording an event in a transaction that the host owns.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use audit_core::{CanonicalEvent, ChainId, Event};
use sqlx::Transaction;
use uuid::Uuid;

use crate::append::{AppendError, Receipt, duplicate, refuse_reserved};
use crate::backend::Backend;
use crate::backend::stage::StagedRow;
use crate::journal::{Journal, Store};
use crate::subject::{Fresh, Prepared};

/// An event that was staged: sealed right after its transaction commits, never where it does not.
pub struct Ticket<DB: Backend> {
    store: Arc<Store<DB>>,
    chain: (i64, ChainId),
    event: CanonicalEvent,
    timed: bool,
}

/// How long a ticket waits before it looks for itself whether another process has sealed its event.
const LOOK_AFTER: [Duration; 4] = [
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(80),
    Duration::from_millis(250),
];

impl<DB: Backend> Journal<DB> {
    /// Stages an event in a transaction of the host's own, which must be one of the database that
    /// holds the journal. Under every isolation this is right: it reads no head and takes no lock
    /// that outlives a statement of another writer.
    ///
    /// The event is checked now, gets an id where it has none, and says when it happened. It is
    /// sealed by the sequencer after the transaction has committed. An event under an id that
    /// stands already is dropped if it is the same, and recorded as `journal.event_refused` if not.
    ///
    /// On SQLite this takes the write lock like any INSERT, so a transaction that has read before
    /// must have been begun immediate.
    ///
    /// # Errors
    ///
    /// Any [`AppendError`] but `QueueFull`. On PostgreSQL, after [`AppendError::Database`], the
    /// transaction can only be rolled back. [`AppendError::TenantMismatch`] where under row-level
    /// security the transaction does not name the chain's tenant, which is for the host to do.
    pub async fn stage(
        &self,
        tx: &mut Transaction<'_, DB>,
        chain: &ChainId,
        event: Event,
    ) -> Result<Ticket<DB>, AppendError> {
        self.store.gate.check()?;
        refuse_reserved(&event)?;
        self.store.check_entered(tx, chain.tenant()).await?;
        self.store.meet(chain.tenant(), std::slice::from_ref(&event)).await?;
        let (known, mut fresh) = (&self.store.subjects, Fresh::new());
        let mut prepared = Prepared::keeping(event, chain.tenant(), known, &mut fresh)?;
        self.store.seal_ahead(chain.tenant(), &mut prepared).await?;
        let ticket = self.stage_prepared(tx, chain, prepared).await?;
        self.store.sequencer.expect();
        Ok(ticket)
    }

    pub(crate) async fn stage_prepared(
        &self,
        tx: &mut Transaction<'_, DB>,
        chain: &ChainId,
        mut prepared: Prepared,
    ) -> Result<Ticket<DB>, AppendError> {
        let store = &self.store;
        let id = store.chain_id(tx, chain).await?;
        if prepared.has_new_subjects(chain.tenant(), &store.subjects) {
            store.settle_staged(tx, chain, &mut prepared).await?;
        }
        let now = store.options.clock.now();
        let timed = prepared.time(now)?;
        store.seal_private(chain.tenant(), &mut prepared).await?;
        let disclosures = duplicate::to_staged(&prepared);
        let event = prepared.into_canonical();
        let row = StagedRow {
            id: 0,
            event_id: event.id(),
            body: event.as_str().to_owned(),
            disclosures,
            timed,
        };
        DB::insert_staged(tx, &store.schema, (id, chain), &row, now.as_micros()).await?;
        Ok(Ticket { store: Arc::clone(store), chain: (id, chain.clone()), event, timed })
    }
}

impl<DB: Backend> Store<DB> {
    /// Gives a staged event the refs that the directory has. New subjects are added in the host's
    /// transaction on SQLite, which is the only writer anyway; on PostgreSQL in a transaction of
    /// our own, so that nobody waits for the host's.
    async fn settle_staged(
        &self,
        tx: &mut Transaction<'_, DB>,
        chain: &ChainId,
        prepared: &mut Prepared,
    ) -> Result<(), AppendError> {
        let tenant = chain.tenant();
        if DB::WRITES_ALONE {
            // Not remembered: the host may roll back.
            self.settle(tx, tenant, &mut [prepared]).await?;
            return Ok(());
        }
        let mut own = self.begin_write_for(tenant).await?;
        let subjects = self.settle(&mut own, tenant, &mut [prepared]).await?;
        own.commit().await?;
        self.subjects.remember(tenant, subjects);
        Ok(())
    }
}

impl<DB: Backend> Ticket<DB> {
    /// The event's id.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.event.id()
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &ChainId {
        &self.chain.1
    }

    /// Waits until the event is sealed, by this process or another one. Call it after the
    /// transaction was committed. Where it was rolled back this never returns: give it a time-out.
    ///
    /// # Errors
    ///
    /// [`AppendError::DuplicateId`] where another event stands under the id, so that this one was
    /// refused. [`AppendError::Database`]; it will be sealed nevertheless.
    pub async fn sealed(self) -> Result<Receipt, AppendError> {
        let mut delays = LOOK_AFTER.into_iter();
        let mut delay = Duration::ZERO;
        loop {
            let mut progress = self.store.sequencer.progress();
            self.store.sequencer.poke();
            delay = delays.next().unwrap_or(delay);
            // Another process may be faster; so late or not, look.
            let _progress_or_late = tokio::time::timeout(delay, progress.changed()).await;
            if let Some(receipt) = self.look().await? {
                return Ok(receipt);
            }
        }
    }

    async fn look(&self) -> Result<Option<Receipt>, AppendError> {
        let (id, chain) = &self.chain;
        let schema = &self.store.schema;
        let mut conn = self.store.read(chain.tenant()).await?;
        let ids = [self.event.id()];
        let found = duplicate::standing::<DB>(&mut conn, schema, *id, &ids).await?;
        let Some(standing) = found.values().next() else { return Ok(None) };
        let (event, timed) = (&self.event, self.timed);
        let place = (*id, chain);
        if duplicate::same(&mut *conn, &self.store, place, standing, event, timed).await? {
            return duplicate::receipt(chain, &standing.2).map(Some);
        }
        Err(AppendError::DuplicateId { chain: chain.clone(), id: self.event.id() })
    }
}

impl<DB: Backend> fmt::Debug for Ticket<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("chain", &self.chain.1)
            .field("id", &self.event.id())
            .finish_non_exhaustive()
    }
}
