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

use audit_core::{Actor, AuditorPolicy, Target, Verdict};
use audit_store::{
    AccessReason, AppendError, BundleOptions, Committed, DirectorySink, Erasure, HoldOrder,
    Isolation, Journal, JournalOptions, OpenError, PgJournal, Query, SubjectScope, Tenancy,
    TenantMismatch, VerifyOptions, verify_bundle, verify_pool,
};
use cast::Cast;
use futures_util::StreamExt;
use place::{Place, chain, event, event_with, key, options, private_event, verified};
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
        let mut tail = std::pin::pin!(journal.tail(&name, 5));
        assert_eq!(tail.next().await.unwrap().unwrap().seq(), 5);
        let reason = AccessReason::new(Actor::user("support"), "matter 7");
        let scope = SubjectScope::new(tenant, "person-1");
        let to = folder.join(format!("access-{tenant}-{}", Uuid::now_v7()));
        journal.export_subject(&scope, &reason, &to).await.unwrap();
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

/// The people of a tenant, each with whether the host's id still stands.
async fn subjects(cast: &Cast, tenant: &str) -> Vec<(Vec<u8>, bool)> {
    let pool = cast.db().pool(1).await;
    let sql = "SELECT ref, host IS NULL FROM audit.subject WHERE tenant = $1 ORDER BY 1";
    sqlx::query_as(sql).bind(tenant).fetch_all(&pool).await.unwrap()
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
        let acme = of("acme");
        let before = subjects(&cast, "acme-2").await;
        let dpo = Actor::user("dpo");
        let erasure = Erasure::new("acme", "person-1", dpo, "gdpr-17-1-b", "req-1");
        let report = journal.erase_subject(&erasure).await.unwrap();
        assert!(report.removed > 0);
        assert_eq!(report.entries.len(), 1);
        assert_eq!(subjects(&cast, "acme-2").await, before);
        journal.append(&acme, private_event(Uuid::now_v7(), "person-1", "::1")).await.unwrap();
        verified(&journal).await;
        journal.close().await;
        let pool = cast.pool(&cast.owner).await;
        let seen: i64 =
            sqlx::query_scalar("SELECT count(*) FROM audit.entry").fetch_one(&pool).await.unwrap();
        assert_eq!(seen, 0);
    });
}

fn mismatch(error: AppendError) -> (String, String) {
    match error {
        AppendError::TenantMismatch(mismatch) => (mismatch.bound, mismatch.given),
        other => panic!("{other:?}"),
    }
}

fn pair(bound: &str, given: &str) -> (String, String) {
    (bound.to_owned(), given.to_owned())
}

#[test]
fn in_the_hosts_transaction_the_setting_is_the_hosts() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let cast = Cast::with_journal(&isolated()).await;
        let journal = cast.open(&cast.appender, &isolated()).await.unwrap();
        for tenant in TENANTS {
            journal.create_chain(&of(tenant)).await.unwrap();
        }
        let mut tx = journal.begin().await.unwrap();
        let error = tx.record(&of("acme"), event("a")).await.unwrap_err();
        assert_eq!(mismatch(error), pair("", "acme"));
        set(&mut tx, "acme-2").await;
        let error = tx.record(&of("acme"), event("a")).await.unwrap_err();
        assert_eq!(mismatch(error), pair("acme-2", "acme"));
        tx.record(&of("acme-2"), event("b")).await.unwrap();
        set(&mut tx, "acme").await;
        tx.record(&of("acme"), event("a")).await.unwrap();
        // What was recorded under one name is not sealed under another.
        assert_eq!(mismatch(tx.commit().await.unwrap_err()), pair("acme", "acme-2"));
        let mut tx = journal.begin_with(Isolation::Serializable).await.unwrap();
        set(&mut tx, "acme").await;
        tx.record(&of("acme"), event("a")).await.unwrap();
        set(&mut tx, "").await;
        assert_eq!(mismatch(tx.commit().await.unwrap_err()), pair("", "acme"));
        let mut tx = journal.pool().begin().await.unwrap();
        set(&mut tx, "acme").await;
        let error = journal.stage(&mut tx, &of("acme-2"), event("c")).await.unwrap_err();
        assert_eq!(mismatch(error), pair("acme", "acme-2"));
        journal
            .stage(&mut tx, &of("acme"), private_event(Uuid::now_v7(), "new", "::1"))
            .await
            .unwrap();
        let named: String = sqlx::query_scalar("SELECT current_setting('app.current_workspace')")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(named, "acme");
        tx.rollback().await.unwrap();
        for tenant in TENANTS {
            assert_eq!(journal.query(&Query::new(&of(tenant))).await.unwrap().entries.len(), 1);
        }
        journal.close().await;
    });
}

/// What a process has left is sealed and posted by the next one, of tenants it has never heard of.
#[test]
fn after_a_restart_the_tasks_find_the_tenants() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let cast = Cast::with_journal(&isolated()).await;
        let journal = cast.open(&cast.appender, &isolated()).await.unwrap();
        for tenant in TENANTS {
            journal.create_chain(&of(tenant)).await.unwrap();
            let many = (0..300).map(|n| event(&n.to_string())).collect();
            journal.append_batch(&of(tenant), many).await.unwrap();
        }
        let mut tx = cast.pool(&cast.appender).await.begin().await.unwrap();
        for tenant in TENANTS {
            set(&mut tx, tenant).await;
            journal.stage(&mut tx, &of(tenant), event("late")).await.unwrap();
        }
        journal.close().await;
        tx.commit().await.unwrap();
        let journal = cast.open(&cast.appender, &isolated()).await.unwrap();
        let due = journal.maintain().await.unwrap();
        assert!(due.sealed <= 2, "{due:?}");
        for tenant in TENANTS {
            let name = of(tenant);
            let query = Query::new(&name).target(Target::new("record", "late"));
            while journal.query(&query).await.unwrap().entries.is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            while postings(&cast, tenant).await == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
        verified(&journal).await;
        journal.close().await;
    });
}

#[test]
fn opening_compares_how_tenants_are_kept_apart() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let cast = Cast::with_journal(&isolated()).await;
        let open = async |options: &JournalOptions| {
            cast.open(&cast.appender, options).await.map(drop).unwrap_err()
        };
        assert!(matches!(
            open(&options()).await,
            OpenError::TenancyMismatch { stored: Tenancy::RowLevelSecurity { .. }, .. }
        ));
        let other = Tenancy::RowLevelSecurity { setting: "app.tenant".to_owned() };
        assert!(matches!(open(&options().tenancy(other)).await, OpenError::TenancyMismatch { .. }));
        for bad in ["tenant", "app.", ".x", "App.x", "app.x'", "app x.y", &"a.".repeat(40)] {
            let tenancy = Tenancy::RowLevelSecurity { setting: bad.to_owned() };
            let error = open(&options().tenancy(tenancy)).await;
            assert!(matches!(error, OpenError::SettingName), "{bad}: {error:?}");
        }
        // A superuser sees everybody's rows, so nothing is opened or made as one.
        let above = PgJournal::open(&cast.db().url(), &isolated()).await.unwrap_err();
        assert!(matches!(above, OpenError::AboveRowSecurity { .. }), "{above:?}");
        let log = isolated().schema("log");
        let above = PgJournal::create(&cast.db().url(), &log).await.unwrap_err();
        assert!(matches!(above, OpenError::AboveRowSecurity { .. }), "{above:?}");
        let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'log'";
        let pool = cast.db().pool(1).await;
        assert_eq!(sqlx::query_scalar::<_, i64>(schemas).fetch_one(&pool).await.unwrap(), 0);
        // What was loosened since.
        for (loosen, table, tighten) in [
            (
                "ALTER TABLE audit.tile DISABLE ROW LEVEL SECURITY",
                "tile",
                "ALTER TABLE audit.tile ENABLE ROW LEVEL SECURITY",
            ),
            (
                "ALTER TABLE audit.staged NO FORCE ROW LEVEL SECURITY",
                "staged",
                "ALTER TABLE audit.staged FORCE ROW LEVEL SECURITY",
            ),
            (
                "CREATE POLICY wider ON audit.entry FOR SELECT USING (true)",
                "entry",
                "DROP POLICY wider ON audit.entry",
            ),
            (
                "ALTER VIEW audit.event RESET (security_invoker)",
                "event",
                "ALTER VIEW audit.event SET (security_invoker = true)",
            ),
            (
                "ALTER POLICY audit_tenant ON audit.chain USING (tenant <> '')",
                "chain",
                "ALTER POLICY audit_tenant ON audit.chain USING (tenant = current_setting('app.current_workspace', true))",
            ),
            (
                "CREATE POLICY narrower ON audit.entry AS RESTRICTIVE USING (seq < 5)",
                "",
                "DROP POLICY narrower ON audit.entry",
            ),
        ] {
            cast.as_superuser(loosen).await;
            match cast.open(&cast.appender, &isolated()).await {
                Err(OpenError::NotIsolated { table: found }) => assert_eq!(found, table),
                Ok(journal) if table.is_empty() => journal.close().await,
                other => panic!("{loosen}: {other:?}"),
            }
            cast.as_superuser(tighten).await;
        }
        cast.open(&cast.appender, &isolated()).await.unwrap().close().await;
    });
}

/// A table that comes with a migration and is forgotten by the policies would be everybody's.
#[test]
fn every_table_is_under_row_level_security() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let cast = Cast::with_journal(&isolated()).await;
        let pool = cast.db().pool(1).await;
        let open: Vec<String> = sqlx::query_scalar(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'audit'::regnamespace
             AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity) ORDER BY 1",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        // What is the same for all tenants.
        assert_eq!(open, ["_audit_store_migrations", "journal", "key", "tenancy"]);
        let definers: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_proc WHERE pronamespace = 'audit'::regnamespace AND prosecdef",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(definers, 0);
    });
}

#[test]
fn another_setting_serves_as_well_and_a_superuser_can_verify() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let setting = "acme_corp.tenant.name".to_owned();
        let options = options().tenancy(Tenancy::RowLevelSecurity { setting }).schema("log");
        let cast = Cast::new().await;
        let journal = PgJournal::create(&cast.url(&cast.owner), &options).await.unwrap();
        for tenant in TENANTS {
            journal.create_chain(&of(tenant)).await.unwrap();
            journal.append(&of(tenant), event("a")).await.unwrap();
            journal.checkpoint(&of(tenant)).await.unwrap();
        }
        assert_eq!(verified(&journal).await.chains.len(), 2);
        journal.close().await;
        let policy = AuditorPolicy::new([key().verifier().clone()]);
        let verify = VerifyOptions::new(policy);
        let pool = cast.db().pool(4).await;
        let report = verify_pool(&pool, Some("log"), &verify).await.unwrap();
        assert_eq!((report.verdict, report.chains.len()), (Verdict::Intact, 2));
        let verify = verify.chain(chain("nobody/default")).chain(of("acme"));
        let report = verify_pool(&pool, Some("log"), &verify).await.unwrap();
        assert_eq!((report.verdict, report.chains.len()), (Verdict::Findings, 2));
        let identity = PgJournal::identify(&cast.db().url(), "log").await.unwrap();
        assert_eq!(identity.tenancy, options_tenancy());
        assert_eq!(identity.tenant, None);
    });
}

fn options_tenancy() -> Tenancy {
    Tenancy::RowLevelSecurity { setting: "acme_corp.tenant.name".to_owned() }
}

/// On both databases: one handle, or one file or schema, for one tenant.
async fn a_handle_is_for_one_tenant<T: Place>(db: T) {
    let journal = db.create(&options()).await.unwrap();
    for tenant in TENANTS {
        journal.create_chain(&of(tenant)).await.unwrap();
        journal.append(&of(tenant), private_event(Uuid::now_v7(), "p", "::1")).await.unwrap();
    }
    journal.close().await;
    let bound = options().tenant("acme");
    let journal = db.open(&bound).await.unwrap();
    refuses_another(&journal).await;
    journal.close().await;
    // The database is not the tenant's alone, so another handle may be another's.
    let journal = db.open(&options().tenant("acme-2")).await.unwrap();
    journal.append(&of("acme-2"), event("a")).await.unwrap();
    assert_eq!(
        mismatch(journal.append(&of("acme"), event("a")).await.unwrap_err()),
        pair("acme-2", "acme")
    );
    journal.close().await;
    let journal = db.open(&options()).await.unwrap();
    assert_eq!(verified(&journal).await.chains.len(), 2);
    journal.close().await;
}

async fn refuses_another<DB: audit_store::Backend>(journal: &Journal<DB>) {
    let theirs = of("acme-2");
    let is = |what: &dyn std::error::Error| {
        let source = what.source().and_then(|source| source.downcast_ref::<TenantMismatch>());
        assert_eq!(
            source.map(|m| (m.bound.as_str(), m.given.as_str())),
            Some(("acme", "acme-2")),
            "{what:?}"
        );
    };
    is(&journal.create_chain(&chain("acme-2/more")).await.unwrap_err());
    is(&journal.append(&theirs, event("a")).await.unwrap_err());
    is(&journal.try_append(&theirs, event("a")).await.unwrap_err());
    is(&journal.append_batch(&theirs, vec![event("a"), event("b")]).await.unwrap_err());
    let mut tx = journal.begin().await.unwrap();
    is(&tx.record(&theirs, event("a")).await.unwrap_err());
    tx.record(&of("acme"), event("b")).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = journal.begin().await.unwrap();
    is(&journal.stage(&mut tx, &theirs, event("a")).await.unwrap_err());
    tx.rollback().await.unwrap();
    is(&journal.query(&Query::new(&theirs)).await.unwrap_err());
    let reason = AccessReason::new(Actor::user("support"), "matter 7");
    is(&journal.read_private(&theirs, 1, &reason).await.unwrap_err());
    is(&journal.prove_inclusion(&theirs, 0, None).await.unwrap_err());
    is(&journal.checkpoint(&theirs).await.unwrap_err());
    is(&journal.newest_checkpoint(&theirs).await.unwrap_err());
    is(&journal.rebuild_index(&theirs).await.unwrap_err());
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("bundle");
    is(&journal.export_bundle(&theirs, &to, &BundleOptions::default()).await.unwrap_err());
    let dpo = || Actor::user("dpo");
    let erasure = Erasure::new("acme-2", "p", dpo(), "gdpr-17-1-b", "req-1");
    is(&journal.erase_subject(&erasure).await.unwrap_err());
    let order = HoldOrder::on_chain(&theirs, "h-1", "matter", dpo());
    let error = journal.place_hold(&order).await.unwrap_err();
    is(std::error::Error::source(&error).unwrap());
    let policy = AuditorPolicy::new([key().verifier().clone()]);
    let verify = VerifyOptions::new(policy);
    is(&journal.verify(&verify.clone().chain(theirs.clone())).await.unwrap_err());
    let report = journal.verify(&verify).await.unwrap();
    assert!(report.chains.iter().all(|chain| chain.chain == of("acme")));
    // Its own work goes on, the tasks' too.
    journal.append(&of("acme"), event("c")).await.unwrap();
    journal.maintain().await.unwrap();
}

async fn a_journal_made_for_one_tenant_is_his_alone<T: Place>(db: T) {
    assert!(matches!(db.create(&options().tenant("Acme")).await, Err(OpenError::TenantName(_))));
    let journal = db.create(&options().tenant("acme")).await.unwrap();
    journal.create_chain(&of("acme")).await.unwrap();
    refuses_another(&journal).await;
    journal.close().await;
    // Whoever opens it.
    let journal = db.open(&options()).await.unwrap();
    refuses_another(&journal).await;
    journal.close().await;
    match db.open(&options().tenant("acme-2")).await.unwrap_err() {
        OpenError::TenantMismatch(m) => assert_eq!((m.bound, m.given), pair("acme", "acme-2")),
        other => panic!("{other:?}"),
    }
    if !T::POSTGRES {
        let error = db.open(&isolated()).await.unwrap_err();
        assert!(matches!(error, OpenError::NoRowSecurity), "{error:?}");
    }
}

test_support::both_databases!(
    a_handle_is_for_one_tenant,
    a_journal_made_for_one_tenant_is_his_alone,
);
