//! The keys that sign checkpoints, in SQLite.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};

use crate::backend::Schema;
use crate::backend::key::{KeyRow, KeySql};

impl KeySql for Sqlite {
    /// `BEGIN IMMEDIATE` has locked already.
    async fn lock_keys(
        _conn: &mut SqliteConnection,
        _schema: &Schema,
        _shared: bool,
    ) -> sqlx::Result<()> {
        Ok(())
    }

    async fn keys(conn: &mut SqliteConnection, _schema: &Schema) -> sqlx::Result<Vec<KeyRow>> {
        sqlx::query(
            "SELECT key, added, covered, retired FROM audit_key ORDER BY added NULLS FIRST, key",
        )
        .try_map(|row: SqliteRow| {
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

    /// A trigger refuses to insert what is there, so an update comes first.
    async fn set_key(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        row: &KeyRow,
    ) -> sqlx::Result<()> {
        let updated = sqlx::query("UPDATE audit_key SET covered = ?, retired = ? WHERE key = ?")
            .bind(row.covered)
            .bind(row.retired)
            .bind(row.key.as_str())
            .execute(&mut *conn)
            .await?;
        if updated.rows_affected() > 0 {
            return Ok(());
        }
        sqlx::query("INSERT INTO audit_key (key, added, covered, retired) VALUES (?, ?, ?, ?)")
            .bind(row.key.as_str())
            .bind(row.added)
            .bind(row.covered)
            .bind(row.retired)
            .execute(conn)
            .await
            .map(drop)
    }
}
