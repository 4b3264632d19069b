//! Identifiers that are not needed any more.

use privacy_rights::{
    DeskError, EraseError, ErasureState, Identifier, NewRequest, Right, VaultError,
};

use crate::behaviours;
use crate::scene::scene;
use crate::shop::{ann, person, rows, run};
use crate::world::clerk;

/// As if a backup from before the erasure had been restored.
const FORGET: &str = "DELETE FROM privacy_lease; DELETE FROM privacy_erasure_step;
    DELETE FROM privacy_erasure; DELETE FROM privacy_suppression";

behaviours! {
    async fn an_erasure_is_forgotten_after_its_record_period(db) {
        let scene = scene(&db).await;
        let (id, state) = scene.ended(person("customer_id", "3")).await;
        assert_eq!(state, ErasureState::Done);
        let eraser = scene.eraser().await;
        scene.now("2028-06-11");
        eraser.sweep().await.unwrap();
        assert_eq!(scene.world.desk.person(id).await.unwrap(), person("customer_id", "3"));
        assert_eq!(scene.count("erasure_forgotten").await, 0);
        scene.now("2028-06-12");
        assert_eq!(eraser.sweep().await.unwrap(), []);
        let gone = scene.world.desk.person(id).await.unwrap_err();
        assert!(matches!(gone, DeskError::Vault(VaultError::Destroyed)), "{gone}");
        assert_eq!((scene.count("erasure_forgotten").await, scene.count("person_forgotten").await), (1, 1));
        let body = rows(&scene.shop.pool, "SELECT body FROM privacy_erasure").await.concat();
        assert!(body.contains(r#""identity":"""#), "{body}");
        // What was done stays, and who was erased is known by their token.
        assert_eq!(eraser.state(id).await.unwrap(), ErasureState::Done);
        scene.part_one(id).await;
        scene.part_two(id).await.unwrap();
        let who = Identifier::new("customer_id", "3").unwrap();
        assert!(eraser.is_erased(&who).await.unwrap());
        // Once.
        let before = scene.world.actions().await;
        scene.now("2040-01-01");
        assert_eq!(eraser.sweep().await.unwrap(), []);
        assert_eq!(scene.world.actions().await, before);
        assert_eq!(rows(&scene.shop.pool,
            "SELECT CAST(settled AS TEXT) FROM privacy_erasure").await, ["1"]);
        scene.world.desk.sweep().await.unwrap();
        assert_eq!(scene.world.actions().await, before);
    }

    async fn one_that_waits_keeps_its_own(db) {
        let scene = scene(&db).await;
        let (id, state) = scene.ended(ann()).await;
        assert_eq!(state, ErasureState::Deferred);
        let eraser = scene.eraser().await;
        for moment in ["2028-05-02", "2030-12-31", "2031-05-02", "2033-05-02"] {
            scene.now(moment);
            eraser.sweep().await.unwrap();
            scene.world.desk.sweep().await.unwrap();
            scene.world.desk.person(id).await.unwrap();
        }
        scene.now("2033-05-03");
        eraser.sweep().await.unwrap();
        assert_eq!(scene.count("erasure_forgotten").await, 1);
    }

    async fn while_a_backup_can_be_restored_nobody_is_forgotten(db) {
        let scene = scene(&db).await;
        let set = privacy_rights::BackupSet::rolling("b1", crate::at("2026-06-01"));
        scene.world.desk.add_backup(set, clerk()).await.unwrap();
        let (id, _) = scene.ended(person("customer_id", "3")).await;
        scene.now("2030-01-01");
        scene.eraser().await.sweep().await.unwrap();
        scene.world.desk.sweep().await.unwrap();
        scene.world.desk.person(id).await.unwrap();
        let gone = crate::at("2029-12-31");
        scene.world.desk.backup_gone("b1", gone, clerk()).await.unwrap();
        scene.eraser().await.sweep().await.unwrap();
        assert_eq!(scene.count("erasure_forgotten").await, 1);
    }

    async fn a_crash_between_the_key_and_its_record(db) {
        let scene = scene(&db).await;
        let (id, _) = scene.ended(person("customer_id", "3")).await;
        scene.now("2028-06-12");
        scene.eraser().await.sweep().await.unwrap();
        // As if it had not been recorded.
        run(&scene.shop.pool, "UPDATE privacy_erasure SET forgotten_at = NULL, settled = 0").await;
        scene.eraser().await.sweep().await.unwrap();
        assert_eq!((scene.count("erasure_forgotten").await, scene.count("person_forgotten").await), (2, 1));
        assert_eq!(scene.eraser().await.state(id).await.unwrap(), ErasureState::Done);
    }

    async fn a_replay_of_one_that_was_forgotten_ends(db) {
        let scene = scene(&db).await;
        let (id, _) = scene.ended(person("customer_id", "3")).await;
        scene.now("2028-06-12");
        let eraser = scene.eraser().await;
        eraser.sweep().await.unwrap();
        // Known here: nothing is to be done.
        assert_eq!(eraser.replay_since(crate::at("2026-06-01")).await.unwrap(), []);
        // Not known here.
        run(&scene.shop.pool, FORGET).await;
        let refused = eraser.boot_check().await;
        assert!(matches!(refused, Err(EraseError::NotReplayed { erasures: 1 })), "{refused:?}");
        let done = eraser.replay_since(crate::at("2026-06-01")).await.unwrap();
        assert_eq!(done, [(id, ErasureState::Done)]);
        eraser.boot_check().await.unwrap();
        let who = Identifier::new("customer_id", "3").unwrap();
        assert!(eraser.is_erased(&who).await.unwrap());
        assert!(!eraser.is_being_erased(&person("customer_id", "3")).await.unwrap());
        assert_eq!(eraser.replay_since(crate::at("2026-06-01")).await.unwrap(), []);
        assert_eq!(eraser.sweep().await.unwrap(), []);
        assert_eq!(eraser.certificate(id).await.unwrap(), None);
        assert_eq!(scene.count("erasure_replayed").await, 1);
    }

    async fn one_that_was_under_way_in_a_backup_and_then_forgotten(db) {
        let scene = scene(&db).await;
        let (id, _) = scene.ended(person("customer_id", "3")).await;
        let body = rows(&scene.shop.pool, "SELECT body FROM privacy_erasure").await.concat();
        scene.now("2028-06-12");
        scene.eraser().await.sweep().await.unwrap();
        for (state, since) in [("running", "2030-01-01"), ("running", "2026-06-01"), ("done", "2026-06-01")] {
            run(&scene.shop.pool, &format!("UPDATE privacy_erasure SET state = '{state}',
                forgotten_at = NULL, settled = 0, looked_at = NULL, body = '{body}'")).await;
            run(&scene.shop.pool, "UPDATE privacy_erasure_step SET state = 'pending'").await;
            scene.eraser().await.replay_since(crate::at(since)).await.unwrap();
            assert_eq!(scene.eraser().await.sweep().await.unwrap(), []);
            assert_eq!(scene.eraser().await.state(id).await.unwrap(), ErasureState::Done);
        }
    }

    async fn other_requests_are_forgotten_by_the_desk(db) {
        let scene = scene(&db).await;
        let desk = &scene.world.desk;
        let id = desk.receive(NewRequest::new(Right::Access, ann()), clerk()).await.unwrap();
        let open = desk.receive(NewRequest::new(Right::Access, ann()), clerk()).await.unwrap();
        desk.withdraw(id, clerk()).await.unwrap();
        scene.now("2028-06-11");
        assert!(desk.sweep().await.unwrap().forgotten.is_empty());
        scene.now("2028-06-12");
        assert_eq!(desk.sweep().await.unwrap().forgotten, [id]);
        assert!(desk.sweep().await.unwrap().forgotten.is_empty());
        assert_eq!(scene.count("person_forgotten").await, 1);
        assert!(desk.person(id).await.is_err());
        desk.person(open).await.unwrap();
    }
}
