//! What the tool says of a journal's life: what a sweep would do, holds, people, and the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use audit_core::{
    Actor, ChainId, Event, JournalName, ManualClock, Period, RecordSeries, RetentionRule,
    RetentionSchedule, SigningKey, Target,
};
use audit_store::{
    Backend, Erasure, HoldOrder, Journal, JournalOptions, PgJournal, PruneOptions, SqliteJournal,
};
use test_support::{TestDatabase, TestPg, TestSqlite};

const DAY: Duration = Duration::from_secs(86_400);

fn key() -> SigningKey {
    SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap()
}

fn options(clock: &Arc<ManualClock>) -> JournalOptions {
    let rule = RetentionRule::new("ten days", Period::days(10));
    let series = RecordSeries::new("default").plan("small", rule);
    JournalOptions::new(JournalName::new("audit.example.com").unwrap())
        .signer(key())
        .clock(Arc::<ManualClock>::clone(clock))
        .retention(RetentionSchedule::new(series, []).unwrap())
}

/// Thirty days of an entry each about one of two people; one was erased, one thing is on hold, and
/// a part was pruned.
async fn fill<DB: Backend>(journal: &Journal<DB>, clock: &ManualClock) -> String {
    let chain = ChainId::new("acme", "default").unwrap();
    journal.set_plan("acme", "small", Actor::user("dpo")).await.unwrap();
    journal.create_chain(&chain).await.unwrap();
    let hold = HoldOrder::on_target(
        "acme",
        &Target::new("record", "r-1"),
        "case-1",
        "file 7",
        Actor::user("dpo"),
    );
    journal.place_hold(&hold).await.unwrap();
    for day in 0..30 {
        let event = Event::builder("user.login", Actor::user("usr_1"))
            .target(Target::new("record", format!("r-{}", day % 3)))
            .private(["ada", "bob"][day % 2], "/context/ip", "192.0.2.7");
        journal.append(&chain, event.build().unwrap()).await.unwrap();
        clock.advance(DAY);
        if day == 15 {
            journal.prune(&PruneOptions::new()).await.unwrap();
        }
    }
    let erasure = Erasure::new("acme", "ada", Actor::user("dpo"), "gdpr-17-1-b", "req-1");
    let subject = journal.erase_subject(&erasure).await.unwrap().subject;
    journal.checkpoint(&chain).await.unwrap();
    subject.to_string()
}

fn tool(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_audit-verify")).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn told(url: &str, subject: &str) {
    let at = "2026-01-31T00:00:00Z";
    let text = tool(&["retention", url, "--at", at]);
    assert!(text.contains("CHAIN         WOULD GO  HELD"), "{text}");
    assert!(text.contains("would go but for a legal hold"), "{text}");
    let json = tool(&["retention", url, "--at", at, "--json", "--tenant", "acme"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    // Old are days 0 to 20. Four of the first six went before, every third is on hold from the second
    // on, and the last stays.
    let chain = &json["chains"][0];
    assert_eq!((&chain["removed"], &chain["held"]), (&9.into(), &7.into()), "{json}");
    // Nothing of somebody who was misspelt is no answer.
    for command in [&["retention"][..], &["holds"], &["subject", "--id", "bob"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_audit-verify"))
            .args(&command[..1])
            .args([url, "--tenant", "acm"])
            .args(&command[1..])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("no chain of a tenant acm"));
    }

    let text = tool(&["holds", url]);
    assert!(text.contains("case-1  record:r-1"), "{text}");
    assert!(text.contains("1 legal hold in force"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&tool(&["holds", url, "--tenant", "acme", "--json"])).unwrap();
    assert_eq!(json["holds"][0]["matter"], "file 7");

    let text = tool(&["subject", url, "--tenant", "acme", "--id", "bob"]);
    assert!(text.contains("/context/ip") && !text.contains("192.0.2.7"), "{text}");
    let text = tool(&["subject", url, "--tenant", "acme", "--id", "bob", "--values"]);
    assert!(text.contains("/context/ip=\"192.0.2.7\""), "{text}");
    // The erased one is nobody by name, and by the pseudonym only what is held has fields left.
    let text = tool(&["subject", url, "--tenant", "acme", "--id", "ada"]);
    assert!(text.contains("0 entries about the person"), "{text}");
    let text = tool(&["subject", url, "--tenant", "acme", "--ref", subject]);
    let lines = text.lines().filter(|line| line.contains("user.login")).count();
    assert!(lines > 5 && text.matches("/context/ip").count() < lines, "{text}");

    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let vkey = key().verifier().to_string();
    tool(&["verify", url, "--key", &vkey, "--html", page.to_str().unwrap()]);
    let page = std::fs::read_to_string(page).unwrap();
    for said in ["Hold placed", "in force", "Pruned", "Person erased", "Schedule", "gdpr-17-1-b"] {
        assert!(page.contains(said), "{said}");
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new("2026-01-01T00:00:00.000000Z".parse().unwrap()))
}

#[tokio::test]
async fn of_a_journal_in_sqlite() {
    let (db, clock) = (TestSqlite::fresh().await, clock());
    let journal = SqliteJournal::create(db.path(), &options(&clock)).await.unwrap();
    let subject = fill(&journal, &clock).await;
    journal.close().await;
    told(&db.url(), &subject);
}

#[tokio::test]
async fn of_a_journal_in_postgres() {
    let (db, clock) = (TestPg::fresh().await, clock());
    let journal = PgJournal::create(&db.url(), &options(&clock)).await.unwrap();
    let subject = fill(&journal, &clock).await;
    journal.close().await;
    told(&db.url(), &subject);
}
