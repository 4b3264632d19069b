//! What verification alone reads in PostgreSQL.

use audit_core::Timestamp;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Row, Transaction};

use crate::backend::Schema;
use crate::backend::begin::begin;
use crate::backend::proof::ProofSql;
use crate::backend::verify::{Unsealed, VerifySql};

impl VerifySql for Postgres {
    const SNAPSHOTS_NEED: usize = 0;

    /// The first transaction exports its snapshot, the others take it over.
    async fn snapshots(
        pool: &PgPool,
        count: usize,
    ) -> sqlx::Result<Vec<Transaction<'static, Self>>> {
        let mut first = begin(pool, Self::BEGIN_SNAPSHOT).await?;
        let id: String =
            sqlx::query_scalar("SELECT pg_export_snapshot()").fetch_one(&mut *first).await?;
        // A snapshot's id is hexadecimal digits and dashes; SET takes no parameters.
        if !id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
            return Err(sqlx::Error::Protocol("a snapshot id of another form".into()));
        }
        let mut snapshots = vec![first];
        while snapshots.len() < count {
            let mut tx = begin(pool, Self::BEGIN_SNAPSHOT).await?;
            sqlx::query(AssertSqlSafe(format!("SET TRANSACTION SNAPSHOT '{id}'")))
                .execute(&mut *tx)
                .await?;
            snapshots.push(tx);
        }
        Ok(snapshots)
    }

    async fn next_chain(
        conn: &mut PgConnection,
        schema: &Schema,
        above: i64,
    ) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar(schema.sql(
            "SELECT min(chain) FROM (
                SELECT min(chain) AS chain FROM audit.entry WHERE chain > $1
                UNION ALL SELECT min(chain) FROM audit.disclosure WHERE chain > $1
                UNION ALL SELECT min(chain) FROM audit.tile WHERE chain > $1
                UNION ALL SELECT min(chain) FROM audit.checkpoint WHERE chain > $1) AS stored",
        ))
        .bind(above)
        .fetch_one(conn)
        .await
    }

    async fn disclosed_from(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        from: i64,
    ) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar(
            schema.sql("SELECT min(seq) FROM audit.disclosure WHERE chain = $1 AND seq >= $2"),
        )
        .bind(chain)
        .bind(from)
        .fetch_one(conn)
        .await
    }

    async fn repeated_id(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Option<(i64, i64)>> {
        let kept_out: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_index
             WHERE indrelid = to_regclass($1) AND indisunique AND indisvalid
             AND indpred IS NULL AND indnkeyatts = 2
             AND pg_get_indexdef(indexrelid, 1, false) IN ('chain', 'id')
             AND pg_get_indexdef(indexrelid, 2, false) IN ('chain', 'id'))",
        )
        .bind(format!("{}.entry", schema.name()))
        .fetch_one(&mut *conn)
        .await?;
        if kept_out {
            return Ok(None);
        }
        sqlx::query_as(schema.sql(
            "SELECT min(seq), max(seq) FROM audit.entry WHERE chain = $1
             GROUP BY id HAVING count(*) > 1 ORDER BY 1 LIMIT 1",
        ))
        .bind(chain)
        .fetch_optional(conn)
        .await
    }

    async fn last_seq(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar(schema.sql("SELECT max(seq) FROM audit.entry WHERE chain = $1"))
            .bind(chain)
            .fetch_one(conn)
            .await
    }

    async fn incarnations(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Vec<i64>> {
        sqlx::query_scalar(
            schema.sql(
                "SELECT DISTINCT incarnation FROM audit.checkpoint WHERE chain = $1 ORDER BY 1",
            ),
        )
        .bind(chain)
        .fetch_all(conn)
        .await
    }

    async fn unsealed(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Unsealed> {
        let row = sqlx::query(
            schema.sql("SELECT count(*), min(staged_at) FROM audit.staged WHERE chain = $1"),
        )
        .bind(chain)
        .fetch_one(conn)
        .await?;
        let oldest: Option<i64> = row.try_get(1)?;
        Ok(Unsealed {
            count: row.try_get(0)?,
            oldest: oldest.and_then(|at| Timestamp::from_micros(at).ok()),
        })
    }
}
