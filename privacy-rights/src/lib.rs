//! The requests of data subjects under the GDPR and similar laws, as software.
//!
//! **Under construction.** What stands so far:
//!
//! - the legal clock: [`due`] says when the answer to a request, the notice of a breach or whatever
//!   a contract promises is due, and why;
//! - the data map: [`DataMap`] holds what a host declares of the personal data it keeps, and
//!   `assert_covered` fails a test when a table of a person's data is not declared;
//! - sources: [`PersonalDataSource`] finds, reads and erases what is a person's, in tables
//!   (`SqlSource`), in object stores (`ObjectSource`), in the journal itself (`JournalSource`, to read
//!   only) or wherever else the host has it;
//! - registers: the records of processing that follow from the map, breaches with their clock,
//!   consents, objections and restrictions, disclosures, changes of recipients, backups, each as a
//!   [`Register`] that is exported as CSV, JSON or a page to read; `Registers` keeps them in the
//!   database, each row with its entry in the journal;
//! - requests: [`Request`] is one as the sequence of its events, `Desk` keeps them, each step with its
//!   entry in the journal;
//! - access: [`AccessBundle`] gives a person everything that the sources hold about them, to read and
//!   to use elsewhere, signed; complete, or with what is kept back and why;
//! - downloads: `Desk::begin_export` and `publish_zip` hand a bundle out by a token that expires, unless
//!   the person is erased meanwhile;
//! - erasure: `Eraser` carries it out in steps, from the approved [`ErasurePlan`] to a
//!   [`SignedCertificate`], which is checked with the journal's public key alone;
//! - rectification, restriction, objection, withdrawal of consent and opt-out: `RightsHandler` carries
//!   out the `Measure` that was approved, and has recipients told;
//! - the end of a tenant: `TenantPurger` destroys what schemas, files, shared tables, object stores and
//!   key stores hold of one, keys last, and says what could not be seen.
//!
//! It is not legal advice.

#![cfg_attr(docsrs, feature(doc_cfg))]

// One section per area; modules are private, and each type has one public name.

mod access;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod backend;
mod clock;
mod data_map;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod desk;
mod erasure;
mod registers;
mod request;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod rights;
mod source;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod tenant;
#[cfg(feature = "testkit")]
mod testkit;

// When something is due.
pub use clock::calendar::{HolidayCalendar, HolidayList, WeekendsOnly};
pub use clock::due::{Deadline, Due, Ground, Place, due};
pub use clock::error::{ClockError, RuleError};
pub use clock::event::{ClockEvent, Question};
#[cfg(feature = "icalendar")]
pub use clock::icalendar::ICalendarError;
pub use clock::period::Period;
pub use clock::regime::{Duty, Regime};
pub use clock::rule::{Caution, Effect, Rolling, Rule};

// Where personal data lives, and why.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use backend::catalogue::{CoverageError, assert_covered};
pub use data_map::catalogue::{Catalogue, OnDelete};
pub use data_map::coverage::Finding;
pub use data_map::error::MapError;
pub use data_map::name::{NameError, SqlName};
pub use data_map::party::{
    Controller, Countries, Country, CountryError, Location, Place as DataPlace, Recipient, Role,
    Safeguard,
};
pub use data_map::purpose::{LegalBasis, Purpose, SpecialGround};
pub use data_map::rules::{Category, ErasureStrategy, ExportRule, Retention, Statutory};
pub use data_map::source::{Field, Link, SourceDeclaration, Storage};
pub use data_map::waiver::Waiver;
pub use data_map::{DataMap, DataMapBuilder};

// Finding, reading and erasing what is a person's.
pub use source::error::SourceError;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use source::hold::HoldPermit;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use source::journal::{JournalSource, JournalSourceError, journal_declaration};
#[cfg(feature = "object-store")]
pub use source::object::{ObjectSource, PrefixError};
pub use source::permit::{Connection, Item, NothingIsHeld, Permit, Reason, Until};
pub use source::record::{Applied, Cursor, FieldValue, Kept, Page, Record, Remaining, Step};
pub use source::rectify::{Correction, CorrectionError};
pub use source::resolve::{Resolution, resolve};
pub use source::selection::{Identifier, MAX_IDENTIFIERS, Selection, SelectionError};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use source::sql::{SqlSource, SqlSourceError};
pub use source::walk::{PAGE_SIZE, Pages, apply_all, foresee_all};
pub use source::{BoxFuture, PersonalDataSource};

// What a person is given.
pub use access::contents::{FileContent, FileContents, FileStream};
pub use access::error::AccessError;
pub use access::finished::FinishedBundle;
pub use access::manifest::{BundleForm, BundleManifest, Explained, ManifestFile, NotGiven};
pub use access::notice::{AccessNotice, AutomatedDecisions};
pub use access::rules::{Redacted, Redactor};
pub use access::seal::DocumentSigner;
pub use access::sink::BundleSink;
#[cfg(feature = "zip")]
pub use access::sink::ZipSink;
pub use access::verify::{BundleDefect, VerifiedBundle, verify_bundle};
pub use access::{AccessBundle, BundleProgress};

// Erasing, with proof.
pub use erasure::blocker::Blocker;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use erasure::blocker::LastAdministrator;
pub use erasure::certificate::error::CertificateError;
pub use erasure::certificate::signed::SignedCertificate;
pub use erasure::certificate::{
    BackupGone, BackupsCertificate, CERTIFIED, Certificate, ErasedCount, ErasureCertificate,
    KeptCount, LeftCount, NoticeOutcome, RecipientNotice,
};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use erasure::error::EraseError;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use erasure::hooks::SubjectKeyDestroyer;
pub use erasure::hooks::{KeyDestroyer, Notifier, Revocation};
pub use erasure::ledger::{ErasureNote, FileNoteLedger, NoteError as LedgerNoteError, NoteLedger};
pub use erasure::plan::{ErasurePlan, PlanError, PlannedKept, PlannedSource, verdict};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use erasure::saga::{Eraser, Progress};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use erasure::store::{ErasureState, StepKind, StepState};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use erasure::suppression::{SuppressionTokens, TokenError};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use erasure::sweep::Swept;

// Putting right, restricting, objecting.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use rights::RightsHandler;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use rights::error::RightsError;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use rights::measure::{Measure, MeasurePlan, PlannedCorrection};

// The end of a tenant.
#[cfg(all(feature = "object-store", any(feature = "sqlite", feature = "postgres")))]
pub use tenant::objects::{ObjectHistory, ObjectsHidden, ObjectsStore};
#[cfg(feature = "postgres")]
pub use tenant::schema::SchemaStore;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use tenant::{
    PatternError, TenantContents, TenantPurged, TenantStore,
    error::PurgeError,
    file::FileStore,
    keys::KeysStore,
    ledger::{FilePurgeLedger, PurgeLedger, PurgeNote},
    plan::{PlannedStore, PurgePlan},
    saga::{PurgeProgress, PurgeReport, PurgeStep, TenantPurger},
    shared::SharedStore,
};

// What a host's tests ask of its sources.
#[cfg(feature = "testkit")]
pub use testkit::canary::{Canaries, CanaryForm, CanaryFound};
#[cfg(feature = "testkit")]
pub use testkit::conformance::{ConformanceError, conformance};
#[cfg(all(feature = "testkit", any(feature = "sqlite", feature = "postgres")))]
pub use testkit::drill::{DrillError, DrillFailure, RestoreDrill, restore_drill};

// What a controller can be asked to show.
pub use registers::backup::{BackupError, BackupRegistry, BackupSet};
pub use registers::breach::{Breach, BreachError, BreachPhase, BreachStep, Risk};
pub use registers::disclosure::{Disclosure, DisclosureError};
pub use registers::engagement::{Engagement, EngagementError, EngagementStep};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use registers::kept::Registers;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use registers::kept::error::RegistersError;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use registers::kept::source::PreferenceSource;
pub use registers::preference::{
    Consent, Permission, Preference, PreferenceError, PreferenceEvent, Preferences,
};
pub use registers::{Register, RegisterError};

// Requests.
pub use request::error::TransitionError;
pub use request::event::{AlarmKind, RefusalReason, RequestEvent, Requester, Right};
pub use request::{Request, RequestState};

// Requests at work.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use desk::download::token::DownloadToken;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use desk::download::{Download, DownloadError, Export};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use desk::error::DeskError;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use desk::migrate::migrations;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use desk::preview::{Preview, SourcePreview};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use desk::queue::OpenRequest;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use desk::sweep::SweepReport;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use desk::vault::{IdentityVault, SubjectKeyVault, VaultError};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use desk::{Desk, DeskOptions, NewRequest};

// The databases.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use audit_store::{DatabaseError, DatabaseErrorKind};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use backend::Backend;
/// The SQL toolkit whose pools are part of this crate's interface.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use sqlx;
