//! Authenticated encryption of single fields with context, rotation of keys and their destruction.
//!
//! **Being built.** What is here works and is tested; it is not the whole yet.

// One section per area; modules are private, and each type has one public name.

mod aead;
mod associated_data;
mod ciphertext;
mod clock;
mod data_key;
mod error;
mod key_id;
mod keyset;
mod purpose;
mod random;
mod secret;

// Values and their places.
pub use aead::deterministic::DeterministicKey;
pub use aead::{Cipher, SealOptions, SealingKey};
pub use associated_data::names::{FieldId, KeyGroup, MAX_NAME_LEN, NameError, SubjectId, TenantId};
pub use associated_data::path::{JsonPath, MAX_PATH_DEPTH, MAX_PATH_LEN, PathError};
pub use associated_data::row_key::{MAX_ROW_KEY_LEN, RowKey, RowKeyError};
pub use associated_data::{AssociatedData, ContextError, MAX_EXTRA, MAX_EXTRA_LEN};
pub use ciphertext::{Ciphertext, CiphertextError, OVERHEAD, Suite, from_text, to_text};
pub use error::{OpenError, SealError};

// Keys.
pub use data_key::{DataKey, WrongPurpose};
pub use key_id::{KeyId, KeyIdError};
pub use keyset::state::KeyState;
pub use purpose::Purpose;
pub use secret::{KEY_LEN, SecretBytes, SecretKey};

// What everything takes from outside.
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use random::{RandomError, fill as fill_random};
