//! Comparing the journal with what is known of it outside, and refusing to append where they do not
//! go together.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use audit_core::{ChainId, SignedCheckpoint};
use futures_util::{StreamExt as _, stream};

use crate::backend::Backend;
use crate::backend::rows::ChainRow;
use crate::checkpoint::chain_ids;
use crate::journal::{Journal, Store};

use super::error::{CheckpointPlace, HistoryError};
use super::history::{compare, origin, published};
use crate::witness::probe_all;

/// How many sinks are asked at a time when a journal is opened.
const ASKED_AT_ONCE: usize = 16;

/// Whether the journal may append, and why not.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    closed: AtomicBool,
    why: RwLock<Option<HistoryError>>,
    /// Whether somebody who was erased may still be there.
    owing: AtomicBool,
}

impl Gate {
    /// Called before every append; free where the gate is open.
    pub(crate) fn check(&self) -> Result<(), HistoryError> {
        if !self.closed.load(Ordering::Acquire) {
            return Ok(());
        }
        match &*self.why.read().unwrap_or_else(PoisonError::into_inner) {
            Some(why) => Err(why.clone()),
            None => Ok(()),
        }
    }

    fn set(&self, why: Option<HistoryError>) {
        let closed = why.is_some();
        *self.why.write().unwrap_or_else(PoisonError::into_inner) = why;
        self.closed.store(closed, Ordering::Release);
    }

    /// Keeps private fields closed until everybody is erased again whom a backup has brought back.
    pub(crate) fn owe_erasures(&self) {
        self.owing.store(true, Ordering::Release);
    }

    pub(crate) fn erasures_are_done(&self) {
        self.owing.store(false, Ordering::Release);
    }

    /// Whether private fields must not be shown.
    pub(crate) fn owes_erasures(&self) -> bool {
        self.owing.load(Ordering::Acquire)
    }

    /// Closes it where an error shows that the history is not the one that was signed.
    pub(crate) fn note(&self, error: &HistoryError) {
        let own = matches!(error, HistoryError::Forked { .. } | HistoryError::RolledBack { .. });
        if own || by_a_witness(error) {
            self.set(Some(error.clone()));
        }
    }

    /// What a witness has said against the journal. Sinks are asked again at every signing, a
    /// witness only with the next checkpoint, which must not come to be.
    pub(crate) fn check_witnesses(&self) -> Result<(), HistoryError> {
        match self.check() {
            Err(error) if by_a_witness(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

const fn by_a_witness(error: &HistoryError) -> bool {
    matches!(error, HistoryError::Disputed { .. } | HistoryError::WitnessAhead { .. })
}

impl<DB: Backend> Journal<DB> {
    /// Why the journal refuses to append, `None` where it does not.
    #[must_use]
    pub fn suspension(&self) -> Option<HistoryError> {
        self.store.gate.check().err()
    }

    /// Compares every chain once more with the newest checkpoint of every sink, and asks every
    /// witness, as opening the journal did, and lets it append, or refuses that, accordingly. Made for the time after a
    /// sink could not be reached.
    ///
    /// # Errors
    ///
    /// [`HistoryError`], the first that was found; [`suspension`](Self::suspension) returns it from
    /// then on.
    pub async fn compare_with_sinks(&self) -> Result<(), HistoryError> {
        verify_open(&self.store).await;
        self.store.gate.check()
    }
}

/// Compares all chains with all sinks and sets the gate.
pub(crate) async fn verify_open<DB: Backend>(store: &Store<DB>) {
    let compared = match compare_all(store).await {
        Ok(()) => probe_all(store).await,
        different => different,
    };
    store.gate.set(compared.err());
}

async fn compare_all<DB: Backend>(store: &Store<DB>) -> Result<(), HistoryError> {
    if store.options.sinks.is_empty() {
        return Ok(());
    }
    for round in store.rounds().await? {
        compare_round(store, round.as_deref()).await?;
    }
    Ok(())
}

async fn compare_round<DB: Backend>(
    store: &Store<DB>,
    round: Option<&str>,
) -> Result<(), HistoryError> {
    let mut after = 0;
    loop {
        let mut conn = store.read_in(round).await?;
        let rows = DB::chains_after(&mut conn, &store.schema, after).await?;
        drop(conn);
        let Some((last, _, _)) = rows.last() else { return Ok(()) };
        after = *last;
        let chains = chain_ids(store, rows);
        let mut checks = stream::iter(chains)
            .map(|chain| async move { compare_chain(store, &chain).await })
            .buffer_unordered(ASKED_AT_ONCE);
        while let Some(checked) = checks.next().await {
            checked?;
        }
    }
}

async fn compare_chain<DB: Backend>(
    store: &Store<DB>,
    chain: &ChainId,
) -> Result<(), HistoryError> {
    let mut conn = store.read(chain.tenant()).await?;
    let Some(row) = DB::chain_row(&mut conn, &store.schema, chain).await? else { return Ok(()) };
    drop(conn);
    let known = published(store, &origin(store, chain, row.incarnation)?).await?;
    // A loss that was declared, and whose declaration was lost with another one.
    let next = origin(store, chain, row.incarnation.saturating_add(1))?;
    if let Some((place, later)) = published(store, &next).await?.into_iter().next() {
        return rolled_back(chain, &row, place, later);
    }
    let mut tx = store.begin_snapshot(chain.tenant()).await?;
    // Read again: the chain may have grown while the sinks were asked.
    if let Some(row) = DB::chain_row(&mut tx, &store.schema, chain).await? {
        for (place, signed) in &known {
            compare(store, &mut tx, (chain, &row), place, signed).await?;
        }
    }
    Ok(tx.rollback().await?)
}

/// There is a later incarnation outside.
fn rolled_back(
    chain: &ChainId,
    row: &ChainRow,
    place: CheckpointPlace,
    known: SignedCheckpoint,
) -> Result<(), HistoryError> {
    let (chain, known) = (chain.clone(), Box::new(known));
    match row.compact_range() {
        Ok(range) => Err(HistoryError::RolledBack { chain, place, head: range.head(), known }),
        Err(source) => Err(HistoryError::Damaged { chain, place, source }),
    }
}
