//! What was written late.

use std::time::Duration;

use audit_core::Target;
use audit_store::HoldOrder;
use privacy_rights::{AlarmKind, Desk, EraseError, ErasureState, Identifier};

use crate::behaviours;
use crate::scene::{LEFT, scene, tokens};
use crate::shop::{ann, person, rows, run};
use crate::world::clerk;

behaviours! {
    async fn nothing_late_is_recorded_once(db) {
        let scene = scene(&db).await;
        scene.ended(ann()).await;
        let eraser = scene.eraser().await;
        scene.now("2026-06-12T09:59");
        eraser.sweep().await.unwrap();
        assert_eq!(scene.count("erasure_looked_again").await, 0);
        scene.now("2026-06-12T10:00");
        assert_eq!(eraser.sweep().await.unwrap(), []);
        let before = scene.world.actions().await;
        assert_eq!(before.last().unwrap(), "erasure_looked_again");
        eraser.sweep().await.unwrap();
        scene.now("2026-06-20");
        eraser.sweep().await.unwrap();
        assert_eq!(scene.world.actions().await, before);
    }

    async fn what_a_late_writer_left_is_erased_and_certified(db) {
        let scene = scene(&db).await;
        let (id, _) = scene.ended(person("customer_id", "3")).await;
        let before = rows(&scene.shop.pool, LEFT).await;
        let first = scene.part_one(id).await.1;
        run(&scene.shop.pool, r#"INSERT INTO "Invoice" VALUES (90, 3, '2015-05-01 00:00:00', 'Street 9', 1);
            UPDATE "Customer" SET "LastName" = 'CANARY-Three' WHERE "CustomerId" = 3"#).await;
        let eraser = scene.eraser().await.second_look(Duration::from_secs(7 * 86_400));
        scene.now("2026-06-17");
        assert_eq!(eraser.sweep().await.unwrap(), []);
        scene.now("2026-06-18");
        assert_eq!(eraser.sweep().await.unwrap(), [(id, ErasureState::Done)]);
        assert_eq!(rows(&scene.shop.pool, LEFT).await, before);
        let second = scene.part_one(id).await.1;
        assert_eq!(second.completed_at, crate::at("2026-06-18"));
        let records = |part: &privacy_rights::ErasureCertificate| -> Vec<u64> {
            part.erased.iter().map(|one| one.records).collect()
        };
        assert_eq!((records(&first), records(&second)), (vec![1, 1, 1], vec![2, 1, 2]));
        assert_eq!(second.left.records, second.left.explained);
        assert_eq!(*scene.told.lock().unwrap(), ["accountant"], "nobody is told twice");
        // Who is not being erased any more has no lease.
        assert!(!eraser.is_being_erased(&person("customer_id", "3")).await.unwrap());
        // It is looked again once.
        scene.now("2026-07-10");
        assert_eq!(eraser.sweep().await.unwrap(), []);
        assert_eq!(scene.count("erasure_looked_again").await, 1);
    }

    async fn a_crash_after_the_look_goes_on(db) {
        let scene = scene(&db).await;
        let (id, _) = scene.ended(ann()).await;
        let before = rows(&scene.shop.pool, LEFT).await;
        run(&scene.shop.pool,
            r#"UPDATE "Customer" SET "LastName" = 'CANARY-One' WHERE "CustomerId" = 1"#).await;
        // Another person's erasure keeps the lease of one of the identifiers meanwhile.
        run(&scene.shop.pool, &format!("INSERT INTO privacy_lease (tenant, token, request)
            SELECT tenant, token, request FROM privacy_suppression WHERE request = '{id}'")).await;
        scene.now("2026-06-13");
        let eraser = scene.eraser().await;
        // The look is on record, and its steps are pending: then the process dies.
        run(&scene.shop.pool, &format!("UPDATE privacy_erasure SET state = 'running',
            looked_at = 1 WHERE request = '{id}'")).await;
        run(&scene.shop.pool, &format!("UPDATE privacy_erasure_step SET state = 'pending', attempts = 0
            WHERE request = '{id}' AND (kind IN ('verify', 'certify', 'sign') OR name = 'customers')")).await;
        assert_eq!(eraser.sweep().await.unwrap(), [(id, ErasureState::Deferred)]);
        assert_eq!(rows(&scene.shop.pool, LEFT).await, before);
        assert!(!eraser.is_being_erased(&ann()).await.unwrap());
    }

    async fn who_comes_back_is_no_late_writer(db) {
        let scene = scene(&db).await;
        let who = person("customer_id", "3");
        let id = scene.begun(who.clone()).await;
        let eraser = scene.eraser().await;
        let early = eraser.came_back(id, clerk()).await.unwrap_err();
        assert!(matches!(early, EraseError::Leased), "{early}");
        eraser.run(id).await.unwrap();
        eraser.came_back(id, clerk()).await.unwrap();
        assert!(!eraser.is_erased(&Identifier::new("customer_id", "3").unwrap()).await.unwrap());
        run(&scene.shop.pool,
            r#"UPDATE "Customer" SET "LastName" = 'Back' WHERE "CustomerId" = 3"#).await;
        scene.now("2026-07-12");
        assert_eq!(eraser.sweep().await.unwrap(), []);
        let left = rows(&scene.shop.pool, LEFT).await;
        assert!(left.contains(&"c3 Back".to_owned()), "{left:?}");
        assert_eq!((scene.count("erasure_person_back").await, scene.count("erasure_looked_again").await), (1, 0));
        // The rest follows as ever.
        scene.part_two(id).await.unwrap();
    }

    async fn who_has_come_back_loses_only_what_was_kept(db) {
        let scene = scene(&db).await;
        let who = person("customer_id", "3");
        let id = scene.begun(who.clone()).await;
        let hold = Target::new("invoices", "5");
        let hold = HoldOrder::on_target("acme", &hold, "hold-1", "2026-C-114", clerk());
        scene.world.journal.place_hold(&hold).await.unwrap();
        let eraser = scene.eraser().await;
        assert_eq!(eraser.run(id).await.unwrap(), ErasureState::Deferred);
        eraser.came_back(id, clerk()).await.unwrap();
        run(&scene.shop.pool,
            r#"UPDATE "Customer" SET "LastName" = 'Back' WHERE "CustomerId" = 3"#).await;
        scene.world.journal.release_hold("acme", "hold-1", clerk()).await.unwrap();
        scene.now("2026-06-20");
        let swept = eraser.sweep().await.unwrap();
        assert_eq!(swept, [(id, ErasureState::Done)]);
        // Nor does the look after that find a late writer.
        scene.now("2026-07-12");
        eraser.sweep().await.unwrap();
        let left = rows(&scene.shop.pool, LEFT).await;
        assert!(left.contains(&"c3 Back".to_owned()) && !left.contains(&"i5".to_owned()), "{left:?}");
        let part = scene.part_one(id).await.1;
        assert_eq!(part.left.records, part.left.explained);
        assert!(!eraser.is_erased(&Identifier::new("customer_id", "3").unwrap()).await.unwrap());
    }

    async fn one_call_for_everything(db) {
        let scene = scene(&db).await;
        let (id, _) = scene.ended(person("customer_id", "3")).await;
        let desk = scene.desk().await;
        let access = scene.asked(&ann()).await;
        let export = desk.begin_export(access, &ann(), clerk()).await.unwrap();
        run(&scene.shop.pool,
            r#"UPDATE "Customer" SET "LastName" = 'CANARY-Three' WHERE "CustomerId" = 3"#).await;
        scene.now("2026-07-20");
        let swept = scene.eraser().await.sweep_all().await.unwrap();
        assert_eq!(swept.erasures, [(id, ErasureState::Done)]);
        assert_eq!(swept.requests.bundles, [export.id()]);
        assert_eq!(swept.requests.alarms, [(access, AlarmKind::Overdue)]);
        assert_eq!(scene.eraser().await.sweep_all().await.unwrap(), Default::default());
    }

    async fn many_at_once_do_everything_once(db) {
        let scene = scene(&db).await;
        let who = person("customer_id", "3");
        let (id, _) = scene.ended(who).await;
        let desk = scene.desk().await;
        let access = scene.asked(&ann()).await;
        let export = desk.begin_export(access, &ann(), clerk()).await.unwrap();
        let bundle = scene.made(&export, &ann()).await.unwrap();
        desk.publish_directory(export, bundle, clerk()).await.unwrap();
        let closed = scene.asked(&person("customer_id", "2")).await;
        desk.withdraw(closed, clerk()).await.unwrap();
        run(&scene.shop.pool,
            r#"UPDATE "Customer" SET "LastName" = 'CANARY-Three' WHERE "CustomerId" = 3"#).await;
        scene.now("2028-07-20");
        let erasers = [scene.eraser().await, scene.eraser().await, scene.eraser().await];
        for _ in 0..2 {
            let [one, two, three] = &erasers;
            let (one, two, three) = tokio::join!(one.sweep_all(), two.sweep_all(), three.sweep_all());
            for swept in [one, two, three] {
                swept.unwrap();
            }
        }
        assert_eq!(scene.eraser().await.sweep_all().await.unwrap(), Default::default());
        let once = ["alarmed", "bundle_expired", "bundle_deleted", "erasure_looked_again", "person_forgotten"];
        for action in once {
            assert_eq!(scene.count(action).await, 1, "{action}");
        }
        assert_eq!(scene.count("erasure_certified").await, 2, "part 1, and again with what was late");
        scene.now("2028-08-21");
        let [one, two, three] = &erasers;
        let (one, two, three) = tokio::join!(one.sweep_all(), two.sweep_all(), three.sweep_all());
        assert!(one.is_ok() && two.is_ok() && three.is_ok());
        scene.part_two(id).await.unwrap();
        assert_eq!(scene.count("erasure_certified").await, 3);
        assert!(scene.files().is_empty());
        scene.world.verified().await;
    }

    async fn a_clock_that_steps_back(db) {
        let scene = scene(&db).await;
        let id = scene.begun(person("customer_id", "3")).await;
        scene.now("2026-05-01");
        let eraser = scene.eraser().await;
        assert_eq!(eraser.run(id).await.unwrap(), ErasureState::Done);
        let part = scene.part_one(id).await.1;
        assert!(part.completed_at >= crate::at("2026-06-11"), "no erasure ends before it was intended");
        assert_eq!(eraser.sweep_all().await.unwrap(), Default::default());
        assert_eq!(scene.count("erasure_looked_again").await, 0);
        scene.now("2026-07-12");
        eraser.sweep_all().await.unwrap();
        scene.now("2026-01-01");
        eraser.sweep_all().await.unwrap();
        let part = scene.part_two(id).await.unwrap().1;
        assert!(part.clear_since >= crate::at("2026-06-11"));
        scene.world.verified().await;
    }

    async fn periods_of_any_length(db) {
        let scene = scene(&db).await;
        for (months, forever) in [(0, Duration::ZERO), (u16::MAX, Duration::MAX)] {
            let options = scene.world.options.clone().downloads(scene.bundles(), tokens());
            let options = options.download_lifetime(forever).waiting_for(forever).record_months(months);
            let world = &scene.world;
            let desk = Desk::open(world.journal.clone(), world.pool.clone(), options).await.unwrap();
            let id = scene.asked(&ann()).await;
            let export = desk.begin_export(id, &ann(), clerk()).await.unwrap();
            let bundle = scene.made(&export, &ann()).await.unwrap();
            let token = desk.publish_zip(export, bundle, clerk()).await.unwrap().reveal();
            assert_eq!(desk.download(&token, clerk()).await.is_ok(), months > 0);
            desk.withdraw(id, clerk()).await.unwrap();
            // On the day of the end nobody is forgotten yet.
            assert!(desk.sweep().await.unwrap().forgotten.is_empty());
            scene.now(if months > 0 { "9000-01-01" } else { "2026-06-12" });
            let swept = desk.sweep().await.unwrap();
            assert_eq!(swept.forgotten, [id], "after {months} months");
        }
        let who = person("customer_id", "3");
        let id = scene.begun(who).await;
        let eraser = scene.eraser().await.second_look(Duration::MAX);
        eraser.run(id).await.unwrap();
        assert_eq!(eraser.sweep().await.unwrap(), []);
        let eraser = scene.eraser().await.second_look(Duration::ZERO);
        eraser.sweep().await.unwrap();
        assert_eq!(scene.count("erasure_looked_again").await, 1);
    }

    async fn a_source_that_fails_keeps_no_other_erasure_waiting(db) {
        let scene = scene(&db).await;
        let (one, _) = scene.ended(ann()).await;
        let (two, _) = scene.ended(person("customer_id", "3")).await;
        // The first one's steps name a source that is not there any more.
        run(&scene.shop.pool, &format!("UPDATE privacy_erasure_step SET name = 'gone'
            WHERE request = '{one}' AND name = 'invoices'")).await;
        scene.now("2026-07-12");
        scene.eraser().await.sweep().await.unwrap_err();
        assert!(scene.part_two(two).await.is_some());
    }
}
