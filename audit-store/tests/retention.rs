//! Plans of tenants and what each chain says about them, on both databases.
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

use audit_core::{
    Actor, Applies, ChainId, Downgrade, Entry, Event, Period, RecordSeries, Reserved,
    RetentionRule, RetentionSchedule, ScheduleError, Timestamp,
};
use audit_store::{Backend, Journal, PlanApplied, PlanError, PruneOptions, Query};
use place::{Place, chain, options, verified};
use years::{acme, clock, day, days, dpo, numbered, schedule, small, standing, with};

fn people() -> ChainId {
    chain("acme/people")
}

/// The schedule entries of a chain: seq, plan, rule, period, which records, from when on.
async fn said<DB: Backend>(
    journal: &Journal<DB>,
    name: &ChainId,
) -> Vec<(u64, String, String, String, Applies, Timestamp)> {
    let query = Query::new(name).action("journal.schedule_changed").oldest_first();
    let page = journal.query(&query).await.unwrap();
    let entries = page.entries.iter().map(|stored| {
        let entry = Entry::parse(stored.as_str()).unwrap();
        match entry.reserved().unwrap() {
            Some(Reserved::ScheduleChanged { applies, effective, period, plan, rule, .. }) => {
                (stored.seq(), plan, rule, period.to_string(), applies, effective)
            }
            other => panic!("{other:?}"),
        }
    });
    entries.collect()
}

fn entries(applied: &PlanApplied) -> Vec<(String, u64, Applies, Timestamp)> {
    let mut all: Vec<_> = applied
        .entries
        .iter()
        .map(|e| (e.receipt.chain.to_string(), e.receipt.seq, e.applies, e.effective))
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

async fn a_plan_is_recorded_in_every_chain<T: Place>(db: T) {
    let clock = clock();
    let journal = db.create(&with(&clock, schedule())).await.unwrap();
    for name in ["acme/default", "acme/people", "acme/odd", "acme-2/default"] {
        journal.create_chain(&chain(name)).await.unwrap();
    }
    assert_eq!(journal.plan_of("acme").await.unwrap(), None);
    // Records were kept for ever so far: the first rule comes with grace.
    let applied = journal.set_plan("acme", "large", dpo()).await.unwrap();
    let grace = day(30);
    let both = |seq, effective| {
        vec![
            ("acme/default".to_owned(), seq, Applies::All, effective),
            ("acme/people".to_owned(), seq, Applies::All, effective),
        ]
    };
    assert_eq!(entries(&applied), both(1, grace));
    assert_eq!(journal.plan_of("acme").await.unwrap().as_deref(), Some("large"));
    assert_eq!(journal.plan_of("acme-2").await.unwrap(), None);
    let large = |seq, effective| {
        (seq, "large".into(), "100 days".into(), "P100D".into(), Applies::All, effective)
    };
    assert_eq!(said(&journal, &acme()).await, [large(1, grace)]);
    assert_eq!(said(&journal, &people()).await[0].3, "P50D");
    assert_eq!(said(&journal, &chain("acme/odd")).await, [], "the schedule does not name it");
    assert_eq!(said(&journal, &chain("acme-2/default")).await, []);
    let query = Query::new(&acme()).action("journal.schedule_changed").actor(dpo());
    assert_eq!(journal.query(&query).await.unwrap().entries.len(), 1, "who set it");

    // The same again says nothing, and neither does applying the schedule.
    clock.set(day(1));
    let size = || db.number("SELECT CAST(sum(size) AS bigint) FROM audit_chain");
    let before = size().await;
    assert_eq!(journal.set_plan("acme", "large", dpo()).await.unwrap().entries, []);
    assert_eq!(journal.apply_schedule(&dpo()).await.unwrap(), []);
    let second = db.open(&with(&clock, schedule())).await.unwrap();
    assert_eq!(second.set_plan("acme", "large", dpo()).await.unwrap().entries, []);
    assert_eq!(size().await, before);

    // What is not shorter applies at once: nobody has to wait for it.
    clock.set(day(31));
    let applied = journal.set_plan("acme", "small", dpo()).await.unwrap();
    let later = day(61);
    // People's records are kept for 50 days under every plan, so that nothing gets shorter there.
    assert_eq!(
        entries(&applied),
        [
            ("acme/default".to_owned(), 2, Applies::All, later),
            ("acme/people".to_owned(), 2, Applies::All, day(31)),
        ]
    );
    clock.set(day(32));
    let applied = journal.set_plan("acme", "large", dpo()).await.unwrap();
    assert_eq!(entries(&applied), both(3, day(32)));
    clock.set(day(62));
    let applied = journal.set_plan("acme", "middle", dpo()).await.unwrap();
    assert_eq!(entries(&applied)[0].3, day(92));
    verified(&journal).await;
}

async fn a_chain_that_is_made_later_begins_with_its_plan<T: Place>(db: T) {
    let clock = clock();
    let journal = small(&db, &clock).await;
    assert_eq!(
        said(&journal, &acme()).await[0],
        (1, "small".into(), "10 days".into(), "P10D".into(), Applies::All, day(0))
    );
    // Of a tenant that never had a plan: kept for ever.
    journal.create_chain(&chain("other/default")).await.unwrap();
    assert_eq!(said(&journal, &chain("other/default")).await, []);
    assert_eq!(journal.apply_schedule(&dpo()).await.unwrap(), []);
    // By another process, opened without a schedule, too: until the schedule is applied.
    let plain = db.open(&options()).await.unwrap();
    plain.create_chain(&people()).await.unwrap();
    assert_eq!(said(&journal, &people()).await, []);
    let applied = journal.apply_schedule(&Actor::system("deploy")).await.unwrap();
    assert_eq!(applied.len(), 1);
    assert_eq!((applied[0].tenant.as_str(), applied[0].entries.len()), ("acme", 1));
    // The plan of those who have none.
    let flat = RetentionSchedule::two_years();
    let journal = db.open(&with(&clock, flat)).await.unwrap();
    journal.create_chain(&chain("third/default")).await.unwrap();
    assert_eq!(said(&journal, &chain("third/default")).await[0].3, "P2Y");
    let applied = journal.apply_schedule(&dpo()).await.unwrap_err();
    let unknown = |error: PlanError| matches!(error, PlanError::Schedule(ScheduleError::UnknownPlan { plan }) if plan == "small");
    assert!(unknown(applied), "the plan of acme is none of this schedule's");
    // Such a tenant's chains are begun nevertheless, and what is in them is kept.
    journal.create_chain(&chain("acme/later")).await.unwrap();
    assert_eq!(said(&journal, &chain("acme/later")).await, []);
    verified(&journal).await;
}

async fn a_smaller_plan_deletes_nothing_at_once<T: Place>(db: T) {
    let clock = clock();
    let journal = db.create(&with(&clock, schedule())).await.unwrap();
    journal.set_plan("acme", "large", dpo()).await.unwrap();
    journal.create_chain(&acme()).await.unwrap();
    days::<T>(&journal, &clock, &acme(), 40, 10).await;
    journal.set_plan("acme", "small", dpo()).await.unwrap();
    assert_eq!(journal.prune(&PruneOptions::new()).await.unwrap().chains, []);
    // Setting it again does not begin the grace again; a different one does not cut it short.
    clock.set(day(60));
    assert_eq!(journal.set_plan("acme", "small", dpo()).await.unwrap().entries, []);
    journal.append(&acme(), numbered(1)).await.unwrap();
    assert_eq!(journal.prune(&PruneOptions::new()).await.unwrap().chains, []);
    clock.set(Timestamp::from_micros(day(70).as_micros() - 1).unwrap());
    assert_eq!(journal.prune(&PruneOptions::new()).await.unwrap().chains, []);
    clock.set(day(70));
    let report = journal.prune(&PruneOptions::new()).await.unwrap();
    // All but what is reserved and the last old one, which was sealed on day 60.
    assert_eq!(report.removed(), 400);
    verified(&journal).await;
}

/// Records keep what they were sealed under: each stretch has its own rule, cutoff and boundary.
async fn stamped_records_go_by_their_own_rule<T: Place>(db: T) {
    let clock = clock();
    let schedule = schedule().downgrade(Downgrade::KeepStamped);
    let journal = db.create(&with(&clock, schedule)).await.unwrap();
    journal.set_plan("acme", "middle", dpo()).await.unwrap();
    journal.create_chain(&acme()).await.unwrap();
    days::<T>(&journal, &clock, &acme(), 15, 10).await;
    let applied = journal.set_plan("acme", "small", dpo()).await.unwrap();
    assert_eq!(entries(&applied)[0].2, Applies::New);
    let stamp = applied.entries[0].receipt.seq;
    assert_eq!(stamp, 152);
    days::<T>(&journal, &clock, &acme(), 16, 10).await;
    // Day 31: of the old ones days 0 and 1 are due, of the new ones days 15 to 21.
    let report = journal.prune(&PruneOptions::new().batch(8)).await.unwrap();
    assert_eq!(report.removed(), 19 + 69);
    let stand: Vec<u64> =
        [0, 1].into_iter().chain(21..=152).chain(222..313 + report.chains[0].batches).collect();
    assert_eq!(standing::<T>(&journal, &acme()).await, stand);
    verified(&journal).await;
    // At last all old ones but the boundary of each; the stamp itself is that of the first.
    days::<T>(&journal, &clock, &acme(), 30, 1).await;
    journal.prune(&PruneOptions::new()).await.unwrap();
    let left = standing::<T>(&journal, &acme()).await;
    assert_eq!(left.iter().filter(|seq| **seq < stamp).count(), 2);
    verified(&journal).await;
}

async fn what_does_not_fit_is_refused<T: Place>(db: T) {
    let clock = clock();
    let journal = small(&db, &clock).await;
    let size = db.number("SELECT size FROM audit_chain").await;
    let error = journal.set_plan("acme", "gold", dpo()).await.unwrap_err();
    assert!(matches!(error, PlanError::Schedule(ScheduleError::UnknownPlan { .. })), "{error}");
    let error = journal.set_plan("nobody", "gold", dpo()).await.unwrap_err();
    assert!(matches!(error, PlanError::Schedule(ScheduleError::UnknownPlan { .. })), "{error}");
    for tenant in ["", "Acme", "acme/default", "acme*"] {
        let error = journal.set_plan(tenant, "large", dpo()).await.unwrap_err();
        assert!(matches!(error, PlanError::Name(_)), "{tenant}: {error}");
    }
    let plain = db.open(&options()).await.unwrap();
    let error = plain.set_plan("acme", "large", dpo()).await.unwrap_err();
    assert!(matches!(error, PlanError::NoSchedule), "{error}");
    let error = plain.apply_schedule(&dpo()).await.unwrap_err();
    assert!(matches!(error, PlanError::NoSchedule), "{error}");

    // A law that keeps records for twenty days, and a schedule that has forgotten it.
    let by_law = |minimum: Option<Period>| {
        let rule = RetentionRule::new("lawful", Period::days(40));
        let rule = minimum.map_or(rule.clone(), |minimum| rule.minimum(minimum));
        let default = RecordSeries::new("default").plan("small", rule);
        RetentionSchedule::new(default, []).unwrap().downgrade(Downgrade::Immediate)
    };
    let lawful = db.open(&with(&clock, by_law(Some(Period::days(20))))).await.unwrap();
    lawful.set_plan("acme", "small", dpo()).await.unwrap();
    for minimum in [None, Some(Period::days(19))] {
        let forgot = db.open(&with(&clock, by_law(minimum))).await.unwrap();
        let error = forgot.set_plan("acme", "small", dpo()).await.unwrap_err();
        let PlanError::ShortensMinimum { chain, source, .. } = error else { panic!("{error}") };
        assert_eq!((chain, source.minimum), (acme(), Period::days(20)));
        assert!(forgot.apply_schedule(&dpo()).await.is_err());
        let error = journal.set_plan("acme", "large", dpo()).await.unwrap_err();
        assert!(matches!(error, PlanError::ShortensMinimum { .. }), "{error}");
    }
    assert_eq!(db.number("SELECT size FROM audit_chain").await, size + 1);
    assert_eq!(journal.plan_of("acme").await.unwrap().as_deref(), Some("small"));
    verified(&journal).await;
}

async fn events_go_to_the_chain_of_their_series<T: Place>(db: T) {
    let clock = clock();
    let journal = small(&db, &clock).await;
    let event = |action: &str| Event::builder(action, Actor::user("u")).build().unwrap();
    assert_eq!(journal.route("acme", &event("user.login")).unwrap(), people());
    assert_eq!(journal.route("acme", &event("users.listed")).unwrap(), acme());
    assert!(matches!(journal.route("a b", &event("user.login")), Err(PlanError::Name(_))));
    let plain = db.open(&options()).await.unwrap();
    assert_eq!(plain.route("acme", &event("user.login")).unwrap(), acme());
}

test_support::both_databases!(
    a_plan_is_recorded_in_every_chain,
    a_chain_that_is_made_later_begins_with_its_plan,
    a_smaller_plan_deletes_nothing_at_once,
    stamped_records_go_by_their_own_rule,
    what_does_not_fit_is_refused,
    events_go_to_the_chain_of_their_series,
);
