//! Where anything of a person is found after their erasure: only where a recorded ground keeps it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit_core::{Actor, Event};
use audit_store::BundleOptions;
use privacy_rights::{
    AccessBundle, AccessNotice, AutomatedDecisions, Backend, BoxFuture, Canaries, CanaryForm,
    ErasureState, Identifier, Revocation, Selection, SourceError, SqlSource,
};
use sqlx::{Executor, Pool, Row};
use test_support::{TestDatabase as _, TestPg, TestSqlite};
use uuid::Uuid;

use crate::private::shop_chain;
use crate::saga::{Scene, scene};
use crate::shop::{person, run};
use crate::support::{customers, invoice_lines, invoices, shop_map};
use crate::world::{Home, World, at, key};

/// A database whose files can be looked at.
trait Files: Home {
    /// Rewrites the files without what was removed, and writes to them what is in memory only.
    async fn settle(&self);

    /// The files, with their names. The server's log of PostgreSQL is not among them.
    async fn files(&self) -> Vec<(String, Vec<u8>)>;
}

impl Files for TestSqlite {
    async fn settle(&self) {
        let pool = self.pool(1).await;
        sqlx::raw_sql("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool).await.unwrap();
        pool.close().await;
    }

    async fn files(&self) -> Vec<(String, Vec<u8>)> {
        let files = std::fs::read_dir(self.dir()).unwrap().map(|file| file.unwrap().path());
        files.map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
    }
}

impl Files for TestPg {
    async fn settle(&self) {
        let pool = self.pool(1).await;
        sqlx::raw_sql("VACUUM FULL").execute(&pool).await.unwrap();
        sqlx::raw_sql("CHECKPOINT").execute(&pool).await.unwrap();
        pool.close().await;
    }

    async fn files(&self) -> Vec<(String, Vec<u8>)> {
        let pool = self.pool(1).await;
        sqlx::raw_sql("CHECKPOINT").execute(&pool).await.unwrap();
        let sql = "SELECT file, pg_read_binary_file(file, 0, 1000000000, true) FROM (
             SELECT 'base/' || oid || '/' || pg_ls_dir('base/' || oid) AS file
             FROM pg_database WHERE datname = current_database()) AS files";
        let rows = sqlx::query(sql).fetch_all(&pool).await.unwrap();
        let read = |row: sqlx::postgres::PgRow| {
            (row.get(0), row.get::<Option<Vec<u8>>, _>(1).unwrap_or_default())
        };
        rows.into_iter().map(read).collect()
    }
}

/// Deletes the bundles that were made for a person, as a host does.
struct Bundles(PathBuf);

impl Revocation for Bundles {
    fn revoke<'a>(&'a self, _person: &'a Selection) -> BoxFuture<'a, Result<(), SourceError>> {
        Box::pin(async {
            match std::fs::remove_dir_all(&self.0) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(SourceError::Unavailable(Box::new(error)))
                }
                _ => Ok(()),
            }
        })
    }
}

/// What is found where: the name of the canary, in any form.
fn found(
    canaries: &Canaries,
    files: &[(String, Vec<u8>)],
    folder: &Path,
) -> (Vec<String>, Vec<String>) {
    let names = |found: Vec<privacy_rights::CanaryFound>| {
        let mut names: Vec<String> =
            found.iter().map(|one| one.canary.rsplit('-').next().unwrap().to_owned()).collect();
        names.sort();
        names.dedup();
        names
    };
    let in_files = files.iter().flat_map(|(name, bytes)| canaries.in_bytes(name, bytes)).collect();
    (names(in_files), names(canaries.in_directory(folder).unwrap()))
}

/// As [`found`], once the database's files are settled. PostgreSQL keeps a row that was removed as long
/// as it knows of a snapshot that may be older, which others on a busy server hold for a moment: so what
/// is not gone yet is looked for again.
async fn found_at_last<T: Files>(
    db: &T,
    canaries: &Canaries,
    folder: &Path,
    expected: &[&str],
) -> (Vec<String>, Vec<String>) {
    let mut last = (Vec::new(), Vec::new());
    for _ in 0..20 {
        db.settle().await;
        last = found(canaries, &db.files().await, folder);
        if last.0 == expected {
            break;
        }
    }
    last
}

/// A bundle of everything about a person, in a folder of the host's.
async fn bundle<DB: Backend + crypto_fields::Backend>(
    scene: &Scene<DB>,
    who: &Selection,
    folder: &Path,
) {
    let pool = &scene.shop.pool;
    let map = shop_map().build().unwrap();
    let notice = AccessNotice::new("The authority", "From you.", AutomatedDecisions::None);
    let mut sources = Vec::new();
    for declaration in [customers(), invoices(), invoice_lines()] {
        sources.push(SqlSource::new(pool.clone(), declaration).await.unwrap());
    }
    std::fs::create_dir_all(folder).unwrap();
    let now = chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap();
    let mut bundle = AccessBundle::access(&map, who, &notice, Uuid::now_v7(), now);
    for source in &sources {
        bundle = bundle.source(source);
    }
    bundle.write_directory(folder.join("one"), &key()).await.unwrap();
}

async fn nothing_is_found_but_what_a_law_keeps<T: Files>(db: T)
where
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    let scene = scene(&db).await;
    let World { journal, pool, .. } = &scene.world;
    let unique = Uuid::now_v7().simple().to_string()[22..].to_owned();
    let c = |name: &str| format!("C{unique}-{name}");
    let all = ["address", "email", "first", "ip", "last", "old", "password", "phone"];
    let canaries = Canaries::new(all.map(c));
    let (folder, made) = (tempfile::tempdir().unwrap(), scene.folder.path().join("bundles"));
    let email = format!("{}@example.com", c("email"));
    run(
        pool,
        &format!(
            r#"INSERT INTO "Customer" VALUES (9, '{}', '{}', '{}', '{email}', '{}', NULL);
        INSERT INTO "Invoice" VALUES (91, 9, '2015-05-01 00:00:00', '{}', 0.99),
            (92, 9, '2024-05-01 00:00:00', '{}', 0.99)"#,
            c("first"),
            c("last"),
            c("phone"),
            c("password"),
            c("old"),
            c("address"),
        ),
    )
    .await;
    journal.create_chain(&shop_chain()).await.unwrap();
    let login =
        Event::builder("user.login", Actor::user("usr_9")).private("9", "/context/ip", c("ip"));
    journal.append(&shop_chain(), login.build().unwrap()).await.unwrap();
    let who = person("email", &email).and(Identifier::new("customer_id", "9").unwrap()).unwrap();
    bundle(&scene, &who, &made).await;
    let id = scene.begun_of(who).await;
    let exported = async |name: &str| {
        let place = folder.path().join(name);
        journal.export_bundle(&shop_chain(), &place, &BundleOptions::default()).await.unwrap();
        canaries.in_directory(place).unwrap().len()
    };

    // Whoever looks finds what is there.
    let (in_files, in_folder) = found(&canaries, &db.files().await, scene.folder.path());
    assert_eq!(in_files, all);
    assert_eq!(in_folder, ["address", "email", "first", "last", "old", "phone"]);
    assert_eq!(exported("before").await, 1);

    let eraser = async || scene.eraser().await.revocation(Arc::new(Bundles(made.clone())));
    assert_eq!(eraser().await.run(id).await.unwrap(), ErasureState::Deferred);
    let (in_files, in_folder) =
        found_at_last(&db, &canaries, scene.folder.path(), &["address"]).await;
    assert_eq!(in_files, ["address"], "what the bookkeeping law keeps, and nothing else");
    assert_eq!(in_folder, [""; 0], "neither in a bundle nor in the ledger");
    assert!(scene.folder.path().join("ledger").exists());
    assert_eq!(exported("after").await, 0);
    let kept = scene.part_one(id).await.kept;
    assert_eq!(
        kept.iter().map(|kept| (&*kept.source, kept.records)).collect::<Vec<_>>(),
        [("invoices", 1)]
    );
    let certificate = eraser().await.certificate(id).await.unwrap().unwrap();
    assert_eq!(canaries.in_bytes("certificate", certificate.as_bytes()), []);

    // The law lets go.
    scene.world.clock.set(at("2031-05-02"));
    assert_eq!(eraser().await.sweep().await.unwrap(), [(id, ErasureState::Done)]);
    let nothing = found_at_last(&db, &canaries, scene.folder.path(), &[]).await;
    assert_eq!(nothing, (vec![], vec![]));
}

test_support::both_databases!(nothing_is_found_but_what_a_law_keeps);

#[test]
fn a_canary_is_found_in_each_form() {
    const TEXT: &str = "CANARY-\u{e4}\"7b1f2c-phone";
    let canaries = Canaries::new([TEXT, "CANARY-of-nobody"]);
    let forms = |bytes: &[u8]| -> Vec<CanaryForm> {
        canaries.in_bytes("here", bytes).into_iter().map(|found| found.form).collect()
    };
    assert_eq!(forms(format!("x{TEXT}y").as_bytes()), [CanaryForm::Plain]);
    let json = serde_json::to_vec(&[TEXT]).unwrap();
    assert_eq!(forms(&json), [CanaryForm::Json]);
    assert_eq!(forms(br#"["CANARY-\u00e4\"7b1f2c-phone"]"#), [CanaryForm::Json]);
    let wide: Vec<u8> = TEXT.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(forms(&wide), [CanaryForm::Utf16]);
    let hex: String = TEXT.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(forms(hex.as_bytes()), [CanaryForm::Hex]);
    assert_eq!(forms(hex.to_uppercase().as_bytes()), [CanaryForm::Hex]);
    assert_eq!(forms(b"CANARY-7b1f2c-phone"), []);
    // Wherever it begins in what is encoded: "a" and so on before it.
    for encoded in [
        "Q0FOQVJZLcOkIjdiMWYyYy1waG9uZQ==",
        "YUNBTkFSWS3DpCI3YjFmMmMtcGhvbmU=",
        "YWJDQU5BUlktw6QiN2IxZjJjLXBob25l",
    ] {
        assert_eq!(forms(encoded.as_bytes()), [CanaryForm::Base64], "{encoded}");
    }
}

#[test]
fn a_canary_is_found_across_the_borders_of_what_is_read_at_once() {
    let canaries = Canaries::new(["CANARY-7b1f2c-phone"]);
    for before in [0, (1 << 20) - 19, (1 << 20) - 7, 1 << 20, (2 << 20) - 1] {
        let mut bytes = vec![b'x'; before];
        bytes.extend(b"CANARY-7b1f2c-phone");
        let found = canaries.in_reader("here", &*bytes).unwrap();
        assert_eq!(found.len(), 1, "{before}");
        bytes.pop();
        assert_eq!(canaries.in_reader("here", &*bytes).unwrap(), []);
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    std::fs::write(folder.path().join("inner/file"), "..CANARY-7b1f2c-phone").unwrap();
    let found = canaries.in_directory(folder.path()).unwrap();
    assert!(found[0].place.ends_with("file") && found.len() == 1);
}
