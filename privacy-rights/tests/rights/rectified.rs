//! Records that were put right, from the request to the notice.

use std::sync::atomic::Ordering;

use audit_core::Target;
use audit_store::HoldOrder;
use privacy_rights::{
    Correction, CorrectionError, Measure, RequestState, Right, RightsError, SourceError,
};

use crate::behaviours;
use crate::scene::scene;
use crate::world::{clerk, dump, person};

const PHONE: &str = r#"SELECT "Phone" FROM "Customer" WHERE "CustomerId" = 1"#;
const BILLED: &str =
    r#"SELECT "BillingAddress" FROM "Invoice" WHERE "CustomerId" = 1 ORDER BY "InvoiceId""#;

fn phone() -> Measure {
    Measure::Rectify(vec![Correction::new("customers").set("Phone", "CANARY-phone")])
}

fn address() -> Measure {
    Measure::Rectify(vec![Correction::new("invoices").set("BillingAddress", "CANARY-street")])
}

fn on_invoice(key: &str) -> HoldOrder {
    HoldOrder::on_target("acme", &Target::new("invoices", key), "case-1", "file 12/26", clerk())
}

behaviours! {
    async fn a_record_is_put_right_and_recipients_are_told(db) {
        let scene = scene(&db).await;
        let id = scene.request(Right::Rectification).await;
        let plan = scene.handler.propose(id, address(), clerk()).await.unwrap();
        assert_eq!((plan.corrections[0].records, plan.recipients.len()), (4, 1));
        let text = serde_json::to_string(&plan).unwrap();
        assert!(!text.contains("CANARY"), "{text}");
        // The same values again are another commitment: nobody can guess them from it.
        let again = scene.handler.propose(id, address(), clerk()).await.unwrap();
        assert_ne!(again.digest(), plan.digest());
        let stale = scene.world.desk.approve(id, plan.digest(), None, clerk()).await;
        assert!(stale.is_err());
        assert!(matches!(scene.handler.run(id).await, Err(RightsError::NotApproved)));
        scene.world.desk.approve(id, again.digest(), None, clerk()).await.unwrap();
        assert_eq!(scene.handler.measure(id).await.unwrap(), address());
        let rows = dump(&scene.world.pool).await;
        assert!(rows.iter().all(|row| !row.contains("CANARY")), "{rows:?}");
        assert_eq!(scene.handler.run(id).await.unwrap(), RequestState::Completed);
        assert_eq!(scene.texts(BILLED).await, vec!["CANARY-street"; 4]);
        assert_eq!(*scene.told.names.lock().unwrap(), ["bookkeeper"]);
        assert_eq!(scene.world.actions("rights.").await, [
            "received", "identity_proven", "planned", "planned", "approved",
            "rectification_intended", "executed", "rectified", "nothing_left",
            "recipient_notified", "completed",
        ]);
        for (_, entry) in scene.world.entries().await {
            assert!(!entry.contains("CANARY"), "{entry}");
        }
        // What is done is no longer kept.
        assert!(dump(&scene.world.pool).await.contains(&String::from("done ")));
        assert!(matches!(scene.handler.measure(id).await, Err(RightsError::Unknown)));
        assert_eq!(scene.handler.run(id).await.unwrap(), RequestState::Completed);
    }

    async fn a_hold_keeps_a_record_as_it_is(db) {
        let scene = scene(&db).await;
        let journal = &scene.world.journal;
        journal.place_hold(&on_invoice("2")).await.unwrap();
        let (id, state) = scene.carry_out(Right::Rectification, address()).await;
        assert_eq!(state.unwrap(), RequestState::PartiallyCompleted);
        let street = "CANARY-street";
        assert_eq!(scene.texts(BILLED).await, [street, "Street 1", street, street]);
        let entries = scene.world.entries().await;
        let (_, entry) = entries.iter().find(|(action, _)| action == "rights.rectified").unwrap();
        assert!(entry.contains(r#""kept":1"#) && entry.contains("case-1"), "{entry}");
        journal.release_hold("acme", "case-1", clerk()).await.unwrap();
        let state = scene.handler.resume(id, clerk()).await.unwrap();
        assert_eq!(state, RequestState::Completed);
        assert_eq!(scene.texts(BILLED).await, vec![street; 4]);
    }

    async fn a_plan_that_has_become_another_is_not_carried_out(db) {
        let scene = scene(&db).await;
        let id = scene.request(Right::Rectification).await;
        scene.approve(id, address()).await;
        scene.world.journal.place_hold(&on_invoice("2")).await.unwrap();
        assert!(matches!(scene.handler.run(id).await, Err(RightsError::Stale)));
        assert_eq!(scene.texts(BILLED).await[0], "Street 1");
        assert_eq!(scene.world.desk.request(id).await.unwrap().state(), RequestState::Verified);
        // Planned anew, it is.
        scene.approve(id, phone()).await;
        assert_eq!(scene.handler.run(id).await.unwrap(), RequestState::Completed);
        assert_eq!(scene.texts(PHONE).await, ["CANARY-phone"]);
    }

    async fn a_crash_behind_any_step_converges(db) {
        let scene = scene(&db).await;
        scene.crashes.left.store(2, Ordering::SeqCst);
        scene.told.fails.store(1, Ordering::SeqCst);
        let mut corrections = vec![Correction::new("customers").set("Phone", "CANARY-phone")];
        corrections.push(Correction::new("invoices").of_record("1").set("BillingAddress", "x"));
        let both = Measure::Rectify(corrections);
        let (id, state) = scene.carry_out(Right::Rectification, both).await;
        assert!(matches!(state, Err(RightsError::Source(SourceError::Unavailable(_)))));
        assert!(scene.handler.run(id).await.is_err());
        // The notice fails, too.
        let state = scene.handler.run(id).await.unwrap();
        assert_eq!(state, RequestState::PartiallyCompleted);
        assert_eq!(*scene.told.names.lock().unwrap(), Vec::<String>::new());
        let state = scene.handler.resume(id, clerk()).await.unwrap();
        assert_eq!(state, RequestState::Completed);
        assert_eq!(*scene.told.names.lock().unwrap(), ["bookkeeper"]);
        assert_eq!(scene.texts(PHONE).await, ["CANARY-phone"]);
        assert_eq!(scene.texts(BILLED).await, ["x", "Street 1", "Street 2", "Street 2"]);
        // The intent is on record once for each.
        let actions = scene.world.actions("rights.rectification").await;
        assert_eq!(actions, ["_intended", "_intended"]);
    }

    async fn no_erasure_is_undone(db) {
        let scene = scene(&db).await;
        let folder = tempfile::tempdir().unwrap();
        // One that was approved, and one that has been interrupted behind its first change.
        let approved = scene.request(Right::Rectification).await;
        let name = Correction::new("customers").set("FirstName", "CANARY-name");
        scene.approve(approved, Measure::Rectify(vec![name.clone()])).await;
        scene.crashes.left.store(1, Ordering::SeqCst);
        let who = person(&[("customer_id", "1"), ("email", "ann@example.com")]);
        let begun = scene.request_of(Right::Rectification, who).await;
        scene.approve(begun, phone()).await;
        scene.handler.run(begun).await.unwrap_err();
        assert_eq!(scene.texts(PHONE).await, ["CANARY-phone"]);

        let (erasure, eraser) = scene.erasure(folder.path()).await;
        let refused = scene.handler.run(approved).await;
        assert!(matches!(refused, Err(RightsError::BeingErased)), "{refused:?}");
        let proposed = scene.request(Right::Rectification).await;
        let refused = scene.handler.propose(proposed, Measure::Rectify(vec![name]), clerk()).await;
        assert!(matches!(refused, Err(RightsError::BeingErased)), "{refused:?}");
        eraser.run(erasure).await.unwrap();
        for (id, state) in [(approved, RequestState::Verified), (begun, RequestState::Failed)] {
            let stale = scene.handler.run(id).await;
            assert!(matches!(stale, Err(RightsError::Stale)), "{stale:?}");
            assert_eq!(scene.world.desk.request(id).await.unwrap().state(), state);
        }
        let left = r#"SELECT "FirstName" || COALESCE("Phone", '-') FROM "Customer"
            WHERE "CustomerId" = 1"#;
        assert_eq!(scene.texts(left).await, ["erased-"]);
    }

    async fn what_a_source_would_refuse_is_not_proposed(db) {
        let scene = scene(&db).await;
        let id = scene.request(Right::Rectification).await;
        let before = scene.world.entries().await.len();
        let twice = vec![
            Correction::new("invoices").set("BillingAddress", "x"),
            Correction::new("invoices").of_record("1").set("BillingAddress", "y"),
        ];
        for (corrections, wanted) in [
            (twice, CorrectionError::Contradictory),
            (vec![Correction::new("customers").set("SupportRepId", 99)], CorrectionError::Refused),
            (vec![Correction::new("diary").set("Page", "x")],
                CorrectionError::Unsupported { name: "diary".into() }),
        ] {
            let error = scene.handler.propose(id, Measure::Rectify(corrections), clerk()).await;
            let Err(RightsError::Source(SourceError::Correction(found))) = error else {
                panic!("{error:?}")
            };
            assert_eq!(found, wanted);
        }
        let nothing = scene.handler.propose(id, Measure::Rectify(Vec::new()), clerk()).await;
        assert!(matches!(nothing, Err(RightsError::OtherRight)));
        assert!(matches!(scene.handler.measure(id).await, Err(RightsError::Unknown)));
        assert_eq!(scene.world.entries().await.len(), before);
    }
}
