//! The published vectors of what is stored beside sealed values: wrapped keys, blind indexes and
//! hashes of credentials. Another implementation made them. (Those of sealed values stand in the
//! crate, which alone can seal under a salt that is given.)

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests"
)]

use crypto_fields::{
    ApiToken, BackupCode, BlindIndex, ColumnShape, CredentialHash, CredentialKeys, DataKey,
    FieldId, IndexWidth, KeyCheck, KeyEncryptionKey, KeyGroup, KeyId, KeyOwner, KeyWrapper,
    LocalKey, Normalizer, OneTimeCodePolicy, OneTimeCodeState, OneTimeCodeVerdict, PassphraseKey,
    PasswordCost, Purpose, RowKey, SecretKey, SubjectId, TenantId, Timestamp, TokenPrefix,
    WrapContext, WrappedDataKey,
};
use serde_json::{Value, json};

fn hex(value: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn data_key(id: KeyId, purpose: Purpose, key: &Value) -> DataKey {
    DataKey::from_parts(id, purpose, SecretKey::from_slice(&hex(key)).unwrap())
}

fn vectors(file: &Value, count: usize) -> &[Value] {
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), count);
    vectors
}

fn wrapper(vector: &Value) -> Box<dyn KeyWrapper> {
    let (kind, id) = vector["wrapper"].as_str().unwrap().split_once(':').unwrap();
    match kind {
        "local" => {
            Box::new(LocalKey::new(SecretKey::from_slice(&hex(&vector["wrapping_key"])).unwrap()))
        }
        "kek" => {
            let key = data_key(id.parse().unwrap(), Purpose::Wrap, &vector["wrapping_key"]);
            Box::new(KeyEncryptionKey::new(&key).unwrap())
        }
        "passphrase" => {
            let params = vector["parameters"].as_str().unwrap().parse().unwrap();
            Box::new(PassphraseKey::derive(&text(&vector["passphrase"]), &params).unwrap())
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn wrapped_keys() {
    let file: Value = serde_json::from_str(include_str!("../vectors/wrapped-key.json")).unwrap();
    for vector in vectors(&file, 4) {
        let wrapper = wrapper(vector);
        assert_eq!(wrapper.id(), vector["wrapper"]);
        let tenant = TenantId::new(text(&vector["tenant"])).unwrap_or(TenantId::SINGLE);
        let purpose = Purpose::from_name(vector["purpose"].as_str().unwrap()).unwrap();
        let owner = match vector.get("subject") {
            Some(subject) => KeyOwner::Subject(SubjectId::new(text(subject)).unwrap()),
            None => KeyOwner::Group(KeyGroup::new(text(&vector["group"])).unwrap()),
        };
        let id = vector["key_id"].as_str().unwrap().parse().unwrap();
        let context = WrapContext::new(tenant, id, purpose, owner);
        assert_eq!(context.to_bytes(wrapper.id()), hex(&vector["context"]));
        let wrapped = WrappedDataKey::new(wrapper.id().to_owned(), hex(&vector["wrapped"]));
        let key = wrapper.unwrap(&wrapped, &context).await.unwrap();
        assert_eq!(key.expose_to_wrap().expose()[..], hex(&vector["key"]));
        assert_eq!(KeyCheck::of(&key).to_bytes()[..], hex(&vector["check"]));
    }
}

#[test]
fn blind_indexes() {
    let file: Value = serde_json::from_str(include_str!("../vectors/blind-index.json")).unwrap();
    for vector in vectors(&file, 6) {
        let number = |name: &str| u32::try_from(vector[name].as_u64().unwrap()).unwrap();
        let key = data_key(KeyId::new(1).unwrap(), Purpose::BlindIndex, &vector["key"]);
        let width = match number("bits") {
            128 => IndexWidth::UNIQUE,
            bits => {
                let rows = 2_u64.pow(bits + 1);
                IndexWidth::planned(ColumnShape::new(rows, rows)).unwrap()
            }
        };
        assert_eq!(u32::from(width.bits()), number("bits"));
        let version = u8::try_from(number("version")).unwrap();
        let id = FieldId::new(text(&vector["index"])).unwrap();
        let normalizer = Normalizer::CaseFold;
        let value = vector["value"].as_str().unwrap();
        assert_eq!(*normalizer.apply(value).unwrap(), vector["normalised"].as_str().unwrap());
        let mut index = BlindIndex::new(version, &key, id, normalizer, width).unwrap();
        if let Some(cost) = vector.get("slow") {
            let cost = ["memory_kib", "passes", "lanes"]
                .map(|name| u32::try_from(cost[name].as_u64().unwrap()).unwrap());
            index = index.slow(PasswordCost::new(cost[0], cost[1], cost[2]).unwrap()).unwrap();
        }
        let row = match vector.get("row") {
            Some(row) => {
                index = index.partitioned(u16::try_from(number("partitions")).unwrap()).unwrap();
                RowKey::int(row["int"].as_i64().unwrap()).unwrap()
            }
            None => RowKey::int(1).unwrap(),
        };
        let made = index.value_in(&row, value).unwrap().unwrap();
        assert_eq!(made.as_bytes(), hex(&vector["indexed"]));
        assert!(index.query(value).unwrap().contains(&made));
    }
}

#[test]
fn hashes_of_credentials() {
    let file: Value = serde_json::from_str(include_str!("../vectors/credential.json")).unwrap();
    let id = file["key_id"].as_str().unwrap().parse().unwrap();
    let keys = CredentialKeys::new(&data_key(id, Purpose::Credential, &file["key"])).unwrap();
    for vector in vectors(&file, 3) {
        let hash = CredentialHash::from_bytes(&hex(&vector["hash"])).unwrap();
        match vector["kind"].as_str().unwrap() {
            "api-token" => {
                let prefix = TokenPrefix::new(text(&vector["prefix"])).unwrap();
                let token = ApiToken::parse(&prefix, &text(&vector["token"])).unwrap();
                assert_eq!(token.lookup_id().as_str(), vector["lookup_id"]);
                assert_eq!(token.stored(&keys).hash, hash);
            }
            "backup-code" => {
                let code = BackupCode::parse(&text(&vector["code"])).unwrap();
                assert_eq!(code.hashes(&keys, &text(&vector["user"])), [hash]);
            }
            "one-time-code" => {
                let state =
                    json!({"hash": hash, "issued": 0, "seen": 0, "attempts": 0, "used": false});
                let state: OneTimeCodeState = serde_json::from_value(state).unwrap();
                let (purpose, user) = (text(&vector["purpose"]), text(&vector["user"]));
                let now = Timestamp::from_micros(0);
                let checked = OneTimeCodePolicy::default()
                    .check(&keys, &purpose, &user, &state, &text(&vector["code"]), now)
                    .unwrap();
                assert_eq!(checked.0, OneTimeCodeVerdict::Accepted);
            }
            other => panic!("{other}"),
        }
    }
}
