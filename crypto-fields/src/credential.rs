//! What people and programs log in with: passwords, tokens, codes, and the lock after failures.
//!
//! Nothing here stores anything. Each part hands out what the host is to store, and says in its
//! documentation which comparison-and-swap keeps two requests from using one thing twice.

pub(crate) mod backup_code;
pub(crate) mod key;
pub(crate) mod lockout;
pub(crate) mod one_time_code;
pub(crate) mod password;
pub(crate) mod token;
pub(crate) mod totp;

/// Longest input of a code that is looked at; people paste spaces, not pages.
const MAX_TYPED: usize = 64;
