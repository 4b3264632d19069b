//! SQLite.

mod catalogue;
mod source;
mod statement;
