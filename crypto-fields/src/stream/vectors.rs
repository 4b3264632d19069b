//! The published vectors of suite 0x04, which another implementation made.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;
use crate::aead::vectors::{class, context, data_key, hex};

fn seal(vector: &Value, plain: &[u8]) -> Vec<u8> {
    let key = StreamKey::new(&data_key(vector, Purpose::Stream)).unwrap();
    let salt = hex(&vector["salt"]).try_into().unwrap();
    let mut writer = key.writer_salted(&context(vector), &salt, Vec::new()).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

#[expect(clippy::unwrap_in_result, reason = "the vectors are sound")]
fn open(vector: &Value, mut file: &[u8]) -> Result<Vec<u8>, OpenError> {
    let inner = |error: io::Error| error.downcast::<OpenError>().unwrap();
    let key = StreamKey::new(&data_key(vector, Purpose::Stream)).unwrap();
    let header = StreamHeader::read(&mut file).map_err(inner)?;
    let mut reader = key.reader_in(&header, &context(vector), file)?;
    let mut plain = Vec::new();
    reader.read_to_end(&mut plain).map_err(inner)?;
    Ok(plain)
}

#[test]
fn suite_04() {
    let file: Value = serde_json::from_str(include_str!("../../vectors/suite-04.json")).unwrap();
    for vector in file["valid"].as_array().unwrap() {
        let (plain, sealed) = (hex(&vector["plaintext"]), hex(&vector["ciphertext"]));
        assert_eq!(seal(vector, &plain), sealed);
        assert_eq!(open(vector, &sealed).unwrap(), plain);
    }
    let by_hash = file["valid_by_hash"].as_array().unwrap();
    assert_eq!(by_hash.len(), 5);
    for vector in by_hash {
        let len = usize::try_from(vector["length"].as_u64().unwrap()).unwrap();
        let plain: Vec<u8> = (0..=250).cycle().take(len).collect();
        let sealed = seal(vector, &plain);
        assert_eq!(Sha256::digest(&sealed)[..], hex(&vector["sha256"]), "{len}");
        assert_eq!(open(vector, &sealed).unwrap(), plain);
    }
    let invalid = file["invalid"].as_array().unwrap();
    assert_eq!(invalid.len(), 33);
    for vector in invalid {
        let refused = open(vector, &hex(&vector["ciphertext"])).unwrap_err();
        assert_eq!(class(&refused), vector["refused"].as_str().unwrap(), "{}", vector["comment"]);
    }
}
