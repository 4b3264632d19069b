// Included by the suites of retention: a journal whose clock the test moves.

use std::sync::Arc;

use audit_core::{
    Actor, ChainId, Event, ManualClock, Period, RecordSeries, RetentionRule, RetentionSchedule,
    Target, Timestamp,
};
use audit_store::{Journal, JournalOptions, Query};

use crate::place::{Place, chain, options};

pub(crate) const DAY: i64 = 86_400_000_000;

/// The first day of all tests.
pub(crate) fn begin() -> Timestamp {
    "2026-01-01T00:00:00.000000Z".parse().unwrap()
}

pub(crate) fn day(day: i64) -> Timestamp {
    Timestamp::from_micros(begin().as_micros() + day * DAY).unwrap()
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(begin()))
}

/// Plans of 10, 30 and 100 days, and an own series for what people do, which all plans keep for 50.
pub(crate) fn schedule() -> RetentionSchedule {
    let rule = |days| RetentionRule::new(format!("{days} days"), Period::days(days));
    let plans = [("small", 10), ("middle", 30), ("large", 100)];
    let of = |name: &str| RecordSeries::new(name);
    let default = plans.iter().fold(of("default"), |s, (plan, days)| s.plan(*plan, rule(*days)));
    let people =
        plans.iter().fold(of("people").action("user.*"), |s, (plan, _)| s.plan(*plan, rule(50)));
    RetentionSchedule::new(default, [people]).unwrap()
}

pub(crate) fn with(clock: &Arc<ManualClock>, schedule: RetentionSchedule) -> JournalOptions {
    options().clock(Arc::<ManualClock>::clone(clock)).retention(schedule)
}

pub(crate) fn dpo() -> Actor {
    Actor::user("dpo")
}

/// A journal with the chain `acme/default`, which is on the plan `small` from its first entry on.
pub(crate) async fn small<T: Place>(db: &T, clock: &Arc<ManualClock>) -> Journal<T::Db> {
    let journal = db.create(&with(clock, schedule())).await.unwrap();
    journal.set_plan("acme", "small", dpo()).await.unwrap();
    journal.create_chain(&acme()).await.unwrap();
    journal
}

pub(crate) fn acme() -> ChainId {
    chain("acme/default")
}

/// An event about a record, every third one about a person too.
pub(crate) fn numbered(n: usize) -> Event {
    let event = Event::builder("record.updated", Actor::user(format!("u-{}", n % 7)))
        .target(Target::new("record", format!("r-{}", n % 10)));
    let event = if n.is_multiple_of(3) {
        event.private(&format!("person-{}", n % 5), "/context/ip", "192.0.2.7")
    } else {
        event
    };
    event.meta("n", n).build().unwrap()
}

/// So many events each day for so many days; the clock then shows the day after.
pub(crate) async fn days<T: Place>(
    journal: &Journal<T::Db>,
    clock: &ManualClock,
    name: &ChainId,
    days: i64,
    each: usize,
) {
    for _ in 0..days {
        let events = (0..each).map(numbered).collect();
        journal.append_batch(name, events).await.unwrap();
        clock.set(Timestamp::from_micros(audit_core::Clock::now(clock).as_micros() + DAY).unwrap());
    }
}

/// The seqs that stand.
pub(crate) async fn standing<T: Place>(journal: &Journal<T::Db>, name: &ChainId) -> Vec<u64> {
    let mut seqs = Vec::new();
    let mut after = None;
    loop {
        let query = Query::new(name).oldest_first().page_size(1_000);
        let query = match after.take() {
            Some(cursor) => query.after(cursor),
            None => query,
        };
        let page = journal.query(&query).await.unwrap();
        seqs.extend(page.entries.iter().map(|entry| entry.seq()));
        match page.next {
            Some(next) => after = Some(next),
            None => return seqs,
        }
    }
}
