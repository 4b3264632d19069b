//! Rows that could not be sealed anew, so that the others go on.

use std::fmt;

use super::column::SealedColumn;
use super::turn::Failure;
use crate::backend::{Backend, fixed};
use crate::clock::Timestamp;
use crate::error::OpenError;
use crate::key_id::KeyId;

/// Why a row could not be sealed anew. Says nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FailureClass {
    /// It does not open there: damaged, or moved from elsewhere.
    Authentication,
    /// Its key is disabled.
    Disabled,
    /// Its blind index cannot be computed.
    Index,
    /// Not in the form of a ciphertext.
    Malformed,
    /// No key seals for its tenant.
    NoPrimary,
    /// Plaintext in a field that admits none.
    NotSealed,
    /// A class of a later version of this library.
    Other,
    /// The row has no key, tenant or data subject that a value could be bound to.
    RowKey,
    /// It could be opened and not sealed.
    Seal,
    /// Sealed by a suite that the field does not admit.
    Suite,
    /// No key of this id is known.
    UnknownKey,
    /// Its key is another tenant's or data subject's, or for another purpose.
    WrongKey,
}

impl FailureClass {
    const ALL: [(Self, &'static str); 12] = [
        (Self::Authentication, "authentication"),
        (Self::Disabled, "disabled"),
        (Self::Index, "index"),
        (Self::Malformed, "malformed"),
        (Self::NoPrimary, "no-primary"),
        (Self::NotSealed, "not-sealed"),
        (Self::Other, "other"),
        (Self::RowKey, "row-key"),
        (Self::Seal, "seal"),
        (Self::Suite, "suite"),
        (Self::UnknownKey, "unknown-key"),
        (Self::WrongKey, "wrong-key"),
    ];

    /// The name by which it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(class, _)| *class == self).map_or("other", |(_, name)| name)
    }

    fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map_or(Self::Other, |it| it.0)
    }

    pub(super) const fn of(error: &OpenError) -> Self {
        match error {
            OpenError::Authentication => Self::Authentication,
            OpenError::Disabled { .. } => Self::Disabled,
            OpenError::Malformed(_) => Self::Malformed,
            OpenError::NotSealed => Self::NotSealed,
            OpenError::SuiteNotAllowed(_) => Self::Suite,
            OpenError::UnknownKey { .. } => Self::UnknownKey,
            OpenError::Key(_) | OpenError::WrongOwner => Self::WrongKey,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A row in quarantine: which one and why, never what is in it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quarantined {
    /// The row's key: an integer in 8 bytes, big-endian; a UUID in 16; text; bytes.
    pub row: Vec<u8>,
    /// The key that the value says to be sealed under, if it says.
    pub key: Option<KeyId>,
    /// Why it is here.
    pub class: FailureClass,
    /// Since when.
    pub at: Timestamp,
}

/// Without the row's key, which may identify somebody.
impl fmt::Debug for Quarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quarantined")
            .field("key", &self.key)
            .field("class", &self.class)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// Puts rows in; how many were not in it before.
pub(super) async fn add<DB: Backend>(
    conn: &mut DB::Connection,
    column: &SealedColumn,
    failures: Vec<Failure>,
    at: Timestamp,
) -> sqlx::Result<u64> {
    let sql = "INSERT INTO cf_quarantine (field, relation, row_key, kid, class, at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (field, relation, row_key) DO NOTHING";
    let mut added = 0_u64;
    for failure in failures {
        let values = vec![
            column.field().as_str().into(),
            column.relation_name().as_str().into(),
            failure.row.into(),
            failure.key.map(KeyId::to_i64).into(),
            failure.class.name().into(),
            at.as_micros().into(),
        ];
        added = added.saturating_add(DB::execute(conn, fixed(sql), values).await?);
    }
    Ok(added)
}

/// Lets all rows of a column out, to be tried again.
pub(super) async fn clear<DB: Backend>(
    conn: &mut DB::Connection,
    column: &SealedColumn,
) -> sqlx::Result<()> {
    let sql = "DELETE FROM cf_quarantine WHERE field = $1 AND relation = $2";
    let values = vec![column.field().as_str().into(), column.relation_name().as_str().into()];
    DB::execute(conn, fixed(sql), values).await.map(drop)
}

/// The rows of a column that are in it.
pub(super) async fn list<DB: Backend>(
    conn: &mut DB::Connection,
    column: &SealedColumn,
    limit: i64,
) -> sqlx::Result<Vec<Quarantined>> {
    let sql = "SELECT row_key, kid, class, at FROM cf_quarantine
         WHERE field = $1 AND relation = $2 ORDER BY row_key LIMIT $3";
    let values =
        vec![column.field().as_str().into(), column.relation_name().as_str().into(), limit.into()];
    let rows = DB::fetch(conn, fixed(sql), values).await?;
    let read = rows.into_iter().map(|mut row| {
        Ok(Quarantined {
            row: row.bytes()?,
            key: row.int_or_null()?.and_then(KeyId::from_i64),
            class: FailureClass::from_name(&row.text()?),
            at: Timestamp::from_micros(row.int()?),
        })
    });
    read.collect()
}

/// How many rows of a column are in it, by the key that they name.
pub(super) async fn counts<DB: Backend>(
    conn: &mut DB::Connection,
    column: &SealedColumn,
) -> sqlx::Result<Vec<(KeyId, u64)>> {
    let sql = "SELECT kid, COUNT(*) FROM cf_quarantine
         WHERE field = $1 AND relation = $2 AND kid IS NOT NULL GROUP BY kid";
    let values = vec![column.field().as_str().into(), column.relation_name().as_str().into()];
    let mut counts = Vec::new();
    for mut row in DB::fetch(conn, fixed(sql), values).await? {
        let (key, count) = (row.int()?, row.count()?);
        counts.extend(KeyId::from_i64(key).map(|key| (key, count)));
    }
    Ok(counts)
}
