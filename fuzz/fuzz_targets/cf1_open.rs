//! Bytes made up by somebody who has no key: nothing opens, as a value or as a file, and nothing
//! panics.
#![no_main]

use std::io::Read;
use std::sync::LazyLock;

use crypto_fields::{
    AssociatedData, Ciphertext, DataKey, DeterministicKey, FieldId, KeyId, Purpose, RowKey,
    SealingKey, SecretKey, StreamHeader, StreamKey, TenantId,
};
use libfuzzer_sys::fuzz_target;

struct Keys(SealingKey, DeterministicKey, StreamKey);

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let id = KeyId::new(7).unwrap();
    // A key that the fuzzer does not know; the seeds are sealed under others.
    let key = |purpose| DataKey::from_parts(id, purpose, SecretKey::random().unwrap());
    Keys(
        SealingKey::new(&key(Purpose::Seal)).unwrap(),
        DeterministicKey::new(&key(Purpose::Deterministic)).unwrap(),
        StreamKey::new(&key(Purpose::Stream)).unwrap(),
    )
});

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    // The id of the key is no secret: lead everything to the key.
    if let Some(id) = bytes.get_mut(4..12) {
        id.copy_from_slice(&7_u64.to_be_bytes());
    }
    let (tenant, field) = (TenantId::SINGLE, FieldId::new("f").unwrap());
    let row = RowKey::int(1).unwrap();
    let place = AssociatedData::new(&tenant, &field, &row);
    if let Ok(ciphertext) = Ciphertext::parse(&bytes) {
        assert!(KEYS.0.open(&ciphertext, &place).is_err());
        assert!(KEYS.1.open(&ciphertext, &place).is_err());
    }
    let mut file = bytes.as_slice();
    if let Ok(header) = StreamHeader::read(&mut file) {
        let opened = KEYS.2.reader(&header, &place, file);
        assert!(!opened.is_ok_and(|mut file| file.read_to_end(&mut Vec::new()).is_ok()));
    }
});
