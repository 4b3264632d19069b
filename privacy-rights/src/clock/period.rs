//! Lengths of time as laws and contracts name them.

use std::fmt;

use chrono::{Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};

/// A period, in the unit in which it is promised: a month is no number of days, and three days are
/// not 72 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Period {
    /// Calendar days. The day of the event is not counted.
    Days(u16),
    /// Elapsed hours: nights, weekends, holidays and the change of the clocks included.
    Hours(u16),
    /// Calendar months, to the same day of the month, or to its last day where there is no such.
    Months(u16),
    /// Weeks, to the same day of the week.
    Weeks(u16),
    /// Days that are neither of the weekend nor holidays. The day of the event is not counted.
    WorkingDays(u16),
}

impl Period {
    /// The day a period of calendar units ends that runs from `start`, before it is rolled.
    ///
    /// `None` beyond the calendar, and for the two units that need more than a calendar.
    pub(crate) fn after(self, start: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Days(n) => start.checked_add_days(Days::new(n.into())),
            // Clamps to the month's end; always from the start, so that no clamp is inherited.
            Self::Months(n) => start.checked_add_months(Months::new(n.into())),
            Self::Weeks(n) => start.checked_add_days(Days::new(u64::from(n).saturating_mul(7))),
            Self::Hours(_) | Self::WorkingDays(_) => None,
        }
    }

    /// What is left of it after `first`, where both have one unit and something is left.
    pub(crate) fn beyond(self, first: Self) -> Option<Self> {
        let left = |total: u16, first: u16| total.checked_sub(first).filter(|left| *left > 0);
        match (self, first) {
            (Self::Days(n), Self::Days(m)) => left(n, m).map(Self::Days),
            (Self::Hours(n), Self::Hours(m)) => left(n, m).map(Self::Hours),
            (Self::Months(n), Self::Months(m)) => left(n, m).map(Self::Months),
            (Self::Weeks(n), Self::Weeks(m)) => left(n, m).map(Self::Weeks),
            (Self::WorkingDays(n), Self::WorkingDays(m)) => left(n, m).map(Self::WorkingDays),
            _ => None,
        }
    }

    /// How many of its unit.
    #[must_use]
    pub const fn count(self) -> u16 {
        match self {
            Self::Days(n)
            | Self::Hours(n)
            | Self::Months(n)
            | Self::Weeks(n)
            | Self::WorkingDays(n) => n,
        }
    }

    /// Whether it is a period "of two days or more" (Regulation 1182/71 Art. 3(5)).
    pub(crate) const fn is_two_days_or_more(self) -> bool {
        match self {
            Self::Days(n) | Self::WorkingDays(n) => n >= 2,
            Self::Hours(_) => false,
            Self::Months(n) | Self::Weeks(n) => n >= 1,
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self {
            Self::Days(_) => "calendar day",
            Self::Hours(_) => "hour",
            Self::Months(_) => "month",
            Self::Weeks(_) => "week",
            Self::WorkingDays(_) => "working day",
        };
        let plural = if self.count() == 1 { "" } else { "s" };
        write!(f, "{} {unit}{plural}", self.count())
    }
}
