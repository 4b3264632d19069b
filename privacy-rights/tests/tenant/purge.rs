//! A tenant goes, whatever happens in between, and no other does.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use privacy_rights::{
    ErasureState, FileStore, PatternError, PurgeError, PurgeNote, PurgeProgress, StepState,
    TenantStore,
};
use sqlx::SqlitePool;
use uuid::Uuid;

use crate::behaviours;
use crate::estate::{Estate, Fails, ID, T1, estate, officer};
use crate::support::run;
use crate::world::{Home, now, rows};

const AGAIN: Uuid = Uuid::from_u128(72);

async fn nothing_of_t1_and_all_of_t10<T: Home>(estate: &Estate<T::Db>)
where
    for<'c> &'c sqlx::Pool<T::Db>: sqlx::Executor<'c, Database = T::Db>,
    for<'r> String: sqlx::Decode<'r, T::Db> + sqlx::Type<T::Db>,
    usize: sqlx::ColumnIndex<<T::Db as sqlx::Database>::Row>,
{
    let sql =
        r#"SELECT "Tenant" || ' ' || CAST(count(*) AS VARCHAR(9)) FROM "Note" GROUP BY "Tenant""#;
    assert_eq!(rows(&estate.world.pool, sql).await, ["t10 600"]);
    assert_eq!(rows(&estate.world.pool, r#"SELECT "Tenant" FROM "Bill""#).await, ["t10"]);
    assert_eq!((estate.live_keys("t1").await, estate.live_keys("t10").await), (0, 1));
    assert_eq!((estate.count_objects("t1").await, estate.count_objects("t10").await), (0, 3));
}

behaviours! {
    async fn all_of_one_tenant_goes_and_nothing_of_another(db) {
        let estate = estate(&db).await;
        let purger = estate.purger(estate.stores().await).await;
        let plan = purger.plan(T1, "the contract ended").await.unwrap();
        let planned: Vec<_> = plan.stores.iter().map(|one| (one.store.as_str(), one.contents.items)).collect();
        assert_eq!(planned, [("keys", 1), ("note", 600), ("bill", 1), ("objects", 3)]);
        estate.begin(&purger).await;
        // Nothing is destroyed before the note outside the database.
        assert_eq!(estate.live_keys("t1").await, 1);
        assert_eq!(purger.run(ID).await.unwrap(), ErasureState::Done);
        nothing_of_t1_and_all_of_t10::<T>(&estate).await;
        let report = purger.report(ID).await.unwrap();
        assert_eq!((report.gone, report.left, report.unseen.len()), (605, 0, 0));
        let note = std::fs::read_to_string(estate.folder.path().join("purges")).unwrap();
        assert!(note.contains(&plan.digest()) && note.contains("\"t1\""), "{note}");
        assert_eq!(
            estate.actions().await,
            ["intended", "step", "step", "step", "step", "step", "step", "ended"]
        );
        // Again is nothing.
        assert_eq!(purger.run(ID).await.unwrap(), ErasureState::Done);
        estate.begin(&purger).await;
        assert_eq!(estate.actions().await.len(), 8);
    }

    async fn the_keys_go_last(db) {
        let estate = estate(&db).await;
        let purger = estate.purger(estate.stores().await).await;
        estate.begin(&purger).await;
        let mut order = Vec::new();
        while let PurgeProgress::Step { store, .. } = purger.advance(ID).await.unwrap() {
            order.push(store);
        }
        assert_eq!(order, ["", "note", "bill", "objects", "keys", ""]);
    }

    async fn a_crash_behind_any_step_or_any_work_converges(db) {
        let estate = estate(&db).await;
        let fails = |inner| -> Arc<dyn TenantStore> {
            Arc::new(Fails { inner, left: AtomicUsize::new(2) })
        };
        let stores: Vec<_> = estate.stores().await.into_iter().map(fails).collect();
        let first = estate.purger(stores.clone()).await;
        estate.begin(&first).await;
        let mut failed = 0;
        // Each step is done by another process than the one before.
        let end = loop {
            let purger = estate.purger(stores.clone()).await;
            match purger.advance(ID).await.unwrap() {
                PurgeProgress::Ended(state) => break state,
                PurgeProgress::Step { state: StepState::Pending, .. } => failed += 1,
                _ => {}
            }
        };
        assert_eq!((end, failed), (ErasureState::Done, 8));
        nothing_of_t1_and_all_of_t10::<T>(&estate).await;
    }

    async fn a_store_that_fails_for_ever_leaves_the_keys_and_is_no_success(db) {
        let estate = estate(&db).await;
        let mut stores = estate.stores().await;
        let broken = Fails { inner: estate.bills().await, left: AtomicUsize::new(usize::MAX) };
        stores[2] = Arc::new(broken);
        let purger = estate.purger(stores).await;
        estate.begin(&purger).await;
        assert_eq!(purger.run(ID).await.unwrap(), ErasureState::Partial);
        assert_eq!(estate.live_keys("t1").await, 1);
        let purger = estate.purger(estate.stores().await).await;
        assert_eq!(purger.resume(ID, officer()).await.unwrap(), ErasureState::Done);
        nothing_of_t1_and_all_of_t10::<T>(&estate).await;
    }

    async fn only_what_was_approved_and_once_at_a_time(db) {
        let estate = estate(&db).await;
        let purger = estate.purger(estate.stores().await).await;
        let ground = "the contract ended";
        let plan = purger.plan(T1, ground).await.unwrap().digest();
        run(&estate.world.pool, r#"INSERT INTO "Note" VALUES (9999, 't1', 'late')"#).await;
        let stale = purger.begin(T1, (ground, &plan), officer()).await;
        assert!(matches!(stale, Err(PurgeError::Stale)), "{stale:?}");
        let own = purger.plan((ID, "operator"), ground).await;
        assert!(matches!(own, Err(PurgeError::OwnChain)), "{own:?}");
        assert!(matches!(purger.run(ID).await, Err(PurgeError::Unknown)));
        for bad in ["", "t1/../t10", "%", "t 1", "t1\0"] {
            let refused = purger.plan((ID, bad), ground).await;
            assert!(matches!(refused, Err(PurgeError::Store { .. })), "{bad} {refused:?}");
        }
        estate.begin(&purger).await;
        let other = (Uuid::from_u128(71), "t1");
        let plan = purger.plan(other, ground).await.unwrap().digest();
        let second = purger.begin(other, (ground, &plan), officer()).await;
        assert!(matches!(second, Err(PurgeError::Conflict)), "{second:?}");
        let of_other = purger.begin((ID, "t10"), (ground, &plan), officer()).await;
        assert!(matches!(of_other, Err(PurgeError::Conflict)), "{of_other:?}");
        assert_eq!(estate.actions().await, ["intended"]);
    }

    async fn a_restored_backup_brings_nobody_back(db) {
        let estate = estate(&db).await;
        let purger = estate.purger(estate.stores().await).await;
        estate.begin(&purger).await;
        purger.run(ID).await.unwrap();
        assert_eq!(purger.owed().await.unwrap(), []);
        // As the database was before: the rows are there, and of a purge nobody knows.
        run(
            &estate.world.pool,
            r#"INSERT INTO "Note" VALUES (9999, 't1', 'restored');
            DELETE FROM privacy_purge_step; DELETE FROM privacy_purge"#,
        )
        .await;
        let owed = purger.owed().await.unwrap();
        assert_eq!((owed.len(), owed[0].tenant.as_str()), (1, "t1"));
        let done = purger.replay_since(now(), &officer()).await.unwrap();
        assert_eq!(done, [(ID, ErasureState::Done)]);
        nothing_of_t1_and_all_of_t10::<T>(&estate).await;
        assert_eq!(purger.owed().await.unwrap(), []);
        // One that is from before the backup is in it.
        let later = "2026-06-12T10:00:00.000000Z".parse().unwrap();
        assert_eq!(purger.replay_since(later, &officer()).await.unwrap(), []);
    }

    async fn what_was_under_way_in_a_backup_does_not_stand_in_the_way(db) {
        let estate = estate(&db).await;
        let purger = estate.purger(estate.stores().await).await;
        estate.begin(&purger).await;
        purger.advance(ID).await.unwrap();
        let taken_at = "2026-06-12T10:00:00.000000Z".parse().unwrap();
        // After the backup it was done, the tenant came back, and went again.
        let later = "2026-06-13T10:00:00.000000Z".parse().unwrap();
        let (ground, plan) = ("once more".to_owned(), "00".to_owned());
        let ledger = estate.folder.path().join("purges");
        let mut noted = std::fs::read_to_string(&ledger).unwrap();
        let first: PurgeNote = serde_json::from_str(noted.lines().next().unwrap()).unwrap();
        let mut second = first;
        (second.at, second.ground, second.plan, second.purge) = (later, ground, plan, AGAIN);
        noted.push_str(&serde_json::to_string(&second).unwrap());
        noted.push('\n');
        std::fs::write(&ledger, noted).unwrap();
        let done = purger.replay_since(taken_at, &officer()).await.unwrap();
        assert_eq!(done, [(ID, ErasureState::Done), (AGAIN, ErasureState::Done)]);
        nothing_of_t1_and_all_of_t10::<T>(&estate).await;
    }

    async fn two_at_once_do_each_step_once(db) {
        let estate = estate(&db).await;
        let one = estate.purger(estate.stores().await).await;
        let two = estate.purger(estate.stores().await).await;
        estate.begin(&one).await;
        loop {
            let (one, two) = tokio::join!(one.run(ID), two.run(ID));
            for end in [&one, &two] {
                let lost = matches!(end, Err(PurgeError::Conflict));
                assert!(lost || matches!(end, Ok(ErasureState::Done)), "{end:?}");
            }
            if one.is_ok() && two.is_ok() {
                break;
            }
        }
        let mut wanted = vec!["intended"];
        wanted.extend(["step"; 6]);
        wanted.push("ended");
        assert_eq!(estate.actions().await, wanted);
        nothing_of_t1_and_all_of_t10::<T>(&estate).await;
    }

    async fn a_file_of_the_tenants_own_goes_with_what_is_beside_it(db) {
        let estate = estate(&db).await;
        let folder = estate.folder.path();
        for tenant in ["t1", "t10"] {
            let url = format!("sqlite:{}?mode=rwc", folder.join(format!("{tenant}.db")).display());
            let pool = SqlitePool::connect(&url).await.unwrap();
            sqlx::raw_sql("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER)").execute(&pool).await.unwrap();
            pool.close().await;
        }
        std::fs::write(folder.join("t1.db-wal"), "left by a crash").unwrap();
        let files = || FileStore::new("files", folder, "{id}.db").unwrap();
        let purger = estate.purger(vec![Arc::new(files())]).await;
        estate.begin(&purger).await;
        assert_eq!(purger.run(ID).await.unwrap(), ErasureState::Done);
        assert_eq!(purger.report(ID).await.unwrap().gone, 2);
        assert!(!folder.join("t1.db").exists() && !folder.join("t1.db-wal").exists());
        assert!(folder.join("t10.db").exists());
        // What is no database, and a folder that is not there, are not for it.
        std::fs::write(folder.join("t2.db"), "a letter").unwrap();
        let refused = purger.plan((ID, "t2"), "x").await;
        assert!(matches!(refused, Err(PurgeError::Store { .. })), "{refused:?}");
        let gone = FileStore::new("files", folder.join("not-mounted"), "{id}.db").unwrap();
        let refused = estate.purger(vec![Arc::new(gone)]).await.plan(T1, "x").await;
        assert!(matches!(refused, Err(PurgeError::Store { .. })), "{refused:?}");
        let bad = |pattern: &str| -> Result<FileStore, PatternError> { FileStore::new("files", folder, pattern) };
        for pattern in ["tenants.db", "{id}{id}", "../{id}.db", "a/{id}", "{id}", "a.b-{id}"] {
            assert!(bad(pattern).is_err(), "{pattern}");
        }
    }
}
