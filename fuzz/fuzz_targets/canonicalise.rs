//! Any JSON in an event is refused, or becomes the bytes that a general implementation of RFC 8785
//! makes; those bytes are read back, alone and in an entry.
#![no_main]

use audit_core::{
    Actor, CanonicalEvent, Disclosure, Entry, Event, LeafHash, SubjectRef, Timestamp, entry,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fn check(event: &CanonicalEvent) {
    let text = event.as_str();
    let value: Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json_canonicalizer::to_string(&value).unwrap(), text);

    let stored = event.disclosures().iter();
    let stored = stored.map(|d| Disclosure::new(d.subject(), d.text().to_owned())).collect();
    let again = CanonicalEvent::parse(text, stored).unwrap();
    assert_eq!((again.as_str(), again.disclosures()), (text, event.disclosures()));

    let mut sealed = String::new();
    let chain = "acme/default".parse().unwrap();
    let at = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
    if let Ok(leaf) = entry::seal(&mut sealed, 1, &chain, at, Some(0), &LeafHash::ZERO, text) {
        assert_eq!(Entry::parse(&sealed).unwrap().leaf(), leaf);
    }
}

fuzz_target!(|json: &str| {
    let Ok(value) = serde_json::from_str::<Value>(json) else { return };
    let subject = SubjectRef::from_bytes([7; 16]);

    let plain = Event::builder("record.updated", Actor::user("u1")).meta("value", &value);
    if let Ok(event) = plain.build() {
        check(&event.canonicalize(|_| None).unwrap());
    }

    let private =
        Event::builder("record.updated", Actor::user("u1")).private("u2", "/meta/value", &value);
    if let Ok(event) = private.build() {
        let event = event.canonicalize(|_| Some(subject)).unwrap();
        check(&event);
        let open = event.disclosures()[0].open().unwrap();
        assert_eq!(open.name(), "/meta/value");
        assert_eq!(open.value_json(), serde_json_canonicalizer::to_string(&value).unwrap());
        let standing: Value = serde_json::from_str(event.as_str()).unwrap();
        assert_eq!(standing.pointer("/meta/value"), None);
    }
});
