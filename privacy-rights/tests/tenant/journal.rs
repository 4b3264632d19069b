//! The journal as a source: read, and not erased.

use audit_core::{Actor, Event, Target};
use audit_store::{AccessReason, Erasure, PRIVATE_READ, Query};
use privacy_rights::{
    AccessBundle, AccessError, AccessNotice, AutomatedDecisions, ErasureStrategy, Field,
    FieldValue, JournalSource, JournalSourceError, LegalBasis, Link, NothingIsHeld, Pages,
    PersonalDataSource, Purpose, Record, Retention, SourceDeclaration, SourceError, Step, Storage,
    apply_all, foresee_all, journal_declaration, verify_bundle,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::behaviours;
use crate::support::{belgium, customers, empty_map};
use crate::world::{World, chain, clerk, key, person, world};

fn declared() -> SourceDeclaration {
    journal_declaration("journal", "gdpr-17-3-b")
        .linked(Link::column("subject", "customer_id").unwrap())
        .linked(Link::column("customer", "customer_id").unwrap())
        .linked(Link::column("actor", "login").unwrap())
        .located(belgium(), "our own data centre")
        .purpose("accountability")
        .kept(Retention::new("ten years"))
}

fn source<DB: privacy_rights::Backend>(world: &World<DB>) -> JournalSource<DB> {
    let reason = AccessReason::new(clerk(), "request 7");
    let source = JournalSource::new(world.journal.clone(), "acme", reason, declared()).unwrap();
    source.roles(|_| "support".to_owned())
}

/// Ann is customer 1 and 11, and logs in as `ann`; customer 2 is somebody else.
async fn what_happened<DB: privacy_rights::Backend>(world: &World<DB>) {
    let staff = |action: &str| Event::builder(action, Actor::user("usr_staff"));
    let one = |id: &str| Target::new("customer", id);
    let events = [
        staff("record.read").target(one("1")),
        staff("record.read").target(one("2")).private("2", "/meta/note", "CANARY-bob"),
        Event::builder("session.begun", Actor::user("ann")),
        staff("note.written").private("1", "/meta/note", "CANARY-ann"),
        staff("note.written").private("11", "/meta/note", "CANARY-eleven"),
    ];
    world.journal.create_chain(&chain("acme", "app")).await.unwrap();
    for event in events {
        world.journal.append(&chain("acme", "app"), event.build().unwrap()).await.unwrap();
    }
}

async fn records(
    source: &dyn PersonalDataSource,
    ids: &[(&str, &str)],
    size: usize,
) -> Vec<Record> {
    let mut all = ids.iter().map(|(kind, value)| person(kind, value));
    let first = all.next().unwrap();
    let ann = all.fold(first, |ann, more| {
        more.identifiers().fold(ann, |ann, one| ann.and(one.clone()).unwrap())
    });
    let mut pages = Pages::new(source, ann).of_size(size);
    let mut records = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        records.extend(page.records);
    }
    records
}

fn field(record: &Record, name: &str) -> Value {
    match &record.fields.iter().find(|(field, _)| field == name).unwrap().1 {
        FieldValue::Value(value) => value.clone(),
        _ => Value::Null,
    }
}

const ANN: &[(&str, &str)] = &[("customer_id", "1"), ("customer_id", "11"), ("login", "ann")];

behaviours! {
    async fn a_person_reads_their_own_entries_and_others_are_roles(db) {
        let world = world(&db).await;
        what_happened(&world).await;
        let source = source(&world);
        let found = records(&source, ANN, 100).await;
        let told: Vec<Value> = found
            .iter()
            .map(|one| json!([field(one, "action"), field(one, "actor"), field(one, "fields")]))
            .collect();
        let expected = [
            json!(["record.read", "support", null]),
            json!(["session.begun", "yourself", null]),
            json!(["note.written", "support", {"/meta/note": "CANARY-ann"}]),
            json!(["note.written", "support", {"/meta/note": "CANARY-eleven"}]),
        ];
        assert_eq!(told, expected);
        let text = format!("{:?}", found.iter().map(|one| &one.key).collect::<Vec<_>>());
        assert_eq!(text, r#"["app/1", "app/3", "app/4", "app/5/1"]"#);
        // The reading itself is on record, for each of the two whom it was about.
        let query = Query::new(&chain("acme", "app")).action(PRIVATE_READ);
        assert_eq!(world.journal.query(&query).await.unwrap().entries.len(), 2);
        assert!(records(&source, &[("login", "nobody")], 2).await.is_empty());
        assert!(records(&source, &[("email", "ann@example.com")], 2).await.is_empty());
    }

    async fn pages_go_on_where_they_ended_also_in_another_process(db) {
        let world = world(&db).await;
        what_happened(&world).await;
        let whole = records(&source(&world), ANN, 100).await;
        for size in 1..4 {
            assert_eq!(records(&source(&world), ANN, size).await, whole, "{size}");
        }
        // Somebody else asks in between, and another process goes on.
        let (one, other) = (source(&world), source(&world));
        let ann = person("customer_id", "1");
        let first = one.scan(&ann, None, 1).await.unwrap();
        let of_bob = one.scan(&person("customer_id", "2"), None, 1).await.unwrap();
        assert_eq!(of_bob.records.len(), 1);
        assert_ne!(of_bob.records, first.records);
        let rest = one.scan(&ann, first.next.as_ref(), 10).await.unwrap();
        assert_eq!(other.scan(&ann, first.next.as_ref(), 10).await.unwrap(), rest);
        assert_eq!((rest.records.len(), rest.next), (1, None));
        let lost = privacy_rights::Cursor::new("app/99");
        let refused = one.scan(&ann, Some(&lost), 10).await;
        assert!(matches!(refused, Err(SourceError::Cursor)), "{refused:?}");
    }

    async fn no_erasure_changes_it_and_what_is_left_is_explained(db) {
        let world = world(&db).await;
        what_happened(&world).await;
        let (source, ann) = (source(&world), person("customer_id", "1"));
        let step = Step::new(Uuid::from_u128(7), "2026-06-11".parse().unwrap());
        let before = records(&source, &[("customer_id", "1")], 10).await;
        let each = |applied: &privacy_rights::Applied| assert!(applied.kept.is_empty());
        let foreseen = foresee_all(&source, &ann, &step, &NothingIsHeld, each).await.unwrap();
        assert_eq!(foreseen, 0);
        assert_eq!(apply_all(&source, &ann, &step, &NothingIsHeld, each).await.unwrap(), 0);
        assert_eq!(records(&source, &[("customer_id", "1")], 10).await, before);
        let left = source.remaining(&ann, &step).await.unwrap();
        assert!(left.is_explained() && left.records == 2, "{left:?}");
        // The journal erases what it holds in private, and the entry that names them stays.
        let erasure = Erasure::new("acme", "1", clerk(), "gdpr-17-1-b", "request 7");
        world.journal.erase_subject(&erasure).await.unwrap();
        let after = records(&source, &[("customer_id", "1")], 10).await;
        assert_eq!(after.len(), 1);
        assert_eq!(field(&after[0], "action"), "record.read");
    }

    async fn in_a_bundle_it_is_given_once(db) {
        let world = world(&db).await;
        what_happened(&world).await;
        let map = empty_map()
            .purpose(Purpose::new("accountability", "To show who did what", LegalBasis::LegalObligation {
                law: "GDPR Art. 5(2)".into(),
            }).about("customers"))
            .source(declared())
            .build()
            .unwrap();
        let register = String::from_utf8(map.processing_register().to_csv().unwrap()).unwrap();
        assert!(register.contains("To show who did what"), "{register}");
        let (source, ann) = (source(&world), person("customer_id", "1"));
        let notice = AccessNotice::new("APD", "From you.", AutomatedDecisions::None);
        let at = "2026-06-11T10:00:00Z".parse().unwrap();
        let bundle = || AccessBundle::access(&map, &ann, &notice, Uuid::from_u128(7), at);
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("bundle");
        let manifest = bundle().source(&source).write_directory(&place, &key()).await.unwrap();
        verify_bundle(&place, &[key().verifier().clone()]).unwrap();
        let file = manifest.files.iter().find(|file| file.path == "data/journal.json").unwrap();
        assert_eq!((file.rows, file.period.as_slice()), (Some(2), &["ten years".to_owned()][..]));
        let text = std::fs::read_to_string(place.join("data/journal.json")).unwrap();
        assert!(text.contains("CANARY-ann") && text.contains("support"), "{text}");
        assert!(!text.contains("usr_staff") && !text.contains("CANARY-bob"), "{text}");

        let reason = AccessReason::new(clerk(), "request 7");
        let scope = audit_store::SubjectScope::new("acme", "1");
        let both = bundle().source(&source).journal(&world.journal, &scope, &reason).await.unwrap();
        let refused = both.write_directory(folder.path().join("twice"), &key()).await;
        assert!(matches!(refused, Err(AccessError::Twice { .. })), "{refused:?}");
        assert!(!folder.path().join("twice").exists());
    }

    async fn what_is_no_journal_is_refused(db) {
        let world = world(&db).await;
        assert_eq!(world.journal.holds("acme").await.unwrap().len(), 0);
        let refuse = |declaration| {
            let reason = AccessReason::new(clerk(), "request 7");
            JournalSource::new(world.journal.clone(), "acme", reason, declaration).unwrap_err()
        };
        let no_journal = JournalSourceError::NoJournal { name: "customers".into() };
        assert_eq!(refuse(customers()), no_journal);
        let storage = Storage::Other { name: Storage::JOURNAL.into() };
        let other = SourceDeclaration::new("journal", storage).erased_by(ErasureStrategy::Shred);
        let unknown = other.clone().field(Field::new("body", "activity", "All of it."));
        assert_eq!(refuse(unknown), JournalSourceError::Field { field: "body".into() });
        let erased = declared().erased_by(ErasureStrategy::Null);
        assert_eq!(refuse(erased), JournalSourceError::Field { field: "at".into() });
    }
}
