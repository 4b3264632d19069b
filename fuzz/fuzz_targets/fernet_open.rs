//! Fernet: text of any kind never opens, a token opens as it was made and in no other form.
#![no_main]

use crypto_fields::{FernetError, FernetKey, MultiFernet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8], usize, u8)| {
    let (text, plaintext, at, change) = input;
    if let Ok(key) = FernetKey::parse(text) {
        assert_eq!(key.reveal().as_str(), text);
    }
    // Of no token among the seeds, which are of the key of the specification.
    let key = FernetKey::parse("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").unwrap();
    let fernet = MultiFernet::new(key);
    assert_eq!(fernet.decrypt(text), Err(FernetError::Invalid));

    let token = fernet.encrypt(plaintext).unwrap();
    let mut bytes = token.into_bytes();
    let at = at % bytes.len();
    bytes[at] ^= change;
    let Ok(token) = String::from_utf8(bytes) else { return };
    match fernet.decrypt(&token) {
        Ok(opened) => assert!(change == 0 && *opened == *plaintext),
        Err(error) => assert!(change != 0 && error == FernetError::Invalid),
    }
});
