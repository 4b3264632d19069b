//! Legal holds in force, in PostgreSQL.

use sqlx::{PgConnection, Postgres};

use crate::backend::Schema;
use crate::backend::hold::{HoldColumns, HoldRow, HoldSql};

impl HoldSql for Postgres {
    async fn holds(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Vec<HoldRow>> {
        let rows: Vec<HoldColumns> = sqlx::query_as(schema.sql(
            "SELECT hold, seq, kind, subject, target_type, target_id FROM audit.hold
             WHERE chain = $1 ORDER BY hold, seq",
        ))
        .bind(chain)
        .fetch_all(conn)
        .await?;
        rows.into_iter().map(HoldRow::read).collect()
    }

    async fn lock_holds(
        conn: &mut PgConnection,
        schema: &Schema,
        tenant: &str,
    ) -> sqlx::Result<bool> {
        // The tenant's lock, which whoever places or releases a hold takes alone.
        let isolation: String = sqlx::query_scalar(
            "SELECT current_setting('transaction_isolation')
             FROM (SELECT pg_advisory_xact_lock_shared(hashtextextended($1 || '/' || $2, 0))) locked",
        )
        .bind(schema.name())
        .bind(tenant)
        .fetch_one(conn)
        .await?;
        Ok(isolation == "read committed")
    }

    async fn holds_of(
        conn: &mut PgConnection,
        schema: &Schema,
        tenant: &str,
    ) -> sqlx::Result<Vec<HoldRow>> {
        let rows: Vec<HoldColumns> = sqlx::query_as(schema.sql(
            "SELECT h.hold, h.seq, h.kind, h.subject, h.target_type, h.target_id
             FROM audit.hold h JOIN audit.chain c ON c.id = h.chain
             WHERE c.tenant = $1 ORDER BY h.hold, h.chain, h.seq",
        ))
        .bind(tenant)
        .fetch_all(conn)
        .await?;
        rows.into_iter().map(HoldRow::read).collect()
    }

    async fn insert_hold(
        conn: &mut PgConnection,
        schema: &Schema,
        (chain, tenant): (i64, &str),
        row: &HoldRow,
    ) -> sqlx::Result<()> {
        let (kind, subject, target, id) = row.scope();
        sqlx::query(schema.sql(
            "INSERT INTO audit.hold
                (chain, hold, seq, tenant, kind, subject, target_type, target_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        ))
        .bind(chain)
        .bind(&row.hold)
        .bind(row.seq)
        .bind(tenant)
        .bind(kind)
        .bind(subject)
        .bind(target)
        .bind(id)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn delete_hold(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        hold: &str,
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql("DELETE FROM audit.hold WHERE chain = $1 AND hold = $2"))
            .bind(chain)
            .bind(hold)
            .execute(conn)
            .await
            .map(drop)
    }
}
