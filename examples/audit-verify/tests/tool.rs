//! The program as an auditor runs it, on both databases and on bundles.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use audit_core::{
    Actor, AddCheckpoint, ChainId, Clock, CosigningKey, Event, JournalName, Outcome, SigningKey,
    SystemClock, Target, VerifierKey, WitnessCosignatures,
};
use audit_store::sqlx::{self, AssertSqlSafe, Connection};
use audit_store::{
    BoxFuture, CheckpointWitness, JournalOptions, PgJournal, SqliteJournal, WitnessAnswer,
    WitnessError,
};
use serde_json::Value;
use test_support::{TestDatabase, both_databases};
use tool_support::{AnyJournal, Database, keys, with_journal};

struct Ran {
    status: i32,
    out: String,
    err: String,
}

fn run(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_audit-verify")).args(arguments).output().unwrap();
    Ran {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

const CHAIN: &str = "acme/default";

/// A journal of 41 entries, signed.
struct Fixture {
    folder: tempfile::TempDir,
    url: String,
    secret: PathBuf,
    public: String,
}

impl Fixture {
    async fn new(url: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = JournalName::new("audit.example.com").unwrap();
        let (key, secret, public) = keys::make(&name, &folder.path().join("journal")).unwrap();
        let database: Database = url.parse().unwrap();
        let journal = AnyJournal::create(&database, name, &key).await.unwrap();
        let fixture = Self { folder, url, secret, public: public.display().to_string() };
        let chain = chain();
        with_journal!(&journal, journal => journal.create_chain(&chain).await).unwrap();
        append(&journal, 40).await;
        with_journal!(&journal, journal => journal.checkpoint(&chain).await).unwrap();
        with_journal!(&journal, journal => journal.post_index().await).unwrap();
        journal.close().await;
        fixture
    }

    async fn journal(&self) -> AnyJournal {
        let key = keys::signing_key(&self.secret).unwrap();
        AnyJournal::find(&self.url.parse().unwrap(), Some(&key)).await.unwrap().unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn verify(&self, more: &[&str]) -> Ran {
        run(&[&["verify", self.url.as_str(), "--key", &self.public], more].concat())
    }

    fn export(&self, to: &str, more: &[&str]) -> Ran {
        run(&[&["export", self.url.as_str(), "--chain", CHAIN, "--out", to], more].concat())
    }
}

fn chain() -> ChainId {
    CHAIN.parse().unwrap()
}

async fn append(journal: &AnyJournal, count: u32) {
    for n in 0..count {
        let outcome = if n % 7 == 3 { Outcome::Denied } else { Outcome::Success };
        let event = Event::builder("invoice.approved", Actor::user(format!("usr_{}", n % 4)))
            .outcome(outcome)
            .target(Target::new("invoice", format!("inv_{n}")))
            .private("usr_1", "/context/ip", "192.0.2.7")
            .meta("note", "<b>=1+1</b>")
            .build()
            .unwrap();
        with_journal!(journal, journal => journal.append(&chain(), event).await).unwrap();
    }
}

/// Runs SQL as the database's owner, who can turn off whatever guards the journal.
async fn as_owner(url: &str, sqlite: &str, postgres: &str) {
    if url.starts_with("sqlite:") {
        let mut conn = sqlx::SqliteConnection::connect(url).await.unwrap();
        let sql = format!("DROP TRIGGER {SQLITE_GUARD}; {sqlite}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    } else {
        let mut conn = sqlx::PgConnection::connect(url).await.unwrap();
        let sql = format!("SET session_replication_role = replica; {postgres}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    }
}

const SQLITE_GUARD: &str = "audit_entry_update";

async fn intact<T: TestDatabase>(db: T) {
    let fixture = Fixture::new(db.url()).await;
    let ran = fixture.verify(&[]);
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.starts_with("intact"), "{}", ran.out);
    assert!(!ran.out.contains('\x1b'), "no colours where there is no terminal");
    assert_eq!(ran.err, "", "no progress where there is no terminal");

    let html = fixture.path("report.html");
    let ran = fixture.verify(&["--json", "--html", &html]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["exit_status"], 0);
    assert_eq!(report["verdict"], "intact");
    assert_eq!(report["counts"]["entries"], 41);
    let reported = &report["chains"][0];
    assert_eq!(reported["chain"], CHAIN);
    assert_eq!(reported["size"], 41);
    assert_eq!(reported["findings"], serde_json::json!([]));
    assert_eq!(reported["checkpoints"][0]["status"], "verified");
    assert_eq!(reported["keys"][0]["trust"]["by"], "auditor");
    let page = std::fs::read_to_string(&html).unwrap();
    for part in ["Intact", "audit.example.com", CHAIN, "<svg", "41 entries"] {
        assert!(page.contains(part), "{part}");
    }
    for outside in ["http://", "https://", "<script", "src=", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

async fn unproven<T: TestDatabase>(db: T) {
    let fixture = Fixture::new(db.url()).await;
    let ran = run(&["verify", &fixture.url]);
    assert_eq!(ran.status, 3, "without a key: {}{}", ran.out, ran.err);
    let stranger = SigningKey::generate("audit.example.com").unwrap().verifier().to_string();
    let ran = run(&["verify", &fixture.url, "--key", &stranger, "--json"]);
    assert_eq!(ran.status, 3, "{}{}", ran.out, ran.err);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["information"]["unknown_key"], 1);

    let ran = fixture.verify(&["--chain", "no/such"]);
    assert_eq!(ran.status, 1, "a chain that should be there: {}{}", ran.out, ran.err);

    let journal = fixture.journal().await;
    append(&journal, 2).await;
    journal.close().await;
    let ran = fixture.verify(&[]);
    assert_eq!(ran.status, 3, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("2 entries above it"), "{}", ran.out);
}

async fn altered<T: TestDatabase>(db: T) {
    let fixture = Fixture::new(db.url()).await;
    as_owner(
        &fixture.url,
        "UPDATE audit_entry SET body = replace(body, 'inv_6\"', 'inv_9\"')",
        "UPDATE audit.entry SET body = replace(body, 'inv_6\"', 'inv_9\"')",
    )
    .await;
    let html = fixture.path("report.html");
    let ran = fixture.verify(&["--html", &html]);
    assert_eq!(ran.status, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("altered  entry 7:"), "{}", ran.out);
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("Not intact") && page.contains("altered") && page.contains("entry 7"));
    let ran = fixture.verify(&["--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let findings = report["chains"][0]["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["code"] == "altered").unwrap();
    assert_eq!(finding["first_seq"], 7);
    assert_ne!(finding["evidence"]["expected"], finding["evidence"]["found"]);
}

async fn a_checkpoint_from_outside<T: TestDatabase>(db: T) {
    let fixture = Fixture::new(db.url()).await;
    let journal = fixture.journal().await;
    append(&journal, 3).await;
    let newest =
        with_journal!(&journal, journal => journal.checkpoint(&chain()).await).unwrap().to_string();
    journal.close().await;
    let held = fixture.path("held");
    std::fs::write(&held, newest).unwrap();
    let ran = fixture.verify(&["--checkpoint", &held]);
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);

    // The same key, another history: only what is held outside can tell.
    let other = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", other.path().join("j.db").display());
    let key = keys::signing_key(&fixture.secret).unwrap();
    let name = JournalName::new("audit.example.com").unwrap();
    let journal = AnyJournal::create(&url.parse().unwrap(), name, &key).await.unwrap();
    with_journal!(&journal, journal => journal.create_chain(&chain()).await).unwrap();
    append(&journal, 50).await;
    with_journal!(&journal, journal => journal.checkpoint(&chain()).await).unwrap();
    journal.close().await;
    let ran = run(&["verify", &url, "--key", &fixture.public]);
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    let ran = run(&["verify", &url, "--key", &fixture.public, "--checkpoint", &held]);
    assert_eq!(ran.status, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("rolled_back"), "{}", ran.out);
}

async fn bundles<T: TestDatabase>(db: T) {
    let fixture = Fixture::new(db.url()).await;
    for name in ["bundle", "bundle.zip"] {
        let path = fixture.path(name);
        let ran = fixture.export(&path, &[]);
        assert_eq!(ran.status, 0, "{}", ran.err);
        let ran = run(&["verify", &path, "--key", &fixture.public]);
        assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
        assert!(ran.out.contains("41 entries"), "{}", ran.out);
        let ran = fixture.export(&path, &[]);
        assert_eq!(ran.status, 2, "what is there is not replaced: {}", ran.out);
        assert!(ran.err.contains("exists"), "{}", ran.err);
    }
    let entries = Path::new(&fixture.path("bundle")).join("entries.jsonl");
    let text = std::fs::read_to_string(&entries).unwrap();
    std::fs::write(&entries, text.replace("inv_6\"", "inv_9\"")).unwrap();
    let ran = run(&["verify", &fixture.path("bundle"), "--key", &fixture.public]);
    assert_eq!(ran.status, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("altered  entry 7:"), "{}", ran.out);
    assert!(ran.out.contains("malformed"), "the manifest knows the file's hash: {}", ran.out);
    assert_eq!(no_parts(&fixture), 0);
}

/// What an interrupt or an error might have left.
fn no_parts(fixture: &Fixture) -> usize {
    std::fs::read_dir(fixture.folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".part"))
        .count()
}

async fn formats<T: TestDatabase>(db: T) {
    let fixture = Fixture::new(db.url()).await;
    for (format, lines) in
        [("jsonl", 41), ("csv", 42), ("ocsf", 41), ("cloudevents", 41), ("ecs", 41)]
    {
        let path = fixture.path(format);
        let ran = fixture.export(&path, &["--format", format]);
        assert_eq!(ran.status, 0, "{format}: {}", ran.err);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), lines, "{format}");
        if format != "csv" {
            for line in text.lines() {
                serde_json::from_str::<Value>(line).unwrap();
            }
        }
    }
}

async fn proofs<T: TestDatabase>(db: T) {
    let fixture = Fixture::new(db.url()).await;
    let path = fixture.path("entry.tlog-proof");
    let prove = |more: &[&str]| {
        let arguments =
            ["prove", fixture.url.as_str(), "--chain", CHAIN, "--seq", "7", "--out", &path];
        run(&[&arguments, more].concat())
    };
    let ran = prove(&[]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let check = |key: &str, more: &[&str]| {
        run(&[&["check-proof", path.as_str(), "--key", key], more].concat())
    };
    let ran = check(&fixture.public, &[]);
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.starts_with("proven") && ran.out.contains("inv_6"), "{}", ran.out);
    let stranger = SigningKey::generate("audit.example.com").unwrap().verifier().to_string();
    assert_eq!(check(&stranger, &[]).status, 3);

    // Another entry's bytes, in the file or beside it.
    let entry = ran.out.lines().last().unwrap().to_owned();
    let brought = fixture.path("entry.json");
    std::fs::write(&brought, format!("{entry}\n")).unwrap();
    assert_eq!(check(&fixture.public, &["--entry", &brought]).status, 0);
    std::fs::write(&brought, entry.replace("inv_6", "inv_9")).unwrap();
    let ran = check(&fixture.public, &["--entry", &brought]);
    assert_eq!(ran.status, 1, "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains("inv_9"), "what is not proven is not shown: {}", ran.out);

    assert_eq!(prove(&["--without-entry"]).status, 0);
    assert_eq!(check(&fixture.public, &[]).status, 2, "the bytes must come from somewhere");
    std::fs::write(&brought, entry).unwrap();
    assert_eq!(check(&fixture.public, &["--entry", &brought]).status, 0);

    let far = ["prove", &fixture.url, "--chain", CHAIN, "--seq", "41", "--out", &path];
    assert_eq!(run(&far).status, 2);
}

async fn tables<T: TestDatabase>(db: T) {
    let fixture = Fixture::new(db.url()).await;
    let show = |more: &[&str]| {
        let ran = run(&[&["show", fixture.url.as_str(), "--chain", CHAIN], more].concat());
        assert_eq!(ran.status, 0, "{}", ran.err);
        ran.out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let rows = |more: &[&str]| show(more).len().saturating_sub(2);
    let all = show(&[]);
    assert!(all[0].contains("SEQ") && all[1].trim_start().starts_with("40"), "{all:?}");
    assert_eq!(all.len(), 43);
    assert_eq!(rows(&["--actor", "user:usr_1"]), 10);
    assert_eq!(rows(&["--action", "invoice.*"]), 40);
    assert_eq!(rows(&["--action", "journal.opened"]), 1);
    assert_eq!(rows(&["--target", "invoice:inv_6"]), 1);
    assert_eq!(rows(&["--outcome", "denied", "--actor", "usr_3"]), 2);
    assert_eq!(rows(&["--since", "2020-01-01", "--until", "2020-02-01"]), 0);
    assert_eq!(rows(&["--limit", "5"]), 5);
}

/// Cosigns whatever it is asked for.
#[derive(Debug)]
struct Witness(CosigningKey);

impl CheckpointWitness for Witness {
    fn verifier(&self) -> &VerifierKey {
        self.0.verifier()
    }

    fn add_checkpoint<'a>(
        &'a self,
        request: &'a AddCheckpoint,
    ) -> BoxFuture<'a, Result<WitnessAnswer, WitnessError>> {
        let text = request.checkpoint().note().text();
        let cosignature = self.0.cosign(text, SystemClock.now()).unwrap();
        Box::pin(async { Ok(WitnessAnswer::Cosigned(WitnessCosignatures::new(cosignature))) })
    }
}

async fn a_policy_of_witnesses_says_what_counts<T: TestDatabase>(db: T) {
    let fixture = Fixture::new(db.url()).await;
    let witness = || CosigningKey::from_seed("witness.example", &[5; 32]).unwrap();
    let file = fixture.path("witnesses.policy");
    std::fs::write(&file, format!("witness w {}\nquorum w\n", witness().verifier())).unwrap();
    // Nobody cosigned anything: for this auditor no checkpoint is valid.
    let ran = fixture.verify(&["--policy", &file]);
    assert_eq!(ran.status, 1, "{}", ran.out);
    assert!(ran.out.contains("checkpoint") && ran.out.contains("no cosignature"), "{}", ran.out);

    let name = JournalName::new("audit.example.com").unwrap();
    let key = keys::signing_key(&fixture.secret).unwrap();
    let options = JournalOptions::new(name).signer(key).witness(Witness(witness()));
    let journal = match fixture.url.parse().unwrap() {
        Database::Postgres(url) => {
            AnyJournal::Postgres(PgJournal::open(&url, &options).await.unwrap())
        }
        Database::Sqlite(path) => {
            AnyJournal::Sqlite(SqliteJournal::open(&path, &options).await.unwrap())
        }
    };
    with_journal!(&journal, journal => journal.checkpoint(&chain()).await).unwrap();
    append(&journal, 2).await;
    journal.close().await;
    let page = fixture.path("page.html");
    let ran = fixture.verify(&["--policy", &file, "--html", &page]);
    assert_eq!(ran.status, 3, "{}", ran.out);
    assert!(ran.out.contains("unwitnessed"), "{}", ran.out);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("witnessed by witness.example") && page.contains("witnesses.policy"));

    // A proof is judged by it as well.
    let proof = fixture.path("7.proof");
    let chain = ["--chain", CHAIN, "--seq", "7", "--out", &proof];
    assert_eq!(run(&[&["prove", fixture.url.as_str()][..], &chain].concat()).status, 0);
    let check =
        |policy: &str| run(&["check-proof", &proof, "--key", &fixture.public, "--policy", policy]);
    assert_eq!(check(&file).status, 0);
    let other = fixture.path("others.policy");
    let stranger = CosigningKey::from_seed("w.example", &[6; 32]).unwrap();
    std::fs::write(&other, format!("witness w {}\nquorum w\n", stranger.verifier())).unwrap();
    assert_eq!(check(&other).status, 3);
    let bundle = fixture.path("witnessed.zip");
    assert_eq!(fixture.export(&bundle, &[]).status, 0);
    let of_bundle = |policy: &str| {
        run(&["verify", &bundle, "--key", &fixture.public, "--policy", policy]).status
    };
    assert_eq!((of_bundle(&file), of_bundle(&other)), (3, 1));
    // What is no policy is wrong use, and says in which line.
    std::fs::write(&other, "witness w\n").unwrap();
    let ran = fixture.verify(&["--policy", &other]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("line 1"), "{}", ran.err);
}

both_databases!(
    a_policy_of_witnesses_says_what_counts,
    intact,
    unproven,
    altered,
    a_checkpoint_from_outside,
    bundles,
    formats,
    proofs,
    tables,
);

#[tokio::test]
async fn what_is_no_journal_is_told_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let inside = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(inside("text.db"), "this is no database, and never was one").unwrap();
    std::fs::write(inside("empty.db"), "").unwrap();
    std::fs::create_dir(inside("empty")).unwrap();
    std::fs::write(inside("text.zip"), "PK\x03\x04 and then nothing").unwrap();
    let other = format!("sqlite:{}?mode=rwc", inside("other.db"));
    let pool = sqlx::SqlitePool::connect(&other).await.unwrap();
    sqlx::query("CREATE TABLE t (x)").execute(&pool).await.unwrap();
    pool.close().await;
    let before = listing(folder.path());
    for source in [
        format!("sqlite:{}", inside("text.db")),
        format!("sqlite:{}", inside("empty.db")),
        format!("sqlite:{}", inside("other.db")),
        format!("sqlite:{}", inside("missing.db")),
        format!("sqlit:{}", inside("missing.db")),
        inside("missing"),
        inside("empty"),
        inside("text.zip"),
        inside("text.db"),
        "postgres://nobody@127.0.0.1:1/nothing".to_owned(),
    ] {
        let ran = run(&["verify", &source]);
        assert_eq!(ran.status, 2, "{source}: {}{}", ran.out, ran.err);
        assert!(!ran.err.is_empty() && ran.out.is_empty(), "{source}");
    }
    assert_eq!(listing(folder.path()), before);
}

fn listing(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.path(), entry.metadata().unwrap().len()))
        .collect();
    all.sort();
    all
}

/// `audit-verify verify … | true`: the answer does not depend on who listens.
#[tokio::test]
async fn a_closed_pipe_changes_no_answer() {
    let db = test_support::sqlite();
    let fixture = Fixture::new(db.url()).await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_audit-verify"))
        .args(["verify", &fixture.url, "--key", &fixture.public])
        .stdout(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn wrong_use() {
    let db = test_support::sqlite();
    let fixture = Fixture::new(db.url()).await;
    let secret = fixture.secret.display().to_string();
    let verify = |more: &[&str]| run(&[&["verify", fixture.url.as_str()], more].concat());
    for more in [
        vec!["--key", "nonsense"],
        vec!["--key", &secret],
        vec!["--checkpoint", &fixture.public],
        vec!["--html", "/no/such/folder/report.html"],
        vec!["--frobnicate"],
    ] {
        let ran = verify(&more);
        assert_eq!(ran.status, 2, "{more:?}: {}{}", ran.out, ran.err);
    }
    let ran = run(&["export", &fixture.url, "--chain", "no/such", "--out", &fixture.path("x.zip")]);
    assert_eq!(ran.status, 2, "{}", ran.out);
    assert!(!Path::new(&fixture.path("x.zip")).exists());
    assert_eq!(no_parts(&fixture), 0);
}

#[test]
fn keys_are_made_and_derived() {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("j").display().to_string();
    let ran = run(&["keygen", "audit.example.com", "--out", &stem]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let public = std::fs::read_to_string(format!("{stem}.vkey")).unwrap();
    assert!(public.starts_with("audit.example.com+"), "{public}");
    assert!(!ran.out.contains("PRIVATE"), "the secret is not printed");
    assert_eq!(run(&["keygen", "audit.example.com", "--out", &stem]).status, 2);
    assert_eq!(run(&["keygen", "not a name", "--out", &stem]).status, 2);

    let vkey = |more: &[&str]| {
        let arguments = ["vkey", "--key", public.trim(), "--chain", CHAIN];
        run(&[&arguments, more].concat()).out
    };
    assert!(vkey(&[]).starts_with("audit.example.com/acme/default/1+"), "{}", vkey(&[]));
    assert!(vkey(&["--incarnation", "2"]).starts_with("audit.example.com/acme/default/2+"));
    let bytes = |vkey: &str| vkey.trim().rsplit('+').next().unwrap().to_owned();
    assert_eq!(bytes(&vkey(&[])), bytes(&public), "the same key under another name");
}

/// An interrupt in the middle of an export, which waits because the table is locked.
#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_leaves_nothing_behind() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let db = test_support::postgres().await;
    let fixture = Fixture::new(db.url()).await;
    let pool = db.pool(1).await;
    for name in ["bundle", "bundle.zip"] {
        let mut tx = pool.begin().await.unwrap();
        sqlx::query("LOCK TABLE audit.entry IN ACCESS EXCLUSIVE MODE")
            .execute(&mut *tx)
            .await
            .unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_audit-verify"))
            .args(["export", &fixture.url, "--chain", CHAIN, "--out", &fixture.path(name)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while no_parts(&fixture) == 0 {
            assert!(Instant::now() < deadline, "nothing was begun");
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was interrupted");
            tokio::task::yield_now().await;
        }
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{status}");
        tx.rollback().await.unwrap();
        assert_eq!(no_parts(&fixture), 0);
        assert!(!Path::new(&fixture.path(name)).exists());
        let ran = fixture.export(&fixture.path(name), &[]);
        assert_eq!(ran.status, 0, "{}", ran.err);
    }
}
