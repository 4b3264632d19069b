//! A full disk, a connection that is lost, an answer that never comes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    dead_code,
    reason = "a test fails by panicking"
)]

#[path = "support/place.rs"]
mod place;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use audit_store::{AppendError, Backend, DatabaseErrorKind, Journal, PgJournal, SqliteJournal};
use place::{Place, chain, event, event_with, options, verified};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::SqlitePoolOptions;
use test_support::{TestDatabase, TestPg, TestSqlite, both_databases};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use uuid::Uuid;

/// A database whose disk can be filled and emptied.
trait Disk: Place {
    async fn small_disk(&self) -> Journal<Self::Db>;
    async fn fill(&self, journal: &Journal<Self::Db>);
    async fn empty(&self, journal: &Journal<Self::Db>);
}

impl Disk for TestSqlite {
    /// A file that may have 400 pages and no more, whoever writes.
    async fn small_disk(&self) -> SqliteJournal {
        let options = self.options().pragma("max_page_count", "400");
        let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
        let journal = SqliteJournal::create_in_pool(pool, &place::options()).await.unwrap();
        journal.create_chain(&chain("acme/default")).await.unwrap();
        sqlx::query("CREATE TABLE host_ballast (x BLOB)").execute(journal.pool()).await.unwrap();
        journal
    }

    async fn fill(&self, journal: &SqliteJournal) {
        for size in [65_536, 4_096, 512] {
            let ballast = "INSERT INTO host_ballast VALUES (zeroblob(?1))";
            while sqlx::query(ballast).bind(size).execute(journal.pool()).await.is_ok() {}
        }
    }

    async fn empty(&self, journal: &SqliteJournal) {
        sqlx::query("DELETE FROM host_ballast").execute(journal.pool()).await.unwrap();
    }
}

impl Disk for TestPg {
    /// A server cannot be given a small disk by a test; it is made to say what it says of a full
    /// one, where it would say so: at the insert.
    async fn small_disk(&self) -> PgJournal {
        self.journal().await
    }

    async fn fill(&self, _journal: &PgJournal) {
        self.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$;
             CREATE TRIGGER full_disk BEFORE INSERT ON audit_entry EXECUTE FUNCTION full_disk()",
        )
        .await
        .unwrap();
    }

    async fn empty(&self, _journal: &PgJournal) {
        self.execute("DROP TRIGGER full_disk ON audit_entry").await.unwrap();
    }
}

async fn a_full_disk_writes_nothing_and_is_survived<T: Disk>(db: T) {
    let journal = db.small_disk().await;
    let acme = chain("acme/default");
    journal.append(&acme, event("before")).await.unwrap();
    db.fill(&journal).await;
    let id = Uuid::now_v7();
    // More than could fit into what is left of the last page.
    let many = (0..200).map(|n| event(&n.to_string())).collect();
    let error = journal.append_batch(&acme, many).await.unwrap_err();
    let AppendError::Database(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind(), DatabaseErrorKind::Full, "{error:?}");
    let mut tx = journal.begin().await.unwrap();
    for n in 0..200 {
        tx.record(&acme, event(&n.to_string())).await.unwrap();
    }
    assert!(tx.commit().await.is_err());
    db.empty(&journal).await;
    assert_eq!(journal.append(&acme, event_with(id, "after")).await.unwrap().seq, 2);
    verified(&journal).await;
    journal.close().await;
}

both_databases!(a_full_disk_writes_nothing_and_is_survived);

/// SQLite has no connection to lose.
#[test]
fn a_lost_connection_is_an_error_and_the_next_append_works() {
    test_support::run::<TestPg, _>(async |db: TestPg| {
        let journal = db.journal().await;
        let acme = chain("acme/default");
        journal.append(&acme, event("before")).await.unwrap();
        let sever = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let mut tx = journal.begin().await.unwrap();
        tx.record(&acme, event("in a transaction")).await.unwrap();
        assert!(db.number(sever).await > 0);
        let error = tx.commit().await.unwrap_err();
        let AppendError::Database(error) = error else { panic!("{error:?}") };
        assert_eq!(error.kind(), DatabaseErrorKind::Unavailable, "{error:?}");
        // The connections that were idle are found to be dead one after the other.
        let id = Uuid::now_v7();
        let receipt = loop {
            match journal.append(&acme, event_with(id, "after")).await {
                Ok(receipt) => break receipt,
                Err(AppendError::Database(error)) => {
                    assert_eq!(error.kind(), DatabaseErrorKind::Unavailable, "{error:?}");
                }
                Err(error) => panic!("{error:?}"),
            }
        };
        assert_eq!(receipt.seq, 2);
        verified(&journal).await;
        journal.close().await;
    });
}

/// A socket between the journal and its server, which can swallow the answer to a commit.
struct Wire {
    folder: tempfile::TempDir,
    /// The event whose commit is to go unanswered.
    swallow: Arc<Mutex<Option<Uuid>>>,
}

impl Wire {
    fn before(server: PathBuf, port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(socket(folder.path(), port)).unwrap();
        let swallow = Arc::new(Mutex::new(None));
        let armed = Arc::clone(&swallow);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&server).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&armed)));
            }
        });
        Self { folder, swallow }
    }
}

fn socket(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!(".s.PGSQL.{port}"))
}

/// Carries both ways. The commit of the event that is to go unanswered is let through; once the
/// server has carried it out, it hangs up on the client without a word.
async fn carry(mut client: UnixStream, mut server: UnixStream, swallow: Arc<Mutex<Option<Uuid>>>) {
    let (mut asked, mut answered) = ([0_u8; 65_536], [0_u8; 65_536]);
    let mut carries = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let said = |word: &[u8]| asked[..length].windows(word.len()).any(|w| w == word);
                let wanted = *swallow.lock().unwrap();
                carries |= wanted.is_some_and(|id| said(id.to_string().as_bytes()));
                if server.write_all(&asked[..length]).await.is_err() {
                    return;
                }
                if carries && said(b"COMMIT") {
                    let _answer = server.read(&mut answered).await;
                    *swallow.lock().unwrap() = None;
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// "Committed, but the answer was lost" is resolved by the event id, never by a duplicate.
#[test]
fn an_answer_that_was_lost_is_asked_for_again() {
    test_support::run::<TestPg, _>(async |db: TestPg| {
        db.journal().await.close().await;
        let direct: PgConnectOptions = db.url().parse().unwrap();
        let server = socket(direct.get_socket().unwrap(), direct.get_port());
        let wire = Wire::before(server, direct.get_port());
        let pool =
            PgPoolOptions::new().connect_with(direct.socket(wire.folder.path())).await.unwrap();
        let journal = PgJournal::from_pool(pool, &options()).await.unwrap();
        let acme = chain("acme/default");
        for turn in 1..=2 {
            let id = Uuid::now_v7();
            *wire.swallow.lock().unwrap() = Some(id);
            let lost = if turn == 2 {
                let mut tx = journal.begin().await.unwrap();
                tx.record(&acme, event_with(id, "x")).await.unwrap();
                tx.commit().await.map(drop)
            } else {
                journal.append_batch(&acme, vec![event_with(id, "x")]).await.map(drop)
            };
            let Err(AppendError::Database(error)) = lost else { panic!("{lost:?}") };
            assert_eq!(error.kind(), DatabaseErrorKind::Unavailable, "{error:?}");
            assert_eq!(*wire.swallow.lock().unwrap(), None, "the commit did not come by");
            let receipt = again(&journal, id).await;
            assert_eq!((receipt.seq, receipt.id), (turn, id));
        }
        verified(&journal).await;
    });
}

async fn again<DB: Backend>(journal: &Journal<DB>, id: Uuid) -> audit_store::Receipt {
    for _ in 0..20 {
        if let Ok(receipt) = journal.append(&chain("acme/default"), event_with(id, "x")).await {
            return receipt;
        }
    }
    panic!("no connection came back");
}
