//! Keys, signed notes and cosignatures against published vectors, and against what is to be
//! refused.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests"
)]

use audit_core::{
    Cosignature, CosigningKey, KeyAlgorithm, MAX_NOTE_LEN, MAX_NOTE_SIGNATURES, Note, NoteError,
    NoteSignature, SigningKey, Timestamp, VerifierKey,
};
use base64ct::{Base64, Encoding};
use proptest::prelude::*;

// The example of the Go package golang.org/x/mod/sumdb/note, from which the format comes.

const PETER_SKEY: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const PETER_LINE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
const ENOCH_LINE: &str = "\u{2014} EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=";

// A checkpoint of a public Certificate Transparency log with its witnesses' cosignatures.

const COSIGNED: &str = "arche2025h1.staging.ct.transparency.dev\n\
1432088532\n\
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n\
\n\
\u{2014} arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=\n\
\u{2014} arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=\n\
\u{2014} transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==\n\
\u{2014} remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==\n";
const LOG: &str =
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f";
const WITNESS: &str = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";

fn key(vkey: &str) -> VerifierKey {
    vkey.parse().unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn the_published_note_is_signed_and_verified_byte_for_byte() {
    let signer = SigningKey::parse(PETER_SKEY).unwrap();
    assert_eq!(signer.verifier().to_string(), PETER);
    assert_eq!(*signer.to_skey(), PETER_SKEY);
    let line = signer.sign(TEXT);
    assert_eq!(line.to_string(), PETER_LINE);
    let mut note = Note::new(TEXT).unwrap();
    note.add(line).unwrap();
    assert_eq!(note.to_string(), format!("{TEXT}\n{PETER_LINE}\n"));

    let both = Note::parse(&format!("{TEXT}\n{PETER_LINE}\n{ENOCH_LINE}\n")).unwrap();
    let names = |keys: &[VerifierKey]| {
        let verified = both.verify(keys).unwrap();
        assert!(verified.iter().all(|one| one.at().is_none()));
        verified.iter().map(|one| one.key().name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[key(ENOCH), key(PETER)]), ["PeterNeumann", "EnochRoot"]);
    assert_eq!(names(&[key(PETER)]), ["PeterNeumann"]);
    assert_eq!(names(&[key(ENOCH), key(ENOCH)]), ["EnochRoot"]);
    assert_eq!(both.verify(&[]), Err(NoteError::Untrusted));
    assert_eq!(both.verify(&[key(LOG)]), Err(NoteError::Untrusted));
}

#[test]
fn the_note_of_the_specification_verifies() {
    let note = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let signer = key("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    let note = Note::parse(note).unwrap();
    assert_eq!(note.verify(&[signer]).unwrap().len(), 1);
}

#[test]
fn a_log_and_its_witness_verify() {
    let note = Note::parse(COSIGNED).unwrap();
    assert_eq!(note.to_string(), COSIGNED);
    let verified = note.verify(&[key(LOG), key(WITNESS)]).unwrap();
    assert_eq!(verified.len(), 2);
    assert_eq!((verified[0].key(), verified[0].at()), (&key(LOG), None));
    let at = "2026-05-23T21:50:24.000000Z".parse().unwrap();
    assert_eq!((verified[1].key(), verified[1].at()), (&key(WITNESS), Some(at)));

    let line = note.signatures()[3].to_string();
    let cosignature = Cosignature::parse(&line).unwrap();
    assert_eq!(cosignature.at(), at);
    assert_eq!(cosignature.to_string(), line);
    assert_eq!(cosignature.verify(&key(WITNESS), note.text()), Ok(at));
    assert_eq!(cosignature.verify(&key(LOG), note.text()), Err(NoteError::Untrusted));
    let plain_name =
        VerifierKey::new("remora.n621.de", KeyAlgorithm::Ed25519, key(WITNESS).public_key());
    assert_eq!(cosignature.verify(&plain_name.unwrap(), note.text()), Err(NoteError::Untrusted));
    assert!(Cosignature::parse(&note.signatures()[1].to_string()).is_err());
    // One digit of the size.
    let clobbered = Note::parse(&COSIGNED.replace("1432088532", "1432088533")).unwrap();
    for trusted in [LOG, WITNESS] {
        let name = key(trusted).name().to_owned();
        assert_eq!(clobbered.verify(&[key(trusted)]), Err(NoteError::Invalid { key: name }));
    }
}

#[test]
fn signatures_cannot_be_rewritten() {
    let signer = SigningKey::parse(PETER_SKEY).unwrap();
    let good: [u8; 64] = signer.sign(TEXT).signature().try_into().unwrap();
    let verify = |signature: &[u8; 64]| {
        let mut note = Note::new(TEXT).unwrap();
        note.add(NoteSignature::ed25519(signer.verifier(), signature)).unwrap();
        note.verify(&[signer.verifier().clone()])
    };
    assert!(verify(&good).is_ok());
    let refused = Err(NoteError::Invalid { key: "PeterNeumann".into() });
    for bit in 0..512 {
        let mut flipped = good;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(verify(&flipped), refused);
    }
    // S + L verifies wherever S is not checked to be below the group order L.
    let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut malleated = good;
    let mut carry = 0_u16;
    for (byte, add) in malleated[32..].iter_mut().zip(&order) {
        let sum = u16::from(*byte) + u16::from(*add) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    assert_eq!(verify(&malleated), refused);
    // Made with the secret key, but with the neutral element as its random point: lenient
    // verifiers take it.
    let small_order = hex(
        "010000000000000000000000000000000000000000000000000000000000000071b72002132ace6fd9c817f9638c427e0cb59819397a1d7fd38a082ee5aced0d",
    );
    assert_eq!(verify(&small_order.try_into().unwrap()), refused);
    for length in [1, 63, 65, 72] {
        let line = [&signer.verifier().id().to_be_bytes()[..], &vec![7; length]].concat();
        let line = format!("\u{2014} PeterNeumann {}", Base64::encode_string(&line));
        let note = Note::parse(&format!("{TEXT}\n{line}\n")).unwrap();
        assert_eq!(note.verify(&[signer.verifier().clone()]), refused);
    }
}

#[test]
fn one_wrong_signature_of_a_trusted_key_refuses_the_note() {
    let other = SigningKey::generate("other.example").unwrap();
    let peter = SigningKey::parse(PETER_SKEY).unwrap();
    let mut note = Note::new(TEXT).unwrap();
    note.add(other.sign(TEXT)).unwrap();
    note.add(peter.sign("another text\n")).unwrap();
    let trusted = [other.verifier().clone(), key(PETER)];
    assert_eq!(note.verify(&trusted), Err(NoteError::Invalid { key: "PeterNeumann".into() }));
    // A key that is not trusted cannot spoil it.
    assert_eq!(note.verify(&trusted[..1]).unwrap().len(), 1);
    // Same name but another id, same id but another name: another key.
    let namesake = SigningKey::generate("PeterNeumann").unwrap();
    note = Note::new(TEXT).unwrap();
    note.add(namesake.sign("x\n")).unwrap();
    note.add(peter.sign(TEXT)).unwrap();
    assert_eq!(note.verify(&[key(PETER)]).unwrap().len(), 1);
    let renamed = PETER_LINE.replace("PeterNeumann", "PeterNeuman");
    let note = Note::parse(&format!("{TEXT}\n{renamed}\n")).unwrap();
    assert_eq!(note.verify(&[key(PETER)]), Err(NoteError::Untrusted));
    // The same signature twice counts once.
    let note = Note::parse(&format!("{TEXT}\n{PETER_LINE}\n{PETER_LINE}\n")).unwrap();
    assert_eq!(note.verify(&[key(PETER)]).unwrap().len(), 1);
}

#[test]
fn malformed_notes_are_refused() {
    let line = |number| Err(NoteError::Line { line: number });
    for (note, expected) in [
        (String::new(), Err(NoteError::NoSignature)),
        ("\n".into(), Err(NoteError::NoSignature)),
        ("\n\n".into(), Err(NoteError::NoSignature)),
        (TEXT.into(), Err(NoteError::NoSignature)),
        (format!("{TEXT}\n"), Err(NoteError::NoSignature)),
        (format!("{TEXT}\n{PETER_LINE}"), Err(NoteError::NoSignature)),
        (format!("{TEXT}{PETER_LINE}\n"), Err(NoteError::NoSignature)),
        (format!("{PETER_LINE}\n"), Err(NoteError::NoSignature)),
        (format!("\n{PETER_LINE}\n"), Err(NoteError::NoSignature)),
        (format!("{TEXT}\n{PETER_LINE}\n\n"), Err(NoteError::NoSignature)),
        (format!("{TEXT}\n{PETER_LINE}\nx"), Err(NoteError::NoSignature)),
        (format!("{TEXT}\n{PETER_LINE}\nx\n"), line(2)),
        (format!("{TEXT}\n{PETER_LINE} \n"), line(1)),
        (format!("{TEXT}\n {PETER_LINE}\n"), line(1)),
        (format!("{TEXT}\n{}\n", PETER_LINE.replace('\u{2014}', "-")), line(1)),
        (format!("{TEXT}\n{}\n", PETER_LINE.replace('\u{2014}', "\u{2013}")), line(1)),
        (format!("{TEXT}\n{}\n", PETER_LINE.replacen(' ', "", 1)), line(1)),
        (format!("{TEXT}\n{}\n", PETER_LINE.replace("PeterNeumann", "")), line(1)),
        (format!("{TEXT}\n{}\n", PETER_LINE.replace("rN", "r+N")), line(1)),
        (format!("{TEXT}\n{}\n", PETER_LINE.replace("rN", "r\u{a0}N")), line(1)),
        (format!("{TEXT}\n{}\n", PETER_LINE.replace("rN", "r\u{2003}N")), line(1)),
        (format!("{TEXT}\n{}\n", PETER_LINE.replace("AM=", "AN=")), line(1)),
        (format!("{TEXT}\n{}\n", PETER_LINE.replace("AM=", "AM")), line(1)),
        (format!("{TEXT}\n{}\n", PETER_LINE.replace('/', "_")), line(1)),
        (format!("{TEXT}\n\u{2014} PeterNeumann x08gow==\n"), line(1)),
        (format!("{TEXT}\n\u{2014} PeterNeumann \n"), line(1)),
        (format!("{TEXT}\n{PETER_LINE}\r\n"), Err(NoteError::Control)),
        (format!("{TEXT}\0\n{PETER_LINE}\n"), Err(NoteError::Control)),
        (format!("{TEXT}\ta\n\n{PETER_LINE}\n"), Err(NoteError::Control)),
    ] {
        assert_eq!(Note::parse(&note), expected, "{note:?}");
    }
    // Blank lines within the text are part of it.
    let inner = format!("a\n\n\nb\n\n\n{PETER_LINE}\n");
    assert_eq!(Note::parse(&inner).unwrap().text(), "a\n\n\nb\n\n");
    // DEL and C1 are not among the control characters that the standard names.
    assert!(Note::parse(&format!("\u{7f}\u{85}\n\n{PETER_LINE}\n")).is_ok());

    assert_eq!(Note::new("no end"), Err(NoteError::Text));
    assert_eq!(Note::new(""), Err(NoteError::Text));
    assert_eq!(Note::new("a\r\n"), Err(NoteError::Control));
    assert_eq!(Note::new("a".repeat(MAX_NOTE_LEN) + "\n"), Err(NoteError::TooLarge));
    let lines = |count| format!("{TEXT}\n{}", format!("{PETER_LINE}\n").repeat(count));
    let mut full = Note::parse(&lines(MAX_NOTE_SIGNATURES)).unwrap();
    assert_eq!(Note::parse(&lines(MAX_NOTE_SIGNATURES + 1)), Err(NoteError::TooManySignatures));
    let one = full.signatures()[0].clone();
    assert_eq!(full.add(one), Err(NoteError::TooManySignatures));
}

#[test]
fn cosignatures_are_made_and_verified() {
    let witness = CosigningKey::generate("witness.example/w1").unwrap();
    assert_eq!(witness.verifier().algorithm(), KeyAlgorithm::CosignatureV1);
    let again = CosigningKey::parse(&witness.to_skey()).unwrap();
    assert_eq!(again.verifier(), witness.verifier());
    let at: Timestamp = "2026-11-20T23:23:00.999999Z".parse().unwrap();
    let second: Timestamp = "2026-11-20T23:23:00.000000Z".parse().unwrap();
    let cosignature = witness.cosign(TEXT, at).unwrap();
    assert_eq!(cosignature.at(), second);
    assert_eq!(cosignature.verify(witness.verifier(), TEXT), Ok(second));
    assert!(cosignature.verify(witness.verifier(), "other\n").is_err());
    assert_eq!(Cosignature::parse(&cosignature.to_string()), Ok(cosignature.clone()));

    // The message, spelled out, signed by the same seed as a plain note.
    let seed = [9; 32];
    let witness = CosigningKey::from_seed("w.example", &seed).unwrap();
    let plain = SigningKey::from_seed("w.example", &seed).unwrap();
    assert_ne!(witness.verifier().id(), plain.verifier().id());
    let made = witness.cosign(TEXT, second).unwrap();
    let seconds = second.as_micros() / 1_000_000;
    let expected = plain.sign(&format!("cosignature/v1\ntime {seconds}\n{TEXT}"));
    assert_eq!(made.signature().signature()[..8], seconds.to_be_bytes());
    assert_eq!(&made.signature().signature()[8..], expected.signature());

    // Its time is signed.
    let line = |seconds: u64| {
        let bytes = [
            &witness.verifier().id().to_be_bytes()[..],
            &seconds.to_be_bytes(),
            expected.signature(),
        ];
        format!("\u{2014} w.example {}", Base64::encode_string(&bytes.concat()))
    };
    let later = Cosignature::parse(&line(1 + u64::try_from(seconds).unwrap())).unwrap();
    assert!(later.verify(witness.verifier(), TEXT).is_err());
    for far in [u64::MAX, 1 << 63, (1 << 63) - 1, 253_402_300_800] {
        assert_eq!(Cosignature::parse(&line(far)), Err(NoteError::Time));
    }
    assert!(Cosignature::parse(&line(253_402_300_799)).is_ok());
    let early = Timestamp::from_micros(-1).unwrap();
    assert_eq!(witness.cosign(TEXT, early), Err(NoteError::Time));
    assert_eq!(witness.cosign(TEXT, Timestamp::UNIX_EPOCH).unwrap().at(), Timestamp::UNIX_EPOCH);
    assert!(witness.cosign(TEXT, Timestamp::MAX).is_ok());
}

#[test]
fn errors_read_well() {
    for (error, text) in [
        (NoteError::Control, "a control character other than newline"),
        (NoteError::Invalid { key: "a".into() }, "the signature of a does not verify"),
        (NoteError::Line { line: 3 }, "signature line 3 is malformed"),
        (NoteError::NoSignature, "no signature under the text"),
        (NoteError::Text, "the text does not end in a newline"),
        (NoteError::Time, "the time of a cosignature is out of range"),
        (NoteError::TooLarge, "longer than 1048576 bytes"),
        (NoteError::TooManySignatures, "more than 100 signatures"),
        (NoteError::Untrusted, "no signature of a trusted key"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

fn a_name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9./:_\u{e4}\u{4e00}-]{1,30}"
}

proptest! {
    #[test]
    fn notes_round_trip(
        text in "([^\\p{Cc}]{0,20}\n){1,5}",
        signatures in prop::collection::vec(
            (a_name(), prop::collection::vec(any::<u8>(), 5..100)), 1..20),
    ) {
        let lines: String = signatures
            .iter()
            .map(|(name, bytes)| format!("\u{2014} {name} {}\n", Base64::encode_string(bytes)))
            .collect();
        let whole = format!("{text}\n{lines}");
        let note = Note::parse(&whole).unwrap();
        prop_assert_eq!(note.text(), &text);
        prop_assert_eq!(note.signatures().len(), signatures.len());
        prop_assert_eq!(note.to_string(), whole);
    }

    #[test]
    fn nothing_panics(text: String, near in "(PRIVATE\\+KEY\\+)?[a-z+]{0,5}\\+[0-9a-f]{8}\\+[A-Za-z0-9+/=]{0,60}", lines in "(\u{2014}? ?[a-z+ ]{0,6} ?[A-Za-z0-9+/=]{0,20}\n?){0,6}") {
        for text in [&text, &near, &lines] {
            if let Ok(key) = text.parse::<VerifierKey>() {
                prop_assert_eq!(&key.to_string(), text);
            }
            if let Ok(note) = Note::parse(text) {
                prop_assert_eq!(&note.to_string(), text);
            }
            if let Ok(line) = NoteSignature::parse(text) {
                prop_assert_eq!(&line.to_string(), text);
            }
            let _ = SigningKey::parse(text);
            let _ = CosigningKey::parse(text);
            let _ = Cosignature::parse(text);
        }
    }
}
