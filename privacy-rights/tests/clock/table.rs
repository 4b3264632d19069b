//! A table of cases, and what is done with it.

use audit_core::Timestamp;
use privacy_rights::{
    ClockError, ClockEvent, Due, Duty, Period, Place, Question, Regime, Rolling, Rule, due,
};

use crate::data::{day, place};

/// The rule that it stands for; the clock; the place; what happened; what is due.
pub(crate) type Case = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// `gdpr`, `uk`, `ccpa`, with `/duty` where it is not the answer, or a contract's `30 days`.
pub(crate) fn rule(text: &str) -> Rule {
    let (name, duty) = text.split_once('/').unwrap_or((text, "answer"));
    let regime = match name {
        "gdpr" => Regime::gdpr(),
        "uk" => Regime::uk_gdpr(),
        "ccpa" => Regime::ccpa(),
        promise => return contract(promise),
    };
    regime.rule(&Duty::new(duty.to_owned())).unwrap().clone()
}

fn contract(text: &str) -> Rule {
    let mut words = text.split(' ');
    let count = words.next().unwrap().parse().unwrap();
    let period = match words.next().unwrap() {
        "days" => Period::Days(count),
        "hours" => Period::Hours(count),
        "months" => Period::Months(count),
        "weeks" => Period::Weeks(count),
        "working" => Period::WorkingDays(count),
        other => panic!("{other}"),
    };
    let rule = Rule::new("the deletion", period, "Terms 9.3");
    match words.next() {
        None => rule,
        Some("rolled") => rule.rolling(Rolling::NextWorkingDay { basis: "Terms 9.4".into() }),
        Some("regulation") => rule
            .rolling(Rolling::TwoWorkingDays { basis: "Regulation 1182/71 Art. 3(4), (5)".into() }),
        Some(other) => panic!("{other}"),
    }
}

/// `2026-03-05` is ten in the morning in UTC.
pub(crate) fn moment(text: &str) -> Timestamp {
    let text = match text.strip_suffix('Z') {
        Some(minute) => format!("{minute}:00.000000Z"),
        None => format!("{text}T10:00:00.000000Z"),
    };
    text.parse().unwrap()
}

/// `start:…`, `ask-id:…`, `got-id:…`, `ask-scope:…`, `ask-fee:…`, `extend:…`.
pub(crate) fn events(text: &str) -> Vec<ClockEvent> {
    let question = |name: &str| match name {
        "fee" => Question::Fee,
        "id" => Question::Identity,
        "scope" => Question::Scope,
        other => panic!("{other}"),
    };
    let event = |word: &str| {
        let (what, at) = word.split_once(':').unwrap();
        let at = moment(at);
        match what.split_once('-').unwrap_or((what, "")) {
            ("start", _) => ClockEvent::started(at),
            ("ask", name) => ClockEvent::asked(question(name), at),
            ("got", name) => ClockEvent::answered(question(name), at),
            ("extend", "silently") => ClockEvent::extended("  ", at),
            ("extend", _) => ClockEvent::extended("many requests at once", at),
            other => panic!("{other:?}"),
        }
    };
    text.split_whitespace().map(event).collect()
}

pub(crate) fn clock(rule_of: &str, place_of: &str, what: &str) -> Result<Due, ClockError> {
    due(&rule(rule_of), &place(place_of), &events(what))
}

/// `2026-04-30`, `… alarm 2026-04-28`, `… ends 2026-03-30T09:20Z`, `paused 2026-06-12`.
fn holds(due: &Due, expected: &str, place: &Place) {
    let mut words = expected.split(' ');
    match (due, words.next().unwrap()) {
        (Due::Paused { since, .. }, "paused") => {
            assert_eq!(*since, day(words.next().unwrap()));
        }
        (Due::By(deadline), first) => {
            assert_eq!(deadline.last_day, day(first), "{:#?}", deadline.grounds);
            while let (Some(word), Some(value)) = (words.next(), words.next()) {
                match word {
                    "alarm" => assert_eq!(deadline.alarm, day(value), "alarm"),
                    "ends" => assert_eq!(deadline.ends, moment(value), "ends"),
                    other => panic!("{other}"),
                }
            }
            assert!(deadline.alarm <= deadline.last_day);
            assert!(place.day(deadline.ends) >= deadline.last_day);
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn check(cases: &[Case]) {
    for (law, rule_of, place_of, what, expected) in cases {
        let found = clock(rule_of, place_of, what);
        let found = found.unwrap_or_else(|error| panic!("{law}: {what}: {error}"));
        let words: Vec<String> = found.grounds().iter().map(ToString::to_string).collect();
        assert!(!words.is_empty(), "{law}: a deadline without grounds");
        let checked = std::panic::catch_unwind(|| holds(&found, expected, &place(place_of)));
        assert!(checked.is_ok(), "{law}: {what} under {rule_of} in {place_of}: {words:#?}");
    }
}
