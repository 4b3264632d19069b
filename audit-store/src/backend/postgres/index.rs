//! The query index in PostgreSQL.

use std::ops::Range;

use audit_core::ChainId;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row};

use crate::backend::index::{
    ChainState, FoundPage, FoundPages, IndexSql, PageWanted, Posted, StoredPage,
};
use crate::backend::rows::unsigned;
use crate::backend::{Schema, integer};

impl IndexSql for Postgres {
    async fn chain_state(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: &ChainId,
    ) -> sqlx::Result<Option<ChainState>> {
        sqlx::query(schema.sql(
            "SELECT c.id, c.size, coalesce(p.upto, 0), coalesce(p.revision, 0), c.control
             FROM audit.chain c LEFT JOIN audit.posted p ON p.chain = c.id
             WHERE c.tenant = $1 AND c.series = $2",
        ))
        .bind(chain.tenant())
        .bind(chain.series())
        .try_map(state)
        .fetch_optional(conn)
        .await
    }

    async fn chains_behind(
        conn: &mut PgConnection,
        schema: &Schema,
        entries: u64,
        chains: Option<&[i64]>,
    ) -> sqlx::Result<Vec<ChainState>> {
        sqlx::query(schema.sql(
            "SELECT c.id, c.size, coalesce(p.upto, 0), coalesce(p.revision, 0), c.control
             FROM audit.chain c LEFT JOIN audit.posted p ON p.chain = c.id
             WHERE c.size - coalesce(p.upto, 0) >= $1 AND ($2::bigint[] IS NULL OR c.id = ANY ($2))
             ORDER BY c.id",
        ))
        .bind(integer(entries))
        .bind(chains)
        .try_map(state)
        .fetch_all(conn)
        .await
    }

    async fn find_pages(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        wanted: &[PageWanted],
        after: bool,
    ) -> sqlx::Result<FoundPages> {
        let statement = schema.sql(if after {
            "SELECT (SELECT revision FROM audit.posted WHERE chain = $1), w.place - 1, p.first, p.postings
             FROM unnest($2::smallint[], $3::bigint[], $4::bigint[])
                WITH ORDINALITY AS w (level, block, key, place)
             LEFT JOIN LATERAL (SELECT first, postings FROM audit.posting
                WHERE chain = $1 AND level = w.level AND block = w.block AND first > w.key
                ORDER BY first LIMIT 1) p ON true"
        } else {
            "SELECT (SELECT revision FROM audit.posted WHERE chain = $1), w.place - 1, p.first, p.postings
             FROM unnest($2::smallint[], $3::bigint[], $4::bigint[])
                WITH ORDINALITY AS w (level, block, key, place)
             LEFT JOIN LATERAL (SELECT first, postings FROM audit.posting
                WHERE chain = $1 AND level = w.level AND block = w.block AND first <= w.key
                ORDER BY first DESC LIMIT 1) p ON true"
        });
        let rows = sqlx::query(statement)
            .bind(chain)
            .bind(wanted.iter().map(|w| i16::from(w.level)).collect::<Vec<_>>())
            .bind(wanted.iter().map(|w| integer(w.block)).collect::<Vec<_>>())
            .bind(wanted.iter().map(|w| w.key).collect::<Vec<_>>())
            .fetch_all(conn)
            .await?;
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
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        level: u8,
        blocks: Range<u64>,
    ) -> sqlx::Result<Vec<StoredPage>> {
        sqlx::query(schema.sql(
            "SELECT block, first, postings FROM audit.posting
             WHERE chain = $1 AND level = $2 AND block >= $3 AND block < $4 ORDER BY block, first",
        ))
        .bind(chain)
        .bind(i16::from(level))
        .bind(integer(blocks.start))
        .bind(integer(blocks.end))
        .try_map(|row: PgRow| {
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
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Vec<(u8, u64)>> {
        sqlx::query(schema.sql(
            "SELECT DISTINCT level, block FROM audit.posting WHERE chain = $1 ORDER BY level, block",
        ))
        .bind(chain)
        .try_map(|row: PgRow| {
            Ok((unsigned::<i16, _>(row.try_get(0)?)?, unsigned::<i64, _>(row.try_get(1)?)?))
        })
        .fetch_all(conn)
        .await
    }

    async fn move_posted(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        expected: Posted,
        upto: u64,
    ) -> sqlx::Result<bool> {
        sqlx::query(schema.sql(
            "INSERT INTO audit.posted AS p (chain, tenant, upto, revision)
             SELECT id, tenant, $2, $4 + 1 FROM audit.chain WHERE id = $1
             ON CONFLICT (chain) DO UPDATE SET upto = excluded.upto, revision = excluded.revision
             WHERE p.upto = $3 AND p.revision = $4",
        ))
        .bind(chain)
        .bind(integer(upto))
        .bind(integer(expected.upto))
        .bind(expected.revision)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() == 1)
    }

    async fn delete_pages(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        level: u8,
        blocks: Range<u64>,
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "DELETE FROM audit.posting WHERE chain = $1 AND level = $2 AND block >= $3 AND block < $4",
        ))
        .bind(chain)
        .bind(i16::from(level))
        .bind(integer(blocks.start))
        .bind(integer(blocks.end))
        .execute(conn)
        .await
        .map(drop)
    }

    async fn insert_pages(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        pages: &[StoredPage],
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "INSERT INTO audit.posting (chain, tenant, level, block, first, postings)
             SELECT c.id, c.tenant, p.* FROM audit.chain c,
                unnest($2::smallint[], $3::bigint[], $4::bigint[], $5::bytea[]) p WHERE c.id = $1",
        ))
        .bind(chain)
        .bind(pages.iter().map(|page| i16::from(page.level)).collect::<Vec<_>>())
        .bind(pages.iter().map(|page| integer(page.block)).collect::<Vec<_>>())
        .bind(pages.iter().map(|page| page.key).collect::<Vec<_>>())
        .bind(pages.iter().map(|page| page.bytes.as_slice()).collect::<Vec<_>>())
        .execute(conn)
        .await
        .map(drop)
    }
}

fn state(row: PgRow) -> sqlx::Result<ChainState> {
    Ok(ChainState {
        id: row.try_get(0)?,
        size: unsigned::<i64, _>(row.try_get(1)?)?,
        control: row.try_get::<Option<i64>, _>(4)?.map(unsigned::<i64, _>).transpose()?,
        posted: Posted { upto: unsigned::<i64, _>(row.try_get(2)?)?, revision: row.try_get(3)? },
    })
}
