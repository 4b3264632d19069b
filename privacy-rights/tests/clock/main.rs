//! When something is due: by cases that each stand for a rule of law, and by properties.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod cases;
mod data;
mod errors;
mod holidays;
mod properties;
mod table;
