//! Authenticated encryption of single fields with context, rotation of keys and their destruction.
//!
//! **Being built.** What is here works and is tested; it is not the whole yet.

// One section per area; modules are private, and each type has one public name.

mod clock;
mod data_key;
mod key_id;
mod keyset;
mod purpose;
mod random;
mod secret;

// Keys.
pub use data_key::{DataKey, WrongPurpose};
pub use key_id::{KeyId, KeyIdError};
pub use keyset::state::KeyState;
pub use purpose::Purpose;
pub use secret::{KEY_LEN, SecretBytes, SecretKey};

// What everything takes from outside.
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use random::{RandomError, fill as fill_random};
