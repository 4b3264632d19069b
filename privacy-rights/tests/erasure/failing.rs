//! Erasures in which every statement that writes fails once.

use std::collections::BTreeMap;

use audit_core::Entry;
use privacy_rights::{
    Backend, EraseError, Eraser, ErasureState, Progress, RequestState, StepState,
};
use sqlx::{AssertSqlSafe, Executor, Pool, Postgres, Sqlite};
use test_support::{TestPg, TestSqlite};

use crate::interrupted::{said, undisturbed};
use crate::private::{fields, recorded};
use crate::saga::{ERASED, GROUND, LEFT, Scene, scene};
use crate::shop::{ann, rows};
use crate::world::{Home, chain, clerk};

/// A database that can be made to refuse the nth write from now on, whoever writes whatever where.
trait Failing: Home {
    async fn prepare(pool: &Pool<Self::Db>);

    /// None at all for zero.
    async fn fail_at(pool: &Pool<Self::Db>, nth: usize);
}

impl Failing for TestSqlite {
    /// What is counted is rolled back with the transaction that is refused.
    async fn prepare(pool: &Pool<Sqlite>) {
        let tables =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
        let tables = rows(pool, tables).await;
        let mut sql =
            "CREATE TABLE fault (n INTEGER NOT NULL); INSERT INTO fault VALUES (0);".to_owned();
        for (table, write) in tables
            .iter()
            .flat_map(|table| ["INSERT", "UPDATE", "DELETE"].map(|write| (table, write)))
        {
            sql.push_str(&format!(
                r#"CREATE TRIGGER "fault_{table}_{write}" BEFORE {write} ON "{table}" BEGIN
                   UPDATE fault SET n = n - 1;
                   SELECT RAISE(ABORT, 'a fault') FROM fault WHERE n = 0; END;"#
            ));
        }
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.unwrap();
    }

    async fn fail_at(pool: &Pool<Sqlite>, nth: usize) {
        let sql = format!("UPDATE fault SET n = {nth}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.unwrap();
    }
}

/// What the sequence says when a write is refused; it goes on counting.
const REFUSED: usize = 1_000_000;

impl Failing for TestPg {
    async fn prepare(pool: &Pool<Postgres>) {
        let tables = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
        let tables = rows(pool, tables).await;
        let mut sql = format!(
            "CREATE SEQUENCE public.fault;
             CREATE FUNCTION public.fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('public.fault') = {REFUSED} THEN RAISE EXCEPTION 'a fault'; END IF;
             RETURN NULL; END $$;"
        );
        for table in tables {
            sql.push_str(&format!(
                "CREATE TRIGGER fault BEFORE INSERT OR UPDATE OR DELETE ON {table}
                 EXECUTE FUNCTION public.fault();"
            ));
        }
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.unwrap();
        Self::fail_at(pool, 0).await;
    }

    async fn fail_at(pool: &Pool<Postgres>, nth: usize) {
        let at = REFUSED - nth;
        let sql = format!("SELECT setval('public.fault', {at})");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.unwrap();
    }
}

/// Does something with its first write refused, then with its second, and so on, each time in a
/// process of its own, until none is refused. Returns what came of it and how often it failed.
async fn failing<T: Failing, O>(
    scene: &Scene<T::Db>,
    mut again: impl AsyncFnMut(Eraser<T::Db>) -> Result<Option<O>, EraseError>,
) -> (O, usize) {
    for nth in 1..2_000 {
        T::fail_at(&scene.shop.pool, nth).await;
        let done = again(scene.eraser().await.attempts(u32::MAX)).await;
        T::fail_at(&scene.shop.pool, 0).await;
        if let Ok(Some(done)) = done {
            return (done, nth - 1);
        }
    }
    panic!("it comes to no end")
}

/// How often the journal says what; of steps only those that were carried out.
async fn entries<DB: Backend + crypto_fields::Backend>(
    scene: &Scene<DB>,
) -> BTreeMap<String, usize> {
    let mut query = audit_store::Query::new(&chain()).action_prefix("rights.").page_size(500);
    let mut counts = BTreeMap::new();
    loop {
        let page = scene.world.journal.query(&query).await.unwrap();
        for stored in &page.entries {
            let entry = Entry::parse(stored.as_str()).unwrap();
            if !stored.as_str().contains(r#""state":"pending""#) {
                *counts.entry(entry.event().action().to_owned()).or_default() += 1;
            }
        }
        match page.next {
            Some(next) => query = query.after(next),
            None => return counts,
        }
    }
}

async fn an_erasure_converges_whatever_statement_fails<T: Failing>(db: T)
where
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
    for<'r> String: sqlx::Decode<'r, T::Db> + sqlx::Type<T::Db>,
    usize: sqlx::ColumnIndex<<T::Db as sqlx::Database>::Row>,
{
    let scene = scene(&db).await;
    let pool = &scene.shop.pool;
    recorded(&scene.world, "1").await;
    let id = scene.approved(ann()).await;
    T::prepare(pool).await;
    let begin = async |eraser: Eraser<T::Db>| eraser.begin(id, GROUND, clerk()).await.map(Some);
    let (_, faults) = failing::<T, _>(&scene, begin).await;
    assert!(faults > 15, "{faults}");
    assert_eq!(rows(pool, LEFT).await.len(), 16, "nothing goes before the intent is on record");
    let mut all = 0;
    let state = loop {
        // A step that is to be done again has failed and said so.
        let step = async |eraser: Eraser<T::Db>| match eraser.advance(id).await? {
            Progress::Step { state: StepState::Pending, .. } => Ok(None),
            progress => Ok(Some(progress)),
        };
        let (progress, faults) = failing::<T, _>(&scene, step).await;
        all += faults;
        if let Progress::Ended(state) = progress {
            break state;
        }
    };
    assert_eq!(state, ErasureState::Deferred);
    assert!(all > 40, "{all}");
    assert_eq!(rows(pool, LEFT).await, ERASED);
    assert_eq!(fields(&scene.world, 1..4).await, [1, 1, 1]);
    assert_eq!(scene.state(id).await, RequestState::Completed);
    let (twin, other, _db) = undisturbed::<T>().await;
    assert_eq!(said(scene.part_one(id).await), said(twin.part_one(other).await));
    assert_eq!(entries(&scene).await, entries(&twin).await);

    for scene in [&scene, &twin] {
        scene.world.clock.set(crate::at("2031-05-02"));
    }
    twin.eraser().await.sweep().await.unwrap();
    let sweep = async |eraser: Eraser<T::Db>| {
        eraser.sweep().await?;
        Ok((eraser.state(id).await? == ErasureState::Done).then_some(()))
    };
    let (_, faults) = failing::<T, _>(&scene, sweep).await;
    assert!(faults > 10, "{faults}");
    assert_eq!(rows(pool, LEFT).await, rows(&twin.shop.pool, LEFT).await);
    assert_eq!(said(scene.part_one(id).await), said(twin.part_one(other).await));
    assert_eq!(entries(&scene).await, entries(&twin).await);
    assert_eq!(rows(pool, "SELECT token FROM privacy_lease").await, [""; 0]);
    scene.world.verified().await;
}

test_support::both_databases!(an_erasure_converges_whatever_statement_fails);
