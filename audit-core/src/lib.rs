//! A hash-chained, tamper-evident audit journal as pure logic: no I/O, no async runtime, no database.

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
mod verify;

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
pub use verify::policy::AuditorPolicy;
pub use verify::report::{
    ChainReport, CheckpointReport, CheckpointStatus, Counts, GrowthPoint, Information, KeyReport,
    KeyTrust, Verdict, VerificationReport, WitnessReport,
};
pub use verify::summary::BlockSummary;

// How long records are kept.
pub use retention::period::{Period, PeriodError};
pub use retention::schedule::{AcrossSchedules, Applies, ScheduleEntry, ScheduleHistory};
