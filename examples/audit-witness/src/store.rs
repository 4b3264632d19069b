//! What the witness remembers: of each log the checkpoint that it cosigned last.

use std::path::Path;
use std::time::Duration;

use audit_core::{
    Clock, Cosignature, CosigningKey, HASH_LEN, RootHash, SystemClock, Timestamp, TreeHead,
};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tool_support::{During, Failure};

use crate::judge::{Refusal, Trusted, continues, note_of};

/// A row is moved forward and never taken away, whoever asks.
const TABLES: &str = "
CREATE TABLE witness (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    vkey TEXT NOT NULL
) STRICT;
CREATE TABLE log (
    origin TEXT PRIMARY KEY,
    size   INTEGER NOT NULL CHECK (size >= 0),
    root   BLOB NOT NULL CHECK (length(root) = 32),
    at     INTEGER NOT NULL,
    note   TEXT NOT NULL
) STRICT;
CREATE TRIGGER witness_update BEFORE UPDATE ON witness
BEGIN SELECT RAISE(ABORT, 'a witness keeps its key'); END;
CREATE TRIGGER witness_delete BEFORE DELETE ON witness
BEGIN SELECT RAISE(ABORT, 'a witness keeps its key'); END;
CREATE TRIGGER witness_replace BEFORE INSERT ON witness WHEN EXISTS (SELECT 1 FROM witness)
BEGIN SELECT RAISE(ABORT, 'a witness keeps its key'); END;
CREATE TRIGGER log_update BEFORE UPDATE ON log
WHEN NOT (NEW.origin = OLD.origin AND NEW.at >= OLD.at
    AND (NEW.size > OLD.size OR (NEW.size = OLD.size AND NEW.root = OLD.root)))
BEGIN SELECT RAISE(ABORT, 'a log only moves forward'); END;
CREATE TRIGGER log_replace BEFORE INSERT ON log
WHEN EXISTS (SELECT 1 FROM log WHERE origin = NEW.origin AND NOT (NEW.at >= at
    AND (NEW.size > size OR (NEW.size = size AND NEW.root = root))))
BEGIN SELECT RAISE(ABORT, 'a log only moves forward'); END;
CREATE TRIGGER log_delete BEFORE DELETE ON log
BEGIN SELECT RAISE(ABORT, 'a log only moves forward'); END;
";

/// The witness's memory.
#[derive(Debug, Clone)]
pub(crate) struct Store(SqlitePool);

impl Store {
    /// Opens the database of this key; makes it only where that was asked for.
    pub(crate) async fn open(path: &Path, vkey: &str, create: bool) -> Result<Self, Failure> {
        let what = path.display();
        if !create && !path.is_file() {
            return Err(Failure::new(format!(
                "there is no {what}; a new witness starts with --create, one that has lost its \
                 database must not go on under its key"
            )));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        // One connection: who comes first is cosigned first, and nobody waits for a lock.
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
        let pool = pool.during(&what)?;
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.during(&what)?;
        let made: bool =
            sqlx::query_scalar("SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'witness'")
                .fetch_one(&mut *tx)
                .await
                .during(&what)?;
        if !made {
            if !create {
                return Err(Failure::new(format!("{what} is no database of a witness")));
            }
            sqlx::raw_sql(TABLES).execute(&mut *tx).await.during(&what)?;
            let insert = sqlx::query("INSERT INTO witness (one, vkey) VALUES (1, ?)").bind(vkey);
            insert.execute(&mut *tx).await.during(&what)?;
        }
        let of: String = sqlx::query_scalar("SELECT vkey FROM witness")
            .fetch_one(&mut *tx)
            .await
            .during(&what)?;
        tx.commit().await.during(&what)?;
        if of != vkey {
            return Err(Failure::new(format!("{what} belongs to the witness {of}")));
        }
        Ok(Self(pool))
    }

    /// Cosigns a checkpoint that continues the last one. The last one is compared and moved forward
    /// in one transaction, and the cosignature is made in it too: so no cosignature states a later
    /// time than one of a larger tree. It leaves once the transaction is on disk.
    pub(crate) async fn cosign(
        &self,
        trusted: Trusted,
        key: &CosigningKey,
    ) -> Result<Cosignature, Refusal> {
        let checkpoint = trusted.request.checkpoint();
        let mut tx = self.0.begin_with("BEGIN IMMEDIATE").await?;
        let row: Option<(i64, Vec<u8>, i64)> =
            sqlx::query_as("SELECT size, root, at FROM log WHERE origin = ?")
                .bind(checkpoint.origin())
                .fetch_optional(&mut *tx)
                .await?;
        let (last, after) = match row {
            Some((size, root, at)) => (read(size, &root)?, Some(at)),
            None => (TreeHead::EMPTY, None),
        };
        continues(&trusted.request, &last)?;
        let now = SystemClock.now();
        let at = after.and_then(|at| Timestamp::from_micros(at).ok());
        let at = at.map_or(now, |at| std::cmp::max(at, now));
        let text = checkpoint.note().text();
        let cosignature = key.cosign(text, at).map_err(Refusal::Time)?;
        let lines = trusted.signatures.into_iter().chain([cosignature.signature().clone()]);
        let note = note_of(checkpoint, lines).map_err(Refusal::Time)?;
        let head = checkpoint.head();
        sqlx::query(
            "INSERT INTO log (origin, size, root, at, note) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root,
                at = excluded.at, note = excluded.note",
        )
        .bind(checkpoint.origin())
        .bind(i64::try_from(head.size).map_err(|error| sqlx::Error::Encode(error.into()))?)
        .bind(head.root.as_bytes().as_slice())
        .bind(at.as_micros())
        .bind(note)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(cosignature)
    }

    /// The checkpoint of a log that was cosigned last.
    pub(crate) async fn latest(&self, origin: &str) -> sqlx::Result<Option<String>> {
        sqlx::query_scalar("SELECT note FROM log WHERE origin = ?")
            .bind(origin)
            .fetch_optional(&self.0)
            .await
    }

    /// All logs, with the size that was cosigned last, and when.
    pub(crate) async fn logs(&self) -> sqlx::Result<Vec<(String, i64, i64)>> {
        sqlx::query_as("SELECT origin, size, at FROM log ORDER BY origin").fetch_all(&self.0).await
    }

    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}

fn read(size: i64, root: &[u8]) -> sqlx::Result<TreeHead> {
    let decode = |what: &str| sqlx::Error::Decode(what.into());
    let size = u64::try_from(size).map_err(|_| decode("a size below zero"))?;
    let root = <[u8; HASH_LEN]>::try_from(root).map_err(|_| decode("a root of another length"))?;
    Ok(TreeHead::new(size, RootHash::from_bytes(root)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn not_even_plain_sql_takes_a_log_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("w.db"), "w+1+x", true).await.unwrap();
        let run = async |sql: &'static str| sqlx::raw_sql(sql).execute(&store.0).await;
        run("INSERT INTO log VALUES ('a/1', 7, zeroblob(32), 5, '')").await.unwrap();
        for refused in [
            "DELETE FROM log",
            "UPDATE log SET size = 6",
            "REPLACE INTO log VALUES ('a/1', 6, zeroblob(32), 5, '')",
            "REPLACE INTO log VALUES ('a/1', 7, randomblob(32), 5, '')",
            "REPLACE INTO log VALUES ('a/1', 8, zeroblob(32), 4, '')",
            "REPLACE INTO witness VALUES (1, 'another')",
            "UPDATE witness SET vkey = 'another'",
            "DELETE FROM witness",
        ] {
            assert!(run(refused).await.is_err(), "{refused}");
        }
        assert_eq!(store.logs().await.unwrap(), [("a/1".to_owned(), 7, 5)]);
        run("REPLACE INTO log VALUES ('a/1', 8, zeroblob(32), 5, '')").await.unwrap();
    }
}
