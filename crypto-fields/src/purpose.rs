//! What a key is for. Keys of one purpose never serve another.

use std::fmt;

/// What a key may be used for.
///
/// A key has exactly one purpose. It is part of what a wrapped key is bound to, so that whoever
/// can edit the key table cannot turn a key of a blind index into one that seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Blind indexes.
    BlindIndex,
    /// Hashing and sealing of credentials.
    Credential,
    /// Deterministic encryption (suite 0x03).
    Deterministic,
    /// Sealing of fields and documents (suites 0x01 and 0x02).
    Seal,
    /// Sealing of files (suite 0x04).
    Stream,
    /// Wrapping of other keys: the key of a tenant, the key of an epoch.
    Wrap,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 6] = [
        Self::Seal,
        Self::Deterministic,
        Self::BlindIndex,
        Self::Stream,
        Self::Credential,
        Self::Wrap,
    ];

    /// The byte by which a wrapped key is bound to it. Never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Seal => 1,
            Self::Deterministic => 2,
            Self::BlindIndex => 3,
            Self::Stream => 4,
            Self::Credential => 5,
            Self::Wrap => 6,
        }
    }

    /// The purpose of a code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.code() == code)
    }

    /// The name by which it is stored: `seal`, `det`, `bidx`, `stream`, `cred`, `wrap`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Deterministic => "det",
            Self::BlindIndex => "bidx",
            Self::Stream => "stream",
            Self::Credential => "cred",
            Self::Wrap => "wrap",
        }
    }

    /// The purpose of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_read_back() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_code(purpose.code()), Some(purpose));
            assert_eq!(Purpose::from_name(&purpose.to_string()), Some(purpose));
        }
        assert_eq!(Purpose::from_code(0), None);
        assert_eq!(Purpose::from_name("Seal"), None);
    }
}
