//! The tamper-evident audit journal of `audit-core` in SQLite and PostgreSQL.
//!
//! [`Journal`] is the handle: it appends events so that a chain can neither fork nor have a gap,
//! alone, in batches, or in one transaction with the host's own statements.

#![cfg_attr(
    not(any(feature = "sqlite", feature = "sqlite-unbundled", feature = "postgres")),
    allow(dead_code, reason = "without a database there is nothing to open")
)]

// One section per area; modules are private, and each type has one public name.

mod append;
mod backend;
mod bundle;
mod chains;
mod checkpoint;
mod erasure;
mod error;
mod export;
mod hold;
mod index;
mod journal;
mod keys;
mod maintain;
mod migrate;
mod private;
mod proof;
mod publish;
mod query;
mod restore;
mod retention;
mod subject;
mod subject_access;
mod tail;
mod tenancy;
mod verify;
mod witness;

// Opening a journal.
pub use backend::Backend;
#[cfg(feature = "postgres")]
pub use journal::PgJournal;
#[cfg(any(feature = "sqlite", feature = "sqlite-unbundled"))]
pub use journal::SqliteJournal;
pub use journal::options::JournalOptions;
pub use journal::{Journal, JournalIdentity};
pub use migrate::{MigrationText, migrations};

// Reading.
pub use index::poster::PostError;
pub use query::cursor::{Cursor, CursorError};
pub use query::plan::Order;
pub use query::private::{
    AccessReason, ENTRY_TARGET, PRIVATE_READ, PrivateField, ReadPrivateError,
};
pub use query::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Page, Query, QueryError, StoredEntry};

// Appending.
pub use append::staging::Ticket;
pub use append::transaction::{Committed, Isolation, JournalTx};
pub use append::{AppendError, Receipt};

// Private fields at rest.
#[cfg(feature = "crypto-fields")]
pub use private::subject_keys::SubjectKeySealer;
pub use private::{OpenedPrivate, PrivateFieldSealer, PrivatePlace, SealerError};

// Keeping tenants apart.
pub use subject::key::DirectoryKey;
#[cfg(feature = "postgres")]
pub use tenancy::offboard::{DropSchemaError, DroppedSchema};
pub use tenancy::roles::{JournalRole, RolesError, RolesSql};
pub use tenancy::{Tenancy, TenantMismatch};

// Legal holds.
pub use hold::locked::{LockHoldsError, LockedHolds};
pub use hold::{HoldError, HoldOrder, LegalHoldInForce};

// Erasing people.
pub use erasure::file_ledger::FileErasureLedger;
pub use erasure::ledger::{ErasedSubject, ErasureLedger, LedgerError, LedgerPage};
pub use erasure::left::ErasureLeft;
pub use erasure::{Erasure, ErasureError, ErasureReport, Residue};

// After a restore.
pub use restore::{DeclaredLoss, RestoreError};

// How long records are kept.
pub use retention::{
    PlanApplied, PlanEntry, PlanError, PruneError, PruneOptions, PruneProgress, PruneReport,
    PrunedChain,
};

// What is due.
pub use maintain::{MaintainError, Maintenance};

// Signing and publishing checkpoints.
#[cfg(feature = "object-store")]
pub use publish::ObjectStoreSink;
pub use publish::{
    BoxFuture, CheckpointPlace, CheckpointSigner, CheckpointSink, DirectorySink, HistoryError,
    Newest, PublishReport, SignerError, SigningError, SinkError, SinkFailure,
};

// Witnesses.
pub use witness::{CheckpointWitness, WitnessAnswer, WitnessError};
#[cfg(feature = "witness")]
pub use witness::{HttpWitness, WitnessSetupError};

// The keys that sign.
pub use keys::{JournalKey, KeyChangeError};

// Proofs.
pub use proof::{ProveError, ProvenConsistency, ProvenInclusion, ReadNodesError};

// Verifying.
pub use verify::{VerifyError, VerifyOptions, VerifyProgress, verify_bundle, verify_pool};

// Exports.
pub use export::{
    BundleOptions, CSV_COLUMNS, Export, ExportError, ExportFormat, ExportSummary, Withholding,
};

// What a journal holds about one person.
pub use subject_access::{
    Acting, Activity, SUBJECT_TARGET, SubjectExport, SubjectExportError, SubjectScope,
};

// An auditor's bundle.
pub use bundle::{
    Bundle, BundleError, BundleFault, LineBlock, LineFile, LineReader, MAX_DISCLOSURE_LINE_BYTES,
    MAX_ENTRY_LINE_BYTES, MAX_MANIFEST_BYTES, MAX_SMALL_FILE_BYTES, MAX_ZIP_MEMBERS, MAX_ZIP_RATIO,
    ZipRule,
};

// What can go wrong.
pub use error::{DatabaseError, DatabaseErrorKind, OpenError};

/// The SQL toolkit whose pools and transactions are part of this crate's interface.
pub use sqlx;

/// The examples of the family's front page compile.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../../README.md")]
mod readme {}
