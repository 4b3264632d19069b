//! A schema of a tenant's own, in PostgreSQL.

use std::sync::Arc;

use audit_store::HoldOrder;
use privacy_rights::{ErasureState, PurgeError, SchemaStore, TenantStore};
use sqlx::{AssertSqlSafe, PgPool};
use test_support::{TestDatabase as _, TestPg};

use crate::estate::{ID, T1, estate, officer};
use crate::support::run;

/// So many tables that refer to each other in a circle, and one of each thing that a schema holds.
async fn schema(pool: &PgPool, name: &str, tables: usize) {
    let mut sql = format!("CREATE SCHEMA \"{name}\";");
    for n in 0..tables {
        sql.push_str(&format!(
            "CREATE TABLE \"{name}\".\"T{n}\" (id bigserial PRIMARY KEY, o bigint);"
        ));
    }
    for n in 0..tables {
        sql.push_str(&format!(
            "ALTER TABLE \"{name}\".\"T{n}\" ADD FOREIGN KEY (o) REFERENCES \"{name}\".\"T{}\" (id);",
            (n + 1) % tables
        ));
    }
    sql.push_str(&format!(
        "CREATE TYPE \"{name}\".mood AS ENUM ('fine');
        CREATE DOMAIN \"{name}\".word AS text CHECK (value <> '');
        CREATE TABLE \"{name}\".parts (day date, mood \"{name}\".mood) PARTITION BY RANGE (day);
        CREATE TABLE \"{name}\".part PARTITION OF \"{name}\".parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
        CREATE VIEW \"{name}\".seen AS SELECT * FROM \"{name}\".parts;
        CREATE MATERIALIZED VIEW \"{name}\".kept AS SELECT * FROM \"{name}\".seen;
        CREATE SEQUENCE \"{name}\".free;
        CREATE FUNCTION \"{name}\".one(\"{name}\".word) RETURNS int LANGUAGE sql AS 'SELECT 1';"
    ));
    run(pool, &sql).await;
    // Names and bodies in which there is a semicolon.
    let sql = format!(
        "CREATE FUNCTION \"{name}\".\"o'ne; --\"(\"{name}\".\"T0\") RETURNS SETOF \"{name}\".seen
            LANGUAGE sql AS 'SELECT NULL::\"{name}\".seen';
        CREATE FUNCTION \"{name}\".touched() RETURNS trigger LANGUAGE plpgsql
            AS 'BEGIN RETURN new; END';
        CREATE TRIGGER touched BEFORE UPDATE ON \"{name}\".\"T0\"
            FOR EACH ROW EXECUTE FUNCTION \"{name}\".touched();
        CREATE TABLE \"{name}\".\"\"\"; DROP SCHEMA public; --\" (id int)"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.unwrap();
}

async fn tables(pool: &PgPool, name: &str) -> i64 {
    let sql = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')";
    sqlx::query_scalar(sql).bind(name).fetch_one(pool).await.unwrap()
}

fn store(pool: &PgPool) -> Arc<dyn TenantStore> {
    Arc::new(SchemaStore::new("schema", pool.clone(), "tenant_{id}").unwrap().batch(7))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_dropped_in_batches_with_all_that_is_in_it() {
    let db = TestPg::fresh().await;
    let estate = estate(&db).await;
    let pool = estate.world.pool.clone();
    schema(&pool, "tenant_t1", 60).await;
    schema(&pool, "tenant_t10", 2).await;
    let purger = estate.purger(vec![store(&pool)]).await;
    estate.begin(&purger).await;
    assert_eq!(purger.run(ID).await.unwrap(), ErasureState::Done);
    // The schema, 60 tables with a sequence each, and six others.
    assert_eq!(purger.report(ID).await.unwrap().gone, 1 + 120 + 6);
    assert_eq!(tables(&pool, "tenant_t1").await, 0);
    assert_eq!(tables(&pool, "tenant_t10").await, 5);
    let schemas: Vec<String> =
        sqlx::query_scalar("SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'tenant%'")
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(schemas, ["tenant_t10"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_somebody_elses_is_not_dropped_with_it() {
    let db = TestPg::fresh().await;
    let estate = estate(&db).await;
    let pool = estate.world.pool.clone();
    schema(&pool, "tenant_t1", 10).await;
    run(&pool, r#"CREATE VIEW theirs AS SELECT id FROM tenant_t1."T3""#).await;
    let purger = estate.purger(vec![store(&pool), estate.keys_store()]).await;
    estate.begin(&purger).await;
    assert_eq!(purger.run(ID).await.unwrap(), ErasureState::Partial);
    assert!(tables(&pool, "tenant_t1").await > 0);
    assert_eq!(estate.live_keys("t1").await, 1);
    sqlx::query("SELECT * FROM theirs").fetch_all(&pool).await.unwrap();
    run(&pool, "DROP VIEW theirs").await;
    assert_eq!(purger.resume(ID, officer()).await.unwrap(), ErasureState::Done);
    assert_eq!(tables(&pool, "tenant_t1").await, 0);
}

/// Once a hold is placed, not one more table goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_between_two_batches_keeps_every_table_that_is_left() {
    let db = TestPg::fresh().await;
    let estate = estate(&db).await;
    let pool = estate.world.pool.clone();
    schema(&pool, "tenant_t1", 150).await;
    let one_by_one = SchemaStore::new("schema", pool.clone(), "tenant_{id}").unwrap().batch(1);
    let purger = Arc::new(estate.purger(vec![Arc::new(one_by_one), estate.keys_store()]).await);
    estate.begin(&purger).await;
    let running = Arc::clone(&purger);
    let running = tokio::spawn(async move { running.run(ID).await });
    while tables(&pool, "tenant_t1").await > 145 {
        tokio::task::yield_now().await;
    }
    let contract = audit_core::Target::new("contract", "7");
    let hold = HoldOrder::on_target("t1", &contract, "H-1", "a lawsuit", officer());
    estate.world.journal.place_hold(&hold).await.unwrap();
    let held = tables(&pool, "tenant_t1").await;
    assert_eq!(running.await.unwrap().unwrap(), ErasureState::Deferred);
    assert!(held > 0);
    assert_eq!((tables(&pool, "tenant_t1").await, estate.live_keys("t1").await), (held, 1));
    estate.world.journal.release_hold("t1", "H-1", officer()).await.unwrap();
    assert_eq!(purger.resume(ID, officer()).await.unwrap(), ErasureState::Done);
    assert_eq!(tables(&pool, "tenant_t1").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_nobodys() {
    let db = TestPg::fresh().await;
    let pool = db.pool(2).await;
    for bad in ["tenant", "{id}", "{id}_{id}", "public;{id}", "\"{id}\"", "t-{id}"] {
        assert!(SchemaStore::new("schema", pool.clone(), bad).is_err(), "{bad}");
    }
    let estate = estate(&db).await;
    let purger = estate.purger(vec![store(&estate.world.pool)]).await;
    // There is no such schema: nothing is there, and nothing goes.
    let plan = purger.plan(T1, "x").await.unwrap();
    assert_eq!(plan.stores[0].contents.items, 0);
    // The server would cut the name off: whose schema it is, nobody could say.
    let long = "t".repeat(60);
    run(&estate.world.pool, &format!("CREATE SCHEMA tenant_{long}")).await;
    let refused = purger.plan((ID, &long), "x").await;
    assert!(matches!(refused, Err(PurgeError::Store { .. })), "{refused:?}");
    let refused = purger.plan((ID, "t1\"; DROP SCHEMA public"), "x").await;
    assert!(matches!(refused, Err(PurgeError::Store { .. })), "{refused:?}");
}
