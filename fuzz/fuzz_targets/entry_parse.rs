//! An entry that is read is what sealing its parts writes, and what a general implementation of
//! RFC 8785 makes of the same JSON.
#![no_main]

use audit_core::{CanonicalEvent, ChainId, Entry, LeafHash, entry};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let Ok(read) = Entry::parse(text) else { return };
    assert_eq!(read.leaf(), LeafHash::of(text.as_bytes()));

    let value: Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json_canonicalizer::to_string(&value).unwrap(), text);

    let event = serde_json_canonicalizer::to_string(&value["event"]).unwrap();
    let chain: ChainId = read.chain().parse().unwrap();
    let mut sealed = String::new();
    let leaf = entry::seal(
        &mut sealed,
        read.seq(),
        &chain,
        read.at(),
        read.control(),
        &read.prev(),
        &event,
    );
    assert_eq!((sealed.as_str(), leaf), (text, Ok(read.leaf())));

    let event = CanonicalEvent::parse(&event, Vec::new()).unwrap();
    assert_eq!(event.action(), read.event().action());
    assert_eq!(event.id(), read.event().id());
});
