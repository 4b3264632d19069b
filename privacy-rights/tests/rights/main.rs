//! Rectification, restriction, objection, withdrawal of consent and opt-out, carried out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod rectified;
mod scene;
mod sources;
#[path = "../support/mod.rs"]
mod support;
mod uses;
#[path = "../kept/world.rs"]
mod world;

fn at(text: &str) -> audit_core::Timestamp {
    let text = if text.len() == 10 { format!("{text}T10:00") } else { text.to_owned() };
    format!("{text}:00.000000Z").parse().unwrap()
}
