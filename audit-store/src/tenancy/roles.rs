//! Roles for those who work with a journal in PostgreSQL, and the SQL that makes them.

use std::fmt;

use crate::backend::Schema;

/// What a role is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JournalRole {
    /// Appends and reads, and does what follows from appending: seals staged events, posts to the
    /// query index, signs and publishes. What is sealed it can neither change nor remove.
    Appender,
    /// Reads all but the directory of data subjects, and writes nothing.
    Auditor,
    /// An appender that may also prune, erase and hold, and add and retire keys. The database lets go only what the journal's
    /// own entries account for.
    Custodian,
}

/// Why a role's SQL was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RolesError {
    /// A role's name must match `[a-z_][a-z0-9_]{0,62}`, and must not start with `pg_`.
    #[error("a role's name matches [a-z_][a-z0-9_]{{0,62}} and does not start with pg_")]
    RoleName,
    /// A schema's name must match `[a-z_][a-z0-9_]{0,62}`.
    #[error("a schema's name matches [a-z_][a-z0-9_]{{0,62}}")]
    SchemaName,
}

/// The SQL that makes one role, or brings one to what this version needs. Run it as the owner of the
/// journal's tables, where he may make roles, or as a superuser, after the journal was created and after each
/// upgrade of this library that brings tables.
///
/// ```
/// use audit_store::{JournalRole, RolesSql};
///
/// let sql = RolesSql::new("audit", JournalRole::Auditor, "acme_auditor")?;
/// assert!(sql.to_string().contains("NOBYPASSRLS"));
/// # Ok::<(), audit_store::RolesError>(())
/// ```
///
/// What a role is granted it can do by plain SQL, too. So an appender can insert rows and move a
/// chain's head forward past the library, which verification finds; and a custodian can sever a person
/// from their pseudonym without an entry that says so. What is sealed neither can change or take away,
/// but for what an entry of the same chain accounts for.
///
/// The role cannot log in: grant it to the login that connects. It is no superuser and is never above
/// row-level security. Whether that login is the owner of the tables, a member of this role or of
/// several, is for the host to say; one that owns the tables can do what owners can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolesSql {
    schema: String,
    role: JournalRole,
    name: String,
}

/// What an appender inserts into.
const INSERTED: &str = "chain, tenant, entry, disclosure, subject, tile, staged, checkpoint, \
                        cosignature, posted, posting, signing, published, schedule";

/// What an appender moves forward, column by column, and what it takes away: staged events that are
/// sealed, and pages of the index, which can be made anew.
const MOVED: &[(&str, &str)] = &[
    ("size, head, range, at, control, incarnation", "chain"),
    ("upto, revision", "posted"),
    ("incarnation, size, at", "signing"),
    ("incarnation, size, failures, failed_at", "published"),
];
const LEAVING: &str = "staged, posting";

/// What an auditor does not read: the host's own ids of people.
const DIRECTORY: &str = "subject";

/// What a custodian does besides.
const CUSTODIAN: &[&str] = &[
    "UPDATE (host, erased, erased_seq) ON {s}.subject",
    "DELETE ON {s}.entry, {s}.disclosure",
    "UPDATE (items) ON {s}.disclosure",
    "INSERT, DELETE ON {s}.hold, {s}.deferred, {s}.condemned",
    "INSERT ON {s}.plan, {s}.permit",
    "UPDATE (plan, since) ON {s}.plan",
    "UPDATE (seq) ON {s}.permit",
    "INSERT ON {s}.key",
    "UPDATE (covered, retired) ON {s}.key",
];

impl RolesSql {
    /// For the journal in that schema, the role of that name.
    ///
    /// # Errors
    ///
    /// [`RolesError`] where a name is not one that can stand in SQL as it is.
    pub fn new(schema: &str, role: JournalRole, name: &str) -> Result<Self, RolesError> {
        Schema::new(schema).map_err(|_| RolesError::SchemaName)?;
        // The same form; what the server reserves for itself begins with `pg_`.
        if Schema::new(name).is_err() || name.starts_with("pg_") {
            return Err(RolesError::RoleName);
        }
        Ok(Self { schema: schema.to_owned(), role, name: name.to_owned() })
    }

    /// The role's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn tables(&self, list: &str) -> String {
        let named: Vec<_> =
            list.split(", ").map(|table| format!("{}.{table}", self.schema)).collect();
        named.join(", ")
    }
}

impl fmt::Display for RolesSql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schema, role, name } = self;
        writeln!(
            f,
            "DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') THEN
        CREATE ROLE {name} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
    END IF;
END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {name};
GRANT USAGE ON SCHEMA {schema} TO {name};
GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {name};"
        )?;
        if *role == JournalRole::Auditor {
            return writeln!(f, "REVOKE ALL ON {} FROM {name};", self.tables(DIRECTORY));
        }
        writeln!(f, "GRANT INSERT ON {} TO {name};", self.tables(INSERTED))?;
        for (columns, table) in MOVED {
            writeln!(f, "GRANT UPDATE ({columns}) ON {} TO {name};", self.tables(table))?;
        }
        writeln!(f, "GRANT DELETE ON {} TO {name};", self.tables(LEAVING))?;
        writeln!(
            f,
            "GRANT EXECUTE ON FUNCTION {schema}.ready_to_seal(), \
             {schema}.tenants_with_staged(text) TO {name};"
        )?;
        if *role == JournalRole::Custodian {
            for grant in CUSTODIAN {
                writeln!(f, "GRANT {} TO {name};", grant.replace("{s}", schema))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_sql_are_refused() {
        for bad in ["", "A", "a b", "a;b", "a\"b", "a'b", "pg_read_all_data", "1a", "a-b", "ä"] {
            let refused = RolesSql::new("audit", JournalRole::Auditor, bad);
            assert_eq!(refused, Err(RolesError::RoleName), "{bad}");
        }
        let refused = RolesSql::new("a.b", JournalRole::Auditor, "auditor");
        assert_eq!(refused, Err(RolesError::SchemaName));
    }

    #[test]
    fn an_auditor_is_granted_nothing_but_reading() {
        let sql = RolesSql::new("log", JournalRole::Auditor, "auditor").unwrap().to_string();
        for word in ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "audit."] {
            assert!(!sql.contains(word), "{word}");
        }
        let sql = RolesSql::new("log", JournalRole::Appender, "app").unwrap().to_string();
        assert!(sql.contains("GRANT UPDATE (upto, revision) ON log.posted TO app;"), "{sql}");
    }
}
