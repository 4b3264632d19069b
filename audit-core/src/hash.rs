//! The hashes of the tree: RFC 6962 section 2.1 over SHA-256.
//!
//! Three types, because the three are never interchangeable: what a leaf hashes to, what an inner
//! node hashes to, and what a signed tree head commits to. The one-byte prefixes (0x00 for leaves,
//! 0x01 for nodes) keep an entry from ever being read as a pair of child hashes.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// Length of every hash of this crate, in bytes (SHA-256).
pub const HASH_LEN: usize = 32;

/// Length of the padded base64 form of a hash.
const BASE64_LEN: usize = 44;

/// What a hash's text form can be refused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashParseError {
    /// The text is not the canonical, padded base64 of RFC 4648 section 4.
    #[error("not canonical base64")]
    Base64,
    /// A character other than `0` to `9` and `a` to `f`.
    #[error("a character that is not a lowercase hexadecimal digit")]
    Character,
    /// The text or the byte string has another length than a hash has.
    #[error("length {found} where {expected} was expected")]
    Length {
        /// The only length accepted.
        expected: usize,
        /// The length found.
        found: usize,
    },
}

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; HASH_LEN]);

        impl $name {
            /// Wraps 32 bytes that already are such a hash; nothing is computed or checked.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; HASH_LEN]) -> Self {
                Self(bytes)
            }

            /// Reads a hash from a byte string, as a database returns it.
            ///
            /// # Errors
            ///
            /// [`HashParseError::Length`] unless there are exactly 32 bytes.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, HashParseError> {
                match <[u8; HASH_LEN]>::try_from(bytes) {
                    Ok(bytes) => Ok(Self(bytes)),
                    Err(_) => {
                        Err(HashParseError::Length { expected: HASH_LEN, found: bytes.len() })
                    }
                }
            }

            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; HASH_LEN] {
                &self.0
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            /// 64 lowercase hexadecimal digits.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(hex(&self.0, &mut [0; 64]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = HashParseError;

            fn from_str(text: &str) -> Result<Self, HashParseError> {
                unhex(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(hex(&self.0, &mut [0; 64]))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hash_type! {
    /// Hash of one entry: `SHA-256(0x00 || entry bytes)` (RFC 6962 section 2.1).
    ///
    /// It is both the leaf of the tree and the link of the chain.
    LeafHash
}
hash_type! {
    /// Hash of a perfect subtree: a leaf's hash, or `SHA-256(0x01 || left || right)`
    /// (RFC 6962 section 2.1).
    NodeHash
}
hash_type! {
    /// Merkle Tree Hash of a whole tree (RFC 6962 section 2.1). It says nothing without the size
    /// it belongs to: see [`TreeHead`](crate::TreeHead).
    RootHash
}

impl LeafHash {
    /// The predecessor that the first entry of a chain names: 32 zero bytes.
    pub const ZERO: Self = Self([0; HASH_LEN]);

    /// Hashes the bytes of an entry.
    ///
    /// # Examples
    ///
    /// ```
    /// let empty = audit_core::LeafHash::of(b"");
    /// assert_eq!(
    ///     empty.to_string(),
    ///     "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    /// );
    /// ```
    #[must_use]
    pub fn of(entry: &[u8]) -> Self {
        Self(Sha256::new_with_prefix([0x00]).chain_update(entry).finalize().into())
    }
}

impl NodeHash {
    /// Hashes two neighbouring subtrees into the one above them.
    #[must_use]
    pub fn parent(left: &Self, right: &Self) -> Self {
        // One contiguous message of 65 bytes is measurably faster than three updates.
        let mut message = [0x01; 65];
        let (_, children) = message.split_at_mut(1);
        let (first, second) = children.split_at_mut(HASH_LEN);
        first.copy_from_slice(&left.0);
        second.copy_from_slice(&right.0);
        Self(Sha256::digest(message).into())
    }
}

impl From<LeafHash> for NodeHash {
    /// A leaf is the perfect subtree of level 0.
    fn from(leaf: LeafHash) -> Self {
        Self(leaf.0)
    }
}

impl RootHash {
    /// Root of the empty tree: SHA-256 of the empty string (RFC 6962 section 2.1).
    pub const EMPTY: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ]);

    /// The form a checkpoint writes: padded base64 (RFC 4648 section 4).
    #[must_use]
    pub fn to_base64(&self) -> String {
        Base64::encode_string(&self.0)
    }

    /// Reads the form a checkpoint writes; exactly one text stands for each hash.
    ///
    /// # Errors
    ///
    /// [`HashParseError::Length`] unless the text has 44 bytes, [`HashParseError::Base64`] where
    /// it is not canonical.
    pub fn from_base64(text: &str) -> Result<Self, HashParseError> {
        hash_from_base64(text).map(Self)
    }
}

impl From<NodeHash> for RootHash {
    /// The root of a tree that is one perfect subtree.
    fn from(node: NodeHash) -> Self {
        Self(node.0)
    }
}

/// Strict base64 of 32 bytes: fixed length, padding required, unused bits zero.
pub(crate) fn hash_from_base64(text: &str) -> Result<[u8; HASH_LEN], HashParseError> {
    if text.len() != BASE64_LEN {
        return Err(HashParseError::Length { expected: BASE64_LEN, found: text.len() });
    }
    let mut bytes = [0; HASH_LEN];
    match Base64::decode(text, &mut bytes) {
        Ok(decoded) if decoded.len() == HASH_LEN => Ok(bytes),
        _ => Err(HashParseError::Base64),
    }
}

/// Writes the lowercase hexadecimal digits of 32 bytes into `out`.
pub(crate) fn hex<'a>(bytes: &[u8; HASH_LEN], out: &'a mut [u8; 64]) -> &'a str {
    // There is room for them, so this never falls back.
    base16ct::lower::encode_str(bytes, out).unwrap_or_default()
}

/// Reads 64 lowercase hexadecimal digits.
fn unhex(text: &str) -> Result<[u8; HASH_LEN], HashParseError> {
    if text.len() != 64 {
        return Err(HashParseError::Length { expected: 64, found: text.len() });
    }
    let mut bytes = [0; HASH_LEN];
    base16ct::lower::decode(text, &mut bytes).map_err(|_| HashParseError::Character)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn empty_root_is_sha256_of_nothing() {
        assert_eq!(RootHash::EMPTY.as_bytes()[..], Sha256::digest(b"")[..]);
    }

    #[test]
    fn leaf_and_node_of_the_same_bytes_differ() {
        let (left, right) = (NodeHash::from_bytes([1; 32]), NodeHash::from_bytes([2; 32]));
        let both = [[1_u8; 32], [2; 32]].concat();
        assert_ne!(NodeHash::from(LeafHash::of(&both)), NodeHash::parent(&left, &right));
        assert_ne!(NodeHash::parent(&left, &right), NodeHash::parent(&right, &left));
        let plain: [u8; 32] = Sha256::digest([&[1][..], &both[..]].concat()).into();
        assert_eq!(NodeHash::parent(&left, &right).as_bytes(), &plain);
    }

    #[test]
    fn text_forms_are_strict() {
        let good = RootHash::EMPTY.to_string();
        assert_eq!(good.parse(), Ok(RootHash::EMPTY));
        assert_eq!(good.to_uppercase().parse::<RootHash>(), Err(HashParseError::Character));
        assert_eq!(
            good[1..].parse::<RootHash>(),
            Err(HashParseError::Length { expected: 64, found: 63 })
        );
        assert_eq!(format!("+{}", &good[1..]).parse::<RootHash>(), Err(HashParseError::Character));

        let base64 = RootHash::EMPTY.to_base64();
        assert_eq!(base64, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(RootHash::from_base64(&base64), Ok(RootHash::EMPTY));
        // Unused bits set, url alphabet, missing padding, padding where a digit belongs.
        for bad in [
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF==",
        ] {
            assert_eq!(RootHash::from_base64(bad), Err(HashParseError::Base64), "{bad}");
        }
        assert!(RootHash::from_base64(base64.trim_end_matches('=')).is_err());
        assert!(RootHash::from_base64(&format!("{base64}\n")).is_err());
    }

    #[test]
    fn errors_read_well() {
        assert_eq!(HashParseError::Base64.to_string(), "not canonical base64");
        assert_eq!(
            HashParseError::Length { expected: 64, found: 3 }.to_string(),
            "length 3 where 64 was expected"
        );
        assert_eq!(format!("{:?}", LeafHash::ZERO), format!("LeafHash({})", "0".repeat(64)));
    }

    proptest! {
        #[test]
        fn every_text_form_round_trips(bytes: [u8; 32]) {
            let hash = RootHash::from_bytes(bytes);
            prop_assert_eq!(hash.to_string().parse(), Ok(hash));
            prop_assert_eq!(RootHash::from_base64(&hash.to_base64()), Ok(hash));
            prop_assert_eq!(RootHash::from_slice(&bytes), Ok(hash));
            let json = serde_json::to_string(&hash).unwrap();
            prop_assert_eq!(&json, &format!("\"{hash}\""));
            prop_assert_eq!(serde_json::from_str::<RootHash>(&json).unwrap(), hash);
        }

        #[test]
        fn parsing_never_panics(text: String) {
            let _ = text.parse::<LeafHash>();
            let _ = RootHash::from_base64(&text);
        }
    }
}
