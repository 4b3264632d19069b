//! Keeping tenants apart.

use std::future::Future;

use sqlx::Database;

use crate::backend::Schema;

/// The row of the table `tenancy`: what holds for the whole journal from its creation on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenancyRow {
    /// The session setting that row-level security goes by.
    pub setting: Option<String>,
    /// The tenant that the journal is for.
    pub tenant: Option<String>,
    /// What the key of the subject directory is recognised by.
    pub subject_key: Option<Vec<u8>>,
    /// Whether it is being dropped.
    pub leaving: bool,
}

/// Keeping tenants apart.
pub trait TenancySql: Database {
    /// Whether there is row-level security.
    const ROW_SECURITY: bool;

    /// How a transaction begins that only reads, each statement what is committed by then.
    const BEGIN_READ: &'static str;

    /// Names the tenant whose rows the open transaction is about, until it ends.
    fn enter_tenant(
        conn: &mut Self::Connection,
        setting: &str,
        tenant: &str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// The tenant that the session names.
    fn entered_tenant(
        conn: &mut Self::Connection,
        setting: &str,
    ) -> impl Future<Output = sqlx::Result<Option<String>>> + Send;

    /// The names of the tenants that have a chain, for whoever sees the rows of one at a time;
    /// nothing where the session sees all rows.
    fn tenants(
        conn: &mut Self::Connection,
        schema: &Schema,
    ) -> impl Future<Output = sqlx::Result<Option<Vec<String>>>> + Send;

    /// Of those the ones that have something staged.
    fn tenants_with_staged(
        conn: &mut Self::Connection,
        schema: &Schema,
        setting: &str,
    ) -> impl Future<Output = sqlx::Result<Vec<String>>> + Send;

    /// What the journal was created with; the default where nothing is said.
    fn tenancy_row(
        conn: &mut Self::Connection,
        schema: &Schema,
    ) -> impl Future<Output = sqlx::Result<TenancyRow>> + Send;

    /// Writes that.
    fn insert_tenancy_row(
        conn: &mut Self::Connection,
        schema: &Schema,
        row: &TenancyRow,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Puts all tables under row-level security by that setting.
    fn isolate(
        conn: &mut Self::Connection,
        schema: &Schema,
        setting: &str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Lets the tables' owner see all rows, until [`isolate`](Self::isolate).
    fn suspend_isolation(
        conn: &mut Self::Connection,
        schema: &Schema,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// The first table or view that is not under row-level security by that setting, and by
    /// nothing wider.
    fn not_isolated(
        conn: &mut Self::Connection,
        schema: &Schema,
        setting: &str,
    ) -> impl Future<Output = sqlx::Result<Option<String>>> + Send;

    /// The role of the session, where row-level security does not apply to it.
    fn role_above(
        conn: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<Option<String>>> + Send;
}
