//! Heads of chains: loaded, remembered, moved.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use audit_core::{ChainId, CompactRange, LeafHash, Timestamp};
use tokio::sync::OwnedMutexGuard;

use crate::append::AppendError;
use crate::backend::rows::ChainRow;

/// The newest state of a chain.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) id: i64,
    pub(crate) size: u64,
    pub(crate) leaf: LeafHash,
    pub(crate) range: CompactRange,
    pub(crate) at: Timestamp,
    pub(crate) control: Option<u64>,
    /// The leaves of the level-0 tile that is being filled, where they are known.
    pub(crate) tail: Option<Vec<LeafHash>>,
}

impl Head {
    /// Reads a stored head.
    pub(crate) fn read(row: &ChainRow) -> Result<Self, AppendError> {
        let corrupt = || AppendError::Corrupt { what: "the head of a chain" };
        let size = u64::try_from(row.size).map_err(|_| corrupt())?;
        Ok(Self {
            id: row.id,
            size,
            leaf: LeafHash::from_slice(&row.head).map_err(|_| corrupt())?,
            range: CompactRange::from_bytes(size, &row.range).map_err(|_| corrupt())?,
            at: Timestamp::from_micros(row.at).map_err(|_| corrupt())?,
            control: row.control.map(u64::try_from).transpose().map_err(|_| corrupt())?,
            tail: size.is_multiple_of(256).then(Vec::new),
        })
    }
}

/// What is known of the chains of an open journal: their surrogate ids, which never change, and
/// their newest heads, which are only ever a guess.
///
/// A head is taken out while it is moved and put back when that is committed. So after any failure
/// nothing is known and the head is read anew; and a head that another process has moved meanwhile
/// is found out by the compare-and-swap of the write itself.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    ids: Mutex<HashMap<ChainId, i64>>,
    slots: Mutex<HashMap<i64, Arc<tokio::sync::Mutex<Option<Head>>>>>,
}

/// A chain's place among the heads, held by whoever moves the head. Within this process nobody else
/// does meanwhile.
pub(crate) type Slot = OwnedMutexGuard<Option<Head>>;

/// So many chains are remembered; beyond it the memory is cleared, which costs a read each.
const REMEMBERED: usize = 16_384;

impl Heads {
    pub(crate) fn id(&self, chain: &ChainId) -> Option<i64> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).get(chain).copied()
    }

    pub(crate) fn remember(&self, chain: &ChainId, id: i64) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.len() >= REMEMBERED {
            ids.clear();
        }
        ids.insert(chain.clone(), id);
    }

    /// The tenants of these chains, unless one of them is not remembered.
    pub(crate) fn tenants(&self, chains: &[i64]) -> Option<BTreeSet<String>> {
        let wanted: BTreeSet<i64> = chains.iter().copied().collect();
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let known: Vec<_> = ids.iter().filter(|(_, id)| wanted.contains(id)).collect();
        (known.len() == wanted.len())
            .then(|| known.into_iter().map(|(chain, _)| chain.tenant().to_owned()).collect())
    }

    /// Takes a chain's place. Whoever takes several takes them in the order of the ids, and has the
    /// connection by then that they go on with: those who have all connections may be waiting for the
    /// place.
    pub(crate) async fn slot(&self, id: i64) -> Slot {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            if slots.len() >= REMEMBERED {
                // Those that nobody holds; a held one must stay the only one of its chain.
                slots.retain(|_, slot| Arc::strong_count(slot) > 1);
            }
            Arc::clone(slots.entry(id).or_default())
        };
        slot.lock_owned().await
    }
}
