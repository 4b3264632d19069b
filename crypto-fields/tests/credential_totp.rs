//! TOTP: all vectors of RFC 6238, replay, window, URI.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests"
)]

use crypto_fields::{
    MAX_TOTP_SECRET, MIN_TOTP_SECRET, Timestamp, Totp, TotpAlgorithm, TotpError, TotpStep,
};
use proptest::prelude::*;

/// RFC 6238 appendix B: the time, and the code by SHA-1, SHA-256 and SHA-512. The secrets are the
/// digits 1234567890 repeated to 20, 32 and 64 bytes (errata 2866).
const VECTORS: [(i64, [&str; 3]); 6] = [
    (59, ["94287082", "46119246", "90693936"]),
    (1_111_111_109, ["07081804", "68084774", "25091201"]),
    (1_111_111_111, ["14050471", "67062674", "99943326"]),
    (1_234_567_890, ["89005924", "91819424", "93441116"]),
    (2_000_000_000, ["69279037", "90698825", "38618901"]),
    (20_000_000_000, ["65353130", "77737706", "47863826"]),
];

const ALGORITHMS: [(TotpAlgorithm, usize); 3] =
    [(TotpAlgorithm::Sha1, 20), (TotpAlgorithm::Sha256, 32), (TotpAlgorithm::Sha512, 64)];

fn second(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

fn secret(len: usize) -> Vec<u8> {
    b"1234567890".iter().copied().cycle().take(len).collect()
}

fn totp() -> Totp {
    Totp::new(secret(20)).unwrap()
}

#[test]
fn the_vectors_of_rfc_6238() {
    for (at, codes) in VECTORS {
        for ((algorithm, len), code) in ALGORITHMS.into_iter().zip(codes) {
            let totp = Totp::new(secret(len)).unwrap().algorithm(algorithm).codes(8, 30).unwrap();
            assert_eq!(*totp.code(second(at)), code, "{algorithm:?} at {at}");
            let step = totp.check(code, None, second(at)).unwrap();
            assert_eq!(i64::try_from(step.get()).unwrap(), at / 30);
        }
    }
}

#[test]
fn the_step_before_and_the_step_after_are_taken_and_no_others() {
    let (totp, now) = (totp(), second(1_111_111_111));
    for (steps, good) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
        let code = totp.code(second(1_111_111_111 + 30 * steps));
        assert_eq!(totp.check(&code, None, now).is_ok(), good, "{steps}");
    }
}

#[test]
fn no_step_is_accepted_twice_and_none_before_it() {
    let totp = totp();
    let (code, now) = (totp.code(second(3_000)), second(3_000));
    let step = totp.check(&code, None, now).unwrap();
    assert_eq!(step, TotpStep::new(100));
    assert_eq!(totp.check(&code, Some(step), now), Err(TotpError::Replayed));
    let before = totp.code(second(2_970));
    assert_eq!(totp.check(&before, Some(step), now), Err(TotpError::Replayed));
    let after = totp.code(second(3_030));
    assert_eq!(totp.check(&after, Some(step), now), Ok(TotpStep::new(101)));
    // A clock that stepped back refuses what was accepted before the step.
    assert_eq!(totp.check(&before, Some(step), second(2_970)), Err(TotpError::Replayed));
}

#[test]
fn what_is_no_code_is_refused() {
    for typed in ["", "28708", "2870822", "28708a", "2870\u{668}2", &"2".repeat(1_000_000)] {
        assert_eq!(totp().check(typed, None, second(59)), Err(TotpError::Form), "{typed:.20}");
    }
    assert_eq!(totp().check("287083", None, second(59)), Err(TotpError::Wrong));
    assert!(totp().check(" 287 082\n", None, second(59)).is_ok());
}

#[test]
fn short_secrets_and_odd_parameters_are_refused() {
    for len in [0, 1, MIN_TOTP_SECRET - 1, MAX_TOTP_SECRET + 1] {
        assert_eq!(Totp::new(vec![1; len]).err(), Some(TotpError::SecretLength));
    }
    for (digits, period) in [(5, 30), (9, 30), (0, 30), (6, 0)] {
        assert_eq!(totp().codes(digits, period).err(), Some(TotpError::Parameters));
    }
    assert_eq!(Totp::generate().unwrap().reveal().len(), 20);
    assert_ne!(Totp::generate().unwrap().reveal(), Totp::generate().unwrap().reveal());
}

#[test]
fn times_at_the_ends_do_no_harm() {
    for at in [i64::MIN, -1, 0, i64::MAX] {
        let at = Timestamp::from_micros(at);
        let code = totp().code(at);
        assert!(totp().check(&code, None, at).is_ok());
    }
}

#[test]
fn the_uri_escapes_what_it_must() {
    let uri = totp().uri("Müller & Co:", "ann+x@example.com?secret=A");
    assert_eq!(
        *uri,
        "otpauth://totp/M%C3%BCller%20%26%20Co%3A:ann%2Bx%40example.com%3Fsecret%3DA\
         ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=M%C3%BCller%20%26%20Co%3A\
         &algorithm=SHA1&digits=6&period=30"
    );
    let shown = format!("{:?}", totp());
    assert_eq!(shown, "Totp { algorithm: Sha1, digits: 6, period: 30, .. }");
}

#[test]
fn error_texts() {
    for (error, text) in [
        (TotpError::Form, "not a code of the agreed number of digits"),
        (TotpError::Parameters, "a code has 6, 7 or 8 digits, and a period of at least a second"),
        (TotpError::Replayed, "a code of this or a later step was accepted before"),
        (TotpError::SecretLength, "a secret has 20 to 128 bytes"),
        (TotpError::Wrong, "not the code of this time"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

proptest! {
    #[test]
    fn accepted_steps_only_grow(times in prop::collection::vec(0_i64..3_000, 1..40)) {
        let (totp, mut last) = (totp(), None);
        for at in times {
            if let Ok(step) = totp.check(&totp.code(second(at)), last, second(at)) {
                prop_assert!(Some(step) > last);
                last = Some(step);
            }
        }
    }

    #[test]
    fn any_text_is_looked_at_without_a_panic(text in ".*", at: i64) {
        let _ = totp().check(&text, None, Timestamp::from_micros(at));
    }
}
