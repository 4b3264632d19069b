//! Many processes and tasks on one chain, by every way to append at once.

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

use std::collections::HashSet;

use stress::Host;
use support::{Writer, journal};
use test_support::{TestDatabase, both_databases, scaled};

async fn no_gap_no_fork_nothing_lost_nothing_twice<T: TestDatabase<Db: Host>>(db: T) {
    let (processes, tasks, appends) = scaled((2, 4, 50), (8, 8, 200));
    let journal = journal::<T::Db>(&db.url()).await;
    let arguments = ["--tasks", &tasks.to_string(), "--count", &appends.to_string()];
    let writers: Vec<_> = (0..processes).map(|_| Writer::start(&db.url(), &arguments)).collect();
    let mut acknowledged = HashSet::new();
    for writer in writers {
        acknowledged.extend(tokio::task::spawn_blocking(|| writer.finish()).await.unwrap());
    }
    assert_eq!(acknowledged.len(), processes * tasks * appends);
    let chain = stress::check(&journal, &acknowledged).await.unwrap();
    // One more than the writers' events: the entry that opened the chain.
    assert_eq!(chain.entries, processes * tasks * appends + 1);
    journal.close().await;
}

both_databases!(no_gap_no_fork_nothing_lost_nothing_twice);
