//! Collecting cosignatures: every checkpoint that needs some, in order, from every witness.

use audit_core::{ChainId, Cosignature, SignedCheckpoint};

use super::submit::{Failed, Submission, Submitted};
use super::{CheckpointWitness, WitnessError, sink_name};
use crate::backend::Backend;
use crate::backend::proof::PublishedUpTo;
use crate::backend::rows::{CHECKPOINT_PAGE, CheckpointRow, LAST_CHECKPOINT};
use crate::error::DatabaseError;
use crate::journal::Store;

/// What became of a chain's checkpoints at one witness.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// How many it cosigned.
    pub(crate) cosigned: u64,
    /// The first that it did not cosign, by its size, and why not.
    pub(crate) failure: Option<(u64, WitnessError)>,
}

/// Asks a witness for the cosignatures of a chain's checkpoints that are needed: those that the
/// sinks wait for, and always the newest.
pub(crate) async fn collect<DB: Backend>(
    store: &Store<DB>,
    chain: &ChainId,
    witness: &dyn CheckpointWitness,
) -> Result<Collected, DatabaseError> {
    let (schema, name) = (&store.schema, sink_name(witness.verifier()));
    let mut collected = Collected::default();
    let mut conn = store.read(chain.tenant()).await?;
    let Some(row) = DB::chain_row(&mut conn, schema, chain).await? else { return Ok(collected) };
    let newest = DB::newest_checkpoint(&mut conn, schema, row.id, row.incarnation).await?;
    let Some(newest) = newest else { return Ok(collected) };
    let before = DB::published(&mut conn, schema, row.id, &name).await?;
    let mut published = None;
    for sink in &store.options.sinks {
        let upto = DB::published(&mut conn, schema, row.id, sink.name()).await?;
        let upto = upto.map_or((0, -1), |upto| (upto.incarnation, upto.size));
        published = Some(std::cmp::min(published.unwrap_or(upto), upto));
    }
    drop(conn);
    let mut upto = before.unwrap_or(PublishedUpTo::NOTHING);
    // Histories that were given up are no business of a witness of this one.
    let mut at = std::cmp::max((upto.incarnation, upto.size), (row.incarnation, -1));
    // What every sink has needs no cosignature any more, nor what nobody waits for.
    let mut needless = (newest.incarnation, newest.size.saturating_sub(1));
    if let (Some(_), Some(published)) = (&store.options.quorum, published) {
        needless = std::cmp::min(needless, published);
    }
    at = std::cmp::max(at, needless);
    loop {
        let mut conn = store.read(chain.tenant()).await?;
        let page =
            DB::checkpoint_rows(&mut conn, schema, row.id, at, LAST_CHECKPOINT, CHECKPOINT_PAGE)
                .await?;
        drop(conn);
        let Some(last) = page.last() else { return Ok(collected) };
        let end = (last.incarnation, last.size);
        for stored in page {
            at = (stored.incarnation, stored.size);
            let Ok(signed) = SignedCheckpoint::parse(&stored.note) else { continue };
            let last = at >= (newest.incarnation, newest.size);
            if !last && !is_waited_for(store, &signed) {
                continue;
            }
            let believed = if upto.incarnation == stored.incarnation { upto.size } else { 0 };
            let believed = u64::try_from(believed).unwrap_or(0);
            let submission = Submission { store, chain, witness, signed: &signed };
            let place = (row.id, chain);
            match submission.run(believed).await {
                Ok(submitted) => {
                    let cosignature = match submitted {
                        Submitted::Cosigned(cosignature) => {
                            collected.cosigned = collected.cosigned.saturating_add(1);
                            Some(cosignature)
                        }
                        Submitted::Superseded => None,
                    };
                    upto = PublishedUpTo {
                        incarnation: stored.incarnation,
                        size: stored.size,
                        failures: 0,
                        failed_at: None,
                    };
                    keep(store, place, &stored, witness, cosignature.as_ref(), upto).await?;
                }
                Err(Failed::Database(error)) => return Err(error),
                Err(Failed::Witness(error)) => {
                    upto.failures = upto.failures.saturating_add(1);
                    upto.failed_at = Some(store.options.clock.now().as_micros());
                    keep(store, place, &stored, witness, None, upto).await?;
                    let size = signed.checkpoint().head.size;
                    collected.failure = Some((size, error));
                    return Ok(collected);
                }
            }
        }
        at = end;
    }
}

/// Whether sinks wait until more witnesses have cosigned a checkpoint.
fn is_waited_for<DB: Backend>(store: &Store<DB>, signed: &SignedCheckpoint) -> bool {
    let policy = store.options.quorum.as_ref();
    !store.options.sinks.is_empty()
        && policy.is_some_and(|policy| !policy.is_satisfied(signed.note()))
}

/// Stores a cosignature, and how far the witness is served.
async fn keep<DB: Backend>(
    store: &Store<DB>,
    (id, chain): (i64, &ChainId),
    stored: &CheckpointRow,
    witness: &dyn CheckpointWitness,
    cosignature: Option<&Cosignature>,
    upto: PublishedUpTo,
) -> Result<(), DatabaseError> {
    let key = witness.verifier();
    let _turn = store.turn_alone().await;
    let mut tx = store.begin_write_for(chain.tenant()).await?;
    if let Some(cosignature) = cosignature {
        let (vkey, line) = (key.to_string(), cosignature.to_string());
        DB::insert_cosignature(&mut tx, &store.schema, (id, chain), stored, &vkey, &line).await?;
    }
    DB::set_published(&mut tx, &store.schema, (id, chain), &sink_name(key), upto).await?;
    Ok(tx.commit().await?)
}

/// Whether all witnesses have gone beyond a checkpoint, so that no further cosignature of it will
/// ever come, though a later one is there.
pub(crate) async fn has_passed<DB: Backend>(
    store: &Store<DB>,
    (id, chain): (i64, &ChainId),
    stored: &CheckpointRow,
) -> Result<bool, DatabaseError> {
    let mut conn = store.read(chain.tenant()).await?;
    for witness in &store.options.witnesses {
        let name = sink_name(witness.verifier());
        let upto = DB::published(&mut conn, &store.schema, id, &name).await?;
        let upto = upto.map_or((0, -1), |upto| (upto.incarnation, upto.size));
        if upto <= (stored.incarnation, stored.size) {
            return Ok(false);
        }
    }
    Ok(true)
}
