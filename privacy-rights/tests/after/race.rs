//! An export and an erasure of the same person.

use privacy_rights::{DownloadError, ErasureState, Progress, StepKind};
use sqlx::Executor;

use crate::behaviours;
use crate::scene::{GROUND, scene};
use crate::shop::{ann, person, rows, run};
use crate::world::clerk;

/// What an erasure of Ann leaves nowhere.
const CANARY: &[u8] = b"CANARY-One";

fn holds_canary(files: &[std::path::PathBuf]) -> bool {
    files.iter().any(|file| {
        let bytes = std::fs::read(file).unwrap_or_default();
        bytes.windows(CANARY.len()).any(|window| window == CANARY)
    })
}

behaviours! {
    async fn published_before_the_erasure_begins(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let id = scene.asked(&person("email", "ann@example.com")).await;
        let who = ann().and(privacy_rights::Identifier::new("email", "ann@example.com").unwrap()).unwrap();
        let export = desk.begin_export(id, &who, clerk()).await.unwrap();
        let bundle = scene.made(&export, &who).await.unwrap();
        let token = desk.publish_directory(export, bundle, clerk()).await.unwrap().reveal();
        assert!(holds_canary(&scene.files()));
        // Another person's bundle is nobody's business here.
        let other = person("customer_id", "2");
        let id = scene.asked(&other).await;
        let export = desk.begin_export(id, &other, clerk()).await.unwrap();
        let bundle = scene.made(&export, &other).await.unwrap();
        let others = desk.publish_directory(export, bundle, clerk()).await.unwrap().reveal();

        let erasure = scene.approved(ann()).await;
        let eraser = scene.eraser().await;
        eraser.begin(erasure, GROUND, clerk()).await.unwrap();
        // With the intent nobody can have it any more.
        let refused = desk.download(&token, clerk()).await.unwrap_err();
        assert!(matches!(refused, DownloadError::Unknown), "{refused}");
        assert_eq!(scene.count("bundle_revoked").await, 1);
        let mut deleted_before_a_source = false;
        loop {
            let files = scene.files();
            match eraser.advance(erasure).await.unwrap() {
                Progress::Step { kind: StepKind::Source, .. } => {
                    deleted_before_a_source = true;
                    assert!(!holds_canary(&files), "the files go before the first source");
                }
                Progress::Ended(_) => break,
                _ => {}
            }
        }
        assert!(deleted_before_a_source);
        assert_eq!(scene.count("bundle_deleted").await, 1);
        let given = desk.download(&others, clerk()).await.unwrap();
        assert!(given.path.exists());
    }

    async fn published_between_the_begin_and_the_steps(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let id = scene.asked(&ann()).await;
        let export = desk.begin_export(id, &ann(), clerk()).await.unwrap();
        let bundle = scene.made(&export, &ann()).await.unwrap();
        let erasure = scene.begun(ann()).await;
        assert!(!desk.export_stands(&export).await.unwrap());
        let refused = desk.publish_directory(export, bundle, clerk()).await.unwrap_err();
        assert!(matches!(refused, DownloadError::Cancelled), "{refused}");
        assert!(scene.files().is_empty(), "nothing is left of it");
        // Nor is a new one begun.
        let refused = desk.begin_export(id, &ann(), clerk()).await.unwrap_err();
        assert!(matches!(refused, DownloadError::BeingErased), "{refused}");
        assert_eq!(scene.eraser().await.run(erasure).await.unwrap(), ErasureState::Deferred);
        assert_eq!(scene.count("bundle_published").await, 0);
    }

    async fn published_after_the_end_of_what_was_read_before(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let id = scene.asked(&ann()).await;
        let export = desk.begin_export(id, &ann(), clerk()).await.unwrap();
        let bundle = scene.made(&export, &ann()).await.unwrap();
        let late = desk.begin_export(id, &ann(), clerk()).await.unwrap();
        scene.ended(ann()).await;
        let refused = desk.publish_zip(export, bundle, clerk()).await.unwrap_err();
        assert!(matches!(refused, DownloadError::Cancelled), "{refused}");
        // One that goes on reading finds its workshop gone, or what it made refused.
        if let Ok(bundle) = scene.made(&late, &ann()).await {
            let refused = desk.publish_zip(late, bundle, clerk()).await.unwrap_err();
            assert!(matches!(refused, DownloadError::Cancelled), "{refused}");
        }
        assert!(scene.files().is_empty());
        // What a law keeps is given to whoever asks now.
        let export = desk.begin_export(id, &ann(), clerk()).await.unwrap();
        let bundle = scene.made(&export, &ann()).await.unwrap();
        desk.publish_directory(export, bundle, clerk()).await.unwrap();
        assert!(!scene.files().is_empty() && !holds_canary(&scene.files()));
    }

    async fn what_is_erased_later_is_taken_back_too(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        scene.ended(ann()).await;
        let id = scene.asked(&ann()).await;
        scene.now("2028-05-01");
        let export = desk.begin_export(id, &ann(), clerk()).await.unwrap();
        let bundle = scene.made(&export, &ann()).await.unwrap();
        let token = desk.publish_directory(export, bundle, clerk()).await.unwrap().reveal();
        // The period of an invoice is over.
        scene.now("2028-05-02");
        scene.eraser().await.sweep().await.unwrap();
        assert!(matches!(desk.download(&token, clerk()).await, Err(DownloadError::Unknown)));
        assert!(scene.files().is_empty());
    }

    async fn both_at_once(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let id = scene.asked(&ann()).await;
        let erasure = scene.approved(ann()).await;
        let eraser = scene.eraser().await;
        let exports = async {
            let mut tokens = Vec::new();
            for _ in 0..6 {
                let Ok(export) = desk.begin_export(id, &ann(), clerk()).await else { continue };
                let Ok(bundle) = scene.made(&export, &ann()).await else { continue };
                match desk.publish_directory(export, bundle, clerk()).await {
                    Ok(token) => tokens.push(token.reveal()),
                    Err(DownloadError::Cancelled) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
            tokens
        };
        let erased = async {
            // Some exports come first.
            while scene.count("bundle_published").await < 2 {
                tokio::task::yield_now().await;
            }
            eraser.begin(erasure, GROUND, clerk()).await.unwrap();
            eraser.run(erasure).await.unwrap()
        };
        let (tokens, state) = tokio::join!(exports, erased);
        assert_eq!(state, ErasureState::Deferred);
        // What could be had before cannot be had, and what can be had was read after.
        for token in &tokens[..2] {
            assert!(matches!(desk.download(token, clerk()).await, Err(DownloadError::Unknown)));
        }
        desk.sweep().await.unwrap();
        assert!(!holds_canary(&scene.files()));
        let doomed = "SELECT id FROM privacy_bundle WHERE state <> 'ready'";
        assert!(rows(&scene.shop.pool, doomed).await.is_empty());
        assert!(rows(&scene.shop.pool, "SELECT token FROM privacy_turn").await.is_empty());
    }

    async fn the_same_moment(db) {
        // One beginning against the other, many times: each person once.
        let scene = scene(&db).await;
        let (desk, eraser) = (scene.desk().await, scene.eraser().await);
        for customer in ["1", "2", "3"] {
            let who = person("customer_id", customer);
            let id = scene.asked(&who).await;
            let erasure = scene.approved(who.clone()).await;
            let (export, begun) = tokio::join!(
                desk.begin_export(id, &who, clerk()),
                eraser.begin(erasure, GROUND, clerk())
            );
            begun.unwrap();
            match export {
                // It came first, and was cancelled.
                Ok(export) => {
                    assert!(!desk.export_stands(&export).await.unwrap());
                    if let Ok(bundle) = scene.made(&export, &who).await {
                        let refused = desk.publish_zip(export, bundle, clerk()).await.unwrap_err();
                        assert!(matches!(refused, DownloadError::Cancelled), "{refused}");
                    }
                }
                Err(DownloadError::BeingErased) => {}
                Err(other) => panic!("{other:?}"),
            }
            eraser.run(erasure).await.unwrap();
        }
        desk.sweep().await.unwrap();
        assert!(scene.files().is_empty());
    }

    async fn an_export_waits_for_a_lease_that_is_being_taken(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let who = person("customer_id", "3");
        scene.ended(who.clone()).await;
        let id = scene.asked(&who).await;
        // Another process takes the lease of the same person, and has not committed yet.
        let lease = held_open(std::any::type_name::<T::Db>(),
            "INSERT INTO privacy_lease SELECT tenant, token, request FROM privacy_suppression");
        let (held, begun) = tokio::join!(Executor::execute(&scene.shop.pool, sqlx::AssertSqlSafe(lease)), async {
            for _ in 0..5 {
                desk.request(id).await.unwrap();
            }
            desk.begin_export(id, &who, clerk()).await
        });
        held.unwrap();
        assert!(matches!(begun, Err(DownloadError::BeingErased)), "{begun:?}");
    }

    async fn a_lease_waits_for_an_export_that_is_being_begun(db) {
        let scene = scene(&db).await;
        let who = person("customer_id", "3");
        scene.ended(who.clone()).await;
        let back = r#"UPDATE "Customer" SET "LastName" = 'Back' WHERE "CustomerId" = 3"#;
        run(&scene.shop.pool, back).await;
        let erasure = scene.approved(who.clone()).await;
        let eraser = scene.eraser().await;
        let export = uuid::Uuid::now_v7();
        let begin = held_open(std::any::type_name::<T::Db>(), &format!(
            "INSERT INTO privacy_bundle (id, tenant, request, state, begun_at)
                 VALUES ('{export}', 'acme', '{erasure}', 'making', 0);
             INSERT INTO privacy_bundle_person
                 SELECT tenant, token, '{export}' FROM privacy_suppression"));
        let (held, begun) = tokio::join!(Executor::execute(&scene.shop.pool, sqlx::AssertSqlSafe(begin)), async {
            for _ in 0..5 {
                scene.world.desk.request(erasure).await.unwrap();
            }
            eraser.begin(erasure, GROUND, clerk()).await
        });
        held.unwrap();
        begun.unwrap();
        let state = rows(&scene.shop.pool, "SELECT state FROM privacy_bundle").await;
        assert_eq!(state, ["doomed"]);
    }
}

/// A transaction that has the turn of everybody who was erased, and is open for a while where others
/// can run beside it.
fn held_open(database: &str, does: &str) -> String {
    let (begin, wait) = if database.contains("Postgres") {
        ("BEGIN", "SELECT pg_sleep(0.5);")
    } else {
        ("BEGIN IMMEDIATE", "")
    };
    format!(
        "{begin}; INSERT INTO privacy_turn SELECT tenant, token FROM privacy_suppression; {does};
         {wait} DELETE FROM privacy_turn; COMMIT"
    )
}
