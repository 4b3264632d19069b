//! The ordinary table in SQLite: rows of one batch in statements of 100, which is what SQLite takes
//! fastest through this driver.

use std::fmt::Write as _;
use std::sync::LazyLock;

use sqlx::{AssertSqlSafe, Executor, Sqlite, SqliteConnection, SqlitePool};

use super::{PlainRow, PlainTable, Question};

const CHUNK: usize = 100;

const fn name(table: PlainTable) -> &'static str {
    match table {
        PlainTable::Bare => "plain_bare",
        PlainTable::Indexed => "plain_indexed",
    }
}

fn insert_text(table: PlainTable, rows: usize) -> String {
    let mut text = format!(
        "INSERT INTO {} (id, at, actor, action, target, outcome, payload) VALUES ",
        name(table)
    );
    for row in 0..rows {
        let separator = if row == 0 { "" } else { "," };
        write!(text, "{separator}(?,?,?,?,?,?,?)").expect("in memory");
    }
    text
}

static CHUNKS: LazyLock<[String; 2]> = LazyLock::new(|| {
    [insert_text(PlainTable::Bare, CHUNK), insert_text(PlainTable::Indexed, CHUNK)]
});

type Query<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind<'q>(query: Query<'q>, row: &'q PlainRow) -> Query<'q> {
    query
        .bind(row.id)
        .bind(row.at)
        .bind(&row.actor)
        .bind(&row.action)
        .bind(&row.target)
        .bind(&row.outcome)
        .bind(&row.payload)
}

/// Makes both tables, and the one that the host's own statements change.
pub(crate) async fn create(pool: &SqlitePool) -> sqlx::Result<()> {
    for table in [PlainTable::Bare, PlainTable::Indexed] {
        pool.execute(AssertSqlSafe(format!(
            "CREATE TABLE {} (seq INTEGER PRIMARY KEY, id BLOB NOT NULL, at INTEGER NOT NULL,
             actor TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL,
             outcome TEXT NOT NULL, payload TEXT NOT NULL) STRICT",
            name(table)
        )))
        .await?;
    }
    Ok(())
}

/// The B-trees of the indexed table; on time too where it is asked by time.
pub(crate) async fn index(pool: &SqlitePool, time: bool) -> sqlx::Result<()> {
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
    pool: &SqlitePool,
    table: PlainTable,
    rows: &[PlainRow],
) -> sqlx::Result<()> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let [bare, indexed] = &*CHUNKS;
    for chunk in rows.chunks(CHUNK) {
        let text = match table {
            _ if chunk.len() < CHUNK => insert_text(table, chunk.len()),
            PlainTable::Bare => bare.clone(),
            PlainTable::Indexed => indexed.clone(),
        };
        let mut query = sqlx::query(AssertSqlSafe(text));
        for row in chunk {
            query = bind(query, row);
        }
        query.execute(&mut *tx).await?;
    }
    tx.commit().await
}

/// The text of one row's INSERT.
const fn one(table: PlainTable) -> &'static str {
    match table {
        PlainTable::Bare => {
            "INSERT INTO plain_bare (id, at, actor, action, target, outcome, payload)
             VALUES (?,?,?,?,?,?,?)"
        }
        PlainTable::Indexed => {
            "INSERT INTO plain_indexed (id, at, actor, action, target, outcome, payload)
             VALUES (?,?,?,?,?,?,?)"
        }
    }
}

pub(crate) async fn insert_one(
    conn: &mut SqliteConnection,
    table: PlainTable,
    row: &PlainRow,
) -> sqlx::Result<()> {
    bind(sqlx::query(one(table)), row).execute(conn).await.map(drop)
}

pub(crate) async fn host_table(conn: &mut SqliteConnection) -> sqlx::Result<()> {
    conn.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)").await?;
    for id in 0..1_000 {
        sqlx::query("INSERT INTO account VALUES (?, 0)").bind(id).execute(&mut *conn).await?;
    }
    Ok(())
}

pub(crate) async fn host_statement(conn: &mut SqliteConnection, id: i64) -> sqlx::Result<()> {
    sqlx::query("UPDATE account SET balance = balance + 1 WHERE id = ?")
        .bind(id)
        .execute(conn)
        .await
        .map(drop)
}

pub(crate) async fn ask(pool: &SqlitePool, question: &Question) -> sqlx::Result<usize> {
    let query = match question {
        Question::Target(target) => sqlx::query_as::<_, (i64, String)>(
            "SELECT seq, payload FROM plain_indexed WHERE target = ? ORDER BY seq DESC LIMIT 50",
        )
        .bind(target),
        Question::ActorAndAction(actor, action) => sqlx::query_as(
            "SELECT seq, payload FROM plain_indexed WHERE actor = ? AND action = ?
             ORDER BY seq DESC LIMIT 50",
        )
        .bind(actor)
        .bind(action),
        Question::Time(from, until) => sqlx::query_as(
            "SELECT seq, payload FROM plain_indexed WHERE at >= ? AND at < ?
             ORDER BY at DESC LIMIT 50",
        )
        .bind(from)
        .bind(until),
    };
    Ok(query.fetch_all(pool).await?.len())
}
