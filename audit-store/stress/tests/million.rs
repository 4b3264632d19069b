//! Verification of a long chain in bounded memory.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod support;

use std::process::Command;

use stress::Host;
use support::journal;
use test_support::{TestDatabase, both_databases, scaled};

/// The largest resident set that a verification may reach, in KiB.
const LIMIT: u64 = 200 * 1024;

fn run(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_journal-stress")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn a_long_chain_is_verified_in_little_memory<T: TestDatabase<Db: Host>>(db: T) {
    let count = scaled("20000", "1000000");
    journal::<T::Db>(&db.url()).await.close().await;
    let url = db.url();
    let words = tokio::task::spawn_blocking(move || {
        run(&["--url", &url, "fill", "--count", count]);
        run(&["--url", &url, "verify"])
    });
    let words = words.await.unwrap();
    let (entries, largest) = words.trim().split_once(' ').unwrap();
    assert_eq!(entries.parse::<u64>().unwrap(), count.parse::<u64>().unwrap() + 1);
    let largest: u64 = largest.parse().unwrap();
    assert!(largest < LIMIT, "{largest} KiB");
}

both_databases!(a_long_chain_is_verified_in_little_memory);
