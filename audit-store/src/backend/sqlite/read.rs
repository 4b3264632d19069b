//! Reading entries back from SQLite.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteRow;
use sqlx::{Pool, Row, Sqlite, SqliteConnection};

use super::{SEQ_MASK, data_version, json};
use crate::backend::read::{ReadSql, Scan, SeqBody};
use crate::backend::rows::unsigned;
use crate::backend::{Schema, integer};

/// How often a watcher looks whether another connection has committed.
const POLL: Duration = Duration::from_millis(50);

fn position(chain: i64, seq: u64) -> i64 {
    super::position(chain, integer(seq))
}

fn seq_body(row: SqliteRow) -> sqlx::Result<SeqBody> {
    let position: i64 = row.try_get(0)?;
    Ok((unsigned(position & SEQ_MASK)?, row.try_get(1)?))
}

/// A connection that watches for commits of all others, of this process or another.
#[derive(Debug)]
pub struct DataVersion {
    conn: PoolConnection<Sqlite>,
    seen: i64,
}

impl ReadSql for Sqlite {
    const ANNOUNCES: bool = false;
    type Watcher = DataVersion;

    async fn bodies_at(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        seqs: &[u64],
    ) -> sqlx::Result<Vec<SeqBody>> {
        // A seq that no entry can have must not reach into the next chain.
        let seqs = seqs.iter().map(|seq| integer(*seq)).filter(|seq| *seq <= SEQ_MASK);
        let positions: Vec<i64> = seqs.map(|seq| super::position(chain, seq)).collect();
        sqlx::query(
            "SELECT position, body FROM audit_entry
             WHERE position IN (SELECT value FROM json_each(?))",
        )
        .bind(json(&positions)?)
        .try_map(seq_body)
        .fetch_all(conn)
        .await
    }

    async fn scan(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        scan: &Scan<'_>,
    ) -> sqlx::Result<Vec<SeqBody>> {
        let statement = if scan.newest_first {
            "SELECT position, body FROM audit_entry WHERE position >= ? AND position < ?
                AND instr(body, ?) > 0 AND instr(body, ?) > 0 AND instr(body, ?) > 0
             ORDER BY position DESC LIMIT ?"
        } else {
            "SELECT position, body FROM audit_entry WHERE position >= ? AND position < ?
                AND instr(body, ?) > 0 AND instr(body, ?) > 0 AND instr(body, ?) > 0
             ORDER BY position LIMIT ?"
        };
        let [a, b, c] = scan.texts;
        sqlx::query(statement)
            .bind(position(scan.chain, scan.seqs.start))
            .bind(position(scan.chain, scan.seqs.end))
            .bind(a.to_owned())
            .bind(b.to_owned())
            .bind(c.to_owned())
            .bind(i64::try_from(scan.limit).unwrap_or(i64::MAX))
            .try_map(seq_body)
            .fetch_all(conn)
            .await
    }

    async fn first_at(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        size: u64,
        at: &str,
    ) -> sqlx::Result<u64> {
        // `at` is the first member: its text stands at the same place in every entry, and sorts
        // as the time does. Where an entry is absent, the next standing one counts.
        let found: i64 = sqlx::query_scalar(
            "WITH RECURSIVE search (low, step) AS (
                VALUES (?1, ?2)
                UNION ALL
                SELECT low + CASE WHEN coalesce((SELECT substr(body, 8, 27) < ?4 FROM audit_entry
                        WHERE position >= low + step - 1 AND position < ?3
                        ORDER BY position LIMIT 1), 0) THEN step ELSE 0 END,
                    step / 2
                FROM search WHERE step > 0
            )
            SELECT low FROM search WHERE step = 0",
        )
        .bind(position(chain, 0))
        .bind(integer(size.checked_next_power_of_two().unwrap_or(u64::MAX)))
        .bind(position(chain, size))
        .bind(at.to_owned())
        .fetch_one(conn)
        .await?;
        unsigned(std::cmp::min(found, position(chain, size)).saturating_sub(position(chain, 0)))
    }

    async fn watch(pool: &Pool<Self>, _schema: &Schema) -> sqlx::Result<DataVersion> {
        let mut conn = pool.acquire().await?;
        let seen = data_version(&mut conn).await?;
        Ok(DataVersion { conn, seen })
    }

    async fn changed(watcher: &mut DataVersion) -> sqlx::Result<()> {
        loop {
            let now = data_version(&mut watcher.conn).await?;
            if now != watcher.seen {
                watcher.seen = now;
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn announce(_conn: &mut SqliteConnection, _schema: &Schema) -> sqlx::Result<()> {
        Ok(())
    }
}
