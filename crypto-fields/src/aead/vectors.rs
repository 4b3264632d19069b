//! The published vectors of suites 0x01 to 0x03, which another implementation made.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::deterministic::DeterministicKey;
use super::*;
use crate::associated_data::names::{FieldId, SubjectId, TenantId};
use crate::associated_data::path::JsonPath;
use crate::associated_data::row_key::RowKey;
use crate::ciphertext;
use crate::secret::SecretKey;

pub(crate) fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes();
    let pairs = digits.chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

pub(crate) fn data_key(vector: &Value, purpose: Purpose) -> DataKey {
    let id = vector["key_id"].as_str().unwrap().parse().unwrap();
    DataKey::from_parts(id, purpose, SecretKey::from_slice(&hex(&vector["key"])).unwrap())
}

pub(crate) fn context(vector: &Value) -> Context {
    Context(Sha256::digest(hex(&vector["aad"])).into())
}

pub(crate) fn class(error: &OpenError) -> &'static str {
    match error {
        OpenError::Malformed(_) => "malformed",
        OpenError::UnknownKey { .. } => "unknown key",
        OpenError::SuiteNotAllowed(_) => "suite",
        OpenError::Authentication => "authentication",
        other => panic!("{other}"),
    }
}

fn row(row: &Value) -> RowKey {
    let (kind, key) = row.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "int" => RowKey::int(key.as_i64().unwrap()),
        "uuid" => RowKey::uuid(key.as_str().unwrap().parse().unwrap()),
        "text" => RowKey::text(key.as_str().unwrap()),
        "bytes" => RowKey::bytes(&hex(key)),
        "composite" => RowKey::composite(key.as_array().unwrap().iter().map(self::row)),
        other => panic!("{other}"),
    }
    .unwrap()
}

/// The canonical bytes of a context, from its parts.
fn canonical(context: &Value) -> Vec<u8> {
    let text = |name: &str| context[name].as_str().unwrap().to_owned();
    let tenant = TenantId::new(text("tenant")).unwrap_or(TenantId::SINGLE);
    let (field, row) = (FieldId::new(text("field")).unwrap(), row(&context["row"]));
    let subject = context.get("subject").map(|_| SubjectId::new(text("subject")).unwrap());
    let path = context.get("path").map(|path| {
        let steps = path.as_array().unwrap().iter();
        steps.fold(JsonPath::root(), |path, step| match step.as_u64() {
            Some(index) => path.index(index).unwrap(),
            None => path.name(step.as_str().unwrap()).unwrap(),
        })
    });
    let mut place = AssociatedData::new(&tenant, &field, &row);
    if let Some(subject) = &subject {
        place = place.subject(subject);
    }
    if let Some(path) = &path {
        place = place.path(path);
    }
    for (name, value) in context.get("extra").and_then(Value::as_object).into_iter().flatten() {
        place = place.with(name, value.as_str().unwrap()).unwrap();
    }
    place.to_bytes()
}

#[test]
fn associated_data() {
    let file = include_str!("../../vectors/associated-data.json");
    let file: Value = serde_json::from_str(file).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 6);
    for vector in vectors {
        assert_eq!(canonical(&vector["context"]), hex(&vector["bytes"]));
    }
}

/// Every valid vector is made to the byte and opens; every invalid one is refused as it says.
fn check(file: &str, valid: usize, invalid: usize, key: impl Fn(&Value) -> Key) {
    let file: Value = serde_json::from_str(file).unwrap();
    let vectors = file["valid"].as_array().unwrap();
    assert_eq!(vectors.len(), valid);
    for vector in vectors {
        assert_eq!(canonical(&vector["context"]), hex(&vector["aad"]));
        let (key, plain) = (key(vector), hex(&vector["plaintext"]));
        let expected = hex(&vector["ciphertext"]);
        let padded = vector["padded"].as_bool().unwrap();
        assert_eq!(key.seal(vector, padded, &plain), expected, "{}", vector["comment"]);
        assert_eq!(ciphertext::to_text(&expected), vector["text"].as_str().unwrap());
        assert_eq!(key.open(vector, &expected).unwrap(), plain);
    }
    let vectors = file["invalid"].as_array().unwrap();
    assert_eq!(vectors.len(), invalid);
    for vector in vectors {
        let refused = key(vector).open(vector, &hex(&vector["ciphertext"])).unwrap_err();
        assert_eq!(class(&refused), vector["refused"].as_str().unwrap(), "{}", vector["comment"]);
    }
}

enum Key {
    Random(SealingKey, Cipher),
    Deterministic(DeterministicKey),
}

impl Key {
    fn seal(&self, vector: &Value, padded: bool, plain: &[u8]) -> Vec<u8> {
        match self {
            Self::Random(key, cipher) => {
                let salt = hex(&vector["salt"]).try_into().unwrap();
                let options = SealOptions::new().cipher(*cipher).padded(padded);
                key.seal_salted(options, &context(vector), &salt, plain)
            }
            Self::Deterministic(key) => key.seal_in(padded, &context(vector), plain),
        }
        .unwrap()
    }

    fn open(&self, vector: &Value, bytes: &[u8]) -> Result<Vec<u8>, OpenError> {
        let ciphertext = Ciphertext::parse(bytes)?;
        match self {
            Self::Random(key, _) => key.open_in(&ciphertext, &context(vector)),
            Self::Deterministic(key) => key.open_in(&ciphertext, &context(vector)),
        }
        .map(SecretBytes::into_vec)
    }
}

fn random(cipher: Cipher) -> impl Fn(&Value) -> Key {
    move |vector| Key::Random(SealingKey::new(&data_key(vector, Purpose::Seal)).unwrap(), cipher)
}

#[test]
fn suite_01() {
    check(include_str!("../../vectors/suite-01.json"), 9, 39, random(Cipher::Aes256Gcm));
}

#[test]
fn suite_02() {
    check(include_str!("../../vectors/suite-02.json"), 9, 39, random(Cipher::XChaCha20Poly1305));
}

#[test]
fn suite_03() {
    check(include_str!("../../vectors/suite-03.json"), 9, 30, |vector| {
        let key = data_key(vector, Purpose::Deterministic);
        Key::Deterministic(DeterministicKey::new(&key).unwrap())
    });
}
