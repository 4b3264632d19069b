//! Contradictions are errors, never a wrong date.

use privacy_rights::{
    Caution, ClockError, ClockEvent, Duty, Effect, HolidayCalendar, Period, Place, Question,
    Regime, Rolling, Rule, RuleError, due,
};

use crate::data::day;
use crate::table::{clock, moment, rule};

fn refused(rule: &str, what: &str) -> ClockError {
    clock(rule, "BE", what).unwrap_err()
}

#[test]
fn events_that_contradict_each_other() {
    use ClockError as E;
    use Question::{Identity, Scope};
    let at = moment;
    for (what, error, words) in [
        ("", E::NotStarted, "nothing has started the clock"),
        (
            "start:2026-03-05 start:2026-03-06",
            E::StartedTwice { at: at("2026-03-06") },
            "the clock was started a second time at 2026-03-06T10:00:00.000000Z",
        ),
        (
            "start:2026-03-05 ask-id:2026-03-04",
            E::BeforeStart { at: at("2026-03-04"), started: at("2026-03-05") },
            "something happened at 2026-03-04T10:00:00.000000Z, before the clock started at \
             2026-03-05T10:00:00.000000Z",
        ),
        (
            "start:2026-03-05 got-scope:2026-03-06",
            E::AnsweredUnasked { question: Scope, at: at("2026-03-06") },
            "what is meant was answered at 2026-03-06T10:00:00.000000Z and not asked for before",
        ),
        (
            "start:2026-03-05 ask-id:2026-03-06 got-id:2026-03-07 got-id:2026-03-08",
            E::AnsweredUnasked { question: Identity, at: at("2026-03-08") },
            "proof of identity was answered at 2026-03-08T10:00:00.000000Z and not asked for before",
        ),
        (
            "start:2026-03-05 ask-id:2026-03-06 ask-id:2026-03-07",
            E::AskedTwice { question: Identity, at: at("2026-03-07") },
            "proof of identity was asked for at 2026-03-07T10:00:00.000000Z, and again before it \
             was answered",
        ),
        (
            "start:2026-03-05 extend:2026-03-06 extend:2026-03-07",
            E::ExtendedTwice { at: at("2026-03-07") },
            "the period was extended a second time at 2026-03-07T10:00:00.000000Z",
        ),
        (
            "start:2026-03-05 extend-silently:2026-03-06",
            E::ReasonMissing { at: at("2026-03-06") },
            "the extension at 2026-03-06T10:00:00.000000Z names no reason",
        ),
        (
            "start:2026-03-05 extend:2026-04-08",
            E::TooLateToExtend { announced: day("2026-04-08"), last_day: day("2026-04-07") },
            "the extension was announced on 2026-04-08, the first period ended on 2026-04-07",
        ),
    ] {
        let found = refused("gdpr", what);
        assert_eq!(found, error, "{what}");
        assert_eq!(found.to_string(), words);
    }
}

#[test]
fn too_late_is_a_local_day() {
    // The last day is 7 April in Brussels; 22:30 UTC of it is the 8th there.
    let late = refused("gdpr", "start:2026-03-05 extend:2026-04-07T22:30Z");
    assert!(matches!(late, ClockError::TooLateToExtend { .. }), "{late}");
    clock("gdpr", "BE", "start:2026-03-05 extend:2026-04-07T21:30Z").unwrap();
    let late =
        refused("uk", "start:2026-03-03 ask-id:2026-03-05 got-id:2026-03-20 extend:2026-04-21");
    assert!(matches!(late, ClockError::TooLateToExtend { .. }), "{late}");
}

#[test]
fn what_cannot_be_extended() {
    for rule in ["ccpa/confirm", "gdpr/tell_authority", "30 days"] {
        let found = refused(rule, "start:2026-03-05 extend:2026-03-06");
        assert_eq!(found, ClockError::NotExtendable, "{rule}");
    }
}

#[test]
fn hours_can_be_extended_by_hours_only_within_the_first() {
    let rule = Rule::new("awareness", Period::Hours(24), "NIS2 Art. 23(4)")
        .extendable_to(Period::Hours(72), "NIS2 Art. 23(4)");
    let place = Place::new(chrono_tz::UTC);
    let at = |events: &str| due(&rule, &place, &crate::table::events(events));
    let ends = at("start:2026-03-05 extend:2026-03-06T09:59Z").unwrap().deadline().unwrap().ends;
    assert_eq!(ends, moment("2026-03-08"));
    let late = at("start:2026-03-05 extend:2026-03-06").unwrap_err();
    assert!(matches!(late, ClockError::TooLateToExtend { .. }), "{late}");
}

#[derive(Debug)]
struct NobodyWorks;

impl HolidayCalendar for NobodyWorks {
    fn holiday(&self, _day: chrono::NaiveDate) -> Option<&str> {
        Some("strike")
    }
}

#[test]
fn a_calendar_without_working_days() {
    let place = Place::new(chrono_tz::UTC).with_calendar(NobodyWorks);
    let started = [ClockEvent::started(moment("2026-03-05"))];
    for rule in [rule("gdpr"), rule("ccpa/confirm")] {
        let error = due(&rule, &place, &started).unwrap_err();
        assert!(matches!(error, ClockError::NoWorkingDay { .. }), "{error}");
    }
}

#[test]
fn rules_that_cannot_be_meant() {
    let rule = |period| Rule::new("the request", period, "Terms 1");
    let pauses = |rule: Rule| rule.interrupted_by(Question::Scope, Effect::Pauses, "Terms 2");
    for (rule, error) in [
        (rule(Period::Days(0)), RuleError::NoPeriod),
        (rule(Period::Days(45)).extendable_to(Period::Days(45), "x"), RuleError::Extension),
        (rule(Period::Days(45)).extendable_to(Period::Months(3), "x"), RuleError::Extension),
        (pauses(rule(Period::Hours(72))), RuleError::InterruptedHours),
        (rule(Period::Hours(72)).alarm(Caution::DayOne), RuleError::AlarmOfHours),
        (
            pauses(pauses(rule(Period::Days(3)))),
            RuleError::TwoEffects { question: Question::Scope },
        ),
    ] {
        let events = [ClockEvent::started(moment("2026-03-05"))];
        let found = due(&rule, &Place::new(chrono_tz::UTC), &events).unwrap_err();
        assert_eq!(found, ClockError::Rule(error));
        assert_eq!(found.to_string(), "the rule cannot be meant");
    }
}

#[test]
fn moments_at_the_end_of_time() {
    let place = Place::new(chrono_tz::UTC);
    let events = [ClockEvent::started(audit_core::Timestamp::MAX)];
    let rule = Rule::new("the request", Period::Months(u16::MAX), "Terms 1");
    assert_eq!(due(&rule, &place, &events), Err(ClockError::OutOfRange));
    let hours = Rule::new("the request", Period::Hours(u16::MAX), "Terms 1");
    assert_eq!(due(&hours, &place, &events).unwrap().deadline().unwrap().ends, events[0].at());
}

#[test]
fn a_regime_is_data() {
    for regime in [Regime::gdpr(), Regime::uk_gdpr(), Regime::ccpa()] {
        for (_, rule) in regime.duties() {
            rule.check().unwrap();
        }
        let text = serde_json::to_string(&regime).unwrap();
        assert_eq!(serde_json::from_str::<Regime>(&text).unwrap(), regime, "{text}");
    }
    // Another law, written down by hand.
    let text = r#"{ "name": "LGPD", "rules": { "answer": {
        "trigger": "the request", "period": { "days": 15 }, "basis": "LGPD Art. 19(II)",
        "rolling": { "next_working_day": { "basis": "LGPD" } } } } }"#;
    let lgpd: Regime = serde_json::from_str(text).unwrap();
    let rule = lgpd.rule(&Duty::ANSWER).unwrap();
    assert_eq!(rule.period(), Period::Days(15));
    let events = crate::table::events("start:2026-03-05T15:00Z");
    let due = due(rule, &Place::new(chrono_tz::America::Sao_Paulo), &events).unwrap();
    assert_eq!(due.deadline().unwrap().last_day, day("2026-03-20"));
    assert!(matches!(
        serde_json::from_str::<Rolling>("\"sometimes\"").map_err(|error| error.is_data()),
        Err(true)
    ));
}
