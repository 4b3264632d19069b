//! One transaction with the host's own statements.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::{Deref, DerefMut};

use audit_core::{ChainId, Event};
use sqlx::Transaction;

use crate::append::commit::{Outcome, Work};
use crate::append::staging::Ticket;
use crate::append::write::{Group, Shared};
use crate::append::{AppendError, Receipt, refuse_reserved};
use crate::backend::Backend;
use crate::backend::begin::begin;
use crate::journal::{Journal, Store, Turn};
use crate::subject::{Fresh, Prepared};

/// How a shared transaction sees what others commit meanwhile. SQLite knows one way only, which is
/// serializable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// Each statement sees what was committed before it.
    #[default]
    ReadCommitted,
    /// All statements see what was committed before the first.
    RepeatableRead,
    /// As if the transactions had run one after the other.
    Serializable,
}

/// A transaction that the host's statements and the journal's entries share: both are committed, or
/// neither.
///
/// It dereferences to the transaction of sqlx, in which the host's statements run. Events are kept
/// in memory until [`commit`](Self::commit), which locks the heads, seals and writes them, and
/// commits; so on PostgreSQL a head is locked only across the last statements. On SQLite the
/// transaction is immediate and is the only writer until it ends.
///
/// Dropped, it is rolled back. As any transaction of sqlx it must be dropped while its runtime still
/// stands.
pub struct JournalTx<DB: Backend> {
    // Declared first: rolled back before the turn is passed on.
    tx: Transaction<'static, DB>,
    _turn: Option<Turn>,
    journal: Journal<DB>,
    events: Vec<(ChainId, Prepared)>,
    /// By tenant.
    fresh: BTreeMap<String, Fresh>,
    isolation: Isolation,
}

/// What became of an event when its transaction was committed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Committed<DB: Backend> {
    /// It stands in the journal.
    Sealed(Receipt),
    /// It waits for the sequencer.
    Staged(Ticket<DB>),
}

impl<DB: Backend> Journal<DB> {
    /// Begins a transaction that the host's statements and the journal's entries share: immediate
    /// on SQLite, READ COMMITTED on PostgreSQL whatever the role's default.
    ///
    /// # Errors
    ///
    /// [`AppendError::Database`].
    pub async fn begin(&self) -> Result<JournalTx<DB>, AppendError> {
        self.begin_with(Isolation::ReadCommitted).await
    }

    /// Begins such a transaction under another isolation. On PostgreSQL it then commits by
    /// staging, since its snapshot hides where the journal ends, and returns tickets.
    ///
    /// # Errors
    ///
    /// [`AppendError::Database`].
    pub async fn begin_with(&self, isolation: Isolation) -> Result<JournalTx<DB>, AppendError> {
        // On SQLite this is a writer like any other.
        let turn = self.store.turn_alone().await;
        let tx = begin(&self.store.pool, DB::begin(isolation)).await?;
        Ok(JournalTx {
            tx,
            _turn: turn,
            journal: self.clone(),
            events: Vec::new(),
            fresh: BTreeMap::new(),
            isolation,
        })
    }
}

impl<DB: Backend> JournalTx<DB> {
    /// Records an event, to be sealed when the transaction commits. It is checked and made
    /// canonical now.
    ///
    /// # Errors
    ///
    /// [`AppendError::Event`], [`AppendError::Reserved`], [`AppendError::UnknownChain`] and the
    /// like, [`AppendError::TenantMismatch`] where under row-level security the transaction does not
    /// name the chain's tenant, which is for the host to do; the transaction goes on as if the call had not been made.
    pub async fn record(&mut self, chain: &ChainId, event: Event) -> Result<(), AppendError> {
        let store = &self.journal.store;
        store.gate.check()?;
        refuse_reserved(&event)?;
        store.check_entered(&mut self.tx, chain.tenant()).await?;
        store.meet(chain.tenant(), std::slice::from_ref(&event)).await?;
        let fresh = self.fresh.entry(chain.tenant().to_owned()).or_default();
        let mut prepared = Prepared::keeping(event, chain.tenant(), &store.subjects, fresh)?;
        store.chain_id(&mut self.tx, chain).await?;
        store.seal_ahead(chain.tenant(), &mut prepared).await?;
        self.events.push((chain.clone(), prepared));
        Ok(())
    }

    /// Seals what was recorded and commits. Returns what became of each event, in the order in
    /// which they were recorded.
    ///
    /// Deferred constraints of the host are checked before any head is locked. An event that stands
    /// already, the same under the same id, is not written again: its receipt is the first one's.
    ///
    /// # Errors
    ///
    /// Any [`AppendError`] but `QueueFull`; everything was rolled back, the host's statements too.
    /// Where the connection was lost at the very commit, it may have taken place.
    pub async fn commit(mut self) -> Result<Vec<Committed<DB>>, AppendError> {
        if self.events.is_empty() {
            self.tx.commit().await?;
            return Ok(Vec::new());
        }
        self.journal.store.gate.check()?;
        self.check_entered().await?;
        if DB::stages(self.isolation) {
            return self.commit_staged().await;
        }
        let works = self.sort().await?;
        self.commit_sealed(works).await
    }

    /// Takes everything back, the host's statements too.
    ///
    /// # Errors
    ///
    /// [`AppendError::Database`]; the database rolls back by itself then.
    pub async fn rollback(self) -> Result<(), AppendError> {
        Ok(self.tx.rollback().await?)
    }

    /// The host may have named another tenant since the events were recorded.
    async fn check_entered(&mut self) -> Result<(), AppendError> {
        let store = &self.journal.store;
        if store.isolates() {
            let tenants: BTreeSet<&str> = self.events.iter().map(|(c, _)| c.tenant()).collect();
            for tenant in tenants {
                store.check_entered(&mut self.tx, tenant).await?;
            }
        }
        Ok(())
    }

    /// The events by chain, in the order of the chains' ids, with the chains' places taken.
    async fn sort(&mut self) -> Result<Vec<Work>, AppendError> {
        let store = &self.journal.store;
        let mut by_id: BTreeMap<i64, (ChainId, Vec<(usize, Prepared)>)> = BTreeMap::new();
        for (index, (chain, event)) in std::mem::take(&mut self.events).into_iter().enumerate() {
            let id = store.chain_id(&mut self.tx, &chain).await?;
            by_id.entry(id).or_insert_with(|| (chain, Vec::new())).1.push((index, event));
        }
        let mut works = Vec::with_capacity(by_id.len());
        for (id, (chain, events)) in by_id {
            let slot = store.heads.slot(id).await;
            let mut work = Work::of_transaction(Group { id, chain, slot });
            for (index, event) in events {
                work.add(index, event);
            }
            works.push(work);
        }
        Ok(works)
    }

    async fn commit_sealed(
        mut self,
        mut works: Vec<Work>,
    ) -> Result<Vec<Committed<DB>>, AppendError> {
        let journal = self.journal.clone();
        let store = &journal.store;
        let events = works.iter().map(|work| work.events.len()).sum();
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(events);
        outcomes.resize_with(events, || None);
        let mut is_ready = false;
        if let [work] = works.as_mut_slice()
            && work.events.iter().all(|event| !event.named)
            && Store::<DB>::is_plain(&work.group, &work.events)
        {
            let (group, events) = (&mut work.group, &work.events);
            match store.write_plain_if_ready(&mut self.tx, group, events).await? {
                Shared::Written(written) => {
                    self.tx.commit().await?;
                    work.answer(store, written, &mut outcomes);
                    return sealed(outcomes);
                }
                Shared::NotReady => return self.stage_instead(works).await,
                Shared::Moved => is_ready = true,
            }
        }
        if !is_ready && !DB::ready_to_seal(&mut self.tx, &store.schema).await? {
            return self.stage_instead(works).await;
        }
        let mut all = Vec::with_capacity(works.len());
        for work in &mut works {
            let checked = store.write_checked(&mut self.tx, work).await?;
            if let Some(refused) = checked.refused() {
                return Err(refused);
            }
            all.push(checked);
        }
        self.tx.commit().await?;
        for (work, checked) in works.iter_mut().zip(all) {
            work.answer_checked(store, checked, &mut outcomes);
        }
        sealed(outcomes)
    }

    /// The host has raised the isolation after the transaction began.
    async fn stage_instead(mut self, works: Vec<Work>) -> Result<Vec<Committed<DB>>, AppendError> {
        let mut events: Vec<(usize, ChainId, Prepared)> = Vec::new();
        for work in works {
            let Work { group, events: own, jobs } = work;
            let indices = jobs.into_iter().map(|(index, _)| index);
            events.extend(indices.zip(own).map(|(at, event)| (at, group.chain.clone(), event)));
        }
        events.sort_by_key(|(index, ..)| *index);
        self.events = events.into_iter().map(|(_, chain, event)| (chain, event)).collect();
        self.commit_staged().await
    }

    async fn commit_staged(mut self) -> Result<Vec<Committed<DB>>, AppendError> {
        let mut tickets = Vec::with_capacity(self.events.len());
        for (chain, event) in std::mem::take(&mut self.events) {
            tickets.push(self.journal.stage_prepared(&mut self.tx, &chain, event).await?);
        }
        self.tx.commit().await?;
        self.journal.store.sequencer.poke();
        Ok(tickets.into_iter().map(Committed::Staged).collect())
    }
}

fn sealed<DB: Backend>(outcomes: Vec<Option<Outcome>>) -> Result<Vec<Committed<DB>>, AppendError> {
    let mut all = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        let receipts = outcome.unwrap_or(Err(AppendError::Closed))?;
        all.extend(receipts.into_iter().map(Committed::Sealed));
    }
    Ok(all)
}

impl<DB: Backend> Deref for JournalTx<DB> {
    type Target = Transaction<'static, DB>;

    fn deref(&self) -> &Self::Target {
        &self.tx
    }
}

impl<DB: Backend> DerefMut for JournalTx<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.tx
    }
}

impl<DB: Backend> fmt::Debug for JournalTx<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalTx")
            .field("events", &self.events.len())
            .field("isolation", &self.isolation)
            .finish_non_exhaustive()
    }
}
