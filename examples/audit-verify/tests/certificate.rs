//! Certificates of erasure as a regulator checks them: a file and a public key.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use audit_core::{Actor, ChainId, Event, JournalName, Outcome, SigningKey, Target};
use audit_store::{JournalOptions, Query, SqliteJournal};
use privacy_rights::{
    BackupRegistry, BackupSet, BackupsCertificate, CERTIFIED, Certificate, ErasedCount,
    ErasureCertificate, SignedCertificate,
};
use uuid::Uuid;

const JOURNAL: &str = "audit.example.com";

/// Status and output.
fn check(file: &Path, key: &str, more: &[&str]) -> (i32, String) {
    let file = file.display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_audit-verify"));
    let output = command.args(["certificate", &file, "--key", key]).args(more).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

struct Fixture {
    folder: tempfile::TempDir,
    key: SigningKey,
    journal: SqliteJournal,
    chain: ChainId,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::from_seed(JOURNAL, &[7; 32]).unwrap();
        let same = SigningKey::from_seed(JOURNAL, &[7; 32]).unwrap();
        let options = JournalOptions::new(JournalName::new(JOURNAL).unwrap()).signer(same);
        let journal =
            SqliteJournal::create(folder.path().join("j.sqlite"), &options).await.unwrap();
        let chain = ChainId::new("acme", "rights").unwrap();
        journal.create_chain(&chain).await.unwrap();
        Self { folder, key, journal, chain }
    }

    fn vkey(&self) -> String {
        self.key.verifier().to_string()
    }

    /// Records a certificate and writes its file.
    async fn issue(&self, name: &str, certificate: &Certificate) -> PathBuf {
        let event = Event::builder(CERTIFIED, Actor::system("privacy-rights"))
            .target(Target::new("rights_request", certificate.request().to_string()))
            .outcome(Outcome::Success)
            .meta("certificate", certificate.digest())
            .build()
            .unwrap();
        let seq = self.journal.append(&self.chain, event).await.unwrap().seq;
        self.journal.checkpoint(&self.chain).await.unwrap();
        let query = Query::new(&self.chain).seqs(seq..seq + 1);
        let entry = self.journal.query(&query).await.unwrap().entries.remove(0);
        let proof = self.journal.proof_file(&self.chain, seq).await.unwrap();
        let proof = proof.with_extra(entry.into_string().into_bytes()).unwrap();
        let note = SignedCertificate::sign(certificate, &self.key).unwrap();
        let signed = SignedCertificate::new(note, proof).unwrap();
        self.write(name, &signed.to_string())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn part_one(chain: &ChainId) -> ErasureCertificate {
    let names = (JournalName::new(JOURNAL).unwrap(), chain.clone());
    let times = ("2026-06-11T10:00:00.000000Z", "2026-06-12T10:00:00.000000Z");
    let times = (times.0.parse().unwrap(), times.1.parse().unwrap());
    let what = ("gdpr-17-1-b", "ab".repeat(32));
    let mut part = ErasureCertificate::new(names, Uuid::from_u128(5), what, times);
    part.erased.push(ErasedCount::new("customers", 3, [("deleted".to_owned(), 4)].into()));
    part
}

#[tokio::test]
async fn a_certificate_and_a_key_are_enough() {
    let fixture = Fixture::new().await;
    let one = part_one(&fixture.chain);
    let file = fixture.issue("one.erasure", &Certificate::Erasure(one)).await;
    let (status, text) = check(&file, &fixture.vkey(), &[]);
    assert_eq!(status, 0, "{text}");
    for said in ["proven", "entry 1 of acme/rights", "customers: 3 erased (deleted 4)"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    // Another figure.
    let honest = std::fs::read_to_string(&file).unwrap();
    let changed = fixture.write("changed", &honest.replace(r#""records":3"#, r#""records":4"#));
    let (status, text) = check(&changed, &fixture.vkey(), &[]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("wrong") && !text.contains("erased ("), "{text}");
    // The proof of another tree.
    let line = honest.lines().find(|line| line.starts_with("index")).unwrap();
    let moved = fixture.write("moved", &honest.replace(line, "index 0"));
    assert_eq!(check(&moved, &fixture.vkey(), &[]).0, 1);
    // A stranger's key, and what is no certificate.
    let other = SigningKey::from_seed(JOURNAL, &[8; 32]).unwrap().verifier().to_string();
    let (status, text) = check(&file, &other, &[]);
    assert_eq!(status, 3, "{text}");
    assert!(text.contains("none of the named keys") && !text.contains("erased ("), "{text}");
    assert_eq!(check(&fixture.write("none", "x"), &fixture.vkey(), &[]).0, 2);
    assert_eq!(check(&fixture.folder.path().join("missing"), &fixture.vkey(), &[]).0, 2);
    let key = fixture.write("key", &format!("{other}\n{}\n", fixture.vkey()));
    assert_eq!(check(&file, &key.display().to_string(), &[]).0, 0);
}

#[tokio::test]
async fn part_two_belongs_to_part_one() {
    let fixture = Fixture::new().await;
    let one = part_one(&fixture.chain);
    let mut backups = BackupRegistry::default();
    let taken = "2026-06-01T00:00:00.000000Z".parse().unwrap();
    let gone = "2026-07-01T00:00:00.000000Z".parse().unwrap();
    backups.add(BackupSet::rolling("b1", taken)).unwrap();
    backups.attest_gone("b1", gone).unwrap();
    let two = BackupsCertificate::of(&one, &backups).unwrap();
    let mut other = one.clone();
    other.deferred = 1;
    let one = fixture.issue("one", &Certificate::Erasure(one)).await.display().to_string();
    let other = fixture.issue("other", &Certificate::Erasure(other)).await.display().to_string();
    let two = fixture.issue("two", &Certificate::Backups(two)).await;
    let (status, text) = check(&two, &fixture.vkey(), &["--part-one", &one]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("set b1") && text.contains("since 2026-07-01"), "{text}");
    let (status, text) = check(&two, &fixture.vkey(), &["--part-one", &other]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("not of that part 1"), "{text}");
    assert_eq!(check(&two, &fixture.vkey(), &["--part-one", &two.display().to_string()]).0, 1);
}
