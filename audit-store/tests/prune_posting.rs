//! Posting and pruning at the same time, on both databases.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    dead_code,
    reason = "a test fails by panicking"
)]

#[path = "support/place.rs"]
mod place;
#[path = "support/years.rs"]
mod years;

use audit_store::PruneOptions;
use place::{Place, verified};
use years::{acme, clock, day, days, schedule, small, with};

/// What was appended a moment ago is posted from memory, and must not be after it was pruned, here or
/// by another process.
async fn what_was_pruned_before_it_was_posted_is_not_posted<T: Place>(db: T) {
    let clock = clock();
    let journal = small(&db, &clock).await;
    let other = db.open(&with(&clock, schedule())).await.unwrap();
    for round in 0..4 {
        clock.set(day(round * 30));
        days::<T>(&journal, &clock, &acme(), 3, 300).await;
        clock.set(day(round * 30 + 20));
        let pruner = if round % 2 == 0 { &other } else { &journal };
        let report = pruner.prune(&PruneOptions::new().batch(100)).await.unwrap();
        assert!(report.removed() > 800, "{report:?}");
        // Once the journal is quiet its task posts what it has in memory.
        let upto = 256 * ((round + 1) * 900 / 256);
        let sql = "SELECT coalesce(max(upto), 0) FROM audit_posted";
        while db.number(sql).await < upto {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        verified(&journal).await;
    }
    other.close().await;
    journal.close().await;
}

test_support::both_databases!(what_was_pruned_before_it_was_posted_is_not_posted);
