//! Reading in bulk, for verification in PostgreSQL.

use audit_core::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Row, Transaction};

use crate::backend::Schema;
use crate::backend::verify::{
    ChainRow, CheckpointRow, DisclosureRow, PackedEntries, TileRow, Unsealed, VerifySql,
};

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

impl VerifySql for Postgres {
    /// The first transaction exports its snapshot, the others take it over.
    async fn snapshots(
        pool: &PgPool,
        count: usize,
    ) -> sqlx::Result<Vec<Transaction<'static, Self>>> {
        let mut first = pool.begin_with(BEGIN).await?;
        let id: String =
            sqlx::query_scalar("SELECT pg_export_snapshot()").fetch_one(&mut *first).await?;
        // A snapshot's id is hexadecimal digits and dashes; SET takes no parameters.
        if !id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
            return Err(sqlx::Error::Protocol("a snapshot id of another form".into()));
        }
        let mut snapshots = vec![first];
        while snapshots.len() < count {
            let mut tx = pool.begin_with(BEGIN).await?;
            sqlx::query(AssertSqlSafe(format!("SET TRANSACTION SNAPSHOT '{id}'")))
                .execute(&mut *tx)
                .await?;
            snapshots.push(tx);
        }
        Ok(snapshots)
    }

    async fn chain_rows(conn: &mut PgConnection, schema: &Schema) -> sqlx::Result<Vec<ChainRow>> {
        sqlx::query(schema.sql(
            "SELECT id, tenant, series, size, head, range, at, control, incarnation
             FROM audit.chain ORDER BY tenant COLLATE \"C\", series COLLATE \"C\"",
        ))
        .try_map(|row: PgRow| {
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
        })
        .fetch_all(conn)
        .await
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

    async fn packed_entries(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: &ChainRow,
        first: i64,
        end: i64,
    ) -> sqlx::Result<PackedEntries> {
        let row = sqlx::query(schema.sql(
            "SELECT string_agg(int8send(seq), ''), string_agg(uuid_send(id), ''),
                 string_agg(int4send(octet_length(body)), ''), string_agg(body, ''),
                 bool_or(tenant <> $4)
             FROM (SELECT seq, id, tenant, body FROM audit.entry
                 WHERE chain = $1 AND seq >= $2 AND seq < $3 ORDER BY seq) AS page",
        ))
        .bind(chain.id)
        .bind(first)
        .bind(end)
        .bind(chain.tenant.as_str())
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
             WHERE chain = $1 AND level = $2 AND idx >= $3 AND idx < $4 ORDER BY idx, width",
        ))
        .bind(chain)
        .bind(level)
        .bind(first)
        .bind(end)
        .try_map(|row: PgRow| {
            Ok(TileRow {
                level: row.try_get(0)?,
                index: row.try_get(1)?,
                width: row.try_get(2)?,
                hashes: row.try_get(3)?,
            })
        })
        .fetch_all(conn)
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

    async fn checkpoint_rows(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        incarnation: i64,
        above: i64,
        upto: i64,
    ) -> sqlx::Result<Vec<CheckpointRow>> {
        sqlx::query(schema.sql(
            "SELECT incarnation, size, note || coalesce((
                 SELECT string_agg(line, '') FROM audit.cosignature AS c
                 WHERE c.chain = k.chain AND c.incarnation = k.incarnation AND c.size = k.size
             ), '')
             FROM audit.checkpoint AS k
             WHERE chain = $1 AND incarnation = $2 AND size > $3 AND size <= $4 ORDER BY size",
        ))
        .bind(chain)
        .bind(incarnation)
        .bind(above)
        .bind(upto)
        .try_map(|row: PgRow| {
            Ok(CheckpointRow {
                incarnation: row.try_get(0)?,
                size: row.try_get(1)?,
                note: row.try_get(2)?,
            })
        })
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
