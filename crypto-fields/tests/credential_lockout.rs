//! The lock after failures.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, missing_docs, reason = "tests")]

use std::time::Duration;

use crypto_fields::{Admission, LockoutPolicy, LockoutState, Timestamp};
use proptest::prelude::*;

const POLICY: LockoutPolicy = LockoutPolicy::DEFAULT;

fn second(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

fn failures(count: u32, at: i64) -> LockoutState {
    (0..count).fold(LockoutState::default(), |state, _| POLICY.failed(&state, second(at)))
}

fn admit(state: &LockoutState, at: i64) -> Admission {
    POLICY.admit(state, second(at)).0
}

#[test]
fn six_failures_lock_for_a_quarter_of_an_hour() {
    assert_eq!(admit(&failures(5, 1_000), 1_000), Admission::Allowed);
    let locked = failures(6, 1_000);
    let until = second(1_900);
    assert_eq!(admit(&locked, 1_000), Admission::Locked { until });
    assert_eq!(admit(&locked, 1_899), Admission::Locked { until });
    let (admission, state) = POLICY.admit(&locked, until);
    assert_eq!((admission, state), (Admission::Allowed, LockoutState::default()));
}

#[test]
fn a_success_forgets_and_so_does_a_pause_but_not_a_lock() {
    let five = failures(5, 1_000);
    assert_eq!(five.failures(), 5);
    assert_eq!(POLICY.succeeded(&five, second(1_000)), LockoutState::default());
    assert_eq!(POLICY.failed(&five, second(1_899)).failures(), 6);
    assert_eq!(POLICY.failed(&five, second(1_900)).failures(), 1);
    let locked = failures(6, 1_000);
    assert_eq!(POLICY.succeeded(&locked, second(1_001)), locked, "it was let in before the lock");
    assert_eq!(POLICY.failed(&locked, second(1_500)), locked, "trying on makes no lock longer");
}

#[test]
fn a_clock_that_steps_back_neither_lifts_a_lock_nor_makes_it_eternal() {
    let locked = failures(6, 1_000_000);
    let (admission, state) = POLICY.admit(&locked, second(10));
    let until = second(910);
    assert_eq!(admission, Admission::Locked { until }, "fifteen minutes from now on");
    assert_eq!(admit(&state, 909), Admission::Locked { until });
    assert_eq!(admit(&state, 910), Admission::Allowed);
    let five = failures(5, 1_000_000);
    assert!(matches!(admit(&POLICY.failed(&five, second(10)), 10), Admission::Locked { .. }));
}

#[test]
fn the_policy_can_be_another() {
    let policy =
        POLICY.failures(0).lasting(Duration::from_secs(5)).forgetting_after(Duration::from_secs(1));
    let state = policy.failed(&LockoutState::default(), second(0));
    let until = second(5);
    assert_eq!(policy.admit(&state, second(4)).0, Admission::Locked { until });
    assert_eq!(policy.admit(&state, until).0, Admission::Allowed);
}

#[test]
fn the_state_reads_back() {
    let json = serde_json::to_string(&failures(6, 7)).unwrap();
    assert_eq!(json, r#"{"failures":6,"last":7000000,"locked":true}"#);
    assert_eq!(serde_json::from_str::<LockoutState>(&json).unwrap(), failures(6, 7));
    assert!(serde_json::from_str::<LockoutState>(r#"{"failures":6}"#).is_err());
}

proptest! {
    #[test]
    fn never_more_than_six_failures_in_a_row_of_any_fifteen_minutes(
        steps in prop::collection::vec(0_i64..600, 1..60)
    ) {
        let (mut now, mut state, mut let_in) = (0, LockoutState::default(), Vec::new());
        for step in steps {
            now += step;
            if admit(&state, now) == Admission::Allowed {
                let_in.push(now);
            }
            state = POLICY.failed(&state, second(now));
        }
        for six in let_in.windows(7) {
            prop_assert!(six.last().unwrap() - six.first().unwrap() >= 900);
        }
    }

    #[test]
    fn no_lock_lasts_longer_than_the_policy_says(
        moves in prop::collection::vec(any::<i32>(), 1..30), at: i32
    ) {
        let mut state = LockoutState::default();
        for now in moves {
            state = POLICY.failed(&state, second(i64::from(now)));
        }
        let (_, state) = POLICY.admit(&state, second(i64::from(at)));
        prop_assert_eq!(admit(&state, i64::from(at) + 900), Admission::Allowed);
    }
}
