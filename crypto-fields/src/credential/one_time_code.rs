//! One-time codes sent by mail or message: short, short-lived, few tries, one use.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::MAX_TYPED;
use super::key::{CredentialHash, CredentialKeys, Kind};
use crate::clock::Timestamp;
use crate::random::{self, RandomError};

/// How far a clock may step back (or two servers' clocks differ) before a code counts as expired.
const TOLERANCE: Duration = Duration::from_secs(60);
const DIGITS: u32 = 6;
const CODES: u32 = 1_000_000;

/// How long a code lives and how often it may be tried.
///
/// The default: 6 digits for 15 minutes, 5 attempts, a new one at most every 60 seconds.
/// (NIST SP 800-63B-4 asks for 10 minutes at most: [`lasting`](Self::lasting).)
///
/// The [state](OneTimeCodeState) holds no code, only its keyed hash. The host keeps one per user
/// and purpose and writes each new state by a compare-and-swap on the one that it read: only then
/// do five attempts stay five when a hundred come at once, and only whoever's write succeeded has
/// used the code.
///
/// # Examples
///
/// ```
/// use crypto_fields::{
///     CredentialKeys, DataKey, OneTimeCodePolicy, OneTimeCodeVerdict, Purpose, Timestamp,
/// };
///
/// let keys = CredentialKeys::new(&DataKey::generate(Purpose::Credential)?)?;
/// let (policy, now) = (OneTimeCodePolicy::default(), Timestamp::from_micros(0));
///
/// let (code, state) = policy.issue(&keys, "login", "usr_1", None, now)?;
/// let sent = code.reveal().to_owned();
///
/// let (verdict, used) = policy.check(&keys, "login", "usr_1", &state, &sent, now)?;
/// assert_eq!(verdict, OneTimeCodeVerdict::Accepted);
/// let (again, _) = policy.check(&keys, "login", "usr_1", &used, &sent, now)?;
/// assert_eq!(again, OneTimeCodeVerdict::Used);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OneTimeCodePolicy {
    /// How long a code is accepted.
    pub lifetime: Duration,
    /// How many wrong codes are looked at; the next one is refused even if it is right.
    pub attempts: u8,
    /// How soon after one code another may be issued: each brings new attempts.
    pub resend_after: Duration,
}

impl Default for OneTimeCodePolicy {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(15 * 60),
            attempts: 5,
            resend_after: Duration::from_secs(60),
        }
    }
}

/// What is kept of a code. Serialise it into a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneTimeCodeState {
    hash: CredentialHash,
    /// Microseconds since 1970.
    issued: i64,
    /// The latest time at which it was looked at.
    seen: i64,
    attempts: u8,
    used: bool,
}

/// What became of an attempt. Users need one text for all that is not `Accepted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum OneTimeCodeVerdict {
    /// The right code, for the first time: valid once the new state is stored.
    Accepted,
    /// Tried too often. The code was not looked at.
    Exhausted,
    /// Too old, or the clock stepped back so that its age cannot be told. Not looked at.
    Expired,
    /// Accepted before. Not looked at.
    Used,
    /// Another code, or one for another user or purpose.
    Wrong {
        /// How many attempts are left.
        left: u8,
    },
}

/// Why a code was not issued or not looked at. Nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OneTimeCodeError {
    /// Not six digits. It costs no attempt: it tells the guesser nothing.
    #[error("not a code of {DIGITS} digits")]
    Form,
    /// There was no randomness for a code.
    #[error("no code was drawn")]
    Random(#[from] RandomError),
    /// The last code was issued a moment ago.
    #[error("a code was issued a moment ago")]
    TooSoon {
        /// When the next one may be issued.
        until: Timestamp,
    },
}

/// A code to be sent. Wiped when dropped, printed by nobody.
pub struct OneTimeCode(Zeroizing<String>);

impl OneTimeCode {
    /// The six digits, for the message.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode(..)")
    }
}

impl OneTimeCodePolicy {
    /// The policy with another lifetime.
    #[must_use]
    pub const fn lasting(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The policy with another number of attempts.
    #[must_use]
    pub const fn attempts(mut self, attempts: u8) -> Self {
        self.attempts = attempts;
        self
    }

    /// The policy with another pause between codes.
    #[must_use]
    pub const fn resending_after(mut self, pause: Duration) -> Self {
        self.resend_after = pause;
        self
    }

    /// Draws a code for `user` and `purpose`. Its state takes the place of `previous`, whose code
    /// is void from then on.
    ///
    /// # Errors
    ///
    /// [`OneTimeCodeError::TooSoon`] if `previous` is younger than
    /// [`resend_after`](Self::resend_after), [`OneTimeCodeError::Random`].
    pub fn issue(
        &self,
        keys: &CredentialKeys,
        purpose: &str,
        user: &str,
        previous: Option<&OneTimeCodeState>,
        now: Timestamp,
    ) -> Result<(OneTimeCode, OneTimeCodeState), OneTimeCodeError> {
        if let Some(previous) = previous {
            let until = Timestamp::from_micros(previous.issued).saturating_add(self.resend_after);
            // A code from the future is one from before the clock stepped back: let it be replaced.
            if previous.issued <= now.as_micros() && now < until {
                return Err(OneTimeCodeError::TooSoon { until });
            }
        }
        let code = OneTimeCode(draw()?);
        let state = OneTimeCodeState {
            hash: keys.hash(Kind::OneTimeCode, &parts(purpose, user, &code.0)),
            issued: now.as_micros(),
            seen: now.as_micros(),
            attempts: 0,
            used: false,
        };
        Ok((code, state))
    }

    /// Looks at what a user typed, and returns the state to store in place of `state`.
    ///
    /// The state counts only when it is stored: treat `Accepted` as a refusal if the
    /// compare-and-swap finds another state.
    ///
    /// # Errors
    ///
    /// [`OneTimeCodeError::Form`] only; the state stays as it is.
    pub fn check(
        &self,
        keys: &CredentialKeys,
        purpose: &str,
        user: &str,
        state: &OneTimeCodeState,
        typed: &str,
        now: Timestamp,
    ) -> Result<(OneTimeCodeVerdict, OneTimeCodeState), OneTimeCodeError> {
        let typed = normalise(typed)?;
        let mut next = *state;
        next.seen = std::cmp::max(state.seen, now.as_micros());
        let seen = Timestamp::from_micros(next.seen);
        let age = seen.since(Timestamp::from_micros(state.issued));
        let verdict = if state.used {
            OneTimeCodeVerdict::Used
        } else if state.attempts >= self.attempts {
            OneTimeCodeVerdict::Exhausted
        } else if age >= self.lifetime || seen.since(now) > TOLERANCE {
            OneTimeCodeVerdict::Expired
        } else if keys.verify(&state.hash, Kind::OneTimeCode, &parts(purpose, user, &typed)) {
            next.used = true;
            OneTimeCodeVerdict::Accepted
        } else {
            next.attempts = state.attempts.saturating_add(1);
            OneTimeCodeVerdict::Wrong { left: self.attempts.saturating_sub(next.attempts) }
        };
        Ok((verdict, next))
    }
}

fn parts<'a>(purpose: &'a str, user: &'a str, code: &'a str) -> [&'a [u8]; 3] {
    [purpose.as_bytes(), user.as_bytes(), code.as_bytes()]
}

/// Six uniform digits: of 2^32 numbers the highest are thrown away, so that each code has 4294.
fn draw() -> Result<Zeroizing<String>, RandomError> {
    const FAIR: u32 = u32::MAX / CODES * CODES;
    loop {
        let mut bytes = [0; 4];
        random::fill(&mut bytes)?;
        let n = u32::from_be_bytes(bytes);
        bytes.zeroize();
        if n < FAIR {
            return Ok(Zeroizing::new(format!("{:06}", n % CODES)));
        }
    }
}

/// People type `123 456` and `123-456`.
fn normalise(typed: &str) -> Result<Zeroizing<String>, OneTimeCodeError> {
    if typed.len() > MAX_TYPED {
        return Err(OneTimeCodeError::Form);
    }
    let mut code = Zeroizing::new(String::with_capacity(MAX_TYPED));
    code.extend(typed.chars().filter(|c| !c.is_whitespace() && *c != '-'));
    if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit()) {
        return Err(OneTimeCodeError::Form);
    }
    Ok(code)
}
