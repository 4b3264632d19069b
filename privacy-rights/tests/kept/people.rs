//! What each person has said, kept by tokens.

use audit_core::Timestamp;
use privacy_rights::{
    LegalBasis, Permission, Preference, PreferenceError, PreferenceEvent, Purpose, Registers,
    RegistersError, Selection,
};

use crate::at;
use crate::behaviours;
use crate::world::{clerk, dump, person, world};

fn given(purpose: &str) -> Preference {
    let (text_version, act) = ("1".into(), "ticked the box".into());
    Preference::ConsentGiven { purpose: purpose.into(), text_version, act }
}

fn withdrawn(purpose: &str) -> Preference {
    Preference::ConsentWithdrawn { purpose: purpose.into() }
}

fn objected(purpose: &str) -> Preference {
    Preference::Objected { purpose: purpose.into() }
}

fn on(day: &str, preference: Preference) -> PreferenceEvent {
    PreferenceEvent::new(at(day), preference)
}

fn news() -> Purpose {
    Purpose::new("news", "To send news", LegalBasis::Consent)
}

fn marketing() -> Purpose {
    let interest = "to sell".into();
    Purpose::new("marketing", "To sell more", LegalBasis::LegitimateInterests { interest })
}

fn sale() -> Purpose {
    Purpose::new("sale", "To sell", LegalBasis::Contract)
}

fn ann() -> Selection {
    person(&[("email", "CANARY-ann@example.com"), ("customer_id", "CANARY-1")])
}

fn email() -> Selection {
    person(&[("email", "canary-ANN@example.com ")])
}

fn now() -> Timestamp {
    at("2026-06-11")
}

behaviours! {
    async fn what_a_person_says_counts_at_once_and_names_nobody(db) {
        let world = world(&db).await;
        let kept = &world.registers;
        assert!(!kept.permit(&ann(), &news()).await.unwrap().is_granted());
        kept.prefer(&ann(), on("2026-06-01", given("news")), clerk()).await.unwrap();
        assert!(kept.permit(&ann(), &news()).await.unwrap().is_granted());
        // By any of the identifiers, however it is written.
        assert!(kept.permit(&email(), &news()).await.unwrap().is_granted());
        assert!(!kept.permit(&person(&[("email", "bob@example.com")]), &news()).await.unwrap()
            .is_granted());
        kept.prefer(&email(), on("2026-06-02", withdrawn("news")), clerk()).await.unwrap();
        assert!(!kept.permit(&ann(), &news()).await.unwrap().is_granted());
        assert!(kept.permit(&ann(), &marketing()).await.unwrap().is_granted());
        kept.prefer(&ann(), on("2026-06-03", objected("marketing")), clerk()).await.unwrap();
        let refused = Permission::Refused { ground: "objection, GDPR Art. 21(1)" };
        assert_eq!(kept.permit(&email(), &marketing()).await.unwrap(), refused);
        kept.prefer(&ann(), on("2026-06-04", Preference::Restricted { letter: 'a' }), clerk()).await
            .unwrap();
        assert!(!kept.permit(&email(), &sale()).await.unwrap().is_granted());
        assert_eq!(kept.preferences(&ann()).await.unwrap().history().len(), 4);
        assert_eq!(world.actions("register.").await, [
            "consent_given", "consent_withdrawn", "objected", "restricted",
        ]);
        let rows = dump(&world.pool).await;
        assert_eq!(rows.len(), 6);
        let entries = world.entries().await.into_iter().map(|(_, text)| text);
        for text in rows.into_iter().chain(entries) {
            let text = text.to_lowercase();
            assert!(!text.contains("canary") && !text.contains("example.com"), "{text}");
        }
        // Under another key they are nobody's.
        let key = crypto_fields::DataKey::generate(crypto_fields::Purpose::BlindIndex).unwrap();
        let others = privacy_rights::SuppressionTokens::new(key);
        let others = Registers::new(world.desk.clone(), others);
        assert_eq!(others.preferences(&ann()).await.unwrap().history(), []);
    }

    async fn what_contradicts_leaves_no_trace(db) {
        let world = world(&db).await;
        let kept = &world.registers;
        kept.prefer(&ann(), on("2026-06-02", given("news")), clerk()).await.unwrap();
        let before = dump(&world.pool).await;
        for (event, wanted) in [
            (on("2026-06-03", withdrawn("other")), PreferenceError::NothingToEnd),
            (on("2026-06-03", given(" ")), PreferenceError::NoPurpose),
            (on("2026-06-03", Preference::Objected { purpose: String::new() }),
                PreferenceError::NoPurpose),
            (on("2026-06-01", withdrawn("news")), PreferenceError::OutOfOrder),
            (on("2026-06-03", Preference::Restricted { letter: 'e' }), PreferenceError::NoSuchGround),
            (on("2026-06-03", Preference::RestrictionLifted { told_at: at("2026-06-03") }),
                PreferenceError::NothingToEnd),
        ] {
            let bob = person(&[("email", "CANARY-ann@example.com"), ("phone", "1")]);
            let error = kept.prefer(&bob, event, clerk()).await.unwrap_err();
            assert!(matches!(&error, RegistersError::Preference(found) if *found == wanted));
        }
        let future = kept.prefer(&ann(), on("2026-06-12", withdrawn("news")), clerk()).await;
        assert!(matches!(future, Err(RegistersError::FromTheFuture)));
        assert_eq!(dump(&world.pool).await, before);
        assert_eq!(world.actions("register.").await, ["consent_given"]);
    }

    async fn two_aliases_turn_out_to_be_one_person(db) {
        let world = world(&db).await;
        let kept = &world.registers;
        let phone = || person(&[("phone", "+32 1")]);
        kept.prefer(&email(), on("2026-06-01", given("news")), clerk()).await.unwrap();
        kept.prefer(&phone(), on("2026-06-02", given("news")), clerk()).await.unwrap();
        let both = person(&[("email", "canary-ann@example.com"), ("phone", "+32 1")]);
        kept.prefer(&both, on("2026-06-03", withdrawn("news")), clerk()).await.unwrap();
        // The withdrawal counts for what was said under either name.
        for who in [email(), phone(), both] {
            assert!(!kept.permit(&who, &news()).await.unwrap().is_granted());
            assert_eq!(kept.preferences(&who).await.unwrap().history().len(), 3);
        }
    }

    async fn a_household_shares_an_address_and_not_its_consents(db) {
        let world = world(&db).await;
        let kept = &world.registers;
        let of = |id| person(&[("email", "home@example.com"), ("customer_id", id)]);
        kept.prefer(&of("1"), on("2026-06-01", given("news")), clerk()).await.unwrap();
        assert!(!kept.permit(&of("2"), &news()).await.unwrap().is_granted());
        kept.prefer(&of("2"), on("2026-06-02", objected("marketing")), clerk()).await.unwrap();
        assert!(kept.permit(&of("1"), &marketing()).await.unwrap().is_granted());
        assert!(!kept.permit(&of("2"), &marketing()).await.unwrap().is_granted());
        // The address alone does not say who.
        let error = kept.permit(&person(&[("email", "home@example.com")]), &news()).await;
        assert!(matches!(error, Err(RegistersError::Ambiguous { values: 2, .. })), "{error:?}");
    }

    async fn an_objection_outlives_an_erasure_and_a_consent_does_not(db) {
        let world = world(&db).await;
        let kept = &world.registers;
        for event in [
            on("2026-06-01", given("news")),
            on("2026-06-02", objected("marketing")),
            on("2026-06-03", Preference::OptedOut { purpose: "sale".into() }),
            on("2026-06-04", Preference::Restricted { letter: 'a' }),
        ] {
            kept.prefer(&ann(), event, clerk()).await.unwrap();
        }
        kept.erased(&ann(), clerk()).await.unwrap();
        kept.erased(&ann(), clerk()).await.unwrap();
        assert_eq!(world.actions("register.preferences").await, ["_erased"]);
        // An import brings the address back, under another number.
        let back = person(&[("email", "CANARY-ann@example.com"), ("customer_id", "77")]);
        assert!(!kept.permit(&back, &marketing()).await.unwrap().is_granted());
        assert!(!kept.permit(&back, &sale()).await.unwrap().is_granted());
        assert!(!kept.permit(&back, &news()).await.unwrap().is_granted());
        let other = Purpose::new("other", "words", LegalBasis::Contract);
        assert!(kept.permit(&back, &other).await.unwrap().is_granted());
        // That the consent was given is on record, and nobody's name.
        let history = kept.preferences(&back).await.unwrap();
        assert_eq!(history.history().len(), 5);
        let rows = dump(&world.pool).await;
        assert!(rows.iter().any(|row| row.contains("consent_given")));
        assert!(rows.iter().all(|row| !row.to_lowercase().contains("canary")), "{rows:?}");
        // The number is no longer linked to anything.
        let number = person(&[("customer_id", "CANARY-1")]);
        assert_eq!(kept.preferences(&number).await.unwrap().history(), []);
        // What still has an effect is not forgotten.
        world.clock.set(at("2036-06-11"));
        assert_eq!(kept.forget_since(at("2036-01-01"), clerk()).await.unwrap(), 0);
        assert!(!kept.permit(&back, &marketing()).await.unwrap().is_granted());
    }

    async fn what_proves_nothing_any_more_is_nobodys(db) {
        let world = world(&db).await;
        let kept = &world.registers;
        kept.prefer(&ann(), on("2026-06-01", given("news")), clerk()).await.unwrap();
        let bob = person(&[("email", "bob@example.com")]);
        kept.prefer(&bob, on("2026-06-01", given("news")), clerk()).await.unwrap();
        let phone = person(&[("phone", "+32 1")]);
        kept.prefer(&phone, on("2026-06-01", given("news")), clerk()).await.unwrap();
        // One withdrawal ends both consents, and stands beside one of them only.
        let both = person(&[("email", "CANARY-ann@example.com"), ("phone", "+32 1")]);
        kept.prefer(&both, on("2026-06-02", withdrawn("news")), clerk()).await.unwrap();
        assert_eq!(kept.forget_since(at("2026-06-02"), clerk()).await.unwrap(), 0);
        assert_eq!(kept.forget_since(now(), clerk()).await.unwrap(), 2);
        assert!(!kept.permit(&phone, &news()).await.unwrap().is_granted());
        assert_eq!(kept.forget_since(now(), clerk()).await.unwrap(), 0);
        assert_eq!(kept.preferences(&ann()).await.unwrap().history(), []);
        assert!(kept.permit(&bob, &news()).await.unwrap().is_granted());
        assert_eq!(world.actions("register.people").await, ["_forgotten"]);
    }
}
