//! Erasure: planned, carried out, certified.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod canaries;
mod certificate;
#[path = "../support/crash.rs"]
mod crash;
mod failing;
mod interrupted;
mod plan;
mod private;
mod races;
mod replay;
mod saga;
mod shop;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/world.rs"]
mod world;

use world::at;
