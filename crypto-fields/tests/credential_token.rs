//! API tokens and the keyed hashes that all credentials are stored as.
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
    ApiToken, ApiTokenError, AssociatedData, CREDENTIAL_HASH_LEN, CredentialHash, CredentialKeys,
    DataKey, FieldId, KeyGroup, KeyId, KeyPolicy, Keyset, KeysetManager, LocalKey,
    MAX_TOKEN_PREFIX, PasswordPepper, Purpose, RowKey, SealError, SecretKey, SystemClock, TenantId,
    TokenLookupId, TokenPrefix, TokenVerdict,
};
use proptest::prelude::*;

fn key(n: u8) -> DataKey {
    let id = KeyId::new(u64::from(n)).unwrap();
    DataKey::from_parts(id, Purpose::Credential, SecretKey::take(&mut [n; 32]))
}

fn keys() -> CredentialKeys {
    CredentialKeys::new(&key(1)).unwrap()
}

fn prefix() -> TokenPrefix {
    TokenPrefix::new("acme_live").unwrap()
}

const PINNED: &str = "acme_live_0123456789ABCDEFGHIJKLMNOPQRST";

#[test]
fn the_form_is_pinned() {
    let sum = base62(crc32(b"0123456789ABCDEFGHIJKLMNOPQRST"));
    let text = format!("{PINNED}{sum}");
    let token = ApiToken::parse(&prefix(), &text).unwrap();
    assert_eq!(token.reveal(), text);
    assert_eq!(token.lookup_id().as_str(), "01234567");
    assert_eq!(sum, "4PMbyp");
}

/// The CRC bit by bit, as the catalogues define it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

fn base62(mut n: u32) -> String {
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text: Vec<u8> = Vec::new();
    for _ in 0..6 {
        text.push(digits[usize::try_from(n % 62).unwrap()]);
        n /= 62;
    }
    text.reverse();
    String::from_utf8(text).unwrap()
}

#[test]
fn a_token_is_recognised_by_what_was_stored() {
    let (token, other) = (ApiToken::generate(&prefix()), ApiToken::generate(&prefix()));
    let (token, other) = (token.unwrap(), other.unwrap());
    let row = token.stored(&keys());
    assert_eq!(token.verify(&keys(), &row.hash), TokenVerdict::Valid);
    assert_eq!(other.verify(&keys(), &row.hash), TokenVerdict::Invalid);
    assert!(!format!("{row:?} {token:?}").contains(&token.reveal()[18..]));
    assert_eq!(row.lookup_id.to_string().parse::<TokenLookupId>().unwrap(), row.lookup_id);
    assert_eq!("0123456_".parse::<TokenLookupId>(), Err(ApiTokenError::Form));

    // The prefix is part of what is hashed: a test token is no live one.
    let test = TokenPrefix::new("acme_test").unwrap();
    let renamed = token.reveal().replace("live", "test");
    let renamed = ApiToken::parse(&test, &renamed).unwrap();
    assert_eq!(renamed.verify(&keys(), &row.hash), TokenVerdict::Invalid);
}

#[test]
fn a_key_that_rotates_keeps_its_tokens() {
    let token = ApiToken::generate(&prefix()).unwrap();
    let old = token.stored(&keys()).hash;
    let rotated = CredentialKeys::new(&key(2)).unwrap().verifying(&key(1)).unwrap();
    let TokenVerdict::ValidRehash { hash } = token.verify(&rotated, &old) else {
        panic!("a rehash is due");
    };
    assert_eq!(hash.key_id(), key(2).id());
    assert_eq!(token.verify(&rotated, &hash), TokenVerdict::Valid);
    // Without the old key, and with another key under its id.
    let gone = CredentialKeys::new(&key(2)).unwrap();
    assert_eq!(token.verify(&gone, &old), TokenVerdict::Invalid);
    let swapped =
        DataKey::from_parts(key(1).id(), Purpose::Credential, SecretKey::take(&mut [9; 32]));
    let swapped = CredentialKeys::new(&swapped).unwrap();
    assert_eq!(token.verify(&swapped, &old), TokenVerdict::Invalid);
}

#[test]
fn only_keys_for_credentials_are_taken() {
    for purpose in Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Credential) {
        assert!(CredentialKeys::new(&DataKey::generate(purpose).unwrap()).is_err());
        assert!(keys().verifying(&DataKey::generate(purpose).unwrap()).is_err());
    }
    assert_eq!(format!("{:?}", keys()), "[KeyId(0000000000000001)]");
}

#[test]
fn what_was_never_issued_is_refused_by_its_form() {
    let good = ApiToken::generate(&prefix()).unwrap();
    let good = good.reveal();
    let body = good.rsplit_once('_').unwrap().1;
    let long = format!("{good}{}", "A".repeat(1_000_000));
    for (text, error) in [
        ("", ApiTokenError::Form),
        (body, ApiTokenError::Form),
        (&good[..45], ApiTokenError::Form),
        (&format!("{good}A"), ApiTokenError::Form),
        (&format!(" {good}"), ApiTokenError::Prefix),
        (&format!("{good}\n"), ApiTokenError::Form),
        (&format!("acme_test_{body}"), ApiTokenError::Prefix),
        (&format!("ACME_live_{body}"), ApiTokenError::Prefix),
        (&format!("acme_live_{}é", &body[..34]), ApiTokenError::Form),
        (&format!("acme_live_{}-", &body[..35]), ApiTokenError::Form),
        (&long, ApiTokenError::Form),
    ] {
        let result = ApiToken::parse(&prefix(), text).err();
        assert!(result == Some(error), "{text:.60}: {result:?}");
    }
}

#[test]
fn prefixes() {
    for good in ["a", "ghp", "acme_live", "a1_2", &"a".repeat(MAX_TOKEN_PREFIX)] {
        assert_eq!(TokenPrefix::new(good).unwrap().as_str(), good);
    }
    for bad in ["", "_a", "a_", "a__b", "A", "1a", "a-b", "é", &"a".repeat(MAX_TOKEN_PREFIX + 1)] {
        assert_eq!(TokenPrefix::new(bad), Err(ApiTokenError::Prefix), "{bad}");
    }
}

#[test]
fn tokens_do_not_repeat() {
    let tokens: HashSet<_> =
        (0..1_000).map(|_| ApiToken::generate(&prefix()).unwrap().reveal().to_owned()).collect();
    assert_eq!(tokens.len(), 1_000);
}

#[test]
fn stored_hashes_are_read_strictly() {
    let hash = ApiToken::generate(&prefix()).unwrap().stored(&keys()).hash;
    let bytes = hash.to_bytes();
    assert_eq!(CredentialHash::from_bytes(&bytes), Ok(hash));
    for len in (0..CREDENTIAL_HASH_LEN).chain([CREDENTIAL_HASH_LEN + 1]) {
        assert!(CredentialHash::from_bytes(&vec![1; len]).is_err());
    }
    assert!(CredentialHash::from_bytes(&[0; CREDENTIAL_HASH_LEN]).is_err(), "no key has the id 0");
    let json = serde_json::to_string(&hash).unwrap();
    assert_eq!(serde_json::from_str::<CredentialHash>(&json).unwrap(), hash);
    assert!(serde_json::from_str::<CredentialHash>("\"AAAA\"").is_err());
    assert!(serde_json::from_str::<CredentialHash>(&json.replace('"', "\"=")).is_err());
}

#[test]
fn error_texts() {
    assert_eq!(ApiTokenError::Checksum.to_string(), "the token's checksum is wrong");
    assert_eq!(ApiTokenError::Form.to_string(), "not of the form of an API token");
    assert_eq!(
        ApiTokenError::Prefix.to_string(),
        "not the prefix of an API token, or not the expected one"
    );
    let error = CredentialHash::from_bytes(b"").unwrap_err();
    assert_eq!(error.to_string(), "not a stored credential hash of 40 bytes");
}

proptest! {
    #[test]
    fn one_wrong_character_is_a_typo(at in 0_usize..36, other in "[0-9A-Za-z]") {
        let token = ApiToken::generate(&prefix()).unwrap();
        let mut text = token.reveal().to_owned();
        let at = at + "acme_live_".len();
        prop_assume!(text[at..=at] != other);
        text.replace_range(at..=at, &other);
        let error = ApiToken::parse(&prefix(), &text).err();
        prop_assert_eq!(error, Some(ApiTokenError::Checksum));
    }

    #[test]
    fn whatever_parses_reads_the_same(text in "acme_live_[0-9A-Za-z]{30}") {
        let text = format!("{text}{}", base62(crc32(&text.as_bytes()[10..])));
        let token = ApiToken::parse(&prefix(), &text).unwrap();
        prop_assert_eq!(token.reveal(), text);
    }

    #[test]
    fn any_text_is_looked_at_without_a_panic(text in ".*") {
        prop_assert!(ApiToken::parse(&prefix(), &text).is_err());
    }
}

#[tokio::test]
async fn the_keys_of_a_keyset() {
    let (tenant, group) = (TenantId::new("acme").unwrap(), KeyGroup::DEFAULT);
    let root = LocalKey::new(SecretKey::take(&mut [7; 32]));
    let policy = KeyPolicy::new(Duration::ZERO, Duration::ZERO);
    let mut manager = KeysetManager::new(vec![], policy, SystemClock);
    let purpose = Purpose::Credential;
    let load = async |manager: &KeysetManager<SystemClock>| {
        let keyset = Keyset::load(manager.records().to_vec(), &[&root]).await.unwrap();
        CredentialKeys::of_keyset(&keyset, &tenant, &group)
    };
    assert_eq!(load(&manager).await.err(), Some(SealError::NoPrimary));

    let old = manager.create(&root, &tenant, purpose, &group).await.unwrap().record.id;
    let before = load(&manager).await.unwrap();
    let token = ApiToken::generate(&prefix()).unwrap();
    let row = token.stored(&before);
    assert_eq!(row.hash.key_id(), old);

    let new = manager.add(&root, &tenant, purpose, &group).await.unwrap().record.id;
    manager.promote(new).unwrap();
    let after = load(&manager).await.unwrap();
    assert_eq!(after.primary(), new);
    assert!(matches!(token.verify(&after, &row.hash), TokenVerdict::ValidRehash { .. }));

    // The same keys seal hashes of passwords.
    let keyset = Keyset::load(manager.records().to_vec(), &[&root]).await.unwrap();
    let pepper = PasswordPepper::of_keyset(&keyset, &tenant, &group).unwrap();
    let (field, row_key) = (FieldId::new("users.password").unwrap(), RowKey::int(1).unwrap());
    let place = AssociatedData::new(&tenant, &field, &row_key);
    let sealed = pepper.seal("a hash", &place).unwrap();
    assert_eq!(*pepper.open(&sealed, &place).unwrap(), "a hash");
    assert!(!pepper.needs_reseal(&sealed));

    manager.disable(old).unwrap();
    let disabled = load(&manager).await.unwrap();
    assert_eq!(token.verify(&disabled, &row.hash), TokenVerdict::Invalid);
    let other = TenantId::new("other").unwrap();
    let keyset = Keyset::load(manager.records().to_vec(), &[&root]).await.unwrap();
    let keys = CredentialKeys::of_keyset(&keyset, &other, &group);
    assert_eq!(keys.err(), Some(SealError::NoPrimary));
}
