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
