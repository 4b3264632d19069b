//! Taking away what a lawful ground takes away, in PostgreSQL.

use sqlx::{PgConnection, Postgres};

use crate::backend::Schema;
use crate::backend::dispose::{Condemned, Deferred, DisposeSql};

impl DisposeSql for Postgres {
    async fn lock_tenant(
        conn: &mut PgConnection,
        schema: &Schema,
        tenant: &str,
    ) -> sqlx::Result<()> {
        // Of the family of keys that belongs to this schema and tenant; a collision only waits.
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))")
            .bind(schema.name())
            .bind(tenant)
            .execute(conn)
            .await
            .map(drop)
    }

    async fn chains_of(
        conn: &mut PgConnection,
        schema: &Schema,
        tenant: &str,
    ) -> sqlx::Result<Vec<(i64, String)>> {
        sqlx::query_as(
            schema.sql("SELECT id, series FROM audit.chain WHERE tenant = $1 ORDER BY id"),
        )
        .bind(tenant)
        .fetch_all(conn)
        .await
    }

    async fn entries_about(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        subject: [u8; 16],
        first: i64,
    ) -> sqlx::Result<Vec<i64>> {
        sqlx::query_scalar(schema.sql(
            "SELECT seq::bigint FROM audit.disclosure
             WHERE chain = $1 AND seq >= $2 AND subject = $3 ORDER BY seq",
        ))
        .bind(chain)
        .bind(first)
        .bind(subject.to_vec())
        .fetch_all(conn)
        .await
    }

    async fn sever(
        conn: &mut PgConnection,
        schema: &Schema,
        tenant: &str,
        subject: [u8; 16],
        at: i64,
    ) -> sqlx::Result<bool> {
        sqlx::query(schema.sql(
            "UPDATE audit.subject SET host = NULL, erased = $1
             WHERE tenant = $2 AND ref = $3 AND erased IS NULL",
        ))
        .bind(at)
        .bind(tenant)
        .bind(subject.to_vec())
        .execute(conn)
        .await
        .map(|done| done.rows_affected() == 1)
    }

    async fn alive(
        conn: &mut PgConnection,
        schema: &Schema,
        tenant: &str,
        refs: &[[u8; 16]],
    ) -> sqlx::Result<Vec<Vec<u8>>> {
        let refs: Vec<Vec<u8>> = refs.iter().map(|of| of.to_vec()).collect();
        sqlx::query_scalar(schema.sql(
            "SELECT ref FROM audit.subject
             WHERE tenant = $1 AND ref = ANY($2) AND erased IS NULL",
        ))
        .bind(tenant)
        .bind(refs)
        .fetch_all(conn)
        .await
    }

    async fn begin_incarnation(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<()> {
        sqlx::query(
            schema.sql("UPDATE audit.chain SET incarnation = incarnation + 1 WHERE id = $1"),
        )
        .bind(chain)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn delete_disclosures(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        subject: [u8; 16],
        seqs: &[i64],
    ) -> sqlx::Result<u64> {
        sqlx::query(schema.sql(
            "DELETE FROM audit.disclosure WHERE chain = $1 AND seq = ANY($2) AND subject = $3",
        ))
        .bind(chain)
        .bind(seqs)
        .bind(subject.to_vec())
        .execute(conn)
        .await
        .map(|done| done.rows_affected())
    }

    async fn rekey_disclosures(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        subject: [u8; 16],
        (seq, items): (i64, &str),
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "UPDATE audit.disclosure SET items = $1
             WHERE chain = $2 AND seq = $3 AND subject = $4",
        ))
        .bind(items)
        .bind(chain)
        .bind(seq)
        .bind(subject.to_vec())
        .execute(conn)
        .await
        .map(drop)
    }

    async fn disclosures_about(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
        subject: [u8; 16],
        seqs: &[i64],
    ) -> sqlx::Result<Vec<(i64, String)>> {
        sqlx::query_as(schema.sql(
            "SELECT seq::bigint, items FROM audit.disclosure
             WHERE chain = $1 AND seq = ANY($2) AND subject = $3",
        ))
        .bind(chain)
        .bind(seqs)
        .bind(subject.to_vec())
        .fetch_all(conn)
        .await
    }

    async fn condemn(
        conn: &mut PgConnection,
        schema: &Schema,
        key: &Condemned,
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "INSERT INTO audit.condemned (tenant, subject, custody) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
        ))
        .bind(&key.tenant)
        .bind(&key.subject)
        .bind(key.custody)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn condemned(
        conn: &mut PgConnection,
        schema: &Schema,
        tenant: Option<&str>,
    ) -> sqlx::Result<Vec<Condemned>> {
        let rows: Vec<(String, Vec<u8>, bool)> = sqlx::query_as(schema.sql(
            "SELECT tenant, subject, custody FROM audit.condemned 
             WHERE $1::text IS NULL OR tenant = $1",
        ))
        .bind(tenant)
        .fetch_all(conn)
        .await?;
        let read = |(tenant, subject, custody)| Condemned { tenant, subject, custody };
        Ok(rows.into_iter().map(read).collect())
    }

    async fn executed(
        conn: &mut PgConnection,
        schema: &Schema,
        key: &Condemned,
    ) -> sqlx::Result<()> {
        sqlx::query(
            schema.sql(
                "DELETE FROM audit.condemned WHERE tenant = $1 AND subject = $2 AND custody = $3",
            ),
        )
        .bind(&key.tenant)
        .bind(&key.subject)
        .bind(key.custody)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn defer(
        conn: &mut PgConnection,
        schema: &Schema,
        (chain, tenant): (i64, &str),
        deferred: &Deferred,
    ) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "INSERT INTO audit.deferred (chain, subject, tenant, ground, request)
             VALUES ($1, $2, $3, $4, $5)",
        ))
        .bind(chain)
        .bind(&deferred.subject)
        .bind(tenant)
        .bind(&deferred.ground)
        .bind(&deferred.request)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn deferred(
        conn: &mut PgConnection,
        schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Vec<Deferred>> {
        let rows: Vec<(Vec<u8>, String, String)> = sqlx::query_as(schema.sql(
            "SELECT subject, ground, request FROM audit.deferred WHERE chain = $1 ORDER BY subject",
        ))
        .bind(chain)
        .fetch_all(conn)
        .await?;
        let read = |(subject, ground, request)| Deferred { subject, ground, request };
        Ok(rows.into_iter().map(read).collect())
    }

    async fn undefer(
        conn: &mut PgConnection,
        schema: &Schema,
        (chain, tenant): (i64, &str),
        subject: [u8; 16],
    ) -> sqlx::Result<i64> {
        sqlx::query(schema.sql("DELETE FROM audit.deferred WHERE chain = $1 AND subject = $2"))
            .bind(chain)
            .bind(subject.to_vec())
            .execute(&mut *conn)
            .await?;
        sqlx::query_scalar(
            schema.sql("SELECT count(*) FROM audit.deferred WHERE tenant = $1 AND subject = $2"),
        )
        .bind(tenant)
        .bind(subject.to_vec())
        .fetch_one(conn)
        .await
    }

    /// Old row versions stay until a vacuum, and the log is the server's.
    async fn wipe_log(_conn: &mut PgConnection) -> sqlx::Result<Option<bool>> {
        Ok(None)
    }

    async fn vacuum(conn: &mut PgConnection, schema: &Schema) -> sqlx::Result<()> {
        sqlx::query(schema.sql(
            "VACUUM FULL audit.disclosure, audit.subject, audit.staged, audit.entry, audit.posting",
        ))
        .execute(conn)
        .await
        .map(drop)
    }
}
