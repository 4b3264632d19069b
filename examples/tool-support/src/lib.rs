//! What the command-line tools share: files that are written in full or not at all, colours only
//! where they are wanted, interrupts, and the address of a database.

mod database;
mod failure;
mod journal;
pub mod keys;
pub mod output;
mod run;
mod style;

pub use database::Database;
pub use failure::{During, Failure, printed};
pub use journal::AnyJournal;
pub use run::{INTERRUPTED, WRONG_USE, run, stop};
pub use style::{Painted, Style, grouped, number_of, printable};
