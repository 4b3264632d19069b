//! Fernet tokens, for hosts that come from them or must speak them.
//!
//! Byte-compatible with the Fernet specification, version 0x80: AES-128 in CBC mode under an
//! HMAC-SHA-256. A token binds its value to nothing: it opens in any row, column or tenant that
//! has the key, and it tells when it was made. For new values use this crate's own format.

mod key;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::random::{self, RandomError};
use crate::secret::SecretBytes;

pub use key::{FernetKey, FernetKeyError};
use token::Parsed;

/// How far ahead of the clock a token's time may lie when its age matters (Fernet's 60 seconds).
pub const FERNET_CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Why a token was not made or not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FernetError {
    /// Not a token that any of the keys opens within the time allowed. Form, key, padding and age
    /// are deliberately not told apart.
    #[error("not a valid token")]
    Invalid,
    /// There was no randomness for the IV; no token was made.
    #[error("no IV was drawn")]
    Random(#[from] RandomError),
}

/// Encrypts with one Fernet key and decrypts with several (`MultiFernet` of Python's
/// `cryptography`, `FERNET_KEYS` of the Django packages).
///
/// The first key encrypts, all decrypt, [`rotate`](Self::rotate) moves a token to the first.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use crypto_fields::{FernetKey, MultiFernet};
///
/// let old = FernetKey::parse("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=")?;
/// let token = MultiFernet::new(old.duplicate()).encrypt(b"hello")?;
///
/// let keys = MultiFernet::new(FernetKey::generate()?).decrypting(old);
/// assert_eq!(&*keys.decrypt(&token)?, b"hello");
/// assert_eq!(&*keys.decrypt_within(&token, Duration::from_secs(60))?, b"hello");
///
/// let rotated = keys.rotate(&token)?;
/// assert_eq!(keys.timestamp(&rotated)?, keys.timestamp(&token)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MultiFernet {
    primary: FernetKey,
    older: Vec<FernetKey>,
    clock: Arc<dyn Clock>,
}

impl MultiFernet {
    /// Encrypts and decrypts with this key, by the system's clock.
    #[must_use]
    pub fn new(primary: FernetKey) -> Self {
        Self { primary, older: Vec::new(), clock: Arc::new(SystemClock) }
    }

    /// Decrypts with this key too.
    #[must_use]
    pub fn decrypting(mut self, older: FernetKey) -> Self {
        self.older.push(older);
        self
    }

    /// Takes the time from this clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// A token of `plaintext` under the first key, dated now.
    ///
    /// # Errors
    ///
    /// [`FernetError::Random`] only.
    pub fn encrypt(&self, plaintext: &[u8]) -> Result<String, FernetError> {
        self.encrypt_dated(plaintext, unix_seconds(self.clock.now()))
    }

    /// What the token holds, however old it is.
    ///
    /// # Errors
    ///
    /// [`FernetError::Invalid`] only, for whatever reason.
    pub fn decrypt(&self, token: &str) -> Result<SecretBytes, FernetError> {
        Ok(self.open(token)?.plaintext)
    }

    /// What the token holds, if it is at most `max_age` old and at most [`FERNET_CLOCK_SKEW`]
    /// ahead of the clock.
    ///
    /// # Errors
    ///
    /// [`FernetError::Invalid`] only, for whatever reason.
    pub fn decrypt_within(
        &self,
        token: &str,
        max_age: Duration,
    ) -> Result<SecretBytes, FernetError> {
        let opened = self.open(token)?;
        let now = unix_seconds(self.clock.now());
        let expired = opened.timestamp.saturating_add(max_age.as_secs()) < now;
        let ahead = opened.timestamp > now.saturating_add(FERNET_CLOCK_SKEW.as_secs());
        if expired || ahead {
            return Err(FernetError::Invalid);
        }
        Ok(opened.plaintext)
    }

    /// When the token says that it was made, in seconds since 1970, after checking its MAC.
    ///
    /// # Errors
    ///
    /// [`FernetError::Invalid`] only, for whatever reason.
    pub fn timestamp(&self, token: &str) -> Result<u64, FernetError> {
        Ok(self.open(token)?.timestamp)
    }

    /// The same value under the first key with a fresh IV and the token's own time, so that
    /// rotating does not make old tokens young.
    ///
    /// # Errors
    ///
    /// [`FernetError::Invalid`] if no key opens the token, [`FernetError::Random`].
    pub fn rotate(&self, token: &str) -> Result<String, FernetError> {
        let opened = self.open(token)?;
        self.encrypt_dated(&opened.plaintext, opened.timestamp)
    }

    fn encrypt_dated(&self, plaintext: &[u8], timestamp: u64) -> Result<String, FernetError> {
        let mut iv = [0; 16];
        random::fill(&mut iv)?;
        Ok(token::seal(&self.primary, timestamp, &iv, plaintext))
    }

    fn open(&self, token: &str) -> Result<Opened, FernetError> {
        let parsed = Parsed::new(token)?;
        // Which key a token is under is no secret: the loop may end at the one that fits.
        let key = std::iter::once(&self.primary)
            .chain(&self.older)
            .find(|key| parsed.is_under(key))
            .ok_or(FernetError::Invalid)?;
        Ok(Opened { timestamp: parsed.timestamp(), plaintext: parsed.decrypt(key)? })
    }
}

impl fmt::Debug for MultiFernet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiFernet").field("older", &self.older.len()).finish_non_exhaustive()
    }
}

/// What an authentic token held.
struct Opened {
    timestamp: u64,
    plaintext: SecretBytes,
}

/// A clock before 1970 counts as 1970: the format has no earlier time.
fn unix_seconds(now: Timestamp) -> u64 {
    u64::try_from(now.as_micros().div_euclid(1_000_000)).unwrap_or(0)
}
