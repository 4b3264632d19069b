//! The subject directory, and events that wait for the sequencer, in PostgreSQL.

use audit_core::ChainId;
use sqlx::{PgConnection, Postgres, Row};

use crate::backend::Schema;
use crate::backend::stage::{StageSql, StagedChain, StagedRow};

impl StageSql for Postgres {
    async fn subjects(
        conn: &mut PgConnection,
        schema: &Schema,
        tenant: &str,
        hosts: &[String],
    ) -> sqlx::Result<Vec<(String, Vec<u8>)>> {
        sqlx::query_as(
            schema.sql("SELECT host, ref FROM audit.subject WHERE tenant = $1 AND host = ANY($2)"),
        )
        .bind(tenant)
        .bind(hosts)
        .fetch_all(conn)
        .await
    }

    async fn insert_subject(
        conn: &mut PgConnection,
        schema: &Schema,
        tenant: &str,
        host: &str,
        subject: [u8; 16],
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "INSERT INTO audit.subject (tenant, ref, host) VALUES ($1, $2, $3)
             ON CONFLICT ON CONSTRAINT subject_host DO NOTHING",
        ))
        .bind(tenant)
        .bind(subject.to_vec())
        .bind(host)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn erased(
        conn: &mut PgConnection,
        schema: &Schema,
        tenant: &str,
        refs: &[[u8; 16]],
    ) -> sqlx::Result<Vec<Vec<u8>>> {
        let refs: Vec<Vec<u8>> = refs.iter().map(|subject| subject.to_vec()).collect();
        sqlx::query_scalar(schema.sql(
            "SELECT ref FROM audit.subject
             WHERE tenant = $1 AND ref = ANY($2) AND erased IS NOT NULL",
        ))
        .bind(tenant)
        .bind(refs)
        .fetch_all(conn)
        .await
    }

    async fn insert_staged(
        conn: &mut PgConnection,
        schema: &Schema,
        (chain, name): (i64, &ChainId),
        row: &StagedRow,
        at: i64,
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "INSERT INTO audit.staged (chain, event_id, tenant, body, disclosures, timed, staged_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        ))
        .bind(chain)
        .bind(row.event_id)
        .bind(name.tenant())
        .bind(row.body.as_str())
        .bind(row.disclosures.as_str())
        .bind(row.timed)
        .bind(at)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn staged_chains(
        conn: &mut PgConnection,
        schema: &Schema,
    ) -> sqlx::Result<Vec<StagedChain>> {
        sqlx::query_as(schema.sql(
            "SELECT id, tenant, series FROM audit.chain
             WHERE id IN (SELECT chain FROM audit.staged) ORDER BY id",
        ))
        .fetch_all(conn)
        .await
    }

    async fn staged(
        conn: &mut PgConnection,
        schema: &Schema,
        (chain, after): (i64, i64),
        limit: usize,
    ) -> sqlx::Result<Vec<StagedRow>> {
        sqlx::query(schema.sql(
            "SELECT id, event_id, body, disclosures, timed FROM audit.staged
             WHERE chain = $1 AND id > $2 ORDER BY id LIMIT $3",
        ))
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
        conn: &mut PgConnection,
        schema: &Schema,
        ids: &[i64],
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql("DELETE FROM audit.staged WHERE id = ANY($1)"))
            .bind(ids)
            .execute(conn)
            .await
            .map(drop)
    }
}
