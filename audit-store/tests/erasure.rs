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
    AccessReason, Backend, BundleOptions, Erasure, ErasureError, Journal, Residue,
    SubjectKeySealer, VerifyOptions, verify_bundle,
};
use crypto_fields::{
    CachePolicy, EpochKeys, LocalKey, MemorySubjectKeys, SecretKey, SubjectKeys, SystemClock,
};
use place::{Place, chain, event, options, verified};
use sqlx::{Postgres, Sqlite, Transaction};
use uuid::Uuid;

/// In base64, wherever it stands, it is `QUFB` again and again.
const CANARY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const IN_BASE64: &str = "QUFBQUFBQUFBQUFBQUFB";
/// The host's own id of the person.
const PERSON: &str = "person-7b1f2c";

trait Erasing: Place {
    /// Whether a text stands anywhere in what the database has stored: of SQLite in its files.
    async fn stores(&self, text: &str) -> bool;

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

    async fn look(tx: &mut Transaction<'_, Postgres>) {
        sqlx::query("SELECT count(*) FROM audit.entry").fetch_one(&mut **tx).await.unwrap();
    }
}

fn about(person: &str) -> Event {
    Event::builder("user.login", Actor::user("usr_1"))
        .id(Uuid::now_v7())
        .private(person, "/context/ip", CANARY)
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
    let expected = if T::POSTGRES { Residue::UntilVacuum } else { Residue::None };
    assert_eq!(report.residue, expected);
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
        (Residue::Pending, Residue::None)
    };
    assert_eq!(report.residue, during);
    assert_eq!(db.stores(IN_BASE64).await, !T::POSTGRES);
    reader.rollback().await.unwrap();
    assert_eq!(journal.wipe_log().await.unwrap(), after);
    assert!(!db.stores(IN_BASE64).await);
    verified(&journal).await;
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
    a_person_goes_and_every_hash_stays,
    what_is_recorded_meanwhile_brings_nothing_back,
    a_reader_keeps_the_log_until_it_ends,
    a_backup_opens_nothing_of_who_was_erased,
);
