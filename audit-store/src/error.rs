//! Errors that several operations share.

use std::sync::Arc;

use audit_core::{JournalName, NameError};

use crate::tenancy::{Tenancy, TenantMismatch};

use crate::erasure::ErasureError;

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
    /// known; append the same event id again to find out.
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

    /// Whether the event id, of all keys, was there already.
    pub(crate) fn is_unique_violation(&self) -> bool {
        is_unique_violation(&self.source)
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

pub(crate) fn is_unique_violation(error: &sqlx::Error) -> bool {
    // In SQLite a trigger sees it before the index does, see the migration.
    error.as_database_error().is_some_and(|error| {
        error.is_unique_violation()
            || error.message() == "audit_entry: position or id stands already"
    })
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

/// Why a journal could not be created or opened. Nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The role that connects is above row-level security (a superuser, or with BYPASSRLS): it would
    /// see every tenant's rows.
    #[error("row-level security does not apply to the role {role}")]
    AboveRowSecurity {
        /// The role.
        role: String,
    },
    /// The database already holds a journal; open it instead.
    #[error("the database already holds a journal")]
    AlreadyExists,
    /// The database could not be asked or changed.
    #[error("cannot read or prepare the journal's tables")]
    Database(#[from] DatabaseError),
    /// Whom the ledger names as erased, and the database still knows, could not be erased again, or
    /// the ledger could not be read.
    #[error("who was erased before could not be erased again")]
    Erasure(#[source] Arc<ErasureError>),
    /// The directory of data subjects is kept under another key than the one that is given.
    #[error("the directory of data subjects is kept under another key")]
    DirectoryKeyMismatch,
    /// The directory of data subjects is kept under a key, and none is given.
    #[error("the directory of data subjects is kept under a key")]
    DirectoryKeyMissing,
    /// A key is given, and the directory of data subjects has been kept without one from the
    /// journal's creation on.
    #[error("the directory of data subjects is kept without a key")]
    DirectoryNotKeyed,
    /// The signer's key was retired: it signs no more.
    #[error("the key {key} was retired")]
    KeyRetired {
        /// The signer's verifier key.
        key: String,
    },
    /// The journal was created with another key than the signer's, which was not added since.
    #[error("the journal's key is {stored}, the signer's is {given}")]
    KeyMismatch {
        /// The verifier key the journal was created with.
        stored: String,
        /// The verifier key of the signer in the options.
        given: String,
    },
    /// The journal's tenant is leaving: the journal is being dropped, see
    /// `PgJournal::drop_tenant_schema`.
    #[error("the journal is being dropped")]
    Leaving,
    /// A migration that was applied is not the one this version carries.
    #[error("migration {version} was applied in another form than this version knows")]
    MigrationChanged {
        /// The migration's number.
        version: i64,
    },
    /// The journal has another name than the options.
    #[error("the journal is named {stored}, the options say {given}")]
    NameMismatch {
        /// The name the journal was created with.
        stored: String,
        /// The name in the options.
        given: JournalName,
    },
    /// A table is not under row-level security, or under more policies than the journal's own: the
    /// tenants are not kept apart.
    #[error("{table} is not under the journal's row-level security alone")]
    NotIsolated {
        /// The table or view.
        table: String,
    },
    /// There is a database, but no journal in it. It was left as it is.
    #[error("the database holds no journal")]
    NotAJournal,
    /// There is no file of that name. None was created.
    #[error("there is no database file of that name")]
    NotFound,
    /// A journal is created with a key: the options need a signer.
    #[error("creating a journal needs a signer")]
    NoSigner,
    /// The given witnesses cannot be the quorum that the options ask for.
    #[error("the witnesses of the options cannot be {quorum}")]
    Quorum {
        /// The quorum, in words.
        quorum: String,
    },
    /// This database has no row-level security.
    #[error("the database has no row-level security")]
    NoRowSecurity,
    /// The journal was written by an older version of this library and opened for reading only.
    /// Opened for writing, it is brought to the version that is needed.
    #[error("the schema has version {found}, reading it needs {needed}")]
    SchemaBehind {
        /// The newest migration that was applied.
        found: i64,
        /// The newest migration this version carries.
        needed: i64,
    },
    /// A schema name must match `[a-z_][a-z0-9_]{0,62}`.
    #[error("a schema name matches [a-z_][a-z0-9_]{{0,62}}")]
    SchemaName,
    /// A session setting is named by two or more parts in lower case with dots between them, such as
    /// `app.current_workspace`, of 63 bytes at most.
    #[error("a session setting is named like app.current_workspace")]
    SettingName,
    /// The journal's tenants are kept apart in another way than the options say.
    #[error("the journal keeps its tenants apart otherwise than the options say")]
    TenancyMismatch {
        /// How the journal was created.
        stored: Tenancy,
        /// The options'.
        given: Tenancy,
    },
    /// The journal is for one tenant, and the options name another.
    #[error("the journal is another tenant's")]
    TenantMismatch(#[source] TenantMismatch),
    /// A tenant's name has the form of one part of a chain's name.
    #[error("the tenant's name has not the form of one")]
    TenantName(#[source] NameError),
    /// The journal was written by a newer version of this library.
    #[error("the schema has version {found}, this library knows {known} at most")]
    SchemaTooNew {
        /// The newest migration that was applied.
        found: i64,
        /// The newest migration this version carries.
        known: i64,
    },
}

impl From<ErasureError> for OpenError {
    fn from(error: ErasureError) -> Self {
        Self::Erasure(Arc::new(error))
    }
}

impl From<sqlx::Error> for OpenError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
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
            ("1811", DatabaseErrorKind::Constraint),
            ("2067", DatabaseErrorKind::Constraint),
            ("1", DatabaseErrorKind::Other),
            ("40001", DatabaseErrorKind::Busy),
            ("23001", DatabaseErrorKind::Constraint),
            ("53100", DatabaseErrorKind::Full),
            ("57P01", DatabaseErrorKind::Unavailable),
            ("42501", DatabaseErrorKind::Denied),
            ("42P01", DatabaseErrorKind::Other),
        ] {
            assert_eq!(kind_of_code(code), kind, "{code}");
        }
    }

    #[test]
    fn display_is_one_layer() {
        let error = DatabaseError::from(sqlx::Error::PoolTimedOut);
        assert_eq!(error.to_string(), "the database cannot be reached");
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(
            OpenError::SchemaTooNew { found: 9, known: 2 }.to_string(),
            "the schema has version 9, this library knows 2 at most"
        );
    }
}
