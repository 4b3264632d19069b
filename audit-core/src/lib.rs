//! A hash-chained, tamper-evident audit journal as pure logic: no I/O, no async runtime, no database.

// One section per area; modules are private, and each type has one public name.

mod clock;
mod name;

// What the host says, and what is kept of it.
pub use clock::{Clock, ManualClock, SystemClock, Timestamp, TimestampError};
pub use name::{ChainId, JournalName, MAX_CHAIN_PART, MAX_JOURNAL_NAME, NameError, Origin};
