//! Notes, signature lines and keys: what is read is written back byte for byte.
#![no_main]

use audit_core::{Cosignature, CosigningKey, Note, NoteSignature, SigningKey, VerifierKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
        assert_eq!(key.renamed(key.name()), Ok(key));
    }
    if let Ok(key) = SigningKey::parse(text) {
        assert_eq!(key.to_skey().as_str(), text);
    }
    if let Ok(key) = CosigningKey::parse(text) {
        assert_eq!(key.to_skey().as_str(), text);
    }
    if let Ok(signature) = NoteSignature::parse(text) {
        assert_eq!(signature.to_string(), text);
    }
    if let Ok(cosignature) = Cosignature::parse(text) {
        assert_eq!(cosignature.signature().to_string(), text);
    }
    let Ok(note) = Note::parse(text) else { return };
    assert_eq!(note.to_string(), text);
    assert!(note.verify(&[]).map_or(true, |verified| verified.is_empty()));

    let key = SigningKey::from_seed("fuzz.example.com", &[7; 32]).unwrap();
    let mut signed = note.clone();
    if signed.add(key.sign(note.text())).is_ok() {
        let verified = signed.verify(&[key.verifier().clone()]).unwrap();
        assert_eq!(verified.len(), 1);
        assert_eq!(Note::parse(&signed.to_string()), Ok(signed));
    }
});
