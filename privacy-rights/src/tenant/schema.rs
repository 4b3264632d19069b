//! A schema of the tenant's own in PostgreSQL.

use std::fmt;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};

use crate::backend::fixed;
use crate::source::BoxFuture;
use crate::source::error::SourceError;
use crate::source::permit::{Connection, Permit};
use crate::source::record::Step;
use crate::tenant::{
    PatternError, TenantContents, TenantPurged, TenantStore, checked, filled, reasons,
};

/// How many things one transaction drops where nothing else is said. Each table takes a lock for
/// itself, for each of its indexes, and for its overflow.
const BATCH: u32 = 16;

/// What is in a schema, and the statement that drops one of each: in the order in which they can go.
/// Nothing cascades: what somebody else's depends on stays, and is an error.
///
/// `$1` is the schema, `$2` how many. Names are quoted by the server itself.
const KINDS: [&str; 7] = [
    // Foreign keys first, so that tables go in any order.
    "SELECT format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, t.relname, k.conname)
     FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
     JOIN pg_namespace n ON n.oid = t.relnamespace
     WHERE n.nspname = $1 AND k.contype = 'f' AND k.conparentid = 0 ORDER BY k.oid LIMIT $2",
    // Routines that nothing needs: of those that take or give rows of a table or view, it could not
    // be dropped before them. Later there are more.
    "SELECT format('DROP ROUTINE %s', p.oid::regprocedure)
     FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname = $1 AND NOT EXISTS (
         SELECT FROM pg_depend d WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid)
     ORDER BY p.oid LIMIT $2",
    // Views on which no other view is.
    "SELECT format('DROP %s VIEW %I.%I',
         CASE v.relkind WHEN 'm' THEN 'MATERIALIZED' END, n.nspname, v.relname)
     FROM pg_class v JOIN pg_namespace n ON n.oid = v.relnamespace
     WHERE n.nspname = $1 AND v.relkind IN ('v', 'm') AND NOT EXISTS (
         SELECT FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
         WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
             AND d.refobjid = v.oid AND r.ev_class <> v.oid)
     ORDER BY v.oid LIMIT $2",
    // Tables of which none is a part: partitions go before what they are parts of.
    "SELECT format('DROP %s TABLE %I.%I',
         CASE t.relkind WHEN 'f' THEN 'FOREIGN' END, n.nspname, t.relname)
     FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
     WHERE n.nspname = $1 AND t.relkind IN ('r', 'p', 'f')
         AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = t.oid)
     ORDER BY t.oid LIMIT $2",
    "SELECT format('DROP SEQUENCE %I.%I', n.nspname, s.relname)
     FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace
     WHERE n.nspname = $1 AND s.relkind = 'S' ORDER BY s.oid LIMIT $2",
    "SELECT format('DROP ROUTINE %s', p.oid::regprocedure)
     FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname = $1 ORDER BY p.oid LIMIT $2",
    "SELECT format('DROP TYPE %I.%I', n.nspname, t.typname)
     FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
     LEFT JOIN pg_class c ON c.oid = t.typrelid
     WHERE n.nspname = $1 AND t.typtype IN ('c', 'd', 'e', 'r') AND coalesce(c.relkind, 'c') = 'c'
     ORDER BY t.oid DESC LIMIT $2",
];

/// How many bytes a name has at most: the server cuts off what is longer.
const LONGEST: usize = 63;

const EXISTS: &str = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)";

/// The schema of PostgreSQL that is one tenant's alone, with everything in it.
///
/// It is dropped a batch at a time, each in a transaction of its own, so that a schema of thousands of
/// tables does not run out of locks (`max_locks_per_transaction`), and without `CASCADE`: where a table
/// or view of somebody else's depends on one of the tenant's, that stays, and the purge says so.
///
/// Legal holds are honoured inside of each transaction if the journal is in the same database; in
/// another one the question fails, and nothing is dropped.
///
/// A journal in a schema of the tenant's own is dropped by
/// [`Journal::drop_tenant_schema`](audit_store::Journal::drop_tenant_schema), which looks for its
/// holds; it is not for this.
pub struct SchemaStore {
    name: String,
    pool: PgPool,
    pattern: String,
    batch: u32,
}

impl SchemaStore {
    /// The schema whose name is `pattern`, such as `tenant_{id}`.
    ///
    /// # Errors
    ///
    /// [`PatternError`] unless the tenant's id stands in it once, beside letters, digits and `_`,
    /// and beside one of them at least: a schema that has the bare name of a tenant could be anybody's.
    pub fn new(
        name: impl Into<String>,
        pool: PgPool,
        pattern: impl Into<String>,
    ) -> Result<Self, PatternError> {
        let pattern: String = pattern.into();
        let what = "beside letters, digits and `_`";
        let plain =
            |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if pattern == super::PLACE {
            return Err(PatternError { what });
        }
        Ok(Self { name: name.into(), pool, pattern: checked(pattern, plain, what)?, batch: BATCH })
    }

    /// The name of a tenant's schema. One that the server has cut off would not be found by its name,
    /// and could be that of several tenants.
    fn schema(&self, tenant: &str) -> Result<String, SourceError> {
        let schema = filled(&self.pattern, tenant)?;
        if schema.len() > LONGEST {
            return Err(SourceError::Identifier { kind: "tenant".to_owned() });
        }
        Ok(schema)
    }

    /// So many tables in one transaction; one at least.
    #[must_use]
    pub fn batch(mut self, tables: u32) -> Self {
        self.batch = std::cmp::max(tables, 1);
        self
    }

    /// What is to be dropped next, as statements; with none, the schema itself is left, or nothing.
    async fn next(
        &self,
        conn: &mut PgConnection,
        schema: &str,
        limit: i64,
    ) -> sqlx::Result<Vec<String>> {
        for sql in KINDS {
            let found: Vec<String> =
                sqlx::query_scalar(sql).bind(schema).bind(limit).fetch_all(&mut *conn).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let exists: bool = sqlx::query_scalar(EXISTS).bind(schema).fetch_one(&mut *conn).await?;
        let own = "SELECT format('DROP SCHEMA %I', $1::text)";
        match exists {
            true => Ok(vec![sqlx::query_scalar(own).bind(schema).fetch_one(&mut *conn).await?]),
            false => Ok(Vec::new()),
        }
    }

    /// How many things are in the schema, itself counted.
    async fn count(&self, schema: &str) -> sqlx::Result<u64> {
        let sql = "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = $1)
             + (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S'))";
        let count: i64 = sqlx::query_scalar(sql).bind(schema).fetch_one(&self.pool).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// One batch, in a transaction; whether there was one.
    async fn drop_batch(
        &self,
        (tenant, schema): (&str, &str),
        permit: &dyn Permit,
        purged: &mut TenantPurged,
    ) -> Result<bool, SourceError> {
        let mut conn = self.pool.acquire().await?;
        let begin = <sqlx::Postgres as crate::backend::StatementSql>::BEGIN_RIGHTS;
        let mut tx = conn.begin_with(fixed(begin)).await?;
        let why = reasons(permit, Connection::Postgres(&mut tx), &self.name, tenant).await?;
        if !why.is_empty() {
            purged.kept.extend(why);
            return Ok(false);
        }
        let statements = self.next(&mut tx, schema, self.batch.into()).await?;
        if statements.is_empty() {
            return Ok(false);
        }
        for statement in &statements {
            // Safe: the server has quoted the names, which are in its catalogue.
            sqlx::query(AssertSqlSafe(statement.as_str())).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}

impl TenantStore for SchemaStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn survey<'a>(
        &'a self,
        tenant: &'a str,
        _step: &'a Step,
    ) -> BoxFuture<'a, Result<TenantContents, SourceError>> {
        Box::pin(async move {
            let schema = self.schema(tenant)?;
            Ok(TenantContents::new(self.count(&schema).await?, 0))
        })
    }

    fn purge<'a>(
        &'a self,
        tenant: &'a str,
        _step: &'a Step,
        permit: &'a dyn Permit,
    ) -> BoxFuture<'a, Result<TenantPurged, SourceError>> {
        Box::pin(async move {
            let schema = self.schema(tenant)?;
            let (before, mut purged) = (self.count(&schema).await?, TenantPurged::default());
            while self.drop_batch((tenant, &schema), permit, &mut purged).await? {}
            purged.add(before.saturating_sub(self.count(&schema).await?));
            Ok(purged)
        })
    }
}

impl fmt::Debug for SchemaStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchemaStore").field("pattern", &self.pattern).finish_non_exhaustive()
    }
}
