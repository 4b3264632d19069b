//! Legal holds, on both databases.
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
use std::sync::atomic::{AtomicBool, Ordering};

use audit_core::{Actor, Event, HoldScope, LegalHoldError, Reserved, SubjectRef, Target};
use audit_store::{
    AccessReason, AppendError, Backend, BoxFuture, DatabaseError, DatabaseErrorKind, Erasure,
    ErasureError, HoldError, HoldOrder, Journal, OpenedPrivate, PrivateFieldSealer, PrivatePlace,
    Query, SealerError, SubjectKeySealer,
};
use crypto_fields::{
    CachePolicy, EpochKeys, KeyStatus, LocalKey, MemorySubjectKeys, Purpose, SecretKey,
    SubjectKeys, SystemClock, TenantId,
};
use place::{Place, chain, event, options, verified};

const PERSON: &str = "person-7b1f2c";

fn dpo() -> Actor {
    Actor::user("dpo")
}

fn about(person: &str, target: &str) -> Event {
    Event::builder("user.login", Actor::user("usr_1"))
        .target(Target::new("record", target))
        .private(person, "/context/ip", "192.0.2.7")
        .private("someone else", "/actor/name", "Ada")
        .build()
        .unwrap()
}

fn on_person(hold: &str) -> HoldOrder {
    HoldOrder::on_subject("acme", PERSON, hold, "file 12/26", dpo())
}

fn on_record(hold: &str, id: &str) -> HoldOrder {
    HoldOrder::on_target("acme", &Target::new("record", id), hold, "file 12/26", dpo())
}

fn erasure() -> Erasure {
    Erasure::new("acme", PERSON, dpo(), "gdpr-17-1-b", "req-1")
}

async fn fields<DB: Backend>(journal: &Journal<DB>, name: &str, seq: u64) -> usize {
    let reason = AccessReason::new(Actor::user("support"), "matter 7");
    journal.read_private(&chain(name), seq, &reason).await.unwrap().len()
}

/// What the reserved entries of a chain say, by seq.
async fn said<DB: Backend>(journal: &Journal<DB>, name: &str) -> Vec<(u64, Reserved)> {
    let query = Query::new(&chain(name)).action_prefix("journal.").oldest_first().page_size(1000);
    let page = journal.query(&query).await.unwrap();
    let read = |entry: &audit_store::StoredEntry| entry.entry().unwrap().reserved().unwrap();
    page.entries.iter().map(|entry| (entry.seq(), read(entry).unwrap())).collect()
}

async fn a_hold_says_what_it_covers<T: Place>(db: T) {
    let journal = db.journal().await;
    let (acme, other) = (chain("acme/default"), chain("acme/other"));
    journal.create_chain(&other).await.unwrap();
    journal.create_chain(&chain("acme-2/default")).await.unwrap();
    for number in 0..600 {
        let next = if number % 3 == 0 { about(PERSON, "a") } else { event("b") };
        journal.append(&acme, next).await.unwrap();
    }
    // Some of it is in the query index by now, and some is not.
    journal.post_index().await.unwrap();
    journal.append_batch(&acme, vec![about(PERSON, "c"), about(PERSON, "c")]).await.unwrap();

    let receipts = journal.place_hold(&on_person("case-1")).await.unwrap();
    assert_eq!(receipts.len(), 2);
    let placed = said(&journal, "acme/default").await.pop().unwrap();
    let Reserved::HoldPlaced { covers, hold, matter, scope } = placed.1 else {
        panic!("{placed:?}")
    };
    assert_eq!((&*hold, &*matter, placed.0), ("case-1", "file 12/26", 603));
    let HoldScope::Subject(subject) = scope else { panic!("{scope:?}") };
    let expected: Vec<_> = (0..200).map(|n| (n * 3 + 1, n * 3 + 1)).chain([(601, 602)]).collect();
    assert_eq!(covers, expected);
    let placed = said(&journal, "acme/other").await.pop().unwrap().1;
    assert!(matches!(placed, Reserved::HoldPlaced { covers, .. } if covers.is_empty()));

    journal.place_hold(&on_record("case-2", "c")).await.unwrap();
    let placed = said(&journal, "acme/default").await.pop().unwrap().1;
    assert!(matches!(placed, Reserved::HoldPlaced { covers, .. } if covers == [(601, 602)]));
    let whole = HoldOrder::on_chain(&acme, "case-3", "file 13/26", dpo());
    assert_eq!(journal.place_hold(&whole).await.unwrap().len(), 1);
    let placed = said(&journal, "acme/default").await.pop().unwrap().1;
    assert!(matches!(placed, Reserved::HoldPlaced { covers, .. } if covers == [(0, 604)]));

    // A chain made later begins with what is on all chains of the tenant.
    journal.create_chain(&chain("acme/later")).await.unwrap();
    let later: Vec<_> = said(&journal, "acme/later").await.into_iter().map(|(_, r)| r).collect();
    assert_eq!(later.len(), 3);
    assert!(matches!(&later[1], Reserved::HoldPlaced { hold, .. } if hold == "case-1"));
    assert!(matches!(&later[2], Reserved::HoldPlaced { hold, .. } if hold == "case-2"));

    let holds = journal.holds("acme").await.unwrap();
    let ids: Vec<_> = holds.iter().map(|hold| (&*hold.hold, hold.chains.len())).collect();
    assert_eq!(ids, [("case-1", 3), ("case-2", 3), ("case-3", 1)]);
    assert_eq!(holds[0].scope, HoldScope::Subject(subject));
    assert_eq!(holds[2].matter, "file 13/26");
    assert!(journal.holds("acme-2").await.unwrap().is_empty());

    let twice = journal.place_hold(&on_record("case-1", "c")).await.unwrap_err();
    assert!(matches!(twice, HoldError::AlreadyPlaced { .. }), "{twice}");
    assert_eq!(journal.release_hold("acme", "case-1", dpo()).await.unwrap().len(), 3);
    let twice = journal.release_hold("acme", "case-1", dpo()).await.unwrap_err();
    assert!(matches!(twice, HoldError::NotInForce), "{twice}");
    assert_eq!(journal.holds("acme").await.unwrap().len(), 2);
    assert!(verified(&journal).await.chains[0].holds_beyond_the_chain);
}

async fn what_cannot_be_held_is_refused<T: Place>(db: T) {
    let journal = db.journal().await;
    let refused = [
        HoldOrder::on_target("nobody", &Target::new("record", "a"), "h", "m", dpo()),
        HoldOrder::on_chain(&chain("acme/none"), "h", "m", dpo()),
    ];
    for order in refused {
        let error = journal.place_hold(&order).await.unwrap_err();
        assert!(matches!(error, HoldError::NoChain), "{error}");
    }
    let nobody = HoldOrder::on_subject("acme", "", "h", "m", dpo());
    let error = journal.place_hold(&nobody).await.unwrap_err();
    assert!(
        matches!(error, HoldError::Append(AppendError::SubjectId { bytes: 0, .. })),
        "{error:?}"
    );
    let target = |kind: &str, id: &str, hold: &str, matter: &str| {
        HoldOrder::on_target("acme", &Target::new(kind, id), hold, matter, dpo())
    };
    for (order, wrong) in [
        (target("record", "a", "", "m"), "id"),
        (target("record", "a", &"h".repeat(257), "m"), "id"),
        (target("record", "a", "h", ""), "matter"),
        (target("", "a", "h", "m"), "target's type"),
        (target("record", "", "h", "m"), "target's id"),
    ] {
        let error = journal.place_hold(&order).await.unwrap_err();
        let HoldError::Hold(LegalHoldError::Length { what, .. }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(what, wrong);
    }
    let error = journal.release_hold("acme", "never", dpo()).await.unwrap_err();
    assert!(matches!(error, HoldError::NotInForce), "{error}");
    assert_eq!(said(&journal, "acme/default").await.len(), 1, "nothing was recorded");
    assert_eq!(verified(&journal).await.counts.entries, 1);
}

async fn an_erasure_leaves_what_is_held_until_the_last_release<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    for target in ["free", "held", "held too", "free"] {
        journal.append(&acme, about(PERSON, target)).await.unwrap();
    }
    journal.place_hold(&on_record("case-1", "held")).await.unwrap();
    journal.place_hold(&on_record("case-2", "held too")).await.unwrap();
    // What comes later and matches is kept like what was there.
    journal.append(&acme, about(PERSON, "held")).await.unwrap();
    let report = journal.erase_subject(&erasure()).await.unwrap();
    assert_eq!((report.removed, report.deferred), (2, 3));
    let left = async |journal: &Journal<T::Db>, request: &str| {
        let left = journal.finish_erasure("acme", request).await.unwrap();
        let stored = journal.count_private("acme", report.subject).await.unwrap();
        assert_eq!(stored, if request == "req-1" { left.entries } else { stored });
        (left.entries, left.holds.into_iter().collect::<Vec<_>>())
    };
    let by = |hold: &str, count| (hold.to_owned(), count);
    assert_eq!(left(&journal, "req-1").await, (3, vec![by("case-1", 2), by("case-2", 1)]));
    assert_eq!(left(&journal, "another").await, (0, vec![]));
    let count = async |journal: &Journal<T::Db>| {
        let mut all = Vec::new();
        for seq in [1, 2, 3, 4, 7] {
            all.push(fields(journal, "acme/default", seq).await);
        }
        all
    };
    assert_eq!(count(&journal).await, [1, 2, 2, 1, 2]);
    assert!(matches!(
        journal.erase_subject(&erasure()).await.unwrap_err(),
        ErasureError::UnknownSubject
    ));
    assert_eq!(verified(&journal).await.counts.erased, 2);
    // Who returns is somebody new.
    let back = journal.append(&acme, about(PERSON, "held")).await.unwrap().seq;
    let journal = reopened(&db, journal).await;

    let entries = journal.release_hold("acme", "case-1", dpo()).await.unwrap();
    assert_eq!(entries.len(), 2, "the release, and the erasure that it lets go on");
    assert_eq!(count(&journal).await, [1, 1, 2, 1, 1]);
    assert_eq!(left(&journal, "req-1").await, (1, vec![by("case-2", 1)]));
    assert_eq!(fields(&journal, "acme/default", back).await, 2);
    let erased = said(&journal, "acme/default").await.pop().unwrap().1;
    let Reserved::SubjectErased { ground, request, subject, through } = erased else {
        panic!("{erased:?}")
    };
    assert_eq!((&*ground, &*request, subject), ("gdpr-17-1-b", "req-1", report.subject));
    assert_eq!(through, entries[0].seq);
    assert_eq!(verified(&journal).await.counts.erased, 4);

    journal.release_hold("acme", "case-2", dpo()).await.unwrap();
    assert_eq!(count(&journal).await, [1, 1, 1, 1, 1]);
    assert_eq!(left(&journal, "req-1").await, (0, vec![]));
    assert_eq!(db.number("SELECT count(*) FROM audit_deferred").await, 0);
    assert_eq!(verified(&journal).await.counts.erased, 5);
}

async fn reopened<T: Place>(db: &T, journal: Journal<T::Db>) -> Journal<T::Db> {
    journal.close().await;
    db.open(&options()).await.unwrap()
}

async fn held_fields_outlive_their_subjects_key<T: Place>(db: T) {
    let keys = subject_keys();
    let sealing = options().private_fields(SubjectKeySealer::new(Arc::clone(&keys)).unwrap());
    let journal = db.create(&sealing).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    journal.append(&acme, about(PERSON, "free")).await.unwrap();
    journal.append(&acme, about(PERSON, "held")).await.unwrap();
    journal.place_hold(&on_record("case-1", "held")).await.unwrap();
    let subject = journal.erase_subject(&erasure()).await.unwrap().subject;
    let tenant = TenantId::new("acme").unwrap();
    let id = SubjectKeySealer::<MemorySubjectKeys>::subject_id(subject).unwrap();
    let custody = crypto_fields::SubjectId::new(format!("{subject}.held")).unwrap();
    assert!(matches!(
        keys.status(&tenant, &id, Purpose::Seal).await.unwrap(),
        KeyStatus::Destroyed { .. }
    ));
    assert_eq!(keys.status(&tenant, &custody, Purpose::Seal).await.unwrap(), KeyStatus::Live);
    assert_eq!(fields(&journal, "acme/default", 1).await, 1);
    assert_eq!(fields(&journal, "acme/default", 2).await, 2, "readable, for the matter's sake");
    verified(&journal).await;
    journal.release_hold("acme", "case-1", dpo()).await.unwrap();
    assert_eq!(fields(&journal, "acme/default", 2).await, 1);
    assert!(matches!(
        keys.status(&tenant, &custody, Purpose::Seal).await.unwrap(),
        KeyStatus::Destroyed { .. }
    ));
    assert_eq!(db.number("SELECT count(*) FROM audit_condemned").await, 0);
    verified(&journal).await;
}

fn subject_keys() -> Arc<SubjectKeys<MemorySubjectKeys>> {
    Arc::new(SubjectKeys::new(
        MemorySubjectKeys::default(),
        EpochKeys::new(Arc::new(LocalKey::new(SecretKey::random().unwrap()))),
        CachePolicy::DEFAULT,
        Arc::new(SystemClock),
    ))
}

/// Destroys no key while its switch is off.
#[derive(Clone, Debug)]
struct Stubborn(Arc<AtomicBool>, Arc<SubjectKeySealer<MemorySubjectKeys>>);

#[derive(Debug, thiserror::Error)]
#[error("the key server does not answer")]
struct Away;

impl PrivateFieldSealer for Stubborn {
    fn seal<'a>(
        &'a self,
        place: &'a PrivatePlace,
        disclosure: &'a str,
    ) -> BoxFuture<'a, Result<String, SealerError>> {
        self.1.seal(place, disclosure)
    }
    fn keep<'a>(
        &'a self,
        place: &'a PrivatePlace,
        disclosure: &'a str,
    ) -> BoxFuture<'a, Result<String, SealerError>> {
        self.1.keep(place, disclosure)
    }
    fn destroy<'a>(
        &'a self,
        tenant: &'a str,
        subject: SubjectRef,
    ) -> BoxFuture<'a, Result<(), SealerError>> {
        if self.0.load(Ordering::SeqCst) {
            return self.1.destroy(tenant, subject);
        }
        Box::pin(async { Err(SealerError::unavailable(Away)) })
    }
    fn destroy_custody<'a>(
        &'a self,
        tenant: &'a str,
        subject: SubjectRef,
    ) -> BoxFuture<'a, Result<(), SealerError>> {
        self.1.destroy_custody(tenant, subject)
    }
    fn open<'a>(
        &'a self,
        place: &'a PrivatePlace,
        sealed: &'a str,
    ) -> BoxFuture<'a, Result<OpenedPrivate, SealerError>> {
        self.1.open(place, sealed)
    }
}

async fn a_key_that_could_not_be_destroyed_is_not_forgotten<T: Place>(db: T) {
    let keys = subject_keys();
    let answers = Arc::new(AtomicBool::new(false));
    let sealer = Arc::new(SubjectKeySealer::new(Arc::clone(&keys)).unwrap());
    let sealing = options().private_fields(Stubborn(Arc::clone(&answers), sealer));
    let journal = db.create(&sealing).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    journal.append(&acme, about(PERSON, "a")).await.unwrap();
    let entry = journal.query(&Query::new(&acme)).await.unwrap().entries.remove(0);
    let refs: Vec<SubjectRef> =
        entry.entry().unwrap().event().private().iter().map(|(subject, _)| *subject).collect();
    let error = journal.erase_subject(&erasure()).await.unwrap_err();
    assert!(matches!(error, ErasureError::PrivateFields(_)), "{error}");
    // The person is erased nevertheless, and the journal says so.
    assert_eq!(fields(&journal, "acme/default", 1).await, 1);
    assert!(journal.maintain().await.is_err());
    let tenant = TenantId::new("acme").unwrap();
    let destroyed = async || {
        let mut destroyed = 0;
        for subject in &refs {
            let id = SubjectKeySealer::<MemorySubjectKeys>::subject_id(*subject).unwrap();
            let status = keys.status(&tenant, &id, Purpose::Seal).await.unwrap();
            destroyed += usize::from(matches!(status, KeyStatus::Destroyed { .. }));
        }
        destroyed
    };
    assert_eq!(destroyed().await, 0);
    answers.store(true, Ordering::SeqCst);
    journal.close().await;
    let journal = db.open(&sealing).await.unwrap();
    assert_eq!(destroyed().await, 1, "opening the journal has done it");
    journal.maintain().await.unwrap();
    verified(&journal).await;
}

async fn a_list_of_holds_that_was_tampered_with_is_found<T: Place>(db: T) {
    let journal = db.journal().await;
    journal.append(&chain("acme/default"), about(PERSON, "held")).await.unwrap();
    journal.place_hold(&on_record("case-1", "held")).await.unwrap();
    journal.place_hold(&on_person("case-2")).await.unwrap();
    let off = if T::POSTGRES {
        "ALTER TABLE audit_hold DISABLE TRIGGER USER; "
    } else {
        "DROP TRIGGER audit_hold_delete; "
    };
    let policy = || audit_core::AuditorPolicy::new([place::key().verifier().clone()]);
    verified(&journal).await;
    db.execute(&format!("{off} DELETE FROM audit_hold WHERE hold = 'case-1'")).await.unwrap();
    let report = journal.verify(&audit_store::VerifyOptions::new(policy())).await.unwrap();
    let findings: Vec<_> = report.findings().collect();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0].code, audit_core::FindingCode::Projection);
    let evidence = findings[0].evidence.as_ref().unwrap();
    assert_eq!((&*evidence.expected, &*evidence.found), ("case-2", "case-1, case-2"));
}

async fn the_database_keeps_what_is_held<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    journal.append(&acme, about(PERSON, "held")).await.unwrap();
    let (tenant, value) = if T::POSTGRES { (", tenant", ", 'acme'") } else { ("", "") };
    let insert = |hold: &str, seq: u64| {
        format!(
            "INSERT INTO audit_hold (chain, hold, seq, kind{tenant})
             VALUES (1, '{hold}', {seq}, 'chain'{value})"
        )
    };
    let refused = async |sql: &str| {
        let error = DatabaseError::from(db.execute(sql).await.unwrap_err());
        assert_eq!(error.kind(), DatabaseErrorKind::Constraint, "{sql}");
    };
    // A hold without an entry is none, and one with an entry stays.
    refused(&insert("case-1", 0)).await;
    journal.place_hold(&on_record("case-1", "held")).await.unwrap();
    refused(&insert("case-2", 2)).await;
    refused(" DELETE FROM audit_hold").await;
    refused("UPDATE audit_hold SET hold = 'x'").await;
    journal.erase_subject(&erasure()).await.unwrap();
    refused(" DELETE FROM audit_disclosure").await;
    refused("UPDATE audit_disclosure SET items = '[]'").await;
    assert_eq!(fields(&journal, "acme/default", 1).await, 2);
    // Without a hold, only the entry of the erasure lets fields go, and only the person's own.
    journal.append(&acme, about(PERSON, "free")).await.unwrap();
    refused("UPDATE audit_subject SET host = NULL, erased = 1 WHERE host IS NOT NULL").await;
    verified(&journal).await;
}

test_support::both_databases!(
    a_hold_says_what_it_covers,
    what_cannot_be_held_is_refused,
    an_erasure_leaves_what_is_held_until_the_last_release,
    held_fields_outlive_their_subjects_key,
    a_key_that_could_not_be_destroyed_is_not_forgotten,
    a_list_of_holds_that_was_tampered_with_is_found,
    the_database_keeps_what_is_held,
);
