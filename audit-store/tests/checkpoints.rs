//! Signing and publishing checkpoints, on both databases.
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

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use audit_core::{Checkpoint, CompactRange, LeafHash, SignedCheckpoint, SigningKey, VerifierKey};
use audit_store::{
    AppendError, Backend, BoxFuture, CheckpointPlace, CheckpointSigner, DirectorySink,
    HistoryError, Journal, JournalOptions, SignerError, SigningError,
};
use place::{Place, chain, clock, event, key, options, verified};
use sink::MemorySink;

/// No background rounds: a test says when something happens.
fn quiet() -> JournalOptions {
    options().checkpoint_after(u64::MAX, Duration::MAX)
}

async fn with_sink<T: Place>(db: &T, sink: &MemorySink) -> Journal<T::Db> {
    let journal = db.create(&quiet().sink(sink.clone())).await.unwrap();
    journal.create_chain(&chain("acme/default")).await.unwrap();
    journal
}

async fn append<DB: Backend>(journal: &Journal<DB>, count: usize) {
    let events = (0..count).map(|n| event(&n.to_string())).collect();
    journal.append_batch(&chain("acme/default"), events).await.unwrap();
}

async fn a_checkpoint_is_signed_stored_and_published<T: Place>(db: T) {
    let sink = MemorySink::default();
    let journal = with_sink(&db, &sink).await;
    let acme = chain("acme/default");
    assert!(journal.newest_checkpoint(&acme).await.unwrap().is_none());
    let first = journal.checkpoint(&acme).await.unwrap();
    assert_eq!(first.checkpoint().head.size, 1);
    assert_eq!(first.checkpoint().origin.to_string(), "audit.example.com/acme/default/1");
    first.verify(key().verifier()).unwrap();
    // Nothing was appended: nothing new is signed.
    assert_eq!(journal.checkpoint(&acme).await.unwrap(), first);
    append(&journal, 700).await;
    let second = journal.checkpoint(&acme).await.unwrap();
    assert_eq!(second.checkpoint().head.size, 701);
    assert_eq!(journal.newest_checkpoint(&acme).await.unwrap(), Some(second));
    assert_eq!(sink.sizes(), [1, 701]);
    assert_eq!(sink.shared.attempts.load(Ordering::SeqCst), 2, "each is published once");
    assert_eq!(db.number("SELECT count(*) FROM audit_checkpoint").await, 2);
    verified(&journal).await;
    let unknown = journal.checkpoint(&chain("acme/other")).await;
    assert!(matches!(unknown, Err(SigningError::UnknownChain { .. })), "{unknown:?}");
    journal.close().await;
}

async fn a_sink_that_failed_gets_everything_later<T: Place>(db: T) {
    let sink = MemorySink::default();
    let journal = with_sink(&db, &sink).await;
    let acme = chain("acme/default");
    sink.refuse(true);
    for n in 1..=3 {
        append(&journal, 1).await;
        match journal.checkpoint(&acme).await {
            Err(SigningError::NotPublished { checkpoint, failures, .. }) => {
                assert_eq!(checkpoint.checkpoint().head.size, 1 + n);
                assert_eq!((failures.len(), failures[0].size), (1, 2), "the oldest comes first");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(sink.sizes().is_empty());
    assert_eq!(db.number("SELECT failures FROM audit_published").await, 3);
    let report = journal.publish().await.unwrap();
    assert_eq!((report.published, report.failures.len()), (0, 1));
    journal.close().await;

    // Another process finds what is left, in order, none skipped.
    sink.refuse(false);
    let journal = db.open(&quiet().sink(sink.clone())).await.unwrap();
    let report = journal.publish().await.unwrap();
    assert_eq!((report.published, report.failures.len()), (3, 0));
    assert_eq!(sink.sizes(), [2, 3, 4]);
    assert_eq!(db.number("SELECT failures FROM audit_published").await, 0);
    assert_eq!(journal.publish().await.unwrap().published, 0);
    journal.close().await;
}

/// Handles of their own, as processes have them, on one chain that grows meanwhile.
async fn signers_of_several_handles_sign_one_history<T: Place>(db: T) {
    let root = tempfile::tempdir().unwrap();
    let options = quiet().sink(DirectorySink::new(root.path()).named("shared"));
    let first = db.create(&options).await.unwrap();
    let acme = chain("acme/default");
    first.create_chain(&acme).await.unwrap();
    let mut journals = vec![first];
    for _ in 0..3 {
        journals.push(db.open(&options).await.unwrap());
    }
    let tasks: Vec<_> = journals
        .iter()
        .cloned()
        .map(|journal| {
            tokio::spawn(async move {
                let acme = chain("acme/default");
                let mut signed = Vec::new();
                for n in 0..12 {
                    journal.append(&acme, event(&n.to_string())).await.unwrap();
                    signed.push(journal.checkpoint(&acme).await.unwrap());
                }
                signed
            })
        })
        .collect();
    let mut roots = BTreeMap::new();
    for task in tasks {
        let mut before = 0;
        for signed in task.await.unwrap() {
            let head = signed.checkpoint().head;
            assert!(head.size > before, "each sees at least its own entry");
            before = head.size;
            assert_eq!(*roots.entry(head.size).or_insert(head.root), head.root);
        }
    }
    let report = verified(&journals[0]).await;
    assert_eq!(report.chains.len(), 1);
    assert_eq!(
        db.number("SELECT count(*) FROM audit_checkpoint").await,
        i64::try_from(roots.len()).unwrap()
    );
    let sizes: BTreeSet<u64> =
        std::fs::read_dir(root.path().join("audit.example.com/acme/default/1"))
            .unwrap()
            .filter_map(|item| item.unwrap().file_name().to_str().unwrap().parse().ok())
            .collect();
    assert_eq!(sizes, roots.into_keys().collect());
    for journal in journals {
        journal.close().await;
    }
}

/// A checkpoint of a history that this journal never had, rightly signed: the key signed twice.
fn of_another_history(size: u64) -> SignedCheckpoint {
    let mut range = CompactRange::default();
    (0..size).for_each(|n| range.push(LeafHash::of(&n.to_be_bytes())));
    let origin = "audit.example.com/acme/default/1".parse().unwrap();
    Checkpoint::new(origin, range.head()).sign(&key()).unwrap()
}

async fn nothing_is_signed_or_appended_against_what_was_published<T: Place>(db: T) {
    let sink = MemorySink::default();
    let journal = with_sink(&db, &sink).await;
    let acme = chain("acme/default");
    append(&journal, 300).await;
    sink.put(&of_another_history(250));
    match journal.checkpoint(&acme).await {
        Err(SigningError::History(HistoryError::Forked { chain, place, head, known, .. })) => {
            assert_eq!((chain, head.size), (acme.clone(), 301));
            assert_eq!(place, CheckpointPlace::Sink("memory".to_owned()));
            assert_eq!(*known, of_another_history(250));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(db.number("SELECT count(*) FROM audit_checkpoint").await, 0);
    // From then on it does not append either, and says why.
    assert!(matches!(journal.suspension(), Some(HistoryError::Forked { .. })));
    let refused = journal.append(&acme, event("late")).await;
    assert!(matches!(refused, Err(AppendError::History(_))), "{refused:?}");
    journal.close().await;
}

async fn a_restored_backup_refuses_to_append<T: Place>(db: T) {
    let sink = MemorySink::default();
    let journal = with_sink(&db, &sink).await;
    let acme = chain("acme/default");
    append(&journal, 20).await;
    journal.checkpoint(&acme).await.unwrap();
    journal.close().await;
    // As the sink has it, the journal once was longer.
    let key_of_others = SigningKey::from_seed("audit.example.com", &[8; 32]).unwrap();
    sink.put(&of_another_history(500));

    let journal = db.open(&quiet().sink(sink.clone())).await.unwrap();
    match journal.suspension() {
        Some(HistoryError::RolledBack { chain, head, known, .. }) => {
            assert_eq!((chain, head.size), (acme.clone(), 21));
            assert_eq!(known.checkpoint().head.size, 500);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(journal.append(&acme, event("x")).await, Err(AppendError::History(_))));
    assert!(matches!(journal.checkpoint(&acme).await, Err(SigningError::History(_))));
    assert_eq!(db.number("SELECT size FROM audit_chain").await, 21);
    journal.close().await;

    // What somebody else signed is no reason to believe either.
    sink.shared.published.lock().unwrap().clear();
    let origin = "audit.example.com/acme/default/1".parse().unwrap();
    let head = of_another_history(3).checkpoint().head;
    sink.put(&Checkpoint::new(origin, head).sign(&key_of_others).unwrap());
    let journal = db.open(&quiet().sink(sink)).await.unwrap();
    assert!(matches!(journal.suspension(), Some(HistoryError::Untrusted { .. })));
    journal.close().await;
}

async fn a_chain_that_was_published_is_not_made_anew<T: Place>(db: T) {
    let sink = MemorySink::default();
    sink.put(&of_another_history(3));
    let journal = db.create(&quiet().sink(sink.clone())).await.unwrap();
    let acme = chain("acme/default");
    match journal.create_chain(&acme).await {
        Err(AppendError::History(HistoryError::RolledBack { head, known, .. })) => {
            assert_eq!((head.size, known.checkpoint().head.size), (0, 3));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(db.number("SELECT count(*) FROM audit_chain").await, 0);
    // Another chain is no concern of it, and one that is here is returned.
    let other = chain("acme/other");
    journal.create_chain(&other).await.unwrap();
    journal.checkpoint(&other).await.unwrap();
    assert_eq!(journal.create_chain(&other).await.unwrap().seq, 0);
    journal.close().await;
}

async fn a_sink_out_of_reach_suspends_until_it_answers<T: Place>(db: T) {
    let sink = MemorySink::default();
    let journal = with_sink(&db, &sink).await;
    let acme = chain("acme/default");
    journal.close().await;
    sink.shared.silent.store(true, Ordering::SeqCst);

    let journal = db.open(&quiet().sink(sink.clone())).await.unwrap();
    assert!(matches!(journal.suspension(), Some(HistoryError::Unreachable { .. })));
    assert!(matches!(journal.append(&acme, event("a")).await, Err(AppendError::History(_))));
    assert!(matches!(
        journal.checkpoint(&acme).await,
        Err(SigningError::History(HistoryError::Unreachable { .. }))
    ));
    assert!(journal.compare_with_sinks().await.is_err());

    // The host may say that it will do without.
    let risky = db.open(&quiet().sink(sink.clone()).allow_unverified_open()).await.unwrap();
    assert!(risky.suspension().is_none());
    risky.append(&acme, event("b")).await.unwrap();
    risky.checkpoint(&acme).await.unwrap();
    risky.close().await;

    sink.shared.silent.store(false, Ordering::SeqCst);
    journal.compare_with_sinks().await.unwrap();
    journal.append(&acme, event("c")).await.unwrap();
    journal.close().await;

    // A sink that can only be written to keeps nobody from appending, and reveals nothing.
    let deaf = MemorySink { write_only: true, ..sink };
    deaf.put(&of_another_history(500));
    let journal = db.open(&quiet().sink(deaf)).await.unwrap();
    journal.append(&acme, event("d")).await.unwrap();
    journal.close().await;
}

async fn checkpoints_are_due_by_count_and_by_time<T: Place>(db: T) {
    let clock = clock(1_000_000_000);
    let sink = MemorySink::default();
    let options = quiet()
        .checkpoint_after(100, Duration::from_secs(3600))
        .clock(clock.clone())
        .sink(sink.clone());
    let journal = db.create(&options).await.unwrap();
    let (acme, other) = (chain("acme/default"), chain("other/default"));
    journal.create_chain(&acme).await.unwrap();
    journal.create_chain(&other).await.unwrap();
    let signed = || async { journal.maintain().await.unwrap().publication.published };
    assert_eq!(signed().await, 2, "what was never signed is due at once");
    assert_eq!(signed().await, 0);
    append(&journal, 98).await;
    assert_eq!(signed().await, 0);
    append(&journal, 2).await;
    assert_eq!(signed().await, 1, "100 entries");
    append(&journal, 1).await;
    clock.advance(Duration::from_secs(3599));
    assert_eq!(signed().await, 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(signed().await, 1, "an hour, and something to sign");
    clock.advance(Duration::from_secs(1_000_000));
    assert_eq!(signed().await, 0, "nothing to sign");
    verified(&journal).await;
    journal.close().await;
}

async fn the_task_signs_what_was_appended<T: Place>(db: T) {
    let sink = MemorySink::default();
    let options = quiet().checkpoint_after(64, Duration::MAX).sink(sink.clone());
    let journal = db.create(&options).await.unwrap();
    journal.create_chain(&chain("acme/default")).await.unwrap();
    append(&journal, 200).await;
    // Woken by what was appended; closing waits for the round it is in.
    while !sink.sizes().contains(&201) {
        tokio::task::yield_now().await;
    }
    journal.close().await;
}

/// A key service, as far as the journal sees of one.
#[derive(Debug)]
struct Service {
    verifier: VerifierKey,
    answer: Answer,
}

type Answer = fn(&SigningKey, &str) -> Result<[u8; 64], SignerError>;

impl CheckpointSigner for Service {
    fn verifier(&self) -> VerifierKey {
        self.verifier.clone()
    }

    fn sign<'a>(&'a self, message: &'a str) -> BoxFuture<'a, Result<[u8; 64], SignerError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            (self.answer)(&key(), message)
        })
    }
}

async fn a_key_service_signs_or_nothing_is_stored<T: Place>(db: T) {
    db.journal().await.close().await;
    let acme = chain("acme/default");
    let verifier = key().verifier().clone();
    let answers: [(Answer, bool); 4] = [
        (|_, _| Err(SignerError::new("out of reach")), false),
        (|_, _| Ok([0; 64]), false),
        (|key, _| Ok(key.sign("another text\n").signature().try_into().unwrap()), false),
        (|key, text| Ok(key.sign(text).signature().try_into().unwrap()), true),
    ];
    for (answer, signs) in answers {
        let service = Service { verifier: verifier.clone(), answer };
        let options = quiet().signer(service);
        let journal = db.open(&options).await.unwrap();
        let signed = journal.checkpoint(&acme).await;
        assert_eq!(signed.is_ok(), signs, "{signed:?}");
        if !signs {
            let refused =
                matches!(signed, Err(SigningError::Signer(_) | SigningError::Signature(_)));
            assert!(refused, "{signed:?}");
            assert_eq!(db.number("SELECT count(*) FROM audit_checkpoint").await, 0);
            // The lock is free again.
            journal.append(&acme, event("next")).await.unwrap();
        }
        journal.close().await;
    }
    let name = options();
    let journal = db.open(&name).await.unwrap();
    verified(&journal).await;
    journal.close().await;
}

async fn without_a_signer_nothing_is_signed<T: Place>(db: T) {
    db.journal().await.close().await;
    let plain = JournalOptions::new("audit.example.com".parse().unwrap());
    let journal = db.open(&plain).await.unwrap();
    let acme = chain("acme/default");
    journal.append(&acme, event("a")).await.unwrap();
    assert!(matches!(journal.checkpoint(&acme).await, Err(SigningError::NoSigner)));
    assert_eq!(journal.sign_and_publish_due().await.unwrap().published, 0);
    journal.close().await;
}

/// A checkpoint in the database itself that the history does not continue.
async fn a_stored_checkpoint_that_was_replaced_stops_signing<T: Place>(db: T) {
    let journal = db.create(&quiet()).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    append(&journal, 10).await;
    let forged = of_another_history(5);
    let id = db.number("SELECT id FROM audit_chain").await;
    let tenant = tenant_columns::<T>();
    db.execute(&format!(
        "INSERT INTO audit_checkpoint (chain, incarnation, size{}, note) VALUES ({id}, 1, 5{}, '{forged}')",
        tenant.0, tenant.1
    ))
    .await
    .unwrap();
    match journal.checkpoint(&acme).await {
        Err(SigningError::History(HistoryError::Forked { place, .. })) => {
            assert_eq!(place, CheckpointPlace::Database);
        }
        other => panic!("{other:?}"),
    }
    journal.close().await;
}

/// The column and value that PostgreSQL's tables have besides.
fn tenant_columns<T: Place>() -> (&'static str, &'static str) {
    if std::any::type_name::<T::Db>().contains("Postgres") {
        (", tenant", ", 'acme'")
    } else {
        ("", "")
    }
}

test_support::both_databases!(
    a_checkpoint_is_signed_stored_and_published,
    a_sink_that_failed_gets_everything_later,
    signers_of_several_handles_sign_one_history,
    nothing_is_signed_or_appended_against_what_was_published,
    a_restored_backup_refuses_to_append,
    a_chain_that_was_published_is_not_made_anew,
    a_sink_out_of_reach_suspends_until_it_answers,
    checkpoints_are_due_by_count_and_by_time,
    the_task_signs_what_was_appended,
    a_key_service_signs_or_nothing_is_stored,
    without_a_signer_nothing_is_signed,
    a_stored_checkpoint_that_was_replaced_stops_signing,
);

#[test]
fn a_database_that_may_lose_commits_is_no_basis() {
    test_support::run::<test_support::TestPg, _>(|db| async move {
        db.journal().await.close().await;
        let acme = chain("acme/default");
        let name = db.name().to_owned();
        db.execute(&format!("ALTER DATABASE \"{name}\" SET synchronous_commit = off"))
            .await
            .unwrap();
        let journal = db.open(&quiet()).await.unwrap();
        match journal.checkpoint(&acme).await {
            Err(SigningError::Volatile { setting, .. }) => {
                assert_eq!(setting, "synchronous_commit = off");
            }
            other => panic!("{other:?}"),
        }
        journal.close().await;
        let journal = db.open(&quiet().dangerous_allow_volatile()).await.unwrap();
        journal.checkpoint(&acme).await.unwrap();
        journal.close().await;
    });
}
