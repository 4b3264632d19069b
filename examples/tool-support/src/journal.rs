//! A journal in whichever database it stands.

use std::path::Path;

use audit_core::{JournalName, SigningKey};
use audit_store::{JournalOptions, OpenError, PgJournal, SqliteJournal, Tenancy};

use crate::{Database, During, Failure};

/// An open journal. [`with_journal!`](crate::with_journal) says what to do with it.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "the two databases there are; private to these tools")]
pub enum AnyJournal {
    /// In PostgreSQL.
    Postgres(PgJournal),
    /// In a SQLite file.
    Sqlite(SqliteJournal),
}

/// Does the same with a journal in either database: `with_journal!(journal, j => j.close().await)`.
#[macro_export]
macro_rules! with_journal {
    ($any:expr, $journal:ident => $body:expr) => {
        match $any {
            $crate::AnyJournal::Postgres($journal) => $body,
            $crate::AnyJournal::Sqlite($journal) => $body,
        }
    };
}

impl AnyJournal {
    /// Opens the journal that is there, whatever its name; `None` where there is none. Never
    /// creates anything.
    ///
    /// # Errors
    ///
    /// Where the database cannot be opened, is of a newer version, or has another key.
    pub async fn find(
        database: &Database,
        key: Option<&SigningKey>,
    ) -> Result<Option<Self>, Failure> {
        let Some((name, tenancy)) = found(database).await? else { return Ok(None) };
        let journal = open(database, &options(name, key)?.tenancy(tenancy)).await;
        journal.map(Some).during(format!("cannot open {database}"))
    }

    /// Opens the journal that is there without the means to change it.
    ///
    /// # Errors
    ///
    /// Those of [`find`](Self::find), and where there is none.
    pub async fn read(database: &Database) -> Result<Self, Failure> {
        let (name, tenancy) = found(database)
            .await?
            .ok_or_else(|| Failure::new(format!("there is no journal in {database}")))?;
        let journal = open(database, &options(name, None)?.tenancy(tenancy).read_only()).await;
        journal.during(format!("cannot open {database}"))
    }

    /// Makes a journal where there is none.
    ///
    /// # Errors
    ///
    /// Where there is one, or the database cannot be written.
    pub async fn create(
        database: &Database,
        name: JournalName,
        key: &SigningKey,
    ) -> Result<Self, Failure> {
        let options = options(name, Some(key))?;
        match database {
            Database::Postgres(url) => PgJournal::create(url, &options).await.map(Self::Postgres),
            Database::Sqlite(path) => {
                if path.parent().is_some_and(|parent| !is_folder(parent)) {
                    return Err(Failure::new(format!("the folder of {database} does not exist")));
                }
                SqliteJournal::create(path, &options).await.map(Self::Sqlite)
            }
        }
        .during(format!("cannot make a journal in {database}"))
    }

    /// Refuses a tenant of whom there is no chain: that nothing is found of somebody who was misspelt
    /// is no answer.
    ///
    /// # Errors
    ///
    /// Where there is none, or the chains cannot be read.
    pub async fn knows_tenant(&self, tenant: &str) -> Result<(), Failure> {
        let chains = with_journal!(self, journal => journal.chains().await);
        if chains.during("cannot read the chains")?.iter().any(|chain| chain.tenant() == tenant) {
            return Ok(());
        }
        Err(Failure::new(format!("there is no chain of a tenant {tenant}")))
    }

    /// Ends it in good order.
    pub async fn close(self) {
        with_journal!(self, journal => journal.close().await);
    }
}

/// The name of the journal that is there, and how it keeps its tenants apart.
async fn found(database: &Database) -> Result<Option<(JournalName, Tenancy)>, Failure> {
    let identity = match database {
        Database::Postgres(url) => PgJournal::identify(url, JournalOptions::SCHEMA).await,
        Database::Sqlite(path) => SqliteJournal::identify(path).await,
    };
    match identity {
        Ok(identity) => JournalName::new(&identity.name)
            .map(|name| Some((name, identity.tenancy)))
            .during(format!("the name of the journal in {database}")),
        Err(OpenError::NotAJournal | OpenError::NotFound) => Ok(None),
        Err(error) => Err(Failure::because(format!("cannot open {database}"), &error)),
    }
}

fn is_folder(parent: &Path) -> bool {
    parent.as_os_str().is_empty() || parent.is_dir()
}

fn options(name: JournalName, key: Option<&SigningKey>) -> Result<JournalOptions, Failure> {
    let options = JournalOptions::new(name);
    Ok(match key {
        None => options,
        // The key has no copy of its own, on purpose; under the same name it is the same key.
        Some(key) => options.signer(key.renamed(key.verifier().name()).during("the key")?),
    })
}

async fn open(database: &Database, options: &JournalOptions) -> Result<AnyJournal, OpenError> {
    match database {
        Database::Postgres(url) => PgJournal::open(url, options).await.map(AnyJournal::Postgres),
        Database::Sqlite(path) => SqliteJournal::open(path, options).await.map(AnyJournal::Sqlite),
    }
}
