//! Holidays from an iCalendar file (RFC 5545).

use std::ops::RangeInclusive;

use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeZone};
use icalendar::rrule::{RRule, Tz, Unvalidated};
use icalendar::{Calendar, CalendarComponent, Component, DatePerhapsTime, Event, EventStatus};

use super::calendar::HolidayList;

/// The longest file that is read.
const MAX_BYTES: usize = 4 << 20;
/// The deepest nesting of components; a holiday calendar has two, and an alarm a third.
const MAX_NESTING: usize = 8;
/// The longest holiday, in days.
const MAX_DAYS: u64 = 31;
/// How many days of one recurrence are looked at.
const MAX_RECURRENCES: u16 = 1000;

/// An iCalendar file that is no list of holidays. Events are numbered from 1, as they stand in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ICalendarError {
    /// The file is no iCalendar.
    #[error("the text is no iCalendar of events")]
    Form,
    /// An event begins and ends at an hour: it is an appointment.
    #[error("event {event} is not of whole days")]
    NotWholeDays {
        /// Which.
        event: usize,
    },
    /// A recurrence that cannot be read, or that goes on for ever within a year.
    #[error("event {event} recurs by a rule that cannot be followed")]
    Recurrence {
        /// Which.
        event: usize,
    },
    /// The file, the nesting of its parts, or an event is too long.
    #[error("the calendar is larger than a list of holidays is")]
    TooLarge,
}

impl HolidayList {
    /// Reads the holidays of these years from an iCalendar file, with the names that it gives them.
    ///
    /// All-day events count, recurring ones by their rule; cancelled ones do not. Calendars of
    /// public offices often hold observances besides: see [`retain`](Self::retain).
    ///
    /// # Errors
    ///
    /// Any [`ICalendarError`].
    pub fn from_icalendar(text: &str, years: RangeInclusive<i32>) -> Result<Self, ICalendarError> {
        if text.len() > MAX_BYTES || nesting(text) > MAX_NESTING {
            return Err(ICalendarError::TooLarge);
        }
        let calendar: Calendar = text.parse().map_err(|_| ICalendarError::Form)?;
        let mut list = Self::default();
        let events = calendar.components.iter().filter_map(CalendarComponent::as_event);
        for (at, event) in events.enumerate() {
            list.extend(holidays(event, at.saturating_add(1), &years)?);
        }
        if list == Self::default() && !text.contains("BEGIN:VCALENDAR") {
            return Err(ICalendarError::Form);
        }
        Ok(list)
    }
}

/// The parser goes as deep as its text.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for line in text.lines() {
        let word = line.trim().get(..6).unwrap_or_default();
        if word.eq_ignore_ascii_case("BEGIN:") {
            depth = depth.saturating_add(1);
            deepest = std::cmp::max(deepest, depth);
        } else if line.trim().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("END:")) {
            depth = depth.saturating_sub(1);
        }
    }
    deepest
}

fn holidays(
    event: &Event,
    number: usize,
    years: &RangeInclusive<i32>,
) -> Result<Vec<(NaiveDate, String)>, ICalendarError> {
    if event.get_status() == Some(EventStatus::Cancelled) {
        return Ok(Vec::new());
    }
    let not_whole = || ICalendarError::NotWholeDays { event: number };
    let Some(DatePerhapsTime::Date(first)) = event.get_start() else { return Err(not_whole()) };
    // The end is the day after the last one (RFC 5545 section 3.6.1).
    let length = match event.get_end() {
        None => 1,
        Some(DatePerhapsTime::Date(end)) => {
            let days = end.signed_duration_since(first).num_days();
            let days = u64::try_from(days).map_err(|_| not_whole())?;
            std::cmp::max(days, 1)
        }
        Some(DatePerhapsTime::DateTime(_)) => return Err(not_whole()),
    };
    if length > MAX_DAYS {
        return Err(ICalendarError::TooLarge);
    }
    let name = event.get_summary().unwrap_or("holiday");
    let excluded = dates(event, "EXDATE").ok_or_else(not_whole)?;
    let mut starts =
        recurrences(event, first, years).ok_or(ICalendarError::Recurrence { event: number })?;
    starts.extend(dates(event, "RDATE").ok_or_else(not_whole)?);
    let mut days = Vec::new();
    for start in starts.into_iter().filter(|start| !excluded.contains(start)) {
        for offset in 0..length {
            let day = start.checked_add_days(Days::new(offset)).ok_or(ICalendarError::TooLarge)?;
            if years.contains(&day.year()) {
                days.push((day, name.to_owned()));
            }
        }
    }
    Ok(days)
}

/// The days on which the event begins, up to the last of the years.
fn recurrences(
    event: &Event,
    first: NaiveDate,
    years: &RangeInclusive<i32>,
) -> Option<Vec<NaiveDate>> {
    let Some(rule) = event.property_value("RRULE") else { return Some(vec![first]) };
    // Days have no zone; in UTC all of them begin, and are 24 hours long.
    let utc = |day: NaiveDate| Tz::UTC.from_utc_datetime(&day.and_time(NaiveTime::MIN));
    let mut rule: RRule<Unvalidated> = rule.parse().ok()?;
    if let Some(until) = rule.get_until().map(|until| until.naive_local().date()) {
        rule = rule.until(utc(until));
    }
    let last = NaiveDate::from_ymd_opt(*years.end(), 12, 31)?;
    let found = rule.build(utc(first)).ok()?.before(utc(last)).all(MAX_RECURRENCES);
    let all_looked_at = found.dates.len() < usize::from(MAX_RECURRENCES);
    all_looked_at.then(|| found.dates.iter().map(|at| at.naive_utc().date()).collect())
}

/// The days of a property that may stand several times and lists several days each time.
fn dates(event: &Event, property: &str) -> Option<Vec<NaiveDate>> {
    let Some(properties) = event.multi_properties().get(property) else { return Some(Vec::new()) };
    let days = properties.iter().flat_map(|property| property.value().split(','));
    days.map(|day| NaiveDate::parse_from_str(day, "%Y%m%d").ok()).collect()
}
