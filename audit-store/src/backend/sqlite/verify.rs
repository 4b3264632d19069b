//! Reading in bulk, for verification in SQLite.

use audit_core::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection, SqlitePool, Transaction};

use crate::backend::Schema;
use crate::backend::verify::{
    ChainRow, CheckpointRow, DisclosureRow, PackedEntries, TileRow, Unsealed, VerifySql,
};

/// The first position of a chain; its seqs are added to it.
const fn position(chain: i64, seq: i64) -> i64 {
    (chain << 40).wrapping_add(seq)
}

impl VerifySql for Sqlite {
    /// SQLite cannot hand a snapshot from one connection to another. So they are begun one after the
    /// other while the first connection holds the write lock; where this connection may not write,
    /// they are begun again until its `data_version` says that nothing was committed in between.
    async fn snapshots(
        pool: &SqlitePool,
        count: usize,
    ) -> sqlx::Result<Vec<Transaction<'static, Self>>> {
        let mut watch = pool.acquire().await?;
        loop {
            let locked = sqlx::query("BEGIN IMMEDIATE").execute(&mut *watch).await.is_ok();
            let before = data_version(&mut watch).await?;
            let mut snapshots = Vec::with_capacity(count);
            for _ in 0..count {
                let mut tx = pool.begin().await?;
                // The first read is what takes the snapshot.
                sqlx::query("SELECT 1 FROM audit_chain LIMIT 1").fetch_optional(&mut *tx).await?;
                snapshots.push(tx);
            }
            let after = data_version(&mut watch).await?;
            if locked {
                sqlx::query("ROLLBACK").execute(&mut *watch).await?;
            }
            if before == after {
                return Ok(snapshots);
            }
        }
    }

    async fn chain_rows(
        conn: &mut SqliteConnection,
        _schema: &Schema,
    ) -> sqlx::Result<Vec<ChainRow>> {
        sqlx::query(
            "SELECT id, tenant, series, size, head, range, at, control, incarnation
             FROM audit_chain ORDER BY tenant, series",
        )
        .try_map(|row: SqliteRow| {
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
        conn: &mut SqliteConnection,
        _schema: &Schema,
        above: i64,
    ) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar("SELECT min(position) >> 40 FROM audit_entry WHERE position >= ?1")
            .bind(position(above.wrapping_add(1), 0))
            .fetch_one(conn)
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

    /// Rows are visited in the order of their key, and so are packed in it.
    async fn packed_entries(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: &ChainRow,
        first: i64,
        end: i64,
    ) -> sqlx::Result<PackedEntries> {
        let (low, high) = (position(chain.id, first), position(chain.id, end));
        let row = sqlx::query(
            "SELECT count(*), min(position) & 1099511627775, group_concat(hex(id), ''),
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
        let seqs = if count == end.wrapping_sub(first) {
            (first..end).collect()
        } else {
            let least: i64 = row.try_get(1)?;
            // A tail without gaps is the rule; only where records were pruned is a list needed.
            if least == first && gapless(conn, low, high, count).await? {
                (first..first.wrapping_add(count)).collect()
            } else {
                sqlx::query_scalar(
                    "SELECT position & 1099511627775 FROM audit_entry
                     WHERE position >= ?1 AND position < ?2 ORDER BY position",
                )
                .bind(low)
                .bind(high)
                .fetch_all(&mut *conn)
                .await?
            }
        };
        let lengths: String = row.try_get(3)?;
        Ok(PackedEntries {
            seqs,
            ids: unhex(row.try_get(2)?),
            lengths: lengths.split(',').map(|l| l.parse().unwrap_or(u32::MAX)).collect(),
            bytes: row.try_get(4)?,
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
        .try_map(|row: SqliteRow| {
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

    async fn checkpoint_rows(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        incarnation: i64,
        above: i64,
        upto: i64,
    ) -> sqlx::Result<Vec<CheckpointRow>> {
        sqlx::query(
            "SELECT incarnation, size, note || coalesce((
                 SELECT group_concat(line, '') FROM audit_cosignature AS c
                 WHERE c.chain = k.chain AND c.incarnation = k.incarnation AND c.size = k.size
             ), '')
             FROM audit_checkpoint AS k
             WHERE chain = ?1 AND incarnation = ?2 AND size > ?3 AND size <= ?4 ORDER BY size",
        )
        .bind(chain)
        .bind(incarnation)
        .bind(above)
        .bind(upto)
        .try_map(|row: SqliteRow| {
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

/// A number that changes when another connection has committed.
async fn data_version(conn: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(conn).await
}

/// Whether `count` rows from `low` on leave no gap.
async fn gapless(
    conn: &mut SqliteConnection,
    low: i64,
    high: i64,
    count: i64,
) -> sqlx::Result<bool> {
    let last: Option<i64> = sqlx::query_scalar(
        "SELECT max(position) FROM audit_entry WHERE position >= ?1 AND position < ?2",
    )
    .bind(low)
    .bind(high)
    .fetch_one(conn)
    .await?;
    Ok(last.is_some_and(|last| last.wrapping_sub(low).wrapping_add(1) == count))
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
        let (seq, subject) = (seq.parse().ok()?, unhex(subject));
        rows.push(DisclosureRow { seq, subject, items: items.to_vec() });
    }
    rest.is_empty().then_some(rows)
}

/// The bytes of an upper-case hexadecimal text; a digit that is none makes a byte too few.
fn unhex(text: &str) -> Vec<u8> {
    fn digit(byte: u8) -> Option<u8> {
        char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
    }
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    pairs.iter().filter_map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
