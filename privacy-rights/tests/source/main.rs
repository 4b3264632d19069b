//! Sources: finding, reading and erasing what is a person's.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod conforms;
mod dense;
mod erase;
mod holds;
mod objects;
mod refusals;
mod scan;
#[path = "../support/mod.rs"]
mod support;
mod walk;
mod world;
