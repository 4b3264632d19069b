//! Rows as they stand in PostgreSQL.

use audit_core::ChainId;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row};

use crate::backend::Schema;
use crate::backend::rows::{
    ChainRow, CheckpointRow, DisclosureRow, PackedEntries, RowsSql, TileRow,
};

/// A query for head rows, read by [`chain`].
macro_rules! chains {
    ($which:literal) => {
        concat!(
            "SELECT id, tenant, series, size, head, range, at, control, incarnation
             FROM audit.chain ",
            $which
        )
    };
}
pub(super) use chains;

impl RowsSql for Postgres {
    async fn chain_row(
        conn: &mut PgConnection,
        schema: &Schema,
        name: &ChainId,
    ) -> sqlx::Result<Option<ChainRow>> {
        sqlx::query(schema.sql(chains!("WHERE tenant = $1 AND series = $2")))
            .bind(name.tenant())
            .bind(name.series())
            .try_map(chain)
            .fetch_optional(conn)
            .await
    }

    async fn chain_rows(conn: &mut PgConnection, schema: &Schema) -> sqlx::Result<Vec<ChainRow>> {
        sqlx::query(schema.sql(chains!("ORDER BY tenant COLLATE \"C\", series COLLATE \"C\"")))
            .try_map(chain)
            .fetch_all(conn)
            .await
    }

    async fn packed_entries(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        first: i64,
        end: i64,
    ) -> sqlx::Result<PackedEntries> {
        let row = sqlx::query(schema.sql(
            "SELECT string_agg(int8send(seq), ''), string_agg(uuid_send(id), ''),
                 string_agg(int4send(octet_length(body)), ''), string_agg(body, ''),
                 bool_or(tenant IS DISTINCT FROM (SELECT tenant FROM audit.chain WHERE id = $1))
             FROM (SELECT seq, id, tenant, body FROM audit.entry
                 WHERE chain = $1 AND seq >= $2 AND seq < $3 ORDER BY seq) AS page",
        ))
        .bind(chain)
        .bind(first)
        .bind(end)
        .fetch_one(conn)
        .await?;
        let Some(seqs) = row.try_get::<Option<&[u8]>, _>(0)? else {
            return Ok(PackedEntries::default());
        };
        let lengths: &[u8] = row.try_get(2)?;
        Ok(PackedEntries {
            seqs: seqs.as_chunks().0.iter().map(|seq| i64::from_be_bytes(*seq)).collect(),
            ids: row.try_get(1)?,
            lengths: lengths.as_chunks().0.iter().map(|l| u32::from_be_bytes(*l)).collect(),
            bytes: row.try_get_unchecked(3)?,
            foreign: row.try_get(4)?,
        })
    }

    async fn disclosure_rows(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        first: i64,
        end: i64,
    ) -> sqlx::Result<Vec<DisclosureRow>> {
        sqlx::query(schema.sql(
            "SELECT seq, subject, items FROM audit.disclosure
             WHERE chain = $1 AND seq >= $2 AND seq < $3 ORDER BY seq, subject",
        ))
        .bind(chain)
        .bind(first)
        .bind(end)
        .try_map(|row: PgRow| {
            Ok(DisclosureRow {
                seq: row.try_get(0)?,
                subject: row.try_get(1)?,
                items: row.try_get_unchecked(2)?,
            })
        })
        .fetch_all(conn)
        .await
    }

    async fn tile_rows(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        level: i64,
        first: i64,
        end: i64,
    ) -> sqlx::Result<Vec<TileRow>> {
        sqlx::query(schema.sql(
            "SELECT level::bigint, idx, width::bigint, hashes FROM audit.tile
             WHERE chain = $1 AND level = $2::bigint::integer AND idx >= $3 AND idx < $4
             ORDER BY idx, width",
        ))
        .bind(chain)
        .bind(level)
        .bind(first)
        .bind(end)
        .try_map(tile)
        .fetch_all(conn)
        .await
    }

    async fn checkpoint_rows(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        above: (i64, i64),
        upto: (i64, i64),
        most: i64,
    ) -> sqlx::Result<Vec<CheckpointRow>> {
        sqlx::query(schema.sql(
            "SELECT p.incarnation, p.size, p.note || coalesce((
                SELECT string_agg(c.line || E'\\n', '' ORDER BY c.key) FROM audit.cosignature AS c
                WHERE c.chain = p.chain AND c.incarnation = p.incarnation AND c.size = p.size), '')
            FROM audit.checkpoint AS p
            WHERE p.chain = $1 AND (p.incarnation, p.size) > ($2, $3)
                AND (p.incarnation, p.size) <= ($4, $5)
            ORDER BY p.incarnation, p.size LIMIT $6",
        ))
        .bind(chain)
        .bind(above.0)
        .bind(above.1)
        .bind(upto.0)
        .bind(upto.1)
        .bind(most)
        .try_map(checkpoint)
        .fetch_all(conn)
        .await
    }
}

pub(super) fn chain(row: PgRow) -> sqlx::Result<ChainRow> {
    Ok(ChainRow {
        id: row.try_get(0)?,
        tenant: row.try_get(1)?,
        series: row.try_get(2)?,
        size: row.try_get(3)?,
        head: row.try_get(4)?,
        range: row.try_get(5)?,
        at: row.try_get(6)?,
        control: row.try_get(7)?,
        incarnation: row.try_get(8)?,
    })
}

pub(super) fn tile(row: PgRow) -> sqlx::Result<TileRow> {
    Ok(TileRow {
        level: row.try_get(0)?,
        index: row.try_get(1)?,
        width: row.try_get(2)?,
        hashes: row.try_get(3)?,
    })
}

pub(super) fn checkpoint(row: PgRow) -> sqlx::Result<CheckpointRow> {
    Ok(CheckpointRow { incarnation: row.try_get(0)?, size: row.try_get(1)?, note: row.try_get(2)? })
}
