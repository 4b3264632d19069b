//! Bcrypt, to be left behind: verified, never made.

use bcrypt::HashParts;

use super::policy::PasswordPolicy;
use super::{Comparison, PasswordError};

/// Bcrypt reads no more of a password.
const READS: usize = 72;

pub(super) fn compare(
    policy: &PasswordPolicy,
    password: &[u8],
    stored: &str,
) -> Result<Comparison, PasswordError> {
    let parts: HashParts = stored.parse().map_err(|_| PasswordError::Stored)?;
    // `$2x$` marks hashes of an old bug, for which other passwords agree too.
    if stored.starts_with("$2x$") {
        return Err(PasswordError::Stored);
    }
    if parts.get_cost() > policy.bcrypt_limit {
        return Err(PasswordError::Cost);
    }
    let same = bcrypt::verify(password, stored).map_err(|_| PasswordError::Stored)?;
    // Bcrypt repeats the password with a NUL after it, so that "a" and "a\0a" have one hash. Nobody
    // types a NUL, and a rehash would make the longer one the password.
    if !same || password.contains(&0) {
        Ok(Comparison::Different)
    } else if password.len() >= READS {
        Ok(Comparison::Unto72Bytes)
    } else {
        Ok(Comparison::Weak)
    }
}
