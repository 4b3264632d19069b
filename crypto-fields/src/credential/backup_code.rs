//! Backup codes: ten secrets on paper, each good once.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::MAX_TYPED;
use super::key::{CredentialHash, CredentialKeys, Kind};
use crate::random::{self, RandomError};

/// How many codes a set has.
pub const BACKUP_CODES: usize = 10;

/// 120 bits: above the 112 from which NIST SP 800-63B lets a look-up secret be stored under a fast
/// hash instead of a slow one.
const BYTES: usize = 15;
const CHARS: usize = 24;
const GROUP: usize = 4;

/// Why a backup code was not made or not taken. It never carries any part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackupCodeError {
    /// Not 24 characters of base32, spaces and dashes aside.
    #[error("not of the form of a backup code")]
    Form,
    /// There was no randomness for the codes.
    #[error("no codes were drawn")]
    Random(#[from] RandomError),
    /// Not one of the user's unused codes.
    #[error("not one of the user's unused backup codes")]
    Unknown,
}

/// A backup code of 120 bits: `ABCD-EFGH-IJKL-MNOP-QRST-UVWX` in base32.
///
/// It is read leniently (any case, with or without dashes and spaces) and shown in one form.
pub struct BackupCode(
    // INVARIANT: 24 characters of upper-case base32.
    Zeroizing<String>,
);

impl BackupCode {
    fn generate() -> Result<Self, RandomError> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        random::fill(&mut *bytes)?;
        Ok(Self(Zeroizing::new(BASE32_NOPAD.encode(&*bytes))))
    }

    /// Reads what a user typed. The length is checked before anything else.
    ///
    /// # Errors
    ///
    /// [`BackupCodeError::Form`] only.
    pub fn parse(typed: &str) -> Result<Self, BackupCodeError> {
        if typed.len() > MAX_TYPED {
            return Err(BackupCodeError::Form);
        }
        let mut code = Zeroizing::new(String::with_capacity(MAX_TYPED));
        code.extend(typed.chars().filter(|c| !c.is_whitespace() && *c != '-'));
        code.make_ascii_uppercase();
        let base32 = |b: u8| b.is_ascii_uppercase() || matches!(b, b'2'..=b'7');
        if code.len() != CHARS || !code.bytes().all(base32) {
            return Err(BackupCodeError::Form);
        }
        Ok(Self(code))
    }

    /// The code in groups of four, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut shown = Zeroizing::new(String::with_capacity(CHARS + CHARS / GROUP));
        for (at, char) in self.0.chars().enumerate() {
            if at > 0 && at.is_multiple_of(GROUP) {
                shown.push('-');
            }
            shown.push(char);
        }
        shown
    }

    /// Where its row may stand: the hash under each key, the primary first.
    ///
    /// With codes in a table of their own, one statement looks it up and uses it up:
    /// `DELETE FROM backup_code WHERE user = ? AND hash IN (..)`; one row deleted is a success.
    #[must_use]
    pub fn hashes(&self, keys: &CredentialKeys, user: &str) -> Vec<CredentialHash> {
        keys.hashes(Kind::BackupCode, &[user.as_bytes(), self.0.as_bytes()])
    }
}

impl fmt::Debug for BackupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupCode(..)")
    }
}

/// What is kept of a user's codes: the hashes of those not used yet.
///
/// For hosts that keep a user's codes in one column; write it by a compare-and-swap on what was
/// read. A new set takes the place of the old one.
///
/// # Examples
///
/// ```
/// use crypto_fields::{BackupCodeError, BackupCodeSet, CredentialKeys, DataKey, Purpose};
///
/// let keys = CredentialKeys::new(&DataKey::generate(Purpose::Credential)?)?;
/// let (codes, set) = BackupCodeSet::generate(&keys, "usr_1")?;
/// let typed = codes[3].reveal().to_lowercase().replace('-', " ");
///
/// let rest = set.redeem(&keys, "usr_1", &typed)?;
/// assert_eq!(rest.len(), 9);
/// assert_eq!(rest.redeem(&keys, "usr_1", &typed), Err(BackupCodeError::Unknown));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BackupCodeSet(Vec<CredentialHash>);

impl BackupCodeSet {
    /// Draws ten codes for a user: to show once, and what to keep of them.
    ///
    /// # Errors
    ///
    /// [`BackupCodeError::Random`] only.
    pub fn generate(
        keys: &CredentialKeys,
        user: &str,
    ) -> Result<(Vec<BackupCode>, Self), BackupCodeError> {
        let codes =
            (0..BACKUP_CODES).map(|_| BackupCode::generate()).collect::<Result<Vec<_>, _>>()?;
        let hash =
            |code: &BackupCode| keys.hash(Kind::BackupCode, &[user.as_bytes(), code.0.as_bytes()]);
        let set = Self(codes.iter().map(hash).collect());
        Ok((codes, set))
    }

    /// The set without the code that was typed. It was used once this is stored.
    ///
    /// One hash per key, however many codes there are.
    ///
    /// # Errors
    ///
    /// [`BackupCodeError::Form`], [`BackupCodeError::Unknown`]; the set stays as it is.
    pub fn redeem(
        &self,
        keys: &CredentialKeys,
        user: &str,
        typed: &str,
    ) -> Result<Self, BackupCodeError> {
        let typed = BackupCode::parse(typed)?.hashes(keys, user);
        // Over all of them, without stopping at the one that fits.
        let rest: Vec<_> = self.0.iter().filter(|hash| !contains(&typed, hash)).copied().collect();
        if rest.len() == self.0.len() {
            return Err(BackupCodeError::Unknown);
        }
        Ok(Self(rest))
    }

    /// The hashes, for a table with a row per code.
    #[must_use]
    pub fn hashes(&self) -> &[CredentialHash] {
        &self.0
    }

    /// How many codes are left.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn contains(hashes: &[CredentialHash], hash: &CredentialHash) -> bool {
    hashes.iter().fold(false, |found, other| found | (other == hash))
}
