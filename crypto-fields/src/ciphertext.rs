//! The bytes of format `cf1`, parsed strictly, and their text.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::key_id::KeyId;

/// The first byte of every ciphertext. No UTF-8 text begins with it or contains it.
pub(crate) const MAGIC: u8 = 0xC1;
/// The version of the format.
pub(crate) const VERSION: u8 = 0x01;
/// Magic, version, suite, flags, key id.
pub(crate) const HEADER_LEN: usize = 12;
/// The length of a commitment.
pub(crate) const COMMITMENT_LEN: usize = 32;
/// The length of an authentication tag, or of a synthetic nonce.
pub(crate) const TAG_LEN: usize = 16;
/// What padding fills up to a multiple of.
pub(crate) const PADDING: usize = 32;
/// What comes before the text form's base64url.
pub(crate) const TEXT_PREFIX: &str = "cf1.";
/// Where the encrypted bytes of suites 0x01, 0x02 and 0x04 begin.
pub(crate) const BODY: usize = HEADER_LEN + crate::random::SALT_LEN + COMMITMENT_LEN;

const FLAG_PADDED: u8 = 0x01;

/// By how many bytes a value grows when it is sealed by suite 0x01 or 0x02, padding not counted.
pub const OVERHEAD: usize = BODY + TAG_LEN;

/// The algorithms of one ciphertext.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Suite {
    /// 0x01: AES-256-GCM under a key of its own for each message, with a commitment. The default.
    Aes256Gcm,
    /// 0x02: XChaCha20-Poly1305, otherwise as 0x01. For processors without AES instructions.
    XChaCha20Poly1305,
    /// 0x03: AES-256-SIV (RFC 5297). Deterministic: equal values in equal context look equal.
    Aes256Siv,
    /// 0x04: AES-256-GCM in chunks of 64 KiB, for files.
    Stream,
}

impl Suite {
    /// The byte in the header.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Aes256Gcm => 1,
            Self::XChaCha20Poly1305 => 2,
            Self::Aes256Siv => 3,
            Self::Stream => 4,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Aes256Gcm),
            2 => Some(Self::XChaCha20Poly1305),
            3 => Some(Self::Aes256Siv),
            4 => Some(Self::Stream),
            _ => None,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02x}", self.code())
    }
}

/// The first twelve bytes: authenticated with everything else, and part of every derivation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) suite: Suite,
    pub(crate) padded: bool,
    pub(crate) key: KeyId,
}

impl Header {
    pub(crate) const fn to_bytes(self) -> [u8; HEADER_LEN] {
        let [a, b, c, d, e, f, g, h] = self.key.to_bytes();
        let flags = if self.padded { FLAG_PADDED } else { 0 };
        [MAGIC, VERSION, self.suite.code(), flags, a, b, c, d, e, f, g, h]
    }

    /// Reads a header and returns what follows it.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, &[u8]), CiphertextError> {
        if bytes.first() != Some(&MAGIC) {
            return Err(CiphertextError::Magic);
        }
        let (head, rest) =
            bytes.split_first_chunk::<HEADER_LEN>().ok_or(CiphertextError::Length)?;
        let [_, version, suite, flags, key @ ..] = *head;
        if version != VERSION {
            return Err(CiphertextError::Version(version));
        }
        let suite = Suite::from_code(suite).ok_or(CiphertextError::Suite(suite))?;
        if flags & !FLAG_PADDED != 0 {
            return Err(CiphertextError::Flags);
        }
        let key = KeyId::from_bytes(key).ok_or(CiphertextError::KeyId)?;
        Ok((Self { suite, padded: flags & FLAG_PADDED != 0, key }, rest))
    }
}

/// The parts of one ciphertext. Nothing of it is authenticated before it is opened.
///
/// ```
/// use crypto_fields::{Ciphertext, CiphertextError};
///
/// assert_eq!(Ciphertext::parse(b"alice@example.com").unwrap_err(), CiphertextError::Magic);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ciphertext<'a> {
    pub(crate) header: Header,
    pub(crate) parts: Parts<'a>,
}

/// What follows the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parts<'a> {
    /// Suites 0x01 and 0x02.
    Committing {
        salt: &'a [u8; crate::random::SALT_LEN],
        commitment: &'a [u8; COMMITMENT_LEN],
        body: &'a [u8],
        tag: &'a [u8; TAG_LEN],
    },
    /// Suite 0x03: RFC 5297's `V || C`.
    Deterministic { siv: &'a [u8; TAG_LEN], body: &'a [u8] },
}

impl<'a> Ciphertext<'a> {
    /// Reads the bytes of one value.
    ///
    /// Strict: there is one way to write each ciphertext, and nothing may follow it. Files (suite
    /// 0x04) are not read here.
    ///
    /// # Errors
    ///
    /// Every [`CiphertextError`] but [`Text`](CiphertextError::Text).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CiphertextError> {
        let (header, rest) = Header::read(bytes)?;
        let short = CiphertextError::Length;
        let (parts, body) = match header.suite {
            Suite::Aes256Gcm | Suite::XChaCha20Poly1305 => {
                let (salt, rest) = rest.split_first_chunk().ok_or(short)?;
                let (commitment, rest) = rest.split_first_chunk().ok_or(short)?;
                let (body, tag) = rest.split_last_chunk().ok_or(short)?;
                (Parts::Committing { salt, commitment, body, tag }, body)
            }
            Suite::Aes256Siv => {
                let (siv, body) = rest.split_first_chunk().ok_or(short)?;
                (Parts::Deterministic { siv, body }, body)
            }
            Suite::Stream => return Err(CiphertextError::Suite(Suite::Stream.code())),
        };
        if header.padded && (body.is_empty() || !body.len().is_multiple_of(PADDING)) {
            return Err(CiphertextError::Length);
        }
        Ok(Self { header, parts })
    }

    /// Whether these bytes are meant to be a ciphertext, sound or not: they begin with its magic
    /// byte, which no UTF-8 text does.
    #[must_use]
    pub fn is_meant(bytes: &[u8]) -> bool {
        bytes.first() == Some(&MAGIC)
    }

    /// The key it says to be sealed under.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.header.key
    }

    /// Its suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.header.suite
    }

    /// Whether the length of the value is hidden up to a multiple of 32 bytes.
    #[must_use]
    pub const fn is_padded(&self) -> bool {
        self.header.padded
    }
}

/// The text of a ciphertext, for a column that holds text: `cf1.` and base64url without padding.
#[must_use]
pub fn to_text(ciphertext: &[u8]) -> String {
    let mut text = Base64UrlUnpadded::encode_string(ciphertext);
    text.insert_str(0, TEXT_PREFIX);
    text
}

/// Reads what [`to_text`] wrote. The bytes are not parsed further.
///
/// # Errors
///
/// [`CiphertextError::Text`] for anything that `to_text` does not write.
pub fn from_text(text: &str) -> Result<Vec<u8>, CiphertextError> {
    let encoded = text.strip_prefix(TEXT_PREFIX).ok_or(CiphertextError::Text)?;
    Base64UrlUnpadded::decode_vec(encoded).map_err(|_| CiphertextError::Text)
}

/// Bytes or text are no ciphertext of this format. Says nothing about keys or contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CiphertextError {
    /// A reserved flag is set: written by a later version, or damaged.
    #[error("a reserved flag is set")]
    Flags,
    /// The id of the key is zero.
    #[error("the id of the key is zero")]
    KeyId,
    /// Cut off, or padded to no multiple of 32 bytes.
    #[error("the ciphertext has no length that its header allows")]
    Length,
    /// The first byte is another: most likely plaintext.
    #[error("the bytes are no ciphertext of this format")]
    Magic,
    /// No suite of this version has this number, or it is not one of single values.
    #[error("no suite of a field has the number {0:#04x}")]
    Suite(u8),
    /// Not `cf1.` followed by base64url without padding.
    #[error("the text is no ciphertext of this format")]
    Text,
    /// Another version of the format.
    #[error("the format has no version {0:#04x}")]
    Version(u8),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(suite: u8, flags: u8, len: usize) -> Vec<u8> {
        let mut bytes = vec![0xC1, 1, suite, flags, 0, 0, 0, 0, 0, 0, 0, 9];
        bytes.resize(len, 0);
        bytes
    }

    #[test]
    fn lengths_are_exact_to_the_byte() {
        assert_eq!(OVERHEAD, 84);
        for suite in [1, 2] {
            assert_eq!(Ciphertext::parse(&bytes(suite, 0, 83)), Err(CiphertextError::Length));
            assert!(Ciphertext::parse(&bytes(suite, 0, 84)).is_ok());
            assert!(Ciphertext::parse(&bytes(suite, 1, 84 + 32)).is_ok());
            for len in [84, 85, 84 + 31, 84 + 33] {
                assert_eq!(Ciphertext::parse(&bytes(suite, 1, len)), Err(CiphertextError::Length));
            }
        }
        assert_eq!(Ciphertext::parse(&bytes(3, 0, 27)), Err(CiphertextError::Length));
        assert!(Ciphertext::parse(&bytes(3, 0, 28)).is_ok());
        assert_eq!(Ciphertext::parse(&bytes(1, 0, 11)[..11]), Err(CiphertextError::Length));
    }

    #[test]
    fn headers_are_read_strictly() {
        let parsed = bytes(2, 1, 116);
        let parsed = Ciphertext::parse(&parsed).unwrap();
        assert_eq!(parsed.key_id(), KeyId::new(9).unwrap());
        assert_eq!(parsed.suite(), Suite::XChaCha20Poly1305);
        assert!(parsed.is_padded());
        assert_eq!(parsed.header.to_bytes(), bytes(2, 1, 12)[..]);

        assert_eq!(Ciphertext::parse(b""), Err(CiphertextError::Magic));
        assert_eq!(Ciphertext::parse(b"gAAAA"), Err(CiphertextError::Magic));
        for suite in [0, 4, 5, 255] {
            assert_eq!(Ciphertext::parse(&bytes(suite, 0, 99)), Err(CiphertextError::Suite(suite)));
        }
        assert_eq!(Ciphertext::parse(&bytes(1, 2, 99)), Err(CiphertextError::Flags));
        assert_eq!(Ciphertext::parse(&bytes(1, 0x81, 116)), Err(CiphertextError::Flags));
        let mut other = bytes(1, 0, 99);
        other[1] = 2;
        assert_eq!(Ciphertext::parse(&other), Err(CiphertextError::Version(2)));
        let mut other = bytes(1, 0, 99);
        other[11] = 0;
        assert_eq!(Ciphertext::parse(&other), Err(CiphertextError::KeyId));
    }

    #[test]
    fn text_has_one_form() {
        let bytes = bytes(1, 0, 84);
        let text = to_text(&bytes);
        assert!(text.starts_with("cf1.wQEBAAAAAAAAAAAJ"));
        assert_eq!(from_text(&text).unwrap(), bytes);
        assert_eq!(to_text(&[0xfb, 0xff]), "cf1.-_8");
        // Padding, the other alphabet, set bits after the last byte, white space, another prefix.
        for bad in ["cf1.-_8=", "cf1.+/8", "cf1.-_9", "cf1.-_8 ", "cf1.-", "CF1.-_8", "-_8", ""] {
            assert_eq!(from_text(bad), Err(CiphertextError::Text), "{bad:?}");
        }
    }
}
