//! Asking witnesses whether they know more of the journal than the journal itself.

use audit_core::{AddCheckpoint, ChainId, ConsistencyProof, LogCheckpoint, SignedCheckpoint};
use futures_util::{StreamExt as _, stream};

use super::{CheckpointWitness, WitnessAnswer, WitnessError};
use crate::backend::{Backend, integer};
use crate::checkpoint::chain_ids;
use crate::journal::Store;
use crate::publish::HistoryError;

/// How many chains a witness is asked about at a time.
const ASKED_AT_ONCE: usize = 16;

/// Asks every witness about every chain. One that cannot be reached, or answers nonsense, stops
/// nothing: it is asked again with the next checkpoint.
pub(crate) async fn probe_all<DB: Backend>(store: &Store<DB>) -> Result<(), HistoryError> {
    let mut silent = vec![false; store.options.witnesses.len()];
    if silent.is_empty() || store.options.read_only {
        return Ok(());
    }
    for round in store.rounds().await? {
        let mut after = 0;
        loop {
            let mut conn = store.read_in(round.as_deref()).await?;
            let rows = DB::chains_after(&mut conn, &store.schema, after).await?;
            drop(conn);
            let Some((last, _, _)) = rows.last() else { break };
            after = *last;
            let chains = chain_ids(store, rows);
            for (witness, silent) in store.options.witnesses.iter().zip(&mut silent) {
                probe_chains(store, &**witness, &chains, silent).await?;
            }
        }
    }
    Ok(())
}

async fn probe_chains<DB: Backend>(
    store: &Store<DB>,
    witness: &dyn CheckpointWitness,
    chains: &[ChainId],
    silent: &mut bool,
) -> Result<(), HistoryError> {
    // The first one alone: if the witness is silent, nothing is waited for but that.
    let (first, others) = chains.split_at(std::cmp::min(1, chains.len()));
    for part in [first, others] {
        if *silent {
            return Ok(());
        }
        let mut asked = stream::iter(part.to_vec())
            .map(|chain| async move { probe(store, witness, &chain).await })
            .buffer_unordered(ASKED_AT_ONCE);
        while let Some(answered) = asked.next().await {
            *silent |= !answered?;
            if *silent {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Sends the newest stored checkpoint as if the witness had it already: that moves the witness
/// nowhere. Whether it answered.
async fn probe<DB: Backend>(
    store: &Store<DB>,
    witness: &dyn CheckpointWitness,
    chain: &ChainId,
) -> Result<bool, HistoryError> {
    let mut conn = store.read(chain.tenant()).await?;
    let Some(row) = DB::chain_row(&mut conn, &store.schema, chain).await? else { return Ok(true) };
    let newest = DB::newest_checkpoint(&mut conn, &store.schema, row.id, row.incarnation).await?;
    drop(conn);
    let Some(newest) = newest else { return Ok(true) };
    let Ok(signed) = SignedCheckpoint::parse(&newest.note) else { return Ok(true) };
    let empty = ConsistencyProof::from_hashes(Vec::new());
    let size = signed.checkpoint().head.size;
    let request =
        empty.ok().and_then(|p| AddCheckpoint::new(size, p, LogCheckpoint::from(&signed)).ok());
    let Some(request) = request else { return Ok(true) };
    match witness.add_checkpoint(&request).await {
        Ok(WitnessAnswer::Conflict(known)) if integer(known) > newest.size => {
            // Asked again: another process may just have signed and sent a later one.
            let mut conn = store.read(chain.tenant()).await?;
            let again =
                DB::newest_checkpoint(&mut conn, &store.schema, row.id, row.incarnation).await?;
            drop(conn);
            if again.is_some_and(|again| again.size >= integer(known)) {
                return Ok(true);
            }
            let head = row.compact_range().map(|range| range.head());
            Err(HistoryError::WitnessAhead {
                chain: chain.clone(),
                witness: witness.verifier().name().to_owned(),
                known,
                head: head.unwrap_or(audit_core::TreeHead::EMPTY),
            })
        }
        Err(WitnessError::TimedOut | WitnessError::Unreachable(_)) => Ok(false),
        _ => Ok(true),
    }
}
