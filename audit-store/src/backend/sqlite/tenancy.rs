//! Keeping tenants apart in SQLite: a file each, or by the caller.

use sqlx::{Row, Sqlite, SqliteConnection};

use crate::backend::Schema;
use crate::backend::tenancy::{TenancyRow, TenancySql};

/// A file has no sessions that differ in what they may see, so most of it is nothing.
impl TenancySql for Sqlite {
    const ROW_SECURITY: bool = false;

    const BEGIN_READ: &'static str = "BEGIN";

    async fn enter_tenant(_: &mut SqliteConnection, _: &str, _: &str) -> sqlx::Result<()> {
        Ok(())
    }

    async fn entered_tenant(_: &mut SqliteConnection, _: &str) -> sqlx::Result<Option<String>> {
        Ok(None)
    }

    async fn tenants(_: &mut SqliteConnection, _: &Schema) -> sqlx::Result<Option<Vec<String>>> {
        Ok(None)
    }

    async fn tenants_with_staged(
        _: &mut SqliteConnection,
        _: &Schema,
        _: &str,
    ) -> sqlx::Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn tenancy_row(conn: &mut SqliteConnection, _: &Schema) -> sqlx::Result<TenancyRow> {
        let row = sqlx::query("SELECT tenant, subject_key FROM audit_tenancy")
            .fetch_optional(conn)
            .await?;
        row.map_or(Ok(TenancyRow::default()), |row| {
            Ok(TenancyRow {
                setting: None,
                tenant: row.try_get(0)?,
                subject_key: row.try_get(1)?,
                leaving: false,
            })
        })
    }

    async fn insert_tenancy_row(
        conn: &mut SqliteConnection,
        _: &Schema,
        row: &TenancyRow,
    ) -> sqlx::Result<()> {
        sqlx::query("INSERT INTO audit_tenancy (one, tenant, subject_key) VALUES (1, ?, ?)")
            .bind(row.tenant.as_deref())
            .bind(row.subject_key.as_deref())
            .execute(conn)
            .await
            .map(drop)
    }

    async fn isolate(_: &mut SqliteConnection, _: &Schema, _: &str) -> sqlx::Result<()> {
        Ok(())
    }

    async fn suspend_isolation(_: &mut SqliteConnection, _: &Schema) -> sqlx::Result<()> {
        Ok(())
    }

    async fn not_isolated(
        _: &mut SqliteConnection,
        _: &Schema,
        _: &str,
    ) -> sqlx::Result<Option<String>> {
        Ok(None)
    }

    async fn role_above(_: &mut SqliteConnection) -> sqlx::Result<Option<String>> {
        Ok(None)
    }
}
