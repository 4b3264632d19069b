//! Retention periods.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Months, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;

/// The greatest number of years, months or days in a period.
const MAX_NUMBER: u32 = 999_999;

/// How long records are kept: `P` with years, months and days of ISO 8601, such as `P90D`, `P1Y`
/// or `P2Y6M`, or `forever`.
///
/// Exactly one text stands for each period: no zero members (but for `P0D`), no leading zeros, no
/// weeks and no times. `P12M` and `P1Y` are different texts, and so different periods, of the same
/// length.
///
/// ```
/// use audit_core::{Period, Timestamp};
///
/// let period: Period = "P1M".parse()?;
/// let now: Timestamp = "2026-03-31T12:00:00.000000Z".parse()?;
/// let cutoff = period.before(now).map(|cutoff| cutoff.to_string());
/// assert_eq!(cutoff.as_deref(), Some("2026-02-28T12:00:00.000000Z"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period(Length);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Length {
    // INVARIANT: each at most MAX_NUMBER.
    Calendar { years: u32, months: u32, days: u32 },
    Forever,
}

impl Period {
    /// Never over.
    pub const FOREVER: Self = Self(Length::Forever);

    /// So many days of 86,400 seconds, 999,999 at most.
    #[must_use]
    pub const fn days(days: u32) -> Self {
        Self(Length::Calendar { years: 0, months: 0, days: limited(days) })
    }

    /// So many calendar months, 999,999 at most.
    #[must_use]
    pub const fn months(months: u32) -> Self {
        Self(Length::Calendar { years: 0, months: limited(months), days: 0 })
    }

    /// So many calendar years, 999,999 at most.
    #[must_use]
    pub const fn years(years: u32) -> Self {
        Self(Length::Calendar { years: limited(years), months: 0, days: 0 })
    }

    /// Whether it is never over.
    #[must_use]
    pub const fn is_forever(self) -> bool {
        matches!(self.0, Length::Forever)
    }

    /// The moment this long before `moment`: years and months on the UTC calendar, the day of the
    /// month clamped, then days of 86,400 seconds. `None` where there is none: for
    /// [`FOREVER`](Self::FOREVER), and before the year 0.
    #[must_use]
    pub fn before(self, moment: Timestamp) -> Option<Timestamp> {
        let Length::Calendar { years, months, days } = self.0 else { return None };
        let months = Months::new(years.checked_mul(12)?.checked_add(months)?);
        let days = TimeDelta::try_days(i64::from(days))?;
        let earlier =
            DateTime::<Utc>::from(moment).checked_sub_months(months)?.checked_sub_signed(days)?;
        Timestamp::try_from(earlier).ok()
    }

    /// A moment from which on a record sealed `at` has been kept this long: it is not over an
    /// instant earlier. `None` where it never is.
    #[must_use]
    pub fn over(self, at: Timestamp) -> Option<Timestamp> {
        let is_over = |now: i64| {
            let before = Timestamp::from_micros(now).ok().and_then(|now| self.before(now));
            before.is_some_and(|before| before >= at)
        };
        let (mut low, mut high) = (at.as_micros(), Timestamp::MAX.as_micros());
        if is_over(low) {
            return Some(at);
        }
        if !is_over(high) {
            return None;
        }
        // It is not over at `low` and is at `high`.
        while high.saturating_sub(low) > 1 {
            let middle = low.midpoint(high);
            if is_over(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Timestamp::from_micros(high).ok()
    }

    /// Whether there are days counted from which it is over before `other` is: `P30D` against
    /// `P1M`, but not `P31D`. A year and twelve months are equal, so neither.
    #[must_use]
    pub fn is_ever_shorter(self, other: Self) -> bool {
        is_ever_later(|moment| self.before(moment), |moment| other.before(moment))
    }
}

const fn limited(number: u32) -> u32 {
    if number < MAX_NUMBER { number } else { MAX_NUMBER }
}

/// Whether one rule ever allows a later cutoff than another: asked for each day of four years, and
/// of four around a century without a leap day. `None` is the earliest of all.
pub(super) fn is_ever_later(
    one: impl Fn(Timestamp) -> Option<Timestamp>,
    other: impl Fn(Timestamp) -> Option<Timestamp>,
) -> bool {
    const DAY: i64 = 86_400_000_000;
    /// 2024-01-01 and 2099-01-01.
    const BEGINS: [i64; 2] = [1_704_067_200_000_000, 4_070_908_800_000_000];
    BEGINS.iter().any(|begin| {
        (0..1_461_i64)
            .filter_map(|day| {
                Timestamp::from_micros(begin.saturating_add(day.saturating_mul(DAY))).ok()
            })
            .any(|moment| one(moment) > other(moment))
    })
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Length::Calendar { years, months, days } = self.0 else {
            return f.write_str("forever");
        };
        f.write_str("P")?;
        if years > 0 {
            write!(f, "{years}Y")?;
        }
        if months > 0 {
            write!(f, "{months}M")?;
        }
        if days > 0 || (years, months) == (0, 0) {
            write!(f, "{days}D")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Period({self})")
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        if text == "forever" {
            return Ok(Self::FOREVER);
        }
        let mut rest = text.strip_prefix('P').ok_or(PeriodError)?;
        let mut member = |letter: char| {
            let Some((number, after)) = rest.split_once(letter) else { return Ok(0) };
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let number: u32 = number.parse().map_err(|_| PeriodError)?;
            rest = after;
            if digits && number <= MAX_NUMBER { Ok(number) } else { Err(PeriodError) }
        };
        let (years, months, days) = (member('Y')?, member('M')?, member('D')?);
        let period = Self(Length::Calendar { years, months, days });
        // What the members cannot see (order, zeros, trailing text) shows in the one text.
        if period.to_string() == text { Ok(period) } else { Err(PeriodError) }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A text that is not a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a period: P with years, months and days such as P90D, P1Y or P2Y6M, or forever")]
#[non_exhaustive]
pub struct PeriodError;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn before(period: &str, moment: &str) -> Option<String> {
        let moment: Timestamp = format!("{moment}T01:02:03.000004Z").parse().ok()?;
        let earlier = period.parse::<Period>().ok()?.before(moment)?;
        Some(earlier.to_string().strip_suffix("T01:02:03.000004Z")?.to_owned())
    }

    #[test]
    fn years_and_months_are_the_calendars_and_days_come_after() {
        let days = [
            ("P90D", "2026-03-31", "2025-12-31"),
            ("P1Y", "2024-02-29", "2023-02-28"),
            ("P4Y", "2024-02-29", "2020-02-29"),
            ("P1M", "2026-03-31", "2026-02-28"),
            ("P1M", "2024-03-31", "2024-02-29"),
            // First to 28 February, then back three days.
            ("P1M3D", "2026-03-31", "2026-02-25"),
            ("P1Y1M1D", "2026-03-31", "2025-02-27"),
            ("P0D", "2026-03-31", "2026-03-31"),
        ];
        for (period, moment, expected) in days {
            assert_eq!(before(period, moment).as_deref(), Some(expected), "{period} {moment}");
        }
        assert_eq!(before("forever", "2026-03-31"), None);
        assert_eq!(before("P3000Y", "2026-03-31"), None);
        assert_eq!(before("P999999Y999999M999999D", "2026-03-31"), None);
    }

    #[test]
    fn one_text_for_each_period() {
        for good in ["P90D", "P1Y", "P3Y", "P2Y6M", "P1Y2M3D", "P6M1D", "P0D", "forever"] {
            assert_eq!(good.parse::<Period>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "P",
            "90D",
            "P0Y",
            "P1D1Y",
            "P1M1Y",
            "P01D",
            "P+1D",
            "P1.5D",
            "P-1D",
            "P1W",
            "PT1H",
            "P1DT1H",
            "P1D ",
            " P1D",
            "p1d",
            "P1Y0D",
            "P1000000D",
            "P99999999999999Y",
            "Forever",
            "P1Y1Y",
            "P\u{661}D",
        ] {
            assert_eq!(bad.parse::<Period>(), Err(PeriodError), "{bad}");
        }
        assert_eq!(Period::days(90).to_string(), "P90D");
        assert_eq!(Period::months(6).to_string(), "P6M");
        assert_eq!(Period::years(3).to_string(), "P3Y");
        assert_eq!(format!("{:?}", Period::FOREVER), "Period(forever)");
        assert_eq!(
            PeriodError.to_string(),
            "not a period: P with years, months and days such as P90D, P1Y or P2Y6M, or forever"
        );
    }

    #[test]
    fn shorter_is_by_the_calendar() {
        let shorter = |one: &str, other: &str| {
            one.parse::<Period>().unwrap().is_ever_shorter(other.parse().unwrap())
        };
        assert!(shorter("P30D", "P1M") && !shorter("P31D", "P1M"));
        assert!(shorter("P1M", "P30D"), "from a day in March");
        assert!(!shorter("P12M", "P1Y") && !shorter("P1Y", "P12M"));
        assert!(shorter("P365D", "P1Y") && !shorter("P366D", "P1Y"));
        assert!(shorter("P4Y", "P1461D"), "around 2100");
        assert!(shorter("P3Y", "forever") && !shorter("forever", "P3Y"));
        assert!(!shorter("forever", "forever"));
    }

    #[test]
    fn a_period_is_over_when_the_cutoff_reaches() {
        let over = |period: &str, day: &str| {
            let at = format!("{day}T12:00:00.000000Z").parse().unwrap();
            let over = period.parse::<Period>().unwrap().over(at)?;
            Some(over.to_string())
        };
        assert_eq!(over("P90D", "2026-01-01").unwrap(), "2026-04-01T12:00:00.000000Z");
        assert_eq!(over("P1Y", "2026-03-01").unwrap(), "2027-03-01T12:00:00.000000Z");
        // There is no 31 February: a month is over when March has begun.
        let over_in_march = over("P1M", "2026-01-31").unwrap();
        assert!(over_in_march.starts_with("2026-03-"), "{over_in_march}");
        assert_eq!(over("P0D", "2026-01-01").unwrap(), "2026-01-01T12:00:00.000000Z");
        assert_eq!(over("forever", "2026-01-01"), None);
        assert_eq!(over("P9000Y", "2026-01-01"), None);
    }

    proptest! {
        #[test]
        fn an_instant_before_it_is_over_it_is_not(
            years in 0_u32..9, months in 0_u32..14, days in 0_u32..99,
            at in 0_i64..4_000_000_000_000_000,
        ) {
            let period = Period(Length::Calendar { years, months, days });
            let at = Timestamp::from_micros(at).unwrap();
            let over = period.over(at).unwrap();
            prop_assert!(period.before(over) >= Some(at));
            let earlier = Timestamp::from_micros(over.as_micros() - 1).unwrap();
            prop_assert!(over == at || period.before(earlier) < Some(at));
        }

        #[test]
        fn what_parses_prints_back(text in "P([0-9]{1,3}Y)?([0-9]{1,3}M)?([0-9]{1,3}D)?") {
            if let Ok(period) = text.parse::<Period>() {
                prop_assert_eq!(period.to_string(), text);
                let json = serde_json::to_string(&period).unwrap();
                prop_assert_eq!(serde_json::from_str::<Period>(&json).unwrap(), period);
            }
        }

        #[test]
        fn longer_is_never_later(years in 0_u32..50, days in 0_u32..500, more in 0_u32..50) {
            let moment = "2026-03-31T00:00:00.000000Z".parse().unwrap();
            let short = Period(Length::Calendar { years, months: 0, days });
            let long = Period(Length::Calendar { years, months: more, days });
            prop_assert!(long.before(moment) <= short.before(moment));
        }
    }
}
