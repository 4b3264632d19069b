//! Plans of tenants, schedules of chains, and the leaving of records, in SQLite.

use std::ops::RangeInclusive;

use sqlx::{Sqlite, SqliteConnection};

use super::{SEQ_MASK, position};
use crate::backend::retention::{PruningRow, RetentionSql};
use crate::backend::{Schema, integer};

impl RetentionSql for Sqlite {
    async fn plan(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        tenant: &str,
    ) -> sqlx::Result<Option<String>> {
        sqlx::query_scalar("SELECT plan FROM audit_plan WHERE tenant = ?")
            .bind(tenant)
            .fetch_optional(conn)
            .await
    }

    async fn set_plan(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        tenant: &str,
        plan: &str,
        since: i64,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO audit_plan (tenant, plan, since) VALUES (?1, ?2, ?3)
             ON CONFLICT (tenant) DO UPDATE SET plan = ?2, since = ?3",
        )
        .bind(tenant)
        .bind(plan)
        .bind(since)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn schedule_seqs(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Vec<i64>> {
        sqlx::query_scalar("SELECT seq FROM audit_schedule WHERE chain = ? ORDER BY seq")
            .bind(chain)
            .fetch_all(conn)
            .await
    }

    async fn note_schedule(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        (chain, _tenant): (i64, &str),
        seq: i64,
    ) -> sqlx::Result<()> {
        sqlx::query("INSERT INTO audit_schedule (chain, seq) VALUES (?, ?)")
            .bind(chain)
            .bind(seq)
            .execute(conn)
            .await
            .map(drop)
    }

    async fn newest_at(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        tenant: &str,
    ) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar("SELECT max(at) FROM audit_chain WHERE tenant = ?")
            .bind(tenant)
            .fetch_one(conn)
            .await
    }

    async fn last_standing(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        first: i64,
        end: i64,
    ) -> sqlx::Result<Option<i64>> {
        let last: Option<i64> = sqlx::query_scalar(
            "SELECT max(position) FROM audit_entry WHERE position >= ? AND position < ?",
        )
        .bind(position(chain, first))
        .bind(position(chain, end))
        .fetch_one(conn)
        .await?;
        Ok(last.map(|last| last & SEQ_MASK))
    }

    async fn remove(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        (chain, _tenant): (i64, &str),
        pruning: PruningRow,
        runs: &[RangeInclusive<u64>],
    ) -> sqlx::Result<u64> {
        sqlx::query("INSERT INTO audit_permit (chain, seq, after, before) VALUES (?, ?, ?, ?)")
            .bind(chain)
            .bind(pruning.seq)
            .bind(pruning.after)
            .bind(pruning.before)
            .execute(&mut *conn)
            .await?;
        let mut removed = 0_u64;
        for run in runs {
            let first = position(chain, integer(*run.start()));
            let last = position(chain, integer(*run.end()));
            let gone = sqlx::query("DELETE FROM audit_entry WHERE position BETWEEN ? AND ?")
                .bind(first)
                .bind(last)
                .execute(&mut *conn)
                .await?;
            removed = removed.saturating_add(gone.rows_affected());
            sqlx::query("DELETE FROM audit_disclosure WHERE position BETWEEN ? AND ?")
                .bind(first)
                .bind(last)
                .execute(&mut *conn)
                .await?;
        }
        sqlx::query("DELETE FROM audit_permit WHERE chain = ?")
            .bind(chain)
            .execute(conn)
            .await
            .map(|_| removed)
    }
}
