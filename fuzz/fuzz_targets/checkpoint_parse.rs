//! Checkpoints, signed or not: what is read is written back byte for byte.
#![no_main]

use audit_core::{Checkpoint, SignedCheckpoint, SigningKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let key = SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap();
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_text(), text);
        if checkpoint.origin.journal().as_str() == key.verifier().name() {
            let signed = checkpoint.clone().sign(&key).unwrap();
            assert_eq!(signed.verify(key.verifier()).unwrap(), &checkpoint);
            assert_eq!(SignedCheckpoint::parse(&signed.to_string()).unwrap(), signed);
        }
    }
    if let Ok(signed) = SignedCheckpoint::parse(text) {
        assert_eq!(signed.to_string(), text);
        assert_eq!(signed.checkpoint().to_text(), signed.note().text());
        let stranger = SigningKey::from_seed("audit.example.com", &[8; 32]).unwrap();
        assert!(signed.verify(stranger.verifier()).is_err());
        let _ = signed.verify(key.verifier());
    }
});
