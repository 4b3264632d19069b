//! Plans of tenants, schedules of chains, and the leaving of records, in PostgreSQL.

use std::ops::RangeInclusive;

use sqlx::{PgConnection, Postgres};

use crate::backend::retention::{PruningRow, RetentionSql};
use crate::backend::{Schema, integer};

impl RetentionSql for Postgres {
    async fn plan(
        conn: &mut PgConnection,
        schema: &Schema,
        tenant: &str,
    ) -> sqlx::Result<Option<String>> {
        sqlx::query_scalar(schema.sql("SELECT plan FROM audit.plan WHERE tenant = $1"))
            .bind(tenant)
            .fetch_optional(conn)
            .await
    }

    async fn set_plan(
        conn: &mut PgConnection,
        schema: &Schema,
        tenant: &str,
        plan: &str,
        since: i64,
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "INSERT INTO audit.plan (tenant, plan, since) VALUES ($1, $2, $3)
             ON CONFLICT (tenant) DO UPDATE SET plan = excluded.plan, since = excluded.since",
        ))
        .bind(tenant)
        .bind(plan)
        .bind(since)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn schedule_seqs(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Vec<i64>> {
        sqlx::query_scalar(
            schema.sql("SELECT seq FROM audit.schedule WHERE chain = $1 ORDER BY seq"),
        )
        .bind(chain)
        .fetch_all(conn)
        .await
    }

    async fn note_schedule(
        conn: &mut PgConnection,
        schema: &Schema,
        (chain, tenant): (i64, &str),
        seq: i64,
    ) -> sqlx::Result<()> {
        sqlx::query(
            schema.sql("INSERT INTO audit.schedule (chain, seq, tenant) VALUES ($1, $2, $3)"),
        )
        .bind(chain)
        .bind(seq)
        .bind(tenant)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn newest_at(
        conn: &mut PgConnection,
        schema: &Schema,
        tenant: &str,
    ) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar(schema.sql("SELECT max(at::bigint) FROM audit.chain WHERE tenant = $1"))
            .bind(tenant)
            .fetch_one(conn)
            .await
    }

    async fn last_standing(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        first: i64,
        end: i64,
    ) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar(schema.sql(
            "SELECT seq::bigint FROM audit.entry WHERE chain = $1 AND seq >= $2 AND seq < $3
             ORDER BY seq DESC LIMIT 1",
        ))
        .bind(chain)
        .bind(first)
        .bind(end)
        .fetch_optional(conn)
        .await
    }

    async fn remove(
        conn: &mut PgConnection,
        schema: &Schema,
        (chain, tenant): (i64, &str),
        pruning: PruningRow,
        runs: &[RangeInclusive<u64>],
    ) -> sqlx::Result<u64> {
        // What may go, and for which transaction, the table's trigger reads from the entry.
        sqlx::query(schema.sql(
            "INSERT INTO audit.permit (chain, tenant, seq, may, xact)
             VALUES ($1, $2, $3, '{}', pg_current_xact_id())
             ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq",
        ))
        .bind(chain)
        .bind(tenant)
        .bind(pruning.seq)
        .execute(&mut *conn)
        .await?;
        let firsts: Vec<i64> = runs.iter().map(|run| integer(*run.start())).collect();
        let lasts: Vec<i64> = runs.iter().map(|run| integer(*run.end())).collect();
        let removed = sqlx::query(schema.sql(
            "DELETE FROM audit.entry USING UNNEST($2::bigint[], $3::bigint[]) AS run (first, last)
             WHERE chain = $1 AND seq BETWEEN run.first AND run.last",
        ))
        .bind(chain)
        .bind(firsts.clone())
        .bind(lasts.clone())
        .execute(&mut *conn)
        .await?
        .rows_affected();
        sqlx::query(schema.sql(
            "DELETE FROM audit.disclosure
             USING UNNEST($2::bigint[], $3::bigint[]) AS run (first, last)
             WHERE chain = $1 AND seq BETWEEN run.first AND run.last",
        ))
        .bind(chain)
        .bind(firsts)
        .bind(lasts)
        .execute(conn)
        .await
        .map(|_| removed)
    }
}
