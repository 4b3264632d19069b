//! A sweep that takes nine of ten entries, while others append and query.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use audit_core::{
    Actor, ManualClock, Period, RecordSeries, RetentionRule, RetentionSchedule, Timestamp,
};
use audit_store::{Journal, PruneOptions, Query};
use benches::{Engine, Figure, Report, chain, fill, journal_options, timed};
use test_support::{Synthetic, TestDatabase};

use crate::world::{events, size};

const DAYS: u32 = 90;

/// A journal of a million entries, nine of ten older than its plan keeps them.
pub(crate) async fn run<E: Engine>(report: &mut Report) {
    let entries = size("BENCH_PRUNE", 1_000_000);
    let expired = entries / 10 * 9;
    eprintln!("{}: filling a journal of {entries} entries", E::NAME);
    let place = E::Place::fresh().await;
    let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
    let rule = RetentionRule::new("ninety days", Period::days(DAYS));
    let series = RecordSeries::new("default").plan("standard", rule);
    let schedule = RetentionSchedule::new(series, []).expect("a schedule");
    let schedule = schedule.default_plan("standard").expect("its own");
    let options = journal_options().clock(Arc::<ManualClock>::clone(&clock)).retention(schedule);
    let journal = E::create(&place, &options).await;
    journal.create_chain(&chain()).await.expect("made");
    let mut source = Synthetic::new(1).private_every(10).map(|event| event.expect("right"));
    fill(&journal, None, &mut source, expired).await;
    clock.advance(Duration::from_secs(u64::from(DAYS) * 86_400));
    fill(&journal, None, &mut source, entries - expired).await;
    journal.post_index().await.expect("posted");
    journal.checkpoint(&chain()).await.expect("signed");
    let pool = place.pool(1).await;
    let before = E::bytes(&pool).await;

    let done = Arc::new(AtomicBool::new(false));
    let appending = tokio::spawn(longest_append::<E>(journal.clone(), Arc::clone(&done)));
    let asking = tokio::spawn(longest_query::<E>(journal.clone(), Arc::clone(&done)));
    let batches = Arc::new(Mutex::new((Instant::now(), Duration::ZERO)));
    let seen = Arc::clone(&batches);
    let options = PruneOptions::new().progress(move |_| {
        let mut seen = seen.lock().expect("nobody panics");
        let took = seen.0.elapsed();
        *seen = (Instant::now(), std::cmp::max(seen.1, took));
    });
    let (pruned, took) = timed(journal.prune(&options)).await;
    let pruned = pruned.expect("pruned");
    done.store(true, Ordering::Relaxed);
    let (append, query) = (appending.await.expect("ran"), asking.await.expect("ran"));
    let longest = batches.lock().expect("nobody panics").1;
    let after = E::bytes(&pool).await;
    E::vacuum(&pool).await;
    let vacuumed = E::bytes(&pool).await;
    journal.close().await;

    let seconds = took.wall.as_secs_f64();
    let removed = f64::from(u32::try_from(pruned.removed()).expect("few"));
    let measured = format!(
        "{removed} of {entries} in {seconds:.1} s, {} batches; CPU {:.1} µs each",
        pruned.chains.iter().map(|chain| chain.batches).sum::<u64>(),
        took.cpu.as_secs_f64() * 1e6 / removed
    );
    report.rate("prune 900 k of 1 M entries", &measured, removed / seconds, Figure::Shown);
    let waits = format!("longest append {append:.0?}, longest query {query:.0?} meanwhile");
    report.value("its longest batch", &waits, longest.as_secs_f64() * 1e3, "ms", Figure::Shown);
    let mega = |bytes: i64| format!("{} MB", bytes / 1_000_000);
    let sizes = format!(
        "{} before, {} after, {} after a vacuum",
        mega(before),
        mega(after),
        mega(vacuumed)
    );
    let left = i32::try_from(vacuumed / 1_000_000).map_or(f64::MAX, f64::from);
    report.value("size of the database", &sizes, left, "MB", Figure::Shown);
}

async fn longest_append<E: Engine>(journal: Journal<E::Db>, done: Arc<AtomicBool>) -> Duration {
    let mut source = events(2);
    let mut longest = Duration::ZERO;
    while !done.load(Ordering::Relaxed) {
        let event = source.next().expect("endless");
        let (appended, took) = timed(journal.append(&chain(), event)).await;
        appended.expect("appended");
        longest = std::cmp::max(longest, took.wall);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    longest
}

async fn longest_query<E: Engine>(journal: Journal<E::Db>, done: Arc<AtomicBool>) -> Duration {
    let query = Query::new(&chain()).actor(Actor::user("usr_00001"));
    let mut longest = Duration::ZERO;
    while !done.load(Ordering::Relaxed) {
        let (page, took) = timed(journal.query(&query)).await;
        page.expect("answered");
        longest = std::cmp::max(longest, took.wall);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    longest
}
