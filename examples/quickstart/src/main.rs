//! The main job on SQLite: record what happened, prove it, and catch the one who rewrites it.

use std::error::Error;
use std::io::{Write, stdout};

use audit_core::{
    Actor, AuditorPolicy, ChainId, Change, Event, JournalName, Outcome, SigningKey, Target, action,
};
use audit_store::{DirectorySink, JournalOptions, Query, SqliteJournal, VerifyOptions, sqlx};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = stdout();
    let folder = tempfile::tempdir()?;
    let (file, published) = (folder.path().join("shop.db"), folder.path().join("published"));
    std::fs::create_dir(&published)?;

    // A shop with its own table. The journal will live beside it, in the same file.
    let shop = sqlx::SqlitePool::connect(&format!("sqlite:{}?mode=rwc", file.display())).await?;
    let sql =
        "CREATE TABLE invoice (id TEXT, state TEXT); INSERT INTO invoice VALUES ('inv_7', 'draft')";
    sqlx::raw_sql(sql).execute(&shop).await?;

    // A journal has a name and one signing key; auditors keep their own copy of its public half.
    let key = SigningKey::generate("audit.example.com")?;
    let auditors_copy = key.verifier().clone();
    let options = JournalOptions::new(JournalName::new("audit.example.com")?)
        .signer(key)
        .sink(DirectorySink::new(&published));
    let journal = SqliteJournal::create(&file, &options).await?;
    let chain = ChainId::new("acme", "default")?;
    journal.create_chain(&chain).await?;
    writeln!(out, "\n 1  A journal in {}.\n    Its public key: {auditors_copy}", file.display())?;

    // When `append` returns, the entry is on disk. What tells about a person is private: the chain
    // holds a salted digest, so the address can be erased later and every proof stays valid.
    let login = Event::builder(action::USER_LOGIN, Actor::user("usr_1"))
        .outcome(Outcome::Success)
        .private("usr_1", "/context/ip", "192.0.2.7");
    let receipt = journal.append(&chain, login.build()?).await?;
    writeln!(
        out,
        "\n 2  Appended user.login as entry {}; the address only as a digest.",
        receipt.seq
    )?;

    // A business change and its record in one transaction: both, or neither.
    let mut tx = journal.begin().await?;
    let sql = "UPDATE invoice SET state = 'approved' WHERE id = 'inv_7'";
    sqlx::query(sql).execute(&mut **tx).await?;
    let approved = Event::builder("invoice.approved", Actor::user("usr_1"))
        .target(Target::new("invoice", "inv_7"))
        .change(Change::updated("state", "draft", "approved"));
    tx.record(&chain, approved.build()?).await?;
    tx.commit().await?;
    writeln!(out, " 3  Approved invoice inv_7 and recorded it, in one transaction.")?;

    for number in 1..=1_000 {
        let import = Event::builder(action::RECORD_CREATED, Actor::service("importer"))
            .target(Target::new("customer", format!("cus_{number}")));
        journal.append(&chain, import.build()?).await?;
    }
    writeln!(out, "    A thousand customers were imported meanwhile.")?;

    writeln!(out, "\n 4  What did usr_1 do?")?;
    let question = Query::new(&chain).actor(Actor::user("usr_1")).oldest_first();
    for stored in journal.query(&question).await?.entries {
        let entry = stored.entry()?;
        writeln!(out, "    {:>4}  {}  {}", entry.seq(), entry.at(), entry.event().action())?;
    }

    // A checkpoint is worth something only outside the database: it is published as it is signed.
    let checkpoint = journal.checkpoint(&chain).await?;
    let head = checkpoint.checkpoint().head;
    let root = head.root.to_base64();
    writeln!(
        out,
        "\n 5  Signed and published: the {} entries have the root\n    {root}",
        head.size
    )?;

    let approval =
        journal.query(&Query::new(&chain).action("invoice.approved")).await?.entries.remove(0);
    let proof = journal.proof_file(&chain, approval.seq()).await?;
    proof.verify(approval.as_str().as_bytes(), &auditors_copy)?;
    let hashes = proof.proof().hashes().len();
    writeln!(out, " 6  {hashes} hashes prove entry {} to anyone who has the key.", approval.seq())?;

    let auditor = VerifyOptions::new(AuditorPolicy::new([auditors_copy]).holding(checkpoint));
    let report = journal.verify(&auditor).await?;
    writeln!(out, "\n 7  The auditor checks everything: {}.", report.verdict)?;
    assert!(report.is_intact(), "nobody touched it");
    // Now as the database's owner, who may do anything to it.
    let rewrite =
        "UPDATE audit_entry SET body = replace(body, 'inv_7', 'inv_8') WHERE body LIKE '%inv_7%'";
    if let Err(refusal) = sqlx::query(rewrite).execute(&shop).await {
        writeln!(
            out,
            "\n 8  Somebody turns inv_7 into inv_8. The database refuses:\n    {refusal}"
        )?;
    }
    sqlx::query("DROP TRIGGER audit_entry_update").execute(&shop).await?;
    let rewritten = sqlx::query(rewrite).execute(&shop).await?.rows_affected();
    writeln!(out, "    Its owner drops the trigger and does it: {rewritten} row.")?;

    let report = journal.verify(&auditor).await?;
    writeln!(out, "\n 9  The auditor checks again: {}.", report.verdict)?;
    for finding in report.findings() {
        let (code, seq, message) = (finding.code, finding.first_seq, &finding.message);
        writeln!(out, "    {code} {chain} {seq}: {message}")?;
        if let Some(evidence) = &finding.evidence {
            writeln!(out, "    {:>16} says  {}", evidence.source.as_str(), evidence.expected)?;
            writeln!(out, "        there is now  {}", evidence.found)?;
        }
    }
    assert!(!report.is_intact(), "what was rewritten is found");
    journal.close().await;
    Ok(())
}
