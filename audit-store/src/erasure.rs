//! Erasing a data subject: the private fields go, every hash stays.

mod deferred;
pub(crate) mod file_ledger;
pub(crate) mod ledger;
pub(crate) mod left;
mod replay;

use std::collections::BTreeMap;

use audit_core::{Actor, ChainId, EventError, Reserved, SubjectRef, Timestamp};

use crate::append::write::Group;
use crate::append::{AppendError, Receipt};
use crate::backend::Backend;
use crate::backend::dispose::Condemned;
use crate::error::DatabaseError;
use crate::journal::{Journal, Store};
use crate::private::SealerError;
use crate::subject::Prepared;
use crate::tenancy::TenantMismatch;

use self::ledger::{ErasedSubject, LedgerError};
use self::replay::note;

/// Whom to erase, and why.
#[derive(Clone, Debug)]
pub struct Erasure {
    tenant: String,
    subject: String,
    ground: String,
    request: String,
    actor: Actor,
}

impl Erasure {
    /// Of the data subject with the host's own id `subject`, decided by `actor`.
    ///
    /// `ground` and `request` stand in the journal in the clear and for ever: the legal ground, such
    /// as `gdpr-17-1-b`, and the id of the request, never a name.
    pub fn new(
        tenant: impl Into<String>,
        subject: impl Into<String>,
        actor: Actor,
        ground: impl Into<String>,
        request: impl Into<String>,
    ) -> Self {
        Self {
            tenant: tenant.into(),
            subject: subject.into(),
            ground: ground.into(),
            request: request.into(),
            actor,
        }
    }

    /// A note in the ledger that could not be acted upon would keep the journal from being opened.
    fn check(&self) -> Result<(), ErasureError> {
        for (what, said) in [("ground", &self.ground), ("request", &self.request)] {
            if said.is_empty() {
                return Err(ErasureError::Empty { what });
            }
        }
        Ok(())
    }

    /// The entry that says so.
    fn entry(&self, subject: SubjectRef, through: u64) -> Result<Prepared, EventError> {
        let (ground, request) = (self.ground.clone(), self.request.clone());
        let entry = Reserved::SubjectErased { ground, request, subject, through };
        Ok(Prepared::canonical(entry.event(self.actor.clone())?.canonicalize(|_| None)?))
    }
}

/// What an erasure did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ErasureReport {
    /// The pseudonym that the person had in the journal. It names nobody any more.
    pub subject: SubjectRef,
    /// When.
    pub at: Timestamp,
    /// The `journal.subject_erased` entries: one in each chain that held something about the person.
    pub entries: Vec<Receipt>,
    /// Of how many entries private fields were removed.
    pub removed: u64,
    /// Of how many entries a legal hold keeps them for now. They go when the last hold on them is
    /// released, without being asked for again.
    pub deferred: u64,
    /// What is left of them on the database's disk.
    pub residue: Residue,
}

/// What is left of removed records and fields outside the tables.
///
/// Of fields that were stored sealed under a key that is gone, nothing of it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Residue {
    /// Nothing in the files of the journal's tables. Copies of the files are beyond reach, and so are
    /// a PostgreSQL server's log and its archives, as long as they are kept.
    None,
    /// SQLite's write-ahead log keeps them until the last reader of today is gone
    /// ([`Journal::wipe_log`] tries again).
    Pending,
    /// Copies may stand in unused room of the database's files until [`Journal::vacuum`]: old row
    /// versions in PostgreSQL, and in SQLite parts of pages from which rows were once moved elsewhere,
    /// which its `secure_delete` does not overwrite.
    UntilVacuum,
}

/// A person was not erased. Unless it says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErasureError {
    /// The entry that says so could not be appended.
    #[error("the erasure cannot be recorded")]
    Append(#[from] AppendError),
    /// The database failed.
    #[error("the database did not erase")]
    Database(#[from] DatabaseError),
    /// The ground or the request is empty: the journal would not say why.
    #[error("an erasure names its legal ground and the request that led to it: {what} is empty")]
    #[non_exhaustive]
    Empty {
        /// Which of the two.
        what: &'static str,
    },
    /// The ledger of the options could not note it. Nobody was erased.
    #[error("the ledger of erasures did not take it")]
    Ledger(#[from] LedgerError),
    /// A private field under a legal hold could not be sealed anew: nothing was changed. Or the
    /// person's key could not be destroyed: then the fields are gone from the journal, which says so,
    /// and the key is destroyed by [`Journal::maintain`] or when the journal is opened.
    #[error("a key of the data subject could not be used or destroyed")]
    PrivateFields(#[from] SealerError),
    /// The journal knows no such person, or does not any more: there is nothing to erase.
    #[error("the journal knows no such data subject")]
    UnknownSubject,
    /// It is another tenant's than the handle's, or than the one that the host's transaction names.
    #[error("it is another tenant's")]
    TenantMismatch(#[source] TenantMismatch),
}

impl From<sqlx::Error> for ErasureError {
    fn from(error: sqlx::Error) -> Self {
        if let Some(mismatch) = TenantMismatch::of(&error) {
            return Self::TenantMismatch(mismatch);
        }
        Self::Database(error.into())
    }
}

impl From<EventError> for ErasureError {
    fn from(error: EventError) -> Self {
        Self::Append(error.into())
    }
}

/// One chain of the tenant, locked.
struct Locked {
    group: Group,
    head: crate::append::head::Head,
    seqs: Vec<i64>,
}

impl<DB: Backend> Journal<DB> {
    /// Erases a person: removes their private fields from all chains of the tenant, severs the
    /// host's id from the pseudonym, and records it in each of these chains, in one transaction.
    /// Where private fields are sealed, the person's key is destroyed right after.
    ///
    /// Entries, hashes, checkpoints and proofs stay what they were, and verify; so do bundles that
    /// were exported before, which hold what they held. What is staged and not committed yet comes
    /// without the person's fields when it is sealed. A person who returns gets a new pseudonym.
    ///
    /// What a legal hold keeps stays until it is released: sealed under another key where fields are
    /// sealed, so that the person's own key can go all the same.
    ///
    /// With a ledger in the options ([`erasure_ledger`](crate::JournalOptions::erasure_ledger)) the
    /// erasure is noted there before anything is destroyed, so that a backup which is restored later
    /// does not bring the person back. What is noted and then fails is done when the journal is
    /// opened again.
    ///
    /// What is removed leaves the tables; [`ErasureReport::residue`] says where on the disk copies may
    /// stand until when, where it was stored in the clear.
    ///
    /// Appending to the tenant's chains waits until it is done. What the fields' rows are is looked
    /// up before, so that this is short.
    ///
    /// # Errors
    ///
    /// Any [`ErasureError`]. Asking again after a success is [`ErasureError::UnknownSubject`].
    pub async fn erase_subject(&self, erasure: &Erasure) -> Result<ErasureReport, ErasureError> {
        let store = &self.store;
        erasure.check()?;
        // What is committed and staged is sealed first, and then found like the rest.
        self.sequence().await?;
        let mut conn = store.read(&erasure.tenant).await?;
        let subject = store.subject_ref(&mut conn, &erasure.tenant, &erasure.subject).await?;
        drop(conn);
        let subject = subject.ok_or(ErasureError::UnknownSubject)?;
        let known = store.look_for(&erasure.tenant, subject).await?;
        // Whatever is wrong with the entry is found before anything is destroyed.
        erasure.entry(subject, 0)?;
        let (ground, request) = (erasure.ground.clone(), erasure.request.clone());
        let (at, tenant) = (store.options.clock.now(), erasure.tenant.clone());
        let erased = ErasedSubject { at, ground, request, subject, tenant };
        note(store.options.ledger.as_deref(), &erased).await?;
        let done = store.erase(erasure, subject, known).await?;
        store.subjects.forget(&erasure.tenant, &erasure.subject);
        store.destroy_condemned(Some(&erasure.tenant)).await?;
        let residue = self.wipe_log().await?;
        Ok(ErasureReport { residue, ..done })
    }

    /// Takes what was removed out of SQLite's write-ahead log; on PostgreSQL it does nothing.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]; what was removed stays removed.
    pub async fn wipe_log(&self) -> Result<Residue, DatabaseError> {
        let _turn = self.store.turn_alone().await;
        let mut conn = self.store.writer.acquire().await?;
        Ok(match DB::wipe_log(&mut conn).await? {
            Some(false) => Residue::Pending,
            Some(true) | None => Residue::UntilVacuum,
        })
    }

    /// Rewrites what the database's files hold, so that nothing is left in them of what was removed:
    /// by `VACUUM FULL` of the tables from which something is ever removed, on PostgreSQL, and by
    /// `VACUUM` of the whole file on SQLite. It also gives the room back. On PostgreSQL what a
    /// transaction that is open may still see is left, as by any vacuum.
    ///
    /// This takes as long as copying what stands, and meanwhile nobody appends; on PostgreSQL nobody
    /// reads either. On SQLite the host's own tables in the file are rewritten too: as after any
    /// `VACUUM`, rows of a table without an `INTEGER PRIMARY KEY` may then have other rowids.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`], [`DatabaseErrorKind::Busy`](crate::DatabaseErrorKind::Busy) among others
    /// while a transaction is open; everything is as it was then.
    pub async fn vacuum(&self) -> Result<Residue, DatabaseError> {
        let _turn = self.store.turn_alone().await;
        let mut conn = self.store.writer.acquire().await?;
        DB::vacuum(&mut conn, &self.store.schema).await?;
        Ok(match DB::wipe_log(&mut conn).await? {
            Some(false) => Residue::Pending,
            Some(true) | None => Residue::None,
        })
    }
}

impl<DB: Backend> Store<DB> {
    /// What stands about a subject by now, by chain, and up to where that was looked for.
    async fn look_for(
        &self,
        tenant: &str,
        subject: SubjectRef,
    ) -> Result<BTreeMap<i64, (i64, Vec<i64>)>, ErasureError> {
        let mut tx = self.begin_snapshot(tenant).await?;
        let mut known = BTreeMap::new();
        for (id, series) in DB::chains_of(&mut tx, &self.schema, tenant).await? {
            let Ok(chain) = ChainId::new(tenant, &series) else { continue };
            let row = DB::chain_row(&mut tx, &self.schema, &chain).await?;
            let size = row.map_or(0, |row| row.size);
            let of = *subject.as_bytes();
            let seqs = DB::entries_about(&mut tx, &self.schema, id, of, 0).await?;
            known.insert(id, (size, seqs));
        }
        Ok(known)
    }

    async fn erase(
        &self,
        erasure: &Erasure,
        subject: SubjectRef,
        mut known: BTreeMap<i64, (i64, Vec<i64>)>,
    ) -> Result<ErasureReport, ErasureError> {
        let (tenant, schema, of) = (&erasure.tenant, &self.schema, *subject.as_bytes());
        self.make_custody_key(tenant, subject, &known).await?;
        let _turn = self.turn_alone().await;
        let mut tx = self.begin_write_for(tenant).await?;
        DB::lock_tenant(&mut tx, schema, tenant).await?;
        let mut locked = Vec::new();
        for (id, series) in DB::chains_of(&mut tx, schema, tenant).await? {
            let chain = ChainId::new(tenant, &series)
                .map_err(|_| AppendError::Corrupt { what: "a chain's name" })?;
            let mut group = Group { id, chain, slot: self.heads.slot(id).await };
            let head = self.locked_head(&mut tx, &mut group).await?;
            let (from, mut seqs) = known.remove(&id).unwrap_or_default();
            seqs.retain(|seq| *seq < from);
            seqs.extend(DB::entries_about(&mut tx, schema, id, of, from).await?);
            locked.push(Locked { group, head, seqs });
        }
        let at = self.options.clock.now();
        if DB::alive(&mut tx, schema, tenant, &[of]).await?.is_empty() {
            return Err(ErasureError::UnknownSubject);
        }
        // The entries come first: the database lets go only under them.
        let mut recorded = Vec::new();
        for Locked { mut group, head, seqs } in locked {
            if seqs.is_empty() {
                group.slot.replace(head);
                continue;
            }
            let mut event = erasure.entry(subject, head.size.saturating_sub(1))?;
            let written = self.write_locked(&mut tx, &group, head, &mut [&mut event]).await?;
            recorded.push((group, written, seqs));
        }
        if !DB::sever(&mut tx, schema, tenant, of, at.as_micros()).await? {
            return Err(ErasureError::UnknownSubject);
        }
        let (mut all, mut removed, mut put_off) = (Vec::new(), 0_u64, 0_usize);
        for (group, written, mut seqs) in recorded {
            let held = self.held(&mut tx, group.id, &seqs).await?;
            if !held.is_empty() {
                let later = deferred::deferred(subject, &erasure.ground, &erasure.request);
                self.put_off(&mut tx, &group, &later, &held).await?;
                seqs.retain(|seq| held.binary_search(seq).is_err());
                put_off = put_off.saturating_add(held.len());
            }
            let gone = DB::delete_disclosures(&mut tx, schema, group.id, of, &seqs).await?;
            removed = removed.saturating_add(gone);
            all.push((group, written));
        }
        if self.options.sealer.is_some() {
            let (tenant, subject) = (tenant.clone(), of.to_vec());
            DB::condemn(&mut tx, schema, &Condemned { tenant, subject, custody: false }).await?;
        }
        tx.commit().await?;
        let entries =
            all.into_iter().flat_map(|(mut group, written)| group.committed(self, written));
        Ok(ErasureReport {
            subject,
            at,
            entries: entries.collect(),
            removed,
            deferred: u64::try_from(put_off).unwrap_or(u64::MAX),
            residue: Residue::Pending,
        })
    }
}
