//! Passwords: Argon2id, upgrades, hostile hashes, bounds, pepper.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests"
)]

use std::num::NonZeroUsize;
use std::sync::Barrier;

use argon2::{Algorithm, Argon2, AssociatedData as Ad, ParamsBuilder, Version};
use crypto_fields::{
    AssociatedData, DataKey, FieldId, OpenError, PasswordCost, PasswordError, PasswordHasher,
    PasswordPepper, PasswordPolicy, PasswordVerdict, Purpose, RowKey, SpawnedPasswordHasher,
    TenantId,
};
use proptest::prelude::*;

/// Cheap, for tests of what is around the hashing.
fn cheap() -> PasswordPolicy {
    PasswordPolicy::default().cost(PasswordCost::new(8, 1, 1).unwrap())
}

fn hasher() -> PasswordHasher {
    PasswordHasher::new(cheap()).unwrap()
}

fn upgraded(verdict: PasswordVerdict) -> String {
    let PasswordVerdict::RightUpgrade(upgrade) = verdict else { panic!("{verdict:?}") };
    upgrade.new_hash().to_owned()
}

/// RFC 9106 section 5.
#[test]
fn the_vectors_of_rfc_9106() {
    for (algorithm, tag) in [
        (Algorithm::Argon2d, "512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb"),
        (Algorithm::Argon2i, "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8"),
        (Algorithm::Argon2id, "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"),
    ] {
        let params = ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(Ad::new(&[4; 12]).unwrap())
            .build()
            .unwrap();
        let argon = Argon2::new_with_secret(&[3; 8], algorithm, Version::V0x13, params).unwrap();
        let mut out = [0; 32];
        argon.hash_password_into(&[1; 32], &[2; 16], &mut out).unwrap();
        assert_eq!(data_encoding::HEXLOWER.encode(&out), tag, "{algorithm:?}");
    }
}

/// Strings that the reference implementation's own tests print.
#[test]
fn strings_of_the_reference_implementation_are_verified() {
    let policy = PasswordPolicy::default().cost(PasswordCost::new(256, 2, 1).unwrap());
    let hasher = PasswordHasher::new(policy).unwrap();
    for stored in [
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    ] {
        let verdict = hasher.verify("password", Some(stored)).unwrap();
        assert_eq!(verdict, PasswordVerdict::Right);
        assert_eq!(hasher.verify("Password", Some(stored)).unwrap(), PasswordVerdict::Wrong);
    }
    // The same with Argon2i, or of version 16: right, and due.
    for stored in [
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
        "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY",
    ] {
        let new = upgraded(hasher.verify("password", Some(stored)).unwrap());
        assert!(new.starts_with("$argon2id$v=19$m=256,t=2,p=1$"));
    }
}

#[test]
fn the_default_is_what_owasp_asks_for() {
    let hasher = PasswordHasher::new(PasswordPolicy::default()).unwrap();
    let stored = hasher.hash("correct horse").unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_ne!(stored, hasher.hash("correct horse").unwrap(), "each has its own salt");
    let rfc = PasswordCost::RFC_9106_LOW_MEMORY;
    assert_eq!((rfc.memory_kib(), rfc.passes(), rfc.lanes()), (65_536, 3, 4));
}

#[test]
fn weaker_hashes_are_replaced_and_stronger_ones_left() {
    let weak = hasher().hash("pw").unwrap();
    let strong = PasswordHasher::new(cheap().cost(PasswordCost::new(64, 2, 2).unwrap())).unwrap();
    let verdict = strong.verify("pw", Some(&weak)).unwrap();
    assert!(verdict.is_right());
    let PasswordVerdict::RightUpgrade(upgrade) = verdict else { panic!("due") };
    assert_eq!(upgrade.old_hash(), weak);
    assert_eq!(format!("{upgrade:?}"), "PasswordUpgrade(..)");
    assert_eq!(strong.verify("pw", Some(upgrade.new_hash())), Ok(PasswordVerdict::Right));
    assert_eq!(hasher().verify("pw", Some(upgrade.new_hash())), Ok(PasswordVerdict::Right));
    assert_eq!(strong.verify("wp", Some(&weak)), Ok(PasswordVerdict::Wrong));
}

#[test]
fn an_unknown_user_costs_as_much_and_never_gets_in() {
    assert_eq!(hasher().verify("pw", None), Ok(PasswordVerdict::Wrong));
    assert_eq!(hasher().verify("", None), Ok(PasswordVerdict::Wrong));
    // It takes a turn as the others do, so another one at the same time is turned away.
    let cost = PasswordCost::new(65_536, 4, 1).unwrap();
    let hasher = PasswordHasher::new(cheap().concurrency(NonZeroUsize::MIN, 0).cost(cost)).unwrap();
    let at_once = || {
        let start = Barrier::new(2);
        let verify = || {
            start.wait();
            hasher.verify("pw", None)
        };
        std::thread::scope(|scope| {
            let other = scope.spawn(verify);
            [verify(), other.join().unwrap()]
        })
    };
    // On a busy machine the two may miss each other.
    let met = (0..50).map(|_| at_once()).find(|two| two.contains(&Err(PasswordError::Busy)));
    assert!(met.unwrap().contains(&Ok(PasswordVerdict::Wrong)));
}

#[test]
fn a_hostile_hash_gets_no_memory_and_no_time() {
    let tail = "c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    for (params, error) in [
        ("m=4294967295,t=1,p=1", PasswordError::Cost),
        ("m=100000000,t=1,p=1", PasswordError::Cost),
        ("m=131073,t=1,p=1", PasswordError::Cost),
        ("m=256,t=4294967295,p=1", PasswordError::Cost),
        ("m=256,t=17,p=1", PasswordError::Cost),
        ("m=131072,t=1,p=17", PasswordError::Cost),
        ("m=256,t=0,p=1", PasswordError::Stored),
        ("m=4294967296,t=1,p=1", PasswordError::Stored),
        ("m=-1,t=1,p=1", PasswordError::Stored),
        ("m=256,t=1,p=1,x=1", PasswordError::Stored),
    ] {
        let stored = format!("$argon2id$v=19${params}${tail}");
        assert_eq!(hasher().verify("password", Some(&stored)), Err(error), "{params}");
    }
    assert_eq!(PasswordCost::new(7, 1, 1), Err(PasswordError::Cost));
    assert_eq!(PasswordCost::new(8, 1, 0), Err(PasswordError::Cost));
}

#[test]
fn what_is_no_known_hash_is_refused() {
    let good = hasher().hash("password").unwrap();
    for stored in [
        "",
        "password",
        "$",
        "$argon2id$",
        "$argon2id$v=19$m=8,t=1,p=1",
        "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ",
        // An output of ten bytes.
        "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAA",
        "$argon2id$v=18$m=8,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2x$v=19$m=8,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
        "$2b$99$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
        &format!("{good}$"),
        &format!(" {good}"),
        &"$".repeat(1_000_000),
    ] {
        let result = hasher().verify("password", Some(stored));
        let expected = [Err(PasswordError::Stored), Err(PasswordError::Cost)];
        assert!(expected.contains(&result), "{stored:.60}: {result:?}");
    }
}

#[test]
fn a_password_of_a_megabyte_is_refused_before_any_work() {
    let long = "a".repeat(1_000_000);
    let stored = hasher().hash("a").unwrap();
    let error = PasswordError::TooLong { limit: 1024 };
    assert_eq!(hasher().hash(&long), Err(error));
    assert_eq!(hasher().verify(&long, Some(&stored)), Err(error));
    assert_eq!(hasher().verify(&long, Some("not even looked at")), Err(error));
    assert_eq!(hasher().verify(&long, None), Err(error), "nor does it tell that nobody is there");
    assert!(hasher().hash(&long[..1024]).is_ok());
    let short = PasswordHasher::new(cheap().max_length(8)).unwrap();
    assert_eq!(short.hash("123456789"), Err(PasswordError::TooLong { limit: 8 }));
}

#[test]
fn a_policy_whose_limit_lies_below_its_cost_checks_its_own_hashes() {
    let mut policy = cheap().cost(PasswordCost::new(64, 2, 1).unwrap());
    policy.limit = PasswordCost::new(8, 1, 1).unwrap();
    let hasher = PasswordHasher::new(policy).unwrap();
    let stored = hasher.hash("password").unwrap();
    assert_eq!(hasher.verify("password", Some(&stored)), Ok(PasswordVerdict::Right));
    assert_eq!(hasher.verify("password", None), Ok(PasswordVerdict::Wrong));
}

#[cfg(feature = "bcrypt")]
mod bcrypt {
    use super::*;

    /// Hashes of the tests of crypt_blowfish, which every bcrypt is held against.
    const KNOWN: [(&str, &str); 4] = [
        ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
        ("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
        ("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    ];
    const LONG: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const LONG_HASH: &str = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";

    #[test]
    fn bcrypt_hashes_are_replaced_at_login() {
        for (password, stored) in KNOWN {
            let new = upgraded(hasher().verify(password, Some(stored)).unwrap());
            assert!(new.starts_with("$argon2id$"));
            assert_eq!(hasher().verify(password, Some(&new)), Ok(PasswordVerdict::Right));
            let wrong = hasher().verify(format!("{password}x"), Some(stored));
            assert_eq!(wrong, Ok(PasswordVerdict::Wrong));
        }
    }

    #[test]
    fn what_bcrypt_never_read_does_not_become_part_of_the_password() {
        for rest in ["", "x", "chars after 72 are ignored"] {
            let verdict = hasher().verify(format!("{LONG}{rest}"), Some(LONG_HASH));
            assert_eq!(verdict, Ok(PasswordVerdict::RightUnto72Bytes), "{rest}");
        }
        assert_eq!(hasher().verify(&LONG[..71], Some(LONG_HASH)), Ok(PasswordVerdict::Wrong));
        // Bcrypt takes these for the same.
        let (password, stored) = KNOWN[0];
        let twice = format!("{password}\0{password}");
        assert_eq!(hasher().verify(twice, Some(stored)), Ok(PasswordVerdict::Wrong));
    }

    #[test]
    fn hostile_bcrypt_hashes_are_refused() {
        let (_, good) = KNOWN[0];
        for (stored, error) in [
            (good.replace("$05$", "$31$"), PasswordError::Cost),
            (good.replace("$05$", "$15$"), PasswordError::Cost),
            (good.replace("$05$", "$03$"), PasswordError::Stored),
            (good.replace("$05$", "$-1$"), PasswordError::Stored),
            (good.replace("$2a$", "$2x$"), PasswordError::Stored),
            (good.replace("$2a$", "$2c$"), PasswordError::Stored),
            (good[..59].to_owned(), PasswordError::Stored),
            (format!("{good}A"), PasswordError::Stored),
            ("$2".to_owned(), PasswordError::Stored),
        ] {
            assert_eq!(hasher().verify("U*U", Some(&stored)), Err(error), "{stored}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn off_the_async_threads_with_the_same_answers_and_bounds() {
    let policy = cheap().concurrency(NonZeroUsize::MIN, 1);
    let hasher = SpawnedPasswordHasher::new(policy).unwrap();
    let stored = hasher.hash("pw").await.unwrap();
    assert_eq!(hasher.verify("pw", Some(&stored)).await, Ok(PasswordVerdict::Right));
    assert_eq!(hasher.verify("wp", Some(&stored)).await, Ok(PasswordVerdict::Wrong));
    assert_eq!(hasher.verify("pw", None).await, Ok(PasswordVerdict::Wrong));
    let long = "a".repeat(1_000_000);
    assert_eq!(hasher.hash(&long).await, Err(PasswordError::TooLong { limit: 1024 }));

    // One hashes and one waits: of five at once at least one is turned away, and none is lost.
    let slow = PasswordPolicy::default().concurrency(NonZeroUsize::MIN, 1);
    let slow = SpawnedPasswordHasher::new(slow).unwrap();
    let verify = || slow.verify("pw", None);
    let (a, b, c, d, e) = tokio::join!(verify(), verify(), verify(), verify(), verify());
    let busy = [a, b, c, d, e].iter().filter(|got| **got == Err(PasswordError::Busy)).count();
    assert_eq!(busy, 3);

    // Who hangs up while waiting leaves the queue.
    drop(tokio::time::timeout(std::time::Duration::ZERO, verify()).await);
    assert_eq!(slow.verify("pw", None).await, Ok(PasswordVerdict::Wrong));
}

#[tokio::test]
async fn who_hangs_up_while_it_hashes_keeps_the_turn_until_it_is_done() {
    let cost = PasswordCost::new(65_536, 8, 1).unwrap();
    let policy = PasswordPolicy::default().cost(cost).concurrency(NonZeroUsize::MIN, 0);
    let hasher = SpawnedPasswordHasher::new(policy).unwrap();
    // Polled once, so that it is handed to the other thread, and dropped.
    let _ = tokio::time::timeout(std::time::Duration::ZERO, hasher.hash("pw")).await;
    assert_eq!(hasher.hash("pw").await, Err(PasswordError::Busy));
}

fn names() -> (TenantId, FieldId) {
    (TenantId::new("acme").unwrap(), FieldId::new("users.password").unwrap())
}

#[test]
fn a_pepper_rotates_and_binds_a_hash_to_its_row() {
    let (tenant, field) = names();
    let (ann, bob) = (RowKey::int(1).unwrap(), RowKey::int(2).unwrap());
    let (ann, bob) =
        (AssociatedData::new(&tenant, &field, &ann), AssociatedData::new(&tenant, &field, &bob));
    let old_key = DataKey::generate(Purpose::Credential).unwrap();
    let new_key = DataKey::generate(Purpose::Credential).unwrap();
    let old = PasswordPepper::new(&old_key).unwrap();
    let new = PasswordPepper::new(&new_key).unwrap().opening(&old_key).unwrap();
    assert!(PasswordPepper::new(&DataKey::generate(Purpose::Seal).unwrap()).is_err());

    let hash = hasher().hash("pw").unwrap();
    let stored = old.seal(&hash, &ann).unwrap();
    assert_eq!(*old.open(&stored, &ann).unwrap(), hash);
    assert_eq!(old.open(&stored, &bob), Err(OpenError::Authentication));
    assert_eq!(*new.open(&stored, &ann).unwrap(), hash);
    assert!(new.needs_reseal(&stored) && !old.needs_reseal(&stored));

    let resealed = new.seal(&new.open(&stored, &ann).unwrap(), &ann).unwrap();
    assert!(!new.needs_reseal(&resealed));
    assert_eq!(*new.open(&resealed, &ann).unwrap(), hash);
    assert!(matches!(old.open(&resealed, &ann), Err(OpenError::UnknownKey { .. })));
    assert!(matches!(old.open(hash.as_bytes(), &ann), Err(OpenError::Malformed(_))));
    assert!(!format!("{new:?}").contains("argon"));
}

#[test]
fn nothing_shows_a_password_or_a_hash() {
    assert!(!format!("{:?}", hasher()).contains("$argon2"));
    for (error, text) in [
        (PasswordError::Busy, "too many passwords are being hashed"),
        (PasswordError::Cost, "the cost lies outside the limits"),
        (PasswordError::Failed, "the password could not be hashed"),
        (PasswordError::Stored, "the stored hash is not of a known form"),
        (PasswordError::TooLong { limit: 7 }, "the password is longer than 7 bytes"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_hashed_is_verified_and_nothing_else(
        password in prop::collection::vec(any::<u8>(), 0..80), bit: usize
    ) {
        let hasher = hasher();
        let stored = hasher.hash(&password).unwrap();
        prop_assert_eq!(hasher.verify(&password, Some(&stored)), Ok(PasswordVerdict::Right));
        let mut other = password.clone();
        other.push(0);
        prop_assert_eq!(hasher.verify(&other, Some(&stored)), Ok(PasswordVerdict::Wrong));
        if !password.is_empty() {
            let mut other = password;
            let bit = bit % (other.len() * 8);
            other[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(hasher.verify(&other, Some(&stored)), Ok(PasswordVerdict::Wrong));
        }
    }

    #[test]
    fn any_stored_text_is_looked_at_without_a_panic(
        text in "(\\$(argon2id?|2b)(\\$v=[0-9]{1,3})?\\$m=[0-9]{1,3},t=[0-9],p=[0-9]\\$)?.*"
    ) {
        prop_assert_ne!(hasher().verify("password", Some(&text)), Ok(PasswordVerdict::Right));
    }
}
