//! Tenants of one journal, kept apart by row-level security and by the handle.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    dead_code,
    reason = "a test fails by panicking"
)]

#[path = "support/cast.rs"]
mod cast;
#[path = "support/place.rs"]
mod place;

use audit_core::{AuditorPolicy, Target, Verdict};
use audit_store::{
    BundleOptions, Committed, DirectorySink, Isolation, JournalOptions, PgJournal, Query, Tenancy,
    VerifyOptions, verify_bundle,
};
use cast::Cast;
use place::{chain, event, event_with, key, options, private_event, verified};
use sqlx::AssertSqlSafe;
use test_support::TestDatabase;
use uuid::Uuid;

fn isolated() -> JournalOptions {
    options().tenancy(Tenancy::row_level_security())
}

/// Two tenants of which one's name is how the other's begins.
const TENANTS: [&str; 2] = ["acme", "acme-2"];

fn of(tenant: &str) -> audit_core::ChainId {
    chain(&format!("{tenant}/default"))
}

async fn set(conn: &mut sqlx::PgConnection, tenant: &str) {
    sqlx::query("SELECT set_config('app.current_workspace', $1, true)")
        .bind(tenant)
        .execute(conn)
        .await
        .unwrap();
}

/// All that one does with a journal, for both tenants at once.
async fn a_life(journal: &PgJournal, folder: &std::path::Path) {
    for tenant in TENANTS {
        journal.create_chain(&of(tenant)).await.unwrap();
        journal.create_chain(&of(tenant)).await.unwrap();
    }
    // Together in the queue, so that both share transactions.
    let mut appends = tokio::task::JoinSet::new();
    for n in 0..120 {
        let journal = journal.clone();
        let tenant = TENANTS[n % 2];
        appends.spawn(async move {
            let person = format!("person-{}", n % 7);
            let event = if n % 3 == 0 {
                private_event(Uuid::now_v7(), &person, "10.1.2.3")
            } else {
                event(&n.to_string())
            };
            assert_eq!(journal.append(&of(tenant), event).await.unwrap().chain, of(tenant));
        });
    }
    appends.join_all().await;
    // An id that stands already, and one that stands in the other tenant's chain.
    let id = Uuid::now_v7();
    let first = journal.append(&of("acme"), event_with(id, "x")).await.unwrap();
    assert_eq!(journal.append(&of("acme"), event_with(id, "x")).await.unwrap(), first);
    let other = journal.append(&of("acme-2"), event_with(id, "y")).await.unwrap();
    assert_eq!(other.chain, of("acme-2"));
    for tenant in TENANTS {
        let many = (0..300).map(|n| event(&n.to_string())).collect();
        journal.append_batch(&of(tenant), many).await.unwrap();
    }
    // With the host's own statements, sealed at once and by staging.
    for tenant in TENANTS {
        let mut tx = journal.begin().await.unwrap();
        set(&mut tx, tenant).await;
        tx.record(&of(tenant), event("shared")).await.unwrap();
        tx.record(&of(tenant), private_event(Uuid::now_v7(), "person-1", "::1")).await.unwrap();
        assert_eq!(tx.commit().await.unwrap().len(), 2);
        let mut tx = journal.begin_with(Isolation::Serializable).await.unwrap();
        set(&mut tx, tenant).await;
        tx.record(&of(tenant), event("staged")).await.unwrap();
        for committed in tx.commit().await.unwrap() {
            let Committed::Staged(ticket) = committed else { panic!("sealed") };
            ticket.sealed().await.unwrap();
        }
        let mut tx = journal.pool().begin().await.unwrap();
        set(&mut tx, tenant).await;
        let event = private_event(Uuid::now_v7(), "person-new", "::1");
        let ticket = journal.stage(&mut tx, &of(tenant), event).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(ticket.sealed().await.unwrap().chain, of(tenant));
    }
    journal.maintain().await.unwrap();
    for tenant in TENANTS {
        let name = of(tenant);
        let query = Query::new(&name).action("record.updated").page_size(1000);
        let page = journal.query(&query).await.unwrap();
        assert!(page.entries.len() > 300, "{}", page.entries.len());
        let needle = format!("\"chain\":\"{name}\"");
        assert!(page.entries.iter().all(|entry| entry.as_str().contains(&needle)));
        let query = Query::new(&name).target(Target::new("record", "shared"));
        assert_eq!(journal.query(&query).await.unwrap().entries.len(), 1);
        let signed = journal.checkpoint(&name).await.unwrap();
        let head = signed.checkpoint().head;
        assert_eq!(journal.newest_checkpoint(&name).await.unwrap().unwrap(), signed);
        journal.prove_inclusion(&name, 7, Some(head.size)).await.unwrap();
        journal.prove_consistency(&name, 3, head.size).await.unwrap();
        let to = folder.join(format!("bundle-{tenant}-{}", Uuid::now_v7()));
        let summary = journal.export_bundle(&name, &to, &BundleOptions::default()).await.unwrap();
        let _ = summary;
        let policy = AuditorPolicy::new([key().verifier().clone()]);
        let report = verify_bundle(&to, &VerifyOptions::new(policy)).unwrap();
        assert_eq!(report.verdict, Verdict::Intact, "{:#?}", report.findings().collect::<Vec<_>>());
        journal.rebuild_index(&name).await.unwrap();
    }
    journal.compare_with_sinks().await.unwrap();
    let report = verified(journal).await;
    assert_eq!(report.chains.len(), 2);
}

fn sunk(folder: &std::path::Path) -> JournalOptions {
    let sink = folder.join("sink");
    std::fs::create_dir(&sink).unwrap();
    isolated().sink(DirectorySink::new(sink))
}

async fn postings(cast: &Cast, tenant: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM audit.posting WHERE tenant = '{tenant}'");
    let pool = cast.db().pool(1).await;
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&pool).await.unwrap()
}

#[test]
fn row_level_security_lets_an_appender_do_all_his_work() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let folder = tempfile::tempdir().unwrap();
        let cast = Cast::with_journal(&isolated()).await;
        let journal = cast.open(&cast.appender, &sunk(folder.path())).await.unwrap();
        a_life(&journal, folder.path()).await;
        for tenant in TENANTS {
            assert!(postings(&cast, tenant).await > 0, "nothing is posted of {tenant}");
        }
        journal.close().await;
    });
}

#[test]
fn row_level_security_holds_the_owner_who_can_do_the_same() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let folder = tempfile::tempdir().unwrap();
        let cast = Cast::with_journal(&isolated()).await;
        let journal = cast.open(&cast.owner, &sunk(folder.path())).await.unwrap();
        a_life(&journal, folder.path()).await;
        journal.close().await;
        let pool = cast.pool(&cast.owner).await;
        let seen: i64 =
            sqlx::query_scalar("SELECT count(*) FROM audit.entry").fetch_one(&pool).await.unwrap();
        assert_eq!(seen, 0);
    });
}
