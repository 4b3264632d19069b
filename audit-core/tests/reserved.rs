//! Reserved entries, and the terms of the query index.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use audit_core::{
    Actor, Applies, CanonicalEvent, ChainId, Defect, Entry, EntryError, Event, EventError,
    EventView, HoldScope, JournalName, LeafHash, Outcome, Period, Reserved, RootHash, SeqRange,
    SubjectRef, Target, Term, Timestamp, entry,
};
use proptest::prelude::*;

const MAX: u64 = (1 << 53) - 1;

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros())
        .prop_map(|micros| Timestamp::from_micros(micros).unwrap())
}

fn period() -> impl Strategy<Value = Period> {
    prop_oneof![
        Just(Period::FOREVER),
        (0_u32..999_999).prop_map(Period::days),
        (1_u32..999).prop_map(Period::years),
        Just("P1Y6M10D".parse().unwrap()),
    ]
}

fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('\0', ""))
}

fn ranges() -> impl Strategy<Value = Vec<SeqRange>> {
    proptest::collection::btree_set(0_u64..100_000, 0..20).prop_map(|ends| {
        let ends: Vec<u64> = ends.into_iter().collect();
        ends.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    })
}

fn reserved() -> impl Strategy<Value = Reserved> {
    let subject = any::<[u8; 16]>().prop_map(SubjectRef::from_bytes);
    let scope = prop_oneof![
        Just(HoldScope::Chain),
        subject.clone().prop_map(HoldScope::Subject),
        ("[a-z]{1,9}", "[A-Z\"é]{0,20}").prop_map(|(kind, id)| HoldScope::Target { kind, id }),
    ];
    prop_oneof![
        (text(), any::<[u8; 32]>()).prop_map(|(reason, sha256)| Reserved::EventRefused {
            id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
            reason,
            sha256,
        }),
        (ranges(), "[a-z0-9]{1,20}", text(), scope).prop_map(|(covers, hold, matter, scope)| {
            Reserved::HoldPlaced { covers, hold, matter, scope }
        }),
        "[a-z]{1,20}".prop_map(|hold| Reserved::HoldReleased { hold }),
        text().prop_map(|key| Reserved::KeyAdded { key }),
        text().prop_map(|key| Reserved::KeyRetired { key }),
        text().prop_map(|key| Reserved::Opened {
            key,
            name: JournalName::new("audit.example.com").unwrap()
        }),
        (0..MAX, 0..=MAX, timestamp(), ranges(), text()).prop_map(
            |(after, count, cutoff, kept, rule)| Reserved::Pruned {
                after,
                before: after + 1,
                count,
                cutoff,
                kept,
                rule
            }
        ),
        (2..=MAX, 0..=MAX, any::<[u8; 32]>(), 0..=MAX).prop_map(
            |(incarnation, lost_from, root, size)| Reserved::Restored {
                incarnation,
                lost_from,
                root: RootHash::from_bytes(root),
                size
            }
        ),
        (any::<bool>(), timestamp(), proptest::option::of(period()), period(), text(), text())
            .prop_map(|(all, effective, minimum, period, plan, rule)| Reserved::ScheduleChanged {
                applies: if all { Applies::All } else { Applies::New },
                effective,
                minimum,
                period,
                plan,
                rule
            }),
        (text(), text(), subject, 0..=MAX).prop_map(|(ground, request, subject, through)| {
            Reserved::SubjectErased { ground, request, subject, through }
        }),
    ]
}

fn canonical(event: &Event) -> CanonicalEvent {
    event.canonicalize(|_| Some(SubjectRef::from_bytes([1; 16]))).unwrap()
}

proptest! {
    #[test]
    fn every_reserved_event_reads_back(reserved in reserved()) {
        let event = reserved.event(Actor::system("retention")).unwrap();
        prop_assert!(event.is_reserved());
        let event = canonical(&event);
        let view = EventView::parse(event.as_str()).unwrap();
        prop_assert_eq!(view.action(), reserved.action());
        prop_assert_eq!(Reserved::parse(&view).unwrap(), Some(reserved));
    }

    #[test]
    fn terms_are_the_same_only_if_their_bytes_are(
        a in ("[ab]{0,3}", "[ab\u{1}]{0,3}"), b in ("[ab]{0,3}", "[ab\u{1}]{0,3}")
    ) {
        let term = |(kind, id): &(String, String)| Term::Target { kind, id }.to_bytes();
        prop_assert_eq!(a == b, term(&a) == term(&b));
        // None is a prefix of another.
        prop_assert!(a == b || !term(&a).starts_with(&term(&b)));
    }
}

fn sealed(reserved: &Reserved, seq: u64) -> String {
    let event = canonical(&reserved.event(Actor::system("journal")).unwrap());
    let chain = ChainId::new("acme", "default").unwrap();
    let prev = LeafHash::ZERO;
    let mut out = String::new();
    let at = Timestamp::UNIX_EPOCH;
    entry::seal(&mut out, seq, &chain, at, seq.checked_sub(1), &prev, event.as_str()).unwrap();
    out
}

fn pruned(after: u64, before: u64, kept: Vec<SeqRange>) -> Reserved {
    let rule = "r".to_owned();
    Reserved::Pruned { after, before, count: 0, cutoff: Timestamp::MIN, kept, rule }
}

fn opened() -> Reserved {
    let name = JournalName::new("audit.example.com").unwrap();
    Reserved::Opened { key: "k".to_owned(), name }
}

#[test]
fn an_entry_bounds_what_it_excuses() {
    let place =
        |reserved: &Reserved, seq| match Entry::parse(&sealed(reserved, seq)).unwrap().reserved() {
            Ok(read) => {
                assert_eq!(read.as_ref(), Some(reserved));
                String::new()
            }
            Err(EntryError::Malformed { pointer, .. }) => pointer,
            Err(other) => panic!("{other:?}"),
        };
    assert_eq!(place(&pruned(0, 7, vec![]), 8), "");
    assert_eq!(place(&pruned(0, 8, vec![]), 8), "/event/meta/before");
    let subject = SubjectRef::from_bytes([3; 16]);
    let erased = |through| Reserved::SubjectErased {
        ground: String::new(),
        request: String::new(),
        subject,
        through,
    };
    assert_eq!(place(&erased(7), 8), "");
    assert_eq!(place(&erased(8), 8), "/event/meta/through");
    assert_eq!(place(&opened(), 0), "");
    assert_eq!(place(&opened(), 1), "/event/action");
    assert_eq!(place(&Reserved::HoldReleased { hold: "h".to_owned() }, 0), "/event/action");
}

#[test]
fn what_the_format_forbids_cannot_be_built() {
    let refused = |reserved: &Reserved| match reserved.event(Actor::system("x")) {
        Err(EventError::Member { pointer, defect }) => (pointer, defect),
        other => panic!("{other:?}"),
    };
    let form = |expected| Defect::Form { expected };
    let range = "[first,last] with first <= last";
    let order = "ascending, disjoint ranges";
    for (reserved, pointer, defect) in [
        (pruned(4, 4, vec![]), "/meta/before", form("greater than after")),
        (pruned(0, 9, vec![(3, 2)]), "/meta/kept/0", form(range)),
        (pruned(0, 9, vec![(1, 3), (3, 4)]), "/meta/kept", form(order)),
        (pruned(0, 9, vec![(5, 6), (1, 2)]), "/meta/kept", form(order)),
        (
            pruned(0, 9, (0..2_001).map(|n| (2 * n, 2 * n)).collect()),
            "/meta/kept",
            Defect::TooMany { limit: 2_000 },
        ),
        (pruned(0, 1 << 53, vec![]), "/meta/before", Defect::Inexact),
        (Reserved::KeyAdded { key: "\0".to_owned() }, "/meta/key", Defect::Nul),
        (
            Reserved::HoldReleased { hold: "h".repeat(257) },
            "/meta/hold",
            Defect::TooLong { bytes: 257, limit: 256 },
        ),
    ] {
        assert_eq!(refused(&reserved), (pointer.to_owned(), defect));
    }
    // `meta` is fixed; everything else may be added.
    let builder = opened().builder(Actor::system("x"));
    assert!(
        builder.clone().outcome(Outcome::Success).target(Target::new("a", "b")).build().is_ok()
    );
    assert!(matches!(
        builder.meta("more", 1).build(),
        Err(EventError::Member { pointer, defect: Defect::Unknown }) if pointer == "/meta/more"
    ));
}

#[test]
fn hosts_do_not_speak_for_the_journal() {
    let event = Event::builder("journal.pruned", Actor::user("u")).build();
    assert!(matches!(
        event,
        Err(EventError::Member { pointer, defect: Defect::Reserved }) if pointer == "/action"
    ));
}

/// Each member is required unless optional, and an unknown one is malformed.
#[test]
fn a_reserved_meta_has_exactly_its_members() {
    let good = canonical(&pruned(0, 7, vec![(1, 2)]).event(Actor::system("x")).unwrap());
    let refused = |from: &str, to: &str| {
        let text = good.as_str().replacen(from, to, 1);
        assert_ne!(text, good.as_str());
        let view = EventView::parse(&text).unwrap();
        match Reserved::parse(&view) {
            Err(EntryError::Malformed { pointer, defect }) => (pointer, defect),
            other => panic!("{from} -> {to}: {other:?}"),
        }
    };
    let at = |pointer: &str, defect| (pointer.to_owned(), defect);
    let form = |expected| Defect::Form { expected };
    assert_eq!(refused("\"after\":0,", ""), at("/event/meta/after", Defect::Missing));
    assert_eq!(refused(",\"rule\":\"r\"", ""), at("/event/meta/rule", Defect::Missing));
    assert_eq!(
        refused("\"rule\":\"r\"", "\"rule\":\"r\",\"rum\":1"),
        at("/event/meta/rum", Defect::Unknown)
    );
    assert_eq!(
        refused("\"rule\":\"r\"", "\"rule\":\"r\",\"size\":1"),
        at("/event/meta/size", Defect::Unknown)
    );
    assert_eq!(refused("\"rule\":\"r\"", "\"rule\":1"), at("/event/meta/rule", form("a string")));
    assert_eq!(refused("[1,2]", "[1,2,3]"), at("/event/meta/kept/0", Defect::TooMany { limit: 2 }));
    assert_eq!(refused("[[1,2]]", "[1,2]"), at("/event/meta/kept/0", form("an array")));
    assert_eq!(
        refused("journal.pruned", "journal.forgotten"),
        at("/event/action", form("a reserved action of this format"))
    );
    let start = good.as_str().find(",\"meta\"").unwrap();
    let text = format!("{}}}", &good.as_str()[..start]);
    assert_eq!(
        Reserved::parse(&EventView::parse(&text).unwrap()),
        Err(EntryError::Malformed { pointer: "/event/meta".to_owned(), defect: Defect::Missing })
    );
}

#[test]
fn an_event_is_found_by_its_terms() {
    let event = Event::builder("a.b", Actor::user("u"))
        .on_behalf_of(Actor::service("s"))
        .outcome(Outcome::Denied)
        .target(Target::new("t", "1"))
        .target(Target::new("t", "2"))
        .private("x", "/context/ip", "192.0.2.1")
        .build()
        .unwrap();
    let event = canonical(&event);
    let view = EventView::parse(event.as_str()).unwrap();
    let terms: Vec<Vec<u8>> = Term::of(&view).map(Term::to_bytes).collect();
    let subject = [&b"\x05\x00\x20"[..], b"01010101010101010101010101010101"].concat();
    let expected: [&[u8]; 7] = [
        b"\x01\x00\x03a.b",
        b"\x02\x00\x04user\x00\x01u",
        b"\x02\x00\x07service\x00\x01s",
        b"\x04\x00\x06denied",
        &subject,
        b"\x03\x00\x01t\x00\x011",
        b"\x03\x00\x01t\x00\x012",
    ];
    assert_eq!(terms, expected);
}
