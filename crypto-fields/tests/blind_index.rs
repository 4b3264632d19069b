//! Blind indexes: the format byte for byte, normalisers, planner, partitions, rotation.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests"
)]

use std::collections::{HashMap, HashSet};

use argon2::{Algorithm, Argon2, Params, Version};
use crypto_fields::{
    BlindIndex, BlindIndexError, BlindIndexValue, ColumnShape, DataKey, FieldId, IndexWidth, KeyId,
    MAX_INDEXED, Normalizer, PasswordCost, PlanError, Purpose, RowKey, SecretKey,
};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;

const MAIL: &str = "ann@example.com";

/// The bytes 0 to 31.
fn key() -> DataKey {
    let mut bytes = std::array::from_fn(|at| u8::try_from(at).unwrap());
    DataKey::from_parts(KeyId::new(1).unwrap(), Purpose::BlindIndex, SecretKey::take(&mut bytes))
}

fn index_of(
    version: u8,
    id: &'static str,
    normalizer: Normalizer,
    width: IndexWidth,
) -> BlindIndex {
    BlindIndex::new(version, &key(), FieldId::new(id).unwrap(), normalizer, width).unwrap()
}

fn emails(version: u8) -> BlindIndex {
    index_of(version, "users.email", Normalizer::Email, IndexWidth::UNIQUE)
}

fn hex(value: &BlindIndexValue) -> String {
    HEXLOWER.encode(value.as_bytes())
}

/// 11 bits: floor(log2(5000 / 2)).
fn eleven() -> IndexWidth {
    IndexWidth::planned(ColumnShape::new(5_000, 5_000)).unwrap()
}

/// Reckoned by another program from the description of the format.
#[test]
fn the_format_is_pinned() {
    let value = emails(1).value("Ann@Example.com").unwrap().unwrap();
    assert_eq!(hex(&value), "01430ee4d23149bb254ac2f4f83189add2");

    let partitioned = emails(1).partitioned(4).unwrap();
    assert_eq!(hex(&partitioned.query(MAIL).unwrap()[3]), "015f4ddf7b5b97b400f239c198922cff31");
    let seven = partitioned.value_in(&RowKey::int(7).unwrap(), MAIL).unwrap().unwrap();
    assert_eq!(seven, partitioned.query(MAIL).unwrap()[0], "row 7 is in partition 0");

    let names = index_of(1, "users.name", Normalizer::CaseFold, eleven());
    assert_eq!(hex(&names.value("Ann").unwrap().unwrap()), "01e140", "the hash begins with e159");
}

#[test]
fn the_slow_variant_is_argon2id_under_the_same_hash() {
    let slow = emails(1).slow(PasswordCost::new(8, 1, 1).unwrap()).unwrap();
    let salt = HEXLOWER.decode(b"ca48a946b1654bb83677a47268be196c").unwrap();
    let params = Params::new(8, 1, 1, Some(32)).unwrap();
    let mut stretched = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(MAIL.as_bytes(), &salt, &mut stretched)
        .unwrap();
    let key: Vec<u8> = (0..32).collect();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(b"cf1/bidx\0\0\0\0\x0busers.email\0\0\0\0\0\0\0\x20");
    mac.update(&stretched);
    let expected = [&[1], &mac.finalize().into_bytes()[..16]].concat();
    assert_eq!(slow.value(MAIL).unwrap().unwrap().as_bytes(), expected);
    assert_ne!(slow.value(MAIL), emails(1).value(MAIL));
    assert_eq!(slow.query(MAIL).unwrap(), [slow.value(MAIL).unwrap().unwrap()]);
}

#[test]
fn equal_values_and_only_those_have_one_index() {
    let index = emails(1);
    let value = index.value(MAIL).unwrap();
    assert_eq!(index.value(" ANN@example.COM\n").unwrap(), value);
    assert_ne!(index.value("bob@example.com").unwrap(), value);
    assert_ne!(emails(2).value(MAIL).unwrap(), value);
    let other = index_of(1, "users.backup_email", Normalizer::Email, IndexWidth::UNIQUE);
    assert_ne!(other.value(MAIL).unwrap(), value);
    let key = DataKey::generate(Purpose::BlindIndex).unwrap();
    let field = FieldId::new("users.email").unwrap();
    let other = BlindIndex::new(1, &key, field, Normalizer::Email, IndexWidth::UNIQUE).unwrap();
    assert_ne!(other.value(MAIL).unwrap(), value);
}

#[test]
fn nothing_is_not_indexed() {
    for normalizer in [
        Normalizer::CaseFold,
        Normalizer::Digits,
        Normalizer::Email,
        Normalizer::FirstN(3),
        Normalizer::Last4,
    ] {
        let index = index_of(1, "users.field", normalizer, IndexWidth::UNIQUE);
        for empty in ["", " ", "\u{3000}\n"] {
            assert_eq!(index.value(empty), Ok(None), "{normalizer:?}");
            assert_eq!(index.query(empty), Ok(vec![]), "{normalizer:?}");
        }
    }
    let exact = index_of(1, "users.field", Normalizer::Exact, IndexWidth::UNIQUE);
    assert_eq!(exact.value(""), Ok(None));
    assert!(exact.value(" ").unwrap().is_some());
}

#[test]
fn normalisers() {
    for (normalizer, text, normal) in [
        (Normalizer::CaseFold, " Straße ", "strasse"),
        (Normalizer::CaseFold, "STRASSE", "strasse"),
        (Normalizer::CaseFold, "E\u{301}cole", "école"),
        (Normalizer::CaseFold, "ＡＢＣ ﬁ", "abc fi"),
        (Normalizer::CaseFold, "ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        (Normalizer::CaseFold, "σίσυφος", "σίσυφοσ"),
        (Normalizer::CaseFold, "K", "k"),
        (Normalizer::Exact, " Ann ", " Ann "),
        (Normalizer::Email, " Ann.B+tag@EXAMPLE.com", "ann.b+tag@example.com"),
        (Normalizer::Email, "\"a@b\"@example.com", "\"a@b\"@example.com"),
        (Normalizer::Digits, "+49 (0)30/12 34-5６", "49030123456"),
        (Normalizer::Digits, "٣", ""),
        (Normalizer::Last4, "4111 1111 1111 1234", "1234"),
        (Normalizer::Last4, "1234", "1234"),
        (Normalizer::FirstN(3), "Österreich", "öst"),
        (Normalizer::FirstN(3), "Al", "al"),
        (Normalizer::FirstN(0), "Al", "a"),
        (Normalizer::FirstN(200), &"x".repeat(40), &"x".repeat(32)),
    ] {
        assert_eq!(*normalizer.apply(text).unwrap(), normal, "{normalizer:?} {text}");
    }
    for (normalizer, text, name) in [
        (Normalizer::Email, "ann", "email/1"),
        (Normalizer::Email, "@example.com", "email/1"),
        (Normalizer::Email, "ann@", "email/1"),
        (Normalizer::Last4, "123", "last4/1"),
        (Normalizer::Last4, "none", "last4/1"),
    ] {
        let error = BlindIndexError::Form { normalizer: name };
        assert_eq!(normalizer.apply(text), Err(error), "{text}");
    }
    let names = [
        (Normalizer::CaseFold, "nfkc-casefold/1"),
        (Normalizer::Digits, "digits/1"),
        (Normalizer::Exact, "exact/1"),
        (Normalizer::FirstN(2), "first-n/1"),
    ];
    assert!(names.iter().all(|(normalizer, name)| normalizer.name() == *name));
}

#[test]
fn the_planner_leaves_two_rows_and_less_than_the_root() {
    for (rows, distinct, other, bits) in [
        (5_000, 5_000, 0, 11),
        (1_000_000, 900_000, 0, 18),
        (1_000_000, 900_000, 8, 10),
        (16 * 1_048_576, 10_000, 0, 23),
        (u64::MAX, u64::MAX, 0, 62),
    ] {
        let width = IndexWidth::planned(ColumnShape::new(rows, distinct).beside(other)).unwrap();
        assert_eq!(width.bits(), bits, "{rows}");
    }
    for (rows, distinct, other, error) in [
        (1_000_000, 2, 0, PlanError::LowCardinality),
        (1_000_000, 255, 0, PlanError::LowCardinality),
        (1_000, 255, 0, PlanError::LowCardinality),
        // A thousand rows for each country code.
        (1_000_000, 256, 0, PlanError::LowCardinality),
        (1_000_000, 512, 0, PlanError::LowCardinality),
        (0, 1_000, 0, PlanError::TooFewRows),
        (3, 1_000, 0, PlanError::TooFewRows),
        (1_000_000, 900_000, 18, PlanError::TooFewRows),
        (1_000_000, 900_000, u32::MAX, PlanError::TooFewRows),
    ] {
        let column = ColumnShape::new(rows, distinct).beside(other);
        assert_eq!(IndexWidth::planned(column), Err(error), "{rows} {distinct}");
    }
}

#[test]
fn a_planned_index_makes_different_values_agree() {
    let index = index_of(1, "users.name", Normalizer::Exact, eleven());
    let mut rows: HashMap<_, u32> = HashMap::new();
    for n in 0..5_000 {
        *rows.entry(index.value(&format!("name {n}")).unwrap().unwrap()).or_default() += 1;
    }
    assert!(rows.len() <= 2_048 && rows.len() > 1_500);
    assert!(rows.keys().all(|value| value.as_bytes().len() == 3 && value.as_bytes()[2] & 31 == 0));
}

#[test]
fn partitions_spread_a_frequent_value_and_a_query_finds_all() {
    let index = emails(1).partitioned(8).unwrap();
    let query: HashSet<_> = index.query(MAIL).unwrap().into_iter().collect();
    assert_eq!(query.len(), 8);
    let mut rows: HashMap<_, u32> = HashMap::new();
    for id in 1..=800 {
        let row = RowKey::int(id).unwrap();
        *rows.entry(index.value_in(&row, MAIL).unwrap().unwrap()).or_default() += 1;
    }
    assert_eq!(rows.keys().cloned().collect::<HashSet<_>>(), query);
    assert!(rows.values().all(|count| (60..140).contains(count)), "{:?}", rows.values());
    assert_eq!(index.value(MAIL), Err(BlindIndexError::RowKey));
    for count in [0, 1, 257] {
        assert_eq!(emails(1).partitioned(count).err(), Some(BlindIndexError::Partitions));
    }
    let plain = emails(1);
    assert_eq!(plain.value_in(&RowKey::int(1).unwrap(), MAIL), plain.value(MAIL));
}

#[test]
fn a_query_finds_rows_of_both_versions_while_an_index_is_replaced() {
    let (old, new) = (emails(1), emails(2).partitioned(2).unwrap().replacing(emails(1)).unwrap());
    let query = new.query(MAIL).unwrap();
    assert_eq!(query.len(), 3);
    let before = old.value(MAIL).unwrap().unwrap();
    let after = new.value_in(&RowKey::int(1).unwrap(), MAIL).unwrap().unwrap();
    assert!(query.contains(&before) && query.contains(&after));
    assert!(new.needs_reindex(&before) && !new.needs_reindex(&after));
    assert!(new.needs_reindex(&BlindIndexValue::from_bytes([])));
    assert_eq!(emails(1).replacing(emails(1)).err(), Some(BlindIndexError::Version));
    let two = emails(2).replacing(emails(1)).unwrap();
    assert_eq!(emails(1).replacing(two).err(), Some(BlindIndexError::Version));
}

#[test]
fn other_keys_and_values_that_are_too_long_are_refused() {
    let key = DataKey::generate(Purpose::Seal).unwrap();
    let field = FieldId::new("users.email").unwrap();
    let error = BlindIndex::new(1, &key, field, Normalizer::Exact, IndexWidth::UNIQUE).unwrap_err();
    assert!(matches!(error, BlindIndexError::Key(_)));
    assert_eq!(error.to_string(), "the key cannot make a blind index");
    let exact = index_of(1, "users.field", Normalizer::Exact, IndexWidth::UNIQUE);
    assert!(exact.value(&"x".repeat(MAX_INDEXED)).is_ok());
    assert_eq!(exact.value(&"x".repeat(MAX_INDEXED + 1)), Err(BlindIndexError::TooLong));
    let shown = format!("{exact:?} {:?}", exact.value("x").unwrap());
    assert!(shown.ends_with("Some(BlindIndexValue(version Some(1), 16 bytes))"), "{shown}");
}

#[test]
fn error_texts() {
    for (error, text) in [
        (BlindIndexError::Memory, "the index of the value could not be computed"),
        (
            BlindIndexError::Form { normalizer: "email/1" },
            "the value is not of the form that email/1 indexes",
        ),
        (BlindIndexError::Partitions, "an index has 2 to 256 partitions, or none"),
        (BlindIndexError::RowKey, "the index has partitions, and needs the row's key"),
        (BlindIndexError::TooLong, "the value is longer than 65536 bytes"),
        (BlindIndexError::Version, "the old and the new index have the same version"),
    ] {
        assert_eq!(error.to_string(), text);
    }
    assert_eq!(
        PlanError::LowCardinality.to_string(),
        "the column has too few different values for a blind index"
    );
    assert_eq!(
        PlanError::TooFewRows.to_string(),
        "no width of the index leaves two rows to each of its values"
    );
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_value_is_a_column_of_plain_bytes() {
    let pool = sqlx::SqlitePool::connect("sqlite::memory:").await.unwrap();
    let value = emails(1).value(MAIL).unwrap().unwrap();
    let (stored, kind): (BlindIndexValue, String) =
        sqlx::query_as("SELECT v, typeof(v) FROM (SELECT ? AS v)")
            .bind(value.clone())
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!((stored, kind.as_str()), (value, "blob"));
    let none: Option<BlindIndexValue> = sqlx::query_scalar("SELECT ?")
        .bind(None::<BlindIndexValue>)
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(none, None);
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn several_values_are_an_array_in_postgres() {
    use test_support::TestDatabase as _;

    let database = test_support::postgres().await;
    let pool = database.pool(1).await;
    let query = emails(2).replacing(emails(1)).unwrap().query(MAIL).unwrap();
    let sql = "SELECT v FROM (VALUES ($1), ($2)) AS t (v) WHERE v = ANY($3)";
    let found: Vec<BlindIndexValue> = sqlx::query_scalar(sql)
        .bind(query[0].clone())
        .bind(emails(1).value("bob@example.com").unwrap().unwrap())
        .bind(&query)
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(found, query[..1]);
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing(text in "\\PC{0,20}", count in 1_u8..8) {
        for normalizer in [Normalizer::CaseFold, Normalizer::Digits, Normalizer::Exact] {
            let once = normalizer.apply(&text).unwrap();
            prop_assert_eq!(&normalizer.apply(&once).unwrap(), &once);
        }
        for normalizer in [Normalizer::Email, Normalizer::Last4, Normalizer::FirstN(count)] {
            let _ = normalizer.apply(&text);
        }
    }

    #[test]
    fn case_does_not_matter(text in "[a-zA-Zäöüßéèñçőłαβγδёжщ ]{1,20}") {
        let normal = Normalizer::CaseFold.apply(&text).unwrap();
        prop_assert_eq!(&Normalizer::CaseFold.apply(&text.to_uppercase()).unwrap(), &normal);
        prop_assert_eq!(&Normalizer::CaseFold.apply(&text.to_lowercase()).unwrap(), &normal);
    }

    #[test]
    fn a_query_always_asks_for_what_was_stored(text in "\\PC{1,20}", row in 1_i64.., parts in 2_u16..20) {
        let index = index_of(1, "users.field", Normalizer::Exact, eleven()).partitioned(parts).unwrap();
        let stored = index.value_in(&RowKey::int(row).unwrap(), &text).unwrap().unwrap();
        prop_assert!(index.query(&text).unwrap().contains(&stored));
    }

    #[test]
    fn what_is_planned_keeps_its_bounds(rows: u64, distinct: u64, other in 0_u32..20) {
        if let Ok(width) = IndexWidth::planned(ColumnShape::new(rows, distinct).beside(other)) {
            let told = std::cmp::min(u32::from(width.bits()), distinct.ilog2());
            let told = i32::try_from(told).unwrap();
            #[expect(clippy::cast_precision_loss, reason = "of two, a factor of more than one")]
            let rows = rows as f64;
            let each = rows / 2_f64.powi(told + i32::try_from(other).unwrap());
            prop_assert!(2.0 <= each && each < rows.sqrt() * 1.000_001, "{each}");
        }
    }
}
