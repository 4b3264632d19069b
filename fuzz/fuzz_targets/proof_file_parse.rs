//! The file that proves one entry: what is read is written back byte for byte, and proves nothing
//! about another entry.
#![no_main]

use audit_core::{ProofFile, SigningKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(file) = ProofFile::parse(text) else { return };
    assert_eq!(file.to_string(), text);
    let key = SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap();
    let _ = file.verify(b"entry 3", key.verifier());
    assert!(file.verify(b"another entry", key.verifier()).is_err());
});
