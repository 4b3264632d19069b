//! SQLite.

mod rewrite;
mod statement;
