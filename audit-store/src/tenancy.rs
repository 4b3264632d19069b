//! Keeping tenants apart.

use std::ops::{Deref, DerefMut};

use sqlx::Transaction;
use sqlx::pool::PoolConnection;

use crate::backend::Backend;
use crate::backend::begin::begin;
use crate::journal::Store;

#[cfg(feature = "postgres")]
pub(crate) mod offboard;
pub(crate) mod open;
pub(crate) mod roles;

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

/// A tenant was asked for that the handle is not for, or whom the host's transaction does not name.
/// Nothing was read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("asked for is the tenant {given:?}, open is {bound:?}")]
#[non_exhaustive]
pub struct TenantMismatch {
    /// The tenant that the handle is for, or that the transaction names; empty where it names none.
    pub bound: String,
    /// The tenant that was asked for.
    pub given: String,
}

impl TenantMismatch {
    /// On its way through those parts that know errors of the database only.
    fn into_sqlx(self) -> sqlx::Error {
        sqlx::Error::Configuration(Box::new(self))
    }

    /// Whether that is what an error is.
    pub(crate) fn of(error: &sqlx::Error) -> Option<Self> {
        match error {
            sqlx::Error::Configuration(source) => source.downcast_ref().cloned(),
            _ => None,
        }
    }
}

/// One round of a task that works for all tenants: for all at once, or for one where the database
/// shows one at a time.
pub(crate) type Round = Option<String>;

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
    /// Refuses what is another tenant's, where the handle is for one.
    pub(crate) fn admit(&self, tenant: &str) -> Result<(), TenantMismatch> {
        match &self.bound {
            Some(bound) if bound != tenant => {
                Err(TenantMismatch { bound: bound.clone(), given: tenant.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Whether the tenants' rows are kept apart by the database.
    pub(crate) fn isolates(&self) -> bool {
        self.options.tenancy.setting().is_some()
    }

    /// Names the tenant whose rows the open transaction is about, where the database asks for it.
    /// Called right after a transaction of the journal's own has begun, never in one of the host's:
    /// there the setting may be the host's.
    pub(crate) async fn enter_tenant(
        &self,
        conn: &mut DB::Connection,
        tenant: &str,
    ) -> sqlx::Result<()> {
        self.admit(tenant).map_err(TenantMismatch::into_sqlx)?;
        match self.options.tenancy.setting() {
            Some(setting) => DB::enter_tenant(conn, setting, tenant).await,
            None => Ok(()),
        }
    }

    /// Refuses a tenant whom a transaction of the host's does not name, where the database asks for
    /// it: the setting is the host's there, and is left as it is.
    pub(crate) async fn check_entered(
        &self,
        conn: &mut DB::Connection,
        tenant: &str,
    ) -> sqlx::Result<()> {
        self.admit(tenant).map_err(TenantMismatch::into_sqlx)?;
        let Some(setting) = self.options.tenancy.setting() else { return Ok(()) };
        let bound = DB::entered_tenant(conn, setting).await?.unwrap_or_default();
        if bound == tenant {
            return Ok(());
        }
        Err(TenantMismatch { bound, given: tenant.to_owned() }.into_sqlx())
    }

    /// A connection to read a tenant's rows over.
    pub(crate) async fn read(&self, tenant: &str) -> sqlx::Result<Session<DB>> {
        self.admit(tenant).map_err(TenantMismatch::into_sqlx)?;
        self.read_in(Some(tenant)).await
    }

    /// As [`read`](Self::read), in a round.
    pub(crate) async fn read_in(&self, round: Option<&str>) -> sqlx::Result<Session<DB>> {
        let Some((setting, tenant)) = self.options.tenancy.setting().zip(round) else {
            return self.pool.acquire().await.map(Session::Connection);
        };
        let mut tx = begin(&self.pool, DB::BEGIN_READ).await?;
        DB::enter_tenant(&mut tx, setting, tenant).await?;
        Ok(Session::Transaction(tx))
    }

    /// A connection for one statement that writes a tenant's rows.
    pub(crate) async fn write(&self, tenant: &str) -> sqlx::Result<Session<DB>> {
        self.admit(tenant).map_err(TenantMismatch::into_sqlx)?;
        if !self.isolates() {
            return self.writer.acquire().await.map(Session::Connection);
        }
        self.begin_write_for(tenant).await.map(Session::Transaction)
    }

    /// Begins a transaction that sees one state of a tenant's rows.
    pub(crate) async fn begin_snapshot(
        &self,
        tenant: &str,
    ) -> sqlx::Result<Transaction<'static, DB>> {
        let mut tx = begin(&self.pool, DB::BEGIN_SNAPSHOT).await?;
        self.enter_tenant(&mut tx, tenant).await?;
        Ok(tx)
    }

    /// Begins a transaction of the journal's own that writes a tenant's rows.
    pub(crate) async fn begin_write_for(
        &self,
        tenant: &str,
    ) -> sqlx::Result<Transaction<'static, DB>> {
        let mut tx = self.begin_write().await?;
        self.enter_tenant(&mut tx, tenant).await?;
        Ok(tx)
    }

    /// As [`begin_write_for`](Self::begin_write_for), in a round.
    pub(crate) async fn begin_write_in(
        &self,
        round: Option<&str>,
    ) -> sqlx::Result<Transaction<'static, DB>> {
        match round {
            Some(tenant) => self.begin_write_for(tenant).await,
            None => self.begin_write().await,
        }
    }

    /// The rounds in which a task works for all tenants, or for the one that the handle is for.
    pub(crate) async fn rounds(&self) -> sqlx::Result<Vec<Round>> {
        if let Some(rounds) = self.one_round() {
            return Ok(rounds);
        }
        let mut conn = self.pool.acquire().await?;
        let tenants = DB::tenants(&mut conn, &self.schema).await?;
        // The role was looked at when the journal was opened; one that has since been raised above
        // row-level security sees everything in one round.
        Ok(tenants.map_or_else(|| vec![None], |all| all.into_iter().map(Some).collect()))
    }

    /// Those of them in which there is something staged, or may be.
    pub(crate) async fn rounds_with_staged(&self) -> sqlx::Result<Vec<Round>> {
        if let Some(rounds) = self.one_round() {
            return Ok(rounds);
        }
        let Some(setting) = self.options.tenancy.setting() else { return Ok(vec![None]) };
        // A transaction, so that what the look names is named no longer.
        let mut tx = begin(&self.pool, DB::BEGIN_READ).await?;
        let tenants = DB::tenants_with_staged(&mut tx, &self.schema, setting).await?;
        tx.rollback().await?;
        Ok(tenants.into_iter().map(Some).collect())
    }

    /// Those of them in which these chains are seen: all where a chain is not known any more.
    pub(crate) async fn rounds_of(&self, chains: &[i64]) -> sqlx::Result<Vec<Round>> {
        if let Some(rounds) = self.one_round() {
            return Ok(rounds);
        }
        match self.heads.tenants(chains) {
            Some(tenants) => Ok(tenants.into_iter().map(Some).collect()),
            None => self.rounds().await,
        }
    }

    /// Where one round is enough.
    fn one_round(&self) -> Option<Vec<Round>> {
        if !self.isolates() {
            return Some(vec![None]);
        }
        self.bound.clone().map(|bound| vec![Some(bound)])
    }
}
