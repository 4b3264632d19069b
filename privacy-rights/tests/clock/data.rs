//! Places with their holidays, as data.

use chrono::NaiveDate;
use privacy_rights::{HolidayList, Place};

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn list(days: &[&str]) -> HolidayList {
    HolidayList::new(days.iter().map(|line| {
        let (date, name) = line.split_once(' ').unwrap();
        (day(date), name)
    }))
}

pub(crate) fn belgium() -> Place {
    let days = [
        "2026-01-01 New Year's Day",
        "2026-04-06 Easter Monday",
        "2026-05-01 Labour Day",
        "2026-05-14 Ascension Day",
        "2026-05-25 Whit Monday",
        "2026-07-21 National Day",
        "2026-08-15 Assumption Day",
        "2026-11-01 All Saints' Day",
        "2026-11-11 Armistice Day",
        "2026-12-25 Christmas Day",
        "2027-01-01 New Year's Day",
        "2027-03-29 Easter Monday",
    ];
    Place::new(chrono_tz::Europe::Brussels).with_calendar(list(&days))
}

pub(crate) fn england() -> Place {
    let days = [
        "2026-01-01 New Year's Day",
        "2026-04-03 Good Friday",
        "2026-04-06 Easter Monday",
        "2026-05-04 Early May bank holiday",
        "2026-05-25 Spring bank holiday",
        "2026-08-31 Summer bank holiday",
        "2026-12-25 Christmas Day",
        "2026-12-28 Boxing Day (substitute)",
    ];
    Place::new(chrono_tz::Europe::London).with_calendar(list(&days))
}

pub(crate) fn california() -> Place {
    let days = [
        "2026-01-01 New Year's Day",
        "2026-02-16 Presidents' Day",
        "2026-06-19 Juneteenth",
        "2026-12-25 Christmas Day",
        "2027-01-01 New Year's Day",
    ];
    Place::new(chrono_tz::America::Los_Angeles).with_calendar(list(&days))
}

pub(crate) fn place(name: &str) -> Place {
    match name {
        "BE" => belgium(),
        "UK" => england(),
        "CA" => california(),
        zone => Place::new(zone.parse().unwrap()),
    }
}
