//! Codes of an authenticator app: RFC 6238 over RFC 4226.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::MAX_TYPED;
use crate::clock::Timestamp;
use crate::random::{self, RandomError};
use crate::secret::SecretBytes;

/// Shortest secret, in bytes: 160 bits (RFC 4226 section 4, R6).
pub const MIN_TOTP_SECRET: usize = 20;
/// Longest secret, in bytes.
pub const MAX_TOTP_SECRET: usize = 128;

/// All that RFC 3986 does not leave unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The hash function of a TOTP. Many apps know the first only, whatever the URI says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TotpAlgorithm {
    /// HMAC-SHA-1, the default of RFC 6238. Collisions do not touch it.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl TotpAlgorithm {
    const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

/// Why a secret or a code was refused. It never carries any part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TotpError {
    /// Not a code of as many digits as agreed.
    #[error("not a code of the agreed number of digits")]
    Form,
    /// The number of digits is not 6, 7 or 8, or the period is zero.
    #[error("a code has 6, 7 or 8 digits, and a period of at least a second")]
    Parameters,
    /// The code of a step that was accepted before, or of an earlier one.
    #[error("a code of this or a later step was accepted before")]
    Replayed,
    /// The secret is shorter than 160 bits, or longer than 1024.
    #[error("a secret has {MIN_TOTP_SECRET} to {MAX_TOTP_SECRET} bytes")]
    SecretLength,
    /// Not the code of this time, nor of the step before or after.
    #[error("not the code of this time")]
    Wrong,
}

/// The step of an accepted code: the number of the period since 1970.
///
/// Store it (in a 64-bit column) and give it back at the next check; write it by a
/// compare-and-swap, so that one code is not accepted by two requests at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TotpStep(u64);

impl TotpStep {
    /// The step of a stored number.
    #[must_use]
    pub const fn new(step: u64) -> Self {
        Self(step)
    }

    /// The number to store.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A shared secret and how codes are made of it: 6 digits every 30 seconds with HMAC-SHA-1 unless
/// said otherwise, which is what every authenticator app knows.
///
/// The secret cannot be hashed, only sealed: store it as a sealed field, under the subject's key.
///
/// # Examples
///
/// ```
/// use crypto_fields::{Timestamp, Totp, TotpError};
///
/// let totp = Totp::new(b"12345678901234567890".to_vec())?;
/// let now = Timestamp::from_micros(59_000_000);
/// let step = totp.check("287 082", None, now)?;
/// assert_eq!(totp.check("287082", Some(step), now), Err(TotpError::Replayed));
///
/// let uri = totp.uri("Acme Co", "ann@example.com");
/// assert!(uri.starts_with("otpauth://totp/Acme%20Co:ann%40example.com?secret=GEZDGNBV"));
/// # Ok::<(), TotpError>(())
/// ```
pub struct Totp {
    secret: SecretBytes,
    algorithm: TotpAlgorithm,
    digits: u32,
    period: u64,
}

impl Totp {
    /// With this secret.
    ///
    /// # Errors
    ///
    /// [`TotpError::SecretLength`] only.
    pub fn new(secret: impl Into<Vec<u8>>) -> Result<Self, TotpError> {
        let secret = SecretBytes::new(secret.into());
        if !(MIN_TOTP_SECRET..=MAX_TOTP_SECRET).contains(&secret.len()) {
            return Err(TotpError::SecretLength);
        }
        Ok(Self { secret, algorithm: TotpAlgorithm::Sha1, digits: 6, period: 30 })
    }

    /// With a new secret of 160 bits.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomError> {
        let mut secret = vec![0; MIN_TOTP_SECRET];
        random::fill(&mut secret)?;
        let secret = SecretBytes::new(secret);
        Ok(Self { secret, algorithm: TotpAlgorithm::Sha1, digits: 6, period: 30 })
    }

    /// With another hash function.
    #[must_use]
    pub const fn algorithm(mut self, algorithm: TotpAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// With another number of digits and another period in seconds.
    ///
    /// # Errors
    ///
    /// [`TotpError::Parameters`] unless there are 6 to 8 digits and at least one second.
    pub fn codes(mut self, digits: u32, period: u64) -> Result<Self, TotpError> {
        if !(6..=8).contains(&digits) || period == 0 {
            return Err(TotpError::Parameters);
        }
        (self.digits, self.period) = (digits, period);
        Ok(self)
    }

    /// The secret, to be sealed and stored.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.secret
    }

    /// Checks a code of now, the step before or the step after (RFC 6238 section 5.2).
    ///
    /// `last` is the step that was accepted last: no step is accepted twice, nor one before it, so
    /// a clock that steps back refuses codes rather than taking them again.
    ///
    /// # Errors
    ///
    /// [`TotpError::Form`], [`TotpError::Replayed`], [`TotpError::Wrong`]; nothing is accepted.
    pub fn check(
        &self,
        typed: &str,
        last: Option<TotpStep>,
        now: Timestamp,
    ) -> Result<TotpStep, TotpError> {
        let typed = self.normalise(typed)?;
        let step = self.step(now);
        let mut found = None;
        // All three are compared, whichever fits; of two that fit the later is taken.
        for step in [step.saturating_sub(1), step, step.saturating_add(1)] {
            if self.code_of(step).as_bytes().ct_eq(typed.as_bytes()).into() {
                found = Some(TotpStep(step));
            }
        }
        let found = found.ok_or(TotpError::Wrong)?;
        if last.is_some_and(|last| found <= last) {
            return Err(TotpError::Replayed);
        }
        Ok(found)
    }

    /// The code of a time, for whoever makes them.
    #[must_use]
    pub fn code(&self, at: Timestamp) -> Zeroizing<String> {
        self.code_of(self.step(at))
    }

    /// The `otpauth://` URI for a QR code, secret included. It shows `issuer` and `account`.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let issuer = utf8_percent_encode(issuer, RESERVED);
        let account = utf8_percent_encode(account, RESERVED);
        let secret = Zeroizing::new(BASE32_NOPAD.encode(&self.secret));
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm={}&digits={}&period={}",
            *secret,
            self.algorithm.name(),
            self.digits,
            self.period
        ))
    }

    fn step(&self, at: Timestamp) -> u64 {
        let seconds = u64::try_from(at.as_micros().div_euclid(1_000_000)).unwrap_or(0);
        seconds.checked_div(self.period).unwrap_or(0)
    }

    /// RFC 4226 section 5.3.
    fn code_of(&self, step: u64) -> Zeroizing<String> {
        let step = step.to_be_bytes();
        let mac = match self.algorithm {
            TotpAlgorithm::Sha1 => hmac_of(Hmac::<sha1::Sha1>::new_from_slice(&self.secret), &step),
            TotpAlgorithm::Sha256 => {
                hmac_of(Hmac::<sha2::Sha256>::new_from_slice(&self.secret), &step)
            }
            TotpAlgorithm::Sha512 => {
                hmac_of(Hmac::<sha2::Sha512>::new_from_slice(&self.secret), &step)
            }
        };
        let codes = 10_u32.saturating_pow(self.digits);
        let number = truncate(&mac).and_then(|number| number.checked_rem(codes)).unwrap_or(0);
        let width = usize::try_from(self.digits).unwrap_or(0);
        Zeroizing::new(format!("{number:0width$}"))
    }

    fn normalise(&self, typed: &str) -> Result<Zeroizing<String>, TotpError> {
        if typed.len() > MAX_TYPED {
            return Err(TotpError::Form);
        }
        let mut code = Zeroizing::new(String::with_capacity(MAX_TYPED));
        code.extend(typed.chars().filter(|c| !c.is_whitespace()));
        let digits = code.bytes().all(|b| b.is_ascii_digit());
        if !digits || u32::try_from(code.len()) != Ok(self.digits) {
            return Err(TotpError::Form);
        }
        Ok(code)
    }
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totp")
            .field("algorithm", &self.algorithm)
            .field("digits", &self.digits)
            .field("period", &self.period)
            .finish_non_exhaustive()
    }
}

/// The MAC of a step. HMAC takes keys of any length, so there is always one.
fn hmac_of<M: Mac, E>(mac: Result<M, E>, step: &[u8; 8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::new());
    if let Ok(mut mac) = mac {
        mac.update(step);
        out.extend_from_slice(&mac.finalize().into_bytes());
    }
    out
}

/// The four bytes that the last half-byte points at, without the sign.
fn truncate(mac: &[u8]) -> Option<u32> {
    let at = usize::from(mac.last()? & 0x0f);
    let (four, _) = mac.get(at..)?.split_first_chunk()?;
    Some(u32::from_be_bytes(*four) & 0x7fff_ffff)
}
