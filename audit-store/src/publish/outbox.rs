//! Publishing what is stored: every checkpoint, in order, to every sink, until it took it.

use audit_core::{ChainId, SignedCheckpoint};
use futures_util::future::join_all;

use crate::backend::Backend;
use crate::backend::proof::PublishedUpTo;
use crate::backend::rows::{CHECKPOINT_PAGE, LAST_CHECKPOINT};
use crate::checkpoint::{chain_ids, due, sign};
use crate::error::DatabaseError;
use crate::journal::{Journal, Store};

use super::error::{HistoryError, PublishReport, SigningError, SinkFailure};
use super::gate::verify_open;
use super::sink::{CheckpointSink, SinkError};
use crate::witness::{CheckpointWitness, Collected, collect, has_passed, sink_name};

impl<DB: Backend> Journal<DB> {
    /// Publishes every stored checkpoint that a sink has not taken yet, oldest first.
    ///
    /// A sink that cannot be reached is left for the next time; nothing is skipped on its behalf.
    /// Witnesses come first; where the options ask for a quorum of them, a sink is handed a
    /// checkpoint only with the cosignatures of one.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] where it cannot be read what is to be published. What the sinks answered
    /// is in the report.
    pub async fn publish(&self) -> Result<PublishReport, DatabaseError> {
        publish_pending(&self.store).await
    }

    /// Signs the chains that are due and publishes what is not published yet: what the journal's
    /// own task does regularly, for hosts that would rather do it themselves.
    ///
    /// A chain is due when it has grown by the number of entries of the options since its last
    /// checkpoint, or has grown at all and the last one is older than their interval.
    ///
    /// # Errors
    ///
    /// [`SigningError`], the first of those that occurred; the other chains are signed and
    /// published nevertheless.
    pub async fn sign_and_publish_due(&self) -> Result<PublishReport, SigningError> {
        sign_due(&self.store).await
    }
}

/// Signs what is due and publishes what is pending.
pub(crate) async fn sign_due<DB: Backend>(
    store: &Store<DB>,
) -> Result<PublishReport, SigningError> {
    if let Err(HistoryError::Unreachable { .. }) = store.gate.check() {
        verify_open(store).await;
    }
    let mut first_error = None;
    if store.options.signer.is_some() {
        for chain in due(store, store.options.clock.now()).await? {
            if let Err(error) = sign(store, &chain).await {
                first_error.get_or_insert(error);
            }
        }
    }
    let report = publish_pending(store).await?;
    first_error.map_or(Ok(report), Err)
}

async fn publish_pending<DB: Backend>(store: &Store<DB>) -> Result<PublishReport, DatabaseError> {
    let mut report = PublishReport::default();
    // All witnesses at once, so that a slow one keeps only itself waiting; the sinks after them.
    let asked = store.options.witnesses.iter().map(|witness| ask_pending(store, &**witness));
    for asked in join_all(asked).await {
        report.add(asked?);
    }
    for sink in &store.options.sinks {
        for chain in unpublished(store, sink.name()).await? {
            let outcome = publish_to(store, &chain, &**sink, &mut report).await?;
            if let Outcome::Unreachable = outcome {
                // The others would only wait for the same time-out.
                break;
            }
        }
    }
    Ok(report)
}

/// The chains with a checkpoint that a sink or a witness has not taken.
async fn unpublished<DB: Backend>(
    store: &Store<DB>,
    name: &str,
) -> Result<Vec<ChainId>, DatabaseError> {
    let mut pending = Vec::new();
    for round in &store.rounds().await? {
        let mut conn = store.read_in(round.as_deref()).await?;
        let of_round = DB::chains_unpublished(&mut conn, &store.schema, name).await?;
        pending.extend(chain_ids(store, of_round));
    }
    Ok(pending)
}

/// Asks a witness for all cosignatures that are needed of it.
async fn ask_pending<DB: Backend>(
    store: &Store<DB>,
    witness: &dyn CheckpointWitness,
) -> Result<PublishReport, DatabaseError> {
    let mut report = PublishReport::default();
    for chain in unpublished(store, &sink_name(witness.verifier())).await? {
        if let Outcome::Unreachable = ask(store, &chain, witness, &mut report).await? {
            break;
        }
    }
    Ok(report)
}

async fn ask<DB: Backend>(
    store: &Store<DB>,
    chain: &ChainId,
    witness: &dyn CheckpointWitness,
    report: &mut PublishReport,
) -> Result<Outcome, DatabaseError> {
    let Collected { cosigned, failure } = collect(store, chain, witness).await?;
    report.cosigned = report.cosigned.saturating_add(cosigned);
    let Some((size, error)) = failure else { return Ok(Outcome::Answered) };
    let silent = error.is_silence();
    let (chain, sink) = (chain.clone(), sink_name(witness.verifier()));
    report.failures.push(SinkFailure { chain, size, sink, source: SinkError::Witness(error) });
    Ok(if silent { Outcome::Unreachable } else { Outcome::Answered })
}

/// Has one chain's pending checkpoints cosigned, and publishes them to every sink.
pub(crate) async fn publish_chain<DB: Backend>(
    store: &Store<DB>,
    chain: &ChainId,
    report: &mut PublishReport,
) -> Result<(), DatabaseError> {
    let asked = store.options.witnesses.iter().map(|witness| async {
        let mut report = PublishReport::default();
        ask(store, chain, &**witness, &mut report).await.map(|_| report)
    });
    for asked in join_all(asked).await {
        report.add(asked?);
    }
    for sink in &store.options.sinks {
        publish_to(store, chain, &**sink, report).await?;
    }
    Ok(())
}

enum Outcome {
    /// The sink has everything, or refused one checkpoint for what it is.
    Answered,
    Unreachable,
}

/// The quorum that a checkpoint lacks, in words.
fn lacks<DB: Backend>(store: &Store<DB>, signed: &SignedCheckpoint) -> Option<String> {
    let quorum = store.options.quorum.as_ref()?;
    (!quorum.is_satisfied(signed.note())).then(|| quorum.quorum_in_words())
}

async fn publish_to<DB: Backend>(
    store: &Store<DB>,
    chain: &ChainId,
    sink: &dyn CheckpointSink,
    report: &mut PublishReport,
) -> Result<Outcome, DatabaseError> {
    let mut conn = store.read(chain.tenant()).await?;
    let Some(row) = DB::chain_row(&mut conn, &store.schema, chain).await? else {
        return Ok(Outcome::Answered);
    };
    let before = DB::published(&mut conn, &store.schema, row.id, sink.name()).await?;
    drop(conn);
    let mut upto = before.unwrap_or(PublishedUpTo::NOTHING);
    loop {
        let mut conn = store.read(chain.tenant()).await?;
        let (above, last, most) = ((upto.incarnation, upto.size), LAST_CHECKPOINT, CHECKPOINT_PAGE);
        let page = DB::checkpoint_rows(&mut conn, &store.schema, row.id, above, last, most).await?;
        drop(conn);
        if page.is_empty() {
            return Ok(Outcome::Answered);
        }
        let mut failure = None;
        for stored in page {
            let taken = match SignedCheckpoint::parse(&stored.note) {
                Ok(signed) => match lacks(store, &signed) {
                    None => sink.publish(&signed).await.map(|()| true),
                    Some(_) if has_passed(store, (row.id, chain), &stored).await? => Ok(false),
                    Some(quorum) => Err(SinkError::Unwitnessed { quorum }),
                },
                Err(_) => Err(SinkError::malformed("the journal's own table of checkpoints")),
            };
            match taken {
                Ok(true) => report.published = report.published.saturating_add(1),
                Ok(false) => report.superseded = report.superseded.saturating_add(1),
                Err(source) => {
                    let size = u64::try_from(stored.size).unwrap_or(0);
                    failure = Some((size, source));
                    break;
                }
            }
            upto = PublishedUpTo {
                incarnation: stored.incarnation,
                size: stored.size,
                failures: 0,
                failed_at: None,
            };
        }
        if failure.is_some() {
            upto.failures = upto.failures.saturating_add(1);
            upto.failed_at = Some(store.options.clock.now().as_micros());
        }
        let _turn = store.turn_alone().await;
        let mut conn = store.write(chain.tenant()).await?;
        let place = (row.id, chain);
        DB::set_published(&mut conn, &store.schema, place, sink.name(), upto).await?;
        conn.commit().await?;
        if let Some((size, source)) = failure {
            let outcome = match &source {
                SinkError::Unavailable(_) => Outcome::Unreachable,
                _ => Outcome::Answered,
            };
            let sink = sink.name().to_owned();
            report.failures.push(SinkFailure { chain: chain.clone(), size, sink, source });
            return Ok(outcome);
        }
    }
}
