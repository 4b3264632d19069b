//! Which entries the holds on a chain keep.

use audit_core::{Entry, SubjectRef};

use crate::append::AppendError;
use crate::backend::Backend;
use crate::backend::hold::{HeldRow, HoldRow};
use crate::journal::Store;
use crate::subject::read_ref;

/// The holds on one chain, as they stand under the lock of its head.
#[derive(Debug)]
pub(crate) struct HoldsInForce {
    rows: Vec<HoldRow>,
    subjects: Vec<SubjectRef>,
}

impl HoldsInForce {
    pub(crate) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether every entry is kept, whatever it is.
    pub(crate) fn whole_chain(&self) -> bool {
        self.rows.iter().any(|row| row.on == HeldRow::Chain)
    }

    /// Whether an entry is kept: by what it is about, so that one sealed after the hold was placed
    /// is kept like those before.
    pub(crate) fn covers(&self, entry: &Entry<'_>) -> bool {
        let event = entry.event();
        self.rows.iter().any(|row| match &row.on {
            HeldRow::Chain => true,
            HeldRow::Subject(_) => false,
            HeldRow::Target { kind, id } => {
                event.targets().iter().any(|of| of.kind == *kind && of.id == *id)
            }
        }) || event.private().iter().any(|(subject, _)| self.subjects.contains(subject))
    }

    pub(crate) fn rows(&self) -> &[HoldRow] {
        &self.rows
    }
}

impl<DB: Backend> Store<DB> {
    /// The holds on a chain, which stay so while its head is locked.
    pub(crate) async fn holds_on(
        &self,
        conn: &mut DB::Connection,
        chain: i64,
    ) -> Result<HoldsInForce, AppendError> {
        let rows = DB::holds(conn, &self.schema, chain).await?;
        let mut subjects = Vec::new();
        for row in &rows {
            if let HeldRow::Subject(subject) = &row.on {
                subjects.push(read_ref(subject)?);
            }
        }
        Ok(HoldsInForce { rows, subjects })
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
