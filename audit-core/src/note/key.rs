//! Verifier keys (vkeys): C2SP signed-note v1, "Verifier keys".

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// Why a key was refused. It never carries any part of a secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A signature type that this crate does not know, or not for this use.
    #[error("signature type {0:#04x} is not supported here")]
    Algorithm(u8),
    /// The key id does not belong to this name, type and key: a mistyped key.
    #[error("the key id does not belong to this key")]
    Id,
    /// Not of the form `<name>+<id>+<base64>`, or for secret keys
    /// `PRIVATE+KEY+<name>+<id>+<base64>`.
    #[error("not of the form of a key")]
    Malformed,
    /// A key name is not empty and has no space, no plus and no control character.
    #[error("not a key name: empty, or with a space, a plus or a control character")]
    Name,
    /// The 32 bytes are not the canonical encoding of a point on the curve.
    #[error("not an Ed25519 public key")]
    Point,
    /// The operating system's random number generator failed.
    #[error("no random numbers from the operating system")]
    Random,
    /// A key of small order: almost any signature would verify under it.
    #[error("a weak Ed25519 public key")]
    Weak,
}

/// What a key signs, and how: the signature type of C2SP signed-note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// `0x04`: Ed25519 over a time and the note's text (C2SP tlog-cosignature v1).
    CosignatureV1,
    /// `0x01`: Ed25519 over the note's text.
    Ed25519,
}

impl KeyAlgorithm {
    /// The byte that stands for it.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::CosignatureV1 => 0x04,
            Self::Ed25519 => 0x01,
        }
    }

    pub(super) const fn from_byte(byte: u8) -> Result<Self, KeyError> {
        match byte {
            0x04 => Ok(Self::CosignatureV1),
            0x01 => Ok(Self::Ed25519),
            other => Err(KeyError::Algorithm(other)),
        }
    }
}

/// A public key under a name: `<name>+<key id>+<base64>`.
///
/// The name is part of the key: the same 32 bytes under another name make another key, with
/// another id.
///
/// # Examples
///
/// ```
/// use audit_core::VerifierKey;
///
/// let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
/// let key: VerifierKey = text.parse()?;
/// assert_eq!((key.name(), key.id()), ("PeterNeumann", 0xc74f_20a3));
/// assert_eq!(key.to_string(), text);
/// # Ok::<(), audit_core::KeyError>(())
/// ```
// INVARIANT: `name` is a key name; `point` is canonical and not of small order; `id` is theirs.
#[derive(Clone)]
pub struct VerifierKey {
    name: String,
    algorithm: KeyAlgorithm,
    point: VerifyingKey,
    id: u32,
}

impl VerifierKey {
    /// Puts a key together from its 32 bytes (RFC 8032 section 5.1.5).
    ///
    /// # Errors
    ///
    /// [`KeyError::Name`], [`KeyError::Point`], [`KeyError::Weak`].
    pub fn new(
        name: &str,
        algorithm: KeyAlgorithm,
        public_key: &[u8; 32],
    ) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name);
        }
        if !is_canonical(public_key) {
            return Err(KeyError::Point);
        }
        let point = VerifyingKey::from_bytes(public_key).map_err(|_| KeyError::Point)?;
        if point.is_weak() {
            return Err(KeyError::Weak);
        }
        Ok(Self::of(name, algorithm, point))
    }

    /// The name and the point have been checked.
    pub(super) fn of(name: &str, algorithm: KeyAlgorithm, point: VerifyingKey) -> Self {
        let id = key_id(name, algorithm, point.as_bytes());
        Self { name: name.to_owned(), algorithm, point, id }
    }

    /// Name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of `SHA-256(name || 0x0A || signature type || public key)`, big-endian.
    /// It tells keys apart; it is no fingerprint.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// What the key signs, and how.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The 32 bytes of the public key.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        self.point.as_bytes()
    }

    /// The same 32 bytes under another key name, with the id computed anew.
    ///
    /// # Errors
    ///
    /// [`KeyError::Name`].
    pub fn renamed(&self, name: &str) -> Result<Self, KeyError> {
        if is_key_name(name) {
            Ok(Self::of(name, self.algorithm, self.point))
        } else {
            Err(KeyError::Name)
        }
    }

    /// Ed25519 verification without leniency: no small-order point and no non-canonical encoding
    /// is accepted.
    pub(super) fn verify_strict(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.point.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(vkey: &str) -> Result<Self, KeyError> {
        let parts = KeyText::split(vkey)?;
        let bytes = Base64::decode_vec(parts.base64).map_err(|_| KeyError::Malformed)?;
        let (algorithm, public_key) = bytes.split_first().ok_or(KeyError::Malformed)?;
        let algorithm = KeyAlgorithm::from_byte(*algorithm)?;
        let public_key = public_key.try_into().map_err(|_| KeyError::Malformed)?;
        let key = Self::new(parts.name, algorithm, public_key)?;
        if key.id == parts.id { Ok(key) } else { Err(KeyError::Id) }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[self.algorithm.byte()][..], self.public_key()].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.id, Base64::encode_string(&bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl PartialEq for VerifierKey {
    fn eq(&self, other: &Self) -> bool {
        // The id follows from the rest.
        (&self.name, self.algorithm, self.public_key())
            == (&other.name, other.algorithm, other.public_key())
    }
}

impl Eq for VerifierKey {}

impl Hash for VerifierKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, self.algorithm, self.public_key()).hash(state);
    }
}

impl Serialize for VerifierKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VerifierKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The three parts of a key's text; those of a secret key follow `PRIVATE+KEY+`.
pub(super) struct KeyText<'a> {
    pub(super) name: &'a str,
    pub(super) id: u32,
    pub(super) base64: &'a str,
}

impl<'a> KeyText<'a> {
    pub(super) fn split(text: &'a str) -> Result<Self, KeyError> {
        // Neither name nor id has a plus; the base64 may.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(base64)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(KeyError::Malformed);
        };
        let id = base16ct::lower::decode(id, &mut [0; 4])
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(KeyError::Malformed)?;
        Ok(Self { name, id: u32::from_be_bytes(id), base64 })
    }
}

/// Whether a text can name a key: not empty, no Unicode space, no plus, no control character.
pub(super) fn is_key_name(name: &str) -> bool {
    let refused = |c: char| c.is_whitespace() || c == '+' || c < ' ';
    !name.is_empty() && !name.contains(refused)
}

/// C2SP signed-note, "Signatures": `SHA-256(name || 0x0A || type || public key)[:4]`.
pub(super) fn key_id(name: &str, algorithm: KeyAlgorithm, public_key: &[u8; 32]) -> u32 {
    let digest: [u8; 32] = Sha256::new_with_prefix(name)
        .chain_update([b'\n', algorithm.byte()])
        .chain_update(public_key)
        .finalize()
        .into();
    let [a, b, c, d, ..] = digest;
    u32::from_be_bytes([a, b, c, d])
}

/// RFC 8032 section 5.1.3: decoding fails where y is 2^255 - 19 or more.
fn is_canonical(public_key: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = public_key;
    !(*low >= 0xed && middle.iter().all(|byte| *byte == 0xff) && high & 0x7f == 0x7f)
}
