//! Against RFC 8785's own vectors, and against another implementation of it.
#![allow(clippy::arithmetic_side_effects, reason = "tests")]

use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use super::defect::{Defect, pointer, segments};
use super::reader::{self, Raw};
use super::strict::to_value;
use super::{MAX_INTEGER, double, key_order, push_value};

fn canonical(value: &Value) -> Result<String, Defect> {
    let mut out = String::new();
    push_value(&mut out, value, 0).map(|()| out).map_err(|problem| problem.defect)
}

/// Whether the limits of the format, which RFC 8785 does not have, let `value` pass.
fn within_limits(value: &Value, depth: usize) -> bool {
    match value {
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(integer), _) => integer <= MAX_INTEGER,
            (_, Some(integer)) => integer.unsigned_abs() <= MAX_INTEGER,
            _ => number
                .as_f64()
                .is_some_and(|double| double.abs() >= 1e21 || double.abs() < 9.007199254740992e15),
        },
        Value::String(text) => !text.contains('\0'),
        Value::Array(items) => {
            depth < 64 && items.iter().all(|item| within_limits(item, depth + 1))
        }
        Value::Object(members) => {
            depth < 64
                && members.iter().all(|(name, value)| {
                    name.len() <= 256 && !name.contains('\0') && within_limits(value, depth + 1)
                })
        }
        _ => true,
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        // Where the order of UTF-8 and of UTF-16 differ, and what is escaped.
        "[\u{0}-\u{22}\\\\\u{7f}\u{80}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,6}",
    ]
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-200_i32..200).prop_map(|n| Value::from(f64::from(n) / 8.0)),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((text(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn writing_agrees_with_another_implementation(value in value()) {
        let theirs = serde_json_canonicalizer::to_string(&value).unwrap();
        match canonical(&value) {
            Ok(ours) => {
                prop_assert!(within_limits(&value, 0));
                prop_assert_eq!(ours, theirs);
            }
            Err(_) => prop_assert!(!within_limits(&value, 0)),
        }
    }

    #[test]
    fn reading_accepts_what_was_written(value in value()) {
        if let Ok(text) = canonical(&value) {
            prop_assert_eq!(reader::read(&text, Raw).unwrap(), &text);
        }
    }

    /// A text is accepted if and only if another implementation would write it so.
    #[test]
    fn reading_accepts_nothing_else(value in value(), at in any::<prop::sample::Index>(),
                                    change in "[ \n\"\\\\{}\\[\\],:0-9aeE.+-]{0,2}", cut in 0_usize..3) {
        let text = serde_json_canonicalizer::to_string(&value).unwrap();
        let mut characters: Vec<char> = text.chars().collect();
        let start = at.index(characters.len());
        let end = std::cmp::min(start + cut, characters.len());
        characters.splice(start..end, change.chars());
        let text: String = characters.into_iter().collect();
        let canonical = serde_json::from_str::<Value>(&text).ok().filter(|value| {
            within_limits(value, 0) && serde_json_canonicalizer::to_string(value).unwrap() == text
        });
        prop_assert_eq!(reader::read(&text, Raw).is_ok(), canonical.is_some(), "{}", text);
    }

    #[test]
    fn no_text_makes_reading_panic(text in any::<String>()) {
        let _ = reader::read(&text, Raw);
    }

    #[test]
    fn pointers_parse_back(path in proptest::collection::vec(any::<String>(), 1..5)) {
        prop_assert_eq!(segments(&pointer(&path)).unwrap(), path);
    }

    #[test]
    fn strict_values_are_serde_jsons(value in value()) {
        prop_assert_eq!(to_value(&value).unwrap(), value);
    }

    #[test]
    fn key_order_is_that_of_utf_16(a in text(), b in text()) {
        let units = |text: &str| text.encode_utf16().collect::<Vec<_>>();
        prop_assert_eq!(key_order(&a, &b), units(&a).cmp(&units(&b)));
    }
}

/// RFC 8785 appendix B, the finite ones: IEEE 754 bits and the canonical text.
#[test]
fn doubles_of_rfc_8785_appendix_b() {
    let vectors = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];
    for (bits, text) in vectors {
        let number = f64::from_bits(bits);
        let integer = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        // What reads as an integer beyond 2^53 - 1 is refused by this format, not rounded.
        let expected =
            if integer && number != 0.0 { Err(Defect::Inexact) } else { Ok(text.to_owned()) };
        assert_eq!(double(number), expected, "{bits:x}");
    }
    for bits in [0x7fff_ffff_ffff_ffff, 0x7ff0_0000_0000_0000, 0xfff0_0000_0000_0000] {
        assert_eq!(double(f64::from_bits(bits)), Err(Defect::NotFinite));
    }
}

/// RFC 8785 section 3.2.3.
#[test]
fn members_are_sorted_as_rfc_8785_has_it() {
    let value = json!({
        "\u{20ac}": "Euro Sign",
        "\r": "Carriage Return",
        "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\u{1f600}": "Emoji: Grinning Face",
        "\u{80}": "Control",
        "\u{f6}": "Latin Small Letter O With Diaeresis",
    });
    assert_eq!(
        canonical(&value).unwrap(),
        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
         \"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",\
         \"\u{1f600}\":\"Emoji: Grinning Face\",\
         \"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
    );
}

/// RFC 8785 section 3.2.2: the sample object.
#[test]
fn the_sample_of_rfc_8785() {
    let value: Value = serde_json::from_str(
        r#"{
          "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
          "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
          "literals": [null, true, false]
        }"#,
    )
    .unwrap();
    assert_eq!(
        canonical(&value).unwrap(),
        "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
         \"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
    );
}

#[test]
fn control_characters_take_the_short_forms_then_lowercase() {
    let all: String = ('\u{1}'..='\u{1f}').chain(['\u{7f}', '"', '\\', '/']).collect();
    assert_eq!(
        canonical(&Value::from(all)).unwrap(),
        "\"\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u000f\
         \\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a\\u001b\
         \\u001c\\u001d\\u001e\\u001f\u{7f}\\\"\\\\/\""
    );
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| (0..depth).fold(Value::Null, |inner, _| json!([inner]));
    let text = |depth: usize| format!("{}null{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(canonical(&nested(64)).unwrap(), text(64));
    assert_eq!(canonical(&nested(65)), Err(Defect::TooDeep { limit: 64 }));
    assert!(reader::read(&text(64), Raw).is_ok());
    for depth in [65, 127, 128, 1_000] {
        let defect = reader::read(&text(depth), Raw).unwrap_err().defect;
        assert_eq!(defect, Defect::TooDeep { limit: 64 }, "{depth}");
    }
}

#[test]
fn strictness_of_the_hosts_values() {
    #[derive(serde::Serialize)]
    struct Outer {
        a: u8,
        #[serde(flatten)]
        inner: Inner,
    }
    #[derive(serde::Serialize)]
    struct Inner {
        a: u8,
    }
    #[derive(serde::Serialize)]
    enum Shape {
        Unit,
        Tuple(u8, u8),
        Struct { side: u8 },
        New(f64),
    }
    let defect = |problem: super::defect::Located| (problem.pointer(), problem.defect);
    let twice = to_value(&Outer { a: 1, inner: Inner { a: 2 } }).map_err(defect);
    assert_eq!(twice, Err(("/a".to_owned(), Defect::Duplicate)));
    let nan = to_value(&json!({"x": 1})).map(|_| to_value(&[1.0, f64::NAN])).unwrap();
    assert_eq!(nan.map_err(defect), Err(("/1".to_owned(), Defect::NotFinite)));
    let infinite = to_value(&Shape::New(f64::INFINITY)).map_err(defect);
    assert_eq!(infinite, Err(("/New".to_owned(), Defect::NotFinite)));
    assert_eq!(
        to_value(&(Shape::Unit, Shape::Tuple(1, 2), Shape::Struct { side: 3 })).unwrap(),
        json!(["Unit", {"Tuple": [1, 2]}, {"Struct": {"side": 3}}])
    );
    assert_eq!(to_value(&u128::MAX).map_err(defect), Err((String::new(), Defect::Inexact)));
    let keyed: std::collections::BTreeMap<u8, bool> = [(7, true)].into();
    assert_eq!(to_value(&keyed).unwrap(), json!({"7": true}));
    let raw = serde_json::value::RawValue::from_string("{\"a\":1,\"a\":2}".to_owned()).unwrap();
    assert_eq!(to_value(&raw).map_err(defect), Err((String::new(), Defect::Unserializable)));
    let mut map = Map::new();
    map.insert("n".repeat(257), Value::Null);
    let long = Defect::TooLong { bytes: 257, limit: 256 };
    assert_eq!(canonical(&Value::Object(map)), Err(long));
    assert_eq!(canonical(&Value::Number(Number::from(u64::MAX))), Err(Defect::Inexact));
}

#[test]
fn error_texts() {
    let texts: Vec<String> = [
        Defect::Duplicate,
        Defect::Form { expected: "a string" },
        Defect::Inexact,
        Defect::Missing,
        Defect::NotCanonical,
        Defect::NotFinite,
        Defect::Nul,
        Defect::Order,
        Defect::PointerTaken,
        Defect::PointerOverlaps,
        Defect::Reserved,
        Defect::Syntax,
        Defect::TooDeep { limit: 64 },
        Defect::TooLong { bytes: 257, limit: 256 },
        Defect::TooMany { limit: 64 },
        Defect::Unknown,
        Defect::Unserializable,
    ]
    .iter()
    .map(ToString::to_string)
    .collect();
    assert_eq!(
        texts,
        [
            "appears more than once",
            "must be a string",
            "an integer must lie within -(2^53 - 1) and 2^53 - 1",
            "is required but absent",
            "is not in the canonical form of RFC 8785",
            "a number must be finite",
            "a string must not hold U+0000",
            "stands twice or out of order",
            "a private field must point at a place of the event where nothing stands",
            "two private fields must not share a place, nor one stand inside the other",
            "actions under journal. are reserved for the journal itself",
            "is not JSON",
            "nests deeper than 64",
            "has 257 bytes, the limit is 256",
            "has more than 64 elements",
            "is not a member of this format",
            "cannot be written as JSON",
        ]
    );
}
