//! What verification alone reads in PostgreSQL.

use audit_core::Timestamp;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Row, Transaction};

use crate::backend::Schema;
use crate::backend::proof::ProofSql;
use crate::backend::verify::{Unsealed, VerifySql};

impl VerifySql for Postgres {
    const SNAPSHOTS_NEED: usize = 0;

    /// The first transaction exports its snapshot, the others take it over.
    async fn snapshots(
        pool: &PgPool,
        count: usize,
    ) -> sqlx::Result<Vec<Transaction<'static, Self>>> {
        let mut first = pool.begin_with(Self::BEGIN_SNAPSHOT).await?;
        let id: String =
            sqlx::query_scalar("SELECT pg_export_snapshot()").fetch_one(&mut *first).await?;
        // A snapshot's id is hexadecimal digits and dashes; SET takes no parameters.
        if !id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
            return Err(sqlx::Error::Protocol("a snapshot id of another form".into()));
        }
        let mut snapshots = vec![first];
        while snapshots.len() < count {
            let mut tx = pool.begin_with(Self::BEGIN_SNAPSHOT).await?;
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
        sqlx::query_scalar(schema.sql("SELECT min(chain) FROM audit.entry WHERE chain > $1"))
            .bind(above)
            .fetch_one(conn)
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
