//! The databases that every other test stands on.
#![allow(clippy::unwrap_used, reason = "tests")]

use sqlx::{Connection, Row};
use test_support::{TestDatabase, both_databases};

async fn a_fresh_database_answers<T: TestDatabase>(db: T) {
    let pool = db.pool(4).await;
    pool.acquire().await.unwrap().ping().await.unwrap();
}

both_databases!(a_fresh_database_answers);

#[tokio::test]
async fn two_tests_do_not_share_a_database() {
    let (one, other) = (test_support::postgres().await, test_support::postgres().await);
    let (one, other) = (one.pool(1).await, other.pool(1).await);
    sqlx::query("CREATE TABLE only_here (id bigint)").execute(&one).await.unwrap();
    let there = sqlx::query("SELECT to_regclass('only_here')::text").fetch_one(&other).await;
    assert_eq!(there.unwrap().get::<Option<String>, _>(0), None);
}

#[tokio::test]
async fn a_database_goes_with_its_test() {
    let db = test_support::postgres().await;
    let name = db.name().to_owned();
    let open = db.pool(1).await;
    drop(db);
    let mut server = sqlx::PgConnection::connect(test_support::postgres_url()).await.unwrap();
    let left = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1")
        .bind(name)
        .fetch_optional(&mut server)
        .await
        .unwrap();
    assert!(left.is_none());
    open.close().await;
}
