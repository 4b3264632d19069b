//! What a process of the stress tests does, and what its tests look at afterwards.
//!
//! The binary `journal-stress` is one such process; the tests of this package start it many times
//! over, kill it, and tamper with what it wrote.

mod check;
mod host;
mod measure;
mod writer;

pub use check::{Acknowledged, Chain, check};
pub use host::Host;
pub use measure::{fill, verify};
pub use writer::{Way, WriterArguments, write};

use audit_core::{JournalName, SigningKey};
use audit_store::JournalOptions;

/// The journal of these tests.
///
/// # Panics
///
/// Never: the name is a constant.
#[must_use]
pub fn journal_name() -> JournalName {
    #[allow(clippy::expect_used, reason = "a constant")]
    "audit.stress.example".parse().expect("a name")
}

/// The options every process opens it with; the key never changes, so that processes need not be
/// told.
///
/// # Panics
///
/// Never: the seed is a constant.
#[must_use]
pub fn options() -> JournalOptions {
    let name = journal_name();
    #[allow(clippy::expect_used, reason = "a constant")]
    let key = SigningKey::from_seed(name.as_str(), &[7; 32]).expect("a key");
    JournalOptions::new(name).signer(key)
}
