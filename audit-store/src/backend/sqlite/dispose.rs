//! Taking away what a lawful ground takes away, in SQLite.

use sqlx::{Sqlite, SqliteConnection};

use super::{json, position};
use crate::backend::Schema;
use crate::backend::dispose::DisposeSql;

/// Beyond every seq.
const END: i64 = i64::MAX;

impl DisposeSql for Sqlite {
    /// `BEGIN IMMEDIATE` has locked already.
    async fn lock_tenant(
        _conn: &mut SqliteConnection,
        _schema: &Schema,
        _tenant: &str,
    ) -> sqlx::Result<()> {
        Ok(())
    }

    async fn chains_of(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        tenant: &str,
    ) -> sqlx::Result<Vec<(i64, String)>> {
        sqlx::query_as("SELECT id, series FROM audit_chain WHERE tenant = ? ORDER BY id")
            .bind(tenant)
            .fetch_all(conn)
            .await
    }

    async fn count_holds(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        tenant: &str,
    ) -> sqlx::Result<i64> {
        sqlx::query_scalar(
            "SELECT count(*) FROM audit_hold
             WHERE chain IN (SELECT id FROM audit_chain WHERE tenant = ?)",
        )
        .bind(tenant)
        .fetch_one(conn)
        .await
    }

    async fn entries_about(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        subject: [u8; 16],
        first: i64,
    ) -> sqlx::Result<Vec<i64>> {
        sqlx::query_scalar(
            "SELECT position & 1099511627775 FROM audit_disclosure
             WHERE position >= ? AND position < ? AND subject = ? ORDER BY position",
        )
        .bind(position(chain, first))
        .bind(position(chain, END))
        .bind(subject.to_vec())
        .fetch_all(conn)
        .await
    }

    async fn sever(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        tenant: &str,
        subject: [u8; 16],
        at: i64,
    ) -> sqlx::Result<bool> {
        sqlx::query(
            "UPDATE audit_subject SET host = NULL, erased = ?
             WHERE tenant = ? AND ref = ? AND erased IS NULL",
        )
        .bind(at)
        .bind(tenant)
        .bind(subject.to_vec())
        .execute(conn)
        .await
        .map(|done| done.rows_affected() == 1)
    }

    async fn delete_disclosures(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        subject: [u8; 16],
        seqs: &[i64],
    ) -> sqlx::Result<u64> {
        let positions: Vec<i64> = seqs.iter().map(|seq| position(chain, *seq)).collect();
        sqlx::query(
            "DELETE FROM audit_disclosure
             WHERE position IN (SELECT value FROM json_each(?)) AND subject = ?",
        )
        .bind(json(&positions)?)
        .bind(subject.to_vec())
        .execute(conn)
        .await
        .map(|done| done.rows_affected())
    }

    /// The first column says whether a reader or writer was in the way.
    async fn wipe_log(conn: &mut SqliteConnection) -> sqlx::Result<Option<bool>> {
        let busy: i64 =
            sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(conn).await?;
        Ok(Some(busy == 0))
    }
}
