//! A shop whose erasures have ended.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use audit_core::SigningKey;
use crypto_fields::{DataKey, KeyId, Purpose, SecretKey};
use privacy_rights::{
    AccessBundle, AccessError, AccessNotice, AutomatedDecisions, Backend, BackupsCertificate,
    BoxFuture, Certificate, DataMapBuilder, Desk, Eraser, ErasureCertificate, ErasureState, Export,
    FileNoteLedger, FinishedBundle, NewRequest, NoticeOutcome, Notifier, Right, Selection,
    SignedCertificate, SourceError, SuppressionTokens,
};
use sqlx::{Executor, Pool};
use uuid::Uuid;

use crate::shop::{Shop, shop_in};
use crate::support::empty_map;
use crate::world::{Home, World, clerk, world};

pub(crate) const GROUND: &str = "gdpr-17-1-b";

/// What is left of the shop, in one list.
pub(crate) const LEFT: &str = r#"SELECT 'c' || "CustomerId" || ' ' || "LastName" FROM "Customer"
    UNION ALL SELECT 'i' || "InvoiceId" FROM "Invoice"
    UNION ALL SELECT 'l' || "InvoiceLineId" FROM "InvoiceLine" ORDER BY 1"#;

/// Takes whatever it is asked, and writes it down.
pub(crate) struct Told(Arc<Mutex<Vec<String>>>);

impl Notifier for Told {
    fn notify<'a>(
        &'a self,
        recipient: &'a str,
        _request: Uuid,
        _person: &'a Selection,
    ) -> BoxFuture<'a, Result<NoticeOutcome, SourceError>> {
        self.0.lock().unwrap().push(recipient.to_owned());
        Box::pin(async { Ok(NoticeOutcome::Told) })
    }
}

pub(crate) struct Scene<DB: Backend + crypto_fields::Backend> {
    pub(crate) world: World<DB>,
    pub(crate) shop: Shop<DB>,
    pub(crate) told: Arc<Mutex<Vec<String>>>,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap()
}

pub(crate) fn tokens() -> SuppressionTokens {
    let secret = SecretKey::from_slice(&[5; 32]).unwrap();
    let key = DataKey::from_parts(KeyId::new(1).unwrap(), Purpose::BlindIndex, secret);
    SuppressionTokens::new(key)
}

pub(crate) async fn scene<T: Home>(db: &T) -> Scene<T::Db>
where
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    let world = world(db).await;
    let shop = shop_in(world.pool.clone()).await;
    Scene { world, shop, told: Arc::default(), folder: tempfile::tempdir().unwrap() }
}

impl<DB: Backend + crypto_fields::Backend> Scene<DB> {
    pub(crate) async fn desk(&self) -> Arc<Desk<DB>> {
        let World { journal, pool, options, .. } = &self.world;
        let options = options.clone().downloads(self.bundles(), tokens());
        Arc::new(Desk::open(journal.clone(), pool.clone(), options).await.unwrap())
    }

    pub(crate) fn bundles(&self) -> PathBuf {
        self.folder.path().join("bundles")
    }

    /// A request for access by somebody who is known.
    pub(crate) async fn asked(&self, who: &Selection) -> Uuid {
        let new = NewRequest::new(Right::Access, who.clone());
        let id = self.world.desk.receive(new, clerk()).await.unwrap();
        self.world.desk.vouch_identity(id, "session", clerk()).await.unwrap();
        id
    }

    /// The bundle of an export.
    pub(crate) async fn made(
        &self,
        export: &Export,
        who: &Selection,
    ) -> Result<FinishedBundle, AccessError> {
        let sources = self.shop.sources();
        let declared = sources.iter().map(|source| source.declaration().clone());
        let map = declared.fold(empty_map(), DataMapBuilder::source).build().unwrap();
        let given = "From you.";
        let notice = AccessNotice::new("The authority, Brussels", given, AutomatedDecisions::None);
        let now = chrono::DateTime::UNIX_EPOCH;
        let mut bundle = AccessBundle::access(&map, who, &notice, export.id(), now);
        for source in &sources {
            bundle = bundle.source(&**source);
        }
        bundle.make(export.workshop(), &key()).await
    }

    /// All files in the folder of bundles.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let (mut files, mut folders) = (Vec::new(), vec![self.bundles()]);
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            for entry in entries {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    }

    /// As a process that was just started.
    pub(crate) async fn eraser(&self) -> Eraser<DB> {
        let ledger = Arc::new(FileNoteLedger::new(self.folder.path().join("ledger")));
        let (desk, sources) = (self.desk().await, self.shop.sources());
        Eraser::new(desk, sources, ledger, tokens(), Arc::new(key()))
            .single("customer_id")
            .journal_subject("customer_id")
            .notifier(Arc::new(Told(self.told.clone())), ["accountant".to_owned()])
    }

    /// A request that was approved, of whoever that is.
    pub(crate) async fn approved(&self, who: Selection) -> Uuid {
        let desk = &self.world.desk;
        let id = desk.receive(NewRequest::new(Right::Erasure, who), clerk()).await.unwrap();
        desk.vouch_identity(id, "session", clerk()).await.unwrap();
        let eraser = self.eraser().await;
        let plan = eraser.preview(id, GROUND).await.unwrap();
        eraser.propose(&plan, clerk()).await.unwrap();
        desk.approve(id, plan.digest(), None, clerk()).await.unwrap();
        id
    }

    pub(crate) async fn begun(&self, who: Selection) -> Uuid {
        let id = self.approved(who).await;
        self.eraser().await.begin(id, GROUND, clerk()).await.unwrap();
        id
    }

    /// An erasure that has ended on 11 June 2026, and where it is.
    pub(crate) async fn ended(&self, who: Selection) -> (Uuid, ErasureState) {
        let id = self.begun(who).await;
        (id, self.eraser().await.run(id).await.unwrap())
    }

    pub(crate) async fn part_one(&self, id: Uuid) -> (SignedCertificate, ErasureCertificate) {
        let signed = self.eraser().await.certificate(id).await.unwrap().unwrap();
        let signed = SignedCertificate::parse(&signed).unwrap();
        match signed.verify(&[key().verifier().clone()]).unwrap().clone() {
            Certificate::Erasure(part) => (signed, part),
            other => panic!("{other}"),
        }
    }

    pub(crate) async fn part_two(
        &self,
        id: Uuid,
    ) -> Option<(SignedCertificate, BackupsCertificate)> {
        let signed = self.eraser().await.backups_certificate(id).await.unwrap()?;
        let signed = SignedCertificate::parse(&signed).unwrap();
        match signed.verify(&[key().verifier().clone()]).unwrap().clone() {
            Certificate::Backups(part) => Some((signed, part)),
            other => panic!("{other}"),
        }
    }

    pub(crate) async fn count(&self, action: &str) -> usize {
        self.world.actions().await.iter().filter(|one| *one == action).count()
    }

    pub(crate) fn now(&self, moment: &str) {
        self.world.clock.set(crate::at(moment));
    }
}
