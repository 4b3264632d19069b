//! Two tenants, `t1` and `t10`, in everything that tenants can be in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use audit_core::{Actor, ManualClock};
use crypto_fields::{
    KeyGroup, KeyPolicy, KeyStore, KeysetManager, LocalKey, Purpose, SecretKey, TenantId,
};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};
use privacy_rights::{
    Backend, BoxFuture, ErasureStrategy, Field, FilePurgeLedger, KeysStore, Link, ObjectsStore,
    Period, Permit, Place, Retention, SharedStore, SourceDeclaration, SourceError, SqlName,
    SqlSource, Step, Storage, TenantContents, TenantPurged, TenantPurger, TenantStore,
};
use sqlx::{Executor, Pool};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::{belgium, run};
use crate::world::{Home, World, chain, world};

pub(crate) const ID: Uuid = Uuid::from_u128(70);

/// The purge of `t1`.
pub(crate) const T1: (Uuid, &str) = (ID, "t1");

pub(crate) struct Estate<DB: Backend + crypto_fields::Backend> {
    pub(crate) world: World<DB>,
    pub(crate) keys: KeyStore<DB>,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) folder: TempDir,
}

pub(crate) fn officer() -> Actor {
    Actor::user("usr_dpo")
}

/// Notes are deleted; bills are kept for seven years.
fn declared(name: &str) -> SourceDeclaration {
    let table = Storage::table(name, "Id").unwrap();
    SourceDeclaration::new(name.to_lowercase(), table)
        .linked(Link::column("Tenant", "tenant").unwrap())
        .located(belgium(), "our own data centre")
        .purpose("sale")
        .erased_by(ErasureStrategy::Delete)
        .field(Field::new("Body", "content", "What was written."))
}

fn bills() -> SourceDeclaration {
    let since = SqlName::column("Day").unwrap();
    let law = Retention::new("seven years").demanded_by("VAT Code", Period::Months(84), since);
    declared("Bill").kept(law).field(Field::new("Day", "purchase", "When."))
}

pub(crate) async fn estate<T: Home>(db: &T) -> Estate<T::Db>
where
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    let world = world(db).await;
    for tenant in ["t1", "t10"] {
        world.journal.create_chain(&chain(tenant, "app")).await.unwrap();
    }
    run(
        &world.pool,
        r#"CREATE TABLE "Note" ("Id" INTEGER PRIMARY KEY, "Tenant" TEXT, "Body" TEXT);
        INSERT INTO "Note" WITH RECURSIVE n(n) AS
            (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1200)
            SELECT n, CASE WHEN n % 2 = 0 THEN 't1' ELSE 't10' END, 'CANARY' FROM n;
        CREATE TABLE "Bill" ("Id" INTEGER PRIMARY KEY, "Tenant" TEXT, "Day" TIMESTAMP, "Body" TEXT);
        INSERT INTO "Bill" VALUES (1, 't1', '2015-01-01 00:00:00', 'old'),
            (2, 't10', '2015-01-01 00:00:00', 'old')"#,
    )
    .await;
    let clock = crypto_fields::ManualClock::new(crypto_fields::Timestamp::from_micros(1_000_000));
    let keys = KeyStore::open(world.pool.clone(), &clock).await.unwrap();
    let policy = KeyPolicy::new(Duration::from_secs(60), Duration::from_secs(60));
    let root = LocalKey::new(SecretKey::random().unwrap());
    let mut manager = KeysetManager::new(Vec::new(), policy, clock);
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for tenant in ["t1", "t10"] {
        let of = TenantId::new(tenant).unwrap();
        let made = manager.create(&root, &of, Purpose::Seal, &KeyGroup::DEFAULT).await.unwrap();
        keys.apply(&[made]).await.unwrap();
        for n in 0..3 {
            let path = Path::parse(format!("tenants/{tenant}/{n}")).unwrap();
            objects.put(&path, "CANARY".into()).await.unwrap();
        }
    }
    Estate { world, keys, objects, folder: tempfile::tempdir().unwrap() }
}

impl<DB: Backend + crypto_fields::Backend> Estate<DB> {
    pub(crate) async fn notes(&self) -> Arc<dyn TenantStore> {
        let notes = declared("Note").kept(Retention::new("as the contract"));
        let notes = SqlSource::new(self.world.pool.clone(), notes).await.unwrap();
        Arc::new(SharedStore::new(Arc::new(notes), "tenant"))
    }

    pub(crate) async fn bills(&self) -> Arc<dyn TenantStore> {
        let bills = SqlSource::new(self.world.pool.clone(), bills()).await.unwrap();
        Arc::new(SharedStore::new(Arc::new(bills), "tenant"))
    }

    pub(crate) fn keys_store(&self) -> Arc<dyn TenantStore> {
        let now = crypto_fields::Timestamp::from_micros(2_000_000);
        let clock = Arc::new(crypto_fields::ManualClock::new(now));
        Arc::new(KeysStore::new("keys", self.keys.clone(), clock))
    }

    pub(crate) fn objects_store(&self) -> ObjectsStore {
        ObjectsStore::new("objects", Arc::clone(&self.objects), "tenants/{id}/").unwrap()
    }

    /// Keys first, so that the purger has to put them last.
    pub(crate) async fn stores(&self) -> Vec<Arc<dyn TenantStore>> {
        let objects = self.objects_store().keeps_no_history();
        vec![self.keys_store(), self.notes().await, self.bills().await, Arc::new(objects)]
    }

    pub(crate) async fn purger(&self, stores: Vec<Arc<dyn TenantStore>>) -> TenantPurger<DB> {
        let ledger = Arc::new(FilePurgeLedger::new(self.folder.path().join("purges")));
        let clock: Arc<ManualClock> = Arc::clone(&self.world.clock);
        TenantPurger::open(
            (self.world.journal.clone(), self.world.pool.clone()),
            chain("operator", "tenants"),
            (clock, Place::new(chrono_tz::Europe::Brussels)),
            ledger,
            stores,
        )
        .await
        .unwrap()
    }

    /// Begins the purge of `t1` as it is planned.
    pub(crate) async fn begin(&self, purger: &TenantPurger<DB>) {
        let plan = purger.plan(T1, "the contract ended").await.unwrap();
        let what = ("the contract ended", plan.digest());
        purger.begin(T1, (what.0, &what.1), officer()).await.unwrap();
    }

    pub(crate) async fn live_keys(&self, tenant: &str) -> u64 {
        self.keys.live_keys(&TenantId::new(tenant.to_owned()).unwrap()).await.unwrap()
    }

    /// What the operator's chain says of purges, in order.
    pub(crate) async fn actions(&self) -> Vec<String> {
        let query = audit_store::Query::new(&chain("operator", "tenants"))
            .action_prefix("rights.")
            .oldest_first();
        let page = self.world.journal.query(&query).await.unwrap();
        let actions = page.entries.iter().map(|stored| {
            let entry = stored.entry().unwrap();
            entry.event().action().trim_start_matches("rights.tenant_purge_").to_owned()
        });
        actions.collect()
    }
}

/// A store that does its work and then fails, so many times: a crash behind each purge.
pub(crate) struct Fails {
    pub(crate) inner: Arc<dyn TenantStore>,
    pub(crate) left: AtomicUsize,
}

impl TenantStore for Fails {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn holds_keys(&self) -> bool {
        self.inner.holds_keys()
    }

    fn survey<'a>(
        &'a self,
        tenant: &'a str,
        step: &'a Step,
    ) -> BoxFuture<'a, Result<TenantContents, SourceError>> {
        self.inner.survey(tenant, step)
    }

    fn purge<'a>(
        &'a self,
        tenant: &'a str,
        step: &'a Step,
        permit: &'a dyn Permit,
    ) -> BoxFuture<'a, Result<TenantPurged, SourceError>> {
        Box::pin(async move {
            let done = self.inner.purge(tenant, step, permit).await?;
            let less = |left: usize| left.checked_sub(1);
            if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
                return Err(SourceError::Unavailable("a crash".into()));
            }
            Ok(done)
        })
    }
}
