//! Which entries the holds on a chain keep.

use audit_core::{Entry, HoldScope};

use crate::append::AppendError;
use crate::backend::Backend;
use crate::backend::hold::HeldRow;
use crate::journal::Store;
use crate::subject::read_ref;

/// The holds on one chain, as they stand under the lock of its head.
#[derive(Debug)]
pub(crate) struct HoldsInForce {
    /// The id of each, and what it is on.
    holds: Vec<(String, HoldScope)>,
}

impl HoldsInForce {
    pub(crate) const fn is_empty(&self) -> bool {
        self.holds.is_empty()
    }

    /// Whether every entry is kept, whatever it is.
    pub(crate) fn whole_chain(&self) -> bool {
        self.holds.iter().any(|(_, scope)| *scope == HoldScope::Chain)
    }

    /// Whether an entry is kept: by what it is about, so that one sealed after the hold was placed
    /// is kept like those before.
    pub(crate) fn covers(&self, entry: &Entry<'_>) -> bool {
        self.holds.iter().any(|(_, scope)| scope.covers(entry.event()))
    }

    /// The ids of those that keep an entry.
    pub(crate) fn covering(&self, entry: &Entry<'_>) -> impl Iterator<Item = &str> {
        let of = self.holds.iter().filter(|(_, scope)| scope.covers(entry.event()));
        of.map(|(id, _)| id.as_str())
    }

    /// Whether a hold of this id is among them.
    pub(crate) fn has(&self, hold: &str) -> bool {
        self.holds.iter().any(|(id, _)| id == hold)
    }
}

impl<DB: Backend> Store<DB> {
    /// The holds on a chain, which stay so while its head is locked.
    pub(crate) async fn holds_on(
        &self,
        conn: &mut DB::Connection,
        chain: i64,
    ) -> Result<HoldsInForce, AppendError> {
        let mut holds = Vec::new();
        for row in DB::holds(conn, &self.schema, chain).await? {
            let scope = match row.on {
                HeldRow::Chain => HoldScope::Chain,
                HeldRow::Subject(subject) => HoldScope::Subject(read_ref(&subject)?),
                HeldRow::Target { kind, id } => HoldScope::Target { kind, id },
            };
            holds.push((row.hold, scope));
        }
        Ok(HoldsInForce { holds })
    }

    /// Those of some entries that a hold on the chain keeps. What cannot be read is kept.
    pub(crate) async fn held(
        &self,
        conn: &mut DB::Connection,
        chain: i64,
        seqs: &[i64],
    ) -> Result<Vec<i64>, AppendError> {
        let holds = self.holds_on(conn, chain).await?;
        if holds.is_empty() || seqs.is_empty() {
            return Ok(Vec::new());
        }
        if holds.whole_chain() {
            return Ok(seqs.to_vec());
        }
        let mut held = Vec::new();
        for some in seqs.chunks(READ_AT_ONCE) {
            let wanted: Vec<u64> = some.iter().filter_map(|seq| u64::try_from(*seq).ok()).collect();
            for (seq, body) in DB::bodies_at(conn, &self.schema, chain, &wanted).await? {
                if Entry::parse(&body).map_or(true, |entry| holds.covers(&entry)) {
                    held.push(crate::backend::integer(seq));
                }
            }
        }
        held.sort_unstable();
        Ok(held)
    }
}

/// How many entries are read at a time.
const READ_AT_ONCE: usize = 256;
