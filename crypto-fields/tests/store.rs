//! The store of wrapped keys, on both databases.
#![cfg(all(feature = "postgres", feature = "sqlite"))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::sync::Arc;
use std::time::Duration;

use crypto_fields::{
    Backend, CensusBuilder, Clock, FieldId, KeyGroup, KeyPolicy, KeyState, KeyStore, KeyWrapper,
    Keyset, KeysetManager, LocalKey, ManualClock, Purpose, SecretKey, StoreError, TenantId,
    Timestamp, WrappedDataKey, migrations,
};
use sqlx::{AssertSqlSafe, Executor, Pool};
use test_support::{TestDatabase, both_databases};

fn root() -> LocalKey {
    LocalKey::new(SecretKey::random().unwrap())
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000)))
}

fn policy() -> KeyPolicy {
    KeyPolicy::new(Duration::from_secs(60), Duration::from_secs(60))
}

async fn manager<DB: Backend>(
    store: &KeyStore<DB>,
    clock: &Arc<ManualClock>,
) -> KeysetManager<Arc<ManualClock>> {
    KeysetManager::new(store.records().await.unwrap(), policy(), Arc::clone(clock))
}

/// Runs a statement that is the same in both databases; whether it was carried out.
async fn run<T: TestDatabase>(pool: &Pool<T::Db>, sql: &'static str) -> bool
where
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    pool.execute(AssertSqlSafe(sql)).await.is_ok()
}

async fn keys_are_stored_and_loaded_as_they_were<T>(db: T)
where
    T: TestDatabase<Db: Backend>,
{
    let (root, clock) = (root(), clock());
    let store = KeyStore::open(db.pool(4).await, &*clock).await.unwrap();
    let mut keys = manager(&store, &clock).await;
    let tenant = TenantId::new("acme").unwrap();
    for tenant in [&tenant, &TenantId::SINGLE] {
        for purpose in [Purpose::Seal, Purpose::BlindIndex] {
            let made = keys.create(&root, tenant, purpose, &KeyGroup::DEFAULT).await.unwrap();
            store.apply(&[made]).await.unwrap();
        }
    }
    let next = keys.add(&root, &tenant, Purpose::Seal, &KeyGroup::DEFAULT).await.unwrap();
    let next_id = next.record.id;
    store.apply(&[next]).await.unwrap();
    clock.advance(Duration::from_secs(60));
    store.apply(&keys.promote(next_id).unwrap()).await.unwrap();
    store.apply(&[keys.compromised(next_id).unwrap()]).await.unwrap();

    // Another process, which finds the tables made.
    let again = KeyStore::open(db.pool(1).await, &*clock).await.unwrap();
    let mut stored = again.records().await.unwrap();
    let mut known = keys.records().to_vec();
    stored.sort_by_key(|record| record.id);
    known.sort_by_key(|record| record.id);
    assert_eq!(stored, known);
    let loaded = Keyset::load(stored, &[&root]).await.unwrap();
    assert_eq!(loaded.record(next_id).unwrap().state, KeyState::Primary);
}

async fn of_two_managers_that_race_one_fails<T>(db: T)
where
    T: TestDatabase<Db: Backend>,
{
    let (old_root, new_root, clock) = (root(), root(), clock());
    let store = KeyStore::open(db.pool(4).await, &*clock).await.unwrap();
    let mut one = manager(&store, &clock).await;
    let (tenant, group) = (TenantId::SINGLE, KeyGroup::DEFAULT);
    let first = one.create(&old_root, &tenant, Purpose::Seal, &group).await.unwrap();
    let first_id = first.record.id;
    store.apply(&[first]).await.unwrap();

    // A second primary of the group, by somebody who did not look.
    let mut blind = KeysetManager::new(Vec::new(), policy(), Arc::clone(&clock));
    let second = blind.create(&old_root, &tenant, Purpose::Seal, &group).await.unwrap();
    let refused = store.apply(&[second]).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused:?}");

    // One rewraps under a new root while the other, who read before, marks the key: the old
    // wrapping must not come back with the mark.
    let mut other = manager(&store, &clock).await;
    let rewrapped = one.rewrap(&old_root, &new_root).await.unwrap();
    store.apply(&rewrapped).await.unwrap();
    let stale = other.compromised(first_id).unwrap();
    let refused = store.apply(&[stale]).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { key } if key == first_id), "{refused:?}");
    Keyset::load(store.records().await.unwrap(), &[&new_root]).await.unwrap();

    // All or none: the second of two is in conflict, so the first is not stored either.
    let mut fresh = manager(&store, &clock).await;
    let good = fresh.add(&new_root, &tenant, Purpose::Seal, &group).await.unwrap();
    let count = store.records().await.unwrap().len();
    let before = other.compromised(first_id).unwrap();
    assert!(store.apply(&[good, before]).await.is_err());
    assert_eq!(store.records().await.unwrap().len(), count);
}

async fn a_destroyed_key_leaves_its_tombstone<T>(db: T)
where
    T: TestDatabase<Db: Backend>,
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    let (root, clock) = (root(), clock());
    let store = KeyStore::open(db.pool(4).await, &*clock).await.unwrap();
    let mut keys = manager(&store, &clock).await;
    let (tenant, group) = (TenantId::SINGLE, KeyGroup::DEFAULT);
    let first = keys.create(&root, &tenant, Purpose::Seal, &group).await.unwrap();
    let (id, bytes) = (first.record.id, first.record.wrapped.clone().unwrap().bytes().to_vec());
    let next = keys.add(&root, &tenant, Purpose::Seal, &group).await.unwrap();
    let next_id = next.record.id;
    store.apply(&[first, next]).await.unwrap();
    clock.advance(Duration::from_secs(60));
    store.apply(&keys.promote(next_id).unwrap()).await.unwrap();
    store.apply(&[keys.disable(id).unwrap()]).await.unwrap();
    let field = FieldId::new("users.email").unwrap();
    let mut census = CensusBuilder::new([field.clone()], clock.now());
    census.count(&field, [(next_id, 7)]).unwrap();
    let unused = census.finish().unwrap().unused(id).unwrap();
    clock.advance(Duration::from_secs(60));

    let destroyed = keys.destroy(id, &unused).unwrap();
    let refused = store.apply(std::slice::from_ref(&destroyed)).await.unwrap_err();
    assert!(matches!(refused, StoreError::ProofMissing { key } if key == id));
    store.destroy(&destroyed, &unused, Some("journal entry 12")).await.unwrap();
    let record = store.records().await.unwrap().into_iter().find(|it| it.id == id).unwrap();
    assert_eq!((record.state, record.wrapped), (KeyState::Destroyed, None));
    assert_eq!(record.check, destroyed.record.check);

    // Once more is a conflict, and the row neither comes back nor goes.
    assert!(store.destroy(&destroyed, &unused, None).await.is_err());
    let pool = store.pool();
    assert!(
        !run::<T>(pool, "UPDATE cf_key SET state = 'disabled' WHERE state = 'destroyed'").await
    );
    assert!(!run::<T>(pool, "DELETE FROM cf_key").await);
    pool.close().await;
    if let Some(path) = db.url().strip_prefix("sqlite:") {
        let file = std::fs::read(path).unwrap();
        assert!(!file.windows(bytes.len()).any(|window| window == bytes), "still in the file");
    }
}

async fn a_key_that_is_not_wrapped_is_refused<T>(db: T)
where
    T: TestDatabase<Db: Backend>,
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    let (root, clock) = (root(), clock());
    let store = KeyStore::open(db.pool(4).await, &*clock).await.unwrap();
    let mut keys = manager(&store, &clock).await;
    let (tenant, group) = (TenantId::SINGLE, KeyGroup::DEFAULT);
    let mut made = keys.create(&root, &tenant, Purpose::Wrap, &group).await.unwrap();
    let wrapped = made.record.wrapped.clone().unwrap();
    for bad in [
        WrappedDataKey::new(root.id().to_owned(), vec![7; 32]),
        WrappedDataKey::new(format!("kek:{}", made.record.id), wrapped.bytes().to_vec()),
    ] {
        made.record.wrapped = Some(bad);
        let refused = store.apply(std::slice::from_ref(&made)).await.unwrap_err();
        assert!(matches!(refused, StoreError::NotWrapped { .. }), "{refused:?}");
        // The whole of it: the key's id, and nothing of the bytes that were offered.
        let id = &made.record.id;
        assert_eq!(refused.to_string(), format!("the key {id} is not wrapped, and is not stored"));
    }
    assert!(store.records().await.unwrap().is_empty());
}

async fn the_root_key_rotates_without_touching_a_value<T>(db: T)
where
    T: TestDatabase<Db: Backend>,
{
    let (old, new, clock) = (root(), root(), clock());
    let store = KeyStore::open(db.pool(4).await, &*clock).await.unwrap();
    let mut keys = manager(&store, &clock).await;
    let mut made = Vec::new();
    for number in 0..200 {
        let group = KeyGroup::new(format!("group-{number}")).unwrap();
        made.push(keys.create(&old, &TenantId::SINGLE, Purpose::Seal, &group).await.unwrap());
    }
    store.apply(&made).await.unwrap();
    let before = Keyset::load(store.records().await.unwrap(), &[&old]).await.unwrap();
    store.apply(&keys.rewrap(&old, &new).await.unwrap()).await.unwrap();
    assert!(Keyset::load(store.records().await.unwrap(), &[&old]).await.is_err());
    let after = Keyset::load(store.records().await.unwrap(), &[&new]).await.unwrap();
    for record in before.records() {
        assert_eq!(after.record(record.id).unwrap().check, record.check);
    }
}

async fn processes_that_start_at_once_make_the_tables_once<T>(db: T)
where
    T: TestDatabase<Db: Backend>,
{
    let (pool, clock) = (db.pool(6).await, clock());
    let starts: Vec<_> = (0..6)
        .map(|_| {
            let (pool, clock) = (pool.clone(), Arc::clone(&clock));
            tokio::spawn(async move { KeyStore::open(pool, &*clock).await.map(drop) })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
    assert_eq!(migrations::<T::Db>().len(), 2);
}

async fn a_schema_of_another_version_is_refused<T>(db: T)
where
    T: TestDatabase<Db: Backend>,
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    let (pool, clock) = (db.pool(2).await, clock());
    drop(KeyStore::open(pool.clone(), &*clock).await.unwrap());
    let newer = "INSERT INTO _crypto_fields_migrations
        SELECT 99, 'later', checksum, 0 FROM _crypto_fields_migrations WHERE version = 1";
    assert!(run::<T>(&pool, newer).await);
    let refused = KeyStore::open(pool.clone(), &*clock).await.unwrap_err();
    assert!(matches!(refused, StoreError::SchemaTooNew { found: 99, known: 2 }), "{refused:?}");
    assert!(run::<T>(&pool, "DELETE FROM _crypto_fields_migrations WHERE version <> 1").await);
    let other = "UPDATE _crypto_fields_migrations SET version = 2";
    assert!(run::<T>(&pool, other).await);
    let refused = KeyStore::open(pool, &*clock).await.unwrap_err();
    assert!(matches!(refused, StoreError::MigrationChanged { version: 2 }), "{refused:?}");
}

both_databases!(
    keys_are_stored_and_loaded_as_they_were,
    of_two_managers_that_race_one_fails,
    a_destroyed_key_leaves_its_tombstone,
    a_key_that_is_not_wrapped_is_refused,
    the_root_key_rotates_without_touching_a_value,
    processes_that_start_at_once_make_the_tables_once,
    a_schema_of_another_version_is_refused,
);
