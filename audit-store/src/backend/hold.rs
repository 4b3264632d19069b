//! Legal holds in force.

use std::future::Future;

use sqlx::Database;

use crate::backend::Schema;

/// A row of the table of holds: one `journal.hold_placed` entry of a hold that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRow {
    /// The hold's id.
    pub hold: String,
    /// The entry that placed it.
    pub seq: i64,
    /// What it is on.
    pub on: HeldRow,
}

/// What a hold is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldRow {
    /// The whole chain.
    Chain,
    /// Entries about a data subject, by its ref.
    Subject(Vec<u8>),
    /// Entries with a target.
    Target {
        /// Its type.
        kind: String,
        /// Its id.
        id: String,
    },
}

/// The columns of a hold: hold, seq, kind, subject, target_type, target_id.
pub(crate) type HoldColumns =
    (String, i64, String, Option<Vec<u8>>, Option<String>, Option<String>);

impl HoldRow {
    /// Of its columns; the checks of the table leave no other kinds.
    pub(crate) fn read((hold, seq, kind, subject, target, id): HoldColumns) -> sqlx::Result<Self> {
        let on = match (&*kind, subject, target, id) {
            ("chain", None, None, None) => HeldRow::Chain,
            ("subject", Some(subject), None, None) => HeldRow::Subject(subject),
            ("target", None, Some(kind), Some(id)) => HeldRow::Target { kind, id },
            _ => return Err(sqlx::Error::Decode("a hold of no known kind".into())),
        };
        Ok(Self { hold, seq, on })
    }

    /// Its kind, subject, target's type and id as columns.
    pub(crate) fn scope(&self) -> (&'static str, Option<Vec<u8>>, Option<String>, Option<String>) {
        match &self.on {
            HeldRow::Chain => ("chain", None, None, None),
            HeldRow::Subject(subject) => ("subject", Some(subject.clone()), None, None),
            HeldRow::Target { kind, id } => ("target", None, Some(kind.clone()), Some(id.clone())),
        }
    }
}

/// Legal holds in force.
pub trait HoldSql: Database {
    /// The holds on a chain, by hold and seq.
    fn holds(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<HoldRow>>> + Send;

    /// Lets no hold of a tenant be placed or released before the transaction ends. False where the
    /// transaction would not see what was placed before.
    fn lock_holds(
        conn: &mut Self::Connection,
        schema: &Schema,
        tenant: &str,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// The holds on all chains of a tenant, by hold, chain and seq.
    fn holds_of(
        conn: &mut Self::Connection,
        schema: &Schema,
        tenant: &str,
    ) -> impl Future<Output = sqlx::Result<Vec<HoldRow>>> + Send;

    /// Adds one, whose entry stands.
    fn insert_hold(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: (i64, &str),
        row: &HoldRow,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Removes all rows of a hold on a chain, whose release is the newest reserved entry.
    fn delete_hold(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        hold: &str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}
