//! What goes between a log and a witness: what is read is written back byte for byte, and a
//! cosignature of one text is none of another.
#![no_main]

use audit_core::{
    AddCheckpoint, CosigningKey, Timestamp, VerifierKey, WitnessCosignatures, WitnessSize,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &str| {
    if let Some(size) = WitnessSize::parse(body) {
        assert_eq!(size.to_string(), body);
    }
    let witness = CosigningKey::from_seed("witness.example", &[7; 32]).unwrap();
    if let Ok(answer) = WitnessCosignatures::parse(body) {
        assert_eq!(answer.to_string(), body);
        assert!(answer.by(witness.verifier(), "a text that nobody cosigned\n").is_err());
    }
    let Ok(request) = AddCheckpoint::parse(body) else { return };
    assert_eq!(request.to_string(), body);
    let checkpoint = request.checkpoint();
    let stranger: VerifierKey =
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
    let _ = checkpoint.verify(&[stranger]);
    let _ = request.proof().verify(&checkpoint.head(), &checkpoint.head());
    let text = checkpoint.note().text();
    let cosignature = witness.cosign(text, Timestamp::UNIX_EPOCH).unwrap();
    let answer = WitnessCosignatures::new(cosignature);
    assert!(answer.by(witness.verifier(), text).is_ok());
});
