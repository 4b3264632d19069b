//! What proofs, checkpoints and exports read and write in PostgreSQL.

use audit_core::ChainId;
use sqlx::{PgConnection, Postgres, Row};

use super::rows;
use crate::backend::proof::{ProofSql, PublishedUpTo, SignedUpTo, StoredTile, TilePlace};
use crate::backend::rows::CheckpointRow;
use crate::backend::{Schema, integer};

impl ProofSql for Postgres {
    const BEGIN_SNAPSHOT: &'static str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

    async fn chains_after(
        conn: &mut PgConnection,
        schema: &Schema,
        after: i64,
    ) -> sqlx::Result<Vec<(i64, String, String)>> {
        sqlx::query_as(
            schema.sql(
                "SELECT id, tenant, series FROM audit.chain WHERE id > $1 ORDER BY id LIMIT 1000",
            ),
        )
        .bind(after)
        .fetch_all(conn)
        .await
    }

    async fn chains_due(
        conn: &mut PgConnection,
        schema: &Schema,
        entries: i64,
        before: i64,
    ) -> sqlx::Result<Vec<(i64, String, String)>> {
        sqlx::query_as(schema.sql(
            "SELECT c.id, c.tenant, c.series
            FROM audit.chain AS c LEFT JOIN audit.signing AS s ON s.chain = c.id
            WHERE s.at IS NULL OR s.incarnation < c.incarnation
                OR c.size - s.size >= $1 OR (c.size > s.size AND s.at <= $2)
            ORDER BY s.at NULLS FIRST LIMIT 1000",
        ))
        .bind(entries)
        .bind(before)
        .fetch_all(conn)
        .await
    }

    async fn chains_unpublished(
        conn: &mut PgConnection,
        schema: &Schema,
        sink: &str,
    ) -> sqlx::Result<Vec<(i64, String, String)>> {
        sqlx::query_as(schema.sql(
            "SELECT c.id, c.tenant, c.series
            FROM audit.signing AS s JOIN audit.chain AS c ON c.id = s.chain
            LEFT JOIN audit.published AS p ON p.chain = s.chain AND p.sink = $1
            WHERE s.at IS NOT NULL
                AND (p.chain IS NULL OR (s.incarnation, s.size) > (p.incarnation, p.size))
            ORDER BY p.failed_at NULLS FIRST LIMIT 1000",
        ))
        .bind(sink)
        .fetch_all(conn)
        .await
    }

    async fn widest_tiles(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        places: &[TilePlace],
    ) -> sqlx::Result<Vec<StoredTile>> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let levels: Vec<i32> = places.iter().map(|(level, _)| i32::from(*level)).collect();
        let indexes: Vec<i64> = places.iter().map(|(_, index)| integer(*index)).collect();
        sqlx::query(schema.sql(
            "SELECT t.level::bigint, t.idx, t.width::bigint, t.hashes
            FROM unnest($2::integer[], $3::bigint[]) AS place (level, idx)
            CROSS JOIN LATERAL (SELECT w.level, w.idx, w.width, w.hashes FROM audit.tile AS w
                WHERE w.chain = $1 AND w.level = place.level AND w.idx = place.idx
                ORDER BY w.width DESC LIMIT 1) AS t",
        ))
        .bind(chain)
        .bind(levels)
        .bind(indexes)
        .try_map(|row| StoredTile::read(&rows::tile(row)?))
        .fetch_all(conn)
        .await
    }

    async fn insert_tile(
        conn: &mut PgConnection,
        schema: &Schema,
        (id, chain): (i64, &ChainId),
        place: TilePlace,
        hashes: &[u8],
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "INSERT INTO audit.tile (chain, level, idx, width, tenant, hashes)
            VALUES ($1, $2, $3, octet_length($5) / 32, $4, $5)",
        ))
        .bind(id)
        .bind(i32::from(place.0))
        .bind(integer(place.1))
        .bind(chain.tenant())
        .bind(hashes)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn newest_checkpoint(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        incarnation: i64,
    ) -> sqlx::Result<Option<CheckpointRow>> {
        sqlx::query(schema.sql(
            "SELECT incarnation, size, note FROM audit.checkpoint
            WHERE chain = $1 AND incarnation = $2 ORDER BY size DESC LIMIT 1",
        ))
        .bind(chain)
        .bind(incarnation)
        .try_map(rows::checkpoint)
        .fetch_optional(conn)
        .await
    }

    async fn insert_checkpoint(
        conn: &mut PgConnection,
        schema: &Schema,
        (id, chain): (i64, &ChainId),
        row: &CheckpointRow,
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "INSERT INTO audit.checkpoint (chain, incarnation, size, tenant, note)
            VALUES ($1, $2, $3, $4, $5)",
        ))
        .bind(id)
        .bind(row.incarnation)
        .bind(row.size)
        .bind(chain.tenant())
        .bind(row.note.as_str())
        .execute(conn)
        .await
        .map(drop)
    }

    async fn insert_cosignature(
        conn: &mut PgConnection,
        schema: &Schema,
        (id, chain): (i64, &ChainId),
        of: &CheckpointRow,
        key: &str,
        line: &str,
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "INSERT INTO audit.cosignature (chain, incarnation, size, key, tenant, line)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        ))
        .bind(id)
        .bind(of.incarnation)
        .bind(of.size)
        .bind(key)
        .bind(chain.tenant())
        .bind(line)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn lock_signing(
        conn: &mut PgConnection,
        schema: &Schema,
        (id, chain): (i64, &ChainId),
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "INSERT INTO audit.signing (chain, tenant, incarnation, size) VALUES ($1, $2, 0, -1)
            ON CONFLICT DO NOTHING",
        ))
        .bind(id)
        .bind(chain.tenant())
        .execute(&mut *conn)
        .await?;
        sqlx::query(schema.sql("SELECT 1 FROM audit.signing WHERE chain = $1 FOR UPDATE"))
            .bind(id)
            .fetch_one(conn)
            .await
            .map(drop)
    }

    async fn set_signed(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        signed: SignedUpTo,
    ) -> sqlx::Result<()> {
        sqlx::query(
            schema.sql(
                "UPDATE audit.signing SET incarnation = $2, size = $3, at = $4 WHERE chain = $1",
            ),
        )
        .bind(chain)
        .bind(signed.incarnation)
        .bind(signed.size)
        .bind(signed.at)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn published(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        sink: &str,
    ) -> sqlx::Result<Option<PublishedUpTo>> {
        sqlx::query(schema.sql(
            "SELECT incarnation, size, failures, failed_at FROM audit.published
            WHERE chain = $1 AND sink = $2",
        ))
        .bind(chain)
        .bind(sink)
        .fetch_optional(conn)
        .await?
        .map(|row| {
            Ok(PublishedUpTo {
                incarnation: row.try_get(0)?,
                size: row.try_get(1)?,
                failures: row.try_get(2)?,
                failed_at: row.try_get(3)?,
            })
        })
        .transpose()
    }

    async fn set_published(
        conn: &mut PgConnection,
        schema: &Schema,
        (id, chain): (i64, &ChainId),
        sink: &str,
        published: PublishedUpTo,
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "INSERT INTO audit.published AS p
                (chain, sink, tenant, incarnation, size, failures, failed_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (chain, sink) DO UPDATE SET
                incarnation = excluded.incarnation, size = excluded.size,
                failures = excluded.failures, failed_at = excluded.failed_at
            WHERE (excluded.incarnation, excluded.size) >= (p.incarnation, p.size)",
        ))
        .bind(id)
        .bind(sink)
        .bind(chain.tenant())
        .bind(published.incarnation)
        .bind(published.size)
        .bind(published.failures)
        .bind(published.failed_at)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn volatile_setting(conn: &mut PgConnection) -> sqlx::Result<Option<String>> {
        let set: String = sqlx::query_scalar("SELECT current_setting('synchronous_commit')")
            .fetch_one(conn)
            .await?;
        Ok((set == "off").then(|| "synchronous_commit = off".to_owned()))
    }
}
