//! Creating and opening in PostgreSQL.

use sqlx::{AssertSqlSafe, Executor, PgConnection, Postgres, Row};

use crate::backend::Schema;
use crate::backend::setup::{JournalRow, SetupSql};
use crate::migrate::MigrationText;

/// The advisory lock of migrations, of any schema ("audit_mg").
const LOCK: i64 = 0x6175_6469_745f_6d67;

impl SetupSql for Postgres {
    const MIGRATIONS: &'static [MigrationText] = &[
        MigrationText::new(
            1,
            "journal",
            include_str!("../../../migrations/postgres/0001_journal.sql"),
        ),
        MigrationText::new(2, "index", include_str!("../../../migrations/postgres/0002_index.sql")),
        MigrationText::new(
            3,
            "checkpoint",
            include_str!("../../../migrations/postgres/0003_checkpoint.sql"),
        ),
        MigrationText::new(
            4,
            "erasure",
            include_str!("../../../migrations/postgres/0004_erasure.sql"),
        ),
        MigrationText::new(5, "hold", include_str!("../../../migrations/postgres/0005_hold.sql")),
        MigrationText::new(
            6,
            "tenancy",
            include_str!("../../../migrations/postgres/0006_tenancy.sql"),
        ),
        MigrationText::new(
            7,
            "restore",
            include_str!("../../../migrations/postgres/0007_restore.sql"),
        ),
        MigrationText::new(
            8,
            "retention",
            include_str!("../../../migrations/postgres/0008_retention.sql"),
        ),
        MigrationText::new(9, "key", include_str!("../../../migrations/postgres/0009_key.sql")),
        MigrationText::new(
            10,
            "sever",
            include_str!("../../../migrations/postgres/0010_sever.sql"),
        ),
    ];

    /// Whatever the role's default, and so that a lock's waiter reads what its holder wrote.
    const BEGIN: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED";

    async fn lock_migrations(conn: &mut PgConnection) -> sqlx::Result<()> {
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(conn).await.map(drop)
    }

    async fn ensure_migrations(conn: &mut PgConnection, schema: &Schema) -> sqlx::Result<()> {
        // Not IF NOT EXISTS, which needs the privilege even where there is nothing to do.
        let there: bool = sqlx::query_scalar("SELECT to_regnamespace($1) IS NOT NULL")
            .bind(schema.name())
            .fetch_one(&mut *conn)
            .await?;
        if !there {
            // Safe: the name was checked when it was given.
            conn.execute(AssertSqlSafe(format!("CREATE SCHEMA {}", schema.name()))).await?;
        }
        conn.execute(schema.sql(
            "CREATE TABLE IF NOT EXISTS audit._audit_store_migrations (
                version    bigint PRIMARY KEY,
                name       text   NOT NULL,
                checksum   bytea  NOT NULL CHECK (octet_length(checksum) = 32),
                applied_at bigint NOT NULL
            )",
        ))
        .await
        .map(drop)
    }

    async fn applied_migrations(
        conn: &mut PgConnection,
        schema: &Schema,
    ) -> sqlx::Result<Option<Vec<(i64, Vec<u8>)>>> {
        let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(format!("{}._audit_store_migrations", schema.name()))
            .fetch_one(&mut *conn)
            .await?;
        if !there {
            return Ok(None);
        }
        sqlx::query_as(
            schema.sql(
                "SELECT version, checksum FROM audit._audit_store_migrations ORDER BY version",
            ),
        )
        .fetch_all(conn)
        .await
        .map(Some)
    }

    async fn apply_migration(
        conn: &mut PgConnection,
        schema: &Schema,
        migration: &MigrationText,
        now: i64,
    ) -> sqlx::Result<()> {
        // Safe: the name was checked when it was given.
        let path = format!("SET LOCAL search_path TO {}, pg_temp", schema.name());
        conn.execute(AssertSqlSafe(path)).await?;
        sqlx::raw_sql(migration.sql).execute(&mut *conn).await?;
        sqlx::query(schema.sql("INSERT INTO audit._audit_store_migrations VALUES ($1, $2, $3, $4)"))
            .bind(migration.version)
            .bind(migration.name)
            .bind(migration.checksum())
            .bind(now)
            .execute(conn)
            .await
            .map(drop)
    }

    async fn journal_row(
        conn: &mut PgConnection,
        schema: &Schema,
    ) -> sqlx::Result<Option<JournalRow>> {
        sqlx::query(schema.sql("SELECT name, key FROM audit.journal"))
            .fetch_optional(conn)
            .await?
            .map(|row| Ok(JournalRow { name: row.try_get(0)?, key: row.try_get(1)? }))
            .transpose()
    }

    async fn insert_journal_row(
        conn: &mut PgConnection,
        schema: &Schema,
        row: &JournalRow,
    ) -> sqlx::Result<()> {
        sqlx::query(
            schema.sql("INSERT INTO audit.journal (one, format, name, key) VALUES (1, 1, $1, $2)"),
        )
        .bind(row.name.as_str())
        .bind(row.key.as_str())
        .execute(conn)
        .await
        .map(drop)
    }
}
