use privacy_rights::{
    LegalBasis, Permission, Preference, PreferenceError, PreferenceEvent, Preferences, Purpose,
};

use crate::at;

fn given(version: &str) -> Preference {
    let (purpose, act) = ("news".into(), "ticked the box".into());
    Preference::ConsentGiven { purpose, text_version: version.into(), act }
}

fn news() -> Purpose {
    Purpose::new("news", "To send news", LegalBasis::Consent)
}

fn purpose(name: &str) -> Purpose {
    let text = || String::from("x");
    let basis = match name {
        "contract" => LegalBasis::Contract,
        "law" => LegalBasis::LegalObligation { law: text() },
        "task" => LegalBasis::PublicTask { law: text() },
        _ => LegalBasis::LegitimateInterests { interest: text() },
    };
    Purpose::new(name, "words", basis)
}

fn history(all: &[(&str, Preference)]) -> Result<Preferences, PreferenceError> {
    Preferences::from_history(
        all.iter().map(|(day, what)| PreferenceEvent::new(at(day), what.clone())),
    )
}

#[test]
fn consent_is_needed_and_can_be_withdrawn() {
    let withdrawn = || Preference::ConsentWithdrawn { purpose: "news".into() };
    let none = Preferences::default();
    assert_eq!(
        none.permit(&news()),
        Permission::Refused { ground: "no consent, GDPR Art. 6(1)(a), 7(3)" }
    );
    let once = history(&[("2026-01-01", given("1"))]).unwrap();
    let granted = Permission::Granted { ground: "consent, GDPR Art. 6(1)(a)".into() };
    assert_eq!(once.permit(&news()), granted);
    let other = Purpose::new("profiles", "words", LegalBasis::Consent);
    assert!(!once.permit(&other).is_granted());
    let twice = history(&[("2026-01-01", given("1")), ("2026-02-01", given("2"))]).unwrap();
    assert_eq!(twice.consent("news").unwrap().text_version, "2");
    let gone = history(&[("2026-01-01", given("1")), ("2026-01-02", withdrawn())]).unwrap();
    assert!(!gone.permit(&news()).is_granted());
    assert_eq!(gone.history().len(), 2);
    let nothing = history(&[("2026-01-01", withdrawn())]);
    assert_eq!(nothing, Err(PreferenceError::NothingToEnd));
}

#[test]
fn an_objection_stops_what_can_be_objected_to() {
    for (name, stopped) in [("task", true), ("interest", true), ("contract", false), ("law", false)]
    {
        let objected = Preference::Objected { purpose: name.into() };
        let person = history(&[("2026-01-01", objected.clone())]).unwrap();
        assert_eq!(person.permit(&purpose(name)).is_granted(), !stopped, "{name}");
        let reason = "compelling grounds: fraud".into();
        let ended = Preference::ObjectionEnded { purpose: name.into(), reason };
        let person = history(&[("2026-01-01", objected), ("2026-01-02", ended)]).unwrap();
        assert!(person.permit(&purpose(name)).is_granted(), "{name}");
    }
}

#[test]
fn restricted_data_is_used_with_consent_only() {
    let restricted = || ("2026-01-02", Preference::Restricted { letter: 'a' });
    let lifted = |told| ("2026-01-05", Preference::RestrictionLifted { told_at: at(told) });
    let person = history(&[("2026-01-01", given("1")), restricted()]).unwrap();
    assert!(person.is_restricted());
    assert!(person.permit(&news()).is_granted());
    let refused = Permission::Refused { ground: "restricted, GDPR Art. 18(2)" };
    for name in ["contract", "law", "task", "interest"] {
        assert_eq!(person.permit(&purpose(name)), refused, "{name}");
    }
    let person = history(&[restricted(), lifted("2026-01-04")]).unwrap();
    assert!(person.permit(&purpose("contract")).is_granted());
    // Art. 18(3): the person is told before.
    let untold = history(&[restricted(), lifted("2026-01-06")]);
    assert_eq!(untold, Err(PreferenceError::NotTold));
    assert_eq!(history(&[lifted("2026-01-04")]), Err(PreferenceError::NothingToEnd));
    let ground = Preference::Restricted { letter: 'e' };
    assert_eq!(history(&[("2026-01-01", ground)]), Err(PreferenceError::NoSuchGround));
}

#[test]
fn what_proves_nothing_is_no_consent() {
    let unproven = Err(PreferenceError::Unproven);
    assert_eq!(history(&[("2026-01-01", given(" "))]), unproven);
    let (purpose, text_version) = (String::from("news"), String::from("1"));
    let silent = Preference::ConsentGiven { purpose, text_version, act: String::new() };
    assert_eq!(history(&[("2026-01-01", silent)]), unproven);
    let objected = ("2026-01-01", Preference::Objected { purpose: "x".into() });
    let ended = Preference::ObjectionEnded { purpose: "x".into(), reason: String::new() };
    assert_eq!(history(&[objected.clone(), ("2026-01-02", ended)]), unproven);
    let (purpose, reason) = (String::from("y"), String::from("taken back"));
    let other = Preference::ObjectionEnded { purpose, reason };
    assert_eq!(history(&[objected, ("2026-01-02", other)]), Err(PreferenceError::NothingToEnd));
    let backwards = history(&[("2026-01-02", given("1")), ("2026-01-01", given("1"))]);
    assert_eq!(backwards, Err(PreferenceError::OutOfOrder));
}

#[test]
fn the_history_is_a_register() {
    let person = history(&[
        ("2026-01-01", given("1")),
        ("2026-01-02", Preference::Restricted { letter: 'b' }),
    ]);
    let register = person.unwrap().register();
    assert_eq!(
        register.rows(),
        [
            ["2026-01-01T10:00:00.000000Z", "consent given", "news", "text 1; ticked the box"],
            ["2026-01-02T10:00:00.000000Z", "restricted", "", "Art. 18(1)(b)"],
        ]
    );
}
