//! Writing entries and moving heads in SQLite.

use std::sync::LazyLock;

use audit_core::ChainId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::position;
use super::rows::{self, chains};
use crate::append::transaction::Isolation;
use crate::backend::Schema;
use crate::backend::append::{AppendSql, EntryRow, Move, NewDisclosures, Standing};
use crate::backend::rows::{ChainRow, TileRow};
use crate::backend::setup::SetupSql;

/// Rows of one statement: the bulk of a batch goes in statements of the first size, the rest in
/// smaller ones, so that few different statements stay prepared. Larger ones are not faster.
const CHUNKS: [usize; 4] = [128, 32, 8, 1];

/// `prefix` followed by so many rows of placeholders, for each size of [`CHUNKS`].
fn statements(prefix: &str, row: &str) -> [String; 4] {
    CHUNKS.map(|rows| format!("{prefix}{}", vec![row; rows].join(",")))
}

static INSERT_ENTRIES: LazyLock<[String; 4]> =
    LazyLock::new(|| statements("INSERT INTO audit_entry (position, id, body) VALUES ", "(?,?,?)"));

static INSERT_DISCLOSURES: LazyLock<[String; 4]> = LazyLock::new(|| {
    statements("INSERT INTO audit_disclosure (position, subject, items) VALUES ", "(?,?,?)")
});

/// How many ids are looked up at once.
const IDS: usize = 64;

static BY_ID: LazyLock<String> = LazyLock::new(|| {
    let ids = (2..=IDS.saturating_add(1)).map(|n| format!("?{n}")).collect::<Vec<_>>().join(",");
    format!(
        "SELECT position & 1099511627775, id, body FROM audit_entry
         WHERE id IN ({ids}) AND position >> 40 = ?1"
    )
});

/// The next rows to write in one statement, and that statement.
fn next_chunk(statements: &'static [String; 4], left: usize) -> Option<(usize, &'static str)> {
    CHUNKS
        .into_iter()
        .zip(statements)
        .find(|(rows, _)| *rows <= left)
        .map(|(rows, sql)| (rows, sql.as_str()))
}

fn standing_row(row: &SqliteRow) -> sqlx::Result<Standing> {
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

/// One entry as one statement, in a transaction or as one.
async fn write_one(
    conn: &mut SqliteConnection,
    step: &Move<'_>,
    row: EntryRow,
) -> sqlx::Result<bool> {
    let written = sqlx::query(
        "INSERT INTO audit_append
            (chain, size, head, new_head, range, at, control, position, id, body)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(step.chain)
    .bind(step.size)
    .bind(step.head.as_slice())
    .bind(step.new_head.as_slice())
    .bind(step.range.as_slice())
    .bind(step.at)
    .bind(step.control)
    .bind(position(step.chain, step.size))
    .bind(row.id)
    .bind(row.body)
    .execute(conn)
    .await;
    match written {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error))
            if error.message() == "audit_append: the head has moved" =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Writes a tile; one that a pruning has stored already stays.
async fn insert_tile(conn: &mut SqliteConnection, chain: i64, tile: &TileRow) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO audit_tile (chain, level, idx, width, hashes)
         SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM audit_tile
            WHERE chain = ?1 AND level = ?2 AND idx = ?3 AND width = ?4)",
    )
    .bind(chain)
    .bind(tile.level)
    .bind(tile.index)
    .bind(tile.width)
    .bind(tile.hashes.as_slice())
    .execute(conn)
    .await
    .map(drop)
}

impl AppendSql for Sqlite {
    const RETRIES_BUSY: bool = false;

    const ALONE: usize = 1;

    const WRITES_ALONE: bool = true;

    fn begin(_isolation: Isolation) -> &'static str {
        <Self as SetupSql>::BEGIN
    }

    fn stages(_isolation: Isolation) -> bool {
        false
    }

    async fn find_chain(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: &ChainId,
    ) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar("SELECT id FROM audit_chain WHERE tenant = ? AND series = ?")
            .bind(chain.tenant())
            .bind(chain.series())
            .fetch_optional(conn)
            .await
    }

    async fn insert_chain(
        conn: &mut SqliteConnection,
        schema: &Schema,
        chain: &ChainId,
        at: i64,
    ) -> sqlx::Result<Option<i64>> {
        if Self::find_chain(conn, schema, chain).await?.is_some() {
            return Ok(None);
        }
        sqlx::query_scalar(
            "INSERT INTO audit_chain (tenant, series, size, head, range, at, control, incarnation)
             VALUES (?, ?, 0, zeroblob(32), x'', ?, NULL, 1) RETURNING id",
        )
        .bind(chain.tenant())
        .bind(chain.series())
        .bind(at)
        .fetch_optional(conn)
        .await
    }

    async fn lock_head(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Option<ChainRow>> {
        sqlx::query(chains!("WHERE id = ?"))
            .bind(chain)
            .try_map(rows::chain)
            .fetch_optional(conn)
            .await
    }

    /// Immediate transactions exclude one another; foreign keys are the only deferred constraints,
    /// and a commit that they refuse changes nothing.
    async fn ready_to_seal(_conn: &mut SqliteConnection, _schema: &Schema) -> sqlx::Result<bool> {
        Ok(true)
    }

    async fn write(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        step: &Move<'_>,
        mut rows: Vec<EntryRow>,
    ) -> sqlx::Result<bool> {
        if rows.len() == 1
            && step.tiles.is_empty()
            && let Some(row) = rows.pop()
        {
            return write_one(conn, step, row).await;
        }
        let moved = sqlx::query(
            "UPDATE audit_chain SET size = ?4, head = ?5, range = ?6, at = ?7, control = ?8
             WHERE id = ?1 AND size = ?2 AND head = ?3",
        )
        .bind(step.chain)
        .bind(step.size)
        .bind(step.head.as_slice())
        .bind(step.new_size)
        .bind(step.new_head.as_slice())
        .bind(step.range.as_slice())
        .bind(step.at)
        .bind(step.control)
        .execute(&mut *conn)
        .await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        let mut positions = position(step.chain, step.size)..;
        let mut rows = rows.into_iter();
        while let Some((count, sql)) = next_chunk(&INSERT_ENTRIES, rows.len()) {
            let mut query = sqlx::query(sql);
            // The row first: zipping stops before it takes a position that no row has.
            for (row, position) in rows.by_ref().take(count).zip(positions.by_ref()) {
                query = query.bind(position).bind(row.id).bind(row.body);
            }
            query.execute(&mut *conn).await?;
        }
        for tile in &step.tiles {
            insert_tile(conn, step.chain, tile).await?;
        }
        Ok(true)
    }

    async fn write_if_ready(
        conn: &mut SqliteConnection,
        schema: &Schema,
        step: &Move<'_>,
        rows: Vec<EntryRow>,
    ) -> sqlx::Result<Option<bool>> {
        Self::write(conn, schema, step, rows).await.map(Some)
    }

    async fn insert_disclosures(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        _tenant: &str,
        rows: Vec<NewDisclosures>,
    ) -> sqlx::Result<()> {
        let mut rows = rows.into_iter();
        while let Some((count, sql)) = next_chunk(&INSERT_DISCLOSURES, rows.len()) {
            let mut query = sqlx::query(sql);
            for row in rows.by_ref().take(count) {
                let position = position(chain, row.seq);
                query = query.bind(position).bind(row.subject.to_vec()).bind(row.items);
            }
            query.execute(&mut *conn).await?;
        }
        Ok(())
    }

    async fn standing(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        first: i64,
        end: i64,
    ) -> sqlx::Result<Vec<Standing>> {
        sqlx::query(
            "SELECT position & 1099511627775, id, body FROM audit_entry
             WHERE position >= ? AND position < ? ORDER BY position",
        )
        .bind(position(chain, first))
        .bind(position(chain, end))
        .fetch_all(conn)
        .await?
        .iter()
        .map(standing_row)
        .collect()
    }

    async fn standing_by_id(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        ids: &[Uuid],
    ) -> sqlx::Result<Vec<Standing>> {
        let mut found = Vec::new();
        for ids in ids.chunks(IDS) {
            // Placeholders without a value are NULL, which equals nothing.
            let mut query = sqlx::query(BY_ID.as_str()).bind(chain);
            for id in ids {
                query = query.bind(*id);
            }
            for row in query.fetch_all(&mut *conn).await? {
                found.push(standing_row(&row)?);
            }
        }
        Ok(found)
    }
}
