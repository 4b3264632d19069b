//! What stands in an auditor's bundle: names, manifest, lines. What is read is written back byte
//! for byte.
#![no_main]

use audit_core::{BundlePath, DisclosureLine, EntryLine, Manifest};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fn canonical(text: &str) {
    let value: Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json_canonicalizer::to_string(&value).unwrap(), text);
}

fuzz_target!(|text: &str| {
    if let Ok(path) = text.parse::<BundlePath>() {
        assert_eq!(path.to_string(), text);
        assert!(!text.contains("..") && !text.starts_with('/'));
    }
    if let Ok(manifest) = Manifest::parse(text) {
        assert_eq!(manifest.to_json().unwrap(), text);
        canonical(text);
    }
    for line in text.lines() {
        if let Ok(entry) = EntryLine::parse(line) {
            let mut written = String::new();
            entry.push_to(&mut written);
            assert_eq!(written, line);
            if let EntryLine::Absent { .. } = entry {
                canonical(line);
            }
        }
        if let Ok(disclosure) = DisclosureLine::parse(line) {
            let mut written = String::new();
            disclosure.push_to(&mut written).unwrap();
            assert_eq!(written, line);
            canonical(line);
        }
    }
});
