//! Signing checkpoints: of committed state only, and never two that contradict each other.

use audit_core::{
    ChainId, Checkpoint, CompactRange, Origin, SignedCheckpoint, TileId, Timestamp, VerifierKey,
    partial_tiles,
};
use sqlx::Transaction;

use crate::backend::proof::SignedUpTo;
use crate::backend::rows::{ChainRow, CheckpointRow};
use crate::backend::{Backend, integer};
use crate::error::DatabaseError;
use crate::journal::{Journal, Store};
use crate::keys::{KnownKey, known_keys};
use crate::proof::read_nodes;
use crate::publish::{
    CheckpointPlace, CheckpointSigner, HistoryError, PublishReport, SigningError, SinkError,
    compare, origin, publish_chain, published, trusted,
};
use crate::witness::WitnessError;

/// A partial tile is stored again once it has grown by so many hashes: proofs at a signed size then
/// read at most one full tile in the place of one that is not stored.
const TILE_STEP: u16 = 2;

impl<DB: Backend> Journal<DB> {
    /// Signs a checkpoint of the chain as it is now, stores it and publishes it to every sink.
    ///
    /// Where the newest checkpoint already counts all entries, it is returned again, and published
    /// where it was not yet. Signers of all tasks and processes take turns; each signs committed
    /// state only, after comparing it with the newest checkpoint stored and the newest that every
    /// readable sink has. Two histories are never signed under one origin.
    ///
    /// When it returns, the checkpoint is on disk and every sink has it; where the options ask for a
    /// quorum of witnesses, with the cosignatures of one, which the returned checkpoint carries.
    ///
    /// # Errors
    ///
    /// [`SigningError::NotPublished`] carries the checkpoint, which is stored and is published
    /// later. With any other, nothing was signed, or what was signed was thrown away.
    pub async fn checkpoint(&self, chain: &ChainId) -> Result<SignedCheckpoint, SigningError> {
        let signed = sign(&self.store, chain).await?;
        let mut report = PublishReport::default();
        publish_chain(&self.store, chain, &mut report).await?;
        let checkpoint = self.with_cosignatures(signed).await?;
        let quorum = self.store.options.quorum.as_ref();
        let witnessed = quorum.is_none_or(|quorum| quorum.is_satisfied(checkpoint.note()));
        // A witness that failed is no matter where enough others have cosigned, but for one that
        // knows another history.
        report.failures.retain(|failure| match &failure.source {
            SinkError::Witness(WitnessError::History(_)) => true,
            SinkError::Witness(_) => !witnessed,
            _ => true,
        });
        if report.failures.is_empty() && witnessed {
            Ok(checkpoint)
        } else {
            let failures = report.failures;
            Err(SigningError::NotPublished { checkpoint: Box::new(checkpoint), failures })
        }
    }

    /// The same checkpoint with the cosignatures that are stored by now.
    async fn with_cosignatures(
        &self,
        signed: SignedCheckpoint,
    ) -> Result<SignedCheckpoint, SigningError> {
        if self.store.options.witnesses.is_empty() {
            return Ok(signed);
        }
        let checkpoint = signed.checkpoint();
        let chain = checkpoint.origin.chain();
        let place = (checkpoint.origin.incarnation(), checkpoint.head.size);
        let stored = stored_checkpoint(&self.store, chain, Some(place)).await?;
        Ok(stored.unwrap_or(signed))
    }

    /// The newest checkpoint of the chain that is stored, `None` where none was signed in its
    /// present incarnation.
    ///
    /// It is returned as it is stored, with its cosignatures; signatures are for the reader to
    /// check.
    ///
    /// # Errors
    ///
    /// [`SigningError::UnknownChain`], [`SigningError::Database`], and [`SigningError::History`]
    /// where what is stored is not a checkpoint.
    pub async fn newest_checkpoint(
        &self,
        chain: &ChainId,
    ) -> Result<Option<SignedCheckpoint>, SigningError> {
        stored_checkpoint(&self.store, chain, None).await
    }
}

/// The checkpoint that is stored of this incarnation and size, with its cosignatures; by default the
/// newest of the present incarnation.
async fn stored_checkpoint<DB: Backend>(
    store: &Store<DB>,
    chain: &ChainId,
    place: Option<(u64, u64)>,
) -> Result<Option<SignedCheckpoint>, SigningError> {
    let schema = &store.schema;
    let mut conn = store.read(chain.tenant()).await?;
    let row = DB::chain_row(&mut conn, schema, chain)
        .await?
        .ok_or_else(|| SigningError::UnknownChain { chain: chain.clone() })?;
    let (incarnation, size) = match place {
        Some((incarnation, size)) => (integer(incarnation), integer(size)),
        None => {
            let newest = DB::newest_checkpoint(&mut conn, schema, row.id, row.incarnation).await?;
            let Some(newest) = newest else { return Ok(None) };
            (newest.incarnation, newest.size)
        }
    };
    let (above, upto) = ((incarnation, size.saturating_sub(1)), (incarnation, size));
    let stored = DB::checkpoint_rows(&mut conn, schema, row.id, above, upto, 1).await?.pop();
    stored.map(|row| parse_stored(chain, row.note).map_err(SigningError::History)).transpose()
}

fn parse_stored(chain: &ChainId, note: String) -> Result<SignedCheckpoint, HistoryError> {
    SignedCheckpoint::parse(&note).map_err(|source| HistoryError::Untrusted {
        chain: chain.clone(),
        place: CheckpointPlace::Database,
        note,
        source,
    })
}

/// Signs the chain as it is, where it is more than the newest checkpoint counts.
pub(crate) async fn sign<DB: Backend>(
    store: &Store<DB>,
    chain: &ChainId,
) -> Result<SignedCheckpoint, SigningError> {
    let signer = store.options.signer.clone().ok_or(SigningError::NoSigner)?;
    loop {
        store.gate.check_witnesses().map_err(SigningError::History)?;
        let incarnation = incarnation(store, chain).await?;
        let origin = origin(store, chain, incarnation).map_err(SigningError::History)?;
        // Before the lock is taken: a sink may be slow. What is published later was stored first,
        // and what is stored is read under the lock.
        let known = published(store, &origin).await.map_err(SigningError::History)?;
        let _turn = store.turn_alone().await;
        let mut tx = store.begin_write_for(chain.tenant()).await?;
        if !store.options.volatile_allowed
            && let Some(setting) = DB::volatile_setting(&mut tx).await?
        {
            return Err(SigningError::Volatile { setting });
        }
        let round = Round { store, chain, signer: &*signer, tx, incarnation, origin };
        match round.run(&known).await {
            Ok(Some(signed)) => return Ok(signed),
            Ok(None) => {}
            Err(error) => {
                if let SigningError::History(error) = &error {
                    store.gate.note(error);
                }
                return Err(error);
            }
        }
    }
}

/// One attempt, under the lock.
struct Round<'a, DB: Backend> {
    store: &'a Store<DB>,
    chain: &'a ChainId,
    signer: &'a dyn CheckpointSigner,
    tx: Transaction<'static, DB>,
    incarnation: i64,
    origin: Origin,
}

impl<DB: Backend> Round<'_, DB> {
    /// `None` where a new incarnation began meanwhile, whose sinks were not asked.
    async fn run(
        mut self,
        known: &[(CheckpointPlace, SignedCheckpoint)],
    ) -> Result<Option<SignedCheckpoint>, SigningError> {
        let (chain, schema) = (self.chain, &self.store.schema);
        let unknown = || SigningError::UnknownChain { chain: chain.clone() };
        let id = DB::chain_row(&mut self.tx, schema, chain).await?.ok_or_else(unknown)?.id;
        DB::lock_signing(&mut self.tx, schema, (id, chain)).await?;
        // Read again: what was committed before the lock was given is part of it.
        let row = DB::chain_row(&mut self.tx, schema, chain).await?.ok_or_else(unknown)?;
        if row.incarnation != self.incarnation {
            return Ok(None);
        }
        let newest = DB::newest_checkpoint(&mut self.tx, schema, id, row.incarnation).await?;
        // After the size was read: a key that is in force now was so for all these entries.
        let keys = known_keys::<DB>(&mut self.tx, schema, &self.store.key).await?;
        let stored = match newest {
            Some(newest) => Some(
                trusted(&keys, &self.origin, CheckpointPlace::Database, newest.note)
                    .map_err(SigningError::History)?,
            ),
            None => None,
        };
        let places = stored.iter().map(|signed| (&CheckpointPlace::Database, signed));
        for (place, signed) in places.chain(known.iter().map(|(place, signed)| (place, signed))) {
            compare(self.store, &mut self.tx, (chain, &row), place, signed)
                .await
                .map_err(SigningError::History)?;
        }
        match stored {
            Some(signed) if Ok(signed.checkpoint().head.size) == u64::try_from(row.size) => {
                Ok(Some(signed))
            }
            _ if is_retired(&self.signer.verifier(), &keys) => Err(SigningError::KeyRetired),
            _ => self.sign(&row).await.map(Some),
        }
    }

    async fn sign(mut self, row: &ChainRow) -> Result<SignedCheckpoint, SigningError> {
        let schema = &self.store.schema;
        let damaged = |source| {
            SigningError::History(HistoryError::Damaged {
                chain: self.chain.clone(),
                place: CheckpointPlace::Database,
                source,
            })
        };
        let range = row.compact_range().map_err(damaged)?;
        let checkpoint = Checkpoint::new(self.origin.clone(), range.head());
        let signature =
            self.signer.sign(&checkpoint.to_text()).await.map_err(SigningError::Signer)?;
        let signed = checkpoint
            .with_signature(&self.signer.verifier(), &signature)
            .map_err(SigningError::Signature)?;

        for tile in partial_tiles(range.size()).filter(|tile| tile.level() > 0) {
            self.store_tile(row, &range, tile).await?;
        }
        let stored = CheckpointRow {
            incarnation: row.incarnation,
            size: row.size,
            note: signed.to_string(),
        };
        DB::insert_checkpoint(&mut self.tx, schema, (row.id, self.chain), &stored).await?;
        let at = Some(self.store.options.clock.now().as_micros());
        let upto = SignedUpTo { incarnation: row.incarnation, size: row.size, at };
        DB::set_signed(&mut self.tx, schema, row.id, upto).await?;
        let read = DB::newest_checkpoint(&mut self.tx, schema, row.id, row.incarnation).await?;
        if read.is_none_or(|read| read.note != stored.note) {
            // Nothing of ours writes here without the lock: a trigger or a rule of somebody else's.
            let other = sqlx::Error::Protocol("the checkpoint reads back otherwise".into());
            return Err(SigningError::Database(other.into()));
        }
        self.tx.commit().await?;
        Ok(signed)
    }

    /// Stores a tile of the right edge, so that proofs at this size need not read all tiles below.
    async fn store_tile(
        &mut self,
        row: &ChainRow,
        range: &CompactRange,
        tile: TileId,
    ) -> Result<(), SigningError> {
        let schema = &self.store.schema;
        let place = (tile.level(), tile.index());
        let stored = DB::widest_tiles(&mut self.tx, schema, row.id, &[place]).await?;
        let width = stored.first().map_or(0, |tile| tile.hashes.len());
        let step = usize::from(TILE_STEP);
        if width.saturating_add(step) > usize::from(tile.width()) {
            return Ok(());
        }
        let wanted = (0..tile.width()).filter_map(|i| tile.hash_id(i)).collect();
        let hashes = read_nodes::<DB>(&mut self.tx, schema, row.id, range, wanted).await.map_err(
            |source| {
                SigningError::History(HistoryError::Damaged {
                    chain: self.chain.clone(),
                    place: CheckpointPlace::Database,
                    source,
                })
            },
        )?;
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
        Ok(DB::insert_tile(&mut self.tx, schema, (row.id, self.chain), place, &bytes).await?)
    }
}

fn is_retired(signer: &VerifierKey, keys: &[KnownKey]) -> bool {
    keys.iter().any(|known| known.key == *signer && known.retired.is_some())
}

async fn incarnation<DB: Backend>(store: &Store<DB>, chain: &ChainId) -> Result<i64, SigningError> {
    let mut conn = store.read(chain.tenant()).await?;
    let row = DB::chain_row(&mut conn, &store.schema, chain).await?;
    row.map(|row| row.incarnation)
        .ok_or_else(|| SigningError::UnknownChain { chain: chain.clone() })
}

/// The chains with something to sign at this time.
pub(crate) async fn due<DB: Backend>(
    store: &Store<DB>,
    now: Timestamp,
) -> Result<Vec<ChainId>, DatabaseError> {
    let entries = i64::try_from(store.options.checkpoint_entries).unwrap_or(i64::MAX);
    let before = now.saturating_sub(store.options.checkpoint_interval).as_micros();
    let mut all = Vec::new();
    for round in store.rounds().await? {
        let mut conn = store.read_in(round.as_deref()).await?;
        let due = DB::chains_due(&mut conn, &store.schema, entries, before).await?;
        all.extend(chain_ids(store, due));
    }
    Ok(all)
}

/// The names of chains as they are stored, of those that the handle is for. One that is none was
/// never created by a journal.
pub(crate) fn chain_ids<DB: Backend>(
    store: &Store<DB>,
    rows: Vec<(i64, String, String)>,
) -> Vec<ChainId> {
    rows.iter()
        .filter(|(_, tenant, _)| store.admit(tenant).is_ok())
        .filter_map(|(_, tenant, series)| ChainId::new(tenant, series).ok())
        .collect()
}
