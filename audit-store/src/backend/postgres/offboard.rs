//! Dropping the schema of one tenant's journal, a table at a time.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Postgres};

use super::tenancy::{OF_A_CHAIN, OF_A_TENANT};
use crate::backend::Schema;
use crate::backend::setup::SetupSql;
use crate::backend::tenancy::TenancySql;

/// Beside the tables of tenants: what tells whose journal it is, and that it is being dropped. They go
/// last, so that a run that was cut off is gone on with.
const LAST: &[&str] = &["key", "journal", "tenancy", "leaving", "_audit_store_migrations"];

/// The functions and domains that the migrations make.
const FUNCTIONS: &[&str] = &[
    "chain_forward",
    "disclosure_leaves",
    "disclosure_rekeyed",
    "entry_leaves",
    "hold_guard",
    "is_held",
    "newest_reserved",
    "permit_guard",
    "ready_to_seal",
    "refuse",
    "register_tenant",
    "schedule_guard",
    "staged_leaves",
    "subject_severed",
    "tenants_with_staged",
];
const DOMAINS: &[&str] = &[
    "chain_id",
    "chain_name",
    "entry_body",
    "entry_seq",
    "leaf_hash",
    "sealed_at",
    "tree_range",
    "tree_size",
];

/// What keeps a schema from being dropped.
#[derive(Debug, Default)]
pub(crate) struct InTheWay {
    /// Rows of legal holds, and of erasures that wait for one to be released.
    pub(crate) holds: i64,
    /// Chains of other tenants.
    pub(crate) others: i64,
}

/// Looks for what is in the way, and, where nothing is, lets nothing be written from then on. Whoever
/// places a hold at the same moment is either seen or refused.
pub(crate) async fn begin_leaving(
    conn: &mut PgConnection,
    schema: &Schema,
    tenant: &str,
) -> sqlx::Result<InTheWay> {
    let mut tx = conn.begin_with(<Postgres as SetupSql>::BEGIN).await?;
    // In the order in which those who append and hold take them.
    tx.execute(schema.sql(
        "LOCK TABLE audit.chain, audit.entry, audit.hold, audit.deferred, audit.staged
            IN ACCESS EXCLUSIVE MODE",
    ))
    .await?;
    Postgres::suspend_isolation(&mut tx, schema).await?;
    let (holds, others): (i64, i64) = sqlx::query_as(schema.sql(
        "SELECT (SELECT count(*) FROM audit.hold) + (SELECT count(*) FROM audit.deferred),
            (SELECT count(*) FROM audit.chain WHERE tenant <> $1)",
    ))
    .bind(tenant)
    .fetch_one(&mut *tx)
    .await?;
    let found = InTheWay { holds, others };
    if holds > 0 || others > 0 {
        tx.rollback().await?;
        return Ok(found);
    }
    let mut sql = format!("CREATE TABLE {}.leaving ();", schema.name());
    for table in ["chain", "entry", "hold", "staged"] {
        sql.push_str(&format!(
            "CREATE TRIGGER aa_leaving BEFORE INSERT OR UPDATE OR DELETE ON {schema}.{table}
                EXECUTE FUNCTION {schema}.refuse('the tenant is leaving');",
            schema = schema.name()
        ));
    }
    // Safe: the name was checked when it was given.
    tx.execute(AssertSqlSafe(sql)).await?;
    tx.commit().await?;
    Ok(found)
}

/// The tables that are still there of those that hold something of the tenant, children first.
pub(crate) async fn tables_left(
    conn: &mut PgConnection,
    schema: &Schema,
) -> sqlx::Result<Vec<String>> {
    let order: Vec<&str> =
        OF_A_CHAIN.iter().chain(OF_A_TENANT).chain(&["tenant"]).copied().collect();
    sqlx::query_scalar(
        "SELECT t.name FROM unnest($2::text[]) WITH ORDINALITY AS t (name, place)
         WHERE to_regclass($1 || '.' || t.name) IS NOT NULL ORDER BY t.place",
    )
    .bind(schema.name())
    .bind(order)
    .fetch_all(conn)
    .await
}

/// Drops one of them, in a transaction of its own.
pub(crate) async fn drop_table(
    conn: &mut PgConnection,
    schema: &Schema,
    table: &str,
) -> sqlx::Result<()> {
    let schema = schema.name();
    // Safe: the tables' names are ours.
    conn.execute(AssertSqlSafe(format!(
        "DROP VIEW IF EXISTS {schema}.event; DROP TABLE IF EXISTS {schema}.{table}"
    )))
    .await
    .map(drop)
}

/// Drops what is left, and the schema where nothing of anybody else's is in it: false where there
/// is.
pub(crate) async fn drop_rest(conn: &mut PgConnection, schema: &Schema) -> sqlx::Result<bool> {
    let name = schema.name();
    let mut tx = conn.begin_with(<Postgres as SetupSql>::BEGIN).await?;
    let functions: Vec<String> = sqlx::query_scalar(
        "SELECT oid::regprocedure::text FROM pg_proc
         WHERE pronamespace = to_regnamespace($1) AND proname = ANY($2)",
    )
    .bind(name)
    .bind(FUNCTIONS)
    .fetch_all(&mut *tx)
    .await?;
    let mut sql = String::new();
    for table in LAST {
        sql.push_str(&format!("DROP TABLE IF EXISTS {name}.{table};"));
    }
    for function in functions {
        sql.push_str(&format!("DROP FUNCTION {function};"));
    }
    for domain in DOMAINS {
        sql.push_str(&format!("DROP DOMAIN IF EXISTS {name}.{domain};"));
    }
    // Safe: names of ours, and of functions as the server itself writes them.
    tx.execute(AssertSqlSafe(sql)).await?;
    let is_empty: bool = sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT FROM pg_depend AS d
         WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = to_regnamespace($1)
         AND d.deptype = 'n')",
    )
    .bind(name)
    .fetch_one(&mut *tx)
    .await?;
    if is_empty {
        // Safe: the name was checked when it was given.
        tx.execute(AssertSqlSafe(format!("DROP SCHEMA {name}"))).await?;
    }
    tx.commit().await?;
    Ok(is_empty)
}
