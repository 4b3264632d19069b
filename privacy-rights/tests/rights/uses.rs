//! What may be done with a person's data, once they have said so.

use privacy_rights::{
    LegalBasis, Measure, Preference, PreferenceEvent, Purpose, RegistersError, RequestState, Right,
    RightsError,
};
use sqlx::Executor as _;

use crate::at;
use crate::behaviours;
use crate::scene::{ann, scene};
use crate::world::{clerk, person};

fn restricted() -> Measure {
    Measure::Prefer(vec![Preference::Restricted { letter: 'a' }])
}

fn sale() -> Purpose {
    Purpose::new("sale", "To sell music", LegalBasis::Contract)
}

fn accounting() -> Purpose {
    let law = "VAT Code".into();
    Purpose::new("accounting", "To keep books", LegalBasis::LegalObligation { law })
}

fn marketing() -> Purpose {
    let interest = "to sell".into();
    Purpose::new("marketing", "To sell more", LegalBasis::LegitimateInterests { interest })
}

fn news() -> Purpose {
    Purpose::new("news", "To send news", LegalBasis::Consent)
}

behaviours! {
    async fn a_restriction_counts_at_once_and_is_told(db) {
        let scene = scene(&db).await;
        let kept = &scene.world.registers;
        assert!(kept.permit(&ann(), &sale()).await.unwrap().is_granted());
        let (_, state) = scene.carry_out(Right::Restriction, restricted()).await;
        assert_eq!(state.unwrap(), RequestState::Completed);
        // By the number that was found, too.
        for who in [ann(), person(&[("customer_id", "1")])] {
            assert!(!kept.permit(&who, &sale()).await.unwrap().is_granted());
        }
        assert!(kept.permit(&person(&[("customer_id", "2")]), &sale()).await.unwrap().is_granted());
        assert_eq!(*scene.told.names.lock().unwrap(), ["bookkeeper"]);
        let all = scene.world.entries().await;
        assert!(all.iter().any(|(action, _)| action == "register.restricted"));
    }

    async fn each_right_has_its_own_effect(db) {
        let scene = scene(&db).await;
        let kept = &scene.world.registers;
        let (text_version, act) = ("1".into(), "ticked the box".into());
        let given = Preference::ConsentGiven { purpose: "news".into(), text_version, act };
        let given = PreferenceEvent::new(at("2026-06-01"), given);
        kept.prefer(&ann(), given, clerk()).await.unwrap();
        let name = |purpose: &Purpose| purpose.name().to_owned();
        for (right, preference, purpose, told) in [
            (Right::Objection, Preference::Objected { purpose: name(&marketing()) }, marketing(), 0),
            (Right::ConsentWithdrawal, Preference::ConsentWithdrawn { purpose: name(&news()) },
                news(), 0),
            // The bookkeeper receives what is kept for that purpose.
            (Right::OptOut, Preference::OptedOut { purpose: name(&accounting()) }, accounting(), 1),
        ] {
            assert!(kept.permit(&ann(), &purpose).await.unwrap().is_granted(), "{right}");
            let (_, state) = scene.carry_out(right, Measure::Prefer(vec![preference])).await;
            assert_eq!(state.unwrap(), RequestState::Completed);
            assert!(!kept.permit(&ann(), &purpose).await.unwrap().is_granted(), "{right}");
            assert_eq!(scene.told.names.lock().unwrap().len(), told, "{right}");
        }
    }

    async fn a_measure_is_of_the_right_that_is_asked_for(db) {
        let scene = scene(&db).await;
        for (right, measure) in [
            (Right::Objection, restricted()),
            (Right::Restriction, Measure::Prefer(Vec::new())),
            (Right::Erasure, restricted()),
            (Right::Restriction, Measure::Prefer(vec![
                Preference::RestrictionLifted { told_at: at("2026-06-01") },
            ])),
        ] {
            let id = scene.request(right).await;
            let error = scene.handler.propose(id, measure, clerk()).await;
            assert!(matches!(error, Err(RightsError::OtherRight)), "{right}");
        }
        // A consent that was never given cannot be withdrawn.
        let id = scene.request(Right::ConsentWithdrawal).await;
        let never = Measure::Prefer(vec![Preference::ConsentWithdrawn { purpose: "news".into() }]);
        let error = scene.handler.propose(id, never, clerk()).await.unwrap_err();
        assert!(matches!(error, RightsError::Registers(RegistersError::Preference(_))), "{error:?}");
    }

    async fn the_preference_and_the_step_are_there_together_or_not_at_all(db) {
        let scene = scene(&db).await;
        let id = scene.request(Right::Restriction).await;
        scene.approve(id, restricted()).await;
        scene.world.pool.execute(T::BLOCK).await.map(drop).unwrap();
        assert!(scene.handler.run(id).await.is_err());
        let kept = &scene.world.registers;
        assert!(kept.permit(&ann(), &sale()).await.unwrap().is_granted());
        assert_eq!(scene.world.actions("register.").await, Vec::<String>::new());
        let request = scene.world.desk.request(id).await.unwrap();
        assert_eq!(request.state(), RequestState::Executing);
        let drop_it = if T::BLOCK.contains("FUNCTION") {
            "DROP TRIGGER blocked ON privacy_request_event"
        } else {
            "DROP TRIGGER blocked"
        };
        scene.world.pool.execute(drop_it).await.map(drop).unwrap();
        assert_eq!(scene.handler.run(id).await.unwrap(), RequestState::Completed);
        assert!(!kept.permit(&ann(), &sale()).await.unwrap().is_granted());
        assert_eq!(kept.preferences(&ann()).await.unwrap().history().len(), 1);
    }

    async fn a_clock_that_steps_back_keeps_the_order(db) {
        let scene = scene(&db).await;
        let (_, state) = scene.carry_out(Right::Restriction, restricted()).await;
        assert_eq!(state.unwrap(), RequestState::Completed);
        scene.world.clock.set(at("2026-06-10"));
        let objection = Preference::Objected { purpose: "marketing".into() };
        let (_, state) = scene.carry_out(Right::Objection, Measure::Prefer(vec![objection])).await;
        assert_eq!(state.unwrap(), RequestState::Completed);
        let kept = scene.world.registers.preferences(&ann()).await.unwrap();
        assert!(kept.history().is_sorted_by_key(|event| event.at), "{:?}", kept.history());
        assert_eq!(kept.history().len(), 2);
    }

    async fn two_at_once_enter_it_once(db) {
        let scene = scene(&db).await;
        let id = scene.request(Right::Restriction).await;
        scene.approve(id, restricted()).await;
        let (one, two) = tokio::join!(scene.handler.run(id), scene.handler.run(id));
        assert!(one.is_ok() || two.is_ok(), "{one:?} {two:?}");
        assert_eq!(scene.handler.run(id).await.unwrap(), RequestState::Completed);
        let kept = scene.world.registers.preferences(&ann()).await.unwrap();
        assert_eq!(kept.history().len(), 1);
        assert_eq!(scene.world.actions("register.").await, ["restricted"]);
        let ends = ["executed", "nothing_left", "completed"];
        let actions = scene.world.actions("rights.").await;
        for end in ends {
            assert_eq!(actions.iter().filter(|action| *action == end).count(), 1, "{actions:?}");
        }
    }
}
