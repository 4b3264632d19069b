//! Verification of whole chains: what is lawful is intact, and each kind of tampering is found
//! with its code, its place and its evidence.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "tests"
)]

mod altered;
mod chain;
mod checkpoints;
mod order;
mod private;
mod properties;
mod retention;
