//! Reading entries back from PostgreSQL.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgRow};
use sqlx::{PgConnection, Pool, Postgres, Row};

use crate::backend::read::{ReadSql, Scan, SeqBody};
use crate::backend::rows::unsigned;
use crate::backend::{Schema, integer};

/// The channel on which commits are announced; the schema's name is the payload.
const CHANNEL: &str = "audit_journal";

/// How long a watcher waits for a notification before it looks anyway: one may be lost with a
/// connection, and a shared transaction announces only after its commit.
const PATIENCE: Duration = Duration::from_secs(1);

fn seq_body(row: PgRow) -> sqlx::Result<SeqBody> {
    Ok((unsigned::<i64, _>(row.try_get(0)?)?, row.try_get(1)?))
}

/// A connection that listens for announced commits.
#[derive(Debug)]
pub struct Listener {
    listener: PgListener,
    schema: String,
}

impl ReadSql for Postgres {
    const ANNOUNCES: bool = true;
    type Watcher = Listener;

    async fn bodies_at(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        seqs: &[u64],
    ) -> sqlx::Result<Vec<SeqBody>> {
        sqlx::query(
            schema.sql("SELECT seq, body FROM audit.entry WHERE chain = $1 AND seq = ANY ($2)"),
        )
        .bind(chain)
        .bind(seqs.iter().map(|seq| integer(*seq)).collect::<Vec<_>>())
        .try_map(seq_body)
        .fetch_all(conn)
        .await
    }

    async fn scan(
        conn: &mut PgConnection,
        schema: &Schema,
        scan: &Scan<'_>,
    ) -> sqlx::Result<Vec<SeqBody>> {
        let statement = schema.sql(if scan.newest_first {
            "SELECT seq, body FROM audit.entry WHERE chain = $1 AND seq >= $2 AND seq < $3
                AND strpos(body, $4) > 0 AND strpos(body, $5) > 0 AND strpos(body, $6) > 0
             ORDER BY seq DESC LIMIT $7"
        } else {
            "SELECT seq, body FROM audit.entry WHERE chain = $1 AND seq >= $2 AND seq < $3
                AND strpos(body, $4) > 0 AND strpos(body, $5) > 0 AND strpos(body, $6) > 0
             ORDER BY seq LIMIT $7"
        });
        let [a, b, c] = scan.texts;
        sqlx::query(statement)
            .bind(scan.chain)
            .bind(integer(scan.seqs.start))
            .bind(integer(scan.seqs.end))
            .bind(a)
            .bind(b)
            .bind(c)
            .bind(i64::try_from(scan.limit).unwrap_or(i64::MAX))
            .try_map(seq_body)
            .fetch_all(conn)
            .await
    }

    async fn first_at(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        size: u64,
        at: &str,
    ) -> sqlx::Result<u64> {
        // `at` is the first member: its text stands at the same place in every entry, and sorts
        // as the time does, byte by byte. Where an entry is absent, the next standing one counts.
        let found: i64 = sqlx::query_scalar(schema.sql(
            "WITH RECURSIVE search (low, step) AS (
                VALUES (0::bigint, $2::bigint)
                UNION ALL
                SELECT low + CASE WHEN (SELECT substr(body, 8, 27) COLLATE \"C\" < $4
                        FROM audit.entry WHERE chain = $1 AND seq >= low + step - 1 AND seq < $3
                        ORDER BY seq LIMIT 1) THEN step ELSE 0 END,
                    step / 2
                FROM search WHERE step > 0
            )
            SELECT low FROM search WHERE step = 0",
        ))
        .bind(chain)
        .bind(integer(size.checked_next_power_of_two().unwrap_or(u64::MAX)))
        .bind(integer(size))
        .bind(at)
        .fetch_one(conn)
        .await?;
        Ok(std::cmp::min(unsigned(found)?, size))
    }

    async fn watch(pool: &Pool<Self>, schema: &Schema) -> sqlx::Result<Listener> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Listener { listener, schema: schema.name().to_owned() })
    }

    async fn changed(watcher: &mut Listener) -> sqlx::Result<()> {
        let heard = async {
            loop {
                match watcher.listener.try_recv().await? {
                    Some(heard) if heard.payload() != watcher.schema => {}
                    // Or the connection was lost and is there again: something may have been
                    // missed.
                    _ => return Ok(()),
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.unwrap_or(Ok(()))
    }

    /// A statement of its own after the commit: in the transaction itself it would make all
    /// commits of the database wait for one another.
    async fn announce(conn: &mut PgConnection, schema: &Schema) -> sqlx::Result<()> {
        // Who misses it looks by itself after a while; so the commit need not wait for the disk.
        sqlx::query("SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(schema.name())
            .execute(conn)
            .await
            .map(drop)
    }
}
