//! What a journal holds about one person, for the person, on both databases.
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

use audit_core::{Actor, AuditorPolicy, Event, Outcome, Target};
use audit_store::{
    AccessReason, Acting, Activity, Backend, Erasure, Journal, PRIVATE_READ, Query, SUBJECT_TARGET,
    SubjectKeySealer, SubjectScope, VerifyOptions, verify_bundle,
};
use crypto_fields::{
    CachePolicy, EpochKeys, LocalKey, MemorySubjectKeys, SecretKey, SubjectKeys, SystemClock,
};
use futures_util::TryStreamExt as _;
use place::{Place, chain, event, key, options, verified};

fn reason() -> AccessReason {
    AccessReason::new(Actor::user("dpo"), "request 7")
}

fn ada() -> SubjectScope {
    SubjectScope::new("acme", "ada@host")
        .acting_as(Actor::user("usr_ada"))
        .known_as(Target::new("customer", "cus_ada"))
        .roles(|actor| if actor.id == "usr_staff" { "support".to_owned() } else { "other".into() })
}

fn by(actor: &str) -> audit_core::EventBuilder {
    Event::builder("record.read", Actor::user(actor))
}

async fn filled<T: Place>(journal: &Journal<T::Db>) {
    let (acme, billing) = (chain("acme/default"), chain("acme/billing"));
    journal.create_chain(&acme).await.unwrap();
    journal.create_chain(&billing).await.unwrap();
    journal.create_chain(&chain("acme-2/default")).await.unwrap();
    let events = [
        by("usr_ada").private("ada@host", "/context/ip", "192.0.2.1").outcome(Outcome::Success),
        by("usr_staff").private("ada@host", "/meta/note", "called").private(
            "bob",
            "/meta/who",
            "B",
        ),
        by("usr_staff").target(Target::new("customer", "cus_ada")),
        by("usr_staff").target(Target::new("customer", "cus_ada2")),
        by("usr_bob").on_behalf_of(Actor::user("usr_ada")),
        by("usr_bob").private("bob", "/context/ip", "192.0.2.2"),
        // By more than one of the ways, and told once.
        by("usr_ada")
            .target(Target::new("customer", "cus_ada"))
            .private("ada@host", "/context/ip", "192.0.2.3")
            .private("bob", "/meta/who", "B"),
    ];
    for event in events {
        journal.append(&acme, event.build().unwrap()).await.unwrap();
    }
    journal.append(&billing, by("usr_ada").build().unwrap()).await.unwrap();
    journal.append(&chain("acme-2/default"), by("usr_ada").build().unwrap()).await.unwrap();
    // The last entry of a chain is shown to everybody.
    journal.append(&acme, event("x")).await.unwrap();
    journal.append(&billing, event("x")).await.unwrap();
}

async fn told<DB: Backend>(journal: &Journal<DB>) -> Vec<Activity> {
    journal.activity_of(&ada(), &reason()).await.unwrap().try_collect().await.unwrap()
}

async fn a_person_is_told_everything_about_herself_and_nobody_else<T: Place>(db: T) {
    let journal = db.create(&options()).await.unwrap();
    filled::<T>(&journal).await;
    let activity = told(&journal).await;
    let places: Vec<_> = activity.iter().map(|a| (a.chain.series().to_owned(), a.seq)).collect();
    let expected = [1, 2, 3, 5, 7].map(|seq| ("default".to_owned(), seq));
    assert_eq!(places[..5], expected);
    assert_eq!(places[5..], [("billing".to_owned(), 1)]);
    assert_eq!(activity[0].fields, [("/context/ip".to_owned(), "192.0.2.1".into())]);
    assert_eq!(
        (activity[0].actor.clone(), activity[0].outcome),
        (Acting::Yourself, Some(Outcome::Success))
    );
    assert_eq!(activity[1].actor, Acting::Other("support".to_owned()));
    assert_eq!(activity[1].fields, [("/meta/note".to_owned(), "called".into())]);
    assert_eq!(activity[3].actor, Acting::Other("other".to_owned()));
    assert_eq!(activity[3].on_behalf_of, Some(Acting::Yourself));
    let text = serde_json::to_string(&activity).unwrap();
    for other in ["bob", "staff", "192.0.2.2", "cus_ada2", "\"B\""] {
        assert!(!text.contains(other), "{other} in {text}");
    }
    // Nobody of that name: what is known by other ids is told all the same.
    let unknown = SubjectScope::new("acme", "nobody").acting_as(Actor::user("usr_ada"));
    let all: Vec<_> =
        journal.activity_of(&unknown, &reason()).await.unwrap().try_collect().await.unwrap();
    assert_eq!(all.len(), 4);
}

async fn the_export_verifies_and_shows_others_by_hash_only<T: Place>(db: T) {
    let journal = db.create(&options()).await.unwrap();
    filled::<T>(&journal).await;
    for name in ["acme/default", "acme/billing"] {
        journal.checkpoint(&chain(name)).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("ada");
    let export = journal.export_subject(&ada(), &reason(), &place).await.unwrap();
    assert_eq!((export.entries, export.bundles.len()), (6, 2));
    let lines = std::fs::read_to_string(place.join("activity.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 6);
    let entries = std::fs::read_to_string(place.join("default/entries.jsonl")).unwrap();
    for line in lines.lines().take(2) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        // By its text where the person acted, by its hash where somebody else did.
        let leaf = line["leaf"].as_str().unwrap();
        let body = entries.lines().nth(usize::try_from(line["seq"].as_u64().unwrap()).unwrap());
        let body = body.unwrap();
        let found = audit_core::LeafHash::of(body.as_bytes()).to_string();
        assert!(found == leaf || body.contains(&format!("\"leaf\":\"{leaf}\"")), "{body}");
    }
    assert!(!entries.contains("usr_staff") && !entries.contains("usr_bob"));
    let disclosures = std::fs::read_to_string(place.join("default/disclosures.jsonl")).unwrap();
    assert_eq!(disclosures.matches("another person").count(), 1);
    assert_eq!(disclosures.matches("\"disclosure\"").count(), 2);
    for series in ["default", "billing"] {
        let policy = AuditorPolicy::new([key().verifier().clone()]);
        let report = verify_bundle(place.join(series), &VerifyOptions::new(policy)).unwrap();
        assert_eq!(report.findings().count(), 0, "{series}");
        assert_eq!(report.counts.absent > 0, series == "default", "{series}");
    }
    let twice = journal.export_subject(&ada(), &reason(), &place).await;
    assert!(twice.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half done");
}

async fn sealed_fields_are_opened_and_erased_ones_are_gone<T: Place>(db: T) {
    let keys = Arc::new(SubjectKeys::new(
        MemorySubjectKeys::default(),
        EpochKeys::new(Arc::new(LocalKey::new(SecretKey::random().unwrap()))),
        CachePolicy::DEFAULT,
        Arc::new(SystemClock),
    ));
    let sealing =
        options().private_fields(SubjectKeySealer::new(keys).unwrap()).record_private_reads(true);
    let journal = db.create(&sealing).await.unwrap();
    filled::<T>(&journal).await;
    let activity = told(&journal).await;
    assert_eq!(activity[1].fields, [("/meta/note".to_owned(), "called".into())]);
    // The reading is on record in each chain, before anything was read.
    let query = Query::new(&chain("acme/billing")).action(PRIVATE_READ);
    let page = journal.query(&query).await.unwrap();
    let read = page.entries[0].entry().unwrap();
    assert_eq!(read.event().targets()[0].kind, SUBJECT_TARGET);

    let erasure = Erasure::new("acme", "ada@host", Actor::user("dpo"), "g", "r");
    journal.erase_subject(&erasure).await.unwrap();
    let activity = told(&journal).await;
    assert!(activity.iter().all(|entry| entry.fields.is_empty()));
    assert!(!activity.is_empty(), "her own acts stand under an id, which is no field");
    verified(&journal).await;
}

test_support::both_databases!(
    a_person_is_told_everything_about_herself_and_nobody_else,
    the_export_verifies_and_shows_others_by_hash_only,
    sealed_fields_are_opened_and_erased_ones_are_gone,
);
