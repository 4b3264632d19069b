//! The query index in SQLite.

use std::ops::Range;

use audit_core::ChainId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};

use super::json;
use crate::backend::index::{
    ChainState, FoundPage, FoundPages, IndexSql, PageWanted, Posted, StoredPage,
};
use crate::backend::rows::unsigned;
use crate::backend::{Schema, integer};

impl IndexSql for Sqlite {
    async fn chain_state(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: &ChainId,
    ) -> sqlx::Result<Option<ChainState>> {
        sqlx::query(
            "SELECT c.id, c.size, coalesce(p.upto, 0), coalesce(p.revision, 0), c.control
             FROM audit_chain c LEFT JOIN audit_posted p ON p.chain = c.id
             WHERE c.tenant = ? AND c.series = ?",
        )
        .bind(chain.tenant())
        .bind(chain.series())
        .try_map(state)
        .fetch_optional(conn)
        .await
    }

    async fn chains_behind(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        entries: u64,
        chains: Option<&[i64]>,
    ) -> sqlx::Result<Vec<ChainState>> {
        sqlx::query(
            "SELECT c.id, c.size, coalesce(p.upto, 0), coalesce(p.revision, 0), c.control
             FROM audit_chain c LEFT JOIN audit_posted p ON p.chain = c.id
             WHERE c.size - coalesce(p.upto, 0) >= ?1
                AND (?2 IS NULL OR c.id IN (SELECT value FROM json_each(?2))) ORDER BY c.id",
        )
        .bind(integer(entries))
        .bind(chains.map(|chains| json(&chains)).transpose()?)
        .try_map(state)
        .fetch_all(conn)
        .await
    }

    async fn find_pages(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        wanted: &[PageWanted],
        after: bool,
    ) -> sqlx::Result<FoundPages> {
        let statement = if after {
            "SELECT (SELECT revision FROM audit_posted WHERE chain = ?1), w.key, p.first, p.postings
             FROM json_each(?2) w LEFT JOIN audit_posting p ON p.id =
                (SELECT id FROM audit_posting WHERE chain = ?1 AND level = w.value ->> 0
                    AND block = w.value ->> 1 AND first > w.value ->> 2 ORDER BY first LIMIT 1)"
        } else {
            "SELECT (SELECT revision FROM audit_posted WHERE chain = ?1), w.key, p.first, p.postings
             FROM json_each(?2) w LEFT JOIN audit_posting p ON p.id =
                (SELECT id FROM audit_posting WHERE chain = ?1 AND level = w.value ->> 0
                    AND block = w.value ->> 1 AND first <= w.value ->> 2 ORDER BY first DESC LIMIT 1)"
        };
        let list: Vec<_> = wanted.iter().map(|w| (w.level, w.block, w.key)).collect();
        let rows = sqlx::query(statement).bind(chain).bind(json(&list)?).fetch_all(conn).await?;
        let mut found = FoundPages::default();
        for row in rows {
            found.revision = row.try_get(0)?;
            if let Some(key) = row.try_get(2)? {
                let page = FoundPage { key, bytes: row.try_get(3)? };
                found.pages.push((unsigned::<i64, _>(row.try_get(1)?)?, page));
            }
        }
        Ok(found)
    }

    async fn segment_pages(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        level: u8,
        blocks: Range<u64>,
    ) -> sqlx::Result<Vec<StoredPage>> {
        sqlx::query(
            "SELECT block, first, postings FROM audit_posting
             WHERE chain = ? AND level = ? AND block >= ? AND block < ? ORDER BY block, first",
        )
        .bind(chain)
        .bind(i64::from(level))
        .bind(integer(blocks.start))
        .bind(integer(blocks.end))
        .try_map(|row: SqliteRow| {
            Ok(StoredPage {
                level,
                block: unsigned::<i64, _>(row.try_get(0)?)?,
                key: row.try_get(1)?,
                bytes: row.try_get(2)?,
            })
        })
        .fetch_all(conn)
        .await
    }

    async fn posted_segments(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Vec<(u8, u64)>> {
        sqlx::query(
            "SELECT DISTINCT level, block FROM audit_posting WHERE chain = ? ORDER BY level, block",
        )
        .bind(chain)
        .try_map(|row: SqliteRow| {
            Ok((unsigned::<i64, _>(row.try_get(0)?)?, unsigned::<i64, _>(row.try_get(1)?)?))
        })
        .fetch_all(conn)
        .await
    }

    async fn move_posted(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        expected: Posted,
        upto: u64,
    ) -> sqlx::Result<bool> {
        sqlx::query(
            "INSERT INTO audit_posted (chain, upto, revision) VALUES (?1, ?2, ?4 + 1)
             ON CONFLICT (chain) DO UPDATE SET upto = excluded.upto, revision = excluded.revision
             WHERE upto = ?3 AND revision = ?4",
        )
        .bind(chain)
        .bind(integer(upto))
        .bind(integer(expected.upto))
        .bind(expected.revision)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() == 1)
    }

    async fn delete_pages(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        level: u8,
        blocks: Range<u64>,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "DELETE FROM audit_posting WHERE chain = ? AND level = ? AND block >= ? AND block < ?",
        )
        .bind(chain)
        .bind(i64::from(level))
        .bind(integer(blocks.start))
        .bind(integer(blocks.end))
        .execute(conn)
        .await
        .map(drop)
    }

    /// One statement for any number of pages: their bytes in one blob, which it cuts up. No bytes at
    /// all come as NULL.
    async fn insert_pages(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        pages: &[StoredPage],
    ) -> sqlx::Result<()> {
        let mut bytes = Vec::with_capacity(pages.iter().map(|page| page.bytes.len()).sum());
        let mut list = Vec::with_capacity(pages.len());
        for page in pages {
            // SQLite counts from one.
            let start = bytes.len().saturating_add(1);
            list.push((page.level, page.block, page.key, start, page.bytes.len()));
            bytes.extend_from_slice(&page.bytes);
        }
        sqlx::query(
            "INSERT INTO audit_posting (chain, level, block, first, postings)
             SELECT ?1, value ->> 0, value ->> 1, value ->> 2,
                coalesce(substr(?3, value ->> 3, value ->> 4), x'')
             FROM json_each(?2)",
        )
        .bind(chain)
        .bind(json(&list)?)
        .bind(bytes)
        .execute(conn)
        .await
        .map(drop)
    }
}

fn state(row: SqliteRow) -> sqlx::Result<ChainState> {
    Ok(ChainState {
        id: row.try_get(0)?,
        size: unsigned::<i64, _>(row.try_get(1)?)?,
        control: row.try_get::<Option<i64>, _>(4)?.map(unsigned::<i64, _>).transpose()?,
        posted: Posted { upto: unsigned::<i64, _>(row.try_get(2)?)?, revision: row.try_get(3)? },
    })
}
