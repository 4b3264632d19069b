//! When something is due, with the reasons in words.

use std::fmt;
use std::sync::Arc;

use audit_core::Timestamp;
use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::calendar::{HolidayCalendar, WeekendsOnly};
use super::error::ClockError;
use super::event::{ClockEvent, Question};
use super::rule::Rule;
use super::span::Span;

/// Where the controller is: the time zone that turns moments into days, and the holidays there.
#[derive(Clone, Debug)]
pub struct Place {
    zone: Tz,
    calendar: Arc<dyn HolidayCalendar>,
}

impl Place {
    /// A place in that zone, where nobody works on Saturdays and Sundays.
    #[must_use]
    pub fn new(zone: Tz) -> Self {
        Self { zone, calendar: Arc::new(WeekendsOnly) }
    }

    /// With these holidays.
    #[must_use]
    pub fn with_calendar(mut self, calendar: impl HolidayCalendar + 'static) -> Self {
        self.calendar = Arc::new(calendar);
        self
    }

    /// Its time zone.
    #[must_use]
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// Its calendar.
    #[must_use]
    pub fn calendar(&self) -> &dyn HolidayCalendar {
        &*self.calendar
    }

    /// The day it is there at that moment.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> NaiveDate {
        DateTime::<Utc>::from(at).with_timezone(&self.zone).date_naive()
    }

    /// The first moment of a day there. Where the clocks go forward at midnight, that is not 00:00.
    ///
    /// # Errors
    ///
    /// [`ClockError::OutOfRange`] beyond the year 9999.
    pub fn start_of(&self, day: NaiveDate) -> Result<Timestamp, ClockError> {
        let mut wall = day.and_time(NaiveTime::MIN);
        // Zones change their offset by quarters of an hour, and never skipped more than a day.
        for _ in 0..=200 {
            match self.zone.from_local_datetime(&wall) {
                LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => {
                    let at = at.with_timezone(&Utc);
                    return Timestamp::try_from(at).map_err(|_| ClockError::OutOfRange);
                }
                LocalResult::None => {
                    let next = wall.checked_add_signed(TimeDelta::minutes(15));
                    wall = next.ok_or(ClockError::OutOfRange)?;
                }
            }
        }
        Err(ClockError::OutOfRange)
    }

    /// The first moment after a day there.
    ///
    /// # Errors
    ///
    /// [`ClockError::OutOfRange`] beyond the year 9999.
    pub fn end_of(&self, day: NaiveDate) -> Result<Timestamp, ClockError> {
        self.start_of(day.checked_add_days(Days::new(1)).ok_or(ClockError::OutOfRange)?)
    }
}

/// One reason for a deadline: the article, and what follows from it here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Ground {
    /// The article or clause.
    pub article: String,
    /// What follows from it here.
    pub words: String,
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.words, self.article)
    }
}

/// When something must be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Deadline {
    /// The last day, where the controller is.
    pub last_day: NaiveDate,
    /// The first moment that is too late: the end of the last day, or the very hour.
    pub ends: Timestamp,
    /// The day by which a cautious reader is done. Not after the last day.
    pub alarm: NaiveDate,
    /// When to be warned, in order: of an hour's period, so many hours after its start.
    pub warnings: Vec<Timestamp>,
    /// Until when an extension can still be announced (the first moment that is too late), if it
    /// can be and has not been.
    pub extendable_until: Option<Timestamp>,
    /// Why, step by step.
    pub grounds: Vec<Ground>,
}

/// What a clock says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Due {
    /// It runs, until then.
    By(Deadline),
    /// It stands still: there is no date until the answer comes.
    Paused {
        /// The day since when.
        since: NaiveDate,
        /// What was asked.
        question: Question,
        /// Why, step by step.
        grounds: Vec<Ground>,
    },
}

impl Due {
    /// The deadline, if there is one now.
    #[must_use]
    pub const fn deadline(&self) -> Option<&Deadline> {
        match self {
            Self::By(deadline) => Some(deadline),
            Self::Paused { .. } => None,
        }
    }

    /// Whether it is too late at that moment. What stands still is never overdue.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.deadline().is_some_and(|deadline| now >= deadline.ends)
    }

    /// Why, step by step.
    #[must_use]
    pub fn grounds(&self) -> &[Ground] {
        match self {
            Self::By(deadline) => &deadline.grounds,
            Self::Paused { grounds, .. } => grounds,
        }
    }
}

/// When something is due under `rule`, at `place`, after what happened.
///
/// A pure function: the same events give the same answer, in whatever order they are given.
///
/// - The moment of the event becomes a day of the controller's zone first; that day is not counted.
/// - Months keep the day of the month, or end on the month's last day; they are always added to the
///   start, never to one another.
/// - Whole days from asking until the answer are added before the end is rolled, once. Pauses that
///   overlap count once; what begins after the deadline changes nothing.
/// - Hours are elapsed hours, whatever the weekend and the clocks do.
///
/// ```
/// use chrono::NaiveDate;
/// use privacy_rights::{ClockEvent, Duty, Place, Regime, due};
///
/// let gdpr = Regime::gdpr();
/// let brussels = Place::new(chrono_tz::Europe::Brussels);
/// // 22:30 UTC is half past midnight of the next day in Brussels.
/// let received = ClockEvent::started("2026-06-09T22:30:00.000000Z".parse()?);
/// let answer = due(gdpr.rule(&Duty::ANSWER).unwrap(), &brussels, &[received])?;
/// let deadline = answer.deadline().unwrap();
/// assert_eq!(deadline.last_day, NaiveDate::from_ymd_opt(2026, 7, 10).unwrap());
/// assert_eq!(deadline.ends.to_string(), "2026-07-10T22:00:00.000000Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Any [`ClockError`]: events that contradict each other or the rule, a calendar without a working
/// day.
pub fn due(rule: &Rule, place: &Place, events: &[ClockEvent]) -> Result<Due, ClockError> {
    rule.check()?;
    Span::of(rule, place, events)?.due()
}
