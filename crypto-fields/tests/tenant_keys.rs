//! The keys of a tenant that has gone, on both databases.
#![cfg(all(feature = "postgres", feature = "sqlite"))]
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use crypto_fields::{
    Backend, CachePolicy, DataKey, EpochKeys, KeyEncryptionKey, KeyGroup, KeyPolicy, KeyState,
    KeyStore, KeysetManager, LocalKey, ManualClock, Purpose, SecretKey, StoreError, SubjectId,
    SubjectKeyError, SubjectKeys, TenantId, Timestamp,
};
use test_support::{TestDatabase, both_databases};

/// More than one batch.
const PEOPLE: usize = 1_203;

async fn all_keys_of_a_tenant_go_and_no_others<T: TestDatabase<Db: Backend>>(db: T) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000)));
    let pool = db.pool(4).await;
    let store = KeyStore::open(pool.clone(), &*clock).await.unwrap();
    let root = LocalKey::new(SecretKey::random().unwrap());
    let (acme, other) = (TenantId::new("acme").unwrap(), TenantId::new("acme-2").unwrap());
    let policy = KeyPolicy::new(Duration::from_secs(60), Duration::from_secs(60));
    let mut manager = KeysetManager::new(Vec::new(), policy, Arc::clone(&clock));
    for tenant in [&acme, &other] {
        for purpose in [Purpose::Seal, Purpose::BlindIndex] {
            let made = manager.create(&root, tenant, purpose, &KeyGroup::DEFAULT).await.unwrap();
            store.apply(&[made]).await.unwrap();
        }
    }
    let epoch = DataKey::generate(Purpose::Wrap).unwrap();
    let epoch = Arc::new(KeyEncryptionKey::new(&epoch).unwrap());
    let policy = CachePolicy::new(10, Duration::from_secs(0));
    let keys = SubjectKeys::new(store.clone(), EpochKeys::new(epoch), policy, clock.clone());
    let person = |n: usize| SubjectId::new(format!("person-{n}")).unwrap();
    for n in 0..PEOPLE {
        keys.sealing(&acme, &person(n), Purpose::Seal).await.unwrap();
    }
    keys.sealing(&other, &person(1), Purpose::Seal).await.unwrap();
    assert_eq!(store.live_keys(&acme).await.unwrap(), 2 + 1_203);

    let at = Timestamp::from_micros(2_000_000);
    let refused = store.destroy_tenant(&TenantId::SINGLE, at, None).await;
    assert!(matches!(refused, Err(StoreError::NoTenant)), "{refused:?}");
    assert_eq!(store.live_keys(&acme).await.unwrap(), 2 + 1_203);
    let gone = store.destroy_tenant(&acme, at, Some("entry 7")).await.unwrap();
    assert_eq!((gone.keysets, gone.subjects), (2, 1_203));
    assert_eq!(store.live_keys(&acme).await.unwrap(), 0);
    assert_eq!(store.live_keys(&other).await.unwrap(), 3);
    for record in store.records().await.unwrap() {
        let is_gone = record.state == KeyState::Destroyed && record.wrapped.is_none();
        assert_eq!(is_gone, record.tenant == acme, "{record:?}");
    }
    let refused = keys.opening(&acme, &person(1_202), Purpose::Seal).await.unwrap_err();
    assert!(matches!(refused, SubjectKeyError::Destroyed { at: then } if then == at), "{refused}");
    keys.opening(&other, &person(1), Purpose::Seal).await.unwrap();
    // Again is nothing, and the time stays.
    let again = store.destroy_tenant(&acme, Timestamp::from_micros(3_000_000), None).await.unwrap();
    assert_eq!((again.keysets, again.subjects), (0, 0));
    let records = store.records().await.unwrap();
    assert!(records.iter().all(|one| one.tenant != acme || one.state_since == at));
}

both_databases!(all_keys_of_a_tenant_go_and_no_others);
