use audit_core::Timestamp;
use privacy_rights::{
    Breach, BreachError, BreachPhase, BreachStep, Duty, Period, Place, Regime, Risk, Rule,
};

use crate::at;

struct Case {
    breach: Breach,
    rule: Rule,
    place: Place,
}

impl Case {
    fn new() -> Self {
        let rule = Regime::gdpr().rule(&Duty::TELL_AUTHORITY).unwrap().clone();
        let place = Place::new(chrono_tz::Europe::Brussels);
        Self { breach: Breach::new("2026-1"), rule, place }
    }

    fn step(&mut self, at: Timestamp, step: BreachStep) -> Result<(), BreachError> {
        let before = self.breach.clone();
        let taken = self.breach.step(at, step, (&self.rule, &self.place));
        if taken.is_err() {
            assert_eq!(self.breach, before);
        }
        taken
    }

    fn warnings(&self, now: &str) -> usize {
        self.breach.warnings(&self.rule, &self.place, at(now)).unwrap()
    }
}

fn aware() -> BreachStep {
    BreachStep::Aware { facts: "a laptop was stolen".into() }
}

fn assessed(risk: Risk) -> BreachStep {
    let (effects, measures) = ("addresses known".into(), "disk wiped".into());
    BreachStep::Assessed { risk, persons: Some(12), effects, measures }
}

fn told(delay: Option<&str>) -> BreachStep {
    BreachStep::AuthorityTold { reference: "GBA-1".into(), delay: delay.map(Into::into) }
}

fn no_authority() -> BreachStep {
    BreachStep::AuthorityNotRequired { reason: "the disk was encrypted".into() }
}

fn no_persons(reason: &str) -> BreachStep {
    BreachStep::PersonsNotRequired { reason: reason.into() }
}

fn users() -> BreachStep {
    BreachStep::PersonsTold { audience: "users".into() }
}

#[test]
fn from_suspicion_to_the_end() {
    let mut case = Case::new();
    let suspected = BreachStep::Suspected { facts: "a laptop is missing".into() };
    let steps = [
        ("2026-03-26", suspected, BreachPhase::Suspected),
        ("2026-03-27", aware(), BreachPhase::Aware),
        ("2026-03-28", assessed(Risk::High), BreachPhase::Assessed),
        ("2026-03-29", told(None), BreachPhase::AuthoritySettled),
        ("2026-03-30", users(), BreachPhase::PersonsSettled),
        ("2026-04-30", told(None), BreachPhase::PersonsSettled),
        ("2026-05-01", BreachStep::Closed, BreachPhase::Closed),
    ];
    for (day, step, phase) in steps {
        case.step(at(day), step).unwrap();
        assert_eq!(case.breach.phase(), phase, "{day}");
    }
    assert_eq!(case.step(at("2026-05-02"), users()), Err(BreachError::Closed));
    let register = Breach::register(&[case.breach]);
    assert_eq!(register.rows().len(), 7);
    assert_eq!(
        register.rows()[2][3],
        "high risk likely; 12 persons\neffects: addresses known\nmeasures: disk wiped"
    );
}

#[test]
fn the_authority_is_told_within_72_hours_or_told_why_not() {
    let late = at("2026-03-30");
    let last = late.saturating_sub(std::time::Duration::from_micros(1));
    let mut case = Case::new();
    case.step(at("2026-03-27"), aware()).unwrap();
    assert_eq!(case.step(late, told(None)), Err(BreachError::DelayUnexplained));
    assert_eq!(case.step(late, told(Some(" "))), Err(BreachError::DelayUnexplained));
    case.clone_and(last, told(None)).unwrap();
    case.step(late, told(Some("nobody could reach the office"))).unwrap();
    // Further news are not late.
    case.step(at("2026-04-30"), told(None)).unwrap();
}

impl Case {
    fn clone_and(&self, at: Timestamp, step: BreachStep) -> Result<(), BreachError> {
        self.breach.clone().step(at, step, (&self.rule, &self.place))
    }
}

#[test]
fn warnings_come_until_the_authority_is_settled() {
    let mut case = Case::new();
    assert_eq!(case.warnings("2026-03-27"), 0);
    case.step(at("2026-03-27"), aware()).unwrap();
    for (now, count) in [
        ("2026-03-28T09:59", 0),
        ("2026-03-28", 1),
        ("2026-03-29", 2),
        ("2026-03-29T22:00", 3),
        ("2026-03-30", 4),
    ] {
        assert_eq!(case.warnings(now), count, "{now}");
    }
    case.step(at("2026-03-28"), told(None)).unwrap();
    assert_eq!(case.warnings("2026-03-30"), 0);
}

#[test]
fn a_clock_for_each_audience() {
    let mut case = Case::new();
    let promise = Rule::new("awareness of the breach", Period::Hours(72), "Terms 12");
    assert_eq!(case.breach.due(&promise, &case.place).unwrap(), None);
    case.step(at("2026-03-27"), aware()).unwrap();
    let due = case.breach.due(&promise, &case.place).unwrap().unwrap();
    assert_eq!(due.deadline().unwrap().ends, at("2026-03-30"));
}

#[test]
fn what_the_risk_demands() {
    let mut case = Case::new();
    case.step(at("2026-03-27"), aware()).unwrap();
    let not_yet = |before| Err(BreachError::NotYet { before });
    assert_eq!(case.step(at("2026-03-27"), no_authority()), not_yet("its risk is assessed"));
    case.step(at("2026-03-27"), assessed(Risk::Likely)).unwrap();
    assert_eq!(case.step(at("2026-03-27"), no_authority()), Err(BreachError::Required));
    case.clone_and(at("2026-03-27"), no_persons("no high risk")).unwrap();
    case.step(at("2026-03-28"), assessed(Risk::High)).unwrap();
    let without = case.step(at("2026-03-28"), no_persons("no high risk"));
    assert_eq!(without, Err(BreachError::Required));
    let ground = "Art. 34(3)(a): the disk was encrypted";
    case.clone_and(at("2026-03-28"), no_persons(ground)).unwrap();
    case.step(at("2026-03-29"), assessed(Risk::Unlikely)).unwrap();
    case.step(at("2026-03-29"), no_authority()).unwrap();
}

#[test]
fn a_risk_that_grows_opens_what_was_settled() {
    let mut case = Case::new();
    case.step(at("2026-03-27"), aware()).unwrap();
    case.step(at("2026-03-27"), assessed(Risk::Unlikely)).unwrap();
    case.step(at("2026-03-27"), no_authority()).unwrap();
    case.step(at("2026-03-27"), no_persons("no risk")).unwrap();
    case.step(at("2026-03-28"), assessed(Risk::High)).unwrap();
    assert_eq!(case.breach.phase(), BreachPhase::Assessed);
    let open = case.step(at("2026-03-28"), BreachStep::Closed).unwrap_err();
    assert_eq!(open, BreachError::NotYet { before: "the authority is settled" });
    case.step(at("2026-03-28"), told(None)).unwrap();
    let open = case.step(at("2026-03-28"), BreachStep::Closed).unwrap_err();
    assert_eq!(open, BreachError::NotYet { before: "the persons are settled" });
    // Who was told stays told.
    case.step(at("2026-03-29"), assessed(Risk::High)).unwrap();
    assert_eq!(case.breach.phase(), BreachPhase::AuthoritySettled);
}

#[test]
fn steps_that_cannot_be() {
    let mut case = Case::new();
    let nothing = BreachStep::Aware { facts: " ".into() };
    assert_eq!(case.step(at("2026-03-27"), nothing), Err(BreachError::Undocumented));
    let unaware = BreachError::NotYet { before: "it is known to be one" };
    assert_eq!(case.step(at("2026-03-27"), assessed(Risk::High)), Err(unaware.clone()));
    assert_eq!(case.step(at("2026-03-27"), told(None)), Err(unaware));
    case.step(at("2026-03-27"), aware()).unwrap();
    assert_eq!(case.step(at("2026-03-27"), aware()), Err(BreachError::Twice));
    assert_eq!(case.step(at("2026-03-26"), users()), Err(BreachError::OutOfOrder));
    let (effects, measures) = (String::new(), "x".into());
    let vague = BreachStep::Assessed { risk: Risk::High, persons: None, effects, measures };
    assert_eq!(case.step(at("2026-03-28"), vague), Err(BreachError::Undocumented));
    let closed = case.step(at("2026-03-28"), BreachStep::Closed).unwrap_err();
    assert_eq!(closed.to_string(), "before this, its risk is assessed");
}
