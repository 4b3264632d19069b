//! How many failures lock an account, and for how long: a state machine without a store.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// When to lock, and for how long. The default: after 6 failures, for 15 minutes.
///
/// The state is the host's to keep, one per account (or per account and network). It is written by
/// a compare-and-swap on the state that was read: two attempts at once must not count as one.
///
/// # Examples
///
/// ```
/// use crypto_fields::{Admission, LockoutPolicy, LockoutState, Timestamp};
///
/// let (policy, now) = (LockoutPolicy::default(), Timestamp::from_micros(0));
/// let mut state = LockoutState::default();
/// for _ in 0..6 {
///     assert_eq!(policy.admit(&state, now).0, Admission::Allowed);
///     state = policy.failed(&state, now);
/// }
/// assert!(matches!(policy.admit(&state, now).0, Admission::Locked { .. }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockoutPolicy {
    /// The failure that locks. Zero counts as one.
    pub failures: u32,
    /// How long it locks.
    pub duration: Duration,
    /// After this long without a failure, earlier ones are forgotten.
    pub forget_after: Duration,
}

impl Default for LockoutPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What has happened to one account. Serialise it into a column; the default is a clean one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockoutState {
    failures: u32,
    /// Microseconds since 1970 of the last failure. A lock counts from it.
    last: i64,
    locked: bool,
}

impl LockoutState {
    /// Failures since the last success, lock or pause.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }
}

/// Whether an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Admission {
    /// Look at the credential.
    Allowed,
    /// Do not even look at it.
    Locked {
        /// When the lock ends.
        until: Timestamp,
    },
}

impl LockoutPolicy {
    /// Six failures lock for 15 minutes, and are forgotten after 15 minutes without one.
    pub const DEFAULT: Self = Self {
        failures: 6,
        duration: Duration::from_secs(15 * 60),
        forget_after: Duration::from_secs(15 * 60),
    };

    /// The policy with another number of failures.
    #[must_use]
    pub const fn failures(mut self, failures: u32) -> Self {
        self.failures = failures;
        self
    }

    /// The policy with another duration of the lock.
    #[must_use]
    pub const fn lasting(mut self, duration: Duration) -> Self {
        self.duration = duration;
        self
    }

    /// The policy with another memory for failures.
    #[must_use]
    pub const fn forgetting_after(mut self, pause: Duration) -> Self {
        self.forget_after = pause;
        self
    }

    /// Whether an attempt may be made now, and the state as of now: store it if it changed.
    ///
    /// A clock that stepped back neither ends a lock nor makes it longer than the policy's
    /// duration from now on; and it makes no failure forgotten.
    pub fn admit(&self, state: &LockoutState, now: Timestamp) -> (Admission, LockoutState) {
        let mut state = *state;
        // The clock has been set back behind the last failure: count from now.
        if now.as_micros() < state.last {
            state.last = now.as_micros();
        }
        let last = Timestamp::from_micros(state.last);
        let pause = now.since(last);
        if state.locked {
            if pause < self.duration {
                let until = last.saturating_add(self.duration);
                return (Admission::Locked { until }, state);
            }
            state = LockoutState::default();
        } else if pause >= self.forget_after {
            state = LockoutState::default();
        }
        (Admission::Allowed, state)
    }

    /// The state after an attempt that failed now. A failure during a lock changes nothing: whoever
    /// keeps trying does not keep the owner out.
    #[must_use]
    pub fn failed(&self, state: &LockoutState, now: Timestamp) -> LockoutState {
        let (admission, mut state) = self.admit(state, now);
        if admission == Admission::Allowed {
            state.failures = state.failures.saturating_add(1);
            state.last = now.as_micros();
            state.locked = state.failures >= std::cmp::max(self.failures, 1);
        }
        state
    }

    /// The state after an attempt that succeeded: clean, unless the account is locked.
    ///
    /// An attempt that was let through before the lock must not lift it.
    #[must_use]
    pub fn succeeded(&self, state: &LockoutState, now: Timestamp) -> LockoutState {
        match self.admit(state, now) {
            (Admission::Allowed, _) => LockoutState::default(),
            (Admission::Locked { .. }, state) => state,
        }
    }
}
