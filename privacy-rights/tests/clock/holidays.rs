//! Holidays from lists and from iCalendar files.

use chrono::NaiveDate;
use privacy_rights::{HolidayCalendar, HolidayList, ICalendarError, WeekendsOnly};
use proptest::prelude::*;

use crate::data::day;

fn read(events: &str) -> Result<HolidayList, ICalendarError> {
    let events = events.replace("[", "BEGIN:VEVENT\r\n").replace("]", "END:VEVENT\r\n");
    let text = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n{}END:VCALENDAR\r\n",
        events.replace(';', "\r\n").replace('|', ";")
    );
    HolidayList::from_icalendar(&text, 2026..=2028)
}

fn days(list: &HolidayList) -> Vec<(String, &str)> {
    list.days().map(|(day, name)| (day.to_string(), name)).collect()
}

#[test]
fn whole_days_with_their_names() {
    let list = read(
        "[UID:1;DTSTART|VALUE=DATE:20260406;SUMMARY:Easter Monday;]\
         [UID:2;DTSTART|VALUE=DATE:20261225;DTEND|VALUE=DATE:20261227;SUMMARY:Christmas;]\
         [UID:3;DTSTART|VALUE=DATE:20250101;SUMMARY:before the years that were asked for;]\
         [UID:4;DTSTART|VALUE=DATE:20260721;STATUS:CANCELLED;SUMMARY:not this year;]",
    )
    .unwrap();
    let expected = [
        ("2026-04-06".to_owned(), "Easter Monday"),
        ("2026-12-25".to_owned(), "Christmas"),
        ("2026-12-26".to_owned(), "Christmas"),
    ];
    assert_eq!(days(&list), expected);
    assert!(list.is_rest_day(day("2026-04-06")));
    assert_eq!(list.known(), Some((day("2026-04-06"), day("2026-12-26"))));
}

#[test]
fn folded_and_escaped_names() {
    let list =
        read("[DTSTART|VALUE=DATE:20260406;SUMMARY:Easter\\, the\r\n  Monday after;]").unwrap();
    assert_eq!(list.holiday(day("2026-04-06")), Some("Easter, the Monday after"));
}

#[test]
fn what_recurs() {
    let list = read(
        "[DTSTART|VALUE=DATE:20200501;RRULE:FREQ=YEARLY;SUMMARY:Labour Day;]"
            .replace("FREQ=YEARLY;", "FREQ=YEARLY\r\n")
            .as_str(),
    )
    .unwrap();
    let found: Vec<String> = list.days().map(|(day, _)| day.to_string()).collect();
    assert_eq!(found, ["2026-05-01", "2027-05-01", "2028-05-01"]);
    // The last Monday of May, until 2027, but not in 2026.
    let list = read(
        "[DTSTART|VALUE=DATE:20200525;RRULE:FREQ=YEARLY|BYMONTH=5|BYDAY=-1MO|UNTIL=20271231;\
         EXDATE|VALUE=DATE:20260525;RDATE|VALUE=DATE:20260601;SUMMARY:Memorial Day;]",
    )
    .unwrap();
    let found: Vec<String> = list.days().map(|(day, _)| day.to_string()).collect();
    assert_eq!(found, ["2026-06-01", "2027-05-31"]);
}

#[test]
fn what_is_no_list_of_holidays() {
    use ICalendarError as E;
    for (events, error) in [
        ("[DTSTART:20260406T100000Z;SUMMARY:a meeting;]", E::NotWholeDays { event: 1 }),
        ("[DTSTART|VALUE=DATE:20260406;][SUMMARY:no day;]", E::NotWholeDays { event: 2 }),
        ("[DTSTART|VALUE=DATE:20260406;DTEND|VALUE=DATE:20260401;]", E::NotWholeDays { event: 1 }),
        ("[DTSTART|VALUE=DATE:20260101;DTEND|VALUE=DATE:20270101;]", E::TooLarge),
        ("[DTSTART|VALUE=DATE:20260406;RRULE:FREQ=SOMETIMES;]", E::Recurrence { event: 1 }),
        ("[DTSTART|VALUE=DATE:20260406;RRULE:FREQ=SECONDLY;]", E::Recurrence { event: 1 }),
        ("[DTSTART|VALUE=DATE:20260406;EXDATE|VALUE=DATE:soon;]", E::NotWholeDays { event: 1 }),
    ] {
        assert_eq!(read(events).unwrap_err(), error, "{events}");
    }
    for text in ["", "garbage", "BEGIN:", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART"] {
        let error = HolidayList::from_icalendar(text, 2026..=2026).unwrap_err();
        assert_eq!(error, E::Form, "{text}");
    }
    let deep = "BEGIN:A\r\n".repeat(100_000);
    assert_eq!(HolidayList::from_icalendar(&deep, 2026..=2026), Err(E::TooLarge));
    let long = " ".repeat(5 << 20);
    assert_eq!(HolidayList::from_icalendar(&long, 2026..=2026), Err(E::TooLarge));
}

#[test]
fn a_calendar_without_events_is_one() {
    assert_eq!(read("").unwrap(), HolidayList::default());
}

#[test]
fn lists() {
    let mut list = HolidayList::new([(day("2026-04-06"), "Easter Monday")]);
    list.extend([(day("2026-04-06"), "again"), (day("2026-02-14"), "Valentine's Day")]);
    list.retain(|_, name| !name.starts_with("Valentine"));
    assert_eq!(days(&list), [("2026-04-06".to_owned(), "Easter Monday")]);
    assert!(list.is_weekend(day("2026-04-04")));
    assert!(!list.is_rest_day(day("2026-04-07")));
    assert_eq!(WeekendsOnly.holiday(day("2026-12-25")), None);
    assert_eq!(HolidayList::default().known(), None);
}

/// Where Friday and Saturday are the weekend.
#[derive(Debug)]
struct FridaySaturday;

impl HolidayCalendar for FridaySaturday {
    fn holiday(&self, _day: NaiveDate) -> Option<&str> {
        None
    }

    fn is_weekend(&self, day: NaiveDate) -> bool {
        use chrono::{Datelike, Weekday};
        matches!(day.weekday(), Weekday::Fri | Weekday::Sat)
    }
}

#[test]
fn another_weekend() {
    let place = privacy_rights::Place::new(chrono_tz::Africa::Cairo).with_calendar(FridaySaturday);
    let events = crate::table::events("start:2026-06-10");
    // 10 July is a Friday.
    let due = privacy_rights::due(&crate::table::rule("gdpr"), &place, &events).unwrap();
    assert_eq!(due.deadline().unwrap().last_day, day("2026-07-12"));
}

proptest! {
    #[test]
    fn no_text_is_too_much(text in "(BEGIN:VCALENDAR|BEGIN:VEVENT|END:VEVENT|END:VCALENDAR|DTSTART;VALUE=DATE:2026[0-9]{4}|RRULE:FREQ=(YEARLY|DAILY)(;[A-Z]{2,8}=[-0-9A-Z]{1,6})?|[ -~]{0,12}|\r\n|\n| ){0,30}") {
        let _read_or_refused = HolidayList::from_icalendar(&text, 2026..=2027);
    }
}
