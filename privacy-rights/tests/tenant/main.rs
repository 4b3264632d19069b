//! The journal as a source, and the end of a tenant.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod estate;
mod holds;
mod journal;
mod objects;
mod purge;
mod schema;
#[path = "../support/mod.rs"]
mod support;
mod world;
