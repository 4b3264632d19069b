//! Rows as they stand in SQLite.

use audit_core::ChainId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};

use super::{SEQ_MASK, position};
use crate::backend::Schema;
use crate::backend::rows::{
    ChainRow, CheckpointRow, DisclosureRow, PackedEntries, RowsSql, TileRow,
};

/// A query for head rows, read by [`chain`].
macro_rules! chains {
    ($which:literal) => {
        concat!(
            "SELECT id, tenant, series, size, head, range, at, control, incarnation
             FROM audit_chain ",
            $which
        )
    };
}
pub(super) use chains;

impl RowsSql for Sqlite {
    async fn chain_row(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        name: &ChainId,
    ) -> sqlx::Result<Option<ChainRow>> {
        sqlx::query(chains!("WHERE tenant = ? AND series = ?"))
            .bind(name.tenant())
            .bind(name.series())
            .try_map(chain)
            .fetch_optional(conn)
            .await
    }

    async fn chain_rows(
        conn: &mut SqliteConnection,
        _schema: &Schema,
    ) -> sqlx::Result<Vec<ChainRow>> {
        sqlx::query(chains!("ORDER BY tenant, series")).try_map(chain).fetch_all(conn).await
    }

    /// Rows are visited in the order of their key, and so are packed in it.
    async fn packed_entries(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        first: i64,
        end: i64,
    ) -> sqlx::Result<PackedEntries> {
        let (low, high) = (position(chain, first), position(chain, end));
        let row = sqlx::query(
            "SELECT count(*), min(position), max(position), group_concat(hex(id), ''),
                 group_concat(octet_length(body)), group_concat(body, '')
             FROM audit_entry WHERE position >= ?1 AND position < ?2",
        )
        .bind(low)
        .bind(high)
        .fetch_one(&mut *conn)
        .await?;
        let count: i64 = row.try_get(0)?;
        if count == 0 {
            return Ok(PackedEntries::default());
        }
        let (least, last): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        let run = (least & SEQ_MASK)..=(last & SEQ_MASK);
        // No gaps is the rule; only where records were pruned is a list needed.
        let seqs = if last.wrapping_sub(least).wrapping_add(1) == count {
            run.collect()
        } else {
            sqlx::query_scalar(
                "SELECT position & 1099511627775 FROM audit_entry
                 WHERE position >= ?1 AND position < ?2 ORDER BY position",
            )
            .bind(low)
            .bind(high)
            .fetch_all(&mut *conn)
            .await?
        };
        let lengths: &str = row.try_get(4)?;
        Ok(PackedEntries {
            seqs,
            // A digit that is none makes ids too few.
            ids: base16ct::upper::decode_vec(row.try_get::<&str, _>(3)?).unwrap_or_default(),
            lengths: lengths.split(',').map(|l| l.parse().unwrap_or(u32::MAX)).collect(),
            bytes: row.try_get(5)?,
            foreign: false,
        })
    }

    async fn disclosure_rows(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        first: i64,
        end: i64,
    ) -> sqlx::Result<Vec<DisclosureRow>> {
        let (low, high) = (position(chain, first), position(chain, end));
        let row = sqlx::query(
            "SELECT group_concat(place), group_concat(items, '') FROM (
                SELECT (position & 1099511627775) || ':' || hex(subject) || ':'
                    || octet_length(items) AS place, items
                FROM audit_disclosure WHERE position >= ?1 AND position < ?2
                ORDER BY position, subject)",
        )
        .bind(low)
        .bind(high)
        .fetch_one(&mut *conn)
        .await?;
        let Some(places) = row.try_get::<Option<&str>, _>(0)? else { return Ok(Vec::new()) };
        if let Some(rows) = unpack(places, row.try_get(1)?) {
            return Ok(rows);
        }
        // Rows of a shape that the schema does not allow, one by one as they are.
        sqlx::query(
            "SELECT position & 1099511627775, subject, items FROM audit_disclosure
             WHERE position >= ?1 AND position < ?2 ORDER BY position, subject",
        )
        .bind(low)
        .bind(high)
        .try_map(|row: SqliteRow| {
            Ok(DisclosureRow {
                seq: row.try_get(0)?,
                subject: row.try_get(1)?,
                items: row.try_get(2)?,
            })
        })
        .fetch_all(conn)
        .await
    }

    async fn tile_rows(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        level: i64,
        first: i64,
        end: i64,
    ) -> sqlx::Result<Vec<TileRow>> {
        sqlx::query(
            "SELECT level, idx, width, hashes FROM audit_tile
             WHERE chain = ?1 AND level = ?2 AND idx >= ?3 AND idx < ?4 ORDER BY idx, width",
        )
        .bind(chain)
        .bind(level)
        .bind(first)
        .bind(end)
        .try_map(tile)
        .fetch_all(conn)
        .await
    }

    async fn checkpoint_rows(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        above: (i64, i64),
        upto: (i64, i64),
        most: i64,
    ) -> sqlx::Result<Vec<CheckpointRow>> {
        sqlx::query(
            "SELECT p.incarnation, p.size, p.note || coalesce((
                SELECT group_concat(c.line, '') FROM (SELECT line || char(10) AS line
                    FROM audit_cosignature
                    WHERE chain = p.chain AND incarnation = p.incarnation AND size = p.size
                    ORDER BY key) AS c), '')
            FROM audit_checkpoint AS p
            WHERE p.chain = ?1 AND (p.incarnation, p.size) > (?2, ?3)
                AND (p.incarnation, p.size) <= (?4, ?5)
            ORDER BY p.incarnation, p.size LIMIT ?6",
        )
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

pub(super) fn chain(row: SqliteRow) -> sqlx::Result<ChainRow> {
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

pub(super) fn tile(row: SqliteRow) -> sqlx::Result<TileRow> {
    Ok(TileRow {
        level: row.try_get(0)?,
        index: row.try_get(1)?,
        width: row.try_get(2)?,
        hashes: row.try_get(3)?,
    })
}

pub(super) fn checkpoint(row: SqliteRow) -> sqlx::Result<CheckpointRow> {
    Ok(CheckpointRow { incarnation: row.try_get(0)?, size: row.try_get(1)?, note: row.try_get(2)? })
}

/// Rows from their places, `seq:subject:length` with commas between, and their items one after the
/// other; `None` where the two do not fit each other.
fn unpack(places: &str, items: &[u8]) -> Option<Vec<DisclosureRow>> {
    let mut rest = items;
    let mut rows = Vec::new();
    for place in places.split(',') {
        let (seq, place) = place.split_once(':')?;
        let (subject, length) = place.split_once(':')?;
        let (items, after) = rest.split_at_checked(length.parse().ok()?)?;
        rest = after;
        let subject = base16ct::upper::decode_vec(subject).ok()?;
        rows.push(DisclosureRow { seq: seq.parse().ok()?, subject, items: items.to_vec() });
    }
    rest.is_empty().then_some(rows)
}
