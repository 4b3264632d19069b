//! SQLite.

mod catalogue;
mod statement;
