//! Verifier keys and secret keys against published vectors, and against what is to be refused.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests"
)]

use audit_core::{CosigningKey, KeyAlgorithm, KeyError, Note, SigningKey, VerifierKey};
use base64ct::{Base64, Encoding};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

// The example of the Go package golang.org/x/mod/sumdb/note, from which the format comes, and a
// public witness.

const PETER_SKEY: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const WITNESS: &str = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
const TEXT: &str = "All is well.\n";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// A vkey or the tail of an skey with the right id, made without the code under test.
fn key_text(name: &str, algorithm: u8, public: &[u8], shown: &[u8]) -> String {
    let digest = Sha256::digest([name.as_bytes(), b"\n", &[algorithm], public].concat());
    let id: String = digest[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name}+{id}+{}", Base64::encode_string(&[&[algorithm], shown].concat()))
}

#[test]
fn rfc_8032_vectors_pass_through_the_key_file() {
    // Section 7.1, tests 1 and 2: seed, public key, message, signature.
    for (seed, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "r",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ] {
        let (seed, public) = (hex(seed), hex(public));
        let file = format!("PRIVATE+KEY+{}", key_text("rfc8032.example", 1, &public, &seed));
        let signer = SigningKey::parse(&file).unwrap();
        assert_eq!(*signer.to_skey(), file);
        assert_eq!(signer.verifier().public_key()[..], public);
        assert_eq!(signer.verifier().to_string(), key_text("rfc8032.example", 1, &public, &public));
        assert_eq!(signer.sign(message).signature(), hex(signature));
        let same = SigningKey::from_seed("rfc8032.example", seed[..].try_into().unwrap()).unwrap();
        assert_eq!(same.verifier(), signer.verifier());
    }
}

#[test]
fn mangled_keys_are_refused() {
    fn parses(text: &str) -> bool {
        text.parse::<VerifierKey>().is_ok()
            || SigningKey::parse(text).is_ok()
            || CosigningKey::parse(text).is_ok()
    }
    for good in [PETER, PETER_SKEY, WITNESS] {
        assert!(parses(good));
        for start in 0..good.len() {
            for end in start..=good.len() {
                let cut = &good[start..end];
                // A secret key without its prefix is of the form of a verifier key; what it then
                // says is another public key, which its id gives away.
                assert!(cut.len() == good.len() || !parses(cut), "{cut}");
            }
        }
        for at in 0..good.len() {
            for changed in [1, 4, 32] {
                let mut bytes = good.as_bytes().to_vec();
                bytes[at] ^= changed;
                if let Ok(text) = String::from_utf8(bytes) {
                    assert!(!parses(&text), "{text}");
                }
            }
        }
        assert!(!parses(&format!("{good}\n")) && !parses(&format!(" {good}")));
    }
    assert_eq!(SigningKey::parse(PETER).unwrap_err(), KeyError::Malformed);
    assert_eq!(
        PETER.replace("c74f20a3", "C74F20A3").parse::<VerifierKey>(),
        Err(KeyError::Malformed)
    );
    assert_eq!(PETER.replace("c74f20a3", "c74f20a4").parse::<VerifierKey>(), Err(KeyError::Id));
    assert_eq!(PETER.replace("Peter", "Petra").parse::<VerifierKey>(), Err(KeyError::Id));
    // Wrong length with its own id, unknown algorithms with theirs (from the Go tests, and a
    // post-quantum cosigner).
    assert_eq!(
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="
            .parse::<VerifierKey>(),
        Err(KeyError::Malformed)
    );
    assert_eq!(
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse::<VerifierKey>(),
        Err(KeyError::Algorithm(0x65))
    );
    let pq = key_text("witness.example", 6, &[1; 1312], &[1; 1312]);
    assert_eq!(pq.parse::<VerifierKey>(), Err(KeyError::Algorithm(6)));

    let witness = CosigningKey::generate("witness.example").unwrap();
    assert_eq!(SigningKey::parse(&witness.to_skey()).unwrap_err(), KeyError::Algorithm(4));
    assert_eq!(CosigningKey::parse(PETER_SKEY).unwrap_err(), KeyError::Algorithm(1));
}

#[test]
fn weak_and_ambiguous_public_keys_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let order_eight = hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
    for weak in [[0; 32], identity, minus_one, order_eight.try_into().unwrap()] {
        assert_eq!(
            key_text("a.example", 1, &weak, &weak).parse::<VerifierKey>(),
            Err(KeyError::Weak)
        );
        assert_eq!(
            VerifierKey::new("a.example", KeyAlgorithm::CosignatureV1, &weak),
            Err(KeyError::Weak)
        );
    }
    // The same points with p added to y, and no point at all.
    for low in 0xed..=0xff {
        let mut above = [0xff; 32];
        above[0] = low;
        for high in [0x7f, 0xff] {
            above[31] = high;
            assert_eq!(
                VerifierKey::new("a.example", KeyAlgorithm::Ed25519, &above),
                Err(KeyError::Point)
            );
        }
    }
    let mut none = [0; 32];
    none[0] = 2;
    assert_eq!(VerifierKey::new("a", KeyAlgorithm::Ed25519, &none), Err(KeyError::Point));
}

#[test]
fn renaming_keeps_the_bytes() {
    let journal = SigningKey::generate("audit.example.com").unwrap();
    let name = "audit.example.com/acme/default/1";
    let derived = journal.verifier().renamed(name).unwrap();
    assert_eq!(derived.public_key(), journal.verifier().public_key());
    assert_eq!(derived.name(), name);
    assert_ne!(derived.id(), journal.verifier().id());
    assert_ne!(&derived, journal.verifier());
    assert_eq!(derived.to_string().parse::<VerifierKey>().unwrap(), derived);
    assert_eq!(journal.renamed(name).unwrap().verifier(), &derived);
    assert_eq!(&derived.renamed("audit.example.com").unwrap(), journal.verifier());
    for bad in ["", "a b", "a+b", "a\nb", "a\u{2009}b", "a\u{3000}"] {
        assert_eq!(journal.verifier().renamed(bad), Err(KeyError::Name));
        assert_eq!(journal.renamed(bad).unwrap_err(), KeyError::Name);
        assert_eq!(SigningKey::generate(bad).unwrap_err(), KeyError::Name);
    }
}

#[test]
fn secrets_are_not_printed() {
    let signer = SigningKey::parse(PETER_SKEY).unwrap();
    let witness = CosigningKey::from_seed("w.example", &[9; 32]).unwrap();
    for shown in [format!("{signer:?} {signer:#?}"), format!("{witness:?}")] {
        assert!(shown.contains("VerifierKey("));
        for secret in ["AYEKFALV", "810a1402", "129, 10, 20", "CQkJ", "0909", "9, 9, 9"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    let generated = SigningKey::generate("a").unwrap();
    assert_ne!(generated.verifier(), SigningKey::generate("a").unwrap().verifier());
}

#[test]
fn errors_read_well() {
    for (error, text) in [
        (KeyError::Algorithm(6), "signature type 0x06 is not supported here"),
        (KeyError::Id, "the key id does not belong to this key"),
        (KeyError::Malformed, "not of the form of a key"),
        (KeyError::Name, "not a key name: empty, or with a space, a plus or a control character"),
        (KeyError::Point, "not an Ed25519 public key"),
        (KeyError::Random, "no random numbers from the operating system"),
        (KeyError::Weak, "a weak Ed25519 public key"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

proptest! {
    #[test]
    fn keys_round_trip(name in "[a-zA-Z0-9./:_\u{e4}\u{4e00}-]{1,30}", seed: [u8; 32]) {
        let signer = SigningKey::from_seed(&name, &seed).unwrap();
        let again = SigningKey::parse(&signer.to_skey()).unwrap();
        prop_assert_eq!(again.to_skey(), signer.to_skey());
        let vkey = signer.verifier().to_string();
        prop_assert_eq!(&vkey.parse::<VerifierKey>().unwrap(), signer.verifier());
        let json = serde_json::to_string(signer.verifier()).unwrap();
        prop_assert_eq!(&serde_json::from_str::<VerifierKey>(&json).unwrap(), signer.verifier());
        let mut note = Note::new(TEXT).unwrap();
        note.add(signer.sign(TEXT)).unwrap();
        prop_assert!(note.verify(&[signer.verifier().clone()]).is_ok());
    }

    #[test]
    fn no_key_panics(text: String, near in "(PRIVATE\\+KEY\\+)?[a-z+]{0,5}\\+[0-9a-f]{8}\\+[A-Za-z0-9+/=]{0,60}") {
        for text in [&text, &near] {
            if let Ok(key) = text.parse::<VerifierKey>() {
                prop_assert_eq!(&key.to_string(), text);
            }
            let _ = SigningKey::parse(text);
            let _ = CosigningKey::parse(text);
        }
    }
}
