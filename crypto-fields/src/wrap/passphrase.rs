//! A root key out of a passphrase, by Argon2id.

use std::fmt;
use std::str::FromStr;

use argon2::{Algorithm, Argon2, Params, Version};
use base64ct::{Base64Unpadded, Encoding};
use zeroize::Zeroizing;

use super::kek::{self, KeyEncryptionKey};
use crate::random::{self, RandomError};
use crate::secret::{KEY_LEN, SecretKey};

/// A root key made of a passphrase (Argon2id, RFC 9106).
///
/// The [`PassphraseParams`] are no secret and are stored; the passphrase is not. A wrong passphrase
/// is another key: it is told by the first thing that does not unwrap.
#[derive(Debug)]
pub struct PassphraseKey(KeyEncryptionKey);

/// The salt and the cost of a [`PassphraseKey`]; its text is stored beside what is wrapped.
///
/// ```
/// use crypto_fields::PassphraseParams;
///
/// let text = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA";
/// assert_eq!(text.parse::<PassphraseParams>()?.to_string(), text);
/// # Ok::<(), crypto_fields::PassphraseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassphraseParams {
    salt: [u8; 16],
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// A passphrase, or what it is to be used with, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// Not in the form that [`PassphraseParams`] are written in, or beyond the bounds: 8 MiB to
    /// 2 GiB, 1 to 32 passes, 1 to 16 lanes.
    #[error("the parameters are not in their form, or out of bounds")]
    Params,
    /// The machine has not that much memory.
    #[error("there is not enough memory for these parameters")]
    OutOfMemory,
    /// The operating system gave no randomness.
    #[error("there is no salt without randomness")]
    Random(#[source] RandomError),
    /// Shorter than 12 bytes, or longer than 1024.
    #[error("a passphrase has 12 to 1024 bytes")]
    Length,
}

impl PassphraseParams {
    /// A new salt, with the second of RFC 9106's recommendations: 64 MiB, 3 passes, 4 lanes.
    ///
    /// # Errors
    ///
    /// [`PassphraseError::Random`].
    pub fn generate() -> Result<Self, PassphraseError> {
        let mut salt = [0; 16];
        random::fill(&mut salt).map_err(PassphraseError::Random)?;
        Ok(Self { salt, memory_kib: 64 * 1024, passes: 3, lanes: 4 })
    }

    /// With another cost: memory in KiB, passes, lanes.
    ///
    /// # Errors
    ///
    /// [`PassphraseError::Params`] out of bounds.
    pub fn cost(self, memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, PassphraseError> {
        // Whoever can write the parameters could otherwise stall or weaken the start.
        let bounded = (8 * 1024..=2 * 1024 * 1024).contains(&memory_kib)
            && (1..=32).contains(&passes)
            && (1..=16).contains(&lanes);
        if !bounded {
            return Err(PassphraseError::Params);
        }
        Ok(Self { memory_kib, passes, lanes, ..self })
    }
}

impl PassphraseKey {
    /// Makes the key. This takes a good part of a second and blocks: not on an async thread.
    ///
    /// # Errors
    ///
    /// [`PassphraseError::Length`], [`PassphraseError::OutOfMemory`].
    pub fn derive(passphrase: &str, params: &PassphraseParams) -> Result<Self, PassphraseError> {
        if !(12..=1024).contains(&passphrase.len()) {
            return Err(PassphraseError::Length);
        }
        let cost = Params::new(params.memory_kib, params.passes, params.lanes, Some(KEY_LEN))
            .map_err(|_| PassphraseError::Params)?;
        let mut key = Zeroizing::new([0; KEY_LEN]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, cost)
            .hash_password_into(passphrase.as_bytes(), &params.salt, &mut *key)
            .map_err(|_| PassphraseError::OutOfMemory)?;
        Ok(Self(kek::root("passphrase", SecretKey::take(&mut key))))
    }
}

kek::wraps_by_its_kek!(PassphraseKey);

impl fmt::Display for PassphraseParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { salt, memory_kib, passes, lanes } = self;
        let salt = Base64Unpadded::encode_string(salt);
        write!(f, "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}")
    }
}

impl FromStr for PassphraseParams {
    type Err = PassphraseError;

    fn from_str(text: &str) -> Result<Self, PassphraseError> {
        let read = || {
            let (cost, salt) = text.strip_prefix("$argon2id$v=19$m=")?.split_once('$')?;
            let (memory, cost) = cost.split_once(",t=")?;
            let (passes, lanes) = cost.split_once(",p=")?;
            let mut bytes = [0; 16];
            let read = Base64Unpadded::decode(salt, &mut bytes).ok()?.len();
            let params = Self { salt: bytes, memory_kib: 0, passes: 0, lanes: 0 };
            let cost = (memory.parse().ok()?, passes.parse().ok()?, lanes.parse().ok()?);
            (read == 16).then(|| params.cost(cost.0, cost.1, cost.2).ok())?
        };
        // Written again, so that nothing has two texts.
        read().filter(|params: &Self| params.to_string() == text).ok_or(PassphraseError::Params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::KeyWrapper;

    /// RFC 9106, section 5.3.
    #[test]
    fn rfc_9106_argon2id() {
        let params = argon2::ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(argon2::AssociatedData::new(&[4; 12]).unwrap())
            .build()
            .unwrap();
        let argon = Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params);
        let mut tag = [0; 32];
        argon.unwrap().hash_password_into(&[1; 32], &[2; 16], &mut tag).unwrap();
        let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
    }

    fn cheap() -> PassphraseParams {
        PassphraseParams::generate().unwrap().cost(8 * 1024, 1, 1).unwrap()
    }

    #[test]
    fn the_same_passphrase_and_salt_are_the_same_key() {
        let params = cheap();
        let id = |passphrase: &str, params: &PassphraseParams| {
            PassphraseKey::derive(passphrase, params).unwrap().id().to_owned()
        };
        let one = id("correct horse battery", &params);
        assert!(one.starts_with("passphrase:"));
        assert_eq!(one, id("correct horse battery", &params.to_string().parse().unwrap()));
        assert_ne!(one, id("correct horse batterx", &params));
        assert_ne!(one, id("correct horse battery", &cheap()));
    }

    #[test]
    fn bad_input_is_refused() {
        let params = cheap();
        let refused = |text: &str| PassphraseKey::derive(text, &params).unwrap_err();
        assert_eq!(refused("too short"), PassphraseError::Length);
        assert_eq!(refused(&"x".repeat(1025)), PassphraseError::Length);
        for bad in [
            "",
            "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA=",
            "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA",
            "$argon2id$v=19$m=065536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA",
            "$argon2i$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA",
            "$argon2id$v=19$m=4294967295,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA",
            "$argon2id$v=19$m=1024,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA",
            "$argon2id$v=19$m=65536,t=0,p=4$c2FsdHNhbHRzYWx0c2FsdA",
        ] {
            assert_eq!(bad.parse::<PassphraseParams>(), Err(PassphraseError::Params), "{bad}");
        }
    }
}
