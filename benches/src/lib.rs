//! What the measurements share: events as a host's own struct, the ordinary audit table that the
//! journal is compared with, and contests whose rounds take turns. The README says how each figure
//! is taken.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement that cannot be taken ends the run, and says why"
)]

mod contest;
mod engine;
mod fact;
mod meter;
mod plain;
mod report;

pub use contest::{Contest, median};
pub use engine::{Engine, InPostgres, InSqlite, chain, fill, journal_options};
pub use fact::{Fact, FieldChange, Ids, Party};
pub use meter::{Spent, count_server, timed};
pub use plain::{PlainRow, PlainTable, Question};
pub use report::{Figure, Report};
