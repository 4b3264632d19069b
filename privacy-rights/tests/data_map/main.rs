//! Declarations, and what they are held against.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod constraints;
mod coverage;
mod declarations;
#[path = "../support/mod.rs"]
mod support;
