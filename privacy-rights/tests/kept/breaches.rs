//! Breaches, from the suspicion to the end.

use privacy_rights::{BreachError, BreachPhase, BreachStep, RegistersError, Risk};
use sqlx::Executor as _;

use crate::at;
use crate::behaviours;
use crate::world::{clerk, world};

fn aware() -> BreachStep {
    BreachStep::Aware { facts: "a laptop was stolen".into() }
}

fn assessed(risk: Risk) -> BreachStep {
    let (effects, measures) = ("names may be read".into(), "it was wiped".into());
    BreachStep::Assessed { risk, persons: Some(12), effects, measures }
}

fn told(delay: Option<&str>) -> BreachStep {
    let delay = delay.map(ToOwned::to_owned);
    BreachStep::AuthorityTold { reference: "DPA-1".into(), delay }
}

behaviours! {
    async fn a_breach_is_kept_with_its_entries(db) {
        let world = world(&db).await;
        let kept = &world.registers;
        let suspected = BreachStep::Suspected { facts: "a laptop is missing".into() };
        kept.breach_step("b-1", at("2026-06-10"), suspected, clerk()).await.unwrap();
        kept.breach_step("b-1", at("2026-06-11T08:00"), aware(), clerk()).await.unwrap();
        let breach = kept.breach_step("b-1", at("2026-06-11T09:00"), assessed(Risk::High), clerk());
        assert_eq!(breach.await.unwrap().phase(), BreachPhase::Assessed);
        let breach = kept.breach("b-1").await.unwrap();
        assert_eq!((breach.steps().len(), breach.phase()), (3, BreachPhase::Assessed));
        let actions = world.actions("register.").await;
        assert_eq!(actions, ["breach_suspected", "breach_aware", "breach_assessed"]);
        let (_, entry) = world.entries().await.pop().unwrap();
        for part in [r#""number":3"#, r#""persons":12"#, r#""risk":"high""#, r#""sha256":""#] {
            assert!(entry.contains(part), "{entry}");
        }
        // What may be read by attackers stands in the register, not in the journal.
        assert!(!entry.contains("names may be read"), "{entry}");
        let register = kept.registers().await.unwrap().remove(0);
        assert_eq!(register.rows().len(), 3);
        assert!(String::from_utf8(register.to_csv().unwrap()).unwrap().contains("laptop is missing"));
    }

    async fn what_contradicts_leaves_no_trace(db) {
        let world = world(&db).await;
        let kept = &world.registers;
        kept.breach_step("b-1", at("2026-06-01"), aware(), clerk()).await.unwrap();
        for (id, day, step, wanted) in [
            ("b-1", "2026-06-02", aware(), BreachError::Twice),
            ("b-1", "2026-05-31", assessed(Risk::High), BreachError::OutOfOrder),
            ("b-1", "2026-06-10", told(None), BreachError::DelayUnexplained),
            ("b-2", "2026-06-10", BreachStep::Closed, BreachError::NotYet {
                before: "its risk is assessed"
            }),
            ("b-1", "2026-06-01T11:00", BreachStep::Warned { hours: 24 }, BreachError::NotYet {
                before: "its time has come, and the authority waits"
            }),
        ] {
            let error = kept.breach_step(id, at(day), step, clerk()).await.unwrap_err();
            assert!(matches!(&error, RegistersError::Breach(found) if *found == wanted), "{error:?}");
        }
        let future = kept.breach_step("b-1", at("2026-06-12"), assessed(Risk::High), clerk()).await;
        assert!(matches!(future, Err(RegistersError::FromTheFuture)));
        for id in ["", " ", "a\0b", &"x".repeat(201)] {
            let error = kept.breach_step(id, at("2026-06-10"), aware(), clerk()).await.unwrap_err();
            assert!(matches!(error, RegistersError::Name), "{error:?}");
        }
        assert!(matches!(kept.breach("b-2").await, Err(RegistersError::Unknown)));
        assert_eq!(kept.breaches().await.unwrap().len(), 1);
        assert_eq!(world.actions("register.").await, ["breach_aware"]);
    }

    async fn each_warning_is_raised_once(db) {
        let world = world(&db).await;
        let kept = &world.registers;
        world.clock.set(at("2026-06-01T10:00"));
        kept.breach_step("b-1", at("2026-06-01T10:00"), aware(), clerk()).await.unwrap();
        let mut raised = Vec::new();
        for moment in [
            "2026-06-02T09:59", "2026-06-02T10:00", "2026-06-02T20:00", "2026-06-04T09:59",
            "2026-06-04T10:00", "2026-06-05T10:00",
        ] {
            world.clock.set(at(moment));
            let now = kept.sweep().await.unwrap();
            raised.push(now.into_iter().map(|(_, hours)| hours).collect::<Vec<_>>());
        }
        // Two that have come between two sweeps are raised both.
        assert_eq!(raised, [vec![], vec![24], vec![], vec![48, 60], vec![72], vec![]]);
        assert_eq!(world.actions("register.").await, [
            "breach_aware", "breach_warned", "breach_warned", "breach_warned", "breach_warned",
        ]);
        // What happened before a warning may be entered after it.
        let at_once = at("2026-06-02T08:00");
        kept.breach_step("b-1", at_once, assessed(Risk::Likely), clerk()).await.unwrap();
        let breach = kept.breach_step("b-1", at_once, told(None), clerk()).await.unwrap();
        assert_eq!(breach.phase(), BreachPhase::AuthoritySettled);
    }

    async fn who_told_the_authority_is_not_warned(db) {
        let world = world(&db).await;
        let kept = &world.registers;
        world.clock.set(at("2026-06-01T10:00"));
        for step in [aware(), assessed(Risk::Likely), told(None)] {
            kept.breach_step("b-1", at("2026-06-01T10:00"), step, clerk()).await.unwrap();
        }
        world.clock.set(at("2026-06-20"));
        assert_eq!(kept.sweep().await.unwrap(), []);
    }

    async fn nothing_is_overwritten(db) {
        let world = world(&db).await;
        world.registers.breach_step("b-1", at("2026-06-01"), aware(), clerk()).await.unwrap();
        for sql in [
            "UPDATE privacy_register SET body = '{}'",
            "UPDATE privacy_register SET at = 0 WHERE number = 1",
            "DELETE FROM privacy_register",
        ] {
            let error = world.pool.execute(sql).await.err().unwrap();
            assert!(error.to_string().contains("what happened stays"), "{error}");
        }
        assert_eq!(world.registers.breach("b-1").await.unwrap().steps().len(), 1);
        // Two at once: one is told to look again.
        let step = || BreachStep::Suspected { facts: "x".into() };
        let (one, two) = tokio::join!(
            world.registers.breach_step("b-9", at("2026-06-02"), step(), clerk()),
            world.registers.breach_step("b-9", at("2026-06-02"), step(), clerk()),
        );
        let conflicts = [&one, &two].into_iter().filter(|done| {
            matches!(done, Err(RegistersError::Conflict))
        });
        let conflicts = conflicts.count();
        let steps = world.registers.breach("b-9").await.unwrap().steps().len();
        assert_eq!(steps + conflicts, 2);
        assert_eq!(world.actions("register.breach_suspected").await.len(), steps);
    }
}
