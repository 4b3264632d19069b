//! Requests: what may follow what, and how they are kept.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod evidence;
#[path = "../support/world.rs"]
mod home;
mod kept;
mod states;
#[path = "../support/mod.rs"]
mod support;
mod world;

use home::at;
