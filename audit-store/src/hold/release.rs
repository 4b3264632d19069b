//! Releasing a legal hold, and finishing what it had put off.

use audit_core::{Actor, ChainId, Reserved};

use crate::append::chain::own_by;
use crate::append::write::{Group, Written};
use crate::append::{AppendError, Receipt};
use crate::backend::Backend;
use crate::hold::HoldError;
use crate::journal::Journal;

impl<DB: Backend> Journal<DB> {
    /// Releases a legal hold on all chains of the tenant, in one transaction. Private fields of
    /// people who were erased meanwhile, and which no other hold keeps, go with it; each chain
    /// records that by a further entry. Returns the entries, of both kinds.
    ///
    /// # Errors
    ///
    /// [`HoldError::NotInForce`], [`HoldError::Append`].
    pub async fn release_hold(
        &self,
        tenant: &str,
        hold: &str,
        actor: Actor,
    ) -> Result<Vec<Receipt>, HoldError> {
        let store = &self.store;
        self.sequence().await?;
        let released = Reserved::HoldReleased { hold: hold.to_owned() };
        let turn = store.turn_alone().await;
        let mut tx = store.begin_write_for(tenant).await?;
        DB::lock_tenant(&mut tx, &store.schema, tenant).await?;
        let mut all = Vec::new();
        for (id, series) in DB::chains_of(&mut tx, &store.schema, tenant).await? {
            let chain = ChainId::new(tenant, &series)
                .map_err(|_| AppendError::Corrupt { what: "a chain's name" })?;
            let mut group = Group { id, chain, slot: store.heads.slot(id).await };
            let head = store.locked_head(&mut tx, &mut group).await?;
            let holds = store.holds_on(&mut tx, id).await?;
            if !holds.has(hold) {
                *group.slot = Some(head);
                continue;
            }
            let mut entry = own_by(&released, actor.clone())?;
            let before = Written::nothing(head);
            let written = store.write_more(&mut tx, &group, before, &mut [&mut entry]).await?;
            DB::delete_hold(&mut tx, &store.schema, id, hold).await?;
            let written = store.finish_deferred(&mut tx, &group, written, &actor).await?;
            all.push((group, written));
        }
        if all.is_empty() {
            return Err(HoldError::NotInForce);
        }
        tx.commit().await?;
        let receipts: Vec<Receipt> =
            all.into_iter().flat_map(|(mut group, w)| group.committed(store, w)).collect();
        drop(turn);
        // What fails here is done by the next round of maintenance.
        let _tried_again = store.destroy_condemned(Some(tenant)).await;
        let _pending = self.wipe_log().await;
        Ok(receipts)
    }
}
