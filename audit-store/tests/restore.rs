//! Coming back from a backup: noticed, refused, declared, and nobody who was erased comes back.
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

use std::path::Path;
use std::sync::Arc;

use audit_core::{
    Actor, AuditorPolicy, Event, FindingCode, SignedCheckpoint, Target, VerificationReport,
};
use audit_store::{
    AccessReason, AppendError, Backend, BoxFuture, BundleOptions, DatabaseError, DatabaseErrorKind,
    DeclaredLoss, DirectorySink, ErasedSubject, Erasure, ErasureError, ErasureLedger, ExportError,
    FileErasureLedger, HistoryError, HoldOrder, Journal, JournalOptions, LedgerError, LedgerPage,
    OpenError, ReadPrivateError, RestoreError, SubjectKeySealer, VerifyOptions,
};
use crypto_fields::{
    CachePolicy, EpochKeys, LocalKey, MemorySubjectKeys, SecretKey, SubjectKeys, SystemClock,
};
use place::{Place, chain, event, key, options, verified};

const PERSON: &str = "person-7b1f2c";

fn dpo() -> Actor {
    Actor::user("dpo")
}

fn about(person: &str) -> Event {
    Event::builder("user.login", Actor::user("usr_1"))
        .private(person, "/context/ip", "192.0.2.7")
        .build()
        .unwrap()
}

/// With a sink and a ledger outside the database.
fn outside(folder: &Path) -> JournalOptions {
    options()
        .sink(DirectorySink::new(folder))
        .erasure_ledger(FileErasureLedger::new(folder.join("erased.jsonl")))
}

fn erasure(person: &str) -> Erasure {
    Erasure::new("acme", person, dpo(), "gdpr-17-1-b", "req-1")
}

async fn fields<DB: Backend>(journal: &Journal<DB>, seq: u64) -> Result<usize, ReadPrivateError> {
    let reason = AccessReason::new(Actor::user("support"), "matter 7");
    journal.read_private(&chain("acme/default"), seq, &reason).await.map(|fields| fields.len())
}

/// What an auditor finds who holds this checkpoint and accepts these losses.
async fn found<DB: Backend>(
    journal: &Journal<DB>,
    held: &SignedCheckpoint,
    accepted: &[u64],
) -> (Vec<FindingCode>, VerificationReport) {
    let mut policy = AuditorPolicy::new([key().verifier().clone()]).holding(held.clone());
    for seq in accepted {
        policy = policy.accept_restore(*seq);
    }
    let report = journal.verify(&VerifyOptions::new(policy)).await.unwrap();
    (report.findings().map(|finding| finding.code).collect(), report)
}

/// A journal with a backup, and what was lost since: the person's erasure and 20 entries.
async fn lost<T: Place>(db: &T, folder: &Path) -> (T, SignedCheckpoint) {
    let journal = db.create(&outside(folder)).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    journal.append(&acme, about(PERSON)).await.unwrap();
    journal.append(&acme, about("somebody else")).await.unwrap();
    journal.checkpoint(&acme).await.unwrap();
    journal.append(&acme, event("not signed before the backup")).await.unwrap();
    journal.close().await;
    let backup = db.copy().await;
    let journal = db.open(&outside(folder)).await.unwrap();
    journal.append_batch(&acme, (0..20).map(|_| event("lost")).collect()).await.unwrap();
    journal.erase_subject(&erasure(PERSON)).await.unwrap();
    let newest = journal.checkpoint(&acme).await.unwrap();
    journal.close().await;
    (backup, newest)
}

async fn a_loss_is_refused_until_it_is_declared<T: Place>(db: T) {
    let folder = tempfile::tempdir().unwrap();
    let acme = chain("acme/default");
    let (backup, newest) = lost(&db, folder.path()).await;
    let journal = backup.open(&outside(folder.path())).await.unwrap();
    let refused = journal.append(&acme, event("a")).await.unwrap_err();
    assert!(
        matches!(refused, AppendError::History(HistoryError::RolledBack { .. })),
        "{refused:?}"
    );
    // Who was erased since is back in the database, so nothing about anybody is shown.
    for seq in [1, 2] {
        let refused = fields(&journal, seq).await.unwrap_err();
        assert!(matches!(refused, ReadPrivateError::ErasuresOwed), "{refused}");
    }
    let bundle = folder.path().join("bundle");
    let refused = journal.export_bundle(&acme, &bundle, &BundleOptions::default()).await;
    assert!(matches!(refused, Err(ExportError::ErasuresOwed)), "{refused:?}");
    assert!(!bundle.exists());

    let declared = journal.declare_restored(dpo()).await.unwrap();
    let [DeclaredLoss { incarnation: 2, lost_from: 3, known, receipt, .. }] = &declared[..] else {
        panic!("{declared:?}")
    };
    assert_eq!((known, receipt.seq), (&newest.checkpoint().head, 4));
    assert!(journal.suspension().is_none());
    assert_eq!(fields(&journal, 1).await.unwrap(), 0, "erased again");
    assert_eq!(fields(&journal, 2).await.unwrap(), 1);
    journal.append(&acme, event("goes on")).await.unwrap();
    let next = journal.checkpoint(&acme).await.unwrap();
    assert!(next.checkpoint().origin.to_string().ends_with("/acme/default/2"));
    let again = journal.declare_restored(dpo()).await.unwrap_err();
    assert!(matches!(again, RestoreError::NothingLost), "{again}");

    // The auditor sees it, and accepts it by its number.
    let (codes, _) = found(&journal, &newest, &[]).await;
    assert_eq!(codes, [FindingCode::Restored]);
    let (codes, report) = found(&journal, &newest, &[4]).await;
    assert_eq!(codes, []);
    assert_eq!(report.counts.erased, 1);
    journal.close().await;
    let journal = backup.open(&outside(folder.path())).await.unwrap();
    assert!(journal.suspension().is_none());
    journal.append(&acme, event("and on")).await.unwrap();
}

async fn a_declaration_that_was_lost_is_noticed<T: Place>(db: T) {
    let folder = tempfile::tempdir().unwrap();
    let acme = chain("acme/default");
    let (backup, newest) = lost(&db, folder.path()).await;
    let second = backup.copy().await;
    let journal = backup.open(&outside(folder.path())).await.unwrap();
    journal.declare_restored(dpo()).await.unwrap();
    journal.append_batch(&acme, (0..40).map(|_| event("again")).collect()).await.unwrap();
    let of_two = journal.checkpoint(&acme).await.unwrap();
    journal.close().await;
    // Even the database that has all of the first incarnation knows nothing of the second.
    let whole = db.open(&outside(folder.path())).await.unwrap();
    assert!(matches!(whole.suspension(), Some(HistoryError::RolledBack { .. })));
    whole.close().await;

    let journal = second.open(&outside(folder.path())).await.unwrap();
    assert!(journal.suspension().is_some());
    let declared = journal.declare_restored(dpo()).await.unwrap();
    assert_eq!(declared.last().unwrap().incarnation, 3);
    assert_eq!(declared.last().unwrap().known, of_two.checkpoint().head);
    assert!(journal.suspension().is_none());
    journal.append(&acme, event("goes on")).await.unwrap();
    let next = journal.checkpoint(&acme).await.unwrap();
    assert!(next.checkpoint().origin.to_string().ends_with("/3"));
    let accepted: Vec<u64> = declared.iter().map(|loss| loss.receipt.seq).collect();
    for held in [&newest, &of_two] {
        let (codes, _) = found(&journal, held, &accepted).await;
        assert_eq!(codes, [], "of {}", held.checkpoint().origin);
    }
}

async fn a_rewritten_history_is_declared_from_where_it_differs<T: Place>(db: T) {
    let folder = tempfile::tempdir().unwrap();
    let acme = chain("acme/default");
    let (backup, newest) = lost(&db, folder.path()).await;
    // Somebody lets the old state go on without asking the sinks, beyond the size that is known.
    let blind = backup.open(&options()).await.unwrap();
    blind.append_batch(&acme, (0..60).map(|_| event("unseen")).collect()).await.unwrap();
    blind.checkpoint(&acme).await.unwrap();
    blind.close().await;
    let journal = backup.open(&outside(folder.path())).await.unwrap();
    assert!(matches!(journal.suspension(), Some(HistoryError::Forked { .. })));
    let declared = journal.declare_restored(dpo()).await.unwrap();
    assert_eq!((declared[0].lost_from, declared[0].incarnation), (3, 2));
    let (codes, _) = found(&journal, &newest, &[declared[0].receipt.seq]).await;
    assert_eq!(codes, []);
}

async fn a_chain_that_is_not_in_the_backup_is_made_anew<T: Place>(db: T) {
    let folder = tempfile::tempdir().unwrap();
    let (acme, later) = (chain("acme/default"), chain("acme/later"));
    let journal = db.create(&outside(folder.path())).await.unwrap();
    journal.create_chain(&acme).await.unwrap();
    journal.checkpoint(&acme).await.unwrap();
    journal.close().await;
    let backup = db.copy().await;
    let journal = db.open(&outside(folder.path())).await.unwrap();
    journal.create_chain(&later).await.unwrap();
    journal.append(&later, event("a")).await.unwrap();
    let newest = journal.checkpoint(&later).await.unwrap();
    journal.close().await;

    let journal = backup.open(&outside(folder.path())).await.unwrap();
    let refused = journal.create_chain(&later).await.unwrap_err();
    assert!(matches!(refused, AppendError::History(HistoryError::RolledBack { .. })));
    let never = journal.declare_lost_chain(&chain("acme/never"), dpo()).await.unwrap_err();
    assert!(matches!(never, RestoreError::NothingLost), "{never}");
    let declared = journal.declare_lost_chain(&later, dpo()).await.unwrap();
    assert_eq!((declared[0].lost_from, declared[0].receipt.seq), (0, 1));
    journal.append(&later, event("b")).await.unwrap();
    let (codes, _) = found(&journal, &newest, &[1]).await;
    assert_eq!(codes, []);
}

async fn what_is_noted_is_erased_at_the_next_opening<T: Place>(db: T) {
    let folder = tempfile::tempdir().unwrap();
    let journal = db.create(&options()).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    journal.append(&acme, about(PERSON)).await.unwrap();
    journal.append(&acme, about("somebody else")).await.unwrap();
    let subject = {
        let page = journal.query(&audit_store::Query::new(&acme).oldest_first()).await.unwrap();
        let entry = page.entries[1].entry().unwrap();
        entry.event().private()[0].0
    };
    journal.close().await;
    let path = folder.path().join("erased.jsonl");
    // The process died between the note and the deed, and in the middle of a second note.
    let note = format!(
        "{{\"at\":\"2026-11-20T23:23:00.000000Z\",\"ground\":\"g\",\"request\":\"r\",\
         \"subject\":\"{subject}\",\"tenant\":\"acme\"}}\n"
    );
    std::fs::write(&path, format!("{note}{}", &note[..40])).unwrap();
    let ledger = FileErasureLedger::new(&path);
    let with_ledger = options().erasure_ledger(ledger.clone());
    let journal = db.open(&with_ledger).await.unwrap();
    assert_eq!((fields(&journal, 1).await.unwrap(), fields(&journal, 2).await.unwrap()), (0, 1));
    assert_eq!(journal.replay_erasures().await.unwrap(), 0, "nothing twice");
    journal.erase_subject(&erasure("somebody else")).await.unwrap();
    let page = ledger.read(0).await.unwrap();
    assert_eq!(page.erased.len(), 2);
    assert_eq!((page.erased[0].subject, &*page.erased[1].request), (subject, "req-1"));
    assert_eq!(page.behind, std::fs::metadata(&path).unwrap().len());
    assert!(ledger.read(page.behind).await.unwrap().erased.is_empty());
    verified(&journal).await;
    journal.close().await;

    std::fs::write(&path, format!("nonsense\n{note}")).unwrap();
    let refused = db.open(&with_ledger).await.unwrap_err();
    let OpenError::Erasure(why) = refused else { panic!("{refused}") };
    assert!(matches!(&*why, ErasureError::Ledger(LedgerError::Malformed { behind: 0 })), "{why}");

    // Another file of the host's is no ledger, and not cut off to make it one.
    let others = format!("{note}a line of somebody else's");
    std::fs::write(&path, &others).unwrap();
    let noted = serde_json::from_str(&note).unwrap();
    let behind = u64::try_from(note.len()).unwrap();
    for refused in [ledger.record(&noted).await, ledger.read(0).await.map(drop)] {
        let Err(LedgerError::Malformed { behind: at }) = refused else { panic!("{refused:?}") };
        assert_eq!(at, behind);
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), others);
}

/// Returns the same page again and again.
#[derive(Debug)]
struct Circle(ErasedSubject);

impl ErasureLedger for Circle {
    fn record<'a>(&'a self, _: &'a ErasedSubject) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async { Ok(()) })
    }
    fn read(&self, _: u64) -> BoxFuture<'_, Result<LedgerPage, LedgerError>> {
        Box::pin(async { Ok(LedgerPage::new(vec![self.0.clone()], 1)) })
    }
}

async fn a_ledger_that_never_ends_is_not_read_for_ever<T: Place>(db: T) {
    db.journal().await.close().await;
    let note = "{\"at\":\"2026-11-20T23:23:00.000000Z\",\"ground\":\"g\",\"request\":\"r\",\
                \"subject\":\"00112233445566778899aabbccddeeff\",\"tenant\":\"acme\"}";
    let circle = Circle(serde_json::from_str(note).unwrap());
    let refused = db.open(&options().erasure_ledger(circle)).await.unwrap_err();
    let OpenError::Erasure(why) = refused else { panic!("{refused}") };
    assert!(matches!(&*why, ErasureError::Ledger(LedgerError::Malformed { behind: 1 })), "{why}");
}

async fn without_the_note_nobody_is_erased<T: Place>(db: T) {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = FileErasureLedger::new(folder.path().join("erased.jsonl"));
    let journal = db.create(&options().erasure_ledger(nowhere.clone())).await.unwrap();
    folder.close().unwrap();
    // A disk that is not there has no empty ledger.
    let refused = nowhere.read(0).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Unavailable(_)), "{refused}");
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    journal.append(&acme, about(PERSON)).await.unwrap();
    let refused = journal.erase_subject(&erasure(PERSON)).await.unwrap_err();
    assert!(matches!(refused, ErasureError::Ledger(LedgerError::Unavailable(_))), "{refused}");
    assert_eq!(fields(&journal, 1).await.unwrap(), 1);
    assert_eq!(verified(&journal).await.counts.erased, 0);
}

async fn an_erasure_without_a_reason_is_refused_before_it_is_noted<T: Place>(db: T) {
    let folder = tempfile::tempdir().unwrap();
    let noting = outside(folder.path());
    let journal = db.create(&noting).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    journal.append(&acme, about(PERSON)).await.unwrap();
    journal.place_hold(&HoldOrder::on_chain(&acme, "case-1", "file 7", dpo())).await.unwrap();
    for (ground, request, empty) in [("", "req-1", "ground"), ("gdpr-17-1-b", "", "request")] {
        let refused = Erasure::new("acme", PERSON, dpo(), ground, request);
        let refused = journal.erase_subject(&refused).await.unwrap_err();
        assert!(
            matches!(refused, ErasureError::Empty { what, .. } if what == empty),
            "{refused:?}"
        );
    }
    journal.close().await;
    // A note that cannot be acted upon would be in the way here.
    let journal = db.open(&noting).await.unwrap();
    assert_eq!(fields(&journal, 1).await.unwrap(), 1);
}

fn subject_keys() -> Arc<SubjectKeys<MemorySubjectKeys>> {
    Arc::new(SubjectKeys::new(
        MemorySubjectKeys::default(),
        EpochKeys::new(Arc::new(LocalKey::new(SecretKey::random().unwrap()))),
        CachePolicy::DEFAULT,
        Arc::new(SystemClock),
    ))
}

/// The person's first entry is on hold.
async fn held<DB: Backend>(journal: &Journal<DB>) {
    let (acme, record) = (chain("acme/default"), Target::new("record", "held"));
    journal.create_chain(&acme).await.unwrap();
    let event = Event::builder("user.login", Actor::user("usr_1")).target(record.clone()).private(
        PERSON,
        "/context/ip",
        "192.0.2.7",
    );
    journal.append(&acme, event.build().unwrap()).await.unwrap();
    journal.append(&acme, about(PERSON)).await.unwrap();
    let order = HoldOrder::on_target("acme", &record, "case-1", "file 7", dpo());
    journal.place_hold(&order).await.unwrap();
}

async fn a_hold_outlives_an_erasure_that_is_done_again<T: Place>(db: T) {
    let folder = tempfile::tempdir().unwrap();
    let keys = subject_keys();
    let sealing =
        outside(folder.path()).private_fields(SubjectKeySealer::new(Arc::clone(&keys)).unwrap());
    let journal = db.create(&sealing).await.unwrap();
    held(&journal).await;
    let query = audit_store::Query::new(&chain("acme/default")).oldest_first();
    let page = journal.query(&query).await.unwrap();
    let subject = page.entries[1].entry().unwrap().event().private()[0].0;
    journal.checkpoint(&chain("acme/default")).await.unwrap();
    journal.close().await;
    let backup = db.copy().await;

    // Noted, and done with the key still there: what is held is sealed under another one first.
    let note = format!(
        "{{\"at\":\"2026-11-20T23:23:00.000000Z\",\"ground\":\"g\",\"request\":\"r\",\
         \"subject\":\"{subject}\",\"tenant\":\"acme\"}}\n"
    );
    let journal = db.open(&sealing).await.unwrap();
    std::fs::write(folder.path().join("erased.jsonl"), note).unwrap();
    assert_eq!(journal.replay_erasures().await.unwrap(), 1);
    assert_eq!((fields(&journal, 1).await.unwrap(), fields(&journal, 2).await.unwrap()), (1, 0));
    verified(&journal).await;
    journal.close().await;

    // A backup from before knows the field under the key that is gone: it stays, and nobody reads it.
    let journal = backup.open(&sealing).await.unwrap();
    assert!(journal.suspension().is_none());
    assert_eq!((fields(&journal, 1).await.unwrap(), fields(&journal, 2).await.unwrap()), (0, 0));
    journal.append(&chain("acme/default"), event("goes on")).await.unwrap();
    journal.release_hold("acme", "case-1", dpo()).await.unwrap();
    verified(&journal).await;
}

async fn an_incarnation_begins_with_its_entry_only<T: Place>(db: T) {
    let journal = db.journal().await;
    journal.append(&chain("acme/default"), event("a")).await.unwrap();
    for sql in [
        "UPDATE audit_chain SET incarnation = 2",
        "UPDATE audit_chain SET incarnation = 2, size = size + 1",
    ] {
        let error = DatabaseError::from(db.execute(sql).await.unwrap_err());
        assert_eq!(error.kind(), DatabaseErrorKind::Constraint, "{sql}");
    }
}

test_support::both_databases!(
    a_loss_is_refused_until_it_is_declared,
    a_declaration_that_was_lost_is_noticed,
    a_rewritten_history_is_declared_from_where_it_differs,
    a_chain_that_is_not_in_the_backup_is_made_anew,
    what_is_noted_is_erased_at_the_next_opening,
    a_ledger_that_never_ends_is_not_read_for_ever,
    without_the_note_nobody_is_erased,
    an_erasure_without_a_reason_is_refused_before_it_is_noted,
    an_incarnation_begins_with_its_entry_only,
    a_hold_outlives_an_erasure_that_is_done_again,
);
