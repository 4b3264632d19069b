//! Keeping tenants apart in PostgreSQL.

use sqlx::{PgConnection, Postgres};

use crate::backend::tenancy::TenancySql;

impl TenancySql for Postgres {
    const BEGIN_READ: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";

    async fn enter_tenant(
        conn: &mut PgConnection,
        setting: &str,
        tenant: &str,
    ) -> sqlx::Result<()> {
        sqlx::query("SELECT set_config($1, $2, true)")
            .bind(setting)
            .bind(tenant)
            .execute(conn)
            .await
            .map(drop)
    }
}
