//! A backup is restored, and the journal comes out honest: the loss is noticed, refused, declared
//! and verified, and somebody who was erased after the backup stays erased.

use std::error::Error;
use std::io::{Write, stdout};
use std::path::Path;

use audit_core::{Actor, AuditorPolicy, ChainId, Event, JournalName, SigningKey, action};
use audit_store::{
    AccessReason, DirectorySink, Erasure, FileErasureLedger, JournalOptions, SqliteJournal,
    VerifyOptions,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = stdout();
    let folder = tempfile::tempdir()?;
    let (file, backup) = (folder.path().join("shop.db"), folder.path().join("backup.db"));

    // What a restore must not take along lies elsewhere: the published checkpoints, and the ledger
    // of who was erased. Here a folder; in earnest another machine, under other hands.
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere)?;
    let key = SigningKey::generate("audit.example.com")?;
    let auditors_copy = key.verifier().clone();
    let options = JournalOptions::new(JournalName::new("audit.example.com")?)
        .signer(key)
        .sink(DirectorySink::new(&elsewhere))
        .erasure_ledger(FileErasureLedger::new(elsewhere.join("erased.jsonl")));
    let chain = ChainId::new("acme", "default")?;

    let journal = SqliteJournal::create(&file, &options).await?;
    journal.create_chain(&chain).await?;
    for person in ["ada", "bob"] {
        journal.append(&chain, login(person)?).await?;
    }
    journal.checkpoint(&chain).await?;
    journal.close().await;
    std::fs::copy(&file, &backup)?;
    writeln!(out, "\n 1  Two people logged in; then a backup was made.")?;

    // Life goes on: Ada asks to be forgotten, and forty more events are recorded and published.
    let journal = SqliteJournal::open(&file, &options).await?;
    let request =
        Erasure::new("acme", "ada", Actor::user("usr_dpo"), "gdpr-17-1-b", "request-2026-031");
    let erased = journal.erase_subject(&request).await?;
    for number in 0..40 {
        journal.append(&chain, login(&format!("customer {number}"))?).await?;
    }
    let newest = journal.checkpoint(&chain).await?;
    journal.close().await;
    writeln!(
        out,
        " 2  Ada was erased ({} entry) and 40 more logged in: {} entries are published.",
        erased.removed,
        newest.checkpoint().head.size
    )?;

    // The disk dies, and the backup takes its place.
    restore(&backup, &file)?;
    let journal = SqliteJournal::open(&file, &options).await?;
    let refused = journal.append(&chain, login("bob")?).await;
    let reason = AccessReason::new(Actor::user("usr_support"), "ticket 7");
    let shown = journal.read_private(&chain, 1, &reason).await;
    if let (Err(append), Err(read)) = (&refused, &shown) {
        writeln!(
            out,
            "\n 3  The backup is restored. It refuses to append:\n    {}.",
            causes(append)
        )?;
        writeln!(out, "    It refuses to show private fields: {read}.")?;
    }

    // Whoever is responsible declares the loss. The journal says what is known of it, and goes on
    // under a new origin; and Ada, whom the backup had brought back, is erased again.
    let losses = journal.declare_restored(Actor::user("usr_ops")).await?;
    for loss in &losses {
        writeln!(
            out,
            " 4  Declared: from entry {} on, history is other than the {} entries that were signed.",
            loss.lost_from, loss.known.size
        )?;
    }
    let ada = journal.read_private(&chain, 1, &reason).await?;
    let bob = journal.read_private(&chain, 2, &reason).await?;
    writeln!(out, "    Private fields of Ada: {}; of Bob: {}.", ada.len(), bob.len())?;
    journal.append(&chain, login("bob")?).await?;
    journal.checkpoint(&chain).await?;

    // An auditor who holds the newest checkpoint sees the loss, whatever the operator says, and
    // accepts it by its number, or does not.
    let policy = AuditorPolicy::new([auditors_copy]).holding(newest);
    let report = journal.verify(&VerifyOptions::new(policy.clone())).await?;
    writeln!(out, "\n 5  The auditor, who holds a checkpoint from before, finds:")?;
    for finding in report.findings() {
        writeln!(
            out,
            "    {} {} {} to {}: {}",
            finding.code, finding.chain, finding.first_seq, finding.last_seq, finding.message
        )?;
    }
    let declared_in = losses.iter().map(|loss| loss.receipt.seq);
    let policy = declared_in.fold(policy, AuditorPolicy::accept_restore);
    let report = journal.verify(&VerifyOptions::new(policy)).await?;
    writeln!(out, " 6  With that loss accepted: {}.\n", report.verdict)?;
    journal.close().await;
    Ok(())
}

fn login(person: &str) -> Result<Event, Box<dyn Error>> {
    let event = Event::builder(action::USER_LOGIN, Actor::user("usr_web"));
    Ok(event.private(person, "/context/ip", "192.0.2.7").build()?)
}

fn restore(backup: &Path, file: &Path) -> std::io::Result<()> {
    for log in ["db-wal", "db-shm"] {
        let log = file.with_extension(log);
        if log.exists() {
            std::fs::remove_file(log)?;
        }
    }
    std::fs::copy(backup, file).map(drop)
}

/// An error with what is behind it.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
