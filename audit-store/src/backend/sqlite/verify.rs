//! What verification alone reads in SQLite.

use audit_core::Timestamp;
use sqlx::{Row, Sqlite, SqliteConnection, SqlitePool, Transaction};

use super::{data_version, position};
use crate::backend::Schema;
use crate::backend::setup::SetupSql;
use crate::backend::verify::{Unsealed, VerifySql};

impl VerifySql for Sqlite {
    const SNAPSHOTS_NEED: usize = 1;

    /// SQLite cannot hand a snapshot from one connection to another. So they are begun one after the
    /// other while the first connection holds the write lock; where this connection may not write,
    /// they are begun again until its `data_version` says that nothing was committed in between.
    ///
    /// The lock is that of a transaction of sqlx, which ends it however this call ends: an idle
    /// connection that kept it would stop every writer.
    async fn snapshots(
        pool: &SqlitePool,
        count: usize,
    ) -> sqlx::Result<Vec<Transaction<'static, Self>>> {
        loop {
            let (mut locked, mut unlocked);
            let watch: &mut SqliteConnection = match pool.begin_with(Self::BEGIN).await {
                Ok(tx) => {
                    locked = tx;
                    &mut locked
                }
                Err(sqlx::Error::Database(_)) => {
                    unlocked = pool.acquire().await?;
                    &mut unlocked
                }
                Err(error) => return Err(error),
            };
            let before = data_version(watch).await?;
            let mut snapshots = Vec::with_capacity(count);
            for _ in 0..count {
                let mut tx = pool.begin().await?;
                // The first read is what takes the snapshot.
                sqlx::query("SELECT 1 FROM audit_chain LIMIT 1").fetch_optional(&mut *tx).await?;
                snapshots.push(tx);
            }
            if before == data_version(watch).await? {
                return Ok(snapshots);
            }
        }
    }

    async fn next_chain(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        above: i64,
    ) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar(
            "SELECT min(chain) FROM (
                SELECT min(position) >> 40 AS chain FROM audit_entry WHERE position >= ?1
                UNION ALL SELECT min(position) >> 40 FROM audit_disclosure WHERE position >= ?1
                UNION ALL SELECT min(chain) FROM audit_tile WHERE chain > ?2
                UNION ALL SELECT min(chain) FROM audit_checkpoint WHERE chain > ?2)",
        )
        .bind(position(above.wrapping_add(1), 0))
        .bind(above)
        .fetch_one(conn)
        .await
    }

    async fn disclosed_from(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        from: i64,
    ) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar(
            "SELECT min(position) & 1099511627775 FROM audit_disclosure
             WHERE position >= ?1 AND position < ?2",
        )
        .bind(position(chain, from))
        .bind(position(chain.wrapping_add(1), 0))
        .fetch_one(conn)
        .await
    }

    async fn repeated_id(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Option<(i64, i64)>> {
        let index: Option<String> =
            sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE name = 'audit_entry_id'")
                .fetch_optional(&mut *conn)
                .await?;
        let made = "CREATE UNIQUE INDEX audit_entry_id ON audit_entry (id, position >> 40)";
        if index.as_deref() == Some(made) {
            return Ok(None);
        }
        sqlx::query_as(
            "SELECT min(position) & 1099511627775, max(position) & 1099511627775 FROM audit_entry
             WHERE position >= ?1 AND position < ?2 GROUP BY id HAVING count(*) > 1
             ORDER BY 1 LIMIT 1",
        )
        .bind(position(chain, 0))
        .bind(position(chain.wrapping_add(1), 0))
        .fetch_optional(conn)
        .await
    }

    async fn last_seq(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar(
            "SELECT max(position) & 1099511627775 FROM audit_entry
             WHERE position >= ?1 AND position < ?2",
        )
        .bind(position(chain, 0))
        .bind(position(chain.wrapping_add(1), 0))
        .fetch_one(conn)
        .await
    }

    async fn incarnations(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Vec<i64>> {
        sqlx::query_scalar(
            "SELECT DISTINCT incarnation FROM audit_checkpoint WHERE chain = ?1 ORDER BY 1",
        )
        .bind(chain)
        .fetch_all(conn)
        .await
    }

    async fn unsealed(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Unsealed> {
        let row = sqlx::query("SELECT count(*), min(staged_at) FROM audit_staged WHERE chain = ?1")
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
