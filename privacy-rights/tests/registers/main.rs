//! Registers, and what leads to their entries.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod backups;
mod breaches;
mod export;
mod preferences;
mod processing;
#[path = "../support/mod.rs"]
mod support;

fn at(text: &str) -> audit_core::Timestamp {
    let text = if text.len() == 10 { format!("{text}T10:00") } else { text.to_owned() };
    format!("{text}:00.000000Z").parse().unwrap()
}
