//! Whether a record may be erased now.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::source::BoxFuture;
use crate::source::error::SourceError;

/// A record that is to be erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Item {
    /// The source's name.
    pub source: String,
    /// What names the record there: an id, never a name.
    pub key: String,
}

impl Item {
    /// The record of that key.
    pub fn new(source: impl Into<String>, key: impl Into<String>) -> Self {
        Self { source: source.into(), key: key.into() }
    }
}

/// Until when a record is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Until {
    /// Until after that day.
    Date(NaiveDate),
    /// Until that hold is released.
    HoldReleased(String),
    /// Nobody knows yet: the date that it counts from is missing.
    Unknown,
}

/// Why a record is kept, and until when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reason {
    /// The law, the hold, the blocker.
    pub ground: String,
    /// Until when.
    pub until: Until,
}

impl Reason {
    /// On that ground, until then.
    pub fn new(ground: impl Into<String>, until: Until) -> Self {
        Self { ground: ground.into(), until }
    }
}

/// The connection inside whose transaction something is asked.
#[non_exhaustive]
pub enum Connection<'a> {
    /// There is none: the source is no database of this crate's kinds.
    None(std::marker::PhantomData<&'a mut ()>),
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(&'a mut sqlx::PgConnection),
    /// SQLite.
    #[cfg(feature = "sqlite")]
    Sqlite(&'a mut sqlx::SqliteConnection),
}

impl Connection<'_> {
    /// There is none.
    #[must_use]
    pub const fn none() -> Self {
        Self::None(std::marker::PhantomData)
    }

    /// The same, lent.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn again(&mut self) -> Connection<'_> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => Connection::Postgres(conn),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn) => Connection::Sqlite(conn),
            Self::None(_) => Connection::none(),
        }
    }
}

impl fmt::Debug for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None(_) => "None",
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => "Postgres(..)",
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => "Sqlite(..)",
        })
    }
}

/// Says of each record whether it may be erased, inside the transaction that erases it: a hold that
/// was placed after the plan was made counts, and one that is placed now waits.
pub trait Permit: Send + Sync {
    /// Called once when the transaction has begun: takes what locks the decisions need.
    fn begin<'a>(&'a self, _conn: Connection<'a>) -> BoxFuture<'a, Result<(), SourceError>> {
        Box::pin(async { Ok(()) })
    }

    /// Why the record is kept; empty if it may go.
    fn reasons<'a>(
        &'a self,
        conn: Connection<'a>,
        item: &'a Item,
    ) -> BoxFuture<'a, Result<Vec<Reason>, SourceError>>;
}

/// Everything may be erased.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no fields and will have none")]
pub struct NothingIsHeld;

impl Permit for NothingIsHeld {
    fn reasons<'a>(
        &'a self,
        _conn: Connection<'a>,
        _item: &'a Item,
    ) -> BoxFuture<'a, Result<Vec<Reason>, SourceError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
