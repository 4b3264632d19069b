//! Creating and opening in SQLite.

use sqlx::{Executor, Row, Sqlite, SqliteConnection};

use crate::backend::Schema;
use crate::backend::setup::{JournalRow, SetupSql};
use crate::migrate::MigrationText;

impl SetupSql for Sqlite {
    const MIGRATIONS: &'static [MigrationText] = &[
        MigrationText::new(
            1,
            "journal",
            include_str!("../../../migrations/sqlite/0001_journal.sql"),
        ),
        MigrationText::new(2, "index", include_str!("../../../migrations/sqlite/0002_index.sql")),
        MigrationText::new(
            3,
            "checkpoint",
            include_str!("../../../migrations/sqlite/0003_checkpoint.sql"),
        ),
        MigrationText::new(
            4,
            "erasure",
            include_str!("../../../migrations/sqlite/0004_erasure.sql"),
        ),
        MigrationText::new(5, "hold", include_str!("../../../migrations/sqlite/0005_hold.sql")),
        MigrationText::new(
            6,
            "tenancy",
            include_str!("../../../migrations/sqlite/0006_tenancy.sql"),
        ),
        MigrationText::new(
            7,
            "restore",
            include_str!("../../../migrations/sqlite/0007_restore.sql"),
        ),
        MigrationText::new(
            8,
            "retention",
            include_str!("../../../migrations/sqlite/0008_retention.sql"),
        ),
        MigrationText::new(9, "key", include_str!("../../../migrations/sqlite/0009_key.sql")),
        MigrationText::new(10, "sever", include_str!("../../../migrations/sqlite/0010_sever.sql")),
    ];

    const BEGIN: &'static str = "BEGIN IMMEDIATE";

    /// `BEGIN IMMEDIATE` has locked already.
    async fn lock_migrations(_conn: &mut SqliteConnection) -> sqlx::Result<()> {
        Ok(())
    }

    async fn ensure_migrations(conn: &mut SqliteConnection, _schema: &Schema) -> sqlx::Result<()> {
        conn.execute(
            "CREATE TABLE IF NOT EXISTS _audit_store_migrations (
                version    INTEGER PRIMARY KEY,
                name       TEXT    NOT NULL,
                checksum   BLOB    NOT NULL CHECK (length(checksum) = 32),
                applied_at INTEGER NOT NULL
            ) STRICT",
        )
        .await
        .map(drop)
    }

    async fn applied_migrations(
        conn: &mut SqliteConnection,
        _schema: &Schema,
    ) -> sqlx::Result<Option<Vec<(i64, Vec<u8>)>>> {
        let there = sqlx::query(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_audit_store_migrations'",
        )
        .fetch_optional(&mut *conn)
        .await?;
        if there.is_none() {
            return Ok(None);
        }
        sqlx::query_as("SELECT version, checksum FROM _audit_store_migrations ORDER BY version")
            .fetch_all(conn)
            .await
            .map(Some)
    }

    async fn apply_migration(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        migration: &MigrationText,
        now: i64,
    ) -> sqlx::Result<()> {
        sqlx::raw_sql(migration.sql).execute(&mut *conn).await?;
        sqlx::query("INSERT INTO _audit_store_migrations VALUES (?, ?, ?, ?)")
            .bind(migration.version)
            .bind(migration.name)
            .bind(migration.checksum())
            .bind(now)
            .execute(conn)
            .await
            .map(drop)
    }

    async fn journal_row(
        conn: &mut SqliteConnection,
        _schema: &Schema,
    ) -> sqlx::Result<Option<JournalRow>> {
        sqlx::query("SELECT name, key FROM audit_journal")
            .fetch_optional(conn)
            .await?
            .map(|row| Ok(JournalRow { name: row.try_get(0)?, key: row.try_get(1)? }))
            .transpose()
    }

    async fn insert_journal_row(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        row: &JournalRow,
    ) -> sqlx::Result<()> {
        sqlx::query("INSERT INTO audit_journal (one, format, name, key) VALUES (1, 1, ?, ?)")
            .bind(row.name.as_str())
            .bind(row.key.as_str())
            .execute(conn)
            .await
            .map(drop)
    }
}
