//! The query index: what each entry can be found by, posted segment by segment, derived from the
//! entries' bytes and nothing else.

pub(crate) mod check;
mod handed;
pub(crate) mod poster;
pub(crate) mod posting;
pub(crate) mod prune;
mod scan;
pub(crate) mod segment;
pub(crate) mod task;
pub(crate) mod terms;

use audit_core::ChainId;

use crate::backend::Backend;
use crate::backend::index::ChainState;
use crate::index::poster::{PostError, post_chain};
use crate::journal::Journal;

impl<DB: Backend> Journal<DB> {
    /// Posts to the query index whatever full runs of 256 entries are not posted yet, in every
    /// chain. Returns how many entries were posted.
    ///
    /// Queries find an entry whether it is posted or not; posting keeps them fast. An open journal
    /// does it in the background, while it is appended to and once it is quiet; after a large
    /// import this waits until it is done.
    ///
    /// # Errors
    ///
    /// [`PostError`]; what was posted before stays, the rest is done by the next call.
    pub async fn post_index(&self) -> Result<u64, PostError> {
        task::post_all(&self.store).await
    }

    /// Drops the query index of one chain and makes it anew from the entries, for an index that
    /// verification found to be wrong. Queries are right meanwhile, but slow.
    ///
    /// # Errors
    ///
    /// [`PostError`]; the index is then posted in part, and any later call goes on.
    pub async fn rebuild_index(&self, chain: &ChainId) -> Result<u64, PostError> {
        let mut tx = self.store.begin_write_for(chain.tenant()).await?;
        let Some(state) = DB::chain_state(&mut tx, &self.store.schema, chain).await? else {
            return Ok(0);
        };
        if !DB::move_posted(&mut tx, &self.store.schema, state.id, state.posted, 0).await? {
            return Ok(0);
        }
        for level in 0..segment::LEVELS {
            DB::delete_pages(&mut tx, &self.store.schema, state.id, level, 0..u64::MAX).await?;
        }
        let empty = ChainState {
            posted: DB::chain_state(&mut tx, &self.store.schema, chain)
                .await?
                .map_or(state.posted, |now| now.posted),
            ..state
        };
        tx.commit().await?;
        post_chain(&self.store, Some(chain.tenant()), empty, &mut handed::Handed::default()).await
    }
}
