//! Time: the one form in which this format writes it, and the one place that reads it.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC, exact to the microsecond, between the years 0000 and 9999.
///
/// Its text has exactly one form, the only one this format knows:
/// `2026-11-20T23:23:00.123456Z` (RFC 3339, UTC, six fractional digits, `Z`). So two timestamps
/// are equal if and only if their texts are, and text order is time order. A leap second (`:60`)
/// has no such text and is refused.
///
/// ```
/// use audit_core::Timestamp;
///
/// let at: Timestamp = "2026-11-20T23:23:00.123456Z".parse()?;
/// assert_eq!(at.to_string(), "2026-11-20T23:23:00.123456Z");
/// assert!("2026-11-20T23:23:00Z".parse::<Timestamp>().is_err());
/// # Ok::<(), audit_core::TimestampError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(
    // INVARIANT: within MIN..=MAX.
    i64,
);

/// The length of a timestamp's text.
pub(crate) const TEXT_LEN: usize = 27;

impl Timestamp {
    /// The earliest moment that can be written: `0000-01-01T00:00:00.000000Z`.
    pub const MIN: Self = Self(-62_167_219_200_000_000);
    /// The latest moment that can be written: `9999-12-31T23:59:59.999999Z`.
    pub const MAX: Self = Self(253_402_300_799_999_999);
    /// 1970-01-01, the origin of [`as_micros`](Self::as_micros).
    pub const UNIX_EPOCH: Self = Self(0);

    /// The moment `micros` microseconds after 1970-01-01 UTC, without leap seconds.
    ///
    /// # Errors
    ///
    /// [`TimestampError::OutOfRange`] outside the years 0000 to 9999.
    pub const fn from_micros(micros: i64) -> Result<Self, TimestampError> {
        if micros < Self::MIN.0 || micros > Self::MAX.0 {
            return Err(TimestampError::OutOfRange);
        }
        Ok(Self(micros))
    }

    /// Microseconds since 1970-01-01 UTC, without leap seconds.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This moment plus a duration (its nanoseconds cut off), [`Timestamp::MAX`] at most.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::clamped(self.0.saturating_add(micros))
    }

    /// This moment minus a duration (its nanoseconds cut off), [`Timestamp::MIN`] at least.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::clamped(self.0.saturating_sub(micros))
    }

    fn clamped(micros: i64) -> Self {
        Self(micros.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// The text as ASCII bytes. Sealing writes one per entry, hence no `fmt` machinery; the
    /// calendar is chrono's.
    pub(crate) fn to_ascii(self) -> [u8; TEXT_LEN] {
        let time = self.to_chrono();
        let year = u32::try_from(time.year()).unwrap_or(0);
        let micros = time.nanosecond() / 1_000;
        let [y1, y2] = pair(year / 100);
        let [y3, y4] = pair(year);
        let [mo1, mo2] = pair(time.month());
        let [d1, d2] = pair(time.day());
        let [h1, h2] = pair(time.hour());
        let [mi1, mi2] = pair(time.minute());
        let [s1, s2] = pair(time.second());
        let [f1, f2] = pair(micros / 10_000);
        let [f3, f4] = pair(micros / 100);
        let [f5, f6] = pair(micros);
        [
            y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1,
            s2, b'.', f1, f2, f3, f4, f5, f6, b'Z',
        ]
    }

    /// Appends the text.
    pub(crate) fn push_to(self, out: &mut String) {
        // It is ASCII, so the fall-back cannot be reached.
        out.push_str(std::str::from_utf8(&self.to_ascii()).unwrap_or(""));
    }

    fn to_chrono(self) -> DateTime<Utc> {
        // The invariant is far inside chrono's range, so the fall-back cannot be reached.
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }
}

/// The last two decimal digits of `n` in ASCII.
fn pair(n: u32) -> [u8; 2] {
    // ASCII digits are 0x30..=0x39, so `|` adds; a remainder by ten always fits.
    let digit = |n: u32| b'0' | u8::try_from(n % 10).unwrap_or(0);
    [digit(n / 10), digit(n)]
}

/// The number written by ASCII digits only.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |n, digit| {
        let digit = digit.is_ascii_digit().then_some(u32::from(digit & 0x0f))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let form = || {
            let [
                y1,
                y2,
                y3,
                y4,
                b'-',
                mo1,
                mo2,
                b'-',
                d1,
                d2,
                b'T',
                h1,
                h2,
                b':',
                mi1,
                mi2,
                b':',
                s1,
                s2,
                b'.',
                f1,
                f2,
                f3,
                f4,
                f5,
                f6,
                b'Z',
            ] = *<&[u8; TEXT_LEN]>::try_from(text.as_bytes()).ok()?
            else {
                return None;
            };
            let year = i32::try_from(number(&[y1, y2, y3, y4])?).ok()?;
            let date = NaiveDate::from_ymd_opt(year, number(&[mo1, mo2])?, number(&[d1, d2])?)?;
            let time = date.and_hms_micro_opt(
                number(&[h1, h2])?,
                number(&[mi1, mi2])?,
                number(&[s1, s2])?,
                number(&[f1, f2, f3, f4, f5, f6])?,
            )?;
            Some(time.and_utc().timestamp_micros())
        };
        Self::from_micros(form().ok_or(TimestampError::Form)?)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ascii = self.to_ascii();
        f.pad(std::str::from_utf8(&ascii).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_chrono()
    }
}

/// Cuts off what is finer than a microsecond (towards the past).
impl TryFrom<DateTime<Utc>> for Timestamp {
    type Error = TimestampError;

    fn try_from(time: DateTime<Utc>) -> Result<Self, TimestampError> {
        Self::from_micros(time.timestamp_micros())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a timestamp of the form YYYY-MM-DDTHH:MM:SS.ffffffZ")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Why a moment could not become a [`Timestamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// The text has another form, or names a date or time that does not exist.
    #[error("not a timestamp of the form YYYY-MM-DDTHH:MM:SS.ffffffZ")]
    Form,
    /// The moment lies outside the years 0000 to 9999.
    #[error("the moment lies outside the years 0000 to 9999")]
    OutOfRange,
}

/// Where the time comes from.
///
/// Everything that needs the time takes a `Clock`. (Minted ids, UUIDs of version 7, carry the
/// system's time too; nothing reads it from them.) A clock may step back: what is sealed is clamped
/// so that a chain's times never decrease.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no fields and will have none")]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the system's clock; everything else takes a Clock"
        )]
        let now = Utc::now();
        // A clock set beyond the year 9999 is clamped rather than made an error at every call.
        Timestamp::clamped(now.timestamp_micros())
    }
}

/// A clock that stands still until it is moved: for tests, replays and imports.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        // The update never declines, so there is no error to lose.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
            Some(Timestamp::clamped(now).saturating_add(by).0)
        });
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::clamped(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_text_is_chronos_text_and_parses_back(
            micros in Timestamp::MIN.0..=Timestamp::MAX.0
        ) {
            let timestamp = Timestamp::from_micros(micros).unwrap();
            let chrono = DateTime::from_timestamp_micros(micros).unwrap();
            let text = timestamp.to_string();
            prop_assert_eq!(&text, &chrono.to_rfc3339_opts(SecondsFormat::Micros, true));
            prop_assert_eq!(text.parse::<Timestamp>().unwrap(), timestamp);
            prop_assert_eq!(Timestamp::try_from(chrono).unwrap(), timestamp);
            prop_assert_eq!(DateTime::<Utc>::from(timestamp), chrono);
        }

        #[test]
        fn text_order_is_time_order(a in Timestamp::MIN.0..=Timestamp::MAX.0,
                                    b in Timestamp::MIN.0..=Timestamp::MAX.0) {
            let (a, b) = (Timestamp::clamped(a), Timestamp::clamped(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn whatever_parses_prints_back_the_same(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{6}Z") {
            if let Ok(timestamp) = text.parse::<Timestamp>() {
                prop_assert_eq!(timestamp.to_string(), text);
            }
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(Timestamp::MIN.to_string(), "0000-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::from_micros(Timestamp::MAX.0 + 1), Err(TimestampError::OutOfRange));
        assert_eq!(Timestamp::from_micros(Timestamp::MIN.0 - 1), Err(TimestampError::OutOfRange));
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.saturating_sub(Duration::from_micros(1)), Timestamp::MIN);
    }

    #[test]
    fn only_the_one_form_is_accepted() {
        for text in [
            "",
            "2026-11-20T23:23:00Z",
            "2026-11-20T23:23:00.123Z",
            "2026-11-20T23:23:00.1234567Z",
            "2026-11-20T23:23:00.123456+00:00",
            "2026-11-20T23:23:00.123456z",
            "2026-11-20t23:23:00.123456Z",
            "2026-11-20 23:23:00.123456Z",
            "2026-02-29T23:23:00.123456Z",
            "2026-11-20T24:00:00.000000Z",
            "2026-12-31T23:59:60.000000Z",
            "+026-11-20T23:23:00.123456Z",
            "2026-11-20T23:23:00.12345\u{663}",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(TimestampError::Form), "{text}");
        }
    }

    #[test]
    fn serde_uses_the_text() {
        let timestamp: Timestamp = "2026-11-20T23:23:00.123456Z".parse().unwrap();
        let json = serde_json::to_string(&timestamp).unwrap();
        assert_eq!(json, "\"2026-11-20T23:23:00.123456Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), timestamp);
        assert!(serde_json::from_str::<Timestamp>("\"2026-11-20T23:23:00Z\"").is_err());
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now().as_micros(), 1_000_000);
        clock.set(Timestamp::MIN);
        assert_eq!(clock.now(), Timestamp::MIN);
    }

    #[test]
    fn error_texts() {
        assert_eq!(
            TimestampError::Form.to_string(),
            "not a timestamp of the form YYYY-MM-DDTHH:MM:SS.ffffffZ"
        );
        assert_eq!(
            TimestampError::OutOfRange.to_string(),
            "the moment lies outside the years 0000 to 9999"
        );
    }
}
