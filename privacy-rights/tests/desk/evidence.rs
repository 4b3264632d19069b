//! What a sweep of the journal leaves of requests.

use audit_core::{Actor, ChainId, Event, RetentionSchedule};
use audit_store::PruneOptions;
use privacy_rights::Right;
use test_support::both_databases;

use crate::at;
use crate::home::{Home, clerk, world_of};

async fn a_sweep_takes_no_evidence_of_a_request<T: Home>(db: T) {
    let schedule = RetentionSchedule::three_plans();
    let world = world_of(&db, |options, _| options.retention(schedule)).await;
    world.journal.set_plan("acme", "starter", clerk()).await.unwrap();
    let other = ChainId::new("acme", "default").unwrap();
    world.journal.create_chain(&other).await.unwrap();
    let login = || Event::builder("user.login", Actor::user("usr_1")).build().unwrap();
    for _ in 0..3 {
        world.journal.append(&other, login()).await.unwrap();
    }
    world.receive(Right::Access).await;

    // The plan keeps records for 90 days; the request is still open after half a year.
    world.clock.set(at("2026-12-11"));
    world.journal.append(&other, login()).await.unwrap();
    let swept = world.journal.prune(&PruneOptions::new()).await.unwrap();
    assert_eq!(swept.removed(), 2, "all but the newest old one, which proves their age");
    assert_eq!(world.actions().await, ["received"]);
    world.verified().await;
}

both_databases!(a_sweep_takes_no_evidence_of_a_request);
