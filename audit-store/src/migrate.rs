//! The journal's own migrations, in a table of their own: the host's migrations are never touched,
//! and its migration table is never read.
//!
//! The runner is this crate's, because the toolkit's leaves a lock behind when a migration fails on
//! PostgreSQL and takes none on SQLite.

use audit_core::Timestamp;
use sha2::{Digest, Sha256};

use crate::backend::{Backend, Schema};
use crate::error::{DatabaseError, OpenError};

/// One migration: its number, its name and its SQL.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MigrationText {
    /// The number, the same in both databases.
    pub version: i64,
    /// What it is about.
    pub name: &'static str,
    /// The statements. On PostgreSQL they run with the journal's schema first in the search path.
    pub sql: &'static str,
}

impl MigrationText {
    pub(crate) const fn new(version: i64, name: &'static str, sql: &'static str) -> Self {
        Self { version, name, sql }
    }

    /// SHA-256 of the text, kept with the migration's number.
    pub(crate) fn checksum(&self) -> Vec<u8> {
        Sha256::digest(self.sql.as_bytes()).to_vec()
    }
}

/// The migrations of this version for one database, oldest first, for hosts that keep such things
/// under review. Creating or opening a journal applies what is missing.
#[must_use]
pub fn migrations<DB: Backend>() -> &'static [MigrationText] {
    DB::MIGRATIONS
}

/// What a database holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No journal.
    None,
    /// A journal that lacks the migrations from this index on.
    Behind(usize),
}

/// Compares what was applied with what this version carries.
pub(crate) fn state<DB: Backend>(applied: Option<&[(i64, Vec<u8>)]>) -> Result<State, OpenError> {
    let Some(applied) = applied.filter(|applied| !applied.is_empty()) else {
        return Ok(State::None);
    };
    let known = DB::MIGRATIONS.last().map_or(0, |last| last.version);
    let found = applied.iter().map(|(version, _)| *version).fold(0, std::cmp::max);
    if found > known {
        return Err(OpenError::SchemaTooNew { found, known });
    }
    let mut count = 0_usize;
    for (migration, (version, checksum)) in DB::MIGRATIONS.iter().zip(applied) {
        if migration.version != *version || migration.checksum() != *checksum {
            return Err(OpenError::MigrationChanged { version: *version });
        }
        count = count.saturating_add(1);
    }
    Ok(State::Behind(count))
}

/// The migration that made the table of tenancy.
pub(crate) const TENANCY: &str = "tenancy";

/// Whether a schema with so many migrations has the one of that name.
pub(crate) fn is_applied<DB: Backend>(applied: usize, name: &str) -> bool {
    DB::MIGRATIONS.iter().take(applied).any(|migration| migration.name == name)
}

/// Applies what is missing, inside a transaction that holds the migrations' lock.
pub(crate) async fn run<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    from: usize,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    for migration in DB::MIGRATIONS.iter().skip(from) {
        DB::apply_migration(conn, schema, migration, now.as_micros()).await?;
    }
    Ok(())
}
