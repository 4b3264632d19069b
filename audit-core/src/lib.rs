//! A hash-chained, tamper-evident audit journal as pure logic: no I/O, no async runtime, no
//! database.
//!
//! This crate is the model and the mathematics of a journal: events, sealed entries, the Merkle
//! tree, signed checkpoints, erasable fields, retention, verification. It is for whoever builds on
//! them where the bytes are already at hand: an auditor's tool, a check in a browser, a store for
//! a database of your own. **To keep a journal in SQLite or PostgreSQL, start from `audit-store`**,
//! which does the storing and takes its types from here.
//!
//! # Where to start
//!
//! | you want to | start from |
//! |---|---|
//! | say what happened | [`Event::builder`], the names in [`action`], [`diff`] for before and after |
//! | keep a field erasable | [`EventBuilder::private`], [`Disclosure`] |
//! | seal an event into an entry | [`Event::canonicalize`], [`entry::seal`] |
//! | read a stored entry | [`Entry::parse`], [`Entry::reserved`] |
//! | find events by who, what and on what | [`Term::of`] |
//! | keep the tree's head as entries come | [`CompactRange`], [`tiles_filled`] |
//! | sign and read tree heads | [`Checkpoint`], [`SignedCheckpoint`], [`SigningKey`] |
//! | prove that an entry is there, or that history only grew | [`InclusionRequest`], [`ConsistencyRequest`], [`ProofFile`] |
//! | verify a whole chain that fits in memory | [`verify_entries`] |
//! | verify any chain, in parallel, with disclosures and tiles | [`BlockVerifier`], [`ChainVerifier`] |
//! | ask a witness, be one, or say which ones count | [`AddCheckpoint`], [`CosigningKey`], [`TrustPolicy`] |
//! | read or write an auditor's bundle | [`Manifest`], [`EntryLine`], [`DisclosureLine`] |
//! | feed a security tool | [`siem`] |
//!
//! # Example
//!
//! Two entries of one chain, and what happens to them when the first is changed:
//!
//! ```
//! use audit_core::{
//!     Actor, ChainId, CompactRange, Entry, Event, InclusionRequest, LeafHash, Outcome, Reserved,
//!     SubjectRef, Timestamp, action, entry,
//! };
//!
//! let chain = ChainId::new("acme", "default")?;
//! let at: Timestamp = "2026-11-20T23:23:00.123456Z".parse()?;
//!
//! // Every chain begins by saying whose it is.
//! let name = "audit.example.com".parse()?;
//! let opened = Reserved::Opened { key: "the journal's verifier key".to_owned(), name };
//! let opened = opened.event(Actor::system("journal"))?.canonicalize(|_| None)?;
//! let mut first = String::new();
//! let leaf0 = entry::seal(&mut first, 0, &chain, at, None, &LeafHash::ZERO, opened.as_str())?;
//!
//! // Then come the host's events. The address can be erased later; the entry only holds a digest.
//! let login = Event::builder(action::USER_LOGIN, Actor::user("usr_1"))
//!     .outcome(Outcome::Success)
//!     .private("usr_1", "/context/ip", "192.0.2.7")
//!     .build()?;
//! let subject = SubjectRef::random()?;
//! let login = login.canonicalize(|_| Some(subject))?;
//! let mut second = String::new();
//! let leaf1 = entry::seal(&mut second, 1, &chain, at, Some(0), &leaf0, login.as_str())?;
//! assert!(!second.contains("192.0.2.7"));
//!
//! // Each entry names the hash of the one before, and both are leaves of one tree.
//! let mut tree = CompactRange::default();
//! tree.push(leaf0);
//! tree.push(leaf1);
//! assert_eq!(Entry::parse(&second)?.prev(), Entry::parse(&first)?.leaf());
//! let request = InclusionRequest::new(1, 2)?;
//! let proof = request.assemble(&[leaf0.into()])?;
//! proof.verify(leaf1, 1, &tree.head())?;
//!
//! // A changed entry is another leaf: the next one's `prev` and the tree both tell.
//! let changed = first.replace("audit.example.com", "audit.example.org");
//! assert_ne!(Entry::parse(&changed)?.leaf(), leaf0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it guarantees
//!
//! - **One text for each thing.** Entries, events, disclosures, checkpoints, proofs and manifests
//!   are read only in the one form in which they are written; whatever else is refused with the
//!   place and the reason. So equal meaning is equal bytes, and nothing is ever serialised again to
//!   be verified.
//! - **Open standards.** RFC 8785 canonical JSON, RFC 9901 disclosures, RFC 6962 hashing and
//!   proofs, C2SP signed notes, checkpoints, tiles and proofs: another implementation can check
//!   what this one made.
//! - **No panic on any input**, no `unsafe`, and bounds on everything that is read: lengths,
//!   counts, nesting.
//! - **No value in an error or a log line.** Errors name the place, the form and the limit;
//!   `Debug` of what carries values shows ids and names only.
//!
//! # What it does not
//!
//! - It does not know whether what an event says is true, nor whether something happened that no
//!   event was made of.
//! - A chain alone shows that it is consistent in itself. That it is the one that was there before
//!   shows only against a checkpoint kept outside the database, under a key the auditor trusts.
//! - Ids stand in the clear and for ever: they must be pseudonyms. Whatever names, describes or
//!   locates a person belongs in private fields, which [`EventBuilder::private`] cannot tell by
//!   itself.
//! - It keeps nothing and sends nothing: that is the store's part.

// One section per area; modules are private, and each type has one public name.

mod bundle;
mod canonical;
mod checkpoint;
mod clock;
pub mod diff;
mod disclosure;
pub mod entry;
mod event;
mod hash;
mod name;
mod note;
mod proof_file;
mod retention;
mod seq_set;
pub mod siem;
mod terms;
mod tree;
mod trust_policy;
mod verify;
mod witness;

// What the host says, and what is kept of it.
pub use canonical::defect::Defect;
pub use canonical::{MAX_DEPTH, MAX_INTEGER, MAX_NAME};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp, TimestampError};
pub use disclosure::{Digest, Disclosure, DisclosureError, OpenDisclosure, SALT_LEN, SubjectRef};
pub use entry::{Entry, EntryError, FORMAT_VERSION, MAX_ENTRY, SealError};
pub use event::action::{self, MAX_ACTION};
pub use event::actor::{Actor, ActorKind};
pub use event::builder::EventBuilder;
pub use event::canonical::CanonicalEvent;
pub use event::change::{Change, MAX_CHANGES};
pub use event::context::{Context, Outcome};
pub use event::reserved::{HoldScope, MAX_KEPT, Reserved, SeqRange};
pub use event::target::{MAX_TARGETS, Target};
pub use event::view::{ActorView, ChangeView, ContextView, EventView, TargetView};
pub use event::{Event, EventError, MAX_EVENT};
pub use name::{ChainId, JournalName, MAX_CHAIN_PART, MAX_JOURNAL_NAME, NameError, Origin};
pub use terms::Term;

// The tree over the entries, and what can be proved with it.
pub use hash::{HASH_LEN, HashParseError, LeafHash, NodeHash, RootHash};
pub use tree::compact_range::CompactRange;
pub use tree::consistency::{ConsistencyProof, ConsistencyRequest, MAX_CONSISTENCY_HASHES};
pub use tree::inclusion::{InclusionProof, InclusionRequest, MAX_INCLUSION_HASHES, ProofError};
pub use tree::tile::{
    TILE_HEIGHT, TILE_WIDTH, Tile, TileError, TileId, partial_tiles, tiles_filled,
};
pub use tree::{MAX_TREE_SIZE, NodeId, TreeError, TreeHead};

// Signatures, and the documents they are under.
pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
pub use note::cosignature::{Cosignature, CosigningKey};
pub use note::ed25519::SigningKey;
pub use note::key::{KeyAlgorithm, KeyError, VerifierKey};
pub use note::{
    MAX_NOTE_LEN, MAX_NOTE_SIGNATURES, Note, NoteError, NoteSignature, VerifiedSignature,
};
pub use proof_file::{MAX_EXTRA_LEN, ProofFile, ProofFileError};

// Witnesses, and which of them a reader asks for.
pub use trust_policy::{
    MAX_POLICY_ITEMS, MAX_POLICY_LEN, PolicyDefect, PolicyError, PolicyLog, PolicyWitness,
    TrustPolicy,
};
pub use witness::log_checkpoint::LogCheckpoint;
pub use witness::request::{
    AddCheckpoint, AddCheckpointError, MAX_ADD_CHECKPOINT_LEN, MAX_PROOF_LINES,
};
pub use witness::response::{MAX_WITNESS_ANSWER_LEN, WitnessCosignatures, WitnessSize};

// The auditor's bundle.
pub use bundle::line::{DisclosureLine, EntryLine, LineAbsence, LineContent, LineError};
pub use bundle::manifest::{BUNDLE_FORMAT, BundleFile, Manifest, ManifestError};
pub use bundle::path::{BundlePath, BundlePathError};

// Verification.
pub use verify::block::{Absence, BlockVerifier, InputKind};
pub use verify::chain::{ChainVerifier, HeadRow, OutOfOrder};
pub use verify::disclosed::Disclosed;
pub use verify::entries::verify_entries;
pub use verify::finding::{Evidence, EvidenceSource, Finding, FindingCode, MAX_FINDINGS_PER_CODE};
pub use verify::life::{LifeEvent, LifeRecord, MAX_LIFE_EVENTS};
pub use verify::policy::AuditorPolicy;
pub use verify::report::{
    ChainReport, CheckpointReport, CheckpointStatus, Counts, GrowthPoint, Information, KeyReport,
    KeyTrust, Verdict, VerificationReport, WitnessReport,
};
pub use verify::summary::BlockSummary;

// How long records are kept.
pub use retention::change::{ScheduleChange, ShortensMinimum};
pub use retention::decision::{Decision, Reason, RetentionCase, resolve};
pub use retention::hold::{LegalHold, LegalHoldError};
pub use retention::period::{Period, PeriodError};
pub use retention::plan::{Downgrade, RetentionSchedule};
pub use retention::rule::{ActionPattern, RecordSeries, RetentionRule, ScheduleError};
pub use retention::schedule::{AcrossSchedules, Applies, ScheduleEntry, ScheduleHistory, Stretch};
