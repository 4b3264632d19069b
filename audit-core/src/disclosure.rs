//! Erasable fields: salted disclosures of RFC 9901 (SD-JWT), section 4.2.
//!
//! An entry commits to a private field by a digest; the field itself, salted, is a *disclosure*
//! beside the entry. Deleting the disclosure erases the field while the entry, its hash and every
//! proof stay as they are; the 128-bit salt keeps anyone from confirming a guess afterwards.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::canonical::defect::{Defect, Located, Place, segments};
use crate::canonical::push_string;
use crate::canonical::reader::{self, Node, Raw, Reader, Text};

/// Length of a salt, in bytes.
pub const SALT_LEN: usize = 16;

const SALT_FORM: &str = "16 bytes in unpadded base64url";

/// A random pseudonym of a data subject: 128 bits, lowercase hex in text.
///
/// It stands in entries in place of whoever a private field is about, and means nothing once the
/// mapping from the host's own id is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectRef([u8; 16]);

impl SubjectRef {
    /// A new reference from the operating system's random numbers.
    ///
    /// # Errors
    ///
    /// Where the operating system gives none, which on a started system does not happen.
    pub fn random() -> std::io::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The reference with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub(crate) const FORM: &str = "32 lowercase hexadecimal digits";

    pub(crate) fn parse(text: &str) -> Result<Self, Defect> {
        base16ct::lower::decode(text, &mut [0; 16])
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(Defect::Form { expected: Self::FORM })
    }
}

impl FromStr for SubjectRef {
    type Err = DisclosureError;

    fn from_str(text: &str) -> Result<Self, DisclosureError> {
        Self::parse(text).map_err(|_| DisclosureError::SubjectRef)
    }
}

impl fmt::Display for SubjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for SubjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectRef({self})")
    }
}

/// The digest of a disclosure: unpadded base64url of the SHA-256 of its text, 43 characters.
///
/// Ordered as its text, the order in which entries list digests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(
    // INVARIANT: ASCII, the canonical base64url of 32 bytes.
    [u8; Self::LEN],
);

impl Digest {
    /// The length of the text.
    pub const LEN: usize = 43;
    pub(crate) const FORM: &str = "a SHA-256 digest in unpadded base64url";

    /// The digest of a disclosure's text (RFC 9901 section 4.2.3).
    #[must_use]
    pub fn of(disclosure: &str) -> Self {
        let mut text = [0; Self::LEN];
        // 32 bytes take exactly 43 characters, so this cannot fail.
        let _ = Base64UrlUnpadded::encode(&Sha256::digest(disclosure.as_bytes()), &mut text);
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The invariant makes the fall-back unreachable.
        std::str::from_utf8(&self.0).unwrap_or("")
    }

    /// Reads a digest where it is in canonical form.
    pub(crate) fn parse(text: &str) -> Result<Self, Defect> {
        let bytes: [u8; Self::LEN] =
            text.as_bytes().try_into().map_err(|_| Defect::Form { expected: Self::FORM })?;
        let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        // 256 bits leave two unused ones in the last of 43 characters; both must be zero.
        let last = bytes.last().is_some_and(|last| b"AEIMQUYcgkosw048".contains(last));
        if last && bytes.iter().all(alphabet) {
            Ok(Self(bytes))
        } else {
            Err(Defect::Form { expected: Self::FORM })
        }
    }
}

impl FromStr for Digest {
    type Err = DisclosureError;

    fn from_str(text: &str) -> Result<Self, DisclosureError> {
        Self::parse(text).map_err(|_| DisclosureError::Digest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

serde_as_text!(SubjectRef, Digest);

/// A private field as it is stored beside its entry: in the clear, and erased by deleting it.
///
/// `Debug` shows the digest only.
#[derive(Clone, PartialEq, Eq)]
pub struct Disclosure {
    subject: SubjectRef,
    digest: Digest,
    text: String,
}

impl Disclosure {
    /// The disclosure with this text about this subject; the digest is computed.
    ///
    /// The text is not opened: whether it holds what it should is for [`open`](Self::open) to say,
    /// and whether an entry commits to it for the entry's own digests.
    #[must_use]
    pub fn new(subject: SubjectRef, text: String) -> Self {
        Self { subject, digest: Digest::of(&text), text }
    }

    /// Makes the disclosure of one field whose value is already canonical JSON.
    pub(crate) fn seal(
        subject: SubjectRef,
        salt: &[u8; SALT_LEN],
        name: &str,
        value: &str,
    ) -> Result<Self, Defect> {
        let mut salt_text = [0; 22];
        // 16 bytes take exactly 22 characters, so the fall-back is never used.
        let salt = Base64UrlUnpadded::encode(salt, &mut salt_text).unwrap_or("");
        let mut json = String::with_capacity(
            value.len().saturating_add(name.len()).saturating_add(salt.len()).saturating_add(8),
        );
        json.push_str("[\"");
        json.push_str(salt);
        json.push_str("\",");
        push_string(&mut json, name)?;
        json.push(',');
        json.push_str(value);
        json.push(']');
        Ok(Self::new(subject, Base64UrlUnpadded::encode_string(json.as_bytes())))
    }

    /// The data subject whom the field is about.
    #[must_use]
    pub const fn subject(&self) -> SubjectRef {
        self.subject
    }

    /// What the entry holds in place of the field.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The disclosure itself: unpadded base64url of `[salt, name, value]`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text alone, taken out.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// Reads what the disclosure says.
    ///
    /// # Errors
    ///
    /// As [`OpenDisclosure::parse`].
    pub fn open(&self) -> Result<OpenDisclosure, DisclosureError> {
        OpenDisclosure::parse(&self.text)
    }
}

impl fmt::Debug for Disclosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disclosure")
            .field("subject", &self.subject)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// What a disclosure says. `Debug` shows the field's place only.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenDisclosure {
    name: String,
    value: String,
}

impl OpenDisclosure {
    /// Reads a disclosure: unpadded base64url of the canonical JSON `[salt, name, value]`, the
    /// salt 16 bytes in base64url, the name an RFC 6901 pointer (RFC 9901 section 4.2.1).
    ///
    /// # Errors
    ///
    /// [`DisclosureError::Encoding`] where the text is not base64url of UTF-8, otherwise
    /// [`DisclosureError::Malformed`] with the place in the array.
    pub fn parse(text: &str) -> Result<Self, DisclosureError> {
        let json = Base64UrlUnpadded::decode_vec(text).map_err(|_| DisclosureError::Encoding)?;
        let json = String::from_utf8(json).map_err(|_| DisclosureError::Encoding)?;
        let parts = reader::read(&json, reader::Array { limit: 3, element: Element })
            .map_err(DisclosureError::malformed)?;
        let mut parts = parts.into_iter();
        match (parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(name), Some(value)) => Ok(Self { name, value }),
            _ => Err(DisclosureError::malformed(
                Defect::Form { expected: "an array of salt, name and value" }.into(),
            )),
        }
    }

    /// Where the field stands in the event: an RFC 6901 pointer such as `/context/ip`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The field's value, canonical JSON.
    #[must_use]
    pub fn value_json(&self) -> &str {
        &self.value
    }

    /// The field's value.
    #[must_use]
    pub fn value(&self) -> Value {
        // It was read as JSON when this was made, so the fall-back cannot be reached.
        serde_json::from_str(&self.value).unwrap_or_default()
    }
}

impl fmt::Debug for OpenDisclosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenDisclosure").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One of the three parts of a disclosure, told apart by its index.
struct Element(usize);

impl<'de> Node<'de> for Element {
    type Out = String;

    fn read<D: Deserializer<'de>>(
        self,
        reader: &mut Reader<'de>,
        deserializer: D,
    ) -> Result<String, D::Error> {
        match self.0 {
            0 => Text {
                expected: SALT_FORM,
                parse: |salt: std::borrow::Cow<'de, str>| {
                    let mut bytes = [0; SALT_LEN];
                    match Base64UrlUnpadded::decode(salt.as_bytes(), &mut bytes) {
                        Ok(bytes) if bytes.len() == SALT_LEN => Ok(String::new()),
                        _ => Err(Defect::Form { expected: SALT_FORM }),
                    }
                },
            }
            .read(reader, deserializer),
            1 => Text {
                expected: "a pointer (RFC 6901) to a member",
                parse: |name: std::borrow::Cow<'de, str>| {
                    segments(&name)?;
                    Ok(name.into_owned())
                },
            }
            .read(reader, deserializer),
            _ => Raw.read(reader, deserializer).map(str::to_owned),
        }
    }
}

/// Why a disclosure or one of its parts was refused. No value is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisclosureError {
    /// Not a digest in canonical form.
    #[error("a digest is the unpadded base64url of 32 bytes")]
    Digest,
    /// The text is not unpadded base64url of UTF-8.
    #[error("a disclosure is unpadded base64url of UTF-8")]
    Encoding,
    /// The decoded text is not the canonical `[salt, name, value]`.
    #[error("malformed disclosure: {} {defect}", Place(pointer))]
    Malformed {
        /// Where in the array, as an RFC 6901 pointer.
        pointer: String,
        /// What is wrong there.
        defect: Defect,
    },
    /// Not a subject reference.
    #[error("a subject reference is 32 lowercase hexadecimal digits")]
    SubjectRef,
}

impl DisclosureError {
    fn malformed(problem: Located) -> Self {
        Self::Malformed { pointer: problem.pointer(), defect: problem.defect }
    }
}
