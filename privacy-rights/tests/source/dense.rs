//! Persons with many rows among many others, in tables that the database has no statistics of.

use privacy_rights::{
    ErasureStrategy, Field, Link, Pages, PersonalDataSource, Retention, SourceDeclaration,
    SqlSource, Storage,
};

use crate::behaviours;
use crate::support::{belgium, run};
use crate::world::{erase, keys_in_pages, person, remaining, step};

fn visits() -> SourceDeclaration {
    SourceDeclaration::new("visits", Storage::table("Visit", "Id").unwrap())
        .linked(Link::column("Visitor", "visitor").unwrap())
        .located(belgium(), "our own data centre")
        .purpose("sale")
        .kept(Retention::new("a month"))
        .erased_by(ErasureStrategy::Delete)
        .field(Field::new("Page", "usage", "What you looked at."))
}

/// 600 visits: one person's are dense, sparse, gone, and dense again; as numbers `expression` makes
/// keys of.
async fn table<DB: privacy_rights::Backend>(pool: &sqlx::Pool<DB>, key: &str, expression: &str)
where
    for<'c> &'c sqlx::Pool<DB>: sqlx::Executor<'c, Database = DB>,
{
    let sql = format!(
        r#"DROP TABLE IF EXISTS "Visit";
        CREATE TABLE "Visit" ("Id" {key} NOT NULL PRIMARY KEY, "Visitor" TEXT, "Page" TEXT);
        INSERT INTO "Visit" WITH RECURSIVE n(n) AS
            (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 600)
            SELECT {expression}, CASE
                WHEN n <= 150 AND n % 2 = 0 THEN 'ann'
                WHEN n <= 400 AND n % 50 = 0 THEN 'ann'
                WHEN n > 570 THEN 'ann' ELSE 'bob' END, 'page ' || n FROM n"#
    );
    run(pool, &sql).await;
}

/// How many are Ann's: 75, 5, and 30.
const OF_ANN: usize = 110;

behaviours! {
    async fn pages_are_whole_whatever_lies_between(db) {
        let pool = db.pool(2).await;
        let uuid = if T::POSTGRES { "uuid" } else { "TEXT" };
        for (key, expression) in [
            ("INTEGER", "n - 300"),
            ("BIGINT", "n * 5000000000"),
            ("TEXT", "CASE WHEN n % 3 = 0 THEN 'Ä' WHEN n % 3 = 1 THEN 'b-' ELSE 'B' END || n"),
            (uuid, "CAST('00000000-0000-4000-8000-' || substr('' || (1000000000000 + n * 7), 2)
                AS UUID)"),
            ("NUMERIC", "n"),
        ] {
            let expression = match (uuid, key) {
                ("TEXT", "TEXT") => expression.replace("AS UUID", "AS TEXT"),
                _ => expression.to_owned(),
            };
            table(&pool, key, &expression).await;
            let visits = SqlSource::new(pool.clone(), visits()).await.unwrap();
            let ann = || person("visitor", "ann");
            let whole = keys_in_pages(&visits, ann(), 1000).await;
            assert_eq!(whole.len(), OF_ANN, "{key}");
            for size in [1, 2, 3, 7, 50, 110] {
                assert_eq!(keys_in_pages(&visits, ann(), size).await, whole, "{key} {size}");
            }
            // What goes in between moves nothing.
            let mut pages = Pages::new(&visits, ann()).of_size(2);
            let first = pages.next().await.unwrap().unwrap();
            let of: Vec<_> = first.records.iter().map(|record| record.key.as_str()).collect();
            assert_eq!(of, whole[..2], "{key}");
            run(&pool, r#"DELETE FROM "Visit" WHERE "Page" IN ('page 1', 'page 3')"#).await;
            let second = pages.next().await.unwrap().unwrap();
            let of: Vec<_> = second.records.iter().map(|record| record.key.as_str()).collect();
            assert_eq!(of, whole[2..4], "{key}");
        }
    }

    async fn an_erasure_of_many_finds_all_and_nobody_elses(db) {
        let pool = db.pool(2).await;
        table(&pool, "INTEGER", "n").await;
        let visits = SqlSource::new(pool.clone(), visits()).await.unwrap();
        let (ann, bob) = (person("visitor", "ann"), person("visitor", "bob"));
        let (mut erased, mut after) = (0, None);
        loop {
            let done = visits
                .apply(&ann, &step(), &privacy_rights::NothingIsHeld, after.as_ref(), 3)
                .await
                .unwrap();
            erased += done.changed;
            match done.next {
                None => break,
                next => after = next,
            }
        }
        assert_eq!(usize::try_from(erased).unwrap(), OF_ANN);
        assert_eq!(remaining(&visits, &ann).await.records, 0);
        assert_eq!(remaining(&visits, &bob).await.records, 490);
        assert_eq!(erase(&visits, &bob, &step()).await.0, 490);
    }
}

/// The pages after the first one are not found by going through the table and sorting it.
#[tokio::test]
async fn no_page_but_the_first_goes_through_the_whole_table() {
    use test_support::TestDatabase;

    let db = test_support::TestPg::fresh().await;
    let pool = db.pool(1).await;
    let version = "SELECT current_setting('server_version_num')::bigint";
    // Before, nobody could ask for the statistics at once.
    if sqlx::query_scalar::<_, i64>(version).fetch_one(&pool).await.unwrap() < 150_000 {
        return;
    }
    run(
        &pool,
        r#"CREATE TABLE "Visit" ("Id" INTEGER PRIMARY KEY, "Visitor" TEXT, "Page" TEXT)
            WITH (autovacuum_enabled = off);
        INSERT INTO "Visit" SELECT n, 'ann', 'page' FROM generate_series(1, 50000) n"#,
    )
    .await;
    let visits = SqlSource::new(pool.clone(), visits()).await.unwrap();
    let scans = || async {
        run(&pool, "SELECT pg_stat_force_next_flush()").await;
        let sql = "SELECT coalesce(seq_scan, 0)::bigint FROM pg_stat_user_tables
             WHERE relname = 'Visit'";
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.unwrap()
    };
    let before = scans().await;
    assert_eq!(keys_in_pages(&visits, person("visitor", "ann"), 500).await.len(), 50_000);
    let more = scans().await - before;
    assert!(more <= 2, "{more} of 100 pages");
}
