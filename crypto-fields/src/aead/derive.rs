//! The key of a message, and what commits to it.

use std::fmt;

use hmac::digest::FixedOutput;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::associated_data::Context;
use crate::ciphertext::{COMMITMENT_LEN, HEADER_LEN};
use crate::random::SALT_LEN;
use crate::secret::SecretKey;

const ENCRYPTION: &[u8; 8] = b"cf1/enc\0";
const COMMITMENT: &[u8; 8] = b"cf1/com\0";
const SYNTHETIC: &[u8; 8] = b"cf1/siv\0";

/// The key of one message, wiped when dropped.
pub(crate) type MessageKey = Zeroizing<[u8; 32]>;

/// HMAC-SHA-256 under a data key, with the two blocks of the key already hashed. On the heap, so
/// that moving it leaves no copy behind.
pub(crate) struct Deriver(Box<Hmac<Sha256>>);

impl Deriver {
    pub(crate) fn new(key: &SecretKey) -> Self {
        // A block of HMAC is 64 bytes, filled up with zeros by definition; keys here have exactly
        // 32, so no two of them are equivalent.
        let mut block = Zeroizing::new([0; 64]);
        fill(&mut *block, &[key.expose()]);
        Self(Box::new(<Hmac<Sha256> as KeyInit>::new((&*block).into())))
    }

    /// `K_enc = HMAC(DEK, "cf1/enc\0" || H || salt || CTX || 0x01)`.
    pub(crate) fn message_key(
        &self,
        header: &[u8; HEADER_LEN],
        salt: &[u8; SALT_LEN],
        context: &Context,
    ) -> MessageKey {
        self.derive(&input(ENCRYPTION, header, salt, context, 1))
    }

    /// `COM = HMAC(DEK, "cf1/com\0" || H || salt || CTX || 0x02)`.
    pub(crate) fn commitment(
        &self,
        header: &[u8; HEADER_LEN],
        salt: &[u8; SALT_LEN],
        context: &Context,
    ) -> [u8; COMMITMENT_LEN] {
        *self.derive(&input(COMMITMENT, header, salt, context, 2))
    }

    /// One half of a deterministic key: `HMAC(DEK, "cf1/siv\0" || H || half)`.
    pub(crate) fn synthetic(&self, header: &[u8; HEADER_LEN], half: u8) -> MessageKey {
        let mut input = [0; 8 + HEADER_LEN + 1];
        fill(&mut input, &[SYNTHETIC, header, &[half]]);
        self.derive(&input)
    }

    fn derive(&self, input: &[u8]) -> MessageKey {
        let mut mac = Hmac::clone(&self.0);
        mac.update(input);
        let mut key = MessageKey::default();
        mac.finalize_into((&mut *key).into());
        key
    }
}

impl fmt::Debug for Deriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deriver(..)")
    }
}

fn input(
    label: &[u8; 8],
    header: &[u8; HEADER_LEN],
    salt: &[u8; SALT_LEN],
    context: &Context,
    last: u8,
) -> [u8; 8 + HEADER_LEN + SALT_LEN + 32 + 1] {
    let mut input = [0; 8 + HEADER_LEN + SALT_LEN + 32 + 1];
    fill(&mut input, &[label, header, salt, &context.0, &[last]]);
    input
}

/// `H || CTX`, the associated data of every suite but 0x03.
pub(crate) fn concat(header: &[u8; HEADER_LEN], context: &[u8; 32]) -> [u8; HEADER_LEN + 32] {
    let mut aad = [0; HEADER_LEN + 32];
    fill(&mut aad, &[header, context]);
    aad
}

/// Writes the parts one after the other, as far as they fit: everybody gives them room.
pub(super) fn fill(mut out: &mut [u8], parts: &[&[u8]]) {
    for part in parts {
        let Some((head, rest)) = std::mem::take(&mut out).split_at_mut_checked(part.len()) else {
            return;
        };
        head.copy_from_slice(part);
        out = rest;
    }
}
