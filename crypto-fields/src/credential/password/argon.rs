//! Argon2 and its PHC strings, through the crate that keeps both.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{Error, PasswordHasher as _, PasswordVerifier as _};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, Version};

use super::policy::{PasswordCost, PasswordPolicy};
use super::{Comparison, PasswordError};
use crate::random;

/// Longest stored hash that is parsed.
const MAX_STORED: usize = 256;
const SALT_LEN: usize = 16;
const OUTPUT_LEN: usize = 32;
/// Shortest stored output that is compared: a shorter one might agree by chance.
const MIN_OUTPUT: usize = 16;

pub(super) fn hash(cost: PasswordCost, password: &[u8]) -> Result<String, PasswordError> {
    let mut salt = [0; SALT_LEN];
    random::fill(&mut salt).map_err(|_| PasswordError::Failed)?;
    let hash = hasher(cost)?.hash_password_with_salt(password, &salt).map_err(failed)?;
    Ok(hash.to_string())
}

/// A random output under a random salt: the hash of no password anyone will type.
pub(super) fn nobody(cost: PasswordCost) -> Result<String, PasswordError> {
    let (mut salt, mut output) = ([0; SALT_LEN], [0; OUTPUT_LEN]);
    random::fill(&mut salt).map_err(|_| PasswordError::Failed)?;
    random::fill(&mut output).map_err(|_| PasswordError::Failed)?;
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params(cost)?).map_err(failed)?,
        salt: Some(Salt::new(&salt).map_err(|_| PasswordError::Failed)?),
        hash: Some(Output::new(&output).map_err(|_| PasswordError::Failed)?),
    };
    Ok(hash.to_string())
}

pub(super) fn compare(
    policy: &PasswordPolicy,
    password: &[u8],
    stored: &str,
) -> Result<Comparison, PasswordError> {
    if stored.len() > MAX_STORED {
        return Err(PasswordError::Stored);
    }
    let mut hash = PasswordHash::new(stored).map_err(|_| PasswordError::Stored)?;
    // The strings of the first version did not name it.
    hash.version.get_or_insert(Version::V0x10.into());
    let algorithm =
        Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| PasswordError::Stored)?;
    let params = Params::try_from(&hash).map_err(|_| PasswordError::Stored)?;
    let output = hash.hash.as_ref().map(|output| output.as_bytes().len()).unwrap_or_default();
    if hash.salt.is_none() || output < MIN_OUTPUT {
        return Err(PasswordError::Stored);
    }
    let cost = PasswordCost::new(params.m_cost(), params.t_cost(), params.p_cost())?;
    // Before any memory is asked for: the string decides what it costs to check it.
    if !cost.is_within(policy.limit) {
        return Err(PasswordError::Cost);
    }
    // The algorithm, version and parameters are the string's own, not this hasher's.
    match hasher(policy.cost)?.verify_password(password, &hash) {
        Ok(()) => {}
        Err(Error::PasswordInvalid) => return Ok(Comparison::Different),
        Err(error) => return Err(failed(error)),
    }
    let newest = algorithm == Algorithm::Argon2id && hash.version == Some(Version::V0x13.into());
    if newest && !cost.is_below(policy.cost) && output >= OUTPUT_LEN {
        Ok(Comparison::Strong)
    } else {
        Ok(Comparison::Weak)
    }
}

fn hasher(cost: PasswordCost) -> Result<Argon2<'static>, PasswordError> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params(cost)?))
}

fn params(cost: PasswordCost) -> Result<Params, PasswordError> {
    Params::new(cost.memory_kib(), cost.passes(), cost.lanes(), Some(OUTPUT_LEN))
        .map_err(|_| PasswordError::Cost)
}

/// Past the checks above, what is left is memory.
fn failed(error: Error) -> PasswordError {
    match error {
        Error::Version => PasswordError::Stored,
        _ => PasswordError::Failed,
    }
}
