//! The legal holds of a tenant inside a transaction of the host's.

use audit_core::{SubjectRef, Target};
use sqlx::Connection as _;

use crate::append::AppendError;
use crate::backend::Backend;
use crate::backend::hold::HeldRow;
use crate::journal::Journal;
use crate::subject::read_ref;

/// The legal holds in force for a tenant, which stay what they are until the transaction ends in
/// which they were [locked](Journal::lock_holds).
///
/// Whatever a host is about to destroy is asked about here, by the subject and the targets under
/// which it stands in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockedHolds {
    subjects: Vec<(SubjectRef, String)>,
    targets: Vec<(Target, String)>,
    chains: Vec<String>,
}

impl LockedHolds {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.subjects.is_empty() && self.targets.is_empty() && self.chains.is_empty()
    }

    /// The ids of all of them; one that is on several things as often.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let subjects = self.subjects.iter().map(|(_, hold)| hold);
        let targets = self.targets.iter().map(|(_, hold)| hold);
        subjects.chain(targets).chain(&self.chains).map(String::as_str)
    }

    /// Whether any of them is on a data subject.
    #[must_use]
    pub const fn on_subjects(&self) -> bool {
        !self.subjects.is_empty()
    }

    /// The ids of those on a data subject.
    pub fn on_subject(&self, subject: SubjectRef) -> impl Iterator<Item = &str> {
        let of = self.subjects.iter().filter(move |(held, _)| *held == subject);
        of.map(|(_, hold)| hold.as_str())
    }

    /// The ids of those on a target.
    pub fn on_target<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = &'a str> {
        let same = |held: &Target| held.kind() == target.kind() && held.id() == target.id();
        let of = self.targets.iter().filter(move |(held, _)| same(held));
        of.map(|(_, hold)| hold.as_str())
    }

    /// The ids of those on whole chains. They are on the entries of the journal; whether they are on
    /// anything of the host's is for the host to say.
    pub fn on_chains(&self) -> impl Iterator<Item = &str> {
        self.chains.iter().map(String::as_str)
    }
}

/// The holds were not locked: nothing may be destroyed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockHoldsError {
    /// There is no transaction, or none that sqlx began: what is locked would be free at once.
    #[error("holds are locked inside a transaction")]
    NoTransaction,
    /// They could not be read.
    #[error("the legal holds cannot be read")]
    Read(#[from] AppendError),
    /// The transaction sees the database as it was at its first statement: a hold that was placed
    /// since is hidden from it. READ COMMITTED is needed.
    #[error("the transaction would not see a hold that was placed meanwhile")]
    Snapshot,
}

impl From<sqlx::Error> for LockHoldsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Read(error.into())
    }
}

impl<DB: Backend> Journal<DB> {
    /// The legal holds in force for a tenant, inside a transaction of the host's that is about to
    /// destroy something in the journal's own database: until it ends no hold of the tenant is
    /// placed or released. Whoever tries to waits; so a hold either counts here, or its call returns
    /// after what is destroyed here was gone. Several transactions may hold this lock at once.
    ///
    /// Call it first in the transaction, before rows are locked. On PostgreSQL the transaction is
    /// READ COMMITTED. On SQLite it is best an immediate one: a deferred one that has read the holds
    /// is refused to write when another has written meanwhile.
    ///
    /// Under row-level security ([`Tenancy`](crate::Tenancy)) the transaction has to name the
    /// tenant, which is for the host to do.
    ///
    /// # Errors
    ///
    /// Any [`LockHoldsError`]; a tenant that the transaction does not name is
    /// [`AppendError::TenantMismatch`]. Nothing was changed.
    pub async fn lock_holds(
        &self,
        conn: &mut DB::Connection,
        tenant: &str,
    ) -> Result<LockedHolds, LockHoldsError> {
        let store = &self.store;
        if !conn.is_in_transaction() {
            return Err(LockHoldsError::NoTransaction);
        }
        store.check_entered(conn, tenant).await?;
        if !DB::lock_holds(conn, &store.schema, tenant).await? {
            return Err(LockHoldsError::Snapshot);
        }
        let mut locked = LockedHolds::default();
        for row in DB::holds_of(conn, &store.schema, tenant).await? {
            match row.on {
                HeldRow::Chain => add(&mut locked.chains, row.hold),
                HeldRow::Subject(subject) => {
                    add(&mut locked.subjects, (read_ref(&subject)?, row.hold));
                }
                HeldRow::Target { kind, id } => {
                    add(&mut locked.targets, (Target::new(kind, id), row.hold));
                }
            }
        }
        Ok(locked)
    }

    /// The pseudonym of a data subject by the host's own id, inside a transaction of the host's;
    /// none for somebody whom the journal does not know, or who was erased from it.
    ///
    /// # Errors
    ///
    /// [`AppendError::Database`], [`AppendError::TenantMismatch`],
    /// [`AppendError::DirectoryClosed`].
    pub async fn subject_in(
        &self,
        conn: &mut DB::Connection,
        tenant: &str,
        subject: &str,
    ) -> Result<Option<SubjectRef>, AppendError> {
        self.store.check_entered(conn, tenant).await?;
        self.store.subject_ref(conn, tenant, subject).await
    }
}

/// A hold has a row on each chain.
fn add<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if !all.contains(&one) {
        all.push(one);
    }
}
