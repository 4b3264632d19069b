//! Part 2 of the certificate, and the register that it stands on.

use privacy_rights::{BackupError, BackupSet, DeskError, ErasureState};

use crate::at;
use crate::behaviours;
use crate::scene::scene;
use crate::shop::{ann, person, rows, run};
use crate::world::clerk;

behaviours! {
    async fn the_register_is_kept_and_journaled(db) {
        let scene = scene(&db).await;
        let desk = &scene.world.desk;
        desk.add_backup(BackupSet::rolling("b1", at("2026-06-01")), clerk()).await.unwrap();
        desk.add_backup(BackupSet::new("b2", at("2026-06-02"), at("2026-06-09")), clerk()).await.unwrap();
        desk.backup_gone("b2", at("2026-06-10"), clerk()).await.unwrap();
        // The first attestation stays.
        desk.backup_gone("b2", at("2026-06-11"), clerk()).await.unwrap();
        assert_eq!(scene.world.actions().await, ["backup_added", "backup_added", "backup_gone"]);
        let known = scene.desk().await.backups().await.unwrap();
        let sets: Vec<_> =
            known.older(at("2026-06-11")).map(|set| (set.id.as_str(), set.gone_at)).collect();
        assert_eq!(sets, [("b1", None), ("b2", Some(at("2026-06-10")))]);
        for (wrong, error) in [
            (BackupSet::rolling("b1", at("2026-06-03")), "known"),
            (BackupSet::rolling("", at("2026-06-03")), "id"),
            (BackupSet::rolling("b\n3", at("2026-06-03")), "id"),
            (BackupSet::rolling("b3", at("2026-06-12")), "future"),
            (BackupSet::new("b3", at("2026-06-03"), at("2026-06-02")), "early"),
        ] {
            let refused = desk.add_backup(wrong, clerk()).await.unwrap_err();
            assert!(matches!((&refused, error),
                (DeskError::Backup(BackupError::Known { .. }), "known")
                | (DeskError::Backup(BackupError::Id), "id")
                | (DeskError::Backup(BackupError::TooEarly { .. }), "early")
                | (DeskError::FromTheFuture, "future")), "{refused} {error}");
        }
        let refused = desk.backup_gone("b9", at("2026-06-10"), clerk()).await.unwrap_err();
        assert!(matches!(refused, DeskError::Backup(BackupError::Unknown { .. })), "{refused}");
        let refused = desk.backup_gone("b1", at("2026-06-12"), clerk()).await.unwrap_err();
        assert!(matches!(refused, DeskError::FromTheFuture), "{refused}");
        assert_eq!(scene.world.actions().await.len(), 3);
        // Another tenant's sets are not there.
        run(&scene.world.pool, "UPDATE privacy_backup SET tenant = 'other'").await;
        assert_eq!(desk.backups().await.unwrap().older(at("2026-06-11")).count(), 0);
    }

    async fn part_two_follows_the_last_older_set(db) {
        let scene = scene(&db).await;
        let desk = &scene.world.desk;
        desk.add_backup(BackupSet::rolling("b1", at("2026-06-01")), clerk()).await.unwrap();
        desk.add_backup(BackupSet::rolling("b2", at("2026-06-11")), clerk()).await.unwrap();
        let (id, _) = scene.ended(ann()).await;
        scene.now("2026-07-20");
        desk.add_backup(BackupSet::rolling("b3", at("2026-07-01")), clerk()).await.unwrap();
        desk.backup_gone("b1", at("2026-07-01"), clerk()).await.unwrap();
        let eraser = scene.eraser().await.registered_backups();
        eraser.sweep().await.unwrap();
        assert!(scene.part_two(id).await.is_none(), "one that is overdue is not gone");
        desk.backup_gone("b2", at("2026-07-12"), clerk()).await.unwrap();
        assert_eq!(eraser.sweep().await.unwrap(), []);
        let (signed, part) = scene.part_two(id).await.unwrap();
        signed.follows(&scene.part_one(id).await.0).unwrap();
        assert_eq!((part.clear_since, part.rolling_days), (at("2026-07-12"), None));
        let sets: Vec<_> = part.sets.iter().map(|set| set.id.as_str()).collect();
        assert_eq!(sets, ["b1", "b2"]);
        // Once.
        let before = scene.world.actions().await;
        eraser.sweep().await.unwrap();
        assert_eq!(scene.world.actions().await, before);
        assert_eq!(scene.count("erasure_certified").await, 2);
        // Whoever reads it needs the file and the public key; nobody's name is in it.
        assert!(!signed.to_string().contains("ann"));
    }

    async fn a_rolling_window_is_declared_and_not_attested(db) {
        let scene = scene(&db).await;
        let (id, _) = scene.ended(ann()).await;
        let eraser = scene.eraser().await;
        scene.now("2026-07-11T09:59");
        eraser.sweep().await.unwrap();
        assert!(scene.part_two(id).await.is_none());
        scene.now("2026-07-11T10:00");
        eraser.sweep().await.unwrap();
        let (signed, part) = scene.part_two(id).await.unwrap();
        assert_eq!((part.clear_since, part.rolling_days), (at("2026-07-11"), Some(30)));
        assert!(part.sets.is_empty());
        assert!(signed.to_string().contains(r#""rolling_days":30"#));
        // A set that is kept for longer is registered, and waited for.
        scene.world.desk.add_backup(BackupSet::new("year", at("2026-07-11T08:00"), at("2027-07-11")),
            clerk()).await.unwrap();
        let (other, _) = scene.ended(person("customer_id", "3")).await;
        scene.now("2026-12-01");
        eraser.sweep().await.unwrap();
        assert!(scene.part_two(other).await.is_none());
        scene.world.desk.backup_gone("year", at("2026-11-30"), clerk()).await.unwrap();
        eraser.sweep().await.unwrap();
        let (_, part) = scene.part_two(other).await.unwrap();
        assert_eq!((part.clear_since, part.rolling_days), (at("2026-11-30"), Some(30)));
    }

    async fn a_crash_between_record_and_signature(db) {
        let scene = scene(&db).await;
        let (id, _) = scene.ended(ann()).await;
        scene.now("2026-07-12");
        scene.eraser().await.sweep().await.unwrap();
        let text = scene.part_two(id).await.unwrap().1;
        run(&scene.world.pool, "UPDATE privacy_erasure SET part_two_signed = NULL").await;
        assert!(scene.part_two(id).await.is_none());
        scene.now("2026-08-12");
        scene.eraser().await.sweep().await.unwrap();
        assert_eq!(scene.part_two(id).await.unwrap().1, text, "what was recorded is signed");
        assert_eq!(scene.count("erasure_certified").await, 2);
    }

    async fn two_sweeps_at_once_issue_one(db) {
        let scene = scene(&db).await;
        let (id, _) = scene.ended(ann()).await;
        scene.now("2026-07-12");
        let (one, two) = (scene.eraser().await, scene.eraser().await);
        let (one, two) = tokio::join!(one.sweep(), two.sweep());
        one.unwrap();
        two.unwrap();
        scene.eraser().await.sweep().await.unwrap();
        assert_eq!(scene.count("erasure_certified").await, 2);
        assert_eq!(scene.count("erasure_looked_again").await, 1);
        scene.part_two(id).await.unwrap();
    }

    async fn another_part_one_needs_another_part_two(db) {
        let scene = scene(&db).await;
        let (id, state) = scene.ended(ann()).await;
        assert_eq!(state, ErasureState::Deferred);
        scene.now("2026-07-12");
        let eraser = scene.eraser().await;
        eraser.sweep().await.unwrap();
        let first = scene.part_two(id).await.unwrap().1;
        scene.now("2031-05-02");
        assert_eq!(eraser.sweep().await.unwrap(), [(id, ErasureState::Done)]);
        assert!(scene.part_two(id).await.is_none(), "that one was of another part 1");
        scene.now("2031-06-02");
        eraser.sweep().await.unwrap();
        let (signed, second) = scene.part_two(id).await.unwrap();
        assert_ne!(first.part_one, second.part_one);
        signed.follows(&scene.part_one(id).await.0).unwrap();
        assert_eq!(rows(&scene.world.pool, "SELECT state FROM privacy_erasure").await, ["done"]);
    }
}
