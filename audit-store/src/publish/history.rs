//! Does the journal continue what was signed of it?

use std::sync::Arc;

use audit_core::{ChainId, CheckpointError, Origin, SignedCheckpoint, TreeHead};

use crate::backend::Backend;
use crate::backend::rows::ChainRow;
use crate::journal::Store;
use crate::keys::KnownKey;
use crate::proof::head_at;

use super::error::{CheckpointPlace, HistoryError};
use super::sink::{CheckpointSink, Newest, SinkError};

/// The newest checkpoint of each sink that has one, signatures checked.
pub(crate) async fn published<DB: Backend>(
    store: &Store<DB>,
    origin: &Origin,
) -> Result<Vec<(CheckpointPlace, SignedCheckpoint)>, HistoryError> {
    let mut known = Vec::new();
    if store.options.sinks.is_empty() {
        return Ok(known);
    }
    let keys = store.known_keys().await?;
    for sink in &store.options.sinks {
        let place = CheckpointPlace::Sink(sink.name().to_owned());
        match sink.newest(origin).await {
            Ok(Newest::Checkpoint(note)) => {
                let signed = trusted(&keys, origin, place.clone(), note)?;
                known.push((place, signed));
            }
            Ok(Newest::Nothing | Newest::WriteOnly) => {}
            Err(_) if store.options.unverified_open_allowed => {}
            Err(source) => return Err(unreachable(&**sink, source)),
        }
    }
    Ok(known)
}

/// A chain that is about to be made must be new outside as well: one that was published and is not
/// here was deleted, or a backup from before it was restored.
pub(crate) async fn never_published<DB: Backend>(
    store: &Store<DB>,
    chain: &ChainId,
) -> Result<(), HistoryError> {
    let stored = || async {
        let mut conn = store.read(chain.tenant()).await?;
        DB::chain_row(&mut conn, &store.schema, chain).await
    };
    if store.options.sinks.is_empty() || stored().await?.is_some() {
        return Ok(());
    }
    let known = published(store, &origin(store, chain, 1)?).await?;
    match known.into_iter().next() {
        // Asked again: another process may just have made it, and published it after that.
        Some((place, known)) if stored().await?.is_none() => Err(HistoryError::RolledBack {
            chain: chain.clone(),
            place,
            head: TreeHead::EMPTY,
            known: Box::new(known),
        }),
        _ => Ok(()),
    }
}

fn unreachable(sink: &dyn CheckpointSink, source: SinkError) -> HistoryError {
    HistoryError::Unreachable { sink: sink.name().to_owned(), source: Arc::new(source) }
}

/// A note as a checkpoint of this origin, signed by one of the journal's keys: by one that was
/// retired, too, for what it signed before then.
pub(crate) fn trusted(
    keys: &[KnownKey],
    origin: &Origin,
    place: CheckpointPlace,
    note: String,
) -> Result<SignedCheckpoint, HistoryError> {
    let untrusted = |source| HistoryError::Untrusted {
        chain: origin.chain().clone(),
        place: place.clone(),
        note: note.clone(),
        source,
    };
    let signed = SignedCheckpoint::parse(&note).map_err(untrusted)?;
    let mut refused = CheckpointError::Key;
    for known in keys {
        match signed.verify(&known.key) {
            Ok(checkpoint) if checkpoint.origin == *origin => return Ok(signed),
            Ok(_) => {}
            Err(error) => refused = error,
        }
    }
    Err(untrusted(refused))
}

/// Compares a chain with one checkpoint of its incarnation: it must be a continuation of it.
pub(crate) async fn compare<DB: Backend>(
    store: &Store<DB>,
    conn: &mut DB::Connection,
    (chain, row): (&ChainId, &ChainRow),
    place: &CheckpointPlace,
    known: &SignedCheckpoint,
) -> Result<(), HistoryError> {
    let damaged =
        |source| HistoryError::Damaged { chain: chain.clone(), place: place.clone(), source };
    let range = row.compact_range().map_err(damaged)?;
    let old = known.checkpoint().head;
    let (chain, place, head) = (chain.clone(), place.clone(), range.head());
    if old.size > head.size {
        return Err(HistoryError::RolledBack {
            chain,
            place,
            head,
            known: Box::new(known.clone()),
        });
    }
    let continues =
        head_at::<DB>(conn, &store.schema, row.id, &range, &old).await.map_err(|source| {
            HistoryError::Damaged { chain: chain.clone(), place: place.clone(), source }
        })?;
    if continues {
        Ok(())
    } else {
        Err(HistoryError::Forked { chain, place, head, known: Box::new(known.clone()) })
    }
}

/// The origin of a chain's incarnation.
pub(crate) fn origin<DB: Backend>(
    store: &Store<DB>,
    chain: &ChainId,
    incarnation: i64,
) -> Result<Origin, HistoryError> {
    let number = u64::try_from(incarnation).unwrap_or(0);
    Origin::new(store.options.name.clone(), chain.clone(), number)
        .map_err(|source| HistoryError::Incarnation { chain: chain.clone(), source })
}
