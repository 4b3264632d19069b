//! Sealing and reading entries.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use audit_core::{
    Actor, CanonicalEvent, ChainId, Change, Context, Defect, Entry, EntryError, Event, LeafHash,
    Outcome, SealError, SubjectRef, Target, Timestamp, action, entry,
};
use serde_json::{Value, json};

const AT: &str = "2026-11-20T23:23:00.123456Z";

fn refs(subject: &str) -> Option<SubjectRef> {
    let mut bytes = [7; 16];
    bytes[0] = subject.as_bytes().first().copied()?;
    Some(SubjectRef::from_bytes(bytes))
}

fn full() -> Event {
    Event::builder(action::USER_ROLE_CHANGED, Actor::user("usr_1"))
        .id("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap())
        .target(Target::new("user", "usr_2"))
        .target(Target::new("team", "t\"1"))
        .change(Change::updated("role", "viewer", json!({"b": 1, "a": [null, 0.5]})))
        .change(Change::concealed("e-mail"))
        .context(Context::new().request_id("req_9").trace_id("4bf92f35\n"))
        .occurred_at(AT.parse().unwrap())
        .on_behalf_of(Actor::service("svc"))
        .outcome(Outcome::Success)
        .meta("plan", "pro")
        .meta("€", 1)
        .private("usr_1", "/context/ip", "192.0.2.7")
        .private("zed", "/changes/1/new", "new@example.com")
        .private("usr_1", "/actor/name", "Zoë")
        .build()
        .unwrap()
}

fn sealed(event: &str, seq: u64) -> String {
    let mut out = String::from("left over");
    let chain = ChainId::new("acme", "default").unwrap();
    let prev = if seq == 0 { LeafHash::ZERO } else { LeafHash::of(b"before") };
    let leaf =
        entry::seal(&mut out, seq, &chain, AT.parse().unwrap(), seq.checked_sub(1), &prev, event)
            .unwrap();
    assert_eq!(leaf, LeafHash::of(out.as_bytes()));
    out
}

#[test]
fn an_entry_is_the_documented_bytes() {
    let event = Event::builder("user.login", Actor::user("u"))
        .id("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap())
        .build()
        .unwrap()
        .canonicalize(refs)
        .unwrap();
    let prev = LeafHash::of(b"before");
    assert_eq!(
        sealed(event.as_str(), 41),
        format!(
            "{{\"at\":\"2026-11-20T23:23:00.123456Z\",\"chain\":\"acme/default\",\"control\":40,\
             \"event\":{{\"action\":\"user.login\",\"actor\":{{\"id\":\"u\",\"type\":\"user\"}},\
             \"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\"}},\"prev\":\"{prev}\",\"seq\":41,\
             \"v\":1}}"
        )
    );
}

#[test]
fn a_full_event_reads_back() {
    let event = full().canonicalize(refs).unwrap();
    let text = sealed(event.as_str(), 41);
    let entry = Entry::parse(&text).unwrap();
    assert_eq!((entry.seq(), entry.control(), entry.chain()), (41, Some(40), "acme/default"));
    assert_eq!(entry.at(), AT.parse::<Timestamp>().unwrap());
    assert_eq!(entry.prev(), LeafHash::of(b"before"));
    assert_eq!(entry.leaf(), LeafHash::of(text.as_bytes()));
    let view = entry.event();
    assert_eq!(view.action(), "user.role_changed");
    assert_eq!((view.actor().kind.as_str(), &*view.actor().id), ("user", "usr_1"));
    assert_eq!(&*view.on_behalf_of().unwrap().id, "svc");
    assert_eq!(view.id(), event.id());
    assert_eq!(view.outcome(), Some(Outcome::Success));
    assert_eq!(view.meta(), Some("{\"plan\":\"pro\",\"€\":1}"));
    assert_eq!(view.occurred_at(), Some(AT.parse().unwrap()));
    assert_eq!(view.context().request_id.as_deref(), Some("req_9"));
    assert_eq!(view.context().session_id, None);
    assert_eq!(view.context().trace_id.as_deref(), Some("4bf92f35\n"));
    let targets: Vec<(&str, &str)> = view.targets().iter().map(|t| (&*t.kind, &*t.id)).collect();
    assert_eq!(targets, [("user", "usr_2"), ("team", "t\"1")]);
    assert_eq!(&*view.changes()[0].field, "role");
    assert_eq!(view.changes()[0].old, Some("\"viewer\""));
    assert_eq!(view.changes()[0].new, Some("{\"a\":[null,0.5],\"b\":1}"));
    assert_eq!((view.changes()[1].old, view.changes()[1].new), (None, None));
    assert_eq!(view.private().len(), 2);
    for disclosure in event.disclosures() {
        assert!(view.commits_to(disclosure.subject(), disclosure.digest()));
    }
    let open: Vec<(String, Value)> = event
        .disclosures()
        .iter()
        .map(|disclosure| disclosure.open().unwrap())
        .map(|open| (open.name().to_owned(), open.value()))
        .collect();
    for field in [
        ("/context/ip", "192.0.2.7"),
        ("/changes/1/new", "new@example.com"),
        ("/actor/name", "Zoë"),
    ] {
        assert!(open.contains(&(field.0.to_owned(), field.1.into())), "{}", field.0);
    }
    let stored = CanonicalEvent::parse(event.as_str(), event.disclosures().to_vec()).unwrap();
    assert_eq!(stored, event);
    assert_eq!(stored.action(), "user.role_changed");
}

/// Every text that differs from a good one in one place is refused, and where it is.
#[test]
fn what_is_not_canonical_is_malformed() {
    let event = full().canonicalize(refs).unwrap();
    let good = sealed(event.as_str(), 41);
    let refused = |from: &str, to: &str| {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from} does not occur");
        match Entry::parse(&bad) {
            Err(EntryError::Malformed { pointer, defect }) => (pointer, defect),
            other => panic!("{from} -> {to}: {other:?}"),
        }
    };
    let at = |pointer: &str, defect: Defect| (pointer.to_owned(), defect);
    let form = |expected| Defect::Form { expected };
    assert_eq!(refused("\"seq\":41", "\"seq\": 41").1, Defect::NotCanonical);
    assert_eq!(refused("{\"at\"", " {\"at\"").1, Defect::NotCanonical);
    assert_eq!(refused("\"v\":1}", "\"v\":1}\n").1, Defect::NotCanonical);
    assert_eq!(refused("\"v\":1}", "\"v\":1}}").1, Defect::Syntax);
    assert_eq!(refused("\"v\":1}", "\"v\":1").1, Defect::Syntax);
    assert_eq!(refused("\"v\":1}", "\"v\":1 }").1, Defect::NotCanonical);
    assert_eq!(refused("\"v\":1", "\"v\":1.0"), at("/v", form("an integer from 0 to 2^53 - 1")));
    assert_eq!(refused("\"v\":1}", "\"v\":1,\"w\":2}"), at("/w", Defect::Unknown));
    assert_eq!(refused("{\"at\"", "{\"as\":0,\"at\""), at("/as", Defect::Unknown));
    assert_eq!(refused("\"seq\":41,", "\"seq\":41,\"seq\":41,"), at("/seq", Defect::Order));
    assert_eq!(refused("\"seq\":41,", ""), at("/seq", Defect::Missing));
    assert_eq!(refused("\"control\":40,", ""), at("/control", Defect::Missing));
    assert_eq!(
        refused("\"control\":40,", "\"control\":41,"),
        at("/control", form("below the entry's own seq, and absent at seq 0"))
    );
    assert_eq!(refused("\"seq\":41", "\"seq\":041").1, Defect::Syntax);
    assert_eq!(
        refused("\"seq\":41", "\"seq\":9007199254740992"),
        at("/seq", form("an integer from 0 to 2^53 - 1"))
    );
    assert_eq!(refused("acme/default", "acme"), at("/chain", form("tenant/series")));
    assert_eq!(refused("acme/default", "Acme/default"), at("/chain", form("tenant/series")));
    assert_eq!(
        refused("23:23:00.123456Z\",\"chain", "23:23:00Z\",\"chain"),
        at("/at", form("a timestamp of the form YYYY-MM-DDTHH:MM:SS.ffffffZ"))
    );
    assert_eq!(
        refused("\"prev\":\"", "\"prev\":\"A"),
        at("/prev", form("64 lowercase hexadecimal digits"))
    );
    assert_eq!(
        refused("req_9", "r\\u0065q_9"),
        at("/event/context/request_id", Defect::NotCanonical)
    );
    assert_eq!(refused("t\\\"1", "t\\u00221"), at("/event/targets/1/id", Defect::NotCanonical));
    assert_eq!(
        refused("4bf92f35\\n", "4bf92f35\\u0000"),
        at("/event/context/trace_id", Defect::Nul)
    );
    assert_eq!(refused("4bf92f35\\n", "4bf92f35\\ud800").1, Defect::Syntax);
    // `0.5` is expected and found; the superfluous digit stands where the array should end.
    assert_eq!(
        refused("[null,0.5]", "[null,0.50]"),
        at("/event/changes/0/new/a", Defect::NotCanonical)
    );
    assert_eq!(
        refused("[null,0.5]", "[null,5e-1]"),
        at("/event/changes/0/new/a/1", Defect::NotCanonical)
    );
    assert_eq!(
        refused("[null,0.5]", "[null,-0]"),
        at("/event/changes/0/new/a/1", Defect::NotCanonical)
    );
    assert_eq!(
        refused("[null,0.5]", "[null,9007199254740993]"),
        at("/event/changes/0/new/a/1", Defect::Inexact)
    );
    assert_eq!(
        refused("[null,0.5]", "[null,100000000000000000000]"),
        at("/event/changes/0/new/a/1", Defect::Inexact)
    );
    assert_eq!(refused("[null,0.5]", "[null,1e999]").1, Defect::Syntax);
    assert_eq!(
        refused("{\"a\":[null,0.5],\"b\":1}", "{\"b\":1,\"a\":[null,0.5]}"),
        at("/event/changes/0/new/a", Defect::Order)
    );
    assert_eq!(
        refused("\"b\":1}", "\"b\":1,\"b\":1}"),
        at("/event/changes/0/new/b", Defect::Order)
    );
    assert_eq!(
        refused("\"outcome\":\"success\"", "\"outcome\":null"),
        at("/event/outcome", form("success, failure or denied"))
    );
    assert_eq!(
        refused("success", "maybe"),
        at("/event/outcome", form("success, failure or denied"))
    );
    assert_eq!(
        refused("\"type\":\"user\"}", "\"type\":\"robot\"}"),
        at("/event/actor/type", form("user, service, system or anonymous"))
    );
    assert_eq!(refused("\"meta\":{", "\"meta\":[{").1, form("an object"));
    assert_eq!(
        refused("-774b-", "-474b-"),
        at("/event/id", form("a UUID of version 7 in lowercase"))
    );
    assert_eq!(
        refused("01890a5d-", "01890A5D-"),
        at("/event/id", form("a UUID of version 7 in lowercase"))
    );
    assert_eq!(
        refused("user.role_changed", "User.role_changed"),
        at("/event/action", form("a dotted name of at least two parts of a-z, 0-9 and _"))
    );
    assert_eq!(refused("\"id\":\"usr_1\",", ""), at("/event/actor/id", Defect::Missing));
}

#[test]
fn digests_are_sorted_and_each_once() {
    let event = full().canonicalize(refs).unwrap();
    let good = sealed(event.as_str(), 41);
    // The subject with two fields.
    let subject = refs("usr_1").unwrap();
    let digests: Vec<&str> = good
        .split_once(&format!("{subject}\":[\""))
        .unwrap()
        .1
        .split_once("\"]")
        .unwrap()
        .0
        .split("\",\"")
        .collect();
    let (a, b) = (digests[0], digests[1]);
    assert!(a < b);
    for bad in [format!("{b}\",\"{a}"), format!("{a}\",\"{a}")] {
        let bad = good.replace(&format!("{a}\",\"{b}"), &bad);
        let Err(EntryError::Malformed { pointer, defect }) = Entry::parse(&bad) else {
            panic!("accepted");
        };
        assert_eq!((pointer, defect), (format!("/event/private/{subject}"), Defect::Order));
    }
}

#[test]
fn subjects_are_sorted_and_each_once() {
    let event = full().canonicalize(refs).unwrap();
    let good = sealed(event.as_str(), 41);
    let (a, b) = (refs("usr_1").unwrap().to_string(), refs("zed").unwrap().to_string());
    assert!(a < b && good.contains(&a) && good.contains(&b));
    for (a_now, b_now) in [(&b, &a), (&b, &b)] {
        let bad =
            good.replace(&a, "<a>").replace(&b, "<b>").replace("<a>", a_now).replace("<b>", b_now);
        let defect = match Entry::parse(&bad) {
            Err(EntryError::Malformed { defect, .. }) => defect,
            other => panic!("{other:?}"),
        };
        assert_eq!(defect, Defect::Order);
    }
    let bad = good.replace(&a, &a.to_uppercase().replace('7', "A"));
    assert!(matches!(
        Entry::parse(&bad),
        Err(EntryError::Malformed { defect: Defect::Form { .. }, .. })
    ));
}

/// An event may nest as deep in its entry as by itself.
#[test]
fn nesting_counts_from_the_event() {
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    let event = Event::builder("a.b", Actor::user("u")).meta("m", nested(62)).build().unwrap();
    let event = event.canonicalize(refs).unwrap();
    assert!(Entry::parse(&sealed(event.as_str(), 41)).is_ok());
    let deeper = sealed(&event.as_str().replace("[1]", "[[1]]"), 41);
    assert!(matches!(
        Entry::parse(&deeper),
        Err(EntryError::Malformed { defect: Defect::TooDeep { limit: 64 }, .. })
    ));
}

#[test]
fn another_version_is_told_from_a_malformed_entry() {
    let event = full().canonicalize(refs).unwrap();
    let good = sealed(event.as_str(), 41);
    let v2 = good.replace("\"v\":1}", "\"v\":2}");
    assert_eq!(Entry::parse(&v2), Err(EntryError::UnsupportedVersion { found: 2 }));
    let v3 = "{\"new\":[1.0],\"v\":3}";
    assert_eq!(Entry::parse(v3), Err(EntryError::UnsupportedVersion { found: 3 }));
}

#[test]
fn the_first_entry_has_neither_control_nor_predecessor() {
    let event = full().canonicalize(refs).unwrap();
    let good = sealed(event.as_str(), 0);
    assert_eq!(Entry::parse(&good).unwrap().control(), None);
    let bad = good.replace(&LeafHash::ZERO.to_string(), &LeafHash::of(b"x").to_string());
    assert!(
        matches!(Entry::parse(&bad), Err(EntryError::Malformed { pointer, .. }) if pointer == "/prev")
    );
}

#[test]
fn sealing_refuses_what_reading_would() {
    let chain = ChainId::new("a", "b").unwrap();
    let at = Timestamp::UNIX_EPOCH;
    let mut out = String::new();
    let mut seal = |seq, control, event: &str| {
        entry::seal(&mut out, seq, &chain, at, control, &LeafHash::ZERO, event)
    };
    assert_eq!(seal(0, Some(0), "{}"), Err(SealError::Control));
    assert_eq!(seal(1, None, "{}"), Err(SealError::Control));
    assert_eq!(seal(1, Some(1), "{}"), Err(SealError::Control));
    assert_eq!(seal(1 << 53, Some(1), "{}"), Err(SealError::Seq));
    let long = "x".repeat(65_001);
    assert_eq!(
        seal(1, Some(0), &long),
        Err(SealError::EventTooLong { bytes: 65_001, limit: 65_000 })
    );
    assert!(seal(1, Some(0), &long[1..]).is_ok());
}

#[test]
fn error_texts() {
    let texts = [
        EntryError::Malformed { pointer: "/event/id".to_owned(), defect: Defect::Missing }
            .to_string(),
        EntryError::Malformed { pointer: String::new(), defect: Defect::Syntax }.to_string(),
        EntryError::TooLong { bytes: 65_536, limit: 65_535 }.to_string(),
        EntryError::UnsupportedVersion { found: 2 }.to_string(),
        SealError::Control.to_string(),
        SealError::EventTooLong { bytes: 65_001, limit: 65_000 }.to_string(),
        SealError::Seq.to_string(),
        SealError::TooLong { bytes: 65_536, limit: 65_535 }.to_string(),
    ];
    assert_eq!(
        texts,
        [
            "malformed entry: /event/id is required but absent",
            "malformed entry: the whole is not JSON",
            "the entry has 65536 bytes, the limit is 65535",
            "the entry has format version 2, this library reads version 1",
            "an entry names a reserved entry below itself, unless it is the first",
            "the event has 65001 bytes, the limit is 65000",
            "a seq is at most 2^53 - 1",
            "the entry has 65536 bytes, the limit is 65535",
        ]
    );
}
