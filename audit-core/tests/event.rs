//! Events: every limit, every refusal, and that what was built reads back.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests"
)]

use audit_core::{
    Actor, ActorKind, CanonicalEvent, Change, Context, Defect, Digest, Disclosure, Event,
    EventBuilder, EventError, EventView, Outcome, SubjectRef, Target, Timestamp, action,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn base() -> EventBuilder {
    Event::builder("a.b", Actor::user("u"))
}

fn refs(_: &str) -> Option<SubjectRef> {
    Some(SubjectRef::from_bytes([7; 16]))
}

fn refused(event: EventBuilder) -> (String, Defect) {
    match event.build() {
        Err(EventError::Member { pointer, defect }) => (pointer, defect),
        other => panic!("{other:?}"),
    }
}

fn at(pointer: &str, defect: Defect) -> (String, Defect) {
    (pointer.to_owned(), defect)
}

const LONG: Defect = Defect::TooLong { bytes: 257, limit: 256 };

#[test]
fn ids_and_names_are_bounded() {
    let id = |len: usize| "x".repeat(len);
    assert!(Event::builder("a.b", Actor::user(id(256))).build().is_ok());
    assert_eq!(refused(Event::builder("a.b", Actor::user(id(257)))), at("/actor/id", LONG));
    assert_eq!(refused(base().on_behalf_of(Actor::user(id(257)))), at("/on_behalf_of/id", LONG));
    assert_eq!(
        refused(base().target(Target::new("t", "1")).target(Target::new("t", id(257)))),
        at("/targets/1/id", LONG)
    );
    assert_eq!(refused(base().target(Target::new(id(257), "1"))), at("/targets/0/type", LONG));
    assert_eq!(refused(base().change(Change::concealed(id(257)))), at("/changes/0/field", LONG));
    let context = Context::new().session_id(id(257));
    assert_eq!(refused(base().context(context)), at("/context/session_id", LONG));
    // What is too long to be a name is not repeated.
    assert_eq!(refused(base().meta(&id(257), 1)), at("/meta", LONG));
    assert_eq!(refused(base().meta("a", json!({id(257): 1}))), at("/meta/a", LONG));
    assert_eq!(
        refused(Event::builder(&format!("a.{}", id(99)), Actor::user("u"))),
        at("/action", Defect::TooLong { bytes: 101, limit: 100 })
    );
}

#[test]
fn counts_are_bounded() {
    let targets =
        |n: usize| (0..n).fold(base(), |event, n| event.target(Target::new("t", n.to_string())));
    assert!(targets(64).build().is_ok());
    assert_eq!(refused(targets(65)), at("/targets", Defect::TooMany { limit: 64 }));
    let changes = |n: usize| base().changes((0..n).map(|n| Change::added(n.to_string(), n)));
    assert!(changes(256).build().is_ok());
    assert_eq!(refused(changes(257)), at("/changes", Defect::TooMany { limit: 256 }));
}

/// The limit on reading is the same as on building.
#[test]
fn reading_has_the_same_bounds() {
    let event =
        base().target(Target::new("t", "1")).change(Change::concealed("f")).build().unwrap();
    let event = event.canonicalize(refs).unwrap();
    let parse = |from: &str, to: &str| {
        let text = event.as_str().replacen(from, to, 1);
        assert_ne!(text, event.as_str());
        match EventView::parse(&text) {
            Ok(_) => at("", Defect::Missing),
            Err(EventError::Member { pointer, defect }) => (pointer, defect),
            Err(other) => panic!("{other:?}"),
        }
    };
    let good = at("", Defect::Missing);
    let targets = |n: usize| vec!["{\"id\":\"1\",\"type\":\"t\"}"; n].join(",");
    assert_eq!(parse(&targets(1), &targets(64)), good);
    assert_eq!(parse(&targets(1), &targets(65)), at("/targets", Defect::TooMany { limit: 64 }));
    let changes = |n: usize| vec!["{\"field\":\"f\"}"; n].join(",");
    assert_eq!(parse(&changes(1), &changes(256)), good);
    assert_eq!(parse(&changes(1), &changes(257)), at("/changes", Defect::TooMany { limit: 256 }));
    let id = |n: usize| format!("\"id\":\"{}\"", "1".repeat(n));
    assert_eq!(parse(&id(1), &id(256)), good);
    assert_eq!(parse(&id(1), &id(257)), at("/targets/0/id", LONG));
    let field = |n: usize| format!("\"field\":\"{}\"", "f".repeat(n));
    assert_eq!(parse(&field(1), &field(257)), at("/changes/0/field", LONG));
    let new = |depth: usize| format!("f\",\"new\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    // Around the value stand the event, the changes and the change.
    assert_eq!(parse("f\"}", &new(61)), good);
    let (pointer, defect) = parse("f\"}", &new(62));
    assert_eq!(defect, Defect::TooDeep { limit: 64 });
    assert!(pointer.starts_with("/changes/0/new/0/0/"));
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    assert!(base().change(Change::added("f", nested(61))).build().is_ok());
    let (pointer, defect) = refused(base().change(Change::added("f", nested(62))));
    assert_eq!(defect, Defect::TooDeep { limit: 64 });
    assert!(pointer.starts_with("/changes/0/new/0/0/"));
    assert!(base().meta("m", nested(62)).build().is_ok());
    assert_eq!(refused(base().meta("m", nested(63))).1, Defect::TooDeep { limit: 64 });
}

#[test]
fn values_are_exact() {
    let max = (1_i64 << 53) - 1;
    for good in [json!(max), json!(-max), json!(1e21), json!(0.1), json!(-0.0)] {
        assert!(base().meta("m", good).build().is_ok());
    }
    for bad in
        [json!(max + 1), json!(-max - 1), json!(u64::MAX), json!(1e20), json!(9007199254740992.0)]
    {
        assert_eq!(refused(base().meta("m", json!([bad]))), at("/meta/m/0", Defect::Inexact));
    }
    assert_eq!(refused(base().meta("m", [0.0, f64::NAN])), at("/meta/m/1", Defect::NotFinite));
    assert_eq!(
        refused(base().change(Change::updated("f", f32::INFINITY, 1))),
        at("/changes/0/old", Defect::NotFinite)
    );
    assert_eq!(refused(base().meta("m", "\0")), at("/meta/m", Defect::Nul));
    assert_eq!(refused(base().meta("m", json!({"\0": 1}))), at("/meta/m", Defect::Nul));
    assert_eq!(refused(base().meta("m", 1).meta("m", 1)), at("/meta/m", Defect::Duplicate));
    assert_eq!(refused(Event::builder("a.b", Actor::user("\0"))), at("/actor/id", Defect::Nul));
    let v4 = "936da01f-9abd-4d9d-80c7-02af85c822a8".parse().unwrap();
    assert_eq!(refused(base().id(v4)).0, "/id");
    assert_eq!(
        refused(Event::builder("Login", Actor::user("u"))),
        at(
            "/action",
            Defect::Form { expected: "a dotted name of at least two parts of a-z, 0-9 and _" }
        )
    );
}

#[test]
fn an_event_has_at_most_65_000_bytes() {
    let event = |len: usize| base().meta("m", "x".repeat(len));
    let used = event(0).build().unwrap().canonicalize(refs).unwrap().as_str().len();
    let room = 65_000 - used;
    let full = event(room).build().unwrap().canonicalize(refs).unwrap();
    assert_eq!(full.as_str().len(), 65_000);
    assert!(EventView::parse(full.as_str()).is_ok());
    assert!(matches!(
        event(room + 1).build(),
        Err(EventError::TooLong { bytes: 65_001, limit: 65_000 })
    ));
    let longer = full.as_str().replace("xxx", "xxxx");
    assert!(matches!(EventView::parse(&longer), Err(EventError::TooLong { .. })));
    // What is added later counts, too.
    let full = event(room).private("s", "/context/ip", 1).build().unwrap();
    assert!(matches!(full.canonicalize(refs), Err(EventError::TooLong { .. })));
    let mut full = event(room).build().unwrap();
    assert!(full.set_occurred_at(Timestamp::MIN));
    let Err(EventError::TooLong { bytes, .. }) = full.canonicalize(refs) else { panic!() };
    let said = base().occurred_at(Timestamp::MIN).build().unwrap();
    let said = said.canonicalize(refs).unwrap().as_str().len();
    assert_eq!(
        bytes - 65_000,
        said - base().build().unwrap().canonicalize(refs).unwrap().as_str().len()
    );
}

#[test]
fn private_fields_stand_where_nothing_else_does() {
    let event = || {
        base()
            .target(Target::new("t", "1"))
            .change(Change::updated("f", json!({"a": [{}]}), 1))
            .change(Change::concealed("g"))
            .context(Context::new().request_id("r"))
            .meta("m", json!({"a": 1, "b/c": {}}))
    };
    for good in [
        "/context/ip",
        "/context/user_agent",
        "/context/session_id",
        "/actor/name",
        "/targets/0/name",
        "/changes/1/new",
        "/changes/1/old/deep",
        "/changes/0/old/b",
        "/changes/0/old/a/0/x",
        "/meta/reason",
        "/meta/m/b~1c/x",
        "/meta/~0",
        "/meta/",
    ] {
        assert!(event().private("s", good, 1).build().is_ok(), "{good}");
    }
    for bad in [
        "/action",
        "/id",
        "/outcome",
        "/actor",
        "/actor/id",
        "/actor/type",
        "/actor/id/x",
        "/on_behalf_of/name",
        "/targets",
        "/targets/0",
        "/targets/0/id",
        "/targets/00/name",
        "/targets/1/name",
        "/targets/-/name",
        "/targets/+0/name",
        "/changes/0/new",
        "/changes/0/field",
        "/changes/0/other",
        "/changes/2/new",
        "/changes/0/old/a",
        "/changes/0/old/a/0",
        "/changes/0/old/a/1",
        "/changes/0/new/x",
        "/context",
        "/context/request_id",
        "/meta",
        "/meta/m",
        "/meta/m/a",
        "/meta/m/a/x",
        "/private/x",
        "/unknown/x",
    ] {
        assert_eq!(refused(event().private("s", bad, 1)), at(bad, Defect::PointerTaken), "{bad}");
    }
    let form = Defect::Form { expected: "a pointer (RFC 6901) to a member" };
    for bad in ["", "meta/x", "/meta/~", "/meta/~2"] {
        assert_eq!(refused(event().private("s", bad, 1)), at("/private", form), "{bad}");
    }
    let overlap = at("/private", Defect::PointerOverlaps);
    for (a, b) in [("/meta/x", "/meta/x"), ("/meta/x", "/meta/x/y"), ("/meta/x/y/z", "/meta/x")] {
        let event = event().private("s", a, 1).private("s", "/meta/x-", 1).private("t", b, 1);
        assert_eq!(refused(event), overlap);
    }
    let apart = event().private("s", "/meta/x/a", 1).private("s", "/meta/x/ab", 1);
    assert!(apart.build().is_ok());
    // Of a private value's inside nothing is said.
    assert_eq!(
        refused(event().private("s", "/meta/x", json!({"name": ["\0"]}))),
        at("/meta/x", Defect::Nul)
    );
    assert_eq!(
        refused(event().private("s", "/meta/x", [f64::NAN])),
        at("/meta/x", Defect::NotFinite)
    );
}

#[test]
fn an_entry_commits_to_its_disclosures() {
    let event = base()
        .private("ann", "/context/ip", "192.0.2.7")
        .private("bob", "/actor/name", "Bob")
        .private("ann", "/meta/x", json!({"b": 1, "a": null}))
        .build()
        .unwrap();
    assert_eq!(event.subjects(), ["ann", "bob"]);
    let (ann, bob) = (SubjectRef::from_bytes([9; 16]), SubjectRef::from_bytes([1; 16]));
    let refs = |subject: &str| Some(if subject == "ann" { ann } else { bob });
    let sealed = event.canonicalize(refs).unwrap();
    let view = EventView::parse(sealed.as_str()).unwrap();
    let of: Vec<(SubjectRef, usize)> =
        view.private().iter().map(|(subject, digests)| (*subject, digests.len())).collect();
    assert_eq!(of, [(bob, 1), (ann, 2)]);
    for disclosure in sealed.disclosures() {
        assert!(view.commits_to(disclosure.subject(), disclosure.digest()));
        assert_eq!(disclosure.digest(), Digest::of(disclosure.text()));
        let other = if disclosure.subject() == ann { bob } else { ann };
        assert!(!view.commits_to(other, disclosure.digest()));
    }
    // Salts are fresh each time, and differ within one event.
    let again = event.canonicalize(refs).unwrap();
    assert!(sealed.disclosures().iter().all(|one| !again.disclosures().contains(one)));

    // Read back with all, with some, and with a foreign one.
    let disclosures = sealed.disclosures().to_vec();
    assert!(CanonicalEvent::parse(sealed.as_str(), disclosures[1..].to_vec()).is_ok());
    let foreign = again.disclosures()[0].clone();
    let digest = foreign.digest();
    assert!(matches!(
        CanonicalEvent::parse(sealed.as_str(), vec![foreign]),
        Err(EventError::Unmatched { digest: found }) if found == digest
    ));
    let moved = Disclosure::new(bob, disclosures.last().unwrap().text().to_owned());
    assert!(CanonicalEvent::parse(sealed.as_str(), vec![moved]).is_err());
    assert!(matches!(
        event.canonicalize(|subject| (subject == "bob").then_some(bob)),
        Err(EventError::Subject { pointer }) if pointer == "/context/ip"
    ));
}

#[test]
fn an_id_is_minted_where_there_is_none() {
    let event = base().build().unwrap();
    assert_eq!(event.id(), None);
    let (a, b) = (event.canonicalize(refs).unwrap(), event.canonicalize(refs).unwrap());
    assert_ne!(a.id(), b.id());
    assert_eq!(a.id().get_version_num(), 7);
    assert_eq!(EventView::parse(a.as_str()).unwrap().id(), a.id());
}

#[test]
fn what_happened_when_can_be_said_later() {
    let at: Timestamp = "2026-11-20T23:23:00.123456Z".parse().unwrap();
    let mut later = base().meta("m", 1).outcome(Outcome::Success).build().unwrap();
    assert!(later.set_occurred_at(at));
    let text = later.canonicalize(refs).unwrap();
    assert_eq!(EventView::parse(text.as_str()).unwrap().occurred_at(), Some(at));
    let mut kept = base().occurred_at(Timestamp::MIN).build().unwrap();
    assert!(!kept.set_occurred_at(at));
    assert_eq!(kept.occurred_at(), Some(Timestamp::MIN));
}

#[test]
fn break_glass_says_why_and_until_when() {
    let expires = "2026-11-21T00:00:00.000000Z".parse().unwrap();
    let event = Event::break_glass(Actor::user("u"), "INC-7", "restore service", expires);
    let event = event.build().unwrap().canonicalize(refs).unwrap();
    let view = EventView::parse(event.as_str()).unwrap();
    assert_eq!(view.action(), action::ACCESS_BREAK_GLASS);
    assert_eq!(
        view.meta(),
        Some(
            "{\"expires\":\"2026-11-21T00:00:00.000000Z\",\"purpose\":\"restore service\",\"ticket\":\"INC-7\"}"
        )
    );
}

#[test]
fn debug_and_errors_repeat_no_value() {
    let secret = "hunter2-secret";
    let event = base()
        .meta("m", secret)
        .private(secret, "/context/ip", secret)
        .change(Change::updated("f", secret, secret));
    assert!(!format!("{event:?}").contains(secret));
    let event = event.build().unwrap();
    assert!(!format!("{event:?}").contains(secret));
    let event = event.canonicalize(refs).unwrap();
    assert!(!format!("{event:?}").contains(secret));
    let disclosure = &event.disclosures()[0];
    assert!(!format!("{disclosure:?}").contains(disclosure.text()));
    assert!(!format!("{:?}", disclosure.open().unwrap()).contains(secret));
    for bad in
        ["{\"action\":\"hunter2-secret\"", "{\"action\":\"a.b\",\"actor\":\"hunter2-secret\"}"]
    {
        let error = EventView::parse(bad).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret));
    }
}

#[test]
fn error_texts() {
    let texts = [
        EventError::Member { pointer: "/meta/a".to_owned(), defect: Defect::Inexact },
        EventError::Member { pointer: String::new(), defect: Defect::Syntax },
        EventError::Randomness(std::io::Error::other("x")),
        EventError::Subject { pointer: "/context/ip".to_owned() },
        EventError::TooLong { bytes: 65_001, limit: 65_000 },
        EventError::Unmatched { digest: Digest::of("") },
    ]
    .map(|error| error.to_string());
    assert_eq!(
        texts,
        [
            "the event is refused: /meta/a an integer must lie within -(2^53 - 1) and 2^53 - 1",
            "the event is refused: the whole is not JSON",
            "no random numbers for the salts of private fields",
            "the private field /context/ip is about a subject without a reference",
            "the event has 65001 bytes, the limit is 65000",
            "the event holds no digest 47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU of that subject",
        ]
    );
}

fn name() -> impl Strategy<Value = String> {
    "[^\0]{0,40}"
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(|n| Value::from(n + 0.5)),
        name().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever can be built reads back as it was said.
    #[test]
    fn every_event_reads_back(
        kind in prop::sample::select(vec![ActorKind::User, ActorKind::Service, ActorKind::System, ActorKind::Anonymous]),
        id in name(),
        other in proptest::option::of(name()),
        targets in proptest::collection::vec((name(), name()), 0..4),
        changes in proptest::collection::vec((name(), proptest::option::of(value()), proptest::option::of(value())), 0..4),
        meta in proptest::collection::btree_map(name(), value(), 0..4),
        private in proptest::collection::vec((any::<u8>(), value()), 0..4),
        outcome in prop::sample::select(vec![None, Some(Outcome::Success), Some(Outcome::Failure), Some(Outcome::Denied)]),
        ids in proptest::array::uniform3(proptest::option::of(name())),
        micros in proptest::option::of(Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros()),
    ) {
        let mut event = Event::builder("some.thing_happened", Actor::new(kind, id.clone()));
        if let Some(other) = &other {
            event = event.on_behalf_of(Actor::service(other.clone()));
        }
        for (kind, id) in &targets {
            event = event.target(Target::new(kind.clone(), id.clone()));
        }
        for (field, old, new) in &changes {
            event = event.change(match (old, new) {
                (Some(old), Some(new)) => Change::updated(field.clone(), old, new),
                (Some(old), None) => Change::removed(field.clone(), old),
                (None, Some(new)) => Change::added(field.clone(), new),
                (None, None) => Change::concealed(field.clone()),
            });
        }
        for (name, value) in &meta {
            event = event.meta(name, value);
        }
        for (index, (subject, value)) in private.iter().enumerate() {
            event = event.private(&subject.to_string(), &format!("/context/field{index}"), value);
        }
        if let Some(outcome) = outcome {
            event = event.outcome(outcome);
        }
        let mut context = Context::new();
        let [request, session, trace] = &ids;
        if let Some(id) = request { context = context.request_id(id.clone()); }
        if let Some(id) = session { context = context.session_id(id.clone()); }
        if let Some(id) = trace { context = context.trace_id(id.clone()); }
        event = event.context(context);
        let moment = micros.map(|micros| Timestamp::from_micros(micros).unwrap());
        if let Some(moment) = moment {
            event = event.occurred_at(moment);
        }

        let built = event.build().unwrap();
        let refs = |subject: &str| Some(SubjectRef::from_bytes([subject.parse().unwrap(); 16]));
        let sealed = built.canonicalize(refs).unwrap();
        // The text is what another implementation of RFC 8785 makes of it.
        let json: Value = serde_json::from_str(sealed.as_str()).unwrap();
        prop_assert_eq!(serde_json_canonicalizer::to_string(&json).unwrap(), sealed.as_str());

        let view = EventView::parse(sealed.as_str()).unwrap();
        prop_assert_eq!((view.actor().kind, &*view.actor().id), (kind, &*id));
        prop_assert_eq!(view.on_behalf_of().map(|actor| &*actor.id), other.as_deref());
        prop_assert_eq!(view.targets().len(), targets.len());
        for (read, (kind, id)) in view.targets().iter().zip(&targets) {
            prop_assert_eq!((&*read.kind, &*read.id), (&**kind, &**id));
        }
        prop_assert_eq!(view.changes().len(), changes.len());
        for (read, (field, old, new)) in view.changes().iter().zip(&changes) {
            prop_assert_eq!(&*read.field, &**field);
            for (read, said) in [(read.old, old), (read.new, new)] {
                let said = said.as_ref().map(|said| serde_json_canonicalizer::to_string(said).unwrap());
                prop_assert_eq!(read, said.as_deref());
            }
        }
        let said = (!meta.is_empty()).then(|| serde_json_canonicalizer::to_string(&meta).unwrap());
        prop_assert_eq!(view.meta(), said.as_deref());
        prop_assert_eq!(view.outcome(), outcome);
        prop_assert_eq!(view.occurred_at(), moment);
        let read = [&view.context().request_id, &view.context().session_id, &view.context().trace_id];
        for (read, said) in read.into_iter().zip(&ids) {
            prop_assert_eq!(read.as_deref(), said.as_deref());
        }
        prop_assert_eq!(sealed.disclosures().len(), private.len());
        for disclosure in sealed.disclosures() {
            prop_assert!(view.commits_to(disclosure.subject(), disclosure.digest()));
            let open = disclosure.open().unwrap();
            let index: usize = open.name().strip_prefix("/context/field").unwrap().parse().unwrap();
            let said = serde_json_canonicalizer::to_string(&private[index].1).unwrap();
            prop_assert_eq!(open.value_json(), said);
        }
        let again = CanonicalEvent::parse(sealed.as_str(), sealed.disclosures().to_vec()).unwrap();
        prop_assert_eq!(again, sealed);
    }

    #[test]
    fn no_text_makes_reading_panic(text in any::<String>(), at in any::<prop::sample::Index>(), with in ".{0,2}") {
        let _ = EventView::parse(&text);
        let _ = audit_core::Entry::parse(&text);
        let _ = audit_core::OpenDisclosure::parse(&text);
        // And one that is nearly good.
        let good = base().target(Target::new("t", "1")).meta("m", 1.5).build().unwrap();
        let good = good.canonicalize(refs).unwrap().as_str().to_owned();
        let at = at.index(good.len());
        let bad = format!("{}{with}{}", &good[..at], &good[at..]);
        // What is accepted is canonical, whatever was put in.
        if EventView::parse(&bad).is_ok() {
            let json: Value = serde_json::from_str(&bad).unwrap();
            prop_assert_eq!(serde_json_canonicalizer::to_string(&json).unwrap(), bad);
        }
    }
}
