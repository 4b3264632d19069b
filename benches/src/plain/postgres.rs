//! The ordinary table in PostgreSQL: rows of one batch as arrays through UNNEST, which is what it
//! takes fastest up to a thousand rows.

use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool};
use uuid::Uuid;

use super::{PlainRow, PlainTable, Question};

const fn name(table: PlainTable) -> &'static str {
    match table {
        PlainTable::Bare => "plain_bare",
        PlainTable::Indexed => "plain_indexed",
    }
}

/// Makes both tables.
pub(crate) async fn create(pool: &PgPool) -> sqlx::Result<()> {
    for table in [PlainTable::Bare, PlainTable::Indexed] {
        pool.execute(AssertSqlSafe(format!(
            "CREATE TABLE {} (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
             id uuid NOT NULL, at bigint NOT NULL, actor text NOT NULL, action text NOT NULL,
             target text NOT NULL, outcome text NOT NULL, payload text NOT NULL)",
            name(table)
        )))
        .await?;
    }
    Ok(())
}

/// The B-trees of the indexed table; on time too where it is asked by time.
pub(crate) async fn index(pool: &PgPool, time: bool) -> sqlx::Result<()> {
    for column in ["actor", "target", "action", "at"] {
        if time || column != "at" {
            pool.execute(AssertSqlSafe(format!(
                "CREATE INDEX plain_{column} ON plain_indexed ({column})"
            )))
            .await?;
        }
    }
    Ok(())
}

pub(crate) async fn insert_many(
    pool: &PgPool,
    table: PlainTable,
    rows: &[PlainRow],
) -> sqlx::Result<()> {
    let text = match table {
        PlainTable::Bare => {
            "INSERT INTO plain_bare (id, at, actor, action, target, outcome, payload)
             SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[],
                                  $6::text[], $7::text[])"
        }
        PlainTable::Indexed => {
            "INSERT INTO plain_indexed (id, at, actor, action, target, outcome, payload)
             SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[],
                                  $6::text[], $7::text[])"
        }
    };
    let column = |member: fn(&PlainRow) -> &str| rows.iter().map(member).collect::<Vec<_>>();
    sqlx::query(text)
        .bind(rows.iter().map(|row| row.id).collect::<Vec<Uuid>>())
        .bind(rows.iter().map(|row| row.at).collect::<Vec<i64>>())
        .bind(column(|row| &row.actor))
        .bind(column(|row| &row.action))
        .bind(column(|row| &row.target))
        .bind(column(|row| &row.outcome))
        .bind(column(|row| &row.payload))
        .execute(pool)
        .await
        .map(drop)
}

pub(crate) async fn insert_one(
    conn: &mut PgConnection,
    table: PlainTable,
    row: &PlainRow,
) -> sqlx::Result<()> {
    let text = match table {
        PlainTable::Bare => {
            "INSERT INTO plain_bare (id, at, actor, action, target, outcome, payload)
             VALUES ($1,$2,$3,$4,$5,$6,$7)"
        }
        PlainTable::Indexed => {
            "INSERT INTO plain_indexed (id, at, actor, action, target, outcome, payload)
             VALUES ($1,$2,$3,$4,$5,$6,$7)"
        }
    };
    sqlx::query(text)
        .bind(row.id)
        .bind(row.at)
        .bind(&row.actor)
        .bind(&row.action)
        .bind(&row.target)
        .bind(&row.outcome)
        .bind(&row.payload)
        .execute(conn)
        .await
        .map(drop)
}

pub(crate) async fn host_table(conn: &mut PgConnection) -> sqlx::Result<()> {
    conn.execute("CREATE TABLE account (id bigint PRIMARY KEY, balance bigint NOT NULL)").await?;
    conn.execute("INSERT INTO account SELECT generate_series(0, 999), 0").await?;
    Ok(())
}

pub(crate) async fn host_statement(conn: &mut PgConnection, id: i64) -> sqlx::Result<()> {
    sqlx::query("UPDATE account SET balance = balance + 1 WHERE id = $1")
        .bind(id)
        .execute(conn)
        .await
        .map(drop)
}

pub(crate) async fn ask(pool: &PgPool, question: &Question) -> sqlx::Result<usize> {
    let query = match question {
        Question::Target(target) => sqlx::query_as::<_, (i64, String)>(
            "SELECT seq, payload FROM plain_indexed WHERE target = $1 ORDER BY seq DESC LIMIT 50",
        )
        .bind(target),
        Question::ActorAndAction(actor, action) => sqlx::query_as(
            "SELECT seq, payload FROM plain_indexed WHERE actor = $1 AND action = $2
             ORDER BY seq DESC LIMIT 50",
        )
        .bind(actor)
        .bind(action),
        Question::Time(from, until) => sqlx::query_as(
            "SELECT seq, payload FROM plain_indexed WHERE at >= $1 AND at < $2
             ORDER BY at DESC LIMIT 50",
        )
        .bind(from)
        .bind(until),
    };
    Ok(query.fetch_all(pool).await?.len())
}
