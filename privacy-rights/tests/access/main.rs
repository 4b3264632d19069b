//! The bundle that a person is given.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod attached;
mod databases;
mod forms;
mod given;
mod harmless;
mod places;
mod refused;
#[path = "../support/mod.rs"]
mod support;
mod verified;
mod world;
