//! Legal holds placed while somebody is being erased, on both databases.
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

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use audit_core::{Actor, Event, HoldScope, Reserved, RetentionSchedule, SubjectRef, Target};
use audit_store::{
    BoxFuture, Erasure, HoldOrder, OpenedPrivate, PrivateFieldSealer, PrivatePlace, PruneOptions,
    Query, SealerError, SubjectKeySealer,
};
use crypto_fields::{
    CachePolicy, EpochKeys, LocalKey, MemorySubjectKeys, SecretKey, SubjectKeys, SystemClock,
};
use place::{Place, chain, clock, event, options, verified};
use tokio::sync::Semaphore;

const PERSON: &str = "person-7b1f2c";

fn dpo() -> Actor {
    Actor::user("dpo")
}

fn about(target: &str) -> Event {
    Event::builder("user.login", Actor::user("usr_1"))
        .target(Target::new("record", target))
        .private(PERSON, "/context/ip", "192.0.2.7")
        .build()
        .unwrap()
}

fn on_record(hold: &str, id: &str) -> HoldOrder {
    HoldOrder::on_target("acme", &Target::new("record", id), hold, "file 12/26", dpo())
}

fn erasure() -> Erasure {
    Erasure::new("acme", PERSON, dpo(), "gdpr-17-1-b", "req-1")
}

/// Keeps no field under a custody key until it is let go on.
#[derive(Clone, Debug)]
struct Hesitant {
    asked: Arc<Semaphore>,
    goes_on: Arc<Semaphore>,
    sealer: Arc<SubjectKeySealer<MemorySubjectKeys>>,
}

impl PrivateFieldSealer for Hesitant {
    fn seal<'a>(
        &'a self,
        place: &'a PrivatePlace,
        disclosure: &'a str,
    ) -> BoxFuture<'a, Result<String, SealerError>> {
        self.sealer.seal(place, disclosure)
    }
    fn keep<'a>(
        &'a self,
        place: &'a PrivatePlace,
        disclosure: &'a str,
    ) -> BoxFuture<'a, Result<String, SealerError>> {
        Box::pin(async {
            // Only the key is made: nothing is kept yet, and nothing locked.
            if disclosure.is_empty() {
                return self.sealer.keep(place, disclosure).await;
            }
            self.asked.add_permits(1);
            self.goes_on.acquire().await.map_err(SealerError::unavailable)?.forget();
            self.sealer.keep(place, disclosure).await
        })
    }
    fn destroy<'a>(
        &'a self,
        tenant: &'a str,
        subject: SubjectRef,
    ) -> BoxFuture<'a, Result<(), SealerError>> {
        self.sealer.destroy(tenant, subject)
    }
    fn destroy_custody<'a>(
        &'a self,
        tenant: &'a str,
        subject: SubjectRef,
    ) -> BoxFuture<'a, Result<(), SealerError>> {
        self.sealer.destroy_custody(tenant, subject)
    }
    fn open<'a>(
        &'a self,
        place: &'a PrivatePlace,
        sealed: &'a str,
    ) -> BoxFuture<'a, Result<OpenedPrivate, SealerError>> {
        self.sealer.open(place, sealed)
    }
}

impl Hesitant {
    fn new() -> Self {
        let keys = EpochKeys::new(Arc::new(LocalKey::new(SecretKey::random().unwrap())));
        let (kept, clock) = (MemorySubjectKeys::default(), Arc::new(SystemClock));
        let keys = SubjectKeys::new(kept, keys, CachePolicy::DEFAULT, clock);
        let sealer = Arc::new(SubjectKeySealer::new(Arc::new(keys)).unwrap());
        let closed = || Arc::new(Semaphore::new(0));
        Self { asked: closed(), goes_on: closed(), sealer }
    }
}

/// Lets a task come as far as it can for now.
async fn set_out<F: Future>(task: Pin<&mut F>) {
    let stuck = tokio::time::timeout(Duration::from_millis(300), task).await;
    assert!(stuck.is_err(), "it waits for the erasure");
}

async fn a_hold_on_somebody_who_is_just_being_erased_covers_nothing_of_theirs<T: Place>(db: T) {
    let sealer = Hesitant::new();
    let journal = db.create(&options().private_fields(sealer.clone())).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    for target in ["held", "free", "free"] {
        journal.append(&acme, about(target)).await.unwrap();
    }
    journal.place_hold(&on_record("case-1", "held")).await.unwrap();
    let order = erasure();
    let mut erasing = pin!(journal.erase_subject(&order));
    set_out(erasing.as_mut()).await;
    sealer.asked.acquire().await.unwrap().forget();
    // It has seen the person's entries by now, and waits.
    let order = HoldOrder::on_subject("acme", PERSON, "case-2", "file 12/26", dpo());
    let mut placing = pin!(journal.place_hold(&order));
    set_out(placing.as_mut()).await;
    sealer.goes_on.add_permits(1);
    let (erased, placed) = tokio::join!(erasing, placing);
    let (erased, _) = (erased.unwrap(), placed.unwrap());
    let query = Query::new(&acme).action("journal.hold_placed");
    let newest = journal.query(&query).await.unwrap().entries.remove(0);
    let Some(Reserved::HoldPlaced { covers, scope, .. }) =
        newest.entry().unwrap().reserved().unwrap()
    else {
        panic!("no hold")
    };
    assert_ne!(scope, HoldScope::Subject(erased.subject), "who returns is somebody new");
    assert_eq!(covers, [], "what the person of before left may go");
    verified(&journal).await;
}

async fn whoever_waits_for_a_chain_keeps_no_connection_from_its_owner<T: Place>(db: T) {
    let (sealer, clock) = (Hesitant::new(), clock(1_700_000_000_000_000));
    let schedule = RetentionSchedule::three_plans().default_plan("starter").unwrap();
    let options = options().private_fields(sealer.clone()).clock(clock.clone()).retention(schedule);
    let journal = db.create(&options).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    journal.append(&acme, about("held")).await.unwrap();
    journal.append_batch(&acme, (0..4).map(|_| event("free")).collect()).await.unwrap();
    journal.place_hold(&on_record("case-1", "held")).await.unwrap();
    clock.advance(Duration::from_hours(24 * 100));
    let order = erasure();
    let mut erasing = pin!(journal.erase_subject(&order));
    set_out(erasing.as_mut()).await;
    sealer.asked.acquire().await.unwrap().forget();
    // More of them than the journal has connections to write over, all for the same chain.
    let orders = ["case-2", "case-3", "case-4"].map(|hold| on_record(hold, "other"));
    let mut placing =
        pin!(futures_util::future::join_all(orders.iter().map(|o| journal.place_hold(o))));
    let sweep = PruneOptions::new().dangerous_trust_clock();
    let mut sweeping = pin!(journal.prune(&sweep));
    set_out(sweeping.as_mut()).await;
    set_out(placing.as_mut()).await;
    sealer.goes_on.add_permits(1);
    let all = async { tokio::join!(erasing, placing, sweeping) };
    let all = tokio::time::timeout(Duration::from_secs(20), all).await;
    let (erased, placed, swept) = all.expect("they wait for each other");
    assert_eq!(erased.unwrap().deferred, 1);
    assert!(placed.iter().all(Result::is_ok), "{placed:?}");
    assert_eq!(swept.unwrap().removed(), 4);
}

test_support::both_databases!(
    a_hold_on_somebody_who_is_just_being_erased_covers_nothing_of_theirs,
    whoever_waits_for_a_chain_keeps_no_connection_from_its_owner,
);
