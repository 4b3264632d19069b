//! API tokens: `<prefix>_`, 30 random base62 characters, 6 of checksum.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::key::{CredentialHash, CredentialKeys, Kind};
use crate::random::{self, RandomError};

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Random characters: 178 bits.
const RANDOM: usize = 30;
const CHECKSUM: usize = 6;
/// Of the random characters, how many are the public lookup id.
const LOOKUP: usize = 8;

/// Longest prefix, in characters.
pub const MAX_TOKEN_PREFIX: usize = 24;

/// The part of a token that says whose kind it is: `acme`, `acme_live`.
///
/// Lower-case letters, digits and single underscores inside, a letter first, at most
/// [`MAX_TOKEN_PREFIX`] characters. Make it unmistakable: secret scanners search for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenPrefix(String);

impl TokenPrefix {
    /// Checks a prefix.
    ///
    /// # Errors
    ///
    /// [`ApiTokenError::Prefix`] if it has another form.
    pub fn new(prefix: impl Into<String>) -> Result<Self, ApiTokenError> {
        let prefix = prefix.into();
        let good = prefix.len() <= MAX_TOKEN_PREFIX
            && prefix.starts_with(|first: char| first.is_ascii_lowercase())
            && !prefix.ends_with('_')
            && !prefix.contains("__")
            && prefix.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if good { Ok(Self(prefix)) } else { Err(ApiTokenError::Prefix) }
    }

    /// The prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a token was refused. It never carries any part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiTokenError {
    /// The checksum is of other characters: mistyped or cut, and never issued. It says nothing
    /// about authenticity: anyone can compute it.
    #[error("the token's checksum is wrong")]
    Checksum,
    /// Not of the form `<prefix>_` and 36 characters of base62.
    #[error("not of the form of an API token")]
    Form,
    /// The prefix is not the one expected, or cannot be one.
    #[error("not the prefix of an API token, or not the expected one")]
    Prefix,
}

/// An API token: a secret that is shown once and stored nowhere.
///
/// `<prefix>_<30 random><6 checksum>`, all in base62 (`0-9A-Za-z`). The checksum is the CRC-32 of
/// the 30 random characters, so that a typo is told from a revoked token without a database. The
/// first 8 random characters are the public [lookup id](Self::lookup_id); the other 22, 131 bits,
/// are what authenticates.
///
/// Store [`stored`](Self::stored): the lookup id in an indexed column, the keyed hash beside it.
///
/// # Examples
///
/// ```
/// use crypto_fields::{ApiToken, CredentialKeys, DataKey, Purpose, TokenPrefix, TokenVerdict};
///
/// let keys = CredentialKeys::new(&DataKey::generate(Purpose::Credential)?)?;
/// let prefix = TokenPrefix::new("acme_live")?;
///
/// let token = ApiToken::generate(&prefix)?;
/// let row = token.stored(&keys);
/// let shown_once = token.reveal().to_owned();
///
/// // With the next request:
/// let token = ApiToken::parse(&prefix, &shown_once)?;
/// assert_eq!(token.lookup_id(), row.lookup_id, "finds the row");
/// assert_eq!(token.verify(&keys, &row.hash), TokenVerdict::Valid);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ApiToken {
    // INVARIANT: `<prefix>_` and 36 characters of base62, the last six the right checksum.
    text: Zeroizing<String>,
    prefix: usize,
}

impl ApiToken {
    /// A new token.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the operating system gives no randomness.
    pub fn generate(prefix: &TokenPrefix) -> Result<Self, RandomError> {
        // At its full length from the start: a string that grows leaves copies behind.
        let len = prefix.0.len().saturating_add(1 + RANDOM + CHECKSUM);
        let mut text = Zeroizing::new(String::with_capacity(len));
        text.push_str(&prefix.0);
        text.push('_');
        let body = random_base62()?;
        text.extend(body.iter().copied().map(char::from));
        text.extend(checksum(&*body).map(char::from));
        Ok(Self { text, prefix: prefix.0.len() })
    }

    /// Reads a token as it came with a request. One form only: no spaces, no other case.
    ///
    /// # Errors
    ///
    /// [`ApiTokenError`]: nothing that fails here was ever issued, so nothing needs to be looked
    /// up. Answer as for a token that is not valid.
    pub fn parse(prefix: &TokenPrefix, text: &str) -> Result<Self, ApiTokenError> {
        if text.len() > MAX_TOKEN_PREFIX + 1 + RANDOM + CHECKSUM {
            return Err(ApiTokenError::Form);
        }
        // Base62 has no underscore: the last one ends the prefix.
        let (before, body) = text.rsplit_once('_').ok_or(ApiTokenError::Form)?;
        if before != prefix.0 {
            return Err(ApiTokenError::Prefix);
        }
        if body.len() != RANDOM + CHECKSUM || !body.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(ApiTokenError::Form);
        }
        let (random, sum) = body.split_at(RANDOM);
        if !checksum(random.as_bytes()).eq(sum.bytes()) {
            return Err(ApiTokenError::Checksum);
        }
        Ok(Self { text: Zeroizing::new(text.to_owned()), prefix: before.len() })
    }

    /// The token itself: to show it, once, to the one it is for.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The public part by which its row is found; fit for logs and lists.
    #[must_use]
    pub fn lookup_id(&self) -> TokenLookupId {
        // The invariant makes it ASCII of at least that length.
        let id = self.random().get(..LOOKUP).unwrap_or_default();
        TokenLookupId(id.to_owned())
    }

    /// What to store: the lookup id and the hash under the primary key.
    #[must_use]
    pub fn stored(&self, keys: &CredentialKeys) -> StoredToken {
        StoredToken { lookup_id: self.lookup_id(), hash: keys.hash(Kind::ApiToken, &self.parts()) }
    }

    /// Whether this is the token whose hash was stored. Constant time.
    pub fn verify(&self, keys: &CredentialKeys, stored: &CredentialHash) -> TokenVerdict {
        if !keys.verify(stored, Kind::ApiToken, &self.parts()) {
            return TokenVerdict::Invalid;
        }
        if stored.key_id() == keys.primary() {
            return TokenVerdict::Valid;
        }
        TokenVerdict::ValidRehash { hash: keys.hash(Kind::ApiToken, &self.parts()) }
    }

    fn parts(&self) -> [&[u8]; 2] {
        let prefix = self.text.get(..self.prefix).unwrap_or_default();
        [prefix.as_bytes(), self.random().as_bytes()]
    }

    fn random(&self) -> &str {
        let body = self.text.rsplit_once('_').map_or("", |(_, body)| body);
        body.get(..RANDOM).unwrap_or_default()
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiToken({}, ..)", self.lookup_id().0)
    }
}

/// What is stored of a token: enough to recognise it, not enough to be it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredToken {
    /// Finds the row. Unique by 47 random bits: let the column be UNIQUE and draw again if not.
    pub lookup_id: TokenLookupId,
    /// The keyed hash of the whole token.
    pub hash: CredentialHash,
}

/// The first eight random characters of a token. Public.
///
/// With the features `sqlite` and `postgres` it binds as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenLookupId(String);

impl TokenLookupId {
    /// The id as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenLookupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for TokenLookupId {
    type Err = ApiTokenError;

    fn from_str(text: &str) -> Result<Self, ApiTokenError> {
        if text.len() != LOOKUP || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(ApiTokenError::Form);
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
crate::column::column!(TokenLookupId as String, |id| id.0.clone(), |text| text
    .parse()
    .map_err(|error: ApiTokenError| error.into()));

/// What became of comparing a token with what was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum TokenVerdict {
    /// Another token, or its key is not among the keys.
    Invalid,
    /// The token.
    Valid,
    /// The token, stored under an older key: store this hash in place of the old one
    /// (`UPDATE .. SET hash = <this> WHERE id = .. AND hash = <old>`).
    ValidRehash {
        /// The hash under the primary key.
        hash: CredentialHash,
    },
}

/// Thirty uniform characters: bytes from 248 up are thrown away, since 248 is four times 62.
fn random_base62() -> Result<Zeroizing<[u8; RANDOM]>, RandomError> {
    let mut body = Zeroizing::new([0; RANDOM]);
    let mut bytes = Zeroizing::new([0; 2 * RANDOM]);
    let mut filled = 0;
    while filled < RANDOM {
        random::fill(&mut *bytes)?;
        let digits = bytes.iter().filter(|byte| **byte < 248).map(|byte| digit(u32::from(*byte)));
        for (slot, digit) in body.iter_mut().skip(filled).zip(digits) {
            *slot = digit;
            filled = filled.saturating_add(1);
        }
    }
    Ok(body)
}

fn digit(n: u32) -> u8 {
    // A remainder by 62 is an index of the 62 digits.
    usize::try_from(n % 62).ok().and_then(|at| DIGITS.get(at)).copied().unwrap_or(b'0')
}

/// The CRC-32 of the random characters in base62, six digits (62^6 is more than 2^32).
fn checksum(random: &[u8]) -> impl Iterator<Item = u8> + use<> {
    let crc = crc32fast::hash(random);
    [916_132_832, 14_776_336, 238_328, 3_844, 62, 1]
        .into_iter()
        .map(move |unit| digit(crc.checked_div(unit).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_crc_in_base62() {
        // CRC-32 of "123456789" is 0xcbf43926, the check value that every catalogue gives.
        let text: String = checksum(b"123456789").map(char::from).collect();
        let value = text.bytes().fold(0_u64, |n, b| {
            n * 62 + u64::try_from(DIGITS.iter().position(|d| *d == b).unwrap()).unwrap()
        });
        assert_eq!((text.len(), value), (CHECKSUM, 0xcbf4_3926));
    }

    #[test]
    fn every_digit_comes_equally_often() {
        let mut counts = [0_u32; 128];
        for _ in 0..2_000 {
            random_base62().unwrap().iter().for_each(|b| counts[usize::from(*b)] += 1);
        }
        // 60,000 draws of 62: 968 each, with a standard deviation of 31.
        for digit in DIGITS {
            assert!((750..1_190).contains(&counts[usize::from(*digit)]), "{}", char::from(*digit));
        }
    }
}
