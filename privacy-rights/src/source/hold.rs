//! The legal holds of a journal, asked about before anything is erased.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use audit_core::{SubjectRef, Target};
use audit_store::{Journal, LockHoldsError};

use crate::backend::Backend;
use crate::source::BoxFuture;
use crate::source::error::SourceError;
use crate::source::permit::{Connection, Item, Permit, Reason, Until};

/// Lets a record be erased unless a legal hold of the tenant, in the journal, is on it: on the person
/// by one of the ids under which the journal knows them, on one of the targets that stand for the
/// person, or on the record itself, for sources whose records are targets of a type.
///
/// It is asked inside the transaction that erases, and there holds the lock that keeps holds from
/// being placed or released: a hold that was placed after the erasure had begun counts for every
/// record that is not erased yet, and its call returns after what was being erased is gone. So the
/// source and the journal are in the same database; in another one the question fails, and nothing
/// is erased. Under row-level security the source's connections name the tenant.
///
/// A source that is no database of this kind (objects in a store) is asked in a transaction of its
/// own for each record: between the answer and the deletion a hold can be placed.
///
/// A hold on a whole chain is on the entries of the journal, and keeps no record of the host's.
///
/// ```no_run
/// # async fn erase(journal: audit_store::SqliteJournal) {
/// let permit = privacy_rights::HoldPermit::new(journal, "acme")
///     .subject("customer-42")
///     .target(audit_core::Target::new("customer", "42"))
///     .records_of("invoices", "invoice");
/// # let _used = permit;
/// # }
/// ```
pub struct HoldPermit<DB: Backend> {
    journal: Journal<DB>,
    tenant: String,
    subjects: BTreeSet<String>,
    refs: BTreeSet<SubjectRef>,
    targets: Vec<Target>,
    kinds: BTreeMap<String, String>,
}

impl<DB: Backend> HoldPermit<DB> {
    /// The holds of a tenant, which so far are on nobody.
    pub fn new(journal: Journal<DB>, tenant: impl Into<String>) -> Self {
        Self {
            journal,
            tenant: tenant.into(),
            subjects: BTreeSet::new(),
            refs: BTreeSet::new(),
            targets: Vec::new(),
            kinds: BTreeMap::new(),
        }
    }

    /// The person, by an id under which the host has private fields of theirs kept. For each of the
    /// person's aliases again.
    #[must_use]
    pub fn subject(mut self, id: impl Into<String>) -> Self {
        self.subjects.insert(id.into());
        self
    }

    /// The person, by a pseudonym of the journal. The journal forgets whose it was when it erases
    /// them: what goes on after that takes it from there (`ErasureReport::subject`).
    #[must_use]
    pub fn subject_ref(mut self, subject: SubjectRef) -> Self {
        self.refs.insert(subject);
        self
    }

    /// The person, as a target of entries.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// The records of a source are targets of that type, by their keys.
    #[must_use]
    pub fn records_of(mut self, source: impl Into<String>, kind: impl Into<String>) -> Self {
        self.kinds.insert(source.into(), kind.into());
        self
    }

    /// The ids of the holds that keep a record.
    async fn keeping(
        &self,
        conn: &mut DB::Connection,
        item: &Item,
    ) -> Result<BTreeSet<String>, LockHoldsError> {
        let held = self.journal.lock_holds(conn, &self.tenant).await?;
        let mut keeping = BTreeSet::new();
        if held.is_empty() {
            return Ok(keeping);
        }
        let own = self.kinds.get(&item.source).map(|kind| Target::new(kind, &item.key));
        for target in self.targets.iter().chain(&own) {
            keeping.extend(held.on_target(target).map(ToOwned::to_owned));
        }
        if held.on_subjects() {
            let mut refs = self.refs.clone();
            for subject in &self.subjects {
                refs.extend(self.journal.subject_in(conn, &self.tenant, subject).await?);
            }
            for subject in refs {
                keeping.extend(held.on_subject(subject).map(ToOwned::to_owned));
            }
        }
        Ok(keeping)
    }
}

fn failed(error: impl Into<LockHoldsError>) -> SourceError {
    SourceError::Unavailable(Box::new(error.into()))
}

impl<DB: Backend> Permit for HoldPermit<DB> {
    fn begin<'a>(&'a self, conn: Connection<'a>) -> BoxFuture<'a, Result<(), SourceError>> {
        Box::pin(async move {
            if let Some(conn) = DB::of_connection(conn) {
                self.journal.lock_holds(conn, &self.tenant).await.map_err(failed)?;
            }
            Ok(())
        })
    }

    fn reasons<'a>(
        &'a self,
        conn: Connection<'a>,
        item: &'a Item,
    ) -> BoxFuture<'a, Result<Vec<Reason>, SourceError>> {
        Box::pin(async move {
            let keeping = match DB::of_connection(conn) {
                Some(conn) => self.keeping(conn, item).await,
                None => {
                    let mut tx = self.journal.begin().await.map_err(failed)?;
                    let keeping = self.keeping(&mut tx, item).await;
                    tx.rollback().await.map_err(failed)?;
                    keeping
                }
            };
            let reason = |hold| Reason::new("legal hold", Until::HoldReleased(hold));
            Ok(keeping.map_err(failed)?.into_iter().map(reason).collect())
        })
    }
}

impl<DB: Backend> fmt::Debug for HoldPermit<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HoldPermit").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}
