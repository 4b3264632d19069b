//! Keeping tenants apart.

use std::future::Future;

use sqlx::Database;

/// Keeping tenants apart.
pub trait TenancySql: Database {
    /// How a transaction begins that only reads, each statement what is committed by then.
    const BEGIN_READ: &'static str;

    /// Names the tenant whose rows the open transaction is about, until it ends.
    fn enter_tenant(
        conn: &mut Self::Connection,
        setting: &str,
        tenant: &str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}
