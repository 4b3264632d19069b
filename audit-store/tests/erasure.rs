//! Erasing a data subject, on both databases.
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

use std::sync::Arc;

use audit_core::{Actor, AuditorPolicy, Event, SubjectRef, Verdict};
use audit_store::{
    AccessReason, Backend, BundleOptions, Erasure, ErasureError, ExportFormat, Journal, Residue,
    SubjectKeySealer, VerifyOptions, verify_bundle,
};
use base64ct::{Base64UrlUnpadded as Base64Url, Encoding as _};
use crypto_fields::{
    CachePolicy, EpochKeys, LocalKey, MemorySubjectKeys, SecretKey, SubjectKeys, SystemClock,
};
use place::{Place, chain, event, options, verified};
use sqlx::{Postgres, Sqlite, Transaction};
use test_support::TestDatabase as _;
use uuid::Uuid;

/// In base64, wherever it stands, it is `QUFB` again and again.
const CANARY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const IN_BASE64: &str = "QUFBQUFBQUFBQUFBQUFB";
/// The host's own id of the person.
const PERSON: &str = "person-7b1f2c";

trait Erasing: Place {
    /// Whether a text stands anywhere in what the database has stored: of SQLite in its files.
    async fn stores(&self, text: &str) -> bool;

    /// How many of the files that the database lives in hold a text. Of SQLite all, its log
    /// included; of PostgreSQL those of the database and, with `log`, of the server's log.
    async fn files_with(&self, text: &str, log: bool) -> i64;

    /// Takes out of the files what is left of removed rows, while nobody else is connected.
    async fn vacuum(&self);

    /// Reads something, so that the transaction has its snapshot.
    async fn look(tx: &mut Transaction<'_, Self::Db>);
}

impl Erasing for test_support::TestSqlite {
    async fn stores(&self, text: &str) -> bool {
        let files = std::fs::read_dir(self.dir()).unwrap();
        files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }

    async fn files_with(&self, text: &str, _log: bool) -> i64 {
        i64::from(self.stores(text).await)
    }

    async fn vacuum(&self) {
        let pool = self.pool(1).await;
        sqlx::raw_sql("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool).await.unwrap();
        pool.close().await;
    }

    async fn look(tx: &mut Transaction<'_, Sqlite>) {
        sqlx::query("SELECT count(*) FROM audit_entry").fetch_one(&mut **tx).await.unwrap();
    }
}

impl Erasing for test_support::TestPg {
    async fn stores(&self, text: &str) -> bool {
        let mut found = 0;
        for (table, column) in [
            ("disclosure", "items"),
            ("staged", "disclosures"),
            ("entry", "body"),
            ("subject", "host"),
        ] {
            let sql = format!("SELECT count(*) FROM audit_{table} WHERE {column} LIKE '%{text}%'");
            found += self.number(&sql).await;
        }
        found > 0
    }

    async fn files_with(&self, text: &str, log: bool) -> i64 {
        // What is in memory only is written first.
        let pool = self.pool(1).await;
        sqlx::raw_sql("CHECKPOINT").execute(&pool).await.unwrap();
        let log = if log { "UNION ALL SELECT 'pg_wal/' || name FROM pg_ls_waldir()" } else { "" };
        self.number(&format!(
            "SELECT count(*) FROM (
                SELECT 'base/' || oid || '/' || pg_ls_dir('base/' || oid) AS file
                FROM pg_database WHERE datname = current_database() {log}
            ) AS files WHERE position('{text}'::bytea IN pg_read_binary_file(file)) > 0"
        ))
        .await
    }

    async fn vacuum(&self) {
        let pool = self.pool(1).await;
        sqlx::raw_sql("VACUUM FULL").execute(&pool).await.unwrap();
    }

    async fn look(tx: &mut Transaction<'_, Postgres>) {
        sqlx::query("SELECT count(*) FROM audit.entry").fetch_one(&mut **tx).await.unwrap();
    }
}

fn about(person: &str) -> Event {
    telling(person, CANARY)
}

fn telling(person: &str, text: &str) -> Event {
    Event::builder("user.login", Actor::user("usr_1"))
        .id(Uuid::now_v7())
        .private(person, "/context/ip", text)
        .private("someone else", "/actor/name", "Ada")
        .build()
        .unwrap()
}

fn erasure(tenant: &str, person: &str) -> Erasure {
    Erasure::new(tenant, person, Actor::user("dpo"), "gdpr-17-1-b", "req-1")
}

async fn fields<DB: Backend>(journal: &Journal<DB>, name: &str, seq: u64) -> usize {
    let reason = AccessReason::new(Actor::user("support"), "matter 7");
    journal.read_private(&chain(name), seq, &reason).await.unwrap().len()
}

async fn refs<DB: Backend>(journal: &Journal<DB>, seq: u64) -> Vec<SubjectRef> {
    let query = audit_store::Query::new(&chain("acme/default")).seqs(seq..seq + 1);
    let page = journal.query(&query).await.unwrap();
    let entry = page.entries[0].entry().unwrap();
    entry.event().private().iter().map(|(subject, _)| *subject).collect()
}

async fn a_person_goes_and_every_hash_stays<T: Erasing>(db: T) {
    let journal = db.journal().await;
    let (acme, other) = (chain("acme/default"), chain("acme/other"));
    journal.create_chain(&other).await.unwrap();
    journal.create_chain(&chain("acme/empty")).await.unwrap();
    journal.create_chain(&chain("acme-2/default")).await.unwrap();
    for name in [&acme, &other, &acme, &chain("acme-2/default")] {
        journal.append(name, about(PERSON)).await.unwrap();
    }
    journal.append_batch(&acme, (0..300).map(|_| event("a")).collect()).await.unwrap();
    let before = journal.checkpoint(&acme).await.unwrap();
    let proof = journal.prove_inclusion(&acme, 1, None).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let whole = BundleOptions::default();
    journal.export_bundle(&acme, folder.path().join("before"), &whole).await.unwrap();
    let old = refs(&journal, 1).await;
    assert!(db.stores(IN_BASE64).await && db.stores(PERSON).await);

    // Another tenant's person of the same id is another person.
    let other_tenant = erasure("acme-2", PERSON);
    assert_eq!(journal.erase_subject(&other_tenant).await.unwrap().removed, 1);
    let report = journal.erase_subject(&erasure("acme", PERSON)).await.unwrap();
    assert!(old.contains(&report.subject));
    assert_eq!(report.removed, 3);
    let mut entries: Vec<_> = report.entries.iter().map(|r| (r.chain.to_string(), r.seq)).collect();
    entries.sort();
    assert_eq!(entries, [("acme/default".to_owned(), 303), ("acme/other".to_owned(), 2)]);
    assert_eq!(report.residue, Residue::UntilVacuum);
    assert_eq!(journal.vacuum().await.unwrap(), Residue::None);
    assert!(!db.stores(IN_BASE64).await && !db.stores(PERSON).await);

    // What is about others stays, and the erased is gone.
    assert_eq!(
        (fields(&journal, "acme/default", 1).await, fields(&journal, "acme/other", 1).await),
        (1, 1)
    );
    let found = verified(&journal).await;
    assert_eq!((found.counts.erased, found.counts.disclosures), (4, 4));
    let (head, leaf) =
        (before.checkpoint().head, journal.prove_inclusion(&acme, 1, None).await.unwrap());
    assert_eq!(leaf.leaf, proof.leaf, "the entry is what it was");
    proof.proof.verify(proof.leaf, 1, &proof.head).unwrap();
    let after = journal.checkpoint(&acme).await.unwrap().checkpoint().head;
    let consistent = journal.prove_consistency(&acme, head.size, after.size).await.unwrap();
    consistent.proof.verify(&head, &after).unwrap();
    journal.export_bundle(&acme, folder.path().join("after"), &whole).await.unwrap();
    for bundle in ["before", "after"] {
        let policy = AuditorPolicy::new([place::key().verifier().clone()]);
        let path = folder.path().join(bundle);
        let report = verify_bundle(path, &VerifyOptions::new(policy)).unwrap();
        assert_eq!(report.verdict, Verdict::Intact, "{bundle}: {report:#?}");
    }

    // Nothing to erase any more; who returns is somebody new.
    let error = journal.erase_subject(&erasure("acme", PERSON)).await.unwrap_err();
    assert!(matches!(error, ErasureError::UnknownSubject), "{error}");
    let error = journal.erase_subject(&erasure("acme", "")).await.unwrap_err();
    assert!(matches!(error, ErasureError::UnknownSubject), "{error}");
    let seq = journal.append(&acme, about(PERSON)).await.unwrap().seq;
    assert!(!refs(&journal, seq).await.contains(&report.subject));
    assert_eq!(fields(&journal, "acme/default", seq).await, 2);
    verified(&journal).await;
}

async fn what_is_recorded_meanwhile_brings_nothing_back<T: Erasing>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    journal.append(&acme, about(PERSON)).await.unwrap();
    let subject = journal.erase_subject(&erasure("acme", "someone else")).await.unwrap().subject;
    assert!(!refs(&journal, 2).await.contains(&subject), "the entry itself has no private fields");
    let second = db.open(&options()).await.unwrap();
    // One that has met the person before and hears nothing of the erasure.
    second.append(&acme, about(PERSON)).await.unwrap();
    let old = refs(&journal, 1).await;
    let held = if T::POSTGRES {
        // Staged before and committed after.
        let mut tx = second.begin().await.unwrap();
        let ticket = second.stage(&mut tx, &acme, about(PERSON)).await.unwrap();
        Some((tx, ticket))
    } else {
        None
    };
    let mut tasks = Vec::new();
    for journal in [journal.clone(), second.clone()] {
        let acme = acme.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..20 {
                journal.append(&acme, about(PERSON)).await.unwrap();
            }
        }));
    }
    let report = journal.erase_subject(&erasure("acme", PERSON)).await.unwrap();
    assert!(old.contains(&report.subject));
    for task in tasks {
        task.await.unwrap();
    }
    if let Some((tx, ticket)) = held {
        tx.commit().await.unwrap();
        let seq = ticket.sealed().await.unwrap().seq;
        assert!(
            refs(&journal, seq).await.contains(&report.subject),
            "it was sealed as it was staged"
        );
        assert_eq!(fields(&journal, "acme/default", seq).await, 1, "but for the field");
    }
    let digits = report.subject.to_string();
    let place = if T::POSTGRES { format!("'\\x{digits}'") } else { format!("x'{digits}'") };
    let left = format!("SELECT count(*) FROM audit_disclosure WHERE subject = {place}");
    assert_eq!(db.number(&left).await, 0);
    verified(&journal).await;
}

async fn a_reader_keeps_the_log_until_it_ends<T: Erasing>(db: T) {
    let options = options().busy_timeout(std::time::Duration::from_millis(50));
    let journal = db.create(&options).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    journal.append(&acme, about(PERSON)).await.unwrap();
    let pool = db.pool(1).await;
    let mut reader = pool.begin().await.unwrap();
    T::look(&mut reader).await;
    let report = journal.erase_subject(&erasure("acme", PERSON)).await.unwrap();
    let (during, after) = if T::POSTGRES {
        // Its log is the server's.
        (Residue::UntilVacuum, Residue::UntilVacuum)
    } else {
        (Residue::Pending, Residue::UntilVacuum)
    };
    assert_eq!(report.residue, during);
    assert_eq!(db.stores(IN_BASE64).await, !T::POSTGRES);
    reader.rollback().await.unwrap();
    assert_eq!(journal.wipe_log().await.unwrap(), after);
    assert_eq!(journal.vacuum().await.unwrap(), Residue::None);
    assert!(!db.stores(IN_BASE64).await);
    verified(&journal).await;
}

/// What stands in exports that are made now, in whatever form.
async fn exported<DB: Backend>(journal: &Journal<DB>, texts: &[&str]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let acme = chain("acme/default");
    let bundle = folder.path().join("bundle");
    journal.export_bundle(&acme, &bundle, &BundleOptions::default()).await.unwrap();
    let mut all = Vec::new();
    for file in ["entries.jsonl", "disclosures.jsonl", "manifest.json"] {
        all.extend(std::fs::read(bundle.join(file)).unwrap());
    }
    for format in [ExportFormat::JsonLines, ExportFormat::Csv] {
        let mut lines = journal.export(&acme, .., format).await.unwrap();
        while let Some(chunk) = lines.next_chunk().await.unwrap() {
            all.extend(chunk);
        }
    }
    texts.iter().any(|text| all.windows(text.len()).any(|window| window == text.as_bytes()))
}

async fn canaries_of_the_erased_are_found_nowhere<T: Erasing>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    for _ in 0..300 {
        journal.append(&acme, about(PERSON)).await.unwrap();
    }
    for canary in [IN_BASE64, PERSON] {
        assert!(db.files_with(canary, false).await > 0, "{canary}");
    }
    assert!(exported(&journal, &[IN_BASE64]).await);
    journal.erase_subject(&erasure("acme", PERSON)).await.unwrap();
    // A vacuum leaves what a transaction that is open may still see; and without it, SQLite may have
    // left copies of rows in pages from which it once moved them.
    journal.close().await;
    db.vacuum().await;
    for canary in [CANARY, IN_BASE64, PERSON] {
        assert_eq!(db.files_with(canary, false).await, 0, "{canary}");
    }
    let journal = db.open(&options()).await.unwrap();
    assert!(!exported(&journal, &[CANARY, IN_BASE64, PERSON]).await);
    verified(&journal).await;
}

/// A text that nobody else writes to the same server, and what of it stands in base64, wherever in a
/// longer text it begins.
fn unique() -> (String, [String; 3]) {
    let text = format!("{}{}", SubjectRef::random().unwrap(), SubjectRef::random().unwrap());
    let encoded =
        std::array::from_fn(|skip| Base64Url::encode_string(&text.as_bytes()[skip..skip + 48]));
    (text, encoded)
}

async fn a_sealed_canary_is_never_written_at_all<T: Erasing>(db: T) {
    let other = T::fresh().await;
    let plain = other.journal().await;
    let (text, encoded) = unique();
    plain.append(&chain("acme/default"), telling(PERSON, &text)).await.unwrap();
    if T::POSTGRES {
        // The log is the whole server's: what is written in the clear is found there.
        let mut found = 0;
        for canary in &encoded {
            found += db.files_with(canary, true).await;
        }
        assert!(found > 0);
    }
    let journal = db.create(&options().private_fields(sealer())).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    let (text, encoded) = unique();
    for _ in 0..20 {
        journal.append(&acme, telling(PERSON, &text)).await.unwrap();
    }
    let mut tx = journal.pool().begin().await.unwrap();
    journal.stage(&mut tx, &acme, telling(PERSON, &text)).await.unwrap();
    tx.commit().await.unwrap();
    journal.sequence().await.unwrap();
    // Neither in the files nor in the server's log, before an erasure or after.
    for erased in [false, true] {
        if erased {
            journal.erase_subject(&erasure("acme", PERSON)).await.unwrap();
        }
        for canary in encoded.iter().chain([&text]) {
            assert_eq!(db.files_with(canary, true).await, 0, "{canary}, {erased}");
        }
    }
    let texts: Vec<&str> = encoded.iter().chain([&text]).map(String::as_str).collect();
    assert!(!exported(&journal, &texts).await);
    verified(&journal).await;
}

fn sealer() -> SubjectKeySealer<MemorySubjectKeys> {
    let keys = SubjectKeys::new(
        MemorySubjectKeys::default(),
        EpochKeys::new(Arc::new(LocalKey::new(SecretKey::random().unwrap()))),
        CachePolicy::DEFAULT,
        Arc::new(SystemClock),
    );
    SubjectKeySealer::new(Arc::new(keys)).unwrap()
}

async fn a_backup_opens_nothing_of_who_was_erased<T: Erasing>(db: T) {
    let keys = Arc::new(SubjectKeys::new(
        MemorySubjectKeys::default(),
        EpochKeys::new(Arc::new(LocalKey::new(SecretKey::random().unwrap()))),
        CachePolicy::DEFAULT,
        Arc::new(SystemClock),
    ));
    let sealing = || options().private_fields(SubjectKeySealer::new(Arc::clone(&keys)).unwrap());
    let journal = db.create(&sealing()).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    journal.append(&acme, about(PERSON)).await.unwrap();
    journal.close().await;
    let backup = db.copy().await;
    let journal = db.open(&sealing()).await.unwrap();
    // What cannot be recorded destroys nothing.
    let long = Erasure::new("acme", PERSON, Actor::user("dpo"), "g".repeat(70_000), "req-1");
    let error = journal.erase_subject(&long).await.unwrap_err();
    assert!(matches!(error, ErasureError::Append(_)), "{error}");
    assert_eq!(fields(&journal, "acme/default", 1).await, 2);
    let second = db.open(&sealing()).await.unwrap();
    second.append(&acme, about(PERSON)).await.unwrap();
    journal.erase_subject(&erasure("acme", PERSON)).await.unwrap();
    assert_eq!(fields(&journal, "acme/default", 1).await, 1);
    // Who returns is new, to another process as well, which hears nothing of the erasure.
    let mut seqs = vec![journal.append(&acme, about(PERSON)).await.unwrap().seq];
    seqs.push(second.append(&acme, about(PERSON)).await.unwrap().seq);
    let mut tx = second.begin().await.unwrap();
    tx.record(&acme, about(PERSON)).await.unwrap();
    tx.commit().await.unwrap();
    seqs.push(seqs[1] + 1);
    for seq in seqs {
        assert_eq!(fields(&journal, "acme/default", seq).await, 2, "{seq}");
    }
    verified(&journal).await;
    let old = backup.open(&sealing()).await.unwrap();
    assert_eq!(fields(&old, "acme/default", 1).await, 1, "only the other person's");
    verified(&old).await;
}

test_support::both_databases!(
    canaries_of_the_erased_are_found_nowhere,
    a_sealed_canary_is_never_written_at_all,
    a_person_goes_and_every_hash_stays,
    what_is_recorded_meanwhile_brings_nothing_back,
    a_reader_keeps_the_log_until_it_ends,
    a_backup_opens_nothing_of_who_was_erased,
);
