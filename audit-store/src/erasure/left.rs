//! What an erasure has left: keys after a crash, fields that legal holds keep.

use std::collections::{BTreeMap, BTreeSet};

use audit_core::{Entry, SubjectRef};

use super::ErasureError;
use crate::append::AppendError;
use crate::backend::Backend;
use crate::journal::Journal;
use crate::subject::read_ref;

/// What legal holds keep of people who were erased under a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErasureLeft {
    /// Of how many entries private fields are kept.
    pub entries: u64,
    /// By which holds, and how many entries each keeps. An entry that several keep counts for each.
    pub holds: BTreeMap<String, u64>,
}

impl<DB: Backend> Journal<DB> {
    /// Ends what an erasure that was interrupted may have left to be done, the destruction of keys and
    /// the wiping of the write-ahead log, and says what legal holds keep of those who were erased
    /// under a request: zero entries, once the last hold is released.
    ///
    /// For whoever takes [`erase_subject`](Self::erase_subject) as a step of something larger, and
    /// asks again after a crash: a person who was erased is unknown by then, so its report is lost.
    /// Nothing says that a request ever was; of one that was not, nothing is left.
    ///
    /// # Errors
    ///
    /// [`ErasureError::PrivateFields`], [`ErasureError::Database`], [`ErasureError::Append`] for an
    /// entry that cannot be read, [`ErasureError::TenantMismatch`]. What was done stays done.
    pub async fn finish_erasure(
        &self,
        tenant: &str,
        request: &str,
    ) -> Result<ErasureLeft, ErasureError> {
        let store = &self.store;
        store.destroy_condemned(Some(tenant)).await?;
        self.wipe_log().await?;
        let mut tx = store.begin_snapshot(tenant).await?;
        let mut left = ErasureLeft::default();
        for (chain, _) in DB::chains_of(&mut tx, &store.schema, tenant).await? {
            let mut seqs = BTreeSet::new();
            for deferred in DB::deferred(&mut tx, &store.schema, chain).await? {
                if deferred.request == request {
                    let of = *read_ref(&deferred.subject)?.as_bytes();
                    seqs.extend(DB::entries_about(&mut tx, &store.schema, chain, of, 0).await?);
                }
            }
            if seqs.is_empty() {
                continue;
            }
            let holds = store.holds_on(&mut tx, chain).await?;
            let seqs: Vec<u64> = seqs.into_iter().filter_map(|seq| seq.try_into().ok()).collect();
            for some in seqs.chunks(READ_AT_ONCE) {
                for (_, body) in DB::bodies_at(&mut tx, &store.schema, chain, some).await? {
                    let entry = Entry::parse(&body)
                        .map_err(|_| AppendError::Corrupt { what: "an entry" })?;
                    left.entries = left.entries.saturating_add(1);
                    for hold in holds.covering(&entry) {
                        let count = left.holds.entry(hold.to_owned()).or_default();
                        *count = count.saturating_add(1);
                    }
                }
            }
        }
        tx.rollback().await?;
        Ok(left)
    }

    /// Of how many entries private fields of a data subject are stored, in all chains of the tenant.
    ///
    /// # Errors
    ///
    /// [`ErasureError::Database`], [`ErasureError::TenantMismatch`].
    pub async fn count_private(
        &self,
        tenant: &str,
        subject: SubjectRef,
    ) -> Result<u64, ErasureError> {
        let known = self.store.look_for(tenant, subject).await?;
        let counts = known.values().map(|(_, seqs)| seqs.len());
        Ok(u64::try_from(counts.sum::<usize>()).unwrap_or(u64::MAX))
    }
}

/// How many entries are read at a time.
const READ_AT_ONCE: usize = 256;
