//! Writing entries and moving heads in PostgreSQL.

use audit_core::ChainId;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres, Row};
use uuid::Uuid;

use super::rows::{self, chains};
use crate::append::transaction::Isolation;
use crate::backend::Schema;
use crate::backend::append::{AppendSql, EntryRow, Move, NewDisclosures, Standing};
use crate::backend::rows::ChainRow;
use crate::backend::setup::SetupSql;

/// Rows of one statement; beyond it nothing is gained.
const CHUNK: usize = 1000;

/// Moves the head if it is as expected, and writes entries and tiles only then: what stands before,
/// which condition the move has besides, what comes with it, and what is done with the rest.
macro_rules! moving {
    ($before:literal, $guarded:literal, $tiles:expr, $after:expr) => {
        concat!(
            $before,
            "head AS (
                UPDATE audit.chain SET size = $4, head = $5, range = $6, at = $7, control = $8 ",
            $guarded,
            " id = $1 AND size = $2 AND head = $3
                RETURNING id, tenant
             ) ",
            $tiles,
            $after,
        )
    };
}

/// Entries from arrays.
macro_rules! many {
    () => {
        "INSERT INTO audit.entry (chain, seq, id, tenant, body)
         SELECT head.id, $2 + row.n - 1, row.id, head.tenant, row.body
         FROM head, UNNEST($9::uuid[], $10::text[]) WITH ORDINALITY AS row (id, body, n)"
    };
}

/// One entry: making rows of arrays would cost it more than being written.
macro_rules! one {
    () => {
        "INSERT INTO audit.entry (chain, seq, id, tenant, body)
         SELECT head.id, $2, $9, head.tenant, $10 FROM head"
    };
}

macro_rules! tiles {
    () => {
        ", tiles AS (
            INSERT INTO audit.tile (chain, level, idx, width, tenant, hashes)
            SELECT head.id, row.level, row.idx, row.width, head.tenant, row.hashes
            FROM head, UNNEST($11::integer[], $12::bigint[], $13::integer[], $14::bytea[])
                AS row (level, idx, width, hashes)
            ON CONFLICT DO NOTHING
         ) "
    };
}

macro_rules! if_ready {
    ($tiles:expr, $entries:expr) => {
        moving!(
            "WITH guard AS MATERIALIZED (SELECT audit.ready_to_seal() AS ready), ",
            "FROM guard WHERE guard.ready AND",
            $tiles,
            concat!(
                ", written AS (",
                $entries,
                " RETURNING 1)
                 SELECT guard.ready, (SELECT count(*) FROM written) FROM guard"
            )
        )
    };
}

const WRITE_ONE: &str = moving!("WITH ", "WHERE", "", one!());
const WRITE: &str = moving!("WITH ", "WHERE", "", many!());
const WRITE_WITH_TILES: &str = moving!("WITH ", "WHERE", tiles!(), many!());
const WRITE_ONE_IF_READY: &str = if_ready!("", one!());
const WRITE_IF_READY: &str = if_ready!("", many!());
const WRITE_IF_READY_WITH_TILES: &str = if_ready!(tiles!(), many!());

fn standing_row(row: &PgRow) -> sqlx::Result<Standing> {
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

/// The head's way and the first rows, as arguments of a statement that takes both.
fn bind<'q>(
    query: Query<'q, Postgres, PgArguments>,
    step: &Move<'_>,
    mut rows: impl ExactSizeIterator<Item = EntryRow>,
) -> Query<'q, Postgres, PgArguments> {
    let query = query
        .bind(step.chain)
        .bind(step.size)
        .bind(step.head.as_slice())
        .bind(step.new_size)
        .bind(step.new_head.as_slice())
        .bind(step.range.as_slice())
        .bind(step.at)
        .bind(step.control);
    if is_one(step, rows.len())
        && let Some(row) = rows.next()
    {
        return query.bind(row.id).bind(row.body);
    }
    let (ids, bodies): (Vec<Uuid>, Vec<String>) = rows.map(|row| (row.id, row.body)).unzip();
    let query = query.bind(ids).bind(bodies);
    if step.tiles.is_empty() {
        return query;
    }
    // Levels are below 8 and widths at most 256.
    let small = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
    let tiles = || step.tiles.iter();
    query
        .bind(tiles().map(|tile| small(tile.level)).collect::<Vec<i32>>())
        .bind(tiles().map(|tile| tile.index).collect::<Vec<i64>>())
        .bind(tiles().map(|tile| small(tile.width)).collect::<Vec<i32>>())
        .bind(tiles().map(|tile| tile.hashes.as_slice()).collect::<Vec<&[u8]>>())
}

/// Whether a step is one entry and nothing else.
const fn is_one(step: &Move<'_>, rows: usize) -> bool {
    rows == 1 && step.tiles.is_empty()
}

/// The statement that [`bind`] has the arguments of: for one entry, for several, and with tiles.
const fn statement(
    step: &Move<'_>,
    rows: usize,
    [one, many, with_tiles]: [&'static str; 3],
) -> &'static str {
    if is_one(step, rows) {
        one
    } else if step.tiles.is_empty() {
        many
    } else {
        with_tiles
    }
}

/// The rows after the first statement's.
async fn write_rest(
    conn: &mut PgConnection,
    schema: &Schema,
    step: &Move<'_>,
    mut rows: impl ExactSizeIterator<Item = EntryRow> + Send,
    mut seq: i64,
) -> sqlx::Result<()> {
    while rows.len() > 0 {
        let (ids, bodies): (Vec<Uuid>, Vec<String>) =
            rows.by_ref().take(CHUNK).map(|row| (row.id, row.body)).unzip();
        let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        sqlx::query(schema.sql(
            "INSERT INTO audit.entry (chain, seq, id, tenant, body)
             SELECT $1, $2 + row.n - 1, row.id, $3, row.body
             FROM UNNEST($4::uuid[], $5::text[]) WITH ORDINALITY AS row (id, body, n)",
        ))
        .bind(step.chain)
        .bind(seq)
        .bind(step.tenant)
        .bind(ids)
        .bind(bodies)
        .execute(&mut *conn)
        .await?;
        seq = seq.saturating_add(count);
    }
    Ok(())
}

impl AppendSql for Postgres {
    const RETRIES_BUSY: bool = true;

    const ALONE: usize = CHUNK;

    const WRITES_ALONE: bool = false;

    fn begin(isolation: Isolation) -> &'static str {
        match isolation {
            Isolation::ReadCommitted => <Self as SetupSql>::BEGIN,
            Isolation::RepeatableRead => "BEGIN ISOLATION LEVEL REPEATABLE READ",
            Isolation::Serializable => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        }
    }

    fn stages(isolation: Isolation) -> bool {
        isolation != Isolation::ReadCommitted
    }

    async fn find_chain(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: &ChainId,
    ) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar(
            schema.sql("SELECT id FROM audit.chain WHERE tenant = $1 AND series = $2"),
        )
        .bind(chain.tenant())
        .bind(chain.series())
        .fetch_optional(conn)
        .await
    }

    async fn insert_chain(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: &ChainId,
        at: i64,
    ) -> sqlx::Result<Option<i64>> {
        if Self::find_chain(conn, schema, chain).await?.is_some() {
            return Ok(None);
        }
        sqlx::query_scalar(schema.sql(
            "INSERT INTO audit.chain (tenant, series, size, head, range, at, control, incarnation)
             VALUES ($1, $2, 0, decode(repeat('00', 32), 'hex'), '', $3, NULL, 1)
             ON CONFLICT DO NOTHING RETURNING id",
        ))
        .bind(chain.tenant())
        .bind(chain.series())
        .bind(at)
        .fetch_optional(conn)
        .await
    }

    async fn lock_head(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Option<ChainRow>> {
        sqlx::query(schema.sql(chains!("WHERE id = $1 FOR NO KEY UPDATE")))
            .bind(chain)
            .try_map(rows::chain)
            .fetch_optional(conn)
            .await
    }

    async fn ready_to_seal(conn: &mut PgConnection, schema: &Schema) -> sqlx::Result<bool> {
        sqlx::query_scalar(schema.sql("SELECT audit.ready_to_seal()")).fetch_one(conn).await
    }

    async fn write(
        conn: &mut PgConnection,
        schema: &Schema,
        step: &Move<'_>,
        rows: Vec<EntryRow>,
    ) -> sqlx::Result<bool> {
        let mut rows = rows.into_iter();
        let sql = statement(step, rows.len(), [WRITE_ONE, WRITE, WRITE_WITH_TILES]);
        let query = bind(sqlx::query(schema.sql(sql)), step, rows.by_ref().take(CHUNK));
        let written = query.execute(&mut *conn).await?.rows_affected();
        if written == 0 {
            return Ok(false);
        }
        let seq = step.size.saturating_add_unsigned(written);
        write_rest(conn, schema, step, rows, seq).await?;
        Ok(true)
    }

    async fn write_if_ready(
        conn: &mut PgConnection,
        schema: &Schema,
        step: &Move<'_>,
        rows: Vec<EntryRow>,
    ) -> sqlx::Result<Option<bool>> {
        let mut rows = rows.into_iter();
        let ready = [WRITE_ONE_IF_READY, WRITE_IF_READY, WRITE_IF_READY_WITH_TILES];
        let sql = statement(step, rows.len(), ready);
        let query = bind(sqlx::query(schema.sql(sql)), step, rows.by_ref().take(CHUNK));
        let answer = query.fetch_one(&mut *conn).await?;
        let (ready, written): (bool, i64) = (answer.try_get(0)?, answer.try_get(1)?);
        if !ready {
            return Ok(None);
        }
        if written == 0 {
            return Ok(Some(false));
        }
        write_rest(conn, schema, step, rows, step.size.saturating_add(written)).await?;
        Ok(Some(true))
    }

    async fn insert_disclosures(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        tenant: &str,
        rows: Vec<NewDisclosures>,
    ) -> sqlx::Result<()> {
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            let (mut seqs, mut subjects, mut items) = (Vec::new(), Vec::new(), Vec::new());
            for row in rows.by_ref().take(CHUNK) {
                seqs.push(row.seq);
                subjects.push(row.subject.to_vec());
                items.push(row.items);
            }
            sqlx::query(schema.sql(
                "INSERT INTO audit.disclosure (chain, seq, subject, tenant, items)
                 SELECT $1, row.seq, row.subject, $2, row.items
                 FROM UNNEST($3::bigint[], $4::bytea[], $5::text[]) AS row (seq, subject, items)",
            ))
            .bind(chain)
            .bind(tenant)
            .bind(seqs)
            .bind(subjects)
            .bind(items)
            .execute(&mut *conn)
            .await?;
        }
        Ok(())
    }

    async fn standing(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        first: i64,
        end: i64,
    ) -> sqlx::Result<Vec<Standing>> {
        sqlx::query(schema.sql(
            "SELECT seq, id, body FROM audit.entry
             WHERE chain = $1 AND seq >= $2 AND seq < $3 ORDER BY seq",
        ))
        .bind(chain)
        .bind(first)
        .bind(end)
        .fetch_all(conn)
        .await?
        .iter()
        .map(standing_row)
        .collect()
    }

    async fn standing_by_id(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        ids: &[Uuid],
    ) -> sqlx::Result<Vec<Standing>> {
        sqlx::query(
            schema.sql("SELECT seq, id, body FROM audit.entry WHERE chain = $1 AND id = ANY($2)"),
        )
        .bind(chain)
        .bind(ids)
        .fetch_all(conn)
        .await?
        .iter()
        .map(standing_row)
        .collect()
    }
}
