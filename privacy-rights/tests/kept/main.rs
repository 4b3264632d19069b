//! Registers as they are kept, with their entries in the journal.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod breaches;
mod others;
mod people;
mod source;
#[path = "../support/mod.rs"]
mod support;
mod world;

fn at(text: &str) -> audit_core::Timestamp {
    let text = if text.len() == 10 { format!("{text}T10:00") } else { text.to_owned() };
    format!("{text}:00.000000Z").parse().unwrap()
}
