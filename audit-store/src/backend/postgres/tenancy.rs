//! Keeping tenants apart in PostgreSQL: row-level security.

use sqlx::{AssertSqlSafe, Executor, PgConnection, Postgres, Row};

use crate::backend::Schema;
use crate::backend::tenancy::{TenancyRow, TenancySql};

/// The tables that hold something of a tenant. All of them say in a column `tenant` whose a row is;
/// those of the second list say in a column `chain` of which chain, too, which then must be that
/// tenant's. Those that refer to others stand before them.
pub(crate) const OF_A_TENANT: &[&str] = &["chain", "condemned", "plan", "subject"];
pub(crate) const OF_A_CHAIN: &[&str] = &[
    "cosignature",
    "checkpoint",
    "deferred",
    "disclosure",
    "entry",
    "hold",
    "permit",
    "posted",
    "posting",
    "published",
    "schedule",
    "signing",
    "staged",
    "tile",
];

/// From this version on a view can be read with the rights of whoever reads it.
const INVOKER_VIEWS: i32 = 150_000;

/// What stands in the policies, so that an unset or empty setting matches no row. The names were
/// checked when they were given.
fn policies(schema: &str, setting: &str) -> String {
    let own = format!("tenant = current_setting('{setting}', true)");
    let secure = |table: &str, check: &str| {
        format!(
            "ALTER TABLE {schema}.{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             DROP POLICY IF EXISTS audit_tenant ON {schema}.{table};
             CREATE POLICY audit_tenant ON {schema}.{table} USING ({own}) WITH CHECK ({own}{check});
            "
        )
    };
    let of_a_tenant = OF_A_TENANT.iter().map(|table| secure(table, ""));
    // Without this a row of one's own could take a place in another tenant's chain.
    let of_a_chain = OF_A_CHAIN.iter().map(|table| {
        let check =
            format!(" AND EXISTS (SELECT FROM {schema}.chain AS own WHERE own.id = {table}.chain)");
        secure(table, &check)
    });
    let names = format!(
        "ALTER TABLE {schema}.tenant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
         DROP POLICY IF EXISTS audit_names ON {schema}.tenant;
         DROP POLICY IF EXISTS audit_own_name ON {schema}.tenant;
         CREATE POLICY audit_names ON {schema}.tenant FOR SELECT USING (true);
         CREATE POLICY audit_own_name ON {schema}.tenant FOR INSERT
            WITH CHECK (name = current_setting('{setting}', true));"
    );
    of_a_tenant.chain(of_a_chain).chain([names]).collect()
}

async fn views_of_invokers(conn: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT current_setting('server_version_num')::integer >= $1")
        .bind(INVOKER_VIEWS)
        .fetch_one(conn)
        .await
}

impl TenancySql for Postgres {
    const ROW_SECURITY: bool = true;

    const BEGIN_READ: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";

    async fn enter_tenant(
        conn: &mut PgConnection,
        setting: &str,
        tenant: &str,
    ) -> sqlx::Result<()> {
        sqlx::query("SELECT set_config($1, $2, true)")
            .bind(setting)
            .bind(tenant)
            .execute(conn)
            .await
            .map(drop)
    }

    async fn entered_tenant(
        conn: &mut PgConnection,
        setting: &str,
    ) -> sqlx::Result<Option<String>> {
        sqlx::query_scalar("SELECT current_setting($1, true)").bind(setting).fetch_one(conn).await
    }

    async fn tenants(
        conn: &mut PgConnection,
        schema: &Schema,
    ) -> sqlx::Result<Option<Vec<String>>> {
        let apart: bool = sqlx::query_scalar("SELECT row_security_active(to_regclass($1))")
            .bind(format!("{}.chain", schema.name()))
            .fetch_one(&mut *conn)
            .await?;
        if !apart {
            return Ok(None);
        }
        sqlx::query_scalar(schema.sql("SELECT name FROM audit.tenant ORDER BY name"))
            .fetch_all(conn)
            .await
            .map(Some)
    }

    async fn tenants_with_staged(
        conn: &mut PgConnection,
        schema: &Schema,
        setting: &str,
    ) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar(schema.sql("SELECT * FROM audit.tenants_with_staged($1)"))
            .bind(setting)
            .fetch_all(conn)
            .await
    }

    async fn tenancy_row(conn: &mut PgConnection, schema: &Schema) -> sqlx::Result<TenancyRow> {
        let row = sqlx::query(schema.sql(
            "SELECT setting, tenant, subject_key, to_regclass($1) IS NOT NULL FROM audit.tenancy",
        ))
        .bind(format!("{}.leaving", schema.name()))
        .fetch_optional(conn)
        .await?;
        row.map_or(Ok(TenancyRow::default()), |row| {
            Ok(TenancyRow {
                setting: row.try_get(0)?,
                tenant: row.try_get(1)?,
                subject_key: row.try_get(2)?,
                leaving: row.try_get(3)?,
            })
        })
    }

    async fn insert_tenancy_row(
        conn: &mut PgConnection,
        schema: &Schema,
        row: &TenancyRow,
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "INSERT INTO audit.tenancy (one, setting, tenant, subject_key) VALUES (1, $1, $2, $3)",
        ))
        .bind(row.setting.as_deref())
        .bind(row.tenant.as_deref())
        .bind(row.subject_key.as_deref())
        .execute(conn)
        .await
        .map(drop)
    }

    async fn isolate(conn: &mut PgConnection, schema: &Schema, setting: &str) -> sqlx::Result<()> {
        let mut sql = policies(schema.name(), setting);
        if views_of_invokers(conn).await? {
            sql.push_str(&format!(
                "ALTER VIEW {}.event SET (security_invoker = true);",
                schema.name()
            ));
        }
        // Safe: both names were checked when they were given.
        conn.execute(AssertSqlSafe(sql)).await.map(drop)
    }

    async fn suspend_isolation(conn: &mut PgConnection, schema: &Schema) -> sqlx::Result<()> {
        let tables = OF_A_TENANT.iter().chain(OF_A_CHAIN).chain(&["tenant"]);
        let sql: String = tables
            .map(|table| {
                format!(
                    "ALTER TABLE IF EXISTS {}.{table} NO FORCE ROW LEVEL SECURITY;",
                    schema.name()
                )
            })
            .collect();
        // Safe: the name was checked when it was given.
        conn.execute(AssertSqlSafe(sql)).await.map(drop)
    }

    async fn not_isolated(
        conn: &mut PgConnection,
        schema: &Schema,
        setting: &str,
    ) -> sqlx::Result<Option<String>> {
        let tables: Vec<&str> = OF_A_TENANT.iter().chain(OF_A_CHAIN).copied().collect();
        let condition = format!("tenant=current_setting'{setting}',true");
        let table = sqlx::query_scalar(
            "SELECT t.name FROM unnest($2::text[]) AS t (name)
             WHERE NOT EXISTS (SELECT FROM pg_class AS c
                    WHERE c.oid = to_regclass($1 || '.' || t.name)
                    AND c.relrowsecurity AND c.relforcerowsecurity)
                OR (SELECT array_agg(
                        translate(replace(p.qual, '::text', ''), '() ', '') = $3
                        AND starts_with(translate(replace(p.with_check, '::text', ''), '() ', ''), $3)
                        AND p.cmd = 'ALL' AND p.roles = '{public}')
                    FROM pg_policies AS p WHERE p.schemaname = $1 AND p.tablename = t.name
                    AND p.permissive = 'PERMISSIVE') IS DISTINCT FROM ARRAY[true]
             LIMIT 1",
        )
        .bind(schema.name())
        .bind(tables)
        .bind(condition)
        .fetch_optional(&mut *conn)
        .await?;
        if table.is_some() {
            return Ok(table);
        }
        // Of older servers a view is read with its owner's rights, who is held to the policies
        // unless nothing holds him.
        let by_invoker = views_of_invokers(conn).await?;
        let view: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner
             WHERE c.oid = to_regclass($1) AND CASE WHEN $2
                THEN coalesce(c.reloptions @> '{security_invoker=true}', false)
                ELSE NOT (r.rolsuper OR r.rolbypassrls) END)",
        )
        .bind(format!("{}.event", schema.name()))
        .bind(by_invoker)
        .fetch_one(conn)
        .await?;
        Ok((!view).then(|| "event".to_owned()))
    }

    async fn role_above(conn: &mut PgConnection) -> sqlx::Result<Option<String>> {
        sqlx::query_scalar(
            "SELECT rolname::text FROM pg_roles
             WHERE rolname = current_user AND (rolsuper OR rolbypassrls)",
        )
        .fetch_optional(conn)
        .await
    }
}

#[cfg(test)]
mod tests {
    use audit_core::{JournalName, SigningKey};
    use test_support::{TestDatabase, TestPg};

    use super::*;
    use crate::{JournalOptions, PgJournal, Tenancy};

    /// So that a later migration finds the rows that it is to bring along.
    #[test]
    fn the_owner_sees_all_rows_while_isolation_is_suspended() {
        test_support::run::<TestPg, _>(|db: TestPg| async move {
            let owner = TestPg::unique("owner");
            let pool = db.pool(1).await;
            let sql = format!(
                "CREATE ROLE {owner} LOGIN PASSWORD 'secret';
                 GRANT CREATE ON DATABASE {} TO {owner}",
                db.name()
            );
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await.unwrap();
            let key = SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap();
            let options = JournalOptions::new(JournalName::new("audit.example.com").unwrap())
                .signer(key)
                .tenancy(Tenancy::row_level_security());
            let url = db.url_as(&owner, "secret");
            let journal = PgJournal::create(&url, &options).await.unwrap();
            for chain in ["acme/default", "acme-2/default"] {
                journal.create_chain(&chain.parse().unwrap()).await.unwrap();
            }
            journal.close().await;
            let schema = Schema::default();
            let mut tx = sqlx::PgPool::connect(&url).await.unwrap().begin().await.unwrap();
            let count = async |conn: &mut PgConnection| -> i64 {
                sqlx::query_scalar("SELECT count(*) FROM audit.entry")
                    .fetch_one(conn)
                    .await
                    .unwrap()
            };
            assert_eq!(count(&mut tx).await, 0);
            Postgres::suspend_isolation(&mut tx, &schema).await.unwrap();
            assert_eq!(count(&mut tx).await, 2);
            Postgres::isolate(&mut tx, &schema, Tenancy::SETTING).await.unwrap();
            assert_eq!(count(&mut tx).await, 0);
            let open = Postgres::not_isolated(&mut tx, &schema, Tenancy::SETTING).await.unwrap();
            assert_eq!(open, None);
            tx.commit().await.unwrap();
            drop(db);
            let root = sqlx::PgPool::connect(test_support::postgres_url()).await.unwrap();
            let drop_role = format!("DROP ROLE {owner}");
            sqlx::raw_sql(AssertSqlSafe(drop_role)).execute(&root).await.unwrap();
        });
    }
}
