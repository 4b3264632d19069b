//! What holds for whatever happens.

use std::collections::BTreeSet;

use chrono::{Datelike, Days, NaiveDate};
use privacy_rights::{ClockEvent, Due, HolidayList, Period, Place, Question, Rolling, Rule, due};
use proptest::prelude::*;

use crate::table::rule;

const DAY: i64 = 86_400_000_000;

fn at(micros: i64) -> audit_core::Timestamp {
    audit_core::Timestamp::from_micros(micros).unwrap()
}

/// From 2024 to 2028.
fn moments() -> impl Strategy<Value = i64> {
    1_704_067_200_000_000..1_861_920_000_000_000_i64
}

fn rules() -> impl Strategy<Value = Rule> {
    prop_oneof![Just("gdpr"), Just("uk"), Just("ccpa")].prop_map(rule)
}

prop_compose! {
    fn places()(
        zone in prop::sample::select(vec![
            chrono_tz::Europe::Brussels, chrono_tz::America::Los_Angeles, chrono_tz::Asia::Kolkata,
            chrono_tz::Pacific::Kiritimati, chrono_tz::America::Santiago, chrono_tz::UTC,
        ]),
        days in prop::collection::vec(0_u64..1900, 0..60),
    ) -> Place {
        let first = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
        let days = days.into_iter().map(|n| (first + Days::new(n), "holiday"));
        Place::new(zone).with_calendar(HolidayList::new(days))
    }
}

/// Questions with answers, as moments after the start; of one kind they do not overlap.
fn questions() -> impl Strategy<Value = Vec<(Question, i64, i64)>> {
    let one = |question| {
        prop::collection::vec((0..40 * DAY, 0..20 * DAY), 0..3).prop_map(move |gaps| {
            let mut from = 0;
            let mut all = Vec::new();
            for (gap, length) in gaps {
                all.push((question, from + gap + 1, from + gap + 1 + length));
                from += gap + 2 + length;
            }
            all
        })
    };
    (one(Question::Identity), one(Question::Scope), one(Question::Fee))
        .prop_map(|(a, b, c)| [a, b, c].concat())
}

fn events(start: i64, questions: &[(Question, i64, i64)]) -> Vec<ClockEvent> {
    let mut events = vec![ClockEvent::started(at(start))];
    for (question, from, until) in questions {
        events.push(ClockEvent::asked(*question, at(start + from)));
        events.push(ClockEvent::answered(*question, at(start + until)));
    }
    events
}

fn last_day(rule: &Rule, place: &Place, events: &[ClockEvent]) -> NaiveDate {
    due(rule, place, events).unwrap().deadline().unwrap().last_day
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_extension_never_shortens(
        rule in rules(), place in places(), start in moments(), questions in questions(),
    ) {
        let mut events = events(start, &questions);
        let base = last_day(&rule, &place, &events);
        events.push(ClockEvent::extended("many", at(start)));
        prop_assert!(last_day(&rule, &place, &events) >= base);
    }

    #[test]
    fn a_question_never_shortens(
        rule in rules(), place in places(), start in moments(), questions in questions(),
        dropped in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!questions.is_empty());
        let all = last_day(&rule, &place, &events(start, &questions));
        let mut fewer = questions.clone();
        let (dropped, ..) = fewer.remove(dropped.index(questions.len()));
        // In the United Kingdom the period begins anew with the proof, and what stood still before
        // is not added: around the end of a short month that can be days earlier.
        let restarts = rule == self::rule("uk") && dropped != Question::Scope;
        prop_assume!(!restarts || questions.iter().all(|(question, ..)| *question != Question::Scope));
        prop_assert!(last_day(&rule, &place, &events(start, &fewer)) <= all);
    }

    #[test]
    fn who_asks_later_is_answered_no_earlier(
        rule in rules(), place in places(), start in moments(), later in 0..60 * DAY,
        questions in questions(), extended in any::<bool>(),
    ) {
        // The same questions at the same moments, whatever the start.
        let build = |start: i64, shift: i64| {
            let mut events = events(start, &[]);
            for (question, from, until) in &questions {
                events.push(ClockEvent::asked(*question, at(start + shift + from)));
                events.push(ClockEvent::answered(*question, at(start + shift + until)));
            }
            if extended {
                events.push(ClockEvent::extended("many", at(start)));
            }
            events
        };
        let early = last_day(&rule, &place, &build(start, later));
        prop_assert!(early <= last_day(&rule, &place, &build(start + later, 0)));
    }

    #[test]
    fn rolling_is_idempotent(
        place in places(), start in moments(), days in 2_u16..60, two in any::<bool>(),
    ) {
        let rolled = |days: u16| {
            let basis = String::from("x");
            let rolling = if two {
                Rolling::TwoWorkingDays { basis }
            } else {
                Rolling::NextWorkingDay { basis }
            };
            Rule::new("x", Period::Days(days), "x").rolling(rolling)
        };
        let events = events(start, &[]);
        let first = last_day(&rolled(days), &place, &events);
        prop_assert!(!place.calendar().is_rest_day(first));
        let moved = (first - place.day(at(start))).num_days();
        let again = rolled(u16::try_from(moved).unwrap());
        prop_assert_eq!(last_day(&again, &place, &events), first);
    }

    #[test]
    fn the_alarm_is_never_late(
        rule in rules(), place in places(), start in moments(), questions in questions(),
        extended in any::<bool>(),
    ) {
        let mut events = events(start, &questions);
        if extended {
            events.push(ClockEvent::extended("many", at(start)));
        }
        let due = due(&rule, &place, &events).unwrap();
        let deadline = due.deadline().unwrap();
        prop_assert!(deadline.alarm <= deadline.last_day);
        // The last day is still in time, the next one is not.
        prop_assert!(place.day(at(deadline.ends.as_micros() - 1)) == deadline.last_day);
        prop_assert!(place.day(deadline.ends) > deadline.last_day);
    }

    #[test]
    fn the_order_in_which_events_are_given_does_not_matter(
        rule in rules(), place in places(), start in moments(), questions in questions(),
        seed in any::<u64>(),
    ) {
        let mut events = events(start, &questions);
        events.push(ClockEvent::extended("many", at(start)));
        let expected = due(&rule, &place, &events).unwrap();
        let middle = usize::try_from(seed).unwrap_or(0) % events.len();
        events.rotate_left(middle);
        prop_assert_eq!(due(&rule, &place, &events).unwrap(), expected);
    }

    #[test]
    fn months_are_as_counted_on_fingers(start in moments(), months in 1_u16..40) {
        let place = Place::new(chrono_tz::UTC);
        let rule = Rule::new("x", Period::Months(months), "x");
        let from = place.day(at(start));
        let count = from.year() * 12 + from.month0().cast_signed() + i32::from(months);
        let (year, month) = (count.div_euclid(12), count.rem_euclid(12).cast_unsigned() + 1);
        // The latest day of that month which is no later than the start's.
        let expected =
            (1..=from.day()).rev().find_map(|day| NaiveDate::from_ymd_opt(year, month, day));
        prop_assert_eq!(last_day(&rule, &place, &events(start, &[])), expected.unwrap());
    }

    #[test]
    fn paused_days_are_the_days_of_the_union(
        place in places(), start in moments(), questions in questions(),
    ) {
        // A period so long that every question falls into it.
        let rule = ["id", "scope", "fee"].iter().zip([
            Question::Identity, Question::Scope, Question::Fee,
        ]).fold(Rule::new("x", Period::Days(400), "x"), |rule, (basis, question)| {
            rule.interrupted_by(question, privacy_rights::Effect::Pauses, *basis)
        });
        let mut days = BTreeSet::new();
        for (_, from, until) in &questions {
            let (from, until) = (place.day(at(start + from)), place.day(at(start + until)));
            days.extend(from.iter_days().take_while(|day| *day < until));
        }
        let plain = place.day(at(start)) + Days::new(400);
        let expected = plain + Days::new(days.len().try_into().unwrap());
        prop_assert_eq!(last_day(&rule, &place, &events(start, &questions)), expected);
    }

    #[test]
    fn hours_are_elapsed(place in places(), start in moments(), hours in 1_u16..200) {
        let rule = Rule::new("x", Period::Hours(hours), "x");
        let due = due(&rule, &place, &events(start, &[])).unwrap();
        let ends = due.deadline().unwrap().ends;
        prop_assert_eq!(ends.as_micros() - start, i64::from(hours) * 3_600_000_000);
    }

    #[test]
    fn an_open_question_has_no_date(place in places(), start in moments(), asked in 0..20 * DAY) {
        let events = [
            ClockEvent::started(at(start)),
            ClockEvent::asked(Question::Identity, at(start + asked)),
        ];
        let due = due(&rule("gdpr"), &place, &events).unwrap();
        let since = place.day(at(start + asked));
        let stands = matches!(due, Due::Paused { since: day, .. } if day == since);
        prop_assert!(stands);
    }
}
