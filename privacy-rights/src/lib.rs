//! The requests of data subjects under the GDPR and similar laws, as software: each gets a legal clock,
//! a complete answer, and proof.
//!
//! # What there is
//!
//! | for | look at |
//! |---|---|
//! | when an answer, a notice or a promise is due, and why | [`due`], [`Regime`], [`HolidayCalendar`] |
//! | saying what personal data is where | [`DataMap`], [`SourceDeclaration`]; a test that nothing was left out: `assert_covered` |
//! | finding, reading and erasing it | [`PersonalDataSource`]; ready for tables (`SqlSource`), object stores (`ObjectSource`), the journal, to read only (`JournalSource`), and what people have said (`PreferenceSource`) |
//! | taking requests and proving who asks | `Desk` |
//! | access and portability | [`AccessBundle`]; handed out by `Desk::begin_export`, `publish_zip`, `download`; checked by [`verify_bundle`] |
//! | erasure | `Eraser`, from an [`ErasurePlan`] to a [`SignedCertificate`] |
//! | rectification, restriction, objection, withdrawal of consent, opt-out | `RightsHandler` |
//! | the end of a tenant | `TenantPurger` |
//! | what a controller must be able to show | [`Register`]: records of processing, recipients, breaches, disclosures, consents; kept in the database by `Registers` |
//! | a host's own tests | with the feature `testkit`: `conformance`, `Canaries`, `restore_drill` |
//!
//! # The main job
//!
//! A table is declared; a person is given everything that is known of her, and is then forgotten.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use audit_core::{Actor, ChainId, Clock as _, JournalName, SigningKey, SystemClock};
//! use audit_store::{JournalOptions, SqliteJournal};
//! use crypto_fields as cf;
//! use privacy_rights::sqlx::{self, SqlitePool};
//! use privacy_rights::{
//!     AccessBundle, AccessNotice, AutomatedDecisions, Catalogue, Certificate, Controller, DataMap,
//!     Desk, DeskOptions, Eraser, ErasureState, ErasureStrategy, Field, FileNoteLedger, Identifier,
//!     LegalBasis, Link, NewRequest, PersonalDataSource, Place, Purpose, Regime, Retention, Right,
//!     Selection, SignedCertificate, SourceDeclaration, SqlSource, Storage, SubjectKeyVault,
//!     SuppressionTokens, assert_covered,
//! };
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("app.db");
//! let pool = SqlitePool::connect(&format!("sqlite:{}?mode=rwc", file.display())).await?;
//! sqlx::raw_sql("CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT NOT NULL);
//!     INSERT INTO customer VALUES (1, 'ann@example.com'), (2, 'bob@example.com')")
//!     .execute(&pool)
//!     .await?;
//!
//! // Once: what is kept where, why, and what an erasure does with it.
//! let customers = SourceDeclaration::new("customers", Storage::table("customer", "id")?)
//!     .linked(Link::column("id", "customer_id")?)
//!     .located("BE".parse()?, "our own data centre")
//!     .purpose("sale")
//!     .kept(Retention::new("as long as there is an account"))
//!     .erased_by(ErasureStrategy::Delete)
//!     .field(Field::new("email", "contact", "Where we write to you.").identifies("email"));
//! let map = DataMap::builder(Controller::new("Example NV", "privacy@example.com"))
//!     .purpose(Purpose::new("sale", "To sell music", LegalBasis::Contract).about("customers"))
//!     .source(customers)
//!     .build()?;
//! // In a test of the host's: it fails on a table of a person's data that nobody declared.
//! assert_covered(&pool, &map).await?;
//! let mut sources: Vec<Arc<dyn PersonalDataSource>> = Vec::new();
//! let catalogue = Catalogue::read(&pool).await?;
//! for declared in map.erasure_order(&catalogue).map_err(|cycle| cycle.to_string())? {
//!     sources.push(Arc::new(SqlSource::new(pool.clone(), declared.clone()).await?));
//! }
//!
//! // A journal, keys and a desk. Real keys are kept, and backed up, apart from the data.
//! let key = SigningKey::generate("audit.example.com")?;
//! let options = JournalOptions::new(JournalName::new("audit.example.com")?)
//!     .signer(key.renamed("audit.example.com")?);
//! let journal = SqliteJournal::create_in_pool(pool.clone(), &options).await?;
//! let epoch = cf::KeyEncryptionKey::new(&cf::DataKey::generate(cf::Purpose::Wrap)?)?;
//! let keys = cf::SubjectKeys::new(
//!     cf::KeyStore::open(pool.clone(), &cf::SystemClock).await?,
//!     cf::EpochKeys::new(Arc::new(epoch)),
//!     cf::CachePolicy::new(100, Duration::from_secs(300)),
//!     Arc::new(cf::SystemClock),
//! );
//! let vault = Arc::new(SubjectKeyVault::new(Arc::new(keys))?);
//! let codes = cf::CredentialKeys::new(&cf::DataKey::generate(cf::Purpose::Credential)?)?;
//! let tokens = cf::DataKey::generate(cf::Purpose::BlindIndex)?;
//! let tokens = Arc::new(SuppressionTokens::new(tokens));
//! let chain = ChainId::new("acme", "rights")?;
//! let law = (Regime::gdpr(), Place::new(chrono_tz::Europe::Brussels));
//! let options = DeskOptions::new(chain, law, Arc::new(SystemClock), vault, Arc::new(codes))
//!     .downloads(folder.path().join("bundles"), tokens.clone());
//! let desk = Arc::new(Desk::open(journal, pool.clone(), options).await?);
//! let clerk = || Actor::user("usr_7");
//!
//! // She asks what is known of her. A code goes to her address, and comes back.
//! let ann = Selection::of(Identifier::new("customer_id", "1")?);
//! let access = desk.receive(NewRequest::new(Right::Access, ann.clone()), clerk()).await?;
//! let code = desk.ask_identity(access, clerk()).await?;
//! desk.prove_identity(access, code.reveal(), clerk()).await?;
//! assert!(desk.due(access).await?.deadline().is_some());
//!
//! // Her bundle, which she gets by a token that expires.
//! let export = desk.begin_export(access, &ann, clerk()).await?;
//! let notice = AccessNotice::new("The authority, Brussels", "From you.", AutomatedDecisions::None);
//! let now = SystemClock.now().into();
//! let bundle = AccessBundle::access(&map, &ann, &notice, export.id(), now);
//! let bundle = bundle.source(&*sources[0]).make(export.workshop(), &key).await?;
//! let token = desk.publish_directory(export, bundle, clerk()).await?;
//! let download = desk.download(&token.reveal(), clerk()).await?;
//! assert!(download.path.join("index.html").exists());
//!
//! // She asks to be forgotten. The ledger is outside of the database, and of its backups.
//! let ledger = Arc::new(FileNoteLedger::new(folder.path().join("erasures.ledger")));
//! let signer = Arc::new(key.renamed("audit.example.com")?);
//! let eraser = Eraser::new(desk.clone(), sources, ledger, tokens, signer);
//! eraser.boot_check().await?; // at each start: a restored backup is found, and replayed
//! let erasure = desk.receive(NewRequest::new(Right::Erasure, ann), clerk()).await?;
//! desk.vouch_identity(erasure, "session", clerk()).await?;
//! let plan = eraser.preview(erasure, "gdpr-17-1-b").await?; // counts and reasons; changes nothing
//! eraser.propose(&plan, clerk()).await?;
//! desk.approve(erasure, plan.digest(), None, Actor::user("usr_dpo")).await?;
//! eraser.begin(erasure, "gdpr-17-1-b", clerk()).await?;
//! assert_eq!(eraser.run(erasure).await?, ErasureState::Done);
//!
//! // Who she was is gone, her bundle with it; what is left is proof that names nobody.
//! assert!(desk.download(&token.reveal(), clerk()).await.is_err());
//! assert!(eraser.is_erased(&Identifier::new("email", "Ann@example.com")?).await?);
//! let certificate = eraser.certificate(erasure).await?.ok_or("it is signed")?;
//! let certificate = SignedCertificate::parse(&certificate)?;
//! let Certificate::Erasure(part) = certificate.verify(&[key.verifier().clone()])? else {
//!     return Err("this is part 1".into());
//! };
//! assert_eq!((part.erased[0].records, part.left.records), (1, 0));
//!
//! // Now and then, by whatever the host calls at intervals: alarms, holds that have ended, a second
//! // look, part 2 of the certificate, what has expired.
//! eraser.sweep_all().await?;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/rights-desk` plays it on a shop with invoices that a law keeps, with a breach and the
//! registers.
//!
//! # What is guaranteed
//!
//! - **Complete or not at all.** A bundle holds what every declared source has of the person, or says
//!   what is kept back and why; one with a source or a file missing is not made.
//! - **One way to name a person's rows.** Access, erasure and the check that nothing is left use the same
//!   [`Selection`].
//! - **Nothing is destroyed before its intent is on record**, in the database and in a ledger outside it.
//!   A crash between any two statements is gone on from, whoever calls next.
//! - **A step and its entry in the journal are one transaction**, of requests, registers and erasures.
//! - **What was approved is what is done.** A plan has a digest; with other data or another hold it does
//!   not begin.
//! - **Holds are asked in the transaction that erases**, record by record; what a hold or a law keeps is
//!   named in the certificate, and is erased by a sweep when that ends.
//! - **No export outlives an erasure.** Bundles cannot be had any more from the commit of its intent on.
//! - **Neither tables nor journal name anybody.** Whom a request is about lies sealed under a key of its
//!   own, which is destroyed when the record period is over; who was erased is known again by a keyed
//!   token alone.
//!
//! # What is not
//!
//! - What is not declared is not found; `assert_covered` sees what a catalogue shows, and no free text.
//! - **A restored backup** is noticed by the ledger outside the database, and by nothing else: one that is
//!   lost, or restored together with the database, brings people back unseen. Keys that are kept in the
//!   same backup come back with it.
//! - **Physical remnants.** Deleted rows may stand in unused room of the database's files, in its log, in
//!   replicas and backups until it is vacuumed and they are gone. The certificate's second part speaks of
//!   the backups that the host has registered or declared.
//! - **Recipients outside** are told, and what they do is theirs. After a crash one may be told twice.
//! - Of object stores that keep versions, `ObjectSource` sees and removes what a listing shows; for a
//!   tenant's end older versions are removed where the host shows them (`ObjectHistory`), and otherwise
//!   reported as not seen.
//! - **Nothing runs by itself.** The host calls `Eraser::sweep_all`, or `Desk::sweep` and `Eraser::sweep`,
//!   at intervals; a deadline that nobody sweeps for raises no alarm.
//! - A bundle that was downloaded is out of reach.
//! - It is not legal advice: periods, grounds and holidays are data, for somebody who knows the law to
//!   check.
//!
//! # Features
//!
//! None by default: then there are the clock, the data map, requests, bundles, registers and certificates
//! as logic without a database.
//!
//! | feature | brings |
//! |---|---|
//! | `sqlite`, `postgres` | everything that is kept: desk, eraser, registers, sources of tables and of the journal, tenants |
//! | `object-store` | the objects under a prefix as a source, and of a tenant |
//! | `zip` | bundles as archives |
//! | `icalendar` | holidays from iCalendar files |
//! | `testkit` | what a host's tests ask |

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
