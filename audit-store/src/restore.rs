//! Declaring that history was lost, so that the journal may go on.

use audit_core::{Actor, ChainId, Reserved, SignedCheckpoint, TreeHead};

use crate::append::chain::own_by;
use crate::append::write::Group;
use crate::append::{AppendError, Receipt};
use crate::backend::Backend;
use crate::backend::rows::ChainRow;
use crate::erasure::ErasureError;
use crate::journal::{Journal, Store};
use crate::publish::{CheckpointPlace, HistoryError, compare, origin, published, verify_open};

/// How often a chain may have moved while what was lost of it was looked up.
const ATTEMPTS: u32 = 32;

/// A loss that was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeclaredLoss {
    /// The incarnation that begins with it.
    pub incarnation: u64,
    /// From this seq on, history may be other than it was.
    pub lost_from: u64,
    /// The newest state of the lost history that is known outside.
    pub known: TreeHead,
    /// The `journal.restored` entry.
    pub receipt: Receipt,
}

/// A loss was not declared, or not everything that follows from it was done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The entry that says so could not be appended. What was declared before stays.
    #[error("the loss cannot be recorded")]
    Append(#[from] AppendError),
    /// Somebody who opened the journal without its sinks keeps appending to the chain. Stop them, and
    /// declare again. What was declared before stays.
    #[error("others keep appending to {chain} meanwhile")]
    Contended {
        /// The chain.
        chain: ChainId,
    },
    /// Losses are declared, but somebody whom the ledger names could not be erased again. Private
    /// fields stay closed; [`Journal::replay_erasures`] tries again.
    #[error("who was erased since the backup could not be erased again")]
    Erasure(#[from] ErasureError),
    /// What is known outside could not be compared with the journal.
    #[error("what was lost cannot be found out")]
    History(#[from] HistoryError),
    /// The journal goes on from everything that is known outside.
    #[error("nothing was lost")]
    NothingLost,
}

impl From<sqlx::Error> for RestoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::History(HistoryError::Database(error.into()))
    }
}

impl<DB: Backend> Journal<DB> {
    /// Declares, for every chain that does not go on from the newest checkpoint of its sinks, that
    /// history was lost: made for a journal that was restored from a backup, and refuses to append
    /// for that reason. Each such chain gets an entry `journal.restored` that says what is known of
    /// the lost history, and begins a new incarnation with it, which is signed under another origin.
    /// Then whoever was erased since the backup is erased again, as the ledger of the options has it.
    ///
    /// The loss stays a finding of every verification, unless the auditor accepts it by its number.
    /// A chain that is not in the backup at all is declared with
    /// [`declare_lost_chain`](Self::declare_lost_chain).
    ///
    /// # Errors
    ///
    /// Any [`RestoreError`].
    pub async fn declare_restored(&self, actor: Actor) -> Result<Vec<DeclaredLoss>, RestoreError> {
        let store = &self.store;
        let mut declared = Vec::new();
        for (_, chain) in store.all_chains().await? {
            declared.extend(store.declare(&chain, &actor).await?);
        }
        if declared.is_empty() {
            return Err(RestoreError::NothingLost);
        }
        store.after_declaring().await?;
        Ok(declared)
    }

    /// Makes a chain anew that a sink knows and the journal does not: as
    /// [`create_chain`](Self::create_chain) does, and with the loss declared.
    ///
    /// # Errors
    ///
    /// Any [`RestoreError`].
    pub async fn declare_lost_chain(
        &self,
        chain: &ChainId,
        actor: Actor,
    ) -> Result<Vec<DeclaredLoss>, RestoreError> {
        let store = &self.store;
        let first = origin(store, chain, 1)?;
        if published(store, &first).await?.is_empty() {
            return Err(RestoreError::NothingLost);
        }
        store.make_chain(chain).await?;
        let declared = store.declare(chain, &actor).await?;
        if declared.is_empty() {
            return Err(RestoreError::NothingLost);
        }
        store.after_declaring().await?;
        Ok(declared)
    }
}

impl<DB: Backend> Store<DB> {
    /// Opens the gate where nothing is amiss any more, and erases again.
    async fn after_declaring(&self) -> Result<(), RestoreError> {
        verify_open(self).await;
        if self.gate.check().is_ok() {
            self.replay(true).await?;
        }
        Ok(())
    }

    /// Declares what is lost of one chain; more than once where an earlier declaration was lost, too.
    async fn declare(
        &self,
        chain: &ChainId,
        actor: &Actor,
    ) -> Result<Vec<DeclaredLoss>, RestoreError> {
        let (mut declared, mut attempts) = (Vec::new(), 0_u32);
        while let Some((row, known)) = self.lost(chain).await? {
            let lost_from = self.common(&row, chain, &known).await?;
            match self.begin_incarnation(chain, &row, &known, lost_from, actor).await? {
                Some(loss) => {
                    declared.push(loss);
                    attempts = 0;
                }
                None if attempts >= ATTEMPTS => {
                    return Err(RestoreError::Contended { chain: chain.clone() });
                }
                None => attempts = attempts.saturating_add(1),
            }
        }
        Ok(declared)
    }

    /// The newest outside checkpoint that the chain does not go on from, and the chain as it is.
    async fn lost(
        &self,
        chain: &ChainId,
    ) -> Result<Option<(ChainRow, SignedCheckpoint)>, RestoreError> {
        let mut conn = self.read(chain.tenant()).await?;
        let Some(row) = DB::chain_row(&mut conn, &self.schema, chain).await? else {
            return Ok(None);
        };
        drop(conn);
        let mut newest: Option<SignedCheckpoint> = None;
        // One of the next incarnation tells that an earlier declaration was lost.
        for incarnation in [row.incarnation.saturating_add(1), row.incarnation] {
            let origin = origin(self, chain, incarnation)?;
            for (place, known) in published(self, &origin).await? {
                let here = incarnation == row.incarnation;
                if here && self.goes_on_from(chain, &row, &place, &known).await? {
                    continue;
                }
                let size = known.checkpoint().head.size;
                if newest.as_ref().is_none_or(|newest| newest.checkpoint().head.size < size) {
                    newest = Some(known);
                }
            }
            if newest.is_some() {
                break;
            }
        }
        Ok(newest.map(|known| (row, known)))
    }

    async fn goes_on_from(
        &self,
        chain: &ChainId,
        row: &ChainRow,
        place: &CheckpointPlace,
        known: &SignedCheckpoint,
    ) -> Result<bool, RestoreError> {
        let mut tx = self.begin_snapshot(chain.tenant()).await?;
        match compare(self, &mut tx, (chain, row), place, known).await {
            Ok(()) => Ok(true),
            Err(HistoryError::RolledBack { .. } | HistoryError::Forked { .. }) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// Up to where the chain is surely what it was: the newest of its own checkpoints that a sink
    /// has, too. Where no sink can be asked for that: of a chain that is too short the newest of its
    /// own, since no two histories are signed under one origin; of one that differs, nothing.
    async fn common(
        &self,
        row: &ChainRow,
        chain: &ChainId,
        known: &SignedCheckpoint,
    ) -> Result<u64, RestoreError> {
        let own = self.own_sizes(row, chain).await?;
        let below = known.checkpoint().head.size;
        let origin = origin(self, chain, row.incarnation)?;
        let mut answered = false;
        for (size, note) in own.iter().rev().filter(|(size, _)| *size <= below) {
            for sink in &self.options.sinks {
                let Ok(Some(outside)) = sink.at(&origin, *size).await else { continue };
                answered = true;
                let agrees = SignedCheckpoint::parse(&outside)
                    .is_ok_and(|outside| *outside.checkpoint() == *note.checkpoint());
                if agrees {
                    return Ok(*size);
                }
            }
        }
        let too_short = u64::try_from(row.size).is_ok_and(|size| size < below);
        let newest = own.iter().map(|(size, _)| *size).rfind(|size| *size <= below);
        Ok(if too_short && !answered { newest.unwrap_or(0) } else { 0 })
    }

    /// The checkpoints of the chain's present incarnation that are stored, by size.
    async fn own_sizes(
        &self,
        row: &ChainRow,
        chain: &ChainId,
    ) -> Result<Vec<(u64, SignedCheckpoint)>, RestoreError> {
        const PAGE: i64 = 256;
        let mut own = Vec::new();
        let mut above = (row.incarnation, -1);
        let upto = (row.incarnation, i64::MAX);
        let mut conn = self.read(chain.tenant()).await?;
        loop {
            let page =
                DB::checkpoint_rows(&mut conn, &self.schema, row.id, above, upto, PAGE).await?;
            let Some(last) = page.last() else { return Ok(own) };
            above = (last.incarnation, last.size);
            for stored in page {
                if let (Ok(size), Ok(note)) =
                    (u64::try_from(stored.size), SignedCheckpoint::parse(&stored.note))
                {
                    own.push((size, note));
                }
            }
        }
    }

    /// Seals the entry, and begins the incarnation in the same transaction. Nothing where the chain
    /// has moved meanwhile.
    async fn begin_incarnation(
        &self,
        chain: &ChainId,
        row: &ChainRow,
        known: &SignedCheckpoint,
        lost_from: u64,
        actor: &Actor,
    ) -> Result<Option<DeclaredLoss>, RestoreError> {
        let known = known.checkpoint().head;
        let incarnation = u64::try_from(row.incarnation).unwrap_or(0).saturating_add(1);
        let entry =
            Reserved::Restored { incarnation, lost_from, root: known.root, size: known.size };
        let mut entry = own_by(&entry, actor.clone())?;
        let _turn = self.turn_alone().await;
        let mut tx = self.begin_write_for(chain.tenant()).await?;
        let slot = self.heads.slot(row.id).await;
        let mut group = Group { id: row.id, chain: chain.clone(), slot };
        let head = self.locked_head(&mut tx, &mut group).await?;
        let now = DB::chain_row(&mut tx, &self.schema, chain).await?;
        if now.is_none_or(|now| (now.size, now.incarnation) != (row.size, row.incarnation)) {
            return Ok(None);
        }
        let written = self.write_locked(&mut tx, &group, head, &mut [&mut entry]).await?;
        DB::begin_incarnation(&mut tx, &self.schema, row.id).await?;
        tx.commit().await?;
        let receipt = group.committed(self, written).into_iter().next();
        let receipt = receipt.ok_or(AppendError::Corrupt { what: "the head of a chain" })?;
        Ok(Some(DeclaredLoss { incarnation, lost_from, known, receipt }))
    }
}
