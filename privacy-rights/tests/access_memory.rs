//! A person with very many records takes no more memory than one with few.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that measures and says so"
)]

#[path = "support/mod.rs"]
mod support;

use std::time::Instant;

use audit_core::SigningKey;
use privacy_rights::{
    AccessBundle, AccessNotice, AutomatedDecisions, Backend, Identifier, Selection, SqlSource,
    verify_bundle,
};
use sqlx::{Executor, Pool};
use support::{SHOP, customers, empty_map, invoices, run};
use test_support::{TestDatabase, both_databases, scaled};
use uuid::Uuid;

/// The most that the process has had in memory, in MB.
fn most() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() / 1024
}

async fn very_many_records<T: TestDatabase<Db: Backend>>(db: T)
where
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    let rows: u64 = scaled(100_000, 1_000_000);
    let pool = db.pool(2).await;
    run(&pool, SHOP).await;
    run(
        &pool,
        &format!(
            r#"INSERT INTO "Customer" VALUES (1, 'Ann', 'One', NULL, 'ann@example.com', NULL, NULL);
            INSERT INTO "Invoice" WITH RECURSIVE n(n) AS
                (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows})
                SELECT n, 1, TIMESTAMP '2024-05-01 00:00:00', 'Street ' || n, 1.98 FROM n"#
        )
        .replace("TIMESTAMP '", if T::POSTGRES { "TIMESTAMP '" } else { "'" }),
    )
    .await;
    // No statistics are gathered: as it is right after rows came in.
    let map = empty_map().source(customers()).source(invoices()).build().unwrap();
    let people = SqlSource::new(pool.clone(), customers()).await.unwrap();
    let bought = SqlSource::new(pool.clone(), invoices()).await.unwrap();
    let person = Selection::of(Identifier::new("customer_id", "1").unwrap());
    let notice = AccessNotice::new("APD", "From you.", AutomatedDecisions::None);
    let key = SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap();
    let at = "2026-06-11T10:00:00Z".parse().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let mut told = 0;
    let progress = |_: &privacy_rights::BundleProgress| told += 1;
    let (before, start) = (most(), Instant::now());
    let finished = AccessBundle::access(&map, &person, &notice, Uuid::from_u128(7), at)
        .source(&people)
        .source(&bought)
        .progress(progress)
        .make(folder.path(), &key)
        .await
        .unwrap();
    let (made, after_making) = (start.elapsed(), most());
    verify_bundle(finished.path(), &[key.verifier().clone()]).unwrap();
    let start = Instant::now();
    let manifest = finished.into_zip(folder.path().join("bundle.zip")).await.unwrap();
    let (packed, after) = (start.elapsed(), most());

    let of_invoices = manifest.files.iter().filter(|file| file.path.starts_with("data/invoices."));
    assert!(of_invoices.clone().count() == 2 && of_invoices.clone().all(|f| f.rows == Some(rows)));
    assert_eq!(told, rows.div_ceil(500) + 1);
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    let rate = |took: std::time::Duration| u128::from(rows) * 1000 / took.as_millis();
    println!(
        "{rows} records ({} MB as files): made in {made:.2?}, {} rows/s; packed in {packed:.2?}, \
         {} rows/s; resident set {before} MB before, {after_making} MB made, {after} MB packed",
        bytes >> 20,
        rate(made),
        rate(packed),
    );
    assert!(after < 200, "{after} MB");
}

both_databases!(very_many_records);
