//! What a database did not do.

use std::sync::Arc;

/// What kind of failure a database reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatabaseErrorKind {
    /// Another transaction is in the way; the same call may succeed when repeated.
    Busy,
    /// A constraint or a trigger of the database refused the statement.
    Constraint,
    /// The role that is connected lacks a privilege, or the file is read-only.
    Denied,
    /// The disk, or a quota, is full.
    Full,
    /// The file is no database, or is damaged.
    NotADatabase,
    /// Whatever else.
    Other,
    /// The connection was refused or lost. Whether a commit that was under way took place is not
    /// known.
    Unavailable,
}

/// A statement that the database did not carry out.
///
/// The database's own words are in [`source`](std::error::Error::source).
#[derive(Clone, Debug, thiserror::Error)]
#[error("the database {}", self.words())]
pub struct DatabaseError {
    #[source]
    source: Arc<sqlx::Error>,
}

impl DatabaseError {
    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> DatabaseErrorKind {
        kind(&self.source)
    }

    fn words(&self) -> &'static str {
        match self.kind() {
            DatabaseErrorKind::Busy => "is busy with another transaction",
            DatabaseErrorKind::Constraint => "refused the statement",
            DatabaseErrorKind::Denied => "denied the statement",
            DatabaseErrorKind::Full => "has no room left",
            DatabaseErrorKind::NotADatabase => "is not one, or is damaged",
            DatabaseErrorKind::Other => "failed",
            DatabaseErrorKind::Unavailable => "cannot be reached",
        }
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(source: sqlx::Error) -> Self {
        Self { source: Arc::new(source) }
    }
}

fn kind(error: &sqlx::Error) -> DatabaseErrorKind {
    match error {
        sqlx::Error::Database(database) => {
            database.code().map_or(DatabaseErrorKind::Other, |code| kind_of_code(&code))
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => DatabaseErrorKind::Unavailable,
        _ => DatabaseErrorKind::Other,
    }
}

/// PostgreSQL's SQLSTATE has five characters, SQLite's extended result code at most four digits.
fn kind_of_code(code: &str) -> DatabaseErrorKind {
    if code.len() == 5 {
        return match code {
            "40001" | "40P01" | "55P03" | "55006" => DatabaseErrorKind::Busy,
            "42501" | "25006" | "28000" | "28P01" => DatabaseErrorKind::Denied,
            _ if code.starts_with("23") => DatabaseErrorKind::Constraint,
            _ if code.starts_with("53") => DatabaseErrorKind::Full,
            _ if code.starts_with("08") || code.starts_with("57P") => {
                DatabaseErrorKind::Unavailable
            }
            _ => DatabaseErrorKind::Other,
        };
    }
    // The low byte is the primary code.
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6) => DatabaseErrorKind::Busy,
        Ok(3 | 8) => DatabaseErrorKind::Denied,
        Ok(10 | 14) => DatabaseErrorKind::Unavailable,
        Ok(11 | 26) => DatabaseErrorKind::NotADatabase,
        Ok(13) => DatabaseErrorKind::Full,
        Ok(19) => DatabaseErrorKind::Constraint,
        _ => DatabaseErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_have_a_kind() {
        for (code, kind) in [
            ("5", DatabaseErrorKind::Busy),
            ("517", DatabaseErrorKind::Busy),
            ("13", DatabaseErrorKind::Full),
            ("26", DatabaseErrorKind::NotADatabase),
            ("2067", DatabaseErrorKind::Constraint),
            ("1", DatabaseErrorKind::Other),
            ("40001", DatabaseErrorKind::Busy),
            ("23000", DatabaseErrorKind::Constraint),
            ("53100", DatabaseErrorKind::Full),
            ("57P01", DatabaseErrorKind::Unavailable),
            ("42501", DatabaseErrorKind::Denied),
            ("42P01", DatabaseErrorKind::Other),
        ] {
            assert_eq!(kind_of_code(code), kind, "{code}");
        }
        let error = DatabaseError::from(sqlx::Error::PoolTimedOut);
        assert_eq!(error.to_string(), "the database cannot be reached");
        assert!(std::error::Error::source(&error).is_some());
    }
}
