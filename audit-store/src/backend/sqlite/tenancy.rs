//! Keeping tenants apart in SQLite: a file each, or by the caller.

use sqlx::{Sqlite, SqliteConnection};

use crate::backend::tenancy::TenancySql;

impl TenancySql for Sqlite {
    const BEGIN_READ: &'static str = "BEGIN";

    /// A file has no sessions that differ in what they may see.
    async fn enter_tenant(_: &mut SqliteConnection, _: &str, _: &str) -> sqlx::Result<()> {
        Ok(())
    }
}
