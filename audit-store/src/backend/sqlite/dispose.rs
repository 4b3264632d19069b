//! Taking away what a lawful ground takes away, in SQLite.

use sqlx::{Sqlite, SqliteConnection};

use super::{json, position};
use crate::backend::Schema;
use crate::backend::dispose::{Condemned, Deferred, DisposeSql};

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

    async fn alive(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        tenant: &str,
        refs: &[[u8; 16]],
    ) -> sqlx::Result<Vec<Vec<u8>>> {
        let refs: Vec<String> = refs.iter().map(|of| base16ct::upper::encode_string(of)).collect();
        sqlx::query_scalar(
            "SELECT ref FROM audit_subject
             WHERE tenant = ? AND ref IN (SELECT unhex(value) FROM json_each(?))
                AND erased IS NULL",
        )
        .bind(tenant.to_owned())
        .bind(json(&refs)?)
        .fetch_all(conn)
        .await
    }

    async fn begin_incarnation(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<()> {
        sqlx::query("UPDATE audit_chain SET incarnation = incarnation + 1 WHERE id = ?")
            .bind(chain)
            .execute(conn)
            .await
            .map(drop)
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

    async fn rekey_disclosures(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        subject: [u8; 16],
        (seq, items): (i64, &str),
    ) -> sqlx::Result<()> {
        sqlx::query("UPDATE audit_disclosure SET items = ? WHERE position = ? AND subject = ?")
            .bind(items.to_owned())
            .bind(position(chain, seq))
            .bind(subject.to_vec())
            .execute(conn)
            .await
            .map(drop)
    }

    async fn disclosures_about(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        subject: [u8; 16],
        seqs: &[i64],
    ) -> sqlx::Result<Vec<(i64, String)>> {
        let positions: Vec<i64> = seqs.iter().map(|seq| position(chain, *seq)).collect();
        sqlx::query_as(
            "SELECT position & 1099511627775, items FROM audit_disclosure
             WHERE position IN (SELECT value FROM json_each(?)) AND subject = ?",
        )
        .bind(json(&positions)?)
        .bind(subject.to_vec())
        .fetch_all(conn)
        .await
    }

    async fn condemn(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        key: &Condemned,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO audit_condemned (tenant, subject, custody) VALUES (?, ?, ?)
             ON CONFLICT DO NOTHING",
        )
        .bind(key.tenant.clone())
        .bind(key.subject.clone())
        .bind(key.custody)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn condemned(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        tenant: Option<&str>,
    ) -> sqlx::Result<Vec<Condemned>> {
        let rows: Vec<(String, Vec<u8>, bool)> = sqlx::query_as(
            "SELECT tenant, subject, custody FROM audit_condemned 
             WHERE ?1 IS NULL OR tenant = ?1",
        )
        .bind(tenant.map(str::to_owned))
        .fetch_all(conn)
        .await?;
        let read = |(tenant, subject, custody)| Condemned { tenant, subject, custody };
        Ok(rows.into_iter().map(read).collect())
    }

    async fn executed(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        key: &Condemned,
    ) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM audit_condemned WHERE tenant = ? AND subject = ? AND custody = ?")
            .bind(key.tenant.clone())
            .bind(key.subject.clone())
            .bind(key.custody)
            .execute(conn)
            .await
            .map(drop)
    }

    async fn defer(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        (chain, _tenant): (i64, &str),
        deferred: &Deferred,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO audit_deferred (chain, subject, ground, request) VALUES (?, ?, ?, ?)",
        )
        .bind(chain)
        .bind(deferred.subject.clone())
        .bind(deferred.ground.clone())
        .bind(deferred.request.clone())
        .execute(conn)
        .await
        .map(drop)
    }

    async fn deferred(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Vec<Deferred>> {
        let rows: Vec<(Vec<u8>, String, String)> = sqlx::query_as(
            "SELECT subject, ground, request FROM audit_deferred WHERE chain = ? ORDER BY subject",
        )
        .bind(chain)
        .fetch_all(conn)
        .await?;
        let read = |(subject, ground, request)| Deferred { subject, ground, request };
        Ok(rows.into_iter().map(read).collect())
    }

    async fn undefer(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        (chain, tenant): (i64, &str),
        subject: [u8; 16],
    ) -> sqlx::Result<i64> {
        sqlx::query("DELETE FROM audit_deferred WHERE chain = ? AND subject = ?")
            .bind(chain)
            .bind(subject.to_vec())
            .execute(&mut *conn)
            .await?;
        sqlx::query_scalar(
            "SELECT count(*) FROM audit_deferred JOIN audit_chain ON audit_chain.id = chain
             WHERE tenant = ? AND subject = ?",
        )
        .bind(tenant.to_owned())
        .bind(subject.to_vec())
        .fetch_one(conn)
        .await
    }

    /// The first column says whether a reader or writer was in the way.
    async fn wipe_log(conn: &mut SqliteConnection) -> sqlx::Result<Option<bool>> {
        let busy: i64 =
            sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(conn).await?;
        Ok(Some(busy == 0))
    }

    async fn vacuum(conn: &mut SqliteConnection, _schema: &Schema) -> sqlx::Result<()> {
        sqlx::query("VACUUM").execute(conn).await.map(drop)
    }
}
