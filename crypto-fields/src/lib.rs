//! Authenticated encryption of single fields with context, rotation of keys and their destruction.
//!
//! **Being built.** What is here works and is tested; it is not the whole yet.

// One section per area; modules are private, and each type has one public name.

mod aead;
mod associated_data;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod backend;
mod blind_index;
mod cache;
mod ciphertext;
mod clock;
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
pub use store::{KeyStore, error::StoreError, migrate::migrations};

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

/// For what `#[derive(SealFields)]` generates, and nobody else.
#[doc(hidden)]
pub mod __private {
    pub use crate::field::registry::field;
}
