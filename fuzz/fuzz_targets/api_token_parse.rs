//! API tokens and the other codes that people type: what is read is shown the same.
#![no_main]

use crypto_fields::{
    ApiToken, BackupCode, CredentialKeys, DataKey, KeyId, Purpose, SecretKey, TokenPrefix,
    TokenVerdict,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|lines: &str| {
    let (prefix, text) = lines.split_once('\n').unwrap_or(("acme", lines));
    if let Ok(code) = BackupCode::parse(text) {
        assert_eq!(BackupCode::parse(&code.reveal()).unwrap().reveal(), code.reveal());
    }
    let Ok(prefix) = TokenPrefix::new(prefix) else { return };
    let made = ApiToken::generate(&prefix).unwrap();
    assert_eq!(ApiToken::parse(&prefix, made.reveal()).unwrap().reveal(), made.reveal());

    let Ok(token) = ApiToken::parse(&prefix, text) else { return };
    assert_eq!(token.reveal(), text);
    let secret = SecretKey::take(&mut [7; 32]);
    let key = DataKey::from_parts(KeyId::new(7).unwrap(), Purpose::Credential, secret);
    let keys = CredentialKeys::new(&key).unwrap();
    let row = token.stored(&keys);
    assert_eq!(token.verify(&keys, &row.hash), TokenVerdict::Valid);
    assert_eq!(made.verify(&keys, &row.hash), TokenVerdict::Invalid);
});
