//! Taking away what a lawful ground takes away, in PostgreSQL.

use sqlx::{PgConnection, Postgres};

use crate::backend::Schema;
use crate::backend::dispose::DisposeSql;

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

    async fn count_holds(
        conn: &mut PgConnection,
        schema: &Schema,
        tenant: &str,
    ) -> sqlx::Result<i64> {
        sqlx::query_scalar(schema.sql("SELECT count(*) FROM audit.hold WHERE tenant = $1"))
            .bind(tenant)
            .fetch_one(conn)
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

    /// Old row versions stay until a vacuum, and the log is the server's.
    async fn wipe_log(_conn: &mut PgConnection) -> sqlx::Result<Option<bool>> {
        Ok(None)
    }
}
