//! Creating chains.

use audit_core::{Actor, ChainId, Reserved};
use sqlx::Transaction;

use crate::append::head::Head;
use crate::append::write::{Group, Written};
use crate::append::{AppendError, Receipt, duplicate};
use crate::backend::Backend;
use crate::journal::{Journal, Store};
use crate::publish::never_published;
use crate::subject::Prepared;

impl<DB: Backend> Journal<DB> {
    /// Makes a chain and seals `journal.opened` as its first entry, in one transaction. Where the
    /// chain is there already, returns that entry's receipt.
    ///
    /// A chain that a sink has a checkpoint of is not made anew: the journal has lost it.
    ///
    /// # Errors
    ///
    /// [`AppendError::Database`], [`AppendError::History`]; nothing was written.
    pub async fn create_chain(&self, chain: &ChainId) -> Result<Receipt, AppendError> {
        self.store.gate.check()?;
        never_published(&self.store, chain).await?;
        self.store.make_chain(chain).await
    }
}

impl<DB: Backend> Store<DB> {
    /// Makes a chain, whatever is known of it outside.
    pub(crate) async fn make_chain(&self, chain: &ChainId) -> Result<Receipt, AppendError> {
        let _turn = self.turn().await;
        let mut tx = self.begin_write_for(chain.tenant()).await?;
        // Not while a key is added or retired, or somebody of the tenant is being erased.
        DB::lock_keys(&mut tx, &self.schema, true).await?;
        DB::lock_tenant(&mut tx, &self.schema, chain.tenant()).await?;
        let now = self.options.clock.now();
        let inserted = DB::insert_chain(&mut tx, &self.schema, chain, now.as_micros()).await?;
        let Some(id) = inserted else {
            let id = self.chain_id(&mut tx, chain).await?;
            let receipt = duplicate::receipt_at::<DB>(&mut tx, &self.schema, (id, chain), 0);
            return receipt.await?.ok_or(AppendError::Corrupt { what: "the first entry" });
        };
        let mut group = Group { id, chain: chain.clone(), slot: self.heads.slot(id).await };
        let row = DB::lock_head(&mut tx, &self.schema, id)
            .await?
            .ok_or_else(|| AppendError::UnknownChain { chain: chain.clone() })?;
        let mut opened = self.opened()?;
        let events = &mut [&mut opened];
        let written = self.write_locked(&mut tx, &group, Head::read(&row)?, events).await?;
        let written = self.first_entries(&mut tx, &group, written).await?;
        tx.commit().await?;
        self.heads.remember(chain, id);
        group.committed(self, written).into_iter().next().ok_or(AppendError::Closed)
    }

    /// Seals what holds for all chains of a tenant and so for one that has just been made, too.
    async fn first_entries(
        &self,
        tx: &mut Transaction<'_, DB>,
        group: &Group,
        written: Written,
    ) -> Result<Written, AppendError> {
        let written = self.begin_keys(tx, group, written).await?;
        let written = self.begin_schedule(tx, group, written).await?;
        self.repeat_holds(tx, group, written).await
    }

    fn opened(&self) -> Result<Prepared, AppendError> {
        let (key, name) = (self.key.clone(), self.options.name.clone());
        own(&Reserved::Opened { key, name })
    }
}

/// An event that only the journal itself records.
pub(crate) fn own(reserved: &Reserved) -> Result<Prepared, AppendError> {
    own_by(reserved, Actor::system("audit-store"))
}

/// An event that only the journal itself records, on somebody's behalf.
pub(crate) fn own_by(reserved: &Reserved, actor: Actor) -> Result<Prepared, AppendError> {
    Ok(Prepared::canonical(reserved.event(actor)?.canonicalize(|_| None)?))
}
