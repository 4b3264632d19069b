//! Databases that were restored, imports that would bring somebody back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use audit_core::Timestamp;
use crypto_fields::{CredentialKeys, DataKey, KeyStore, Purpose};
use privacy_rights::{
    Backend, BoxFuture, DeskOptions, DrillError, DrillFailure, EraseError, Eraser, ErasureState,
    FileNoteLedger, Identifier, IdentityVault, NoteLedger, Place, Regime, RestoreDrill,
    SubjectKeyVault, VaultError, restore_drill,
};
use sqlx::{Executor, Pool};
use uuid::Uuid;

use crate::behaviours;
use crate::saga::{ERASED, LEFT, Scene, scene};
use crate::shop::{rows, run};
use crate::support::PEOPLE;
use crate::world::chain;

/// As if a backup from before the erasure had been restored.
pub(crate) const FORGET: &str = "DELETE FROM privacy_lease; DELETE FROM privacy_erasure_step;
    DELETE FROM privacy_erasure; DELETE FROM privacy_suppression;
    DELETE FROM \"InvoiceLine\"; DELETE FROM \"Invoice\"; DELETE FROM \"Customer\";
    DELETE FROM \"Track\"; DELETE FROM \"Employee\"";

/// A host whose backups are scripts.
struct Host<'s, DB: Backend + crypto_fields::Backend> {
    scene: &'s Scene<DB>,
    /// What a restore runs.
    backup: String,
    /// Whose ledger is lost with the database.
    careless: bool,
}

impl<DB: Backend + crypto_fields::Backend> RestoreDrill<DB> for Host<'_, DB>
where
    for<'c> &'c Pool<DB>: Executor<'c, Database = DB>,
    for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    fn eraser(&mut self) -> BoxFuture<'_, Result<Eraser<DB>, DrillFailure>> {
        Box::pin(async { Ok(self.scene.eraser().await) })
    }

    fn back_up(&mut self) -> BoxFuture<'_, Result<Timestamp, DrillFailure>> {
        Box::pin(async { Ok(crate::at("2026-06-10")) })
    }

    fn erase(&mut self) -> BoxFuture<'_, Result<(), DrillFailure>> {
        Box::pin(async {
            let id = self.scene.begun().await;
            self.scene.eraser().await.run(id).await?;
            Ok(())
        })
    }

    fn restore(&mut self) -> BoxFuture<'_, Result<(), DrillFailure>> {
        Box::pin(async {
            run(&self.scene.shop.pool, &self.backup).await;
            if self.careless {
                std::fs::remove_file(self.scene.folder.path().join("ledger"))?;
            }
            Ok(())
        })
    }

    fn traces(&mut self) -> BoxFuture<'_, Result<Vec<String>, DrillFailure>> {
        Box::pin(async { Ok(rows(&self.scene.shop.pool, LEFT).await) })
    }
}

/// Ends an erasure while somebody looks whom it is about, once.
struct EndsMeanwhile<DB: Backend + crypto_fields::Backend> {
    inner: SubjectKeyVault<KeyStore<DB>>,
    pool: Pool<DB>,
    armed: AtomicBool,
}

impl<DB: Backend + crypto_fields::Backend> IdentityVault for EndsMeanwhile<DB>
where
    for<'c> &'c Pool<DB>: Executor<'c, Database = DB>,
{
    fn seal<'a>(
        &'a self,
        tenant: &'a str,
        request: Uuid,
        text: &'a str,
    ) -> BoxFuture<'a, Result<String, VaultError>> {
        self.inner.seal(tenant, request, text)
    }

    fn open<'a>(
        &'a self,
        tenant: &'a str,
        request: Uuid,
        sealed: &'a str,
    ) -> BoxFuture<'a, Result<String, VaultError>> {
        Box::pin(async move {
            if self.armed.swap(false, Ordering::SeqCst) {
                let end =
                    "UPDATE privacy_erasure SET state = 'deferred'; DELETE FROM privacy_lease";
                run(&self.pool, end).await;
            }
            self.inner.open(tenant, request, sealed).await
        })
    }

    fn destroy<'a>(
        &'a self,
        tenant: &'a str,
        request: Uuid,
    ) -> BoxFuture<'a, Result<(), VaultError>> {
        self.inner.destroy(tenant, request)
    }
}

behaviours! {
    async fn an_erasure_that_ends_while_it_is_replayed(db) {
        let mut scene = scene(&db).await;
        let pool = scene.shop.pool.clone();
        let vault = Arc::new(EndsMeanwhile {
            inner: SubjectKeyVault::new(Arc::clone(&scene.world.keys)).unwrap(),
            pool: pool.clone(),
            armed: AtomicBool::new(false),
        });
        let law = (Regime::gdpr(), Place::new(chrono_tz::Europe::Brussels));
        let secret = DataKey::generate(Purpose::Credential).unwrap();
        let codes = Arc::new(CredentialKeys::new(&secret).unwrap());
        let clock = scene.world.clock.clone();
        scene.world.options = DeskOptions::new(chain(), law, clock, vault.clone(), codes);
        let id = scene.begun().await;
        scene.eraser().await.run(id).await.unwrap();
        // The host's tables are restored, and of the erasure the last commit is on its way.
        run(&pool, r#"UPDATE "Customer" SET "LastName" = 'CANARY-One' WHERE "CustomerId" = 1;
            UPDATE privacy_erasure SET state = 'running';
            INSERT INTO privacy_lease (tenant, token, request)
            SELECT tenant, token, request FROM privacy_suppression"#).await;
        vault.armed.store(true, Ordering::SeqCst);
        let replay = async || scene.eraser().await.replay_since(crate::at("2026-06-10")).await;
        let meanwhile = replay().await;
        assert!(matches!(meanwhile, Err(EraseError::Conflict)), "{meanwhile:?}");
        assert_eq!(replay().await.unwrap(), [(id, ErasureState::Deferred)]);
        assert_eq!(rows(&pool, LEFT).await, ERASED);
        assert_eq!(rows(&pool, "SELECT token FROM privacy_lease").await, [""; 0]);
    }

    async fn a_drill_shows_that_a_restored_backup_brings_nobody_back(db) {
        let scene = scene(&db).await;
        let backup = format!("{FORGET};{PEOPLE}");
        let mut host = Host { scene: &scene, backup, careless: false };
        restore_drill(&mut host).await.unwrap();
        assert_eq!(rows(&scene.shop.pool, LEFT).await, ERASED);
    }

    async fn a_drill_finds_a_ledger_that_is_lost_with_the_database(db) {
        let scene = scene(&db).await;
        let backup = format!("{FORGET};{PEOPLE}");
        let mut host = Host { scene: &scene, backup, careless: true };
        let found = restore_drill(&mut host).await;
        assert!(matches!(found, Err(DrillError::NotNoticed)), "{found:?}");
    }

    async fn a_drill_finds_a_backup_that_restores_nothing(db) {
        let scene = scene(&db).await;
        let mut host = Host { scene: &scene, backup: String::new(), careless: false };
        let found = restore_drill(&mut host).await;
        assert!(matches!(found, Err(DrillError::NotRestored)), "{found:?}");
    }

    async fn a_restored_database_serves_nobody_before_it_is_replayed(db) {
        let scene = scene(&db).await;
        let eraser = scene.eraser().await;
        eraser.boot_check().await.unwrap();
        let before = crate::at("2026-06-10");
        let id = scene.begun().await;
        eraser.run(id).await.unwrap();
        eraser.boot_check().await.unwrap();
        run(&scene.shop.pool, FORGET).await;
        run(&scene.shop.pool, PEOPLE).await;
        let refused = eraser.boot_check().await;
        assert!(matches!(refused, Err(EraseError::NotReplayed { erasures: 1 })), "{refused:?}");
        let email = Identifier::new("email", "ann@example.com").unwrap();
        assert!(!eraser.is_erased(&email).await.unwrap());
        // Another process.
        let eraser = scene.eraser().await;
        let replayed = eraser.replay_since(before).await.unwrap();
        assert_eq!(replayed, [(id, ErasureState::Deferred)]);
        assert_eq!(rows(&scene.shop.pool, LEFT).await, ERASED);
        assert!(eraser.is_erased(&email).await.unwrap());
        eraser.boot_check().await.unwrap();
        scene.part_one(id).await;
    }

    async fn sources_that_were_restored_alone_are_erased_again(db) {
        let scene = scene(&db).await;
        let id = scene.begun().await;
        let eraser = scene.eraser().await;
        eraser.run(id).await.unwrap();
        let later = crate::at("2026-06-12");
        assert_eq!(eraser.replay_since(later).await.unwrap(), []);
        run(&scene.shop.pool,
            r#"UPDATE "Customer" SET "LastName" = 'CANARY-One' WHERE "CustomerId" = 1"#).await;
        let replayed = eraser.replay_since(crate::at("2026-06-10")).await.unwrap();
        assert_eq!(replayed, [(id, ErasureState::Deferred)]);
        assert_eq!(rows(&scene.shop.pool, LEFT).await, ERASED);
    }

    async fn an_import_can_ask_who_was_erased(db) {
        let scene = scene(&db).await;
        scene.begun().await;
        let eraser = scene.eraser().await;
        let is_erased = async |kind: &str, value: &str| {
            eraser.is_erased(&Identifier::new(kind, value).unwrap()).await.unwrap()
        };
        assert!(is_erased("email", " ANN@example.com").await);
        assert!(is_erased("customer_id", "1").await);
        assert!(!is_erased("customer_id", "2").await);
        assert!(!is_erased("phone", "1").await, "another kind is another domain");
        // Nothing that is stored tells who.
        let stored = rows(&scene.shop.pool, "SELECT token FROM privacy_suppression").await;
        assert!(stored.iter().all(|token| token.len() == 34), "{stored:?}");
        let all = rows(&scene.shop.pool, "SELECT body FROM privacy_erasure").await;
        assert!(!all.concat().contains("ann@") && !all.concat().contains("customer_id"));
    }

    async fn the_ledger_outlives_a_cut_line(db) {
        let scene = scene(&db).await;
        let id = scene.begun().await;
        scene.eraser().await.advance(id).await.unwrap();
        let path = scene.folder.path().join("ledger");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("ann@") && text.ends_with('\n'));
        std::fs::write(&path, format!("{text}{{\"at\":")).unwrap();
        let ledger = FileNoteLedger::new(&path);
        let notes = ledger.notes().await.unwrap();
        assert_eq!(notes.len(), 1);
        ledger.note(&notes[0]).await.unwrap();
        assert_eq!(ledger.notes().await.unwrap().len(), 2);
        for foreign in ["x\n", "x", "{\"on\":"] {
            std::fs::write(&path, foreign).unwrap();
            assert!(ledger.notes().await.is_err(), "{foreign:?}");
        }
        assert!(ledger.note(&notes[0]).await.is_err(), "another's file is not written over");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"on\":");
        // A disk that is not there is not an empty ledger.
        let missing = FileNoteLedger::new(scene.folder.path().join("disk").join("ledger"));
        assert!(missing.notes().await.is_err());
    }
}
