//! What follows an erasure, and bundles that are handed out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod backups;
mod bundles;
mod forgetting;
mod race;
mod scene;
mod second_look;
#[allow(dead_code, reason = "shared with the tests of erasures")]
#[path = "../erasure/shop.rs"]
mod shop;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/world.rs"]
mod world;

use world::at;
