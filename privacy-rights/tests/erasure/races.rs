//! What happens beside an erasure while it runs.

use audit_core::Target;
use audit_store::HoldOrder;
use privacy_rights::{
    Backend, EraseError, ErasureState, Identifier, NewRequest, Progress, RequestState, Right,
    StepKind, StepState,
};
use uuid::Uuid;

use crate::behaviours;
use crate::private::recorded;
use crate::saga::{ERASED, GROUND, LEFT, Scene, scene};
use crate::shop::{ann, person, rows, run};
use crate::world::clerk;

/// Goes on until a step of a kind has been done.
async fn advance_past<DB: Backend + crypto_fields::Backend>(
    scene: &Scene<DB>,
    id: Uuid,
    last: (StepKind, &str),
) {
    loop {
        let progress = scene.eraser().await.advance(id).await.unwrap();
        let Progress::Step { kind, name, .. } = &progress else { panic!("{progress:?}") };
        if (*kind, &**name) == last {
            return;
        }
    }
}

behaviours! {
    async fn by_whatever_name_it_is_the_same_person(db) {
        let scene = scene(&db).await;
        let id = scene.begun_of(person("email", "ann@example.com")).await;
        let eraser = scene.eraser().await;
        for (kind, value) in [("email", "ann@example.com"), ("customer_id", "1")] {
            assert!(eraser.is_erased(&Identifier::new(kind, value).unwrap()).await.unwrap());
            assert!(eraser.is_being_erased(&person(kind, value)).await.unwrap());
        }
        assert_eq!(eraser.run(id).await.unwrap(), ErasureState::Deferred);
        assert_eq!(rows(&scene.shop.pool, LEFT).await, ERASED);
    }

    async fn a_hold_by_one_name_keeps_what_another_leads_to(db) {
        let scene = scene(&db).await;
        let id = scene.begun_of(person("email", "ann@example.com")).await;
        let before = rows(&scene.shop.pool, LEFT).await;
        advance_past(&scene, id, (StepKind::Revoke, "")).await;
        let target = Target::new("customer_id", "1");
        let hold = HoldOrder::on_target("acme", &target, "hold-1", "2026-C-114", clerk());
        scene.world.journal.place_hold(&hold).await.unwrap();
        assert_eq!(scene.eraser().await.run(id).await.unwrap(), ErasureState::Deferred);
        assert_eq!(rows(&scene.shop.pool, LEFT).await, before);
        scene.world.journal.release_hold("acme", "hold-1", clerk()).await.unwrap();
        scene.eraser().await.sweep().await.unwrap();
        assert_eq!(rows(&scene.shop.pool, LEFT).await, ERASED);
    }

    async fn of_a_household_nobody_goes_with_another(db) {
        let scene = scene(&db).await;
        run(&scene.shop.pool,
            r#"UPDATE "Customer" SET "Email" = 'home@example.com' WHERE "CustomerId" < 3"#).await;
        // By their own id, too, since it leads to the address and that to the other one.
        let request = NewRequest::new(Right::Erasure, ann());
        let id = scene.world.desk.receive(request, clerk()).await.unwrap();
        let stopped = scene.eraser().await.preview(id, GROUND).await;
        assert!(matches!(stopped, Err(EraseError::Ambiguous { values: 2, .. })), "{stopped:?}");
        // An address that comes to be shared after the intent changes nothing: it is on record who.
        run(&scene.shop.pool,
            r#"UPDATE "Customer" SET "Email" = 'ann@example.com' WHERE "CustomerId" = 1;
            UPDATE "Customer" SET "Email" = 'bob@example.com' WHERE "CustomerId" = 2"#).await;
        let id = scene.begun().await;
        run(&scene.shop.pool,
            r#"UPDATE "Customer" SET "Email" = 'home@example.com' WHERE "CustomerId" < 3"#).await;
        scene.eraser().await.run(id).await.unwrap();
        assert_eq!(rows(&scene.shop.pool, LEFT).await, ERASED);
    }

    async fn what_is_written_behind_its_step_is_found(db) {
        let scene = scene(&db).await;
        let pool = &scene.shop.pool;
        let id = scene.begun().await;
        advance_past(&scene, id, (StepKind::Source, "customers")).await;
        // One that did not ask whether the person was erased: an import, an open form.
        run(pool, r#"UPDATE "Customer" SET "LastName" = 'CANARY-One' WHERE "CustomerId" = 1;
            INSERT INTO "Invoice" VALUES (90, 1, '2015-05-01 00:00:00', 'Street 1', 0.99)"#).await;
        let eraser = scene.eraser().await;
        advance_past(&scene, id, (StepKind::Verify, "")).await;
        assert!(rows(pool, LEFT).await.contains(&"i90".to_owned()), "it is found first");
        assert_eq!(eraser.run(id).await.unwrap(), ErasureState::Deferred);
        assert_eq!(rows(pool, LEFT).await, ERASED);
        let part = scene.part_one(id).await;
        let erased: Vec<_> =
            part.erased.iter().map(|one| (one.source.as_str(), one.records)).collect();
        assert_eq!(erased, [("customers", 2), ("invoice_lines", 4), ("invoices", 3)]);
        assert_eq!(part.left.records, part.left.explained);
    }

    async fn who_writes_for_ever_leaves_it_partial(db) {
        let scene = scene(&db).await;
        let pool = &scene.shop.pool;
        let id = scene.begun().await;
        let eraser = scene.eraser().await;
        let state = loop {
            match eraser.advance(id).await.unwrap() {
                Progress::Ended(state) => break state,
                Progress::Step { kind: StepKind::Source, state: StepState::Done, .. } => {
                    run(pool, r#"UPDATE "Customer" SET "LastName" = 'CANARY-One'
                        WHERE "CustomerId" = 1"#).await;
                }
                _ => {}
            }
        };
        assert_eq!(state, ErasureState::Partial, "nobody says that it was done");
        assert_eq!(eraser.certificate(id).await.unwrap(), None);
        // The writer was stopped.
        assert_eq!(eraser.resume(id, clerk()).await.unwrap(), ErasureState::Deferred);
        assert_eq!(rows(pool, LEFT).await, ERASED);
        scene.part_one(id).await;
    }

    async fn of_whom_nothing_is_known_nothing_is_proposed(db) {
        let scene = scene(&db).await;
        let desk = &scene.world.desk;
        // As the person has typed it; the shop has it in small letters.
        for who in [person("email", "ANN@example.com"), person("customer_id", "77")] {
            let id = desk.receive(NewRequest::new(Right::Erasure, who), clerk()).await.unwrap();
            desk.vouch_identity(id, "session", clerk()).await.unwrap();
            let eraser = scene.eraser().await;
            let plan = eraser.preview(id, GROUND).await.unwrap();
            assert!(plan.is_empty());
            let refused = eraser.propose(&plan, clerk()).await;
            assert!(matches!(refused, Err(EraseError::NobodyFound)), "{refused:?}");
            assert_eq!(scene.state(id).await, RequestState::Verified);
        }
        // The journal alone knows that one.
        recorded(&scene.world, "77").await;
        scene.approved(person("customer_id", "77")).await;
    }
}
