//! A tenant with a schema of its own leaves.

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

use audit_core::{Actor, JournalName};
use audit_store::{
    DropSchemaError, HoldOrder, JournalOptions, OpenError, PgJournal, RolesSql, Tenancy,
};
use cast::Cast;
use place::{chain, event, options, private_event, verified};
use uuid::Uuid;

/// A schema for each of two tenants, one's name the beginning of the other's; the first one's is
/// under row-level security besides.
fn of(tenant: &str) -> JournalOptions {
    let options = options().tenant(tenant).schema(&format!("t_{}", tenant.replace('-', "_")));
    if tenant == "acme" { options.tenancy(Tenancy::row_level_security()) } else { options }
}

async fn two_schemas() -> Cast {
    let cast = Cast::new().await;
    for tenant in ["acme", "acme-2"] {
        let journal = PgJournal::create(&cast.url(&cast.owner), &of(tenant)).await.unwrap();
        for series in ["default", "security"] {
            let chain = chain(&format!("{tenant}/{series}"));
            journal.create_chain(&chain).await.unwrap();
            let many = (0..300).map(|n| event(&n.to_string())).collect();
            journal.append_batch(&chain, many).await.unwrap();
            journal.append(&chain, private_event(Uuid::now_v7(), "p", "::1")).await.unwrap();
            journal.checkpoint(&chain).await.unwrap();
        }
        journal.maintain().await.unwrap();
        journal.close().await;
    }
    cast
}

async fn count(cast: &Cast, sql: &str) -> i64 {
    let pool = test_support::TestDatabase::pool(cast.db(), 1).await;
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(&pool).await.unwrap()
}

const OF_ACME: &str =
    "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('t_acme')";

async fn dropped(cast: &Cast, options: &JournalOptions) -> Result<Vec<String>, DropSchemaError> {
    let dropped = PgJournal::drop_tenant_schema(&cast.url(&cast.owner), options).await?;
    assert!(dropped.schema_gone);
    Ok(dropped.tables)
}

#[test]
fn a_schema_goes_table_by_table_and_another_tenants_stays() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let cast = two_schemas().await;
        // A handle that is still open somewhere.
        let elsewhere = cast.open(&cast.owner, &of("acme")).await.unwrap();
        let tables = dropped(&cast, &of("acme")).await.unwrap();
        assert!(tables.len() > 12, "{tables:?}");
        assert_eq!(
            count(&cast, "SELECT count(*) FROM pg_namespace WHERE nspname = 't_acme'").await,
            0
        );
        elsewhere.append(&chain("acme/default"), event("a")).await.unwrap_err();
        elsewhere.close().await;
        let again = dropped(&cast, &of("acme")).await.unwrap_err();
        assert!(matches!(again, DropSchemaError::NotTheOne(OpenError::NotAJournal)), "{again:?}");
        let other = cast.open(&cast.owner, &of("acme-2")).await.unwrap();
        assert_eq!(verified(&other).await.chains.len(), 2);
        other.append(&chain("acme-2/default"), event("a")).await.unwrap();
        other.close().await;
        // The name is free again.
        PgJournal::create(&cast.url(&cast.owner), &of("acme")).await.unwrap().close().await;
    });
}

#[test]
fn nothing_is_dropped_while_a_hold_stands_or_where_the_schema_is_another() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let cast = two_schemas().await;
        let before = count(&cast, OF_ACME).await;
        let acme_2_as_acme = of("acme-2").schema("t_acme");
        let error = dropped(&cast, &acme_2_as_acme).await.unwrap_err();
        assert!(
            matches!(error, DropSchemaError::NotTheOne(OpenError::TenantMismatch(_))),
            "{error:?}"
        );
        let name = JournalName::new("other.example.com").unwrap();
        let other = JournalOptions::new(name).tenant("acme").schema("t_acme");
        let error = dropped(&cast, &other).await.unwrap_err();
        assert!(
            matches!(error, DropSchemaError::NotTheOne(OpenError::NameMismatch { .. })),
            "{error:?}"
        );
        let error = dropped(&cast, &options().schema("t_acme")).await.unwrap_err();
        assert!(matches!(error, DropSchemaError::NoTenant), "{error:?}");
        let error = dropped(&cast, &of("acme").schema("public")).await.unwrap_err();
        assert!(matches!(error, DropSchemaError::NotTheOne(OpenError::NotAJournal)), "{error:?}");
        // One that is not a tenant's alone, whoever has chains in it.
        let shared = options().schema("shared");
        let journal = PgJournal::create(&cast.url(&cast.owner), &shared).await.unwrap();
        journal.create_chain(&chain("acme/default")).await.unwrap();
        journal.close().await;
        let error = dropped(&cast, &shared.clone().tenant("acme")).await.unwrap_err();
        assert!(matches!(error, DropSchemaError::Shared), "{error:?}");

        let journal = cast.open(&cast.owner, &of("acme")).await.unwrap();
        let dpo = || Actor::user("dpo");
        let order = HoldOrder::on_chain(&chain("acme/security"), "h-1", "matter", dpo());
        journal.place_hold(&order).await.unwrap();
        let error = dropped(&cast, &of("acme")).await.unwrap_err();
        assert!(matches!(error, DropSchemaError::OnHold { holds: 1 }), "{error:?}");
        assert_eq!(count(&cast, OF_ACME).await, before);
        journal.append(&chain("acme/default"), event("goes on")).await.unwrap();
        verified(&journal).await;
        journal.release_hold("acme", "h-1", dpo()).await.unwrap();
        journal.close().await;
        dropped(&cast, &of("acme")).await.unwrap();
    });
}

/// Whatever was cut off is gone on with; meanwhile nothing is written, and nothing opened.
#[test]
fn a_drop_that_was_cut_off_is_gone_on_with() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let cast = two_schemas().await;
        let journal = cast.open(&cast.owner, &of("acme")).await.unwrap();
        // Something of the host's hangs on a table in the middle.
        cast.as_superuser("CREATE VIEW public.hosts AS SELECT seq FROM t_acme.entry").await;
        let error = dropped(&cast, &of("acme")).await.unwrap_err();
        assert!(matches!(error, DropSchemaError::Database(_)), "{error:?}");
        assert!(PgJournal::identify(&cast.db_url(), "t_acme").await.unwrap().leaving);
        let opened = cast.open(&cast.owner, &of("acme")).await.unwrap_err();
        assert!(matches!(opened, OpenError::Leaving), "{opened:?}");
        journal.append(&chain("acme/default"), event("a")).await.unwrap_err();
        let order = HoldOrder::on_chain(&chain("acme/default"), "h", "m", Actor::user("dpo"));
        journal.place_hold(&order).await.unwrap_err();
        journal.close().await;
        cast.as_superuser("DROP VIEW public.hosts; CREATE TABLE t_acme.of_the_host (n integer)")
            .await;
        let url = cast.url(&cast.owner);
        let rest = PgJournal::drop_tenant_schema(&url, &of("acme")).await.unwrap();
        assert!(rest.tables.contains(&"entry".to_owned()));
        assert!(!rest.tables.contains(&"checkpoint".to_owned()), "{:?}", rest.tables);
        // What is not the journal's is not touched.
        assert!(!rest.schema_gone);
        assert_eq!(count(&cast, OF_ACME).await, 1);
    });
}

#[test]
fn only_the_owner_drops() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let cast = two_schemas().await;
        let before = count(&cast, OF_ACME).await;
        let custodian = &cast.custodian;
        let role = audit_store::JournalRole::Custodian;
        cast.as_superuser(&RolesSql::new("t_acme", role, custodian).unwrap().to_string()).await;
        let url = cast.url(custodian);
        let error = PgJournal::drop_tenant_schema(&url, &of("acme")).await.unwrap_err();
        assert!(matches!(error, DropSchemaError::Database(_)), "{error:?}");
        assert_eq!(count(&cast, OF_ACME).await, before);
        let journal = cast.open(&cast.owner, &of("acme")).await.unwrap();
        journal.append(&chain("acme/default"), event("a")).await.unwrap();
        journal.close().await;
    });
}
