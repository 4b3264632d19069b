//! Disclosures: RFC 9901's form, its vectors, and strict reading.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use audit_core::{Defect, Digest, Disclosure, DisclosureError, OpenDisclosure, SubjectRef};
use base64ct::{Base64UrlUnpadded, Encoding};
use proptest::prelude::*;
use serde_json::json;

const SALT: &str = "_26bc4LT-ac6q2KI6cBW5A";

fn encoded(json: &str) -> String {
    Base64UrlUnpadded::encode_string(json.as_bytes())
}

fn malformed(json: &str) -> (String, Defect) {
    match OpenDisclosure::parse(&encoded(json)) {
        Err(DisclosureError::Malformed { pointer, defect }) => (pointer, defect),
        other => panic!("{json}: {other:?}"),
    }
}

/// RFC 9901 section 4.2.3: the digest of the disclosure of section 4.2.1.
#[test]
fn the_digest_of_rfc_9901() {
    let disclosure = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0";
    assert_eq!(Digest::of(disclosure).to_string(), "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0");
}

#[test]
fn reading_is_strict() {
    let good = format!("[\"{SALT}\",\"/context/ip\",{{\"a\":[1,null]}}]");
    let open = OpenDisclosure::parse(&encoded(&good)).unwrap();
    assert_eq!((open.name(), open.value_json()), ("/context/ip", "{\"a\":[1,null]}"));
    assert_eq!(open.value(), json!({"a": [1, null]}));

    let at = |pointer: &str, defect| (pointer.to_owned(), defect);
    let form = |expected| Defect::Form { expected };
    let three = form("an array of salt, name and value");
    let salt = form("16 bytes in unpadded base64url");
    assert_eq!(malformed("[]"), at("", three));
    assert_eq!(malformed(&format!("[\"{SALT}\",\"/a\"]")), at("", three));
    assert_eq!(
        malformed(&format!("[\"{SALT}\",\"/a\",1,2]")),
        at("", Defect::TooMany { limit: 3 })
    );
    assert_eq!(malformed("[\"\",\"/a\",1]"), at("/0", salt));
    assert_eq!(malformed("[1,\"/a\",1]"), at("/0", salt));
    // One byte more, one less, and bits that no byte owns.
    assert_eq!(malformed("[\"_26bc4LT-ac6q2KI6cBW5AA\",\"/a\",1]"), at("/0", salt));
    assert_eq!(malformed("[\"_26bc4LT-ac6q2KI6cBW\",\"/a\",1]"), at("/0", salt));
    assert_eq!(malformed("[\"_26bc4LT-ac6q2KI6cBW5B\",\"/a\",1]"), at("/0", salt));
    let name = form("a pointer (RFC 6901) to a member");
    assert_eq!(malformed(&format!("[\"{SALT}\",\"ip\",1]")), at("/1", name));
    assert_eq!(malformed(&format!("[\"{SALT}\",\"/~\",1]")), at("/1", name));
    assert_eq!(malformed(&format!("[\"{SALT}\", \"/a\",1]")).1, Defect::NotCanonical);
    assert_eq!(malformed(&format!("[\"{SALT}\",\"/a\",1.0]")).1, Defect::NotCanonical);
    assert_eq!(malformed(&format!("[\"{SALT}\",\"/a\"")).1, Defect::Syntax);
    assert_eq!(
        malformed(&format!("[\"{SALT}\",\"/a\",9007199254740992]")),
        at("/2", Defect::Inexact)
    );

    for bad in [
        format!("{}=", encoded(&good)),
        encoded(&good).replace('W', "+"),
        "/w".to_owned(),
        "_w".to_owned(),
    ] {
        assert_eq!(OpenDisclosure::parse(&bad), Err(DisclosureError::Encoding), "{bad}");
    }
}

#[test]
fn references_and_digests_have_one_form() {
    let text = "00112233445566778899aabbccddeeff";
    let subject: SubjectRef = text.parse().unwrap();
    assert_eq!(subject.to_string(), text);
    for bad in ["", "0011", &text.to_uppercase(), &format!("+{}", &text[1..]), &format!("{text}0")]
    {
        assert_eq!(bad.parse::<SubjectRef>(), Err(DisclosureError::SubjectRef));
    }
    assert_ne!(SubjectRef::random().unwrap(), SubjectRef::random().unwrap());
    assert_eq!(serde_json::to_value(subject).unwrap(), json!(text));
}

#[test]
fn error_texts() {
    let texts = [
        DisclosureError::Digest,
        DisclosureError::Encoding,
        DisclosureError::Malformed { pointer: "/1".to_owned(), defect: Defect::Missing },
        DisclosureError::SubjectRef,
    ]
    .map(|error| error.to_string());
    assert_eq!(
        texts,
        [
            "a digest is the unpadded base64url of 32 bytes",
            "a disclosure is unpadded base64url of UTF-8",
            "malformed disclosure: /1 is required but absent",
            "a subject reference is 32 lowercase hexadecimal digits",
        ]
    );
}

proptest! {
    #[test]
    fn subject_references_parse_back(bytes in any::<[u8; 16]>()) {
        let subject = SubjectRef::from_bytes(bytes);
        prop_assert_eq!(subject.to_string().parse::<SubjectRef>().unwrap(), subject);
        prop_assert_eq!(subject.as_bytes(), &bytes);
    }

    /// A text is a digest if and only if it is what 32 bytes are encoded as.
    #[test]
    fn digests_are_exactly_the_encodings(text in "[A-Za-z0-9_-]{43}", bytes in any::<[u8; 32]>()) {
        let decoded = Base64UrlUnpadded::decode_vec(&text).is_ok();
        prop_assert_eq!(text.parse::<Digest>().is_ok(), decoded);
        let encoded = Base64UrlUnpadded::encode_string(&bytes);
        prop_assert_eq!(encoded.parse::<Digest>().unwrap().to_string(), encoded);
    }

    #[test]
    fn any_text_is_a_disclosure_until_it_is_opened(text in any::<String>()) {
        let disclosure = Disclosure::new(SubjectRef::from_bytes([0; 16]), text.clone());
        prop_assert_eq!(disclosure.digest(), Digest::of(&text));
        let _ = disclosure.open();
    }
}
