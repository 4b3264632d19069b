//! A hash-chained, tamper-evident audit journal as pure logic: no I/O, no async runtime, no database.

// One section per area; modules are private, and each type has one public name.

mod clock;
mod hash;
mod name;
mod retention;
#[allow(dead_code, reason = "used by the chain verifier, which follows")]
mod seq_set;
mod tree;
mod verify;

// What the host says, and what is kept of it.
pub use clock::{Clock, ManualClock, SystemClock, Timestamp, TimestampError};
pub use name::{ChainId, JournalName, MAX_CHAIN_PART, MAX_JOURNAL_NAME, NameError, Origin};

// The tree over the entries, and what can be proved with it.
pub use hash::{HASH_LEN, HashParseError, LeafHash, NodeHash, RootHash};
pub use tree::compact_range::CompactRange;
pub use tree::consistency::{ConsistencyProof, ConsistencyRequest, MAX_CONSISTENCY_HASHES};
pub use tree::inclusion::{InclusionProof, InclusionRequest, MAX_INCLUSION_HASHES, ProofError};
pub use tree::tile::{
    TILE_HEIGHT, TILE_WIDTH, Tile, TileError, TileId, partial_tiles, tiles_filled,
};
pub use tree::{MAX_TREE_SIZE, NodeId, TreeError, TreeHead};

// Verification.
pub use verify::finding::{Evidence, EvidenceSource, Finding, FindingCode, MAX_FINDINGS_PER_CODE};
pub use verify::report::{
    ChainReport, CheckpointReport, CheckpointStatus, Counts, GrowthPoint, Information, KeyReport,
    KeyTrust, Verdict, VerificationReport, WitnessReport,
};

// How long records are kept.
pub use retention::period::{Period, PeriodError};
pub use retention::schedule::{AcrossSchedules, Applies, ScheduleEntry, ScheduleHistory};
