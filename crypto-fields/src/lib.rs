//! Authenticated encryption of single fields, bound to their place, with keys that rotate and people
//! who can be forgotten by destroying a key.
//!
//! A field goes in and a ciphertext comes out, which opens in the same tenant, field and row only.
//! What does the encryption are the RustCrypto implementations of AES-GCM, ChaCha20-Poly1305,
//! AES-SIV, HMAC and Argon2; this crate adds what goes wrong around them: context, commitment,
//! keys, states, rotation and erasure.
//!
//! # Where to start
//!
//! | you want to | start from |
//! |---|---|
//! | seal a field of a row | [`FieldCipher`], [`RowContext`], [`Sealed`] |
//! | seal a struct by one call | [`SealFields`] (feature `derive`) |
//! | seal parts of a JSON document, or a file | [`DocumentCipher`], [`StreamKey`] |
//! | move a column from plaintext to ciphertext | [`FieldMode`] |
//! | make keys, rotate and destroy them | [`KeysetManager`], [`Keyset`], [`Census`] |
//! | keep wrapped keys in a database (feature `sqlite` or `postgres`) | `KeyStore` |
//! | seal a living table anew under another key, and count | `Rotator`, `SealedColumn` (the same features) |
//! | keep the root key in a file, a passphrase, a key service | [`LocalKey`], [`PassphraseKey`], [`KeyWrapper`] |
//! | forget a person | [`SubjectKeys`], [`EpochKeys`], [`CryptoErasure`] |
//! | look up by an encrypted value | [`BlindIndex`] |
//! | keep passwords, tokens and codes | [`PasswordHasher`], [`ApiToken`], [`OneTimeCode`], [`Totp`] |
//! | come from Fernet | [`MultiFernet`] |
//! | read the bytes in another language | [`mod@format`] |
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use crypto_fields::{
//!     FieldCipher, FieldId, KeyGroup, KeyPolicy, Keyset, KeysetManager, LocalKey, OpenError,
//!     Purpose, RowContext, RowKey, SecretKey, SystemClock, TenantId,
//! };
//!
//! // The root key stands outside the database: in a key service, or in a file that only you read.
//! let root = LocalKey::new(SecretKey::random()?);
//!
//! // One primary key for each tenant, purpose and group; its record holds it wrapped.
//! let tenant = TenantId::new("acme")?;
//! let mut manager = KeysetManager::new(Vec::new(), KeyPolicy::DEFAULT, SystemClock);
//! manager.create(&root, &tenant, Purpose::Seal, &KeyGroup::DEFAULT).await?;
//! let keys = Keyset::load(manager.records().to_vec(), &[&root]).await?;
//!
//! // A value is sealed for its row, and opens there.
//! let email = FieldCipher::new(FieldId::new("users.email")?);
//! let alice = RowContext::new(&keys, tenant.clone(), RowKey::int(1)?);
//! let stored = email.seal(&alice, &"alice@example.com".to_owned())?;
//! assert_eq!(email.open(&alice, &stored)?, "alice@example.com");
//!
//! // Copied into another row it does not.
//! let mallory = RowContext::new(&keys, tenant, RowKey::int(2)?);
//! assert_eq!(email.open(&mallory, &stored), Err(OpenError::Authentication));
//! # Ok(())
//! # }
//! ```
//!
//! # What it guarantees
//!
//! - **A ciphertext opens in its place only**: not in another row, column, table or tenant, not for
//!   another data subject, at another path or with other context of the host's. The context is
//!   canonical: two places never look the same.
//! - **It opens under one key only.** Each ciphertext of suites 0x01, 0x02 and 0x04 commits to its
//!   key, its header and its whole context, which is checked in constant time before anything is
//!   decrypted.
//! - **One answer to whatever is not authentic**: [`OpenError::Authentication`] says no more.
//! - **No limit of messages worth counting.** Each message has a key of its own, by a salt of 192
//!   bits; a repeated salt among 2^80 messages has a chance of 2^-32.
//! - **A header cannot talk a field down**: suites are allowed by the field, keys serve one purpose.
//! - **Keys do not skip**: none seals before it had the time to reach every process, none is
//!   destroyed without proof, by a complete census, that nothing is sealed under it.
//! - **Destroyed, live and unknown are three answers**: a wrong keyset does not read as erasure.
//! - **Secrets are wiped** when they are dropped, print nothing of themselves, and have no
//!   `Serialize` or `Clone`. An opened value is wiped if it is taken as [`SecretBytes`]; a `String`
//!   is the host's.
//! - **No panic** on any input, and no `unsafe`.
//!
//! # What it does not
//!
//! - It does not hide how long a value is, unless it is padded, nor how often one is written, nor
//!   that it is not set (`NULL`).
//! - Deterministic fields and blind indexes show which values are equal, as they say.
//! - It does not show that a value is the newest that was sealed in its place: an old ciphertext of
//!   the same cell opens there again.
//! - Whoever has the running process has its keys. Registers and the stack are not wiped, nor what
//!   the system swaps out.
//! - Destroying a key does not reach plaintext that was copied elsewhere, nor a backup that has the
//!   root or epoch key beside it. **Keep the root key out of the database, and epoch keys out of its
//!   backups.**
//! - It is built of primitives that were audited, and was not audited itself.
//!
//! # Features
//!
//! None is on by default. `derive` adds `#[derive(SealFields)]`; `sqlite` and `postgres` make
//! [`Sealed`] a column, and bring what keeps keys in a database and rotates tables; `testkit` adds
//! the test that whoever writes a [`KeyWrapper`] runs; `bcrypt` reads old password hashes. Without a
//! feature the crate does no I/O but to read the file of a [`LocalKey`], and starts no thread or
//! task, except that [`SpawnedPasswordHasher`] hashes on tokio's.

// One section per area; modules are private, and each type has one public name.

mod aead;
mod associated_data;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod backend;
mod blind_index;
mod cache;
mod ciphertext;
mod clock;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod column;
mod credential;
mod data_key;
mod document;
mod error;
mod fernet;
mod field;
mod key_id;
mod keyset;
mod mac;
mod purpose;
mod random;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod rotation;
mod sealed;
mod secret;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod store;
mod stream;
mod subject_key;
mod wrap;

// Values and their places.
pub use aead::deterministic::DeterministicKey;
pub use aead::{Cipher, SealOptions, SealingKey};
pub use associated_data::names::{FieldId, KeyGroup, MAX_NAME_LEN, NameError, SubjectId, TenantId};
pub use associated_data::path::{JsonPath, MAX_PATH_DEPTH, MAX_PATH_LEN, PathError};
pub use associated_data::row_key::{MAX_ROW_KEY_LEN, RowKey, RowKeyError};
pub use associated_data::{AssociatedData, ContextError, MAX_EXTRA, MAX_EXTRA_LEN};
pub use ciphertext::{Ciphertext, CiphertextError, OVERHEAD, Suite, from_text, to_text};
#[cfg(feature = "derive")]
pub use crypto_fields_derive::SealFields;
pub use error::{OpenError, SealError};
pub use field::registry::{SealFields, SealedField};
pub use field::row::RowContext;
pub use field::value::FieldValue;
pub use field::{FieldCipher, FieldMode};
pub use sealed::{Sealed, SealedText};

// Documents and files.
pub use document::pattern::{PathPattern, PatternError};
pub use document::{DocumentCipher, DocumentError};
pub use stream::{StreamHeader, StreamKey, StreamReader, StreamWriter};

// Keys.
pub use data_key::{DataKey, WrongPurpose};
pub use key_id::{KeyId, KeyIdError};
pub use keyset::census::{Census, CensusBuilder, CensusError, UnusedKey};
pub use keyset::event::{KeyEvent, KeyEventKind, KeyEvents};
pub use keyset::manager::{KeyPolicy, KeysetManager, Transition, TransitionError};
pub use keyset::ready::{KeyOrigin, ReadyKey};
pub use keyset::record::{KeyCheck, KeyRecord};
pub use keyset::sealed::{SealedKeyset, SealedKeysetError};
pub use keyset::state::KeyState;
pub use keyset::{KeySource, KeyStatus, Keyset, KeysetError};
pub use purpose::Purpose;
pub use secret::{KEY_LEN, SecretBytes, SecretKey};

// Search.
pub use blind_index::normalizer::Normalizer;
pub use blind_index::plan::{ColumnShape, IndexWidth, MIN_CARDINALITY, PlanError};
pub use blind_index::value::BlindIndexValue;
pub use blind_index::{BlindIndex, BlindIndexError, MAX_INDEXED, MAX_PARTITIONS};

// What people and programs log in with.
pub use credential::backup_code::{BACKUP_CODES, BackupCode, BackupCodeError, BackupCodeSet};
pub use credential::key::{
    CREDENTIAL_HASH_LEN, CredentialHash, CredentialHashError, CredentialKeys,
};
pub use credential::lockout::{Admission, LockoutPolicy, LockoutState};
pub use credential::one_time_code::{
    OneTimeCode, OneTimeCodeError, OneTimeCodePolicy, OneTimeCodeState, OneTimeCodeVerdict,
};
pub use credential::password::pepper::PasswordPepper;
pub use credential::password::policy::{PasswordCost, PasswordPolicy};
pub use credential::password::spawned::SpawnedPasswordHasher;
pub use credential::password::{PasswordError, PasswordHasher, PasswordUpgrade, PasswordVerdict};
pub use credential::token::{
    ApiToken, ApiTokenError, MAX_TOKEN_PREFIX, StoredToken, TokenLookupId, TokenPrefix,
    TokenVerdict,
};
pub use credential::totp::{
    MAX_TOTP_SECRET, MIN_TOTP_SECRET, Totp, TotpAlgorithm, TotpError, TotpStep,
};

// Where hosts come from.
pub use fernet::{FERNET_CLOCK_SKEW, FernetError, FernetKey, FernetKeyError, MultiFernet};

// Keys of data subjects.
pub use cache::{CacheMetrics, CachePolicy};
pub use subject_key::store::{
    MemorySubjectKeys, StoreResult, SubjectKeyRecord, SubjectKeyState, SubjectKeyStore,
    SubjectStoreError,
};
pub use subject_key::{
    CryptoErasure, EpochKeys, Rewrapped, SubjectKey, SubjectKeyError, SubjectKeys,
};

// Keys in a database.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use backend::{
    Backend,
    error::{DatabaseError, DatabaseErrorKind},
};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use store::{KeyStore, error::StoreError, migrate::migrations, tenants::DestroyedKeys};

// Rotation over tables.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use rotation::{
    Rotator,
    column::{PlaintextRows, RowKeyType, SealedColumn},
    error::RotationError,
    name::SqlNameError,
    progress::Progress as RotationProgress,
    quarantine::{FailureClass, Quarantined},
};

// Keys that wrap keys.
#[cfg(feature = "testkit")]
pub use wrap::conformance;
pub use wrap::kek::KeyEncryptionKey;
pub use wrap::local::{LocalKey, LocalKeyError};
pub use wrap::passphrase::{PassphraseError, PassphraseKey, PassphraseParams};
pub use wrap::{BoxFuture, KeyOwner, KeyWrapper, WrapContext, WrapError, WrappedDataKey};

// What everything takes from outside.
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use random::{RandomError, fill as fill_random};

#[doc = include_str!("../FORMAT.md")]
pub mod format {}

/// For what `#[derive(SealFields)]` generates, and nobody else.
#[doc(hidden)]
pub mod __private {
    pub use crate::field::registry::field;
}
