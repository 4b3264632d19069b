//! What proofs, checkpoints and exports read and write in SQLite.

use audit_core::ChainId;
use sqlx::{Row, Sqlite, SqliteConnection};

use super::{json, rows};
use crate::backend::proof::{ProofSql, PublishedUpTo, SignedUpTo, StoredTile, TilePlace};
use crate::backend::rows::CheckpointRow;
use crate::backend::{Schema, integer};

/// CROSS JOIN keeps the order as it is written: the planner would rather walk all tiles of the chain
/// and look each of them up in the list.
const WIDEST_TILES: &str = "SELECT t.level, t.idx, t.width, t.hashes
    FROM json_each(?2) AS place CROSS JOIN audit_tile AS t
        ON t.chain = ?1 AND t.level = place.value ->> 0 AND t.idx = place.value ->> 1
    WHERE t.width = (SELECT max(w.width) FROM audit_tile AS w
        WHERE w.chain = ?1 AND w.level = place.value ->> 0 AND w.idx = place.value ->> 1)";

impl ProofSql for Sqlite {
    /// Deferred: the first read takes the snapshot.
    const BEGIN_SNAPSHOT: &'static str = "BEGIN";

    async fn chains_after(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        after: i64,
    ) -> sqlx::Result<Vec<(i64, String, String)>> {
        sqlx::query_as(
            "SELECT id, tenant, series FROM audit_chain WHERE id > ? ORDER BY id LIMIT 1000",
        )
        .bind(after)
        .fetch_all(conn)
        .await
    }

    async fn chains_due(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        entries: i64,
        before: i64,
    ) -> sqlx::Result<Vec<(i64, String, String)>> {
        sqlx::query_as(
            "SELECT c.id, c.tenant, c.series
            FROM audit_chain AS c LEFT JOIN audit_signing AS s ON s.chain = c.id
            WHERE s.at IS NULL OR s.incarnation < c.incarnation
                OR c.size - s.size >= ?1 OR (c.size > s.size AND s.at <= ?2)
            ORDER BY s.at LIMIT 1000",
        )
        .bind(entries)
        .bind(before)
        .fetch_all(conn)
        .await
    }

    async fn chains_unpublished(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        sink: &str,
    ) -> sqlx::Result<Vec<(i64, String, String)>> {
        sqlx::query_as(
            "SELECT c.id, c.tenant, c.series
            FROM audit_signing AS s JOIN audit_chain AS c ON c.id = s.chain
            LEFT JOIN audit_published AS p ON p.chain = s.chain AND p.sink = ?
            WHERE s.at IS NOT NULL
                AND (p.chain IS NULL OR (s.incarnation, s.size) > (p.incarnation, p.size))
            ORDER BY p.failed_at LIMIT 1000",
        )
        .bind(sink)
        .fetch_all(conn)
        .await
    }

    async fn widest_tiles(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        places: &[TilePlace],
    ) -> sqlx::Result<Vec<StoredTile>> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        sqlx::query(WIDEST_TILES)
            .bind(chain)
            .bind(json(places)?)
            .try_map(|row| StoredTile::read(&rows::tile(row)?))
            .fetch_all(conn)
            .await
    }

    async fn insert_tile(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        (id, _): (i64, &ChainId),
        place: TilePlace,
        hashes: &[u8],
    ) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO audit_tile (chain, level, idx, width, hashes)
            VALUES (?1, ?2, ?3, length(?4) / 32, ?4)",
        )
        .bind(id)
        .bind(place.0)
        .bind(integer(place.1))
        .bind(hashes)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn newest_checkpoint(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        incarnation: i64,
    ) -> sqlx::Result<Option<CheckpointRow>> {
        sqlx::query(
            "SELECT incarnation, size, note FROM audit_checkpoint
            WHERE chain = ? AND incarnation = ? ORDER BY size DESC LIMIT 1",
        )
        .bind(chain)
        .bind(incarnation)
        .try_map(rows::checkpoint)
        .fetch_optional(conn)
        .await
    }

    async fn insert_checkpoint(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        (id, _): (i64, &ChainId),
        row: &CheckpointRow,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO audit_checkpoint (chain, incarnation, size, note) VALUES (?, ?, ?, ?)",
        )
        .bind(id)
        .bind(row.incarnation)
        .bind(row.size)
        .bind(row.note.as_str())
        .execute(conn)
        .await
        .map(drop)
    }

    /// A trigger refuses what is there already, so nothing is inserted then.
    async fn insert_cosignature(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        (id, _): (i64, &ChainId),
        of: &CheckpointRow,
        key: &str,
        line: &str,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO audit_cosignature (chain, incarnation, size, key, line)
            SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM audit_cosignature
                WHERE chain = ?1 AND incarnation = ?2 AND size = ?3 AND key = ?4)",
        )
        .bind(id)
        .bind(of.incarnation)
        .bind(of.size)
        .bind(key)
        .bind(line)
        .execute(conn)
        .await
        .map(drop)
    }

    /// `BEGIN IMMEDIATE` has locked already; the row only has to be there.
    async fn lock_signing(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        (id, _): (i64, &ChainId),
    ) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO audit_signing (chain, incarnation, size) VALUES (?, 0, -1)
            ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn set_signed(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        signed: SignedUpTo,
    ) -> sqlx::Result<()> {
        sqlx::query("UPDATE audit_signing SET incarnation = ?, size = ?, at = ? WHERE chain = ?")
            .bind(signed.incarnation)
            .bind(signed.size)
            .bind(signed.at)
            .bind(chain)
            .execute(conn)
            .await
            .map(drop)
    }

    async fn published(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        sink: &str,
    ) -> sqlx::Result<Option<PublishedUpTo>> {
        sqlx::query(
            "SELECT incarnation, size, failures, failed_at FROM audit_published
            WHERE chain = ? AND sink = ?",
        )
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
        conn: &mut SqliteConnection,
        _schema: &Schema,
        (id, _): (i64, &ChainId),
        sink: &str,
        published: PublishedUpTo,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO audit_published (chain, sink, incarnation, size, failures, failed_at)
            VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (chain, sink) DO UPDATE SET
                incarnation = excluded.incarnation, size = excluded.size,
                failures = excluded.failures, failed_at = excluded.failed_at
            WHERE (excluded.incarnation, excluded.size) >= (incarnation, size)",
        )
        .bind(id)
        .bind(sink)
        .bind(published.incarnation)
        .bind(published.size)
        .bind(published.failures)
        .bind(published.failed_at)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn volatile_setting(conn: &mut SqliteConnection) -> sqlx::Result<Option<String>> {
        let level: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(conn).await?;
        Ok((level < 2)
            .then(|| format!("synchronous = {}", if level == 1 { "NORMAL" } else { "OFF" })))
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

    use super::*;

    #[tokio::test]
    async fn tiles_are_looked_up_and_not_searched() {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let tables = include_str!("../../../migrations/sqlite/0001_journal.sql");
        conn.execute(tables).await.unwrap();
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {WIDEST_TILES}"));
        let plan = sqlx::query(explain).fetch_all(&mut conn).await.unwrap();
        let steps: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
        assert!(steps[0].starts_with("SCAN place"), "{steps:#?}");
        let by_key = |name: &str, columns: &str| {
            steps
                .iter()
                .any(|step| step.starts_with(&format!("SEARCH {name} ")) && step.ends_with(columns))
        };
        assert!(by_key("t", "(chain=? AND level=? AND idx=? AND width=?)"), "{steps:#?}");
        assert!(by_key("w", "(chain=? AND level=? AND idx=?)"), "{steps:#?}");
    }
}
