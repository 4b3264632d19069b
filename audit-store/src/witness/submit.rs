//! One checkpoint to one witness: what is sent, and what the answers mean.

use audit_core::{
    AddCheckpoint, ChainId, ConsistencyProof, Cosignature, LogCheckpoint, SignedCheckpoint,
    TreeHead,
};

use super::{CheckpointWitness, WitnessAnswer, WitnessError};
use crate::backend::rows::ChainRow;
use crate::backend::{Backend, integer};
use crate::error::DatabaseError;
use crate::journal::Store;
use crate::proof::{ProofReader, head_at};
use crate::publish::HistoryError;

/// How often a witness is asked about one checkpoint: from the size that is believed, from nothing
/// to learn the size, from that size, and once more where another process was faster.
const ATTEMPTS: usize = 5;

/// What became of a checkpoint.
#[derive(Debug)]
pub(super) enum Submitted {
    Cosigned(Cosignature),
    /// The witness has cosigned a later one of this journal.
    Superseded,
}

/// A checkpoint on its way to a witness.
pub(super) struct Submission<'a, DB: Backend> {
    pub(super) store: &'a Store<DB>,
    pub(super) chain: &'a ChainId,
    pub(super) witness: &'a dyn CheckpointWitness,
    pub(super) signed: &'a SignedCheckpoint,
}

impl<DB: Backend> Submission<'_, DB> {
    /// Sends it, from the size that the witness is believed to have cosigned last.
    pub(super) async fn run(&self, believed: u64) -> Result<Submitted, Failed> {
        let size = self.signed.checkpoint().head.size;
        let mut old = if believed <= size { believed } else { 0 };
        // Whether the witness itself named `old`.
        let mut told = false;
        for _ in 0..ATTEMPTS {
            let request = self.request(old).await?;
            match self.witness.add_checkpoint(&request).await? {
                WitnessAnswer::Cosigned(answer) => {
                    let text = self.signed.note().text();
                    let cosignature = answer.by(self.witness.verifier(), text);
                    let cosignature = cosignature.map_err(WitnessError::Cosignature)?;
                    return Ok(Submitted::Cosigned(cosignature));
                }
                WitnessAnswer::Conflict(known) if known == old => {
                    // Of the same size it may have another root.
                    let what = "a conflict with its own size";
                    return Err(if old == size && told {
                        self.dispute(old).await?
                    } else if old == size {
                        told = true;
                        continue;
                    } else {
                        WitnessError::answer(what).into()
                    });
                }
                WitnessAnswer::Conflict(known) if known > size => {
                    return self.overtaken(known).await;
                }
                WitnessAnswer::Conflict(known) => (old, told) = (known, true),
                WitnessAnswer::Inconsistent if old == 0 => {
                    return Err(WitnessError::answer("no proof is needed from nothing").into());
                }
                WitnessAnswer::Inconsistent if told => return Err(self.dispute(old).await?),
                // What was believed may be wrong: it is asked what it knows.
                WitnessAnswer::Inconsistent => old = 0,
            }
        }
        Err(WitnessError::answer("a different size each time").into())
    }

    async fn request(&self, old: u64) -> Result<AddCheckpoint, Failed> {
        let new = self.signed.checkpoint().head;
        let proof = if old == 0 || old == new.size {
            ConsistencyProof::from_hashes(Vec::new()).map_err(|_| WitnessError::answer("none"))?
        } else {
            let mut reader =
                ProofReader::begin(self.store, self.chain).await.map_err(WitnessError::Proof)?;
            let proven = reader.consistency(old, new.size).await.map_err(WitnessError::Proof)?;
            let same = reader.check_root(&new, &proven.new);
            same.map_err(WitnessError::Proof)?;
            reader.end().await.map_err(WitnessError::Proof)?;
            proven.proof
        };
        let checkpoint = LogCheckpoint::from(self.signed);
        let request = AddCheckpoint::new(old, proof, checkpoint);
        // A tree of 2^40 leaves has shorter proofs.
        request.map_err(|_| WitnessError::answer("a proof too long for the protocol").into())
    }

    /// It knows a larger checkpoint: one that this journal has signed meanwhile, or one that it has
    /// lost.
    async fn overtaken(&self, known: u64) -> Result<Submitted, Failed> {
        let (store, chain) = (self.store, self.chain);
        let mut conn = store.read(chain.tenant()).await?;
        let row = DB::chain_row(&mut conn, &store.schema, chain).await?;
        let Some(row) = row else { return Err(WitnessError::answer("no such chain").into()) };
        let newest =
            DB::newest_checkpoint(&mut conn, &store.schema, row.id, row.incarnation).await?;
        drop(conn);
        // A checkpoint is stored before any witness sees it.
        if newest.is_some_and(|newest| newest.size >= integer(known)) {
            return Ok(Submitted::Superseded);
        }
        Err(self.suspend(HistoryError::WitnessAhead {
            chain: chain.clone(),
            witness: self.witness.verifier().name().to_owned(),
            known,
            head: self.head(&row),
        }))
    }

    /// It denies what this journal was at the size that it cosigned last. Where its own cosignature
    /// shows that it said otherwise before, it is the witness that is wrong.
    async fn dispute(&self, size: u64) -> Result<Failed, Failed> {
        let (store, chain) = (self.store, self.chain);
        let mut tx = store.begin_snapshot(chain.tenant()).await?;
        let row = DB::chain_row(&mut tx, &store.schema, chain).await?;
        let Some(row) = row else { return Err(WitnessError::answer("no such chain").into()) };
        let (above, upto) = (integer(size).saturating_sub(1), integer(size));
        let (above, upto) = ((row.incarnation, above), (row.incarnation, upto));
        let rows = DB::checkpoint_rows(&mut tx, &store.schema, row.id, above, upto, 1).await?;
        let stored = rows.first().and_then(|row| SignedCheckpoint::parse(&row.note).ok());
        let own = std::slice::from_ref(self.witness.verifier());
        let cosigned = stored.filter(|signed| {
            signed.verify_cosignatures(own).is_ok_and(|verified| !verified.is_empty())
        });
        if let Some(cosigned) = cosigned
            && let Ok(range) = row.compact_range()
        {
            let old = cosigned.checkpoint().head;
            let same = head_at::<DB>(&mut tx, &store.schema, row.id, &range, &old).await;
            if same.is_ok_and(|same| same) {
                return Ok(WitnessError::Contradiction { size }.into());
            }
        }
        tx.rollback().await?;
        let witness = self.witness.verifier().name().to_owned();
        let head = self.head(&row);
        Ok(self.suspend(HistoryError::Disputed { chain: chain.clone(), witness, size, head }))
    }

    fn head(&self, row: &ChainRow) -> TreeHead {
        row.compact_range().map_or(TreeHead::EMPTY, |range| range.head())
    }

    /// The journal stops here, until somebody has found out what happened.
    fn suspend(&self, error: HistoryError) -> Failed {
        self.store.gate.note(&error);
        WitnessError::History(Box::new(error)).into()
    }
}

/// Why a checkpoint is not cosigned yet.
#[derive(Debug)]
pub(super) enum Failed {
    Witness(WitnessError),
    /// Nothing was found out.
    Database(DatabaseError),
}

impl From<WitnessError> for Failed {
    fn from(error: WitnessError) -> Self {
        Self::Witness(error)
    }
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
