//! What each role can do by plain SQL, and what it cannot; and that it can do its own work.

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
#[path = "support/years.rs"]
mod years;

use std::sync::Arc;
use std::time::Duration;

use audit_core::{
    Actor, AuditorPolicy, Clock, Downgrade, ManualClock, Period, RecordSeries, RetentionRule,
    RetentionSchedule, SystemClock, Verdict,
};
use audit_store::{
    AppendError, BundleOptions, DatabaseErrorKind, Erasure, ErasureError, HoldOrder,
    JournalOptions, PgJournal, PlanError, PruneError, PruneOptions, Query, Tenancy, VerifyOptions,
    verify_pool,
};
use cast::Cast;
use place::{chain, event, key, options, private_event, verified};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use uuid::Uuid;

fn isolated() -> JournalOptions {
    options().tenancy(Tenancy::row_level_security())
}

fn of(tenant: &str) -> audit_core::ChainId {
    chain(&format!("{tenant}/default"))
}

/// A journal of two tenants with something in every table that an ordinary life fills.
async fn two_tenants(options: &JournalOptions) -> Cast {
    let cast = Cast::with_journal(options).await;
    let journal = cast.open(&cast.appender, options).await.unwrap();
    for tenant in ["acme", "acme-2"] {
        journal.create_chain(&of(tenant)).await.unwrap();
        let many = (0..300).map(|n| event(&n.to_string())).collect();
        journal.append_batch(&of(tenant), many).await.unwrap();
        let about = private_event(Uuid::now_v7(), "person-1", "10.0.0.1");
        journal.append(&of(tenant), about).await.unwrap();
        journal.checkpoint(&of(tenant)).await.unwrap();
    }
    journal.maintain().await.unwrap();
    journal.close().await;
    cast
}

async fn enter(conn: &mut PgConnection, tenant: &str) {
    let sql = format!("SET app.current_workspace TO '{tenant}'");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await.unwrap();
}

/// How the server answers: the number of rows, or the code of its refusal.
async fn answer(conn: &mut PgConnection, sql: &str) -> Result<u64, String> {
    match sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(conn).await {
        Ok(done) => Ok(done.rows_affected()),
        Err(error) => Err(error.as_database_error().unwrap().code().unwrap().into_owned()),
    }
}

const DENIED: &str = "42501";
const REFUSED: &str = "23001";

/// Every table of the journal's schema.
async fn tables(conn: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'audit'")
        .fetch_all(conn)
        .await
        .unwrap()
}

/// The columns that a statement can name in an update.
async fn columns(conn: &mut PgConnection, table: &str) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT attname::text FROM pg_attribute
         WHERE attrelid = to_regclass('audit.' || $1) AND attnum > 0 AND attidentity = ''",
    )
    .bind(table)
    .fetch_all(conn)
    .await
    .unwrap()
}

/// Tables in which nothing stands for good: what waits, and what is derived or kept by the way.
const PASSING: [&str; 10] = [
    "condemned",
    "deferred",
    "hold",
    "permit",
    "plan",
    "posted",
    "posting",
    "published",
    "signing",
    "staged",
];

/// What a custodian moves forward, and the database lets move no other way.
const FORWARD: [(&str, &str); 2] = [("key", "covered"), ("key", "retired")];

/// Of the migrations and settings there is one for the whole journal; only the owner could write it.
const OWNERS: [&str; 1] = ["_audit_store_migrations"];

/// Whether a role is granted something on what stands, so that the library can do it: there the triggers
/// refuse what no entry accounts for. Everywhere else the privilege is not there.
fn is_granted(cast: &Cast, role: &str, table: &str, column: Option<&str>) -> bool {
    let appends = role == cast.appender || role == cast.custodian;
    let removes = role == cast.custodian;
    match (table, column) {
        ("entry" | "disclosure", None) => removes,
        ("disclosure", Some("items")) | ("subject", Some("host" | "erased" | "erased_seq")) => {
            removes
        }
        ("chain", Some("size" | "head" | "range" | "at" | "control" | "incarnation")) => appends,
        _ => role == cast.owner,
    }
}

#[test]
fn nothing_that_stands_is_changed_or_removed_by_plain_sql() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let cast = two_tenants(&isolated()).await;
        for role in [&cast.appender, &cast.auditor, &cast.custodian, &cast.owner] {
            let mut conn = PgConnection::connect(&cast.url(role)).await.unwrap();
            enter(&mut conn, "acme").await;
            let is_owner = *role == cast.owner;
            for table in tables(&mut conn).await {
                if is_owner && (OWNERS.contains(&&*table) || PASSING.contains(&&*table)) {
                    continue;
                }
                let refused = [Err(DENIED.to_owned()), Err(REFUSED.to_owned())];
                let truncated = answer(&mut conn, &format!("TRUNCATE audit.{table} CASCADE")).await;
                assert!(refused.contains(&truncated), "{role} {table}: {truncated:?}");
                assert!(is_owner || truncated == refused[0], "{role} {table}: {truncated:?}");
                if !PASSING.contains(&&*table) || *role == cast.auditor {
                    let deleted = answer(&mut conn, &format!("DELETE FROM audit.{table}")).await;
                    // The owner is held by row-level security: of some tables he sees no row.
                    let nothing = is_owner && deleted == Ok(0);
                    let expected = &refused[usize::from(is_granted(&cast, role, &table, None))];
                    let denied = is_owner && refused.contains(&deleted);
                    assert!(
                        deleted == *expected || nothing || denied,
                        "{role} {table}: {deleted:?}"
                    );
                    for column in columns(&mut conn, &table).await {
                        if *role == cast.custodian && FORWARD.contains(&(&*table, &*column)) {
                            continue;
                        }
                        let sql = format!("UPDATE audit.{table} SET {column} = {column}");
                        let updated = answer(&mut conn, &sql).await;
                        let nothing = is_owner && updated == Ok(0);
                        let what = format!("{role} {table}.{column}: {updated:?}");
                        let granted = is_granted(&cast, role, &table, Some(&column));
                        let denied = is_owner && refused.contains(&updated);
                        let expected = &refused[usize::from(granted)];
                        assert!(updated == *expected || nothing || denied, "{what}");
                    }
                }
            }
        }
        let journal = cast.open(&cast.appender, &isolated()).await.unwrap();
        assert_eq!(verified(&journal).await.chains.len(), 2);
        journal.close().await;
    });
}

/// What a reader gets to see of `acme-2` while the session names `acme`.
#[test]
fn no_row_of_another_tenant_is_seen_or_written() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let cast = two_tenants(&isolated()).await;
        let mut owner = PgConnection::connect(&cast.url(&cast.owner)).await.unwrap();
        for (name, security) in [("by_invoker", "INVOKER"), ("by_definer", "DEFINER")] {
            let sql = format!(
                "CREATE FUNCTION audit.{name}() RETURNS SETOF text LANGUAGE sql STABLE
                 SECURITY {security} AS 'SELECT tenant FROM audit.entry'"
            );
            answer(&mut owner, &sql).await.unwrap();
        }
        answer(
            &mut owner,
            "CREATE VIEW audit.of_the_owner AS SELECT tenant::text FROM audit.entry",
        )
        .await
        .unwrap();
        answer(&mut owner, "GRANT SELECT ON audit.of_the_owner TO PUBLIC").await.unwrap();
        for role in [&cast.appender, &cast.auditor, &cast.custodian, &cast.owner] {
            let mut conn = PgConnection::connect(&cast.url(role)).await.unwrap();
            let sources = [
                "(SELECT tenant::text FROM audit.entry)",
                "(SELECT tenant::text FROM audit.event)",
                "(SELECT tenant::text FROM audit.chain)",
                "(SELECT tenant::text FROM audit.disclosure)",
                "(SELECT tenant::text FROM audit.tile)",
                "(SELECT tenant::text FROM audit.posting)",
                "(SELECT tenant::text FROM audit.checkpoint)",
                "audit.by_invoker() AS f (tenant)",
                "audit.by_definer() AS f (tenant)",
                "audit.of_the_owner",
            ];
            for (n, source) in sources.iter().enumerate() {
                let source = source.trim_end_matches(" AS f (tenant)");
                let alias = "AS f (tenant)";
                let sql = format!(
                    "PREPARE p{n} AS SELECT tenant, count(*) FROM {source} {alias} GROUP BY 1"
                );
                // Prepared for one tenant, asked for another, for none, and for an empty name.
                enter(&mut conn, "acme").await;
                answer(&mut conn, &sql).await.unwrap();
                for _ in 0..7 {
                    answer(&mut conn, &format!("EXECUTE p{n}")).await.unwrap();
                }
                for tenant in ["acme", "acme-2", "acm", "", "%"] {
                    enter(&mut conn, tenant).await;
                    let seen = sqlx::raw_sql(AssertSqlSafe(format!("EXECUTE p{n}")))
                        .fetch_all(&mut conn)
                        .await
                        .unwrap();
                    let seen: Vec<String> = seen.iter().map(|row| row.get(0)).collect();
                    let expected: &[&str] =
                        if tenant.starts_with("acme") { &[tenant] } else { &[] };
                    assert_eq!(seen, expected, "{role} {source} as {tenant:?}");
                }
                answer(&mut conn, "RESET app.current_workspace").await.unwrap();
                let seen = sqlx::raw_sql(AssertSqlSafe(format!("EXECUTE p{n}")));
                assert!(seen.fetch_all(&mut conn).await.unwrap().is_empty(), "{role} {source}");
            }
        }
        let mut conn = PgConnection::connect(&cast.url(&cast.custodian)).await.unwrap();
        enter(&mut conn, "acme-2").await;
        let theirs: i64 =
            sqlx::query_scalar("SELECT id FROM audit.chain").fetch_one(&mut conn).await.unwrap();
        for role in [&cast.appender, &cast.custodian, &cast.owner] {
            let mut conn = PgConnection::connect(&cast.url(role)).await.unwrap();
            enter(&mut conn, "acme").await;
            let zeros = "decode(repeat('00', 32), 'hex')";
            for (sql, what) in [
                (format!("INSERT INTO audit.entry VALUES ({theirs}, 400, gen_random_uuid(), 'acme-2', 'x')"), "their entry"),
                // A row of one's own at a place in their chain would keep them from appending.
                (format!("INSERT INTO audit.entry VALUES ({theirs}, 400, gen_random_uuid(), 'acme', 'x')"), "an entry in their chain"),
                (format!("INSERT INTO audit.tile VALUES ({theirs}, 0, 9, 1, 'acme', {zeros})"), "a tile of their chain"),
                (format!("INSERT INTO audit.chain (tenant, series, size, head, range, at, incarnation) VALUES ('acme-2', 'more', 0, {zeros}, '', 0, 1)"), "a chain of theirs"),
                (format!("INSERT INTO audit.signing VALUES ({theirs}, 'acme', 1, 9, 9)"), "how far they are signed"),
                ("INSERT INTO audit.subject VALUES ('acme-2', decode(repeat('00', 16), 'hex'), 'x')".to_owned(), "a person of theirs"),
                ("INSERT INTO audit.tenant VALUES ('somebody')".to_owned(), "a name"),
            ] {
                assert_eq!(answer(&mut conn, &sql).await, Err(DENIED.to_owned()), "{role}: {what}");
            }
            let moved = format!("UPDATE audit.chain SET size = size + 1 WHERE id = {theirs}");
            assert_eq!(answer(&mut conn, &moved).await, Ok(0), "{role}");
        }
    });
}

#[test]
fn each_role_can_do_its_own_work_and_no_other() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        for options in [isolated(), options()] {
            let cast = two_tenants(&options).await;
            auditor_reads(&cast, &options).await;
            appender_takes_nothing_away(&cast, &options).await;
            custodian_holds_and_erases(&cast, &options).await;
            custodian_alone_prunes(&cast, &options).await;
        }
    });
}

async fn auditor_reads(cast: &Cast, options: &JournalOptions) {
    let journal = cast.open(&cast.auditor, &options.clone().read_only()).await.unwrap();
    let query = Query::new(&of("acme")).page_size(400);
    assert_eq!(journal.query(&query).await.unwrap().entries.len(), 302);
    journal.proof_file(&of("acme"), 3).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("bundle");
    journal.export_bundle(&of("acme-2"), to, &BundleOptions::default()).await.unwrap();
    assert_eq!(verified(&journal).await.chains.len(), 2);
    journal.close().await;
    // Without an open journal as well.
    let policy = AuditorPolicy::new([key().verifier().clone()]);
    let pool = sqlx::PgPool::connect(&cast.url(&cast.auditor)).await.unwrap();
    let report = verify_pool(&pool, None, &VerifyOptions::new(policy)).await.unwrap();
    assert_eq!((report.verdict, report.chains.len()), (Verdict::Intact, 2));
    let people = sqlx::query("SELECT host FROM audit.subject").fetch_all(&pool).await;
    assert_eq!(people.unwrap_err().as_database_error().unwrap().code().unwrap(), DENIED);
}

fn erasure(person: &str) -> Erasure {
    Erasure::new("acme", person, Actor::user("dpo"), "gdpr-17-1-b", "req-1")
}

fn is_denied(error: &AppendError) -> bool {
    matches!(error, AppendError::Database(error) if error.kind() == DatabaseErrorKind::Denied)
}

async fn appender_takes_nothing_away(cast: &Cast, options: &JournalOptions) {
    let journal = cast.open(&cast.appender, options).await.unwrap();
    let before = head(&journal).await;
    match journal.erase_subject(&erasure("person-1")).await.unwrap_err() {
        ErasureError::Append(error) => assert!(is_denied(&error), "{error:?}"),
        ErasureError::Database(error) => assert_eq!(error.kind(), DatabaseErrorKind::Denied),
        other => panic!("{other:?}"),
    }
    let order = HoldOrder::on_chain(&of("acme"), "h-1", "matter", Actor::user("dpo"));
    journal.place_hold(&order).await.unwrap_err();
    assert_eq!(head(&journal).await, before);
    journal.close().await;
}

async fn custodian_holds_and_erases(cast: &Cast, options: &JournalOptions) {
    let journal = cast.open(&cast.custodian, options).await.unwrap();
    journal.append(&of("acme"), event("one more")).await.unwrap();
    let order = HoldOrder::on_chain(&of("acme-2"), "h-1", "matter", Actor::user("dpo"));
    journal.place_hold(&order).await.unwrap();
    let mut conn = PgConnection::connect(&cast.url(&cast.custodian)).await.unwrap();
    enter(&mut conn, "acme-2").await;
    let released = answer(&mut conn, "DELETE FROM audit.hold").await;
    assert_eq!(released, Err(REFUSED.to_owned()));
    let forged = "INSERT INTO audit.hold (chain, hold, seq, tenant, kind)
                  SELECT id, 'forged', 1, tenant, 'chain' FROM audit.chain WHERE tenant = 'acme-2'";
    assert_eq!(answer(&mut conn, forged).await, Err(REFUSED.to_owned()));
    let report = journal.erase_subject(&erasure("person-1")).await.unwrap();
    assert_eq!(report.entries.len(), 1);
    assert_eq!(report.removed, 1);
    verified(&journal).await;
    journal.close().await;
}

async fn custodian_alone_prunes(cast: &Cast, options: &JournalOptions) {
    let now = SystemClock.now();
    let clock = Arc::new(ManualClock::new(now.saturating_add(Duration::from_hours(20 * 24))));
    let rule = RetentionRule::new("ten days", Period::days(10));
    let series = |name: &str| RecordSeries::new(name).plan("small", rule.clone());
    let schedule = RetentionSchedule::new(series("default"), [series("people")]).unwrap();
    let options = options.clone().clock(clock).retention(schedule.downgrade(Downgrade::Immediate));
    let custodian = cast.open(&cast.custodian, &options).await.unwrap();
    let appender = cast.open(&cast.appender, &options).await.unwrap();
    let dpo = || Actor::user("dpo");
    assert!(matches!(
        appender.set_plan("acme", "small", dpo()).await.unwrap_err(),
        PlanError::Append(error) if is_denied(&error)
    ));
    custodian.set_plan("acme", "small", dpo()).await.unwrap();
    let before = head(&custodian).await;
    assert!(matches!(
        appender.prune(&PruneOptions::new()).await.unwrap_err(),
        PruneError::Database(error) if error.kind() == DatabaseErrorKind::Denied
    ));
    assert_eq!(head(&custodian).await, before);
    // A chain that an appender makes begins with the plan.
    appender.create_chain(&chain("acme/people")).await.unwrap();
    let query = Query::new(&chain("acme/people")).action("journal.schedule_changed");
    assert_eq!(custodian.query(&query).await.unwrap().entries.len(), 1);
    let report = custodian.prune(&PruneOptions::new()).await.unwrap();
    assert_eq!(report.chains.len(), 1);
    assert!(report.removed() > 290, "{report:?}");
    assert_eq!(verified(&custodian).await.counts.pruned, report.removed());
    appender.append(&of("acme"), event("and one more")).await.unwrap();
    for journal in [custodian, appender] {
        journal.close().await;
    }
}

async fn head(journal: &PgJournal) -> Vec<u64> {
    verified(journal).await.chains.iter().map(|chain| chain.size).collect()
}

/// Plans, pruning and what it removes, of two tenants in the same tables.
#[test]
fn a_custodian_prunes_and_an_appender_cannot() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let clock = years::clock();
        let base = years::with(&clock, years::schedule());
        for options in [base.clone().tenancy(Tenancy::row_level_security()), base] {
            clock.set(years::begin());
            let cast = Cast::with_journal(&options).await;
            let custodian = cast.open(&cast.custodian, &options).await.unwrap();
            for (tenant, plan) in [("acme", "small"), ("acme-2", "large")] {
                custodian.set_plan(tenant, plan, years::dpo()).await.unwrap();
            }
            // A chain that is made by another role begins with its tenant's plan.
            let appender = cast.open(&cast.appender, &options).await.unwrap();
            for tenant in ["acme", "acme-2"] {
                appender.create_chain(&of(tenant)).await.unwrap();
            }
            for day in 0..20 {
                clock.set(years::day(day));
                for tenant in ["acme", "acme-2"] {
                    let events = (0..20).map(years::numbered).collect();
                    appender.append_batch(&of(tenant), events).await.unwrap();
                }
            }
            appender.prune(&PruneOptions::new()).await.unwrap_err();
            let before = head(&custodian).await;
            let report = custodian.prune(&PruneOptions::new().batch(50)).await.unwrap();
            let [pruned] = &report.chains[..] else { panic!("{report:?}") };
            assert_eq!(pruned.chain, of("acme"));
            assert!(pruned.removed > 150 && pruned.batches > 2, "{pruned:?}");
            let after = head(&custodian).await;
            assert_eq!((after[0] > before[0], after[1]), (true, before[1]));
            let left = custodian.query(&Query::new(&of("acme-2")).page_size(1_000)).await.unwrap();
            assert_eq!(left.entries.len(), 402);
            appender.close().await;
            custodian.close().await;
        }
    });
}
