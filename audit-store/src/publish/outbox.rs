//! Publishing what is stored: every checkpoint, in order, to every sink, until it took it.

use audit_core::{ChainId, SignedCheckpoint};

use crate::backend::Backend;
use crate::backend::proof::PublishedUpTo;
use crate::backend::rows::{CHECKPOINT_PAGE, LAST_CHECKPOINT};
use crate::checkpoint::{chain_ids, due, sign};
use crate::error::DatabaseError;
use crate::journal::{Journal, Store};

use super::error::{HistoryError, PublishReport, SigningError, SinkFailure};
use super::gate::verify_open;
use super::sink::{CheckpointSink, SinkError};

impl<DB: Backend> Journal<DB> {
    /// Publishes every stored checkpoint that a sink has not taken yet, oldest first.
    ///
    /// A sink that cannot be reached is left for the next time; nothing is skipped on its behalf.
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
    let rounds = store.rounds().await?;
    for sink in &store.options.sinks {
        let mut pending = Vec::new();
        for round in &rounds {
            let mut conn = store.read_in(round.as_deref()).await?;
            let of_round = DB::chains_unpublished(&mut conn, &store.schema, sink.name()).await?;
            pending.extend(chain_ids(store, of_round));
        }
        for chain in pending {
            let outcome = publish_to(store, &chain, &**sink, &mut report).await?;
            if let Outcome::Unreachable = outcome {
                // The others would only wait for the same time-out.
                break;
            }
        }
    }
    Ok(report)
}

/// Publishes one chain's pending checkpoints to every sink.
pub(crate) async fn publish_chain<DB: Backend>(
    store: &Store<DB>,
    chain: &ChainId,
    report: &mut PublishReport,
) -> Result<(), DatabaseError> {
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
                Ok(signed) => sink.publish(&signed).await,
                Err(_) => Err(SinkError::malformed("the journal's own table of checkpoints")),
            };
            if let Err(source) = taken {
                let size = u64::try_from(stored.size).unwrap_or(0);
                failure = Some((size, source));
                break;
            }
            report.published = report.published.saturating_add(1);
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
