//! Holds and laws stand in the way of a tenant's end, and nothing is lost by that.

use audit_core::Target;
use audit_store::HoldOrder;
use privacy_rights::{ErasureState, PurgeError, PurgeProgress, StepState, Until};

use crate::behaviours;
use crate::estate::{ID, T1, estate, officer};
use crate::support::run;
use crate::world::{clerk, rows};

fn hold() -> HoldOrder {
    HoldOrder::on_target("t1", &Target::new("contract", "7"), "H-1", "a lawsuit", clerk())
}

behaviours! {
    async fn a_hold_blocks_the_beginning_and_that_is_recorded(db) {
        let estate = estate(&db).await;
        let purger = estate.purger(estate.stores().await).await;
        let ground = "the contract ended";
        let before = purger.plan(T1, ground).await.unwrap().digest();
        estate.world.journal.place_hold(&hold()).await.unwrap();
        let plan = purger.plan(T1, ground).await.unwrap();
        assert_eq!(plan.blocked[0].until, Until::HoldReleased("H-1".into()));
        for digest in [before, plan.digest()] {
            let refused = purger.begin(T1, (ground, &digest), officer()).await;
            assert!(matches!(&refused, Err(PurgeError::Blocked { reasons }) if reasons.len() == 1));
        }
        assert_eq!(estate.actions().await, ["blocked", "blocked"]);
        assert!(!estate.folder.path().join("purges").exists());
        // A hold of another tenant's is in nobody else's way.
        let plan = purger.plan((ID, "t10"), ground).await.unwrap();
        assert_eq!(plan.blocked, []);
    }

    async fn a_hold_placed_midway_keeps_the_rest_and_the_keys_until_it_ends(db) {
        let estate = estate(&db).await;
        let purger = estate.purger(estate.stores().await).await;
        estate.begin(&purger).await;
        for expected in ["", "note"] {
            let done = purger.advance(ID).await.unwrap();
            assert!(matches!(done, PurgeProgress::Step { store, state: StepState::Done, .. } if store == expected));
        }
        estate.world.journal.place_hold(&hold()).await.unwrap();
        assert_eq!(purger.run(ID).await.unwrap(), ErasureState::Deferred);
        assert_eq!(estate.live_keys("t1").await, 1);
        assert_eq!(estate.count_objects("t1").await, 3);
        let bills = rows(&estate.world.pool, r#"SELECT "Tenant" FROM "Bill" ORDER BY "Id""#).await;
        assert_eq!(bills, ["t1", "t10"]);
        let report = purger.report(ID).await.unwrap();
        assert_eq!((report.gone, report.left, report.explained), (600, 5, 5));
        assert!(report.kept.iter().any(|why| why.until == Until::HoldReleased("H-1".into())));
        // Still held: asking again changes nothing.
        assert_eq!(purger.resume(ID, officer()).await.unwrap(), ErasureState::Deferred);
        assert_eq!(estate.live_keys("t1").await, 1);
        estate.world.journal.release_hold("t1", "H-1", clerk()).await.unwrap();
        assert_eq!(purger.resume(ID, officer()).await.unwrap(), ErasureState::Done);
        assert_eq!((estate.live_keys("t1").await, estate.count_objects("t1").await), (0, 0));
    }

    async fn what_a_law_keeps_is_kept_with_the_keys_until_it_does_not(db) {
        let estate = estate(&db).await;
        run(&estate.world.pool,
            r#"INSERT INTO "Bill" VALUES (3, 't1', '2024-05-01 00:00:00', 'young')"#).await;
        let purger = estate.purger(estate.stores().await).await;
        estate.begin(&purger).await;
        assert_eq!(purger.run(ID).await.unwrap(), ErasureState::Deferred);
        let bills = rows(&estate.world.pool, r#"SELECT "Body" FROM "Bill" WHERE "Tenant" = 't1'"#).await;
        assert_eq!(bills, ["young"]);
        let report = purger.report(ID).await.unwrap();
        assert_eq!((report.left, report.explained), (2, 2));
        assert!(report.kept.iter().any(|why| why.ground == "VAT Code"));
        assert_eq!(estate.live_keys("t1").await, 1);
        // Seven years later.
        estate.world.clock.set("2031-05-05T10:00:00.000000Z".parse().unwrap());
        assert_eq!(purger.resume(ID, officer()).await.unwrap(), ErasureState::Done);
        assert_eq!(estate.live_keys("t1").await, 0);
    }
}
