//! The bytes and the text of a ciphertext: what is read has one form, and nothing panics.
#![no_main]

use crypto_fields::{Ciphertext, StreamHeader, from_text, to_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = to_text(bytes);
    assert_eq!(from_text(&text).unwrap(), bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(read) = from_text(text)
    {
        assert_eq!(to_text(&read), text);
    }
    if let Ok(ciphertext) = Ciphertext::parse(bytes) {
        assert!(Ciphertext::is_meant(bytes));
        assert_eq!(bytes[2], ciphertext.suite().code());
        assert_eq!(bytes[4..12], ciphertext.key_id().to_bytes());
        // No value is a file, and no file a value.
        assert!(StreamHeader::read(&mut &*bytes).is_err());
    }
});
