//! Legal holds in force, in SQLite.

use sqlx::{Sqlite, SqliteConnection};

use crate::backend::Schema;
use crate::backend::hold::{HoldColumns, HoldRow, HoldSql};

impl HoldSql for Sqlite {
    async fn holds(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
    ) -> sqlx::Result<Vec<HoldRow>> {
        let rows: Vec<HoldColumns> = sqlx::query_as(
            "SELECT hold, seq, kind, subject, target_type, target_id FROM audit_hold
             WHERE chain = ? ORDER BY hold, seq",
        )
        .bind(chain)
        .fetch_all(conn)
        .await?;
        rows.into_iter().map(HoldRow::read).collect()
    }

    async fn lock_holds(
        _conn: &mut SqliteConnection,
        _schema: &Schema,
        _tenant: &str,
    ) -> sqlx::Result<bool> {
        // A transaction that has read the holds cannot write any more once another has placed one.
        Ok(true)
    }

    async fn holds_of(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        tenant: &str,
    ) -> sqlx::Result<Vec<HoldRow>> {
        let rows: Vec<HoldColumns> = sqlx::query_as(
            "SELECT h.hold, h.seq, h.kind, h.subject, h.target_type, h.target_id
             FROM audit_hold h JOIN audit_chain c ON c.id = h.chain
             WHERE c.tenant = ? ORDER BY h.hold, h.chain, h.seq",
        )
        .bind(tenant.to_owned())
        .fetch_all(conn)
        .await?;
        rows.into_iter().map(HoldRow::read).collect()
    }

    async fn insert_hold(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        (chain, _tenant): (i64, &str),
        row: &HoldRow,
    ) -> sqlx::Result<()> {
        let (kind, subject, target, id) = row.scope();
        sqlx::query(
            "INSERT INTO audit_hold (chain, hold, seq, kind, subject, target_type, target_id)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(chain)
        .bind(row.hold.clone())
        .bind(row.seq)
        .bind(kind)
        .bind(subject)
        .bind(target)
        .bind(id)
        .execute(conn)
        .await
        .map(drop)
    }

    async fn delete_hold(
        conn: &mut SqliteConnection,
        _schema: &Schema,
        chain: i64,
        hold: &str,
    ) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM audit_hold WHERE chain = ? AND hold = ?")
            .bind(chain)
            .bind(hold.to_owned())
            .execute(conn)
            .await
            .map(drop)
    }
}
