//! Disclosures and recipients.

use privacy_rights::{
    Country, Disclosure, DisclosureError, EngagementError, EngagementStep, Recipient,
    RegistersError,
};

use crate::at;
use crate::behaviours;
use crate::support::{belgium, empty_map};
use crate::world::{clerk, world};

fn disclosure(id: &str) -> Disclosure {
    let times = (at("2026-06-01"), at("2026-06-05"));
    Disclosure::new(id, times, "a court", "Art. 46bis", "narrowed").giving("contact")
}

behaviours! {
    async fn disclosures_are_kept(db) {
        let world = world(&db).await;
        let kept = &world.registers;
        kept.disclose(&disclosure("d-1"), clerk()).await.unwrap();
        let again = kept.disclose(&disclosure("d-1"), clerk()).await;
        assert!(matches!(again, Err(RegistersError::Exists)));
        let mut silent = disclosure("d-2");
        silent.law = String::from(" ");
        let error = kept.disclose(&silent, clerk()).await.unwrap_err();
        assert!(matches!(error, RegistersError::Disclosure(DisclosureError::Undocumented)));
        let mut early = disclosure("d-3");
        early.decided_at = at("2026-05-31");
        let error = kept.disclose(&early, clerk()).await.unwrap_err();
        assert!(matches!(error, RegistersError::Disclosure(DisclosureError::OutOfOrder)));
        assert_eq!(kept.disclosures().await.unwrap(), [disclosure("d-1")]);
        assert_eq!(world.actions("register.").await, ["disclosed"]);
        let register = kept.registers().await.unwrap().remove(1);
        assert_eq!(register.rows()[0][2], "a court");
    }

    async fn a_new_recipient_is_announced_before_it_is_used(db) {
        let world = world(&db).await;
        let kept = &world.registers;
        let (map, country) = (empty_map().build().unwrap(), belgium());
        assert_eq!(kept.unannounced(&map).await.unwrap(), ["bookkeeper"]);
        let error = kept.recipient_step("bookkeeper", at("2026-06-01"), EngagementStep::Used, clerk());
        let error = error.await.unwrap_err();
        assert!(matches!(error, RegistersError::Engagement(EngagementError::NotAnnounced)));
        let announced = |country: Country| {
            let recipient = Recipient::new("bookkeeper", "accountant", country);
            EngagementStep::announced(&recipient, "mail of 1 June", at("2026-06-08"))
        };
        let step = |day: &'static str, step| kept.recipient_step("bookkeeper", at(day), step, clerk());
        step("2026-06-01", announced(country)).await.unwrap();
        assert_eq!(kept.unannounced(&map).await.unwrap(), Vec::<String>::new());
        let by = || String::from("tenant-7");
        step("2026-06-02", EngagementStep::ObjectedTo { by: by() }).await.unwrap();
        for (day, wanted) in [
            ("2026-06-03", EngagementError::NotYet),
            ("2026-06-09", EngagementError::Objected),
        ] {
            let error = step(day, EngagementStep::Used).await.unwrap_err();
            assert!(matches!(&error, RegistersError::Engagement(found) if *found == wanted));
        }
        let outcome = "stays with the old one".into();
        step("2026-06-09", EngagementStep::ObjectionSettled { by: by(), outcome }).await.unwrap();
        assert!(step("2026-06-09", EngagementStep::Used).await.unwrap().is_used());
        // It moves: that is to be announced again.
        step("2026-06-10", EngagementStep::Ended { reason: "moves".into() }).await.unwrap();
        assert_eq!(kept.unannounced(&map).await.unwrap(), ["bookkeeper"]);
        assert_eq!(kept.engagements().await.unwrap()[0].steps().len(), 5);
        assert_eq!(world.actions("register.recipient_").await, [
            "announced", "objected_to", "objection_settled", "used", "ended",
        ]);
        assert_eq!(kept.registers().await.unwrap()[2].rows().len(), 5);
    }
}
