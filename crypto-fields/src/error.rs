//! What sealing and opening can answer.

use crate::ciphertext::{CiphertextError, Suite};
use crate::clock::Timestamp;
use crate::data_key::WrongPurpose;
use crate::key_id::KeyId;
use crate::random::RandomError;

/// A value was not sealed. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The key that was given cannot do it.
    #[error("the value cannot be sealed with this key")]
    Key(#[source] WrongPurpose),
    /// There is no primary key for this tenant, purpose and group.
    #[error("no key of this group seals")]
    NoPrimary,
    /// A value that is no text is written to a field that still writes plaintext.
    #[error("only text is written as plaintext on the way to ciphertext")]
    PlainNotText,
    /// The operating system gave no randomness.
    #[error("the value cannot be sealed without randomness")]
    Random(#[source] RandomError),
    /// The key was destroyed after it was given out.
    #[error("the key was destroyed meanwhile")]
    Revoked,
    /// A JSON value nested so deep that it could not be read again.
    #[error("the value is nested too deep to be read again")]
    TooDeep,
    /// Longer than the suite can seal in one message (64 GiB).
    #[error("the value is too long to be sealed in one message")]
    TooLong,
    /// The context has another tenant or data subject than the key.
    #[error("the key belongs to another tenant or data subject than the context says")]
    WrongOwner,
}

/// A value was not opened. Nothing of it was given out.
///
/// Whatever failed to authenticate is [`Authentication`](Self::Authentication), without a reason:
/// a changed byte, another key under the same id, another row, column, tenant, subject or context,
/// an edited header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It does not belong here, or was changed.
    #[error("the value does not open here")]
    Authentication,
    /// The key was destroyed; the value can never be read again.
    #[error("the key {key} was destroyed")]
    Destroyed {
        /// The key.
        key: KeyId,
        /// When.
        at: Timestamp,
    },
    /// The key is disabled and may be enabled again.
    #[error("the key {key} is disabled")]
    Disabled {
        /// The key.
        key: KeyId,
    },
    /// The key that was given cannot do it.
    #[error("the value cannot be opened with this key")]
    Key(#[source] WrongPurpose),
    /// Not in the form of a ciphertext.
    #[error("the stored bytes are no ciphertext")]
    Malformed(#[source] CiphertextError),
    /// Plaintext where the field admits ciphertext only.
    #[error("the stored value is not sealed")]
    NotSealed,
    /// The key was destroyed after it was given out.
    #[error("the key {key} was destroyed meanwhile")]
    Revoked {
        /// The key.
        key: KeyId,
    },
    /// The field does not admit this suite.
    #[error("the field does not admit suite {0}")]
    SuiteNotAllowed(Suite),
    /// No key with this id is known here. Not an erasure: most likely the wrong keyset.
    #[error("the key {key} is unknown here")]
    UnknownKey {
        /// The key.
        key: KeyId,
    },
    /// It opened, and is no value of the type that was asked for.
    #[error("the opened value is not of the type of the field")]
    Value,
    /// The context has another tenant or data subject than the key.
    #[error("the key belongs to another tenant or data subject than the context says")]
    WrongOwner,
}

impl From<WrongPurpose> for SealError {
    fn from(error: WrongPurpose) -> Self {
        Self::Key(error)
    }
}

impl From<RandomError> for SealError {
    fn from(error: RandomError) -> Self {
        Self::Random(error)
    }
}

impl From<WrongPurpose> for OpenError {
    fn from(error: WrongPurpose) -> Self {
        Self::Key(error)
    }
}

impl From<CiphertextError> for OpenError {
    fn from(error: CiphertextError) -> Self {
        Self::Malformed(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purpose::Purpose;

    #[test]
    fn error_texts() {
        let key = KeyId::ONE;
        let wrong = WrongPurpose { id: key, of: Purpose::Seal, wanted: Purpose::Stream };
        let sealing = [
            SealError::Key(wrong),
            SealError::NoPrimary,
            SealError::PlainNotText,
            SealError::Random(RandomError),
            SealError::Revoked,
            SealError::TooDeep,
            SealError::TooLong,
            SealError::WrongOwner,
        ];
        assert_eq!(
            sealing.map(|error| error.to_string()),
            [
                "the value cannot be sealed with this key",
                "no key of this group seals",
                "only text is written as plaintext on the way to ciphertext",
                "the value cannot be sealed without randomness",
                "the key was destroyed meanwhile",
                "the value is nested too deep to be read again",
                "the value is too long to be sealed in one message",
                "the key belongs to another tenant or data subject than the context says",
            ]
        );
        let opening = [
            OpenError::Authentication,
            OpenError::Destroyed { key, at: Timestamp::from_micros(0) },
            OpenError::Disabled { key },
            OpenError::Key(wrong),
            OpenError::Malformed(CiphertextError::Magic),
            OpenError::NotSealed,
            OpenError::Revoked { key },
            OpenError::SuiteNotAllowed(Suite::Aes256Siv),
            OpenError::UnknownKey { key },
            OpenError::Value,
            OpenError::WrongOwner,
        ];
        assert_eq!(
            opening.map(|error| error.to_string()),
            [
                "the value does not open here",
                "the key 0000000000000001 was destroyed",
                "the key 0000000000000001 is disabled",
                "the value cannot be opened with this key",
                "the stored bytes are no ciphertext",
                "the stored value is not sealed",
                "the key 0000000000000001 was destroyed meanwhile",
                "the field does not admit suite 0x03",
                "the key 0000000000000001 is unknown here",
                "the opened value is not of the type of the field",
                "the key belongs to another tenant or data subject than the context says",
            ]
        );
    }
}
