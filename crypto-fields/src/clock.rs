//! Time: when a key may become primary, when a cached key goes stale.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// A moment in UTC, in microseconds since 1970-01-01, without leap seconds.
///
/// ```
/// use std::time::Duration;
/// use crypto_fields::Timestamp;
///
/// let at = Timestamp::from_micros(1_000_000);
/// assert_eq!(at.saturating_add(Duration::from_secs(1)).as_micros(), 2_000_000);
/// assert_eq!(at.since(Timestamp::from_micros(0)), Duration::from_secs(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `micros` microseconds after 1970-01-01 UTC.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This moment plus a duration, at most the last one that can be told.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros))
    }

    /// How long ago `earlier` was; zero if it lies ahead, as after a clock that stepped back.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// Where this crate takes the time from.
///
/// Nothing here trusts a clock with more than waiting: a clock that steps back makes waits longer,
/// never shorter, and no key is chosen or accepted by time.
pub trait Clock: Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

impl<T: Clock + ?Sized> Clock for std::sync::Arc<T> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit, written as such by its users")]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else takes")]
    fn now(&self) -> Timestamp {
        let micros = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_micros()).map_or(i64::MIN, i64::saturating_neg)
            }
        };
        Timestamp(micros)
    }
}

/// A clock that stands until it is moved: for tests, also of what is built upon this crate.
///
/// ```
/// use std::time::Duration;
/// use crypto_fields::{Clock, ManualClock, Timestamp};
///
/// let clock = ManualClock::new(Timestamp::from_micros(5));
/// clock.advance(Duration::from_micros(2));
/// assert_eq!(clock.now(), Timestamp::from_micros(7));
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Sets the time, also back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves the time on.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().saturating_add(by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_stepped_back_has_waited_for_nothing() {
        let clock = ManualClock::new(Timestamp::from_micros(10));
        let before = clock.now();
        clock.set(Timestamp::from_micros(3));
        assert_eq!(clock.now().since(before), Duration::ZERO);
        assert_eq!(before.since(clock.now()), Duration::from_micros(7));
    }

    #[test]
    fn the_system_clock_is_past_2020() {
        assert!(SystemClock.now() > Timestamp::from_micros(1_577_836_800_000_000));
    }
}
