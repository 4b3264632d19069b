//! A sealed value as it stands in a column: bytes or text.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod column;

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::ciphertext::{self, Ciphertext, CiphertextError};
use crate::key_id::KeyId;

/// A sealed value of type `T`, in a column of bytes (`BLOB`, `BYTEA`).
///
/// It is opened by a [`FieldCipher`](crate::FieldCipher) only. In a column on its way from
/// plaintext ([`FieldMode`](crate::FieldMode)) it may still hold plaintext, which is why it prints
/// nothing of what it holds. Serialised, it is text (`cf1.…`); plaintext is not serialised.
pub struct Sealed<T> {
    bytes: Vec<u8>,
    value: PhantomData<fn() -> T>,
}

/// A sealed value of type `T`, in a column of text.
pub struct SealedText<T> {
    text: String,
    value: PhantomData<fn() -> T>,
}

impl<T> Sealed<T> {
    /// What a column holds. Not looked at before it is opened.
    #[must_use]
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes, value: PhantomData }
    }

    /// What the column is to hold.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, given away.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The key that it says to be sealed under.
    ///
    /// # Errors
    ///
    /// Every [`CiphertextError`] if it is no ciphertext.
    pub fn key_id(&self) -> Result<KeyId, CiphertextError> {
        Ciphertext::parse(&self.bytes).map(|ciphertext| ciphertext.key_id())
    }
}

impl<T> SealedText<T> {
    /// What a column holds. Not looked at before it is opened.
    #[must_use]
    pub const fn from_text(text: String) -> Self {
        Self { text, value: PhantomData }
    }

    /// What the column is to hold.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same, given away.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// The key that it says to be sealed under.
    ///
    /// # Errors
    ///
    /// Every [`CiphertextError`] if it is no ciphertext.
    pub fn key_id(&self) -> Result<KeyId, CiphertextError> {
        let bytes = ciphertext::from_text(&self.text)?;
        Ciphertext::parse(&bytes).map(|ciphertext| ciphertext.key_id())
    }
}

// By hand, because a derive would ask the same of `T`.
impl<T> Clone for Sealed<T> {
    fn clone(&self) -> Self {
        Self::from_bytes(self.bytes.clone())
    }
}

impl<T> Clone for SealedText<T> {
    fn clone(&self) -> Self {
        Self::from_text(self.text.clone())
    }
}

impl<T> PartialEq for Sealed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<T> PartialEq for SealedText<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T> Eq for Sealed<T> {}

impl<T> Eq for SealedText<T> {}

impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("key", &self.key_id().ok()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for SealedText<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedText").field("key", &self.key_id().ok()).finish_non_exhaustive()
    }
}

impl<T> Serialize for Sealed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Ciphertext::parse(&self.bytes).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&ciphertext::to_text(&self.bytes))
    }
}

impl<'de, T> Deserialize<'de> for Sealed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = ciphertext::from_text(&text).map_err(de::Error::custom)?;
        Ciphertext::parse(&bytes).map_err(de::Error::custom)?;
        Ok(Self::from_bytes(bytes))
    }
}

impl<T> Serialize for SealedText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.key_id().map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&self.text)
    }
}

impl<'de, T> Deserialize<'de> for SealedText<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Self::from_text(String::deserialize(deserializer)?);
        text.key_id().map_err(de::Error::custom)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ciphertexts_are_serialised() {
        let mut bytes = vec![0xC1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9];
        bytes.resize(84, 0);
        let sealed = Sealed::<String>::from_bytes(bytes.clone());
        let json = serde_json::to_string(&sealed).unwrap();
        assert!(json.starts_with("\"cf1."));
        assert_eq!(serde_json::from_str::<Sealed<String>>(&json).unwrap(), sealed);
        let text: SealedText<String> = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&text).unwrap(), json);
        assert_eq!(text.key_id().unwrap(), sealed.key_id().unwrap());

        let plain = Sealed::<String>::from_bytes(b"alice".to_vec());
        assert!(serde_json::to_string(&plain).is_err());
        assert!(serde_json::to_string(&SealedText::<String>::from_text("alice".into())).is_err());
        assert!(serde_json::from_str::<Sealed<String>>("\"alice\"").is_err());
        assert!(serde_json::from_str::<SealedText<String>>("\"cf1.wQ\"").is_err());
        assert_eq!(format!("{plain:?}"), "Sealed { key: None, .. }");
    }
}
