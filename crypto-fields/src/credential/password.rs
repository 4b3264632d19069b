//! Passwords: Argon2id, with older hashes replaced when their owners log in.

mod argon;
#[cfg(feature = "bcrypt")]
mod bcrypt;
pub(crate) mod pepper;
mod permits;
pub(crate) mod policy;
pub(crate) mod spawned;

use std::fmt;

use policy::PasswordPolicy;

use permits::Permits;

/// Why a password was not hashed or not checked. It never carries any part of a password or hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// As many are being hashed and waiting as the policy allows. Answer "try again".
    #[error("too many passwords are being hashed")]
    Busy,
    /// The stored hash asks for more work than the policy's limit, or a policy for none that is
    /// possible.
    #[error("the cost lies outside the limits")]
    Cost,
    /// There was no memory or no randomness for a hash.
    #[error("the password could not be hashed")]
    Failed,
    /// The stored hash is of no form that is known here (or of bcrypt without that feature).
    #[error("the stored hash is not of a known form")]
    Stored,
    /// The password is longer than the policy allows. It was not looked at.
    #[error("the password is longer than {limit} bytes")]
    TooLong {
        /// The policy's limit in bytes.
        limit: usize,
    },
}

/// What became of comparing a password with what was stored for the user.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum PasswordVerdict {
    /// The right password.
    Right,
    /// The right password, stored weaker than the policy asks: store the new hash in place of the
    /// old one.
    RightUpgrade(PasswordUpgrade),
    /// It agrees with a bcrypt hash, which is of the first 72 bytes only, and it is as long or
    /// longer: the rest was never checked, neither now nor when it was set. It is not rehashed:
    /// that would make whatever was typed after the 72nd byte part of the password. Let the user
    /// in if you did so before, and ask for a new password.
    RightUnto72Bytes,
    /// Another password, or there is no such user.
    Wrong,
}

impl PasswordVerdict {
    /// Whether the password is right as far as the stored hash can tell.
    #[must_use]
    pub const fn is_right(&self) -> bool {
        !matches!(self, Self::Wrong)
    }
}

/// A hash to be stored in place of a weaker one: `UPDATE .. SET hash = <new> WHERE id = .. AND
/// hash = <old>`. Of a password that was changed meanwhile, no row is updated, and that is right.
#[derive(PartialEq, Eq)]
pub struct PasswordUpgrade {
    old: String,
    new: String,
}

impl PasswordUpgrade {
    /// What must be stored still.
    #[must_use]
    pub fn old_hash(&self) -> &str {
        &self.old
    }

    /// What to store.
    #[must_use]
    pub fn new_hash(&self) -> &str {
        &self.new
    }
}

impl fmt::Debug for PasswordUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordUpgrade(..)")
    }
}

/// Hashes passwords with Argon2id (RFC 9106) into PHC strings, and checks them.
///
/// A hash takes tens of milliseconds and tens of mebibytes, so only as many run at once as the
/// policy says, the next ones wait, and more than those are [`PasswordError::Busy`]. These calls
/// block: in async code use [`SpawnedPasswordHasher`](crate::SpawnedPasswordHasher).
///
/// # Examples
///
/// ```
/// use crypto_fields::{PasswordHasher, PasswordPolicy, PasswordVerdict};
///
/// let hasher = PasswordHasher::new(PasswordPolicy::default())?;
/// let stored = hasher.hash("correct horse")?;
/// assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
///
/// assert_eq!(hasher.verify("correct horse", Some(&stored))?, PasswordVerdict::Right);
/// assert_eq!(hasher.verify("battery staple", Some(&stored))?, PasswordVerdict::Wrong);
/// // No such user: the same work, the same answer.
/// assert_eq!(hasher.verify("correct horse", None)?, PasswordVerdict::Wrong);
/// # Ok::<(), crypto_fields::PasswordError>(())
/// ```
pub struct PasswordHasher {
    policy: PasswordPolicy,
    permits: Permits,
    /// A hash that no password has, as costly as a new one.
    nobody: String,
}

impl PasswordHasher {
    /// By this policy.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Cost`] if Argon2 knows no such cost, [`PasswordError::Failed`] without
    /// randomness.
    pub fn new(mut policy: PasswordPolicy) -> Result<Self, PasswordError> {
        // Else no hash of its own could be checked.
        policy.limit = policy.limit.at_least(policy.cost);
        Ok(Self {
            permits: Permits::new(policy.concurrency, policy.max_waiting),
            nobody: argon::nobody(policy.cost)?,
            policy,
        })
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &PasswordPolicy {
        &self.policy
    }

    /// The hash of a new password, to be stored.
    ///
    /// # Errors
    ///
    /// [`PasswordError::TooLong`] before any work, [`PasswordError::Busy`],
    /// [`PasswordError::Failed`].
    pub fn hash(&self, password: impl AsRef<[u8]>) -> Result<String, PasswordError> {
        let password = self.checked(password.as_ref())?;
        let _permit = self.permits.acquire()?;
        argon::hash(self.policy.cost, password)
    }

    /// Whether `password` is the one whose hash is `stored`; `None` if there is no such user, whose
    /// absence then takes as long as a wrong password for a hash of the policy's cost. (A weaker or
    /// a bcrypt hash takes another time, until its owner logs in and it is replaced.)
    ///
    /// # Errors
    ///
    /// [`PasswordError::TooLong`] and [`PasswordError::Cost`] before any work,
    /// [`PasswordError::Stored`], [`PasswordError::Busy`], [`PasswordError::Failed`]. None of them
    /// says anything about the password.
    pub fn verify(
        &self,
        password: impl AsRef<[u8]>,
        stored: Option<&str>,
    ) -> Result<PasswordVerdict, PasswordError> {
        let password = self.checked(password.as_ref())?;
        let _permit = self.permits.acquire()?;
        let found = self.compare(password, stored.unwrap_or(&self.nobody))?;
        match (found, stored) {
            (Comparison::Weak, Some(old)) => {
                let new = argon::hash(self.policy.cost, password)?;
                Ok(PasswordVerdict::RightUpgrade(PasswordUpgrade { old: old.to_owned(), new }))
            }
            #[cfg(feature = "bcrypt")]
            (Comparison::Unto72Bytes, Some(_)) => Ok(PasswordVerdict::RightUnto72Bytes),
            (Comparison::Strong, Some(_)) => Ok(PasswordVerdict::Right),
            (_, None) | (Comparison::Different, _) => Ok(PasswordVerdict::Wrong),
        }
    }

    fn compare(&self, password: &[u8], stored: &str) -> Result<Comparison, PasswordError> {
        #[cfg(feature = "bcrypt")]
        if stored.starts_with("$2") {
            return bcrypt::compare(&self.policy, password, stored);
        }
        argon::compare(&self.policy, password, stored)
    }

    fn checked<'a>(&self, password: &'a [u8]) -> Result<&'a [u8], PasswordError> {
        let limit = self.policy.max_length;
        if password.len() > limit {
            return Err(PasswordError::TooLong { limit });
        }
        Ok(password)
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// What comparing with one stored hash said.
enum Comparison {
    Different,
    /// The same, and stored as the policy asks.
    Strong,
    #[cfg(feature = "bcrypt")]
    Unto72Bytes,
    /// The same, stored weaker.
    Weak,
}
