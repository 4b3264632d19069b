//! Which days are working days.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{Datelike, NaiveDate, Weekday};

/// Which days are holidays where the controller is, and which days of the week are its weekend.
///
/// A holiday that a calendar does not know makes a deadline fall earlier than the law would have it,
/// never later; so a calendar that has run out errs on the safe side.
pub trait HolidayCalendar: Send + Sync + fmt::Debug {
    /// The holiday's name, if that day is one.
    fn holiday(&self, day: NaiveDate) -> Option<&str>;

    /// Whether the day is of the weekend: Saturday and Sunday, unless it is said otherwise.
    fn is_weekend(&self, day: NaiveDate) -> bool {
        matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
    }

    /// Whether nobody works on that day.
    fn is_rest_day(&self, day: NaiveDate) -> bool {
        self.is_weekend(day) || self.holiday(day).is_some()
    }
}

/// Saturdays and Sundays, and no holidays.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no fields and will have none")]
pub struct WeekendsOnly;

impl HolidayCalendar for WeekendsOnly {
    fn holiday(&self, _day: NaiveDate) -> Option<&str> {
        None
    }
}

/// Holidays that were listed.
///
/// ```
/// use chrono::NaiveDate;
/// use privacy_rights::{HolidayCalendar, HolidayList};
///
/// let easter_monday = NaiveDate::from_ymd_opt(2026, 4, 6).unwrap();
/// let belgium = HolidayList::new([(easter_monday, "Easter Monday")]);
/// assert!(belgium.is_rest_day(easter_monday));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HolidayList {
    days: BTreeMap<NaiveDate, String>,
}

impl HolidayList {
    /// The holidays of that list. Where a day is named twice, the first name stays.
    pub fn new<N: Into<String>>(days: impl IntoIterator<Item = (NaiveDate, N)>) -> Self {
        let mut list = Self::default();
        list.extend(days);
        list
    }

    /// Adds holidays. Where a day is one already, its name stays.
    pub fn extend<N: Into<String>>(&mut self, days: impl IntoIterator<Item = (NaiveDate, N)>) {
        for (day, name) in days {
            self.days.entry(day).or_insert_with(|| name.into());
        }
    }

    /// Keeps only those for which `keep` says so: calendars from elsewhere often hold observances
    /// on which everybody works.
    pub fn retain(&mut self, mut keep: impl FnMut(NaiveDate, &str) -> bool) {
        self.days.retain(|day, name| keep(*day, name));
    }

    /// The holidays, by date.
    pub fn days(&self) -> impl Iterator<Item = (NaiveDate, &str)> {
        self.days.iter().map(|(day, name)| (*day, name.as_str()))
    }

    /// The first and the last day that it knows: whoever operates it must renew it before the last.
    #[must_use]
    pub fn known(&self) -> Option<(NaiveDate, NaiveDate)> {
        Some((*self.days.first_key_value()?.0, *self.days.last_key_value()?.0))
    }
}

impl HolidayCalendar for HolidayList {
    fn holiday(&self, day: NaiveDate) -> Option<&str> {
        self.days.get(&day).map(String::as_str)
    }
}
