//! A writer's process is killed at a random moment, again and again.

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

use std::collections::{HashSet, hash_map::RandomState};
use std::hash::BuildHasher;
use std::time::Duration;

use stress::Host;
use support::{Writer, journal};
use test_support::{TestDatabase, both_databases, scaled};

async fn what_was_acknowledged_survives_sigkill<T: TestDatabase<Db: Host>>(db: T) {
    let kills = scaled(10_u64, 200);
    let random = RandomState::new();
    let mut acknowledged = HashSet::new();
    let journal = journal::<T::Db>(&db.url()).await;
    for kill in 0..kills {
        let writer = Writer::start(&db.url(), &["--tasks", "8", "--count", "1000000"]);
        // Not a wait for something to happen: the moment of death is meant to be arbitrary, from
        // before the first append to the midst of many.
        let moment = Duration::from_millis(5 + random.hash_one(kill) % 250);
        let promised = tokio::task::spawn_blocking(move || {
            std::thread::sleep(moment);
            writer.kill()
        });
        acknowledged.extend(promised.await.unwrap());
        stress::check(&journal, &acknowledged).await.unwrap_or_else(|error| {
            panic!("after kill {kill} at {moment:?}: {error}");
        });
    }
    assert!(!acknowledged.is_empty(), "no writer lived long enough to append anything");
    journal.close().await;
}

both_databases!(what_was_acknowledged_survives_sigkill);
