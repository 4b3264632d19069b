//! A journal's own client against this witness, over real HTTP, on both databases; and an operator
//! who rewrites history with his real key.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod support;

use std::time::Duration;

use audit_core::{
    Actor, AuditorPolicy, ChainId, Event, FindingCode, SignedCheckpoint, TrustPolicy, Verdict,
    VerificationReport,
};
use audit_store::{
    Backend, BundleOptions, DirectorySink, HistoryError, HttpWitness, Journal, JournalOptions,
    OpenError, PgJournal, SigningError, SqliteJournal, VerifyOptions, verify_bundle,
};
use support::{Home, key, text};
use test_support::{TestDatabase, TestPg, TestSqlite, both_databases};

const ORIGIN: &str = "audit.example.com/acme/default/1";

trait Place: TestDatabase<Db: Backend> + Sync {
    async fn create(&self, options: &JournalOptions) -> Result<Journal<Self::Db>, OpenError>;
    async fn open(&self, options: &JournalOptions) -> Result<Journal<Self::Db>, OpenError>;
}

impl Place for TestSqlite {
    async fn create(&self, options: &JournalOptions) -> Result<SqliteJournal, OpenError> {
        SqliteJournal::create(self.path(), options).await
    }
    async fn open(&self, options: &JournalOptions) -> Result<SqliteJournal, OpenError> {
        SqliteJournal::open(self.path(), options).await
    }
}

impl Place for TestPg {
    async fn create(&self, options: &JournalOptions) -> Result<PgJournal, OpenError> {
        PgJournal::create(&self.url(), options).await
    }
    async fn open(&self, options: &JournalOptions) -> Result<PgJournal, OpenError> {
        PgJournal::open(&self.url(), options).await
    }
}

fn quiet() -> JournalOptions {
    let name = "audit.example.com".parse().unwrap();
    JournalOptions::new(name).signer(key(7)).checkpoint_after(u64::MAX, Duration::MAX)
}

fn acme() -> ChainId {
    "acme/default".parse().unwrap()
}

async fn append<DB: Backend>(journal: &Journal<DB>, count: usize) {
    let event = || Event::builder("record.updated", Actor::user("usr_1")).build().unwrap();
    journal.append_batch(&acme(), (0..count).map(|_| event()).collect()).await.unwrap();
}

/// The policy as an auditor writes it, in a file that names the witness and where it is.
fn policy(home: &Home, url: &str) -> TrustPolicy {
    let file = format!(
        "# who counts\nlog {}\nwitness w1 {} {url}\nquorum w1\n",
        key(7).verifier(),
        home.vkey
    );
    TrustPolicy::parse(file.as_bytes()).unwrap()
}

fn witnessed(policy: &TrustPolicy) -> JournalOptions {
    let witnesses = HttpWitness::of_policy(policy).unwrap();
    let options = quiet().publish_only_with(policy.clone());
    witnesses.into_iter().fold(options, JournalOptions::witness)
}

/// Trusts what the policy trusts.
fn auditor(policy: &TrustPolicy) -> AuditorPolicy {
    AuditorPolicy::new([]).witnesses(policy.clone())
}

async fn verify<DB: Backend>(journal: &Journal<DB>, policy: AuditorPolicy) -> VerificationReport {
    journal.verify(&VerifyOptions::new(policy)).await.unwrap()
}

async fn our_client_and_our_witness<T: Place>(db: T) {
    let home = Home::new(&[key(7).verifier().clone()]);
    let mut witness = home.serve();
    let policy = policy(&home, &witness.url);
    let folder = tempfile::tempdir().unwrap();
    let options = || witnessed(&policy).sink(DirectorySink::new(folder.path()));
    let journal = db.create(&options()).await.unwrap();
    journal.create_chain(&acme()).await.unwrap();
    for count in [1, 255, 300, 7] {
        append(&journal, count).await;
        let signed = journal.checkpoint(&acme()).await.unwrap();
        assert!(policy.is_satisfied(signed.note()));
    }
    let published = std::fs::read_to_string(folder.path().join(ORIGIN).join("564")).unwrap();
    assert!(policy.is_satisfied(SignedCheckpoint::parse(&published).unwrap().note()));
    // While it is down nothing is published, and appending goes on; then it catches up.
    witness.kill();
    append(&journal, 3).await;
    let failed = journal.checkpoint(&acme()).await;
    assert!(matches!(failed, Err(SigningError::NotPublished { .. })), "{failed:?}");
    append(&journal, 3).await;
    assert!(!folder.path().join(ORIGIN).join("567").exists());
    journal.close().await;
    let witness = home.serve();
    // It listens on another port now.
    let policy = self::policy(&home, &witness.url);
    let options = witnessed(&policy).sink(DirectorySink::new(folder.path()));
    let journal = db.open(&options).await.unwrap();
    journal.checkpoint(&acme()).await.unwrap();
    for size in ["567", "570"] {
        assert!(folder.path().join(ORIGIN).join(size).exists(), "{size}");
    }
    let report = verify(&journal, auditor(&policy)).await;
    assert_eq!(report.verdict, Verdict::Intact, "{report}");
    let bundle = folder.path().join("bundle.zip");
    journal.export_bundle_zip(&acme(), &bundle, &BundleOptions::new()).await.unwrap();
    let report = verify_bundle(&bundle, &VerifyOptions::new(auditor(&policy))).unwrap();
    assert_eq!(report.verdict, Verdict::Intact, "{report}");
    let latest = SignedCheckpoint::parse(&text(&home.latest(ORIGIN).stdout)).unwrap();
    assert_eq!(latest.checkpoint().head.size, 570);
    journal.close().await;
}

/// He has the database, the key, and all the time he wants; he has not the witness.
async fn an_operator_who_rewrites_history<T: Place>(db: T) {
    let home = Home::new(&[key(7).verifier().clone()]);
    let witness = home.serve();
    let policy = policy(&home, &witness.url);
    let journal = db.create(&witnessed(&policy)).await.unwrap();
    journal.create_chain(&acme()).await.unwrap();
    append(&journal, 10).await;
    journal.close().await;
    let other = db.copy().await;
    let journal = db.open(&witnessed(&policy)).await.unwrap();
    append(&journal, 20).await;
    journal.checkpoint(&acme()).await.unwrap();
    journal.close().await;

    // The other history, longer than the first, without a word to the witness: signed by the real
    // key, consistent in itself.
    let rewritten = other.open(&quiet()).await.unwrap();
    append(&rewritten, 40).await;
    rewritten.checkpoint(&acme()).await.unwrap();
    let report = verify(&rewritten, AuditorPolicy::new([key(7).verifier().clone()])).await;
    assert_eq!(report.verdict, Verdict::Intact, "nothing in it tells: {report}");
    rewritten.close().await;

    // The witness refuses it, and it stays refused.
    let rewritten = other.open(&witnessed(&policy)).await.unwrap();
    for _ in 0..2 {
        let refused = rewritten.checkpoint(&acme()).await;
        let told =
            matches!(refused, Err(SigningError::NotPublished { .. } | SigningError::History(_)));
        assert!(told, "{refused:?}");
        assert!(matches!(rewritten.suspension(), Some(HistoryError::Disputed { size: 31, .. })));
    }
    // The auditor finds it by his policy alone, in the database and in a bundle,
    let report = verify(&rewritten, auditor(&policy)).await;
    assert_eq!(report.verdict, Verdict::Findings, "{report}");
    let finding = report.findings().next().unwrap();
    assert_eq!(finding.code, FindingCode::Checkpoint, "{report}");
    assert_eq!(finding.evidence.as_ref().unwrap().found, "no cosignature");
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    rewritten.export_bundle(&acme(), &bundle, &BundleOptions::new()).await.unwrap();
    let report = verify_bundle(&bundle, &VerifyOptions::new(auditor(&policy))).unwrap();
    assert!(report.findings().any(|f| f.code == FindingCode::Checkpoint), "{report}");
    // and proves it with what the witness cosigned.
    let held = SignedCheckpoint::parse(&text(&home.latest(ORIGIN).stdout)).unwrap();
    assert_eq!(held.checkpoint().head.size, 31);
    let report = verify(&rewritten, auditor(&policy).holding(held.clone())).await;
    assert!(report.findings().any(|f| f.code == FindingCode::RolledBack), "{report}");
    rewritten.close().await;
    // The true one is as it was.
    let journal = db.open(&witnessed(&policy)).await.unwrap();
    append(&journal, 5).await;
    journal.checkpoint(&acme()).await.unwrap();
    let report = verify(&journal, auditor(&policy).holding(held)).await;
    assert_eq!(report.verdict, Verdict::Intact, "{report}");
    journal.close().await;
}

both_databases!(our_client_and_our_witness, an_operator_who_rewrites_history);
