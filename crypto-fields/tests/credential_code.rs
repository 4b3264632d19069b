//! One-time codes and backup codes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests"
)]

use std::collections::HashSet;
use std::time::Duration;

use crypto_fields::{
    BACKUP_CODES, BackupCode, BackupCodeError, BackupCodeSet, CredentialKeys, DataKey, KeyId,
    OneTimeCodeError, OneTimeCodePolicy, OneTimeCodeState, OneTimeCodeVerdict as Verdict, Purpose,
    SecretKey, Timestamp,
};
use proptest::prelude::*;

fn keys_of(n: u8) -> CredentialKeys {
    let id = KeyId::new(u64::from(n)).unwrap();
    let key = DataKey::from_parts(id, Purpose::Credential, SecretKey::take(&mut [n; 32]));
    CredentialKeys::new(&key).unwrap()
}

fn keys() -> CredentialKeys {
    keys_of(1)
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

/// A code for `usr_1` to log in, issued at second 1000, and its state.
fn issued() -> (String, OneTimeCodeState) {
    let (code, state) =
        OneTimeCodePolicy::default().issue(&keys(), "login", "usr_1", None, second(1_000)).unwrap();
    (code.reveal().to_owned(), state)
}

fn check(state: &OneTimeCodeState, typed: &str, at: i64) -> (Verdict, OneTimeCodeState) {
    OneTimeCodePolicy::default().check(&keys(), "login", "usr_1", state, typed, second(at)).unwrap()
}

fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

#[test]
fn a_code_is_good_once() {
    let (code, state) = issued();
    let (verdict, used) = check(&state, &code, 1_001);
    assert_eq!(verdict, Verdict::Accepted);
    assert_eq!(check(&used, &code, 1_002).0, Verdict::Used);
    let spaced = format!(" {} - {} ", &code[..3], &code[3..]);
    assert_eq!(check(&state, &spaced, 1_001).0, Verdict::Accepted);
}

#[test]
fn the_sixth_try_is_refused_even_if_it_is_right() {
    let (code, mut state) = issued();
    for left in (0..5).rev() {
        let (verdict, next) = check(&state, &wrong(&code), 1_001);
        assert_eq!(verdict, Verdict::Wrong { left });
        state = next;
    }
    assert_eq!(check(&state, &code, 1_001).0, Verdict::Exhausted);
    assert_eq!(check(&state, &wrong(&code), 1_001), (Verdict::Exhausted, state));
}

#[test]
fn what_is_no_code_costs_no_attempt() {
    let (_, state) = issued();
    for typed in
        ["", "12345", "1234567", "12345a", "12345\u{666}", "+12345", &"1".repeat(1_000_000)]
    {
        let result = OneTimeCodePolicy::default().check(
            &keys(),
            "login",
            "usr_1",
            &state,
            typed,
            second(1_001),
        );
        assert_eq!(result, Err(OneTimeCodeError::Form), "{typed:.20}");
    }
}

#[test]
fn a_code_is_for_one_user_and_one_purpose_under_one_key() {
    let (code, state) = issued();
    let policy = OneTimeCodePolicy::default();
    for (keys, purpose, user) in [
        (keys(), "login", "usr_2"),
        (keys(), "reset", "usr_1"),
        (keys(), "loginusr_1", ""),
        (keys(), "logi", "nusr_1"),
        (keys_of(2), "login", "usr_1"),
    ] {
        let (verdict, _) =
            policy.check(&keys, purpose, user, &state, &code, second(1_001)).unwrap();
        assert_eq!(verdict, Verdict::Wrong { left: 4 }, "{purpose} {user}");
    }
}

#[test]
fn a_code_expires_and_a_clock_that_steps_back_does_not_revive_it() {
    let (code, state) = issued();
    assert_eq!(check(&state, &code, 1_000 + 899).0, Verdict::Accepted);
    let (verdict, expired) = check(&state, &code, 1_000 + 900);
    assert_eq!(verdict, Verdict::Expired);
    assert_eq!(check(&expired, &code, 1_001).0, Verdict::Expired, "it was seen to be too old");
    // Two servers may differ by a minute; more cannot be told from a clock that was set back.
    assert_eq!(check(&state, &code, 1_000 - 60).0, Verdict::Accepted);
    assert_eq!(check(&state, &code, 1_000 - 61).0, Verdict::Expired);
}

#[test]
fn a_new_code_takes_the_place_of_the_old_one_but_not_at_once() {
    let (old, state) = issued();
    let policy = OneTimeCodePolicy::default();
    let again =
        |at| policy.issue(&keys(), "login", "usr_1", Some(&state), second(at)).map(|new| new.1);
    let until = second(1_060);
    assert_eq!(again(1_059), Err(OneTimeCodeError::TooSoon { until }));
    assert!(again(900).is_ok(), "after a step back of the clock the old one is of no use");
    let new = again(1_060).unwrap();
    // One time in a million the same code is drawn.
    assert!(matches!(check(&new, &old, 1_061).0, Verdict::Wrong { left: 4 } | Verdict::Accepted));
}

#[test]
fn the_policy_can_be_another() {
    let policy = OneTimeCodePolicy::default()
        .lasting(Duration::from_secs(600))
        .attempts(1)
        .resending_after(Duration::ZERO);
    let (code, state) = policy.issue(&keys(), "login", "u", None, second(0)).unwrap();
    assert!(policy.issue(&keys(), "login", "u", Some(&state), second(0)).is_ok());
    let check = |state, typed: &str, at| {
        policy.check(&keys(), "login", "u", state, typed, second(at)).unwrap()
    };
    assert_eq!(check(&state, code.reveal(), 600).0, Verdict::Expired);
    let (verdict, state) = check(&state, &wrong(code.reveal()), 1);
    assert_eq!(verdict, Verdict::Wrong { left: 0 });
    assert_eq!(check(&state, code.reveal(), 1).0, Verdict::Exhausted);
}

#[test]
fn the_stored_state_has_no_code_in_it_and_reads_back() {
    let (code, state) = issued();
    let json = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<OneTimeCodeState>(&json).unwrap(), state);
    assert!(!json.contains(&code) && !format!("{state:?}").contains(&code));
    assert!(serde_json::from_str::<OneTimeCodeState>(&json.replacen('{', "{\"x\":1,", 1)).is_err());
}

#[test]
fn codes_are_spread_over_all_there_are() {
    let codes: HashSet<_> = (0..500).map(|_| issued().0).collect();
    assert!(codes.len() > 490);
    assert!(codes.iter().any(|code| code.starts_with('0')), "zeros in front are kept");
}

#[test]
fn a_backup_code_is_good_once_however_it_is_typed() {
    let (codes, set) = BackupCodeSet::generate(&keys(), "usr_1").unwrap();
    assert_eq!((codes.len(), set.len(), BACKUP_CODES), (10, 10, 10));
    let shown: HashSet<_> = codes.iter().map(|code| code.reveal().to_string()).collect();
    assert_eq!(shown.len(), 10);

    let typed = codes[3].reveal().to_lowercase().replace('-', " ");
    let rest = set.redeem(&keys(), "usr_1", &typed).unwrap();
    assert_eq!(rest.len(), 9);
    assert_eq!(rest.redeem(&keys(), "usr_1", &typed), Err(BackupCodeError::Unknown));
    assert_eq!(set.redeem(&keys(), "usr_2", &typed), Err(BackupCodeError::Unknown));
    assert_eq!(set.redeem(&keys_of(2), "usr_1", &typed), Err(BackupCodeError::Unknown));

    let none =
        codes.iter().fold(set, |set, code| set.redeem(&keys(), "usr_1", &code.reveal()).unwrap());
    assert!(none.is_empty());
}

#[test]
fn a_backup_code_is_found_under_an_older_key() {
    let (codes, set) = BackupCodeSet::generate(&keys(), "usr_1").unwrap();
    let id = KeyId::new(1).unwrap();
    let old = DataKey::from_parts(id, Purpose::Credential, SecretKey::take(&mut [1; 32]));
    let rotated = keys_of(2).verifying(&old).unwrap();
    assert_eq!(codes[0].hashes(&rotated, "usr_1").len(), 2);
    assert!(codes[0].hashes(&rotated, "usr_1").contains(&set.hashes()[0]));
    assert_eq!(set.redeem(&rotated, "usr_1", &codes[0].reveal()).unwrap().len(), 9);
}

#[test]
fn what_is_no_backup_code_is_refused() {
    let (codes, set) = BackupCodeSet::generate(&keys(), "usr_1").unwrap();
    let code = codes[0].reveal();
    for typed in [
        "",
        "AAAA",
        &code[..28],
        &format!("{}A", &*code),
        &code.replace('-', "_"),
        "AAAA-AAAA-AAAA-AAAA-AAAA-AAA1",
        "AAAA-AAAA-AAAA-AAAA-AAAA-AA\u{e9}",
        &" ".repeat(65),
        &"A".repeat(1_000_000),
    ] {
        assert_eq!(set.redeem(&keys(), "usr_1", typed), Err(BackupCodeError::Form), "{typed:.40}");
    }
    assert_eq!(format!("{:?}", codes[0]), "BackupCode(..)");
    let json = serde_json::to_string(&set).unwrap();
    assert_eq!(serde_json::from_str::<BackupCodeSet>(&json).unwrap(), set);
}

#[test]
fn error_texts() {
    let until = second(0);
    assert_eq!(OneTimeCodeError::Form.to_string(), "not a code of 6 digits");
    assert_eq!(OneTimeCodeError::TooSoon { until }.to_string(), "a code was issued a moment ago");
    assert_eq!(BackupCodeError::Form.to_string(), "not of the form of a backup code");
    assert_eq!(BackupCodeError::Unknown.to_string(), "not one of the user's unused backup codes");
}

proptest! {
    #[test]
    fn a_backup_code_reads_back_in_any_dress(
        code in "[A-Z2-7]{24}", lower: bool, at in 0_usize..24, gap in "[ \\-\t]{0,3}"
    ) {
        let shown = BackupCode::parse(&code).unwrap().reveal();
        prop_assert_eq!(shown.replace('-', ""), code.clone());
        let mut typed = if lower { code.to_lowercase() } else { code };
        typed.insert_str(at, &gap);
        prop_assert_eq!(BackupCode::parse(&typed).unwrap().reveal(), shown);
    }

    #[test]
    fn never_more_than_five_wrong_codes_are_looked_at(
        tries in prop::collection::vec((0_u32..1_000_000, 0_i64..2_000), 1..30)
    ) {
        let (code, mut state) = issued();
        let mut looked_at = 0;
        for (guess, at) in tries {
            let guess = format!("{guess:06}");
            prop_assume!(guess != code);
            let (verdict, next) = check(&state, &guess, at);
            prop_assert_ne!(verdict, Verdict::Accepted);
            looked_at += u32::from(matches!(verdict, Verdict::Wrong { .. }));
            state = next;
        }
        prop_assert!(looked_at <= 5);
    }

    #[test]
    fn any_text_is_looked_at_without_a_panic(text in ".*") {
        let _ = BackupCode::parse(&text);
        let (_, state) = issued();
        let policy = OneTimeCodePolicy::default();
        let _ = policy.check(&keys(), "login", "usr_1", &state, &text, second(1_001));
    }
}
