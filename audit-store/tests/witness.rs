//! Witnesses over real HTTP, good and bad ones, on both databases.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    dead_code,
    reason = "a test fails by panicking"
)]

#[path = "support/place.rs"]
mod place;
#[path = "support/sink.rs"]
mod sink;
#[path = "support/witness.rs"]
mod witness;

use std::time::Duration;

use audit_core::{
    AuditorPolicy, FindingCode, SignedCheckpoint, TrustPolicy, Verdict, VerificationReport,
};
use audit_store::{
    AppendError, Backend, BundleOptions, HistoryError, HttpWitness, Journal, JournalOptions,
    OpenError, SigningError, SinkError, SinkFailure, VerifyOptions, WitnessError, verify_bundle,
};
use place::{Place, chain, event, key, options};
use sink::MemorySink;
use witness::{Mood, TestWitness, answer, conflict};

const ORIGIN: &str = "audit.example.com/acme/default/1";

/// No background rounds: a test says when something happens.
fn quiet() -> JournalOptions {
    options().checkpoint_after(u64::MAX, Duration::MAX)
}

fn policy(threshold: usize, witnesses: &[&TestWitness]) -> TrustPolicy {
    TrustPolicy::at_least(threshold, witnesses.iter().map(|w| w.vkey())).unwrap()
}

async fn append<DB: Backend>(journal: &Journal<DB>, count: usize) {
    let events = (0..count).map(|n| event(&n.to_string())).collect();
    journal.append_batch(&chain("acme/default"), events).await.unwrap();
}

fn as_auditor(policy: TrustPolicy) -> VerifyOptions {
    VerifyOptions::new(AuditorPolicy::new([key().verifier().clone()]).witnesses(policy))
}

fn intact(report: &VerificationReport) {
    assert_eq!(report.verdict, Verdict::Intact, "{report}");
}

/// What a failed publication says of the witnesses.
fn witness_failures(signed: Result<SignedCheckpoint, SigningError>) -> Vec<SinkFailure> {
    match signed {
        Err(SigningError::NotPublished { failures, .. }) => failures,
        other => panic!("{other:?}"),
    }
}

fn witness_error(failures: &[SinkFailure]) -> &WitnessError {
    let error = failures.iter().find_map(|failure| match &failure.source {
        SinkError::Witness(error) => Some(error),
        _ => None,
    });
    error.unwrap_or_else(|| panic!("{failures:?}"))
}

async fn cosignatures_are_collected_published_exported_and_proven<T: Place>(db: T) {
    let (one, two) = (TestWitness::start(1).await, TestWitness::start(2).await);
    let policy = policy(2, &[&one, &two]);
    let sink = MemorySink::default();
    let options = quiet()
        .witness(one.client())
        .witness(two.client())
        .publish_only_with(policy.clone())
        .sink(sink.clone());
    let journal = db.create(&options).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    for count in [0, 1, 300, 2] {
        append(&journal, count).await;
        let signed = journal.checkpoint(&acme).await.unwrap();
        assert!(policy.is_satisfied(signed.note()));
        assert_eq!(journal.newest_checkpoint(&acme).await.unwrap(), Some(signed.clone()));
        let published = sink.shared.published.lock().unwrap();
        assert_eq!(
            published[&(ORIGIN.to_owned(), signed.checkpoint().head.size)],
            signed.to_string()
        );
    }
    assert_eq!(sink.sizes(), [1, 2, 302, 304]);
    assert_eq!((one.size(ORIGIN), two.size(ORIGIN)), (304, 304));
    assert_eq!((one.requests(), two.requests()), (4, 4), "each is asked once, with the right size");
    assert_eq!(db.number("SELECT count(*) FROM audit_cosignature").await, 8);
    // Signing again with nothing new asks nobody.
    journal.checkpoint(&acme).await.unwrap();
    assert_eq!(one.requests(), 4);

    intact(&journal.verify(&as_auditor(policy.clone())).await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    journal.export_bundle(&acme, &bundle, &BundleOptions::new()).await.unwrap();
    let noted = std::fs::read_to_string(bundle.join("checkpoints/302")).unwrap();
    assert!(policy.is_satisfied(SignedCheckpoint::parse(&noted).unwrap().note()));
    intact(&verify_bundle(&bundle, &as_auditor(policy.clone())).unwrap());
    let proof = journal.proof_file(&acme, 7).await.unwrap();
    assert!(policy.is_satisfied(proof.checkpoint().note()));
    assert_eq!(
        proof.verify_leaf(proof_leaf(&journal, 7).await, key().verifier()).unwrap().head.size,
        304
    );
    // Entries above the newest checkpoint nobody has witnessed.
    append(&journal, 3).await;
    let report = journal.verify(&as_auditor(policy)).await.unwrap();
    assert_eq!((report.information.unwitnessed, report.verdict), (3, Verdict::Unproven));
    journal.close().await;
}

async fn proof_leaf<DB: Backend>(journal: &Journal<DB>, seq: u64) -> audit_core::LeafHash {
    journal.prove_inclusion(&chain("acme/default"), seq, None).await.unwrap().leaf
}

async fn nothing_is_published_before_a_quorum_and_nothing_is_skipped<T: Place>(db: T) {
    let (one, two) = (TestWitness::start(1).await, TestWitness::start(2).await);
    let three = TestWitness::start(3).await;
    let policy = policy(2, &[&one, &two, &three]);
    let sink = MemorySink::default();
    let with = |sink: &MemorySink| {
        quiet()
            .witness(one.client())
            .witness(two.client())
            .witness(three.client())
            .publish_only_with(policy.clone())
            .sink(sink.clone())
    };
    let journal = db.create(&with(&sink)).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    for witness in [&two, &three] {
        witness.is(Mood::Says(answer(500, "text/plain", "ill\u{1b}")));
    }
    for size in 2..=4 {
        append(&journal, 1).await;
        let failures = witness_failures(journal.checkpoint(&acme).await);
        assert_eq!(failures.len(), 3, "two witnesses and the sink: {failures:?}");
        assert!(failures.iter().all(|failure| failure.size == 2), "{failures:?}");
        let words = witness_error(&failures);
        assert!(
            matches!(words, WitnessError::Refused { status: 500, words, .. } if words == "ill")
        );
        let waits = |failure: &SinkFailure| matches!(&failure.source, SinkError::Unwitnessed { quorum, .. } if quorum == "2 of (w1, w2, w3)");
        assert!(failures.iter().any(waits), "{failures:?}");
        assert_eq!(one.size(ORIGIN), size, "who works goes on");
    }
    assert!(sink.sizes().is_empty());
    assert_eq!(db.number("SELECT max(failures) FROM audit_published").await, 3);
    // Two of three are enough, and the third is still told of.
    two.is(Mood::Honest);
    let report = journal.publish().await.unwrap();
    assert_eq!((report.published, report.cosigned, report.failures.len()), (3, 3, 1));
    assert_eq!(sink.sizes(), [2, 3, 4]);
    for note in sink.shared.published.lock().unwrap().values() {
        assert!(policy.is_satisfied(SignedCheckpoint::parse(note).unwrap().note()));
    }
    append(&journal, 1).await;
    journal.checkpoint(&acme).await.unwrap();
    journal.close().await;

    // Another process, and the third is back: of it only what is new is asked.
    three.is(Mood::Honest);
    let journal = db.open(&with(&sink)).await.unwrap();
    let asked = three.requests();
    assert_eq!(journal.publish().await.unwrap().cosigned, 1);
    assert_eq!((three.size(ORIGIN), three.requests() - asked), (5, 1));
    intact(&journal.verify(&as_auditor(policy.clone())).await.unwrap());
    journal.close().await;
}

async fn a_policy_that_cannot_be_satisfied_is_refused<T: Place>(db: T) {
    let (one, two) = (TestWitness::start(1).await, TestWitness::start(2).await);
    let options = quiet().witness(one.client()).publish_only_with(policy(2, &[&one, &two]));
    match db.create(&options).await {
        Err(OpenError::Quorum { quorum }) => assert_eq!(quorum, "2 of (w1, w2)"),
        other => panic!("{other:?}"),
    }
}

async fn nonsense_is_an_error_and_stops_nothing<T: Place>(db: T) {
    let witness = TestWitness::start(1).await;
    let policy = policy(1, &[&witness]);
    let options = quiet().witness(witness.hasty()).publish_only_with(policy.clone());
    let journal = db.create(&options).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    let text = |status, body: &str| Mood::Says(answer(status, "text/plain", body));
    let kind = "text/x.tlog.size";
    let of_others = "\u{2014} w9.example AAAAAAAAAAAAAAAA\n";
    let claimed = format!("\u{2014} w1.example {}\n", base64_claim(&witness));
    type Told = fn(&WitnessError) -> bool;
    let nonsense: Told = |e| matches!(e, WitnessError::Answer { .. });
    let unreachable: Told = |e| matches!(e, WitnessError::Unreachable(_));
    let refused: Told = |e| matches!(e, WitnessError::Refused { .. });
    let cosignature: Told = |e| matches!(e, WitnessError::Cosignature(_));
    let cases: Vec<(Mood, Told)> = vec![
        (text(200, ""), nonsense),
        (text(200, "<html>"), nonsense),
        (text(200, of_others), cosignature),
        (text(200, &claimed), cosignature),
        (Mood::Endless, nonsense),
        (Mood::Says(answer(200, "text/plain", &"x".repeat(70_000))), nonsense),
        (Mood::Says("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n\u{e4}\n".into()), nonsense),
        (text(204, ""), nonsense),
        (
            Mood::Says(
                "HTTP/1.1 302 X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".into(),
            ),
            nonsense,
        ),
        (text(409, "5\n"), nonsense),
        (Mood::Says(answer(409, kind, "five\n")), nonsense),
        (Mood::Says(answer(409, kind, "01\n")), nonsense),
        (Mood::Says(answer(409, kind, "99999999999999999999\n")), nonsense),
        // That nothing was cosigned yet is what was assumed.
        (Mood::Says(conflict(0)), nonsense),
        (text(422, "no"), nonsense),
        (Mood::Fickle, nonsense),
        (text(400, "what?"), refused),
        (text(403, "who?"), refused),
        (text(404, "who?"), refused),
        (text(503, "later"), refused),
        (Mood::Says("garbage\r\n\r\n".into()), unreachable),
        (Mood::Says(String::new()), unreachable),
        (Mood::Silent, |e| matches!(e, WitnessError::TimedOut)),
    ];
    for (mood, told) in cases {
        append(&journal, 1).await;
        witness.is(mood.clone());
        let failures = witness_failures(journal.checkpoint(&acme).await);
        let error = witness_error(&failures);
        assert!(told(error), "{mood:?}: {error:?}");
        assert!(journal.suspension().is_none(), "{mood:?}");
    }
    assert_eq!(db.number("SELECT count(*) FROM audit_cosignature").await, 0);
    // Nobody there at all.
    let nobody = HttpWitness::new(witness.vkey(), "http://127.0.0.1:1").unwrap();
    let alone = quiet().witness(nobody).publish_only_with(policy.clone());
    let other = db.open(&alone).await.unwrap();
    let failures = witness_failures(other.checkpoint(&acme).await);
    assert!(unreachable(witness_error(&failures)), "{failures:?}");
    other.close().await;
    witness.is(Mood::Honest);
    journal.checkpoint(&acme).await.unwrap();
    intact(&journal.verify(&as_auditor(policy)).await.unwrap());
    journal.close().await;
}

/// The witness's key id before something that it never signed.
fn base64_claim(witness: &TestWitness) -> String {
    let bytes = [&witness.vkey().id().to_be_bytes()[..], &[7; 72]].concat();
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let three = chunk.iter().chain([&0; 2]).take(3);
        let bits = three.fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for at in 0..=chunk.len() {
            out.push(char::from(alphabet[bits >> (18 - 6 * at) & 63]));
        }
        out.push_str(&"=".repeat(3 - chunk.len()));
    }
    out
}

/// While a witness keeps silent, appending and signing other chains go on.
async fn a_silent_witness_keeps_nobody_waiting<T: Place>(db: T) {
    let witness = TestWitness::start(1).await;
    witness.is(Mood::Silent);
    let slow = witness.client().timeout(Duration::from_secs(60));
    let journal = db.create(&quiet().witness(slow)).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    let publishing = tokio::spawn({
        let journal = journal.clone();
        async move { journal.checkpoint(&chain("acme/default")).await }
    });
    while witness.requests() == 0 {
        tokio::task::yield_now().await;
    }
    append(&journal, 20).await;
    assert_eq!(journal.prove_inclusion(&acme, 20, None).await.unwrap().head.size, 21);
    assert!(!publishing.is_finished());
    publishing.abort();
    assert!(publishing.await.unwrap_err().is_cancelled());
    // Nobody asked for its cosignature: without it the checkpoint is as good.
    let journal_with = quiet().witness(witness.hasty());
    let other = db.open(&journal_with).await.unwrap();
    assert!(other.suspension().is_none());
    let signed = other.checkpoint(&acme).await.unwrap();
    assert_eq!((signed.checkpoint().head.size, signed.note().signatures().len()), (21, 1));
    assert_eq!(other.publish().await.unwrap().failures.len(), 1);
    other.close().await;
    journal.close().await;
}

async fn an_answer_that_was_lost_is_asked_for_again<T: Place>(db: T) {
    let witness = TestWitness::start(1).await;
    let policy = policy(1, &[&witness]);
    let sink = MemorySink::default();
    let options =
        quiet().witness(witness.client()).publish_only_with(policy.clone()).sink(sink.clone());
    let journal = db.create(&options).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    append(&journal, 5).await;
    journal.checkpoint(&acme).await.unwrap();
    witness.is(Mood::CutsOff);
    append(&journal, 5).await;
    let failures = witness_failures(journal.checkpoint(&acme).await);
    assert!(matches!(witness_error(&failures), WitnessError::Unreachable(_)));
    assert_eq!(witness.size(ORIGIN), 11, "it has moved on");
    witness.is(Mood::Honest);
    append(&journal, 5).await;
    journal.checkpoint(&acme).await.unwrap();
    assert_eq!(sink.sizes(), [6, 11, 16]);
    assert_eq!(db.number("SELECT count(*) FROM audit_cosignature").await, 3);
    journal.close().await;
}

async fn a_witness_of_an_old_journal_begins_with_the_newest<T: Place>(db: T) {
    let journal = db.create(&quiet()).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    for _ in 0..5 {
        append(&journal, 1).await;
        journal.checkpoint(&acme).await.unwrap();
    }
    journal.close().await;
    let witness = TestWitness::start(1).await;
    let policy = policy(1, &[&witness]);
    let journal = db
        .open(&quiet().witness(witness.client()).publish_only_with(policy.clone()))
        .await
        .unwrap();
    let asked = witness.requests();
    assert_eq!(journal.publish().await.unwrap().cosigned, 1);
    assert_eq!((witness.size(ORIGIN), witness.requests() - asked), (6, 1));
    // What was signed before it came is covered by what it cosigned.
    intact(&journal.verify(&as_auditor(policy.clone())).await.unwrap());
    // A proof carries a checkpoint that has its quorum, though a newer one is there.
    witness.is(Mood::Silent);
    append(&journal, 1).await;
    journal.close().await;
    let hasty = quiet().witness(witness.hasty()).publish_only_with(policy.clone());
    let journal = db.open(&hasty).await.unwrap();
    witness_failures(journal.checkpoint(&acme).await);
    let proof = journal.proof_file(&acme, 2).await.unwrap();
    assert_eq!(proof.checkpoint().checkpoint().head.size, 6);
    assert!(policy.is_satisfied(proof.checkpoint().note()));
    let proof = journal.proof_file(&acme, 6).await.unwrap();
    assert_eq!(proof.checkpoint().checkpoint().head.size, 7);
    journal.close().await;
}

/// A journal of 11 entries, cosigned, and a copy of it; the journal then grew to 31, cosigned.
async fn restored<T: Place>(db: &T, witness: &TestWitness) -> T {
    let options = quiet().witness(witness.client());
    let journal = db.create(&options).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    append(&journal, 10).await;
    journal.checkpoint(&acme).await.unwrap();
    journal.close().await;
    let backup = db.copy().await;
    let journal = db.open(&options).await.unwrap();
    append(&journal, 20).await;
    journal.checkpoint(&acme).await.unwrap();
    assert_eq!(witness.size(ORIGIN), 31);
    journal.close().await;
    backup
}

async fn a_restored_backup_is_known_by_its_witness<T: Place>(db: T) {
    let witness = TestWitness::start(1).await;
    let backup = restored(&db, &witness).await;
    let acme = chain("acme/default");
    let options = quiet().witness(witness.client());
    let journal = backup.open(&options).await.unwrap();
    match journal.suspension() {
        Some(HistoryError::WitnessAhead { chain, witness, known, head, .. }) => {
            assert_eq!((chain, witness.as_str()), (acme.clone(), "w1.example"));
            assert_eq!((known, head.size), (31, 11));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(journal.append(&acme, event("x")).await, Err(AppendError::History(_))));
    assert!(matches!(journal.checkpoint(&acme).await, Err(SigningError::History(_))));
    assert!(journal.compare_with_sinks().await.is_err());
    assert_eq!(witness.size(ORIGIN), 31);
    journal.close().await;

    // Out of reach at open it stops nothing, and is heard with the next checkpoint.
    witness.is(Mood::Silent);
    let journal = backup.open(&quiet().witness(witness.hasty())).await.unwrap();
    assert!(journal.suspension().is_none());
    append(&journal, 2).await;
    witness.is(Mood::Honest);
    let failures = witness_failures(journal.checkpoint(&acme).await);
    assert!(matches!(witness_error(&failures), WitnessError::History(_)), "{failures:?}");
    assert!(matches!(journal.suspension(), Some(HistoryError::WitnessAhead { .. })));
    assert!(matches!(journal.append(&acme, event("x")).await, Err(AppendError::History(_))));
    journal.close().await;
    // The one that is ahead is not restored.
    let journal = db.open(&options).await.unwrap();
    append(&journal, 1).await;
    journal.checkpoint(&acme).await.unwrap();
    journal.close().await;
}

/// The operator goes on from an old copy with the real key, beyond what the witness knows.
async fn a_rewritten_history_is_refused_and_found<T: Place>(db: T) {
    let witness = TestWitness::start(1).await;
    let policy = policy(1, &[&witness]);
    let rewritten = restored(&db, &witness).await;
    let acme = chain("acme/default");
    let journal = rewritten.open(&quiet()).await.unwrap();
    append(&journal, 40).await;
    journal.checkpoint(&acme).await.unwrap();
    journal.close().await;

    let journal = rewritten.open(&quiet().witness(witness.client())).await.unwrap();
    append(&journal, 1).await;
    let failures = witness_failures(journal.checkpoint(&acme).await);
    let said = witness_error(&failures);
    assert!(
        matches!(said, WitnessError::History(error)
        if matches!(**error, HistoryError::Disputed { size: 31, .. })),
        "{said:?}"
    );
    assert!(matches!(journal.suspension(), Some(HistoryError::Disputed { .. })));
    assert!(matches!(journal.append(&acme, event("x")).await, Err(AppendError::History(_))));
    assert!(matches!(journal.checkpoint(&acme).await, Err(SigningError::History(_))));
    assert_eq!(witness.size(ORIGIN), 31);
    let report = journal.verify(&as_auditor(policy.clone())).await.unwrap();
    assert_eq!((report.information.unwitnessed, report.verdict), (41, Verdict::Unproven));
    // With the checkpoint that the witness has, it is more than unproven.
    let honest = db.open(&quiet()).await.unwrap();
    let held = honest.newest_checkpoint(&acme).await.unwrap().unwrap();
    honest.close().await;
    let auditor = AuditorPolicy::new([key().verifier().clone()]).holding(held);
    let report = journal.verify(&VerifyOptions::new(auditor)).await.unwrap();
    assert!(report.findings().any(|finding| finding.code == FindingCode::RolledBack), "{report}");
    journal.close().await;
}

/// What a witness says against a journal that it cosigned itself is held against the witness.
async fn lies_about_sizes_are_told_from_the_truth<T: Place>(db: T) {
    let witness = TestWitness::start(1).await;
    let policy = policy(1, &[&witness]);
    let options = quiet().witness(witness.client()).publish_only_with(policy.clone());
    let journal = db.create(&options).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    append(&journal, 10).await;
    journal.checkpoint(&acme).await.unwrap();
    append(&journal, 10).await;
    // It denies what it cosigned: its own word is stored.
    witness.is(Mood::Denies);
    let failures = witness_failures(journal.checkpoint(&acme).await);
    let said = witness_error(&failures);
    assert!(matches!(said, WitnessError::Contradiction { size: 11, .. }), "{said:?}");
    assert!(journal.suspension().is_none());
    // It wants a proof where none can be.
    let no = answer(422, "text/plain", "no");
    witness.is(Mood::Says(no));
    let failures = witness_failures(journal.checkpoint(&acme).await);
    assert!(matches!(witness_error(&failures), WitnessError::Answer { .. }), "{failures:?}");
    // A size that it named, and then the same again.
    witness.is(Mood::Says(conflict(11)));
    let failures = witness_failures(journal.checkpoint(&acme).await);
    assert!(matches!(witness_error(&failures), WitnessError::Answer { .. }), "{failures:?}");
    assert!(journal.suspension().is_none());
    witness.is(Mood::Honest);
    journal.checkpoint(&acme).await.unwrap();
    append(&journal, 1).await;
    // More than there is: it may be true.
    witness.is(Mood::Says(conflict(1_000_000)));
    witness_failures(journal.checkpoint(&acme).await);
    match journal.suspension() {
        Some(HistoryError::WitnessAhead { known: 1_000_000, .. }) => {}
        other => panic!("{other:?}"),
    }
    // Until the witness thinks better of it, or the operator asks another one.
    witness.is(Mood::Honest);
    journal.compare_with_sinks().await.unwrap();
    append(&journal, 1).await;
    journal.checkpoint(&acme).await.unwrap();
    intact(&journal.verify(&as_auditor(policy)).await.unwrap());
    journal.close().await;
}

/// Handles of their own, as processes have them, that all publish.
async fn several_handles_collect_for_one_chain<T: Place>(db: T) {
    let witness = TestWitness::start(1).await;
    let policy = policy(1, &[&witness]);
    let sink = MemorySink::default();
    let options =
        quiet().witness(witness.client()).publish_only_with(policy.clone()).sink(sink.clone());
    let first = db.create(&options).await.unwrap();
    first.create_chain(&chain("acme/default")).await.unwrap();
    let mut journals = vec![first];
    for _ in 0..2 {
        journals.push(db.open(&options).await.unwrap());
    }
    let tasks: Vec<_> = journals
        .iter()
        .cloned()
        .map(|journal| {
            tokio::spawn(async move {
                for _ in 0..8 {
                    append(&journal, 1).await;
                    // Another handle may be ahead with a witness or the sink: that is no failure
                    // of the journal, and what is left is published below.
                    let _published_later = journal.checkpoint(&chain("acme/default")).await;
                    assert!(journal.suspension().is_none(), "{:?}", journal.suspension());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let report = journals[0].publish().await.unwrap();
    assert_eq!(report.failures.len(), 0, "{report:?}");
    let stored = db.number("SELECT count(*) FROM audit_checkpoint").await;
    assert_eq!(i64::try_from(sink.sizes().len()).unwrap(), stored);
    assert_eq!(db.number("SELECT count(*) FROM audit_cosignature").await, stored);
    intact(&journals[0].verify(&as_auditor(policy)).await.unwrap());
    for journal in journals {
        journal.close().await;
    }
}

test_support::both_databases!(
    cosignatures_are_collected_published_exported_and_proven,
    nothing_is_published_before_a_quorum_and_nothing_is_skipped,
    a_policy_that_cannot_be_satisfied_is_refused,
    nonsense_is_an_error_and_stops_nothing,
    a_silent_witness_keeps_nobody_waiting,
    an_answer_that_was_lost_is_asked_for_again,
    a_witness_of_an_old_journal_begins_with_the_newest,
    a_restored_backup_is_known_by_its_witness,
    a_rewritten_history_is_refused_and_found,
    lies_about_sizes_are_told_from_the_truth,
    several_handles_collect_for_one_chain,
);
