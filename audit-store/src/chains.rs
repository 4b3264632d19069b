//! Which chains there are.

use std::collections::BTreeSet;

use audit_core::ChainId;

use crate::append::AppendError;
use crate::backend::Backend;
use crate::journal::{Journal, Store};

impl<DB: Backend> Journal<DB> {
    /// The chains there are, in the order of their making; of a handle that is for one tenant, that
    /// tenant's.
    ///
    /// # Errors
    ///
    /// [`AppendError::Database`], [`AppendError::Corrupt`].
    pub async fn chains(&self) -> Result<Vec<ChainId>, AppendError> {
        Ok(self.store.all_chains().await?.into_iter().map(|(_, chain)| chain).collect())
    }
}

impl<DB: Backend> Store<DB> {
    /// The chains of all tenants, or of the one that the handle is for, in the order of their ids.
    pub(crate) async fn all_chains(&self) -> Result<Vec<(i64, ChainId)>, AppendError> {
        let corrupt = |_| AppendError::Corrupt { what: "a chain's name" };
        let mut all = Vec::new();
        for round in self.rounds().await? {
            let mut after = 0;
            loop {
                let mut conn = self.read_in(round.as_deref()).await?;
                let chains = DB::chains_after(&mut conn, &self.schema, after).await?;
                let Some((last, ..)) = chains.last() else { break };
                after = *last;
                for (id, tenant, series) in chains {
                    if self.admit(&tenant).is_ok() {
                        all.push((id, ChainId::new(&tenant, &series).map_err(corrupt)?));
                    }
                }
            }
        }
        all.sort_unstable_by_key(|(id, _)| *id);
        Ok(all)
    }

    /// The tenants that have chains, or the one that the handle is for.
    pub(crate) async fn tenants(&self) -> Result<BTreeSet<String>, AppendError> {
        let chains = self.all_chains().await?;
        Ok(chains.into_iter().map(|(_, chain)| chain.tenant().to_owned()).collect())
    }
}
