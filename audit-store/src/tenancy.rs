//! Keeping tenants apart.

use std::ops::{Deref, DerefMut};

use sqlx::Transaction;
use sqlx::pool::PoolConnection;

use crate::backend::Backend;
use crate::journal::Store;

/// How the tenants of one journal are kept apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tenancy {
    /// By this library: every statement of it names its chain or its tenant, and the database has
    /// no opinion. Whoever may read the tables may read all tenants' rows.
    #[default]
    ByCaller,
    /// By the database as well: row-level security of PostgreSQL, forced on the tables' owner too.
    /// A session sees and writes the rows of the tenant that `setting` names, and none where it
    /// is not set.
    RowLevelSecurity {
        /// The name of the session setting, such as [`SETTING`](Self::SETTING).
        setting: String,
    },
}

impl Tenancy {
    /// The session setting that names the tenant where the host has no other: its own policies
    /// may read the same one.
    pub const SETTING: &'static str = "app.current_workspace";

    /// Row-level security with the default name of the setting.
    #[must_use]
    pub fn row_level_security() -> Self {
        Self::RowLevelSecurity { setting: Self::SETTING.to_owned() }
    }

    /// The setting that row-level security goes by.
    pub(crate) fn setting(&self) -> Option<&str> {
        match self {
            Self::ByCaller => None,
            Self::RowLevelSecurity { setting } => Some(setting),
        }
    }
}

/// A connection for a tenant's rows. Under row-level security it is a transaction, since the tenant
/// is named for one transaction only; dropped without a commit it has only read.
#[derive(Debug)]
pub(crate) enum Session<DB: Backend> {
    Connection(PoolConnection<DB>),
    Transaction(Transaction<'static, DB>),
}

impl<DB: Backend> Deref for Session<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Connection(conn) => conn,
            Self::Transaction(tx) => tx,
        }
    }
}

impl<DB: Backend> DerefMut for Session<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Connection(conn) => conn,
            Self::Transaction(tx) => tx,
        }
    }
}

impl<DB: Backend> Session<DB> {
    /// Makes what was written by single statements last.
    pub(crate) async fn commit(self) -> sqlx::Result<()> {
        match self {
            Self::Connection(_) => Ok(()),
            Self::Transaction(tx) => tx.commit().await,
        }
    }
}

impl<DB: Backend> Store<DB> {
    /// Names the tenant whose rows the open transaction is about, where the database asks for it.
    /// Called right after a transaction of the journal's own has begun, never in one of the host's:
    /// there the setting may be the host's.
    pub(crate) async fn enter_tenant(
        &self,
        conn: &mut DB::Connection,
        tenant: &str,
    ) -> sqlx::Result<()> {
        match self.options.tenancy.setting() {
            Some(setting) => DB::enter_tenant(conn, setting, tenant).await,
            None => Ok(()),
        }
    }

    /// A connection to read a tenant's rows over.
    pub(crate) async fn read(&self, tenant: &str) -> sqlx::Result<Session<DB>> {
        if self.options.tenancy.setting().is_none() {
            return self.pool.acquire().await.map(Session::Connection);
        }
        let mut tx = self.pool.begin_with(DB::BEGIN_READ).await?;
        self.enter_tenant(&mut tx, tenant).await?;
        Ok(Session::Transaction(tx))
    }

    /// A connection for one statement that writes a tenant's rows.
    pub(crate) async fn write(&self, tenant: &str) -> sqlx::Result<Session<DB>> {
        if self.options.tenancy.setting().is_none() {
            return self.writer.acquire().await.map(Session::Connection);
        }
        self.begin_write_for(tenant).await.map(Session::Transaction)
    }

    /// Begins a transaction that sees one state of a tenant's rows.
    pub(crate) async fn begin_snapshot(
        &self,
        tenant: &str,
    ) -> sqlx::Result<Transaction<'static, DB>> {
        let mut tx = self.pool.begin_with(DB::BEGIN_SNAPSHOT).await?;
        self.enter_tenant(&mut tx, tenant).await?;
        Ok(tx)
    }

    /// Begins a transaction of the journal's own that writes a tenant's rows.
    pub(crate) async fn begin_write_for(
        &self,
        tenant: &str,
    ) -> sqlx::Result<Transaction<'static, DB>> {
        let mut tx = self.writer.begin_with(DB::BEGIN).await?;
        self.enter_tenant(&mut tx, tenant).await?;
        Ok(tx)
    }
}
