//! The subject directory, and events that wait for the sequencer, in SQLite.

use audit_core::ChainId;
use sqlx::{Row, Sqlite, SqliteConnection};

use crate::backend::Schema;
use crate::backend::stage::{StageSql, StagedChain, StagedRow};

impl StageSql for Sqlite {
    async fn subjects(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        tenant: &str,
        hosts: &[String],
    ) -> sqlx::Result<Vec<(String, Vec<u8>)>> {
        let hosts = serde_json::Value::from(hosts).to_string();
        sqlx::query_as(
            "SELECT subject.host, subject.ref FROM json_each(?2) AS wanted
             JOIN audit_subject AS subject ON subject.tenant = ?1 AND subject.host = wanted.value",
        )
        .bind(tenant)
        .bind(hosts)
        .fetch_all(conn)
        .await
    }

    async fn insert_subject(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        tenant: &str,
        host: &str,
        subject: [u8; 16],
    ) -> sqlx::Result<()> {
        // Not ON CONFLICT: the trigger against replacing would speak up first.
        sqlx::query(
            "INSERT INTO audit_subject (tenant, ref, host)
             SELECT ?1, ?2, ?3
             WHERE NOT EXISTS (SELECT 1 FROM audit_subject WHERE tenant = ?1 AND host = ?3)",
        )
        .bind(tenant)
        .bind(subject.to_vec())
        .bind(host)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn erased(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        tenant: &str,
        refs: &[[u8; 16]],
    ) -> sqlx::Result<Vec<Vec<u8>>> {
        let mut erased = Vec::new();
        for subject in refs {
            let found: Option<Vec<u8>> = sqlx::query_scalar(
                "SELECT ref FROM audit_subject WHERE tenant = ? AND ref = ? AND erased IS NOT NULL",
            )
            .bind(tenant)
            .bind(subject.to_vec())
            .fetch_optional(&mut *conn)
            .await?;
            erased.extend(found);
        }
        Ok(erased)
    }

    async fn insert_staged(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        (chain, _): (i64, &ChainId),
        row: &StagedRow,
        at: i64,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO audit_staged (chain, event_id, body, disclosures, timed, staged_at)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(chain)
        .bind(row.event_id)
        .bind(row.body.as_str())
        .bind(row.disclosures.as_str())
        .bind(row.timed)
        .bind(at)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn staged_chains(
        conn: &mut SqliteConnection,
        _schema: &Schema,
    ) -> sqlx::Result<Vec<StagedChain>> {
        sqlx::query_as(
            "SELECT id, tenant, series FROM audit_chain
             WHERE id IN (SELECT chain FROM audit_staged) ORDER BY id",
        )
        .fetch_all(conn)
        .await
    }

    async fn staged(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        (chain, after): (i64, i64),
        limit: usize,
    ) -> sqlx::Result<Vec<StagedRow>> {
        sqlx::query(
            "SELECT id, event_id, body, disclosures, timed FROM audit_staged
             WHERE chain = ? AND id > ? ORDER BY id LIMIT ?",
        )
        .bind(chain)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(conn)
        .await?
        .into_iter()
        .map(|row| {
            Ok(StagedRow {
                id: row.try_get(0)?,
                event_id: row.try_get(1)?,
                body: row.try_get(2)?,
                disclosures: row.try_get(3)?,
                timed: row.try_get(4)?,
            })
        })
        .collect()
    }

    async fn delete_staged(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        ids: &[i64],
    ) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM audit_staged WHERE id IN (SELECT value FROM json_each(?))")
            .bind(serde_json::Value::from(ids).to_string())
            .execute(conn)
            .await
            .map(drop)
    }
}
