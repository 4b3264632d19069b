//! The keys that sign checkpoints, in PostgreSQL.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row};

use crate::backend::Schema;
use crate::backend::key::{KeyRow, KeySql};

impl KeySql for Postgres {
    async fn lock_keys(conn: &mut PgConnection, schema: &Schema, shared: bool) -> sqlx::Result<()> {
        // Beside the keys of the schema's tenants: none of them is named like this.
        let lock = if shared {
            "SELECT pg_advisory_xact_lock_shared(hashtextextended($1 || '//keys', 0))"
        } else {
            "SELECT pg_advisory_xact_lock(hashtextextended($1 || '//keys', 0))"
        };
        sqlx::query(lock).bind(schema.name()).execute(conn).await.map(drop)
    }

    async fn keys(conn: &mut PgConnection, schema: &Schema) -> sqlx::Result<Vec<KeyRow>> {
        sqlx::query(schema.sql(
            "SELECT key, added, covered, retired FROM audit.key ORDER BY added NULLS FIRST, key",
        ))
        .try_map(|row: PgRow| {
            Ok(KeyRow {
                key: row.try_get(0)?,
                added: row.try_get(1)?,
                covered: row.try_get(2)?,
                retired: row.try_get(3)?,
            })
        })
        .fetch_all(conn)
        .await
    }

    async fn set_key(conn: &mut PgConnection, schema: &Schema, row: &KeyRow) -> sqlx::Result<()> {
        let updated = sqlx::query(
            schema.sql("UPDATE audit.key SET covered = $1, retired = $2 WHERE key = $3"),
        )
        .bind(row.covered)
        .bind(row.retired)
        .bind(row.key.as_str())
        .execute(&mut *conn)
        .await?;
        if updated.rows_affected() > 0 {
            return Ok(());
        }
        sqlx::query(
            schema.sql(
                "INSERT INTO audit.key (key, added, covered, retired) VALUES ($1, $2, $3, $4)",
            ),
        )
        .bind(row.key.as_str())
        .bind(row.added)
        .bind(row.covered)
        .bind(row.retired)
        .execute(conn)
        .await
        .map(drop)
    }
}
