//! What the two databases do differently: all SQL of this crate, behind one sealed trait.
//!
//! Each area has a trait of its own with an implementation per database under the same file name,
//! so that the two can be read side by side.

#![allow(unnameable_types, reason = "what stands behind the sealed trait is not for naming")]

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sqlx::{AssertSqlSafe, Database, SqlSafeStr, SqlStr};

use crate::error::OpenError;

pub(crate) mod append;
pub(crate) mod begin;
pub(crate) mod dispose;
pub(crate) mod hold;
pub(crate) mod index;
pub(crate) mod key;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
pub(crate) mod proof;
pub(crate) mod read;
pub(crate) mod retention;
pub(crate) mod rows;
pub(crate) mod setup;
#[cfg(any(feature = "sqlite", feature = "sqlite-unbundled"))]
pub(crate) mod sqlite;
pub(crate) mod stage;
pub(crate) mod tenancy;
pub(crate) mod verify;

mod sealed {
    pub trait Sealed {}
    #[cfg(feature = "postgres")]
    impl Sealed for sqlx::Postgres {}
    #[cfg(any(feature = "sqlite", feature = "sqlite-unbundled"))]
    impl Sealed for sqlx::Sqlite {}
}

/// A database that can hold a journal: `sqlx::Sqlite` or `sqlx::Postgres`.
///
/// Sealed: how a journal is stored is this crate's own business.
pub trait Backend:
    sealed::Sealed
    + Database
    + setup::SetupSql
    + append::AppendSql
    + dispose::DisposeSql
    + hold::HoldSql
    + stage::StageSql
    + index::IndexSql
    + key::KeySql
    + read::ReadSql
    + retention::RetentionSql
    + rows::RowsSql
    + proof::ProofSql
    + tenancy::TenancySql
    + verify::VerifySql
{
}

#[cfg(feature = "postgres")]
impl Backend for sqlx::Postgres {}
#[cfg(any(feature = "sqlite", feature = "sqlite-unbundled"))]
impl Backend for sqlx::Sqlite {}

/// The name every statement for PostgreSQL is written with.
const DEFAULT_SCHEMA: &str = "audit";

/// Where the journal's tables live.
///
/// Statements for PostgreSQL are written with the schema's default name (`audit.entry`);
/// [`sql`](Self::sql) puts the chosen one in its place. SQLite has no schemas, its tables carry a
/// prefix instead, and its statements pass through unchanged.
#[derive(Debug)]
pub struct Schema {
    name: Arc<str>,
    /// Rewritten statements; only ever filled under another name than the default.
    rewritten: RwLock<HashMap<&'static str, Arc<str>>>,
}

impl Schema {
    /// The schema of that name.
    pub(crate) fn new(name: &str) -> Result<Self, OpenError> {
        let mut bytes = name.bytes();
        let starts = bytes.next().is_some_and(|b| b == b'_' || b.is_ascii_lowercase());
        let goes_on = bytes.all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit());
        if !starts || !goes_on || name.len() > 63 {
            return Err(OpenError::SchemaName);
        }
        Ok(Self { name: name.into(), rewritten: RwLock::default() })
    }

    /// Its name.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "SQLite has no schemas"))]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The statement with this schema's name in place of the default one.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "SQLite has no schemas"))]
    pub(crate) fn sql(&self, text: &'static str) -> SqlStr {
        if &*self.name == DEFAULT_SCHEMA {
            return text.into_sql_str();
        }
        let found =
            self.rewritten.read().unwrap_or_else(PoisonError::into_inner).get(text).cloned();
        let rewritten = found.unwrap_or_else(|| {
            let rewritten: Arc<str> = rewrite(text, &self.name).into();
            let mut all = self.rewritten.write().unwrap_or_else(PoisonError::into_inner);
            all.insert(text, Arc::clone(&rewritten));
            rewritten
        });
        // Safe: the text is ours and the name was checked when it was given.
        AssertSqlSafe(rewritten).into_sql_str()
    }
}

impl Default for Schema {
    fn default() -> Self {
        Self { name: DEFAULT_SCHEMA.into(), rewritten: RwLock::default() }
    }
}

/// Replaces `audit.` where it starts a name.
pub(crate) fn rewrite(text: &str, name: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(64));
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("audit.") {
        out.push_str(before);
        let inside =
            out.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '\''));
        out.push_str(if inside { DEFAULT_SCHEMA } else { name });
        out.push('.');
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A count or a seq as the databases keep it. INVARIANT of the schema: below 2^41.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_schema_is_replaced() {
        assert_eq!(
            rewrite("SELECT audit.entry.body, 'audit.x', my_audit.y FROM audit.entry", "log"),
            "SELECT log.entry.body, 'audit.x', my_audit.y FROM log.entry"
        );
        let schema = Schema::new("log").unwrap();
        assert_eq!(schema.sql("SELECT 1 FROM audit.chain").as_str(), "SELECT 1 FROM log.chain");
        assert_eq!(schema.sql("SELECT 1 FROM audit.chain").as_str(), "SELECT 1 FROM log.chain");
        assert_eq!(Schema::default().sql("FROM audit.chain").as_str(), "FROM audit.chain");
    }

    #[test]
    fn schema_names_are_checked() {
        assert!(Schema::new("audit_eu2").is_ok());
        for bad in ["", "Audit", "2x", "a-b", "a;b", "a\"b", &"a".repeat(64)] {
            assert!(matches!(Schema::new(bad), Err(OpenError::SchemaName)), "{bad}");
        }
    }
}
