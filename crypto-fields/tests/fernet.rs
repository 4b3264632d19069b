//! Fernet: the specification's vectors, the published crate both ways, rotation, age.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests"
)]

use std::time::Duration;

use crypto_fields::{FernetError, FernetKey, FernetKeyError, ManualClock, MultiFernet, Timestamp};
use proptest::prelude::*;

/// The key of every vector.
const SECRET: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
const HELLO: &str = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
const MINUTE: Duration = Duration::from_secs(60);

/// 1985-10-26T01:20:01-07:00, the time of most vectors.
const NOW: i64 = 499_162_801;

/// What each invalid token is about, the token, and the time if another: `invalid.json`, 60 s.
const INVALID: &[(&str, &str, i64)] = &[
    (
        "incorrect MAC",
        "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykQUFBQUFBQUFBQQ==",
        NOW,
    ),
    ("too short", "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPA==", NOW),
    (
        "invalid base64",
        "%%%%%%%%%%%%%AECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykRtfsH-p1YsUD2Q==",
        NOW,
    ),
    (
        "size not a multiple of the block",
        "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPOm73QeoCk9uGib28Xe5vz6oxq5nmxbx_v7mrfyudzUm",
        NOW,
    ),
    (
        "padding error",
        "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0ODz4LEpdELGQAad7aNEHbf-JkLPIpuiYRLQ3RtXatOYREu2FWke6CnJNYIbkuKNqOhw==",
        NOW,
    ),
    (
        "far future",
        "gAAAAAAdwStRAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAnja1xKYyhd-Y6mSkTOyTGJmw2Xc2a6kBd-iX9b_qXQcw==",
        NOW,
    ),
    (
        "expired",
        "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykRtfsH-p1YsUD2Q==",
        NOW + 90,
    ),
    (
        "incorrect IV",
        "gAAAAAAdwJ6xBQECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAkLhFLHpGtDBRLRTZeUfWgHSv49TF2AUEZ1TIvcZjK1zQ==",
        NOW,
    ),
    (
        "characters after the padding",
        "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==trailingdata",
        NOW,
    ),
    (
        "characters outside base64",
        "*gAAAAAAdwJ6wAAECAwQFBgcI!CQoLDA0ODy021?cpGVWKZ_eEwC@GM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==",
        NOW,
    ),
    (
        "characters of plain base64",
        "gAAAAAAdwJ6wAAEC/AwQFBgcICQoLDA0ODy+021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==",
        NOW,
    ),
    ("very short", "gAAAAABdnQ1TUKh2OE_ggbyCIxfg", NOW),
    ("three bytes", "gAAA", NOW),
    ("empty", "", NOW),
];

fn at(seconds: i64) -> ManualClock {
    ManualClock::new(Timestamp::from_micros(seconds * 1_000_000))
}

fn fernet(seconds: i64) -> MultiFernet {
    MultiFernet::new(FernetKey::parse(SECRET).unwrap()).clock(at(seconds))
}

#[test]
fn verifies_the_token_of_the_specification() {
    let fernet = fernet(NOW);
    assert_eq!(fernet.decrypt_within(HELLO, MINUTE).unwrap()[..], b"hello"[..]);
    assert_eq!(fernet.decrypt(HELLO).unwrap()[..], b"hello"[..]);
    assert_eq!(fernet.timestamp(HELLO), Ok(499_162_800));
}

#[test]
fn refuses_the_invalid_tokens_of_the_specification_with_one_error() {
    for (about, token, now) in INVALID {
        let result = fernet(*now).decrypt_within(token, MINUTE);
        assert_eq!(result, Err(FernetError::Invalid), "{about}");
    }
}

#[test]
fn age_is_checked_to_the_second_and_only_when_asked() {
    let made = 499_162_800;
    for (now, valid) in [(0, true), (60, true), (61, false), (-60, true), (-61, false)] {
        let result = fernet(made + now).decrypt_within(HELLO, MINUTE);
        assert_eq!(result.is_ok(), valid, "{now}");
        assert!(fernet(made + now).decrypt(HELLO).is_ok());
    }
    // No overflow at the ends, and a clock before 1970 counts as 1970.
    assert!(fernet(made).decrypt_within(HELLO, Duration::MAX).is_ok());
    assert_eq!(fernet(-5).decrypt_within(HELLO, MINUTE), Err(FernetError::Invalid));
    let early = fernet(-5).encrypt(b"x").unwrap();
    assert_eq!(fernet(0).timestamp(&early), Ok(0));
}

#[test]
fn the_first_key_encrypts_and_all_decrypt() {
    let (old, new) = (FernetKey::generate().unwrap(), FernetKey::generate().unwrap());
    let with_old = MultiFernet::new(old.duplicate()).clock(at(1_000));
    let with_new = MultiFernet::new(new.duplicate()).clock(at(9_000));
    let both = MultiFernet::new(new).decrypting(old).clock(at(9_000));

    let token = with_old.encrypt(b"value").unwrap();
    assert_eq!(with_new.decrypt(&token), Err(FernetError::Invalid));
    assert_eq!(both.decrypt(&token).unwrap()[..], b"value"[..]);

    let rotated = both.rotate(&token).unwrap();
    assert_eq!(with_old.decrypt(&rotated), Err(FernetError::Invalid));
    assert_eq!(with_new.decrypt(&rotated).unwrap()[..], b"value"[..]);
    assert_eq!(with_new.timestamp(&rotated), Ok(1_000), "rotating does not make it young");

    assert_eq!(with_new.timestamp(&both.encrypt(b"").unwrap()), Ok(9_000));
    assert_eq!(both.rotate("gAAA"), Err(FernetError::Invalid));
}

#[test]
fn keys_are_read_strictly_and_not_shown() {
    let key = FernetKey::parse(SECRET).unwrap();
    assert_eq!(key.reveal().as_str(), SECRET);
    assert_eq!(format!("{key:?}"), "FernetKey(..)");
    assert!(!format!("{:?}", MultiFernet::new(key)).contains("cw_0"));
    let plain = SECRET.replace('_', "/");
    for text in ["", "cw_0", &SECRET[..43], &format!("{SECRET}="), &format!("{SECRET}AAAA"), &plain]
    {
        assert_eq!(FernetKey::parse(text).err(), Some(FernetKeyError::Form), "{text}");
    }
    // 33 bytes are not a key either.
    assert!(FernetKey::parse("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e5A").is_err());
}

#[test]
fn error_texts() {
    assert_eq!(FernetError::Invalid.to_string(), "not a valid token");
    assert_eq!(
        FernetKeyError::Form.to_string(),
        "not a Fernet key: 32 bytes in base64url with padding"
    );
}

fn flipped(token: &str, bit: usize) -> String {
    let mut bytes = data_encoding::BASE64URL.decode(token.as_bytes()).unwrap();
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    data_encoding::BASE64URL.encode(&bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_published_crate_reads_what_is_made_here_and_the_other_way_round(
        plaintext in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        let theirs = fernet::Fernet::new(SECRET).unwrap();
        let ours = MultiFernet::new(FernetKey::parse(SECRET).unwrap());
        prop_assert_eq!(&theirs.decrypt(&ours.encrypt(&plaintext).unwrap()).unwrap(), &plaintext);
        let token = theirs.encrypt(&plaintext);
        prop_assert_eq!(&*ours.decrypt(&token).unwrap(), &plaintext[..]);
        prop_assert_eq!(&*ours.decrypt_within(&token, MINUTE).unwrap(), &plaintext[..]);
    }

    #[test]
    fn any_flipped_bit_is_refused(plaintext in prop::collection::vec(any::<u8>(), 0..40), bit: usize) {
        let fernet = fernet(NOW);
        let token = fernet.encrypt(&plaintext).unwrap();
        prop_assert_eq!(fernet.decrypt(&flipped(&token, bit)), Err(FernetError::Invalid));
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in ".*") {
        prop_assert_eq!(fernet(NOW).decrypt(&text), Err(FernetError::Invalid));
        let _ = FernetKey::parse(&text);
    }
}
