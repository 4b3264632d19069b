//! Bundles that are handed out, and taken back.

use std::time::Duration;

use privacy_rights::{
    Desk, DownloadError, EraseError, NewRequest, RefusalReason, Right, SuppressionTokens,
};

use crate::behaviours;
use crate::scene::{GROUND, scene, tokens};
use crate::shop::{ann, person, rows, run};
use crate::world::clerk;

behaviours! {
    async fn a_bundle_is_had_by_its_token(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let id = scene.asked(&ann()).await;
        let export = desk.begin_export(id, &ann(), clerk()).await.unwrap();
        assert!(desk.export_stands(&export).await.unwrap());
        let bundle = scene.made(&export, &ann()).await.unwrap();
        let token = desk.publish_zip(export, bundle, clerk()).await.unwrap().reveal();
        let given = desk.download(&token, clerk()).await.unwrap();
        assert_eq!(given.request, id);
        assert_eq!(given.file_name, format!("bundle-{}.zip", given.bundle));
        assert_eq!(scene.files(), std::slice::from_ref(&given.path), "nothing else is left of the making");
        assert!(std::fs::read(&given.path).unwrap().starts_with(b"PK"));
        desk.download(&token, clerk()).await.unwrap();
        // Another token, half of one, none.
        let (one, two) = token.split_once('.').unwrap();
        for wrong in [format!("{two}.{one}"), format!("{one}.{one}"), one.to_owned(), String::new(), "x.y".to_owned()] {
            let refused = desk.download(&wrong, clerk()).await.unwrap_err();
            assert!(matches!(refused, DownloadError::Unknown), "{wrong}: {refused}");
        }
        let actions = scene.world.actions().await;
        assert_eq!(actions[2..], ["bundle_begun", "bundle_published", "bundle_downloaded", "bundle_downloaded"]);
        // Neither the token nor anybody's name is stored.
        let stored = rows(&scene.shop.pool,
            "SELECT id || lookup || hash FROM privacy_bundle
             UNION ALL SELECT token FROM privacy_bundle_person").await.concat();
        assert!(!stored.contains(one) && !stored.contains(two) && !stored.contains("customer"), "{stored}");
        assert!(rows(&scene.shop.pool, "SELECT token FROM privacy_turn").await.is_empty());
        // Another tenant's desk does not know it.
        run(&scene.shop.pool, "UPDATE privacy_bundle SET tenant = 'other'").await;
        assert!(matches!(desk.download(&token, clerk()).await, Err(DownloadError::Unknown)));
    }

    async fn a_bundle_expires_and_its_file_goes(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let id = scene.asked(&ann()).await;
        let export = desk.begin_export(id, &ann(), clerk()).await.unwrap();
        let bundle = scene.made(&export, &ann()).await.unwrap();
        let token = desk.publish_directory(export, bundle, clerk()).await.unwrap().reveal();
        scene.now("2026-06-18T09:59");
        assert!(desk.sweep().await.unwrap().bundles.is_empty());
        let given = desk.download(&token, clerk()).await.unwrap();
        assert!(given.path.join("manifest.json").exists());
        scene.now("2026-06-18T10:00");
        assert!(matches!(desk.download(&token, clerk()).await, Err(DownloadError::Unknown)));
        assert_eq!(desk.sweep().await.unwrap().bundles, [given.bundle]);
        assert!(scene.files().is_empty() && !given.path.exists());
        assert_eq!((scene.count("bundle_expired").await, scene.count("bundle_deleted").await), (1, 1));
        assert!(desk.sweep().await.unwrap().bundles.is_empty());
        assert!(rows(&scene.shop.pool, "SELECT id FROM privacy_bundle
            UNION ALL SELECT token FROM privacy_bundle_person").await.is_empty());
        // Another lifetime.
        let options = scene.world.options.clone().downloads(scene.bundles(), tokens());
        let options = options.download_lifetime(Duration::from_secs(60));
        let desk = Desk::open(scene.world.journal.clone(), scene.world.pool.clone(), options).await.unwrap();
        let export = desk.begin_export(id, &ann(), clerk()).await.unwrap();
        let bundle = scene.made(&export, &ann()).await.unwrap();
        let token = desk.publish_directory(export, bundle, clerk()).await.unwrap().reveal();
        scene.now("2026-06-18T10:01");
        assert!(matches!(desk.download(&token, clerk()).await, Err(DownloadError::Unknown)));
    }

    async fn whom_no_bundle_is_given(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let new = |right| desk.receive(NewRequest::new(right, ann()), clerk());
        let (erasure, unproven) = (new(Right::Erasure).await.unwrap(), new(Right::Access).await.unwrap());
        desk.vouch_identity(erasure, "session", clerk()).await.unwrap();
        let closed = scene.asked(&ann()).await;
        desk.withdraw(closed, clerk()).await.unwrap();
        for id in [erasure, unproven, closed] {
            let refused = desk.begin_export(id, &ann(), clerk()).await.unwrap_err();
            assert!(matches!(refused, DownloadError::NotForThis), "{refused}");
        }
        let id = scene.asked(&ann()).await;
        let refused = desk.begin_export(id, &person("customer_id", "2"), clerk()).await.unwrap_err();
        assert!(matches!(refused, DownloadError::OtherPerson), "{refused}");
        let bare = Desk::open(scene.world.journal.clone(), scene.world.pool.clone(),
            scene.world.options.clone()).await.unwrap();
        let refused = bare.begin_export(id, &ann(), clerk()).await.unwrap_err();
        assert!(matches!(refused, DownloadError::NoFolder), "{refused}");
        // One that is refused while the bundle is made.
        let export = desk.begin_export(id, &ann(), clerk()).await.unwrap();
        let bundle = scene.made(&export, &ann()).await.unwrap();
        let why = RefusalReason::ManifestlyExcessive;
        desk.refuse(id, why, "GDPR Art. 12(5)", clerk()).await.unwrap();
        let refused = desk.publish_zip(export, bundle, clerk()).await.unwrap_err();
        assert!(matches!(refused, DownloadError::Cancelled), "{refused}");
        assert!(scene.files().is_empty());
        assert_eq!(scene.count("bundle_published").await, 0);
    }

    async fn what_crashes_leave_is_swept(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let id = scene.asked(&ann()).await;
        let export = desk.begin_export(id, &ann(), clerk()).await.unwrap();
        // The process dies: nobody drops anything.
        std::mem::forget(scene.made(&export, &ann()).await.unwrap());
        assert!(!scene.files().is_empty());
        // And one whose row is gone.
        let orphan = scene.bundles().join("acme").join(uuid::Uuid::now_v7().to_string());
        std::fs::create_dir_all(&orphan).unwrap();
        std::fs::write(orphan.join("bundle.zip"), "CANARY").unwrap();
        let half = scene.bundles().join("acme").join(format!(".{}.going", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&half).unwrap();
        std::fs::write(half.join("bundle.zip"), "CANARY").unwrap();
        let other = scene.bundles().join("acme").join("readme.txt");
        std::fs::write(&other, "not ours").unwrap();
        scene.now("2026-06-12T09:59");
        assert_eq!(desk.sweep().await.unwrap().bundles.len(), 2, "those without a row");
        assert!(desk.export_stands(&export).await.unwrap());
        scene.now("2026-06-12T10:00");
        assert_eq!(desk.sweep().await.unwrap().bundles, [export.id()]);
        assert_eq!(scene.files(), [other]);
        assert_eq!((scene.count("bundle_abandoned").await, scene.count("bundle_deleted").await), (1, 1));
        assert!(!desk.export_stands(&export).await.unwrap());
    }

    async fn a_crash_between_the_files_and_the_row(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let id = scene.asked(&ann()).await;
        let export = desk.begin_export(id, &ann(), clerk()).await.unwrap();
        let bundle = scene.made(&export, &ann()).await.unwrap();
        let token = desk.publish_zip(export, bundle, clerk()).await.unwrap().reveal();
        let given = desk.download(&token, clerk()).await.unwrap();
        // Doomed, deleted, and not yet recorded.
        run(&scene.shop.pool, "UPDATE privacy_bundle SET state = 'doomed'").await;
        std::fs::remove_dir_all(given.path.parent().unwrap()).unwrap();
        assert_eq!(desk.sweep().await.unwrap().bundles, [given.bundle]);
        assert_eq!(scene.count("bundle_deleted").await, 1);
    }

    async fn a_folder_that_is_none(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let id = scene.asked(&ann()).await;
        // Where the folder should be is a file.
        std::fs::write(scene.bundles(), "").unwrap();
        let refused = desk.begin_export(id, &ann(), clerk()).await.unwrap_err();
        assert!(matches!(refused, DownloadError::Disk(_)), "{refused}");
        let actions = scene.world.actions().await;
        assert_eq!(actions[2..], ["bundle_begun", "bundle_abandoned"]);
        assert!(matches!(desk.sweep().await.unwrap_err(), privacy_rights::DeskError::Bundles(_)));
        // Once there can be one, nothing is left of it.
        std::fs::remove_file(scene.bundles()).unwrap();
        assert_eq!(desk.sweep().await.unwrap().bundles.len(), 1);
        let export = desk.begin_export(id, &ann(), clerk()).await.unwrap();
        let bundle = scene.made(&export, &ann()).await.unwrap();
        let token = desk.publish_directory(export, bundle, clerk()).await.unwrap().reveal();
        // The folder is lost, and so are all bundles.
        std::fs::remove_dir_all(scene.bundles()).unwrap();
        assert!(matches!(desk.download(&token, clerk()).await, Err(DownloadError::Unknown)));
        scene.now("2026-06-19");
        assert_eq!(desk.sweep().await.unwrap().bundles.len(), 1);
    }

    async fn a_link_out_of_the_folder_is_no_bundle(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let id = scene.asked(&ann()).await;
        let outside = scene.folder.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret"), "secret").unwrap();
        for (inner, target) in [("bundle.zip", outside.join("secret")), ("bundle", outside.clone())] {
            let export = desk.begin_export(id, &ann(), clerk()).await.unwrap();
            let place = export.workshop().to_owned();
            let bundle = scene.made(&export, &ann()).await.unwrap();
            let token = if inner == "bundle" {
                desk.publish_directory(export, bundle, clerk()).await.unwrap()
            } else {
                desk.publish_zip(export, bundle, clerk()).await.unwrap()
            };
            let token = token.reveal();
            std::fs::rename(place.join(inner), place.join("old")).unwrap();
            std::os::unix::fs::symlink(&target, place.join(inner)).unwrap();
            let refused = desk.download(&token, clerk()).await.unwrap_err();
            assert!(matches!(refused, DownloadError::Unknown), "{refused}");
        }
        // What goes is the link, and not what it leads to.
        scene.now("2026-06-19");
        assert_eq!(desk.sweep().await.unwrap().bundles.len(), 2);
        assert_eq!(std::fs::read(outside.join("secret")).unwrap(), b"secret");
    }

    async fn what_cannot_be_deleted_keeps_nobody_else_waiting(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let mut given = Vec::new();
        for who in ["2", "3"] {
            let who = person("customer_id", who);
            let export = desk.begin_export(scene.asked(&who).await, &who, clerk()).await.unwrap();
            let bundle = scene.made(&export, &who).await.unwrap();
            let token = desk.publish_zip(export, bundle, clerk()).await.unwrap().reveal();
            given.push(desk.download(&token, clerk()).await.unwrap());
        }
        // In the place of Bob's is what cannot be removed as a folder.
        let bobs = given[0].path.parent().unwrap().to_owned();
        let going = bobs.with_file_name(format!(".{}.going", given[0].bundle));
        std::fs::write(&going, "").unwrap();
        let refused = desk.withdraw_bundle(given[0].bundle, clerk()).await.unwrap_err();
        assert!(matches!(refused, DownloadError::Disk(_)), "{refused}");
        // Cat is erased, and Ann's expires, all the same.
        let (_, state) = scene.ended(person("customer_id", "3")).await;
        assert_eq!(state, privacy_rights::ErasureState::Done);
        assert!(!given[1].path.exists());
        let export = desk.begin_export(scene.asked(&ann()).await, &ann(), clerk()).await.unwrap();
        scene.now("2026-06-13");
        desk.sweep().await.unwrap_err();
        assert!(!export.workshop().exists());
        // But not Bob himself, before his is gone.
        let bob = scene.begun(person("customer_id", "2")).await;
        let refused = scene.eraser().await.run(bob).await.unwrap_err();
        assert!(matches!(refused, EraseError::Bundles(_)), "{refused}");
        std::fs::remove_file(&going).unwrap();
        scene.eraser().await.run(bob).await.unwrap();
        assert!(!bobs.exists());
    }

    async fn tokens_from_hell(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let export = desk.begin_export(scene.asked(&ann()).await, &ann(), clerk()).await.unwrap();
        let bundle = scene.made(&export, &ann()).await.unwrap();
        let token = desk.publish_zip(export, bundle, clerk()).await.unwrap().reveal();
        let mut wrong: Vec<String> = (0..token.len()).map(|end| token[..end].to_owned()).collect();
        for odd in ["\0", " ", "\n", ".", "'", "%", "\u{202e}", "é", "\u{1f600}"] {
            wrong.extend([format!("{token}{odd}"), format!("{odd}{token}"), token.replace('.', odd)]);
        }
        wrong.retain(|one| *one != token);
        wrong.extend([token.to_uppercase(), token.repeat(2), "a".repeat(1 << 20), "'; --".to_owned()]);
        for wrong in wrong {
            let refused = desk.download(&wrong, clerk()).await.unwrap_err();
            assert!(matches!(refused, DownloadError::Unknown), "{wrong}: {refused}");
        }
        desk.download(&token, clerk()).await.unwrap();
    }

    async fn one_is_taken_back(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let id = scene.asked(&ann()).await;
        let export = desk.begin_export(id, &ann(), clerk()).await.unwrap();
        let bundle = scene.made(&export, &ann()).await.unwrap();
        let token = desk.publish_zip(export, bundle, clerk()).await.unwrap().reveal();
        let given = desk.download(&token, clerk()).await.unwrap();
        desk.withdraw_bundle(given.bundle, clerk()).await.unwrap();
        assert!(scene.files().is_empty());
        assert!(matches!(desk.download(&token, clerk()).await, Err(DownloadError::Unknown)));
        let again = desk.withdraw_bundle(given.bundle, clerk()).await.unwrap_err();
        assert!(matches!(again, DownloadError::Unknown), "{again}");
    }

    async fn names_come_from_ids(db) {
        let scene = scene(&db).await;
        let desk = scene.desk().await;
        let hell = person("customer_id", "../../CON<script>'\u{202e}\n");
        let id = scene.asked(&hell).await;
        let export = desk.begin_export(id, &hell, clerk()).await.unwrap();
        let bundle = scene.made(&export, &hell).await;
        // Whether a source takes it for an id is the source's business.
        if let Ok(bundle) = bundle {
            desk.publish_directory(export, bundle, clerk()).await.unwrap();
        }
        for file in scene.files() {
            let inner = file.strip_prefix(scene.bundles().join("acme")).unwrap();
            let name = inner.to_str().unwrap();
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b)), "{name}");
            assert!(uuid::Uuid::parse_str(name.split('/').next().unwrap()).is_ok(), "{name}");
        }
    }

    async fn desk_and_eraser_have_the_same_tokens(db) {
        let scene = scene(&db).await;
        let secret = crypto_fields::SecretKey::from_slice(&[6; 32]).unwrap();
        let purpose = crypto_fields::Purpose::BlindIndex;
        let key = crypto_fields::DataKey::from_parts(crypto_fields::KeyId::new(2).unwrap(), purpose, secret);
        let options =
            scene.world.options.clone().downloads(scene.bundles(), SuppressionTokens::new(key));
        let desk = Desk::open(scene.world.journal.clone(), scene.world.pool.clone(), options).await.unwrap();
        let ledger = std::sync::Arc::new(privacy_rights::FileNoteLedger::new(scene.folder.path().join("l")));
        let eraser = privacy_rights::Eraser::new(std::sync::Arc::new(desk), scene.shop.sources(), ledger,
            tokens(), std::sync::Arc::new(crate::scene::key())).single("customer_id").journal_subject("customer_id");
        let id = scene.approved(ann()).await;
        let refused = eraser.begin(id, GROUND, clerk()).await.unwrap_err();
        assert!(matches!(refused, EraseError::OtherTokens), "{refused}");
        assert!(matches!(eraser.state(id).await, Err(EraseError::Unknown)));
    }
}
