//! Somebody is forgotten: in the live database, in its backups, in warm caches.
#![cfg(all(feature = "postgres", feature = "sqlite"))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod host;

use std::sync::Arc;
use std::time::Duration;

use crypto_fields::{
    CachePolicy, Clock, DataKey, EpochKeys, KeyEncryptionKey, KeyStatus, KeyStore, KeyWrapper,
    ManualClock, OpenError, Purpose, Rewrapped, RowContext, RowKey, Sealed, SubjectId,
    SubjectKeyError, SubjectKeyStore, SubjectKeys, TenantId, Timestamp, WrapError,
};
use host::{Host, User, column, email, field};
use sqlx::Pool;
use test_support::{TestDatabase, both_databases};

const TTL: Duration = Duration::from_secs(300);
const ROWS: i64 = 5;
/// Alice has the rows 1 to 5, Bob 6 to 10, Carol 11 to 15.
const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

fn epoch() -> Arc<dyn KeyWrapper> {
    Arc::new(KeyEncryptionKey::new(&DataKey::generate(Purpose::Wrap).unwrap()).unwrap())
}

fn person(name: &'static str) -> SubjectId {
    SubjectId::new(name).unwrap()
}

fn rows_of(name: &str) -> std::ops::RangeInclusive<i64> {
    let at = PEOPLE.iter().position(|it| *it == name).unwrap();
    let first = i64::try_from(at).unwrap() * ROWS + 1;
    first..=first + ROWS - 1
}

type Keys<DB> = SubjectKeys<KeyStore<DB>>;

struct Life {
    clock: Arc<ManualClock>,
    epoch: Arc<dyn KeyWrapper>,
}

impl Life {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000_000)));
        Self { clock, epoch: epoch() }
    }

    /// A process with a cache of its own.
    async fn process<DB: Host>(&self, pool: &Pool<DB>, epochs: EpochKeys) -> Keys<DB> {
        let store = KeyStore::open(pool.clone(), &*self.clock).await.unwrap();
        let clock: Arc<dyn Clock> = self.clock.clone();
        SubjectKeys::new(store, epochs, CachePolicy::new(100, TTL), clock)
    }

    fn epochs(&self) -> EpochKeys {
        EpochKeys::new(Arc::clone(&self.epoch))
    }

    async fn fill<T: TestDatabase<Db: Host>>(&self, pool: &Pool<T::Db>) {
        let (bytes, int) = if T::POSTGRES { ("BYTEA", "BIGINT") } else { ("BLOB", "INTEGER") };
        let table = format!(
            "CREATE TABLE users (id {int} PRIMARY KEY, email {bytes}, email_index {bytes},
             version {int} NOT NULL)"
        );
        T::Db::run(pool, &table).await;
        let keys = self.process(pool, self.epochs()).await;
        for name in PEOPLE {
            let subject = person(name);
            let key = keys.sealing(&TenantId::SINGLE, &subject, Purpose::Seal).await.unwrap();
            let sealed = rows_of(name).map(|id| {
                let row = RowContext::new(&key, TenantId::SINGLE, RowKey::int(id).unwrap());
                let row = row.subject(subject.clone());
                let stored = field().seal(&row, &email(id, 0)).unwrap().into_bytes();
                User { id, email: Some(stored), index: Some(vec![1, 2, 3]), version: 0 }
            });
            T::Db::insert(pool, sealed.collect()).await;
        }
    }
}

/// How many of somebody's rows open; or why none does.
async fn opens<DB: Host>(
    keys: &Keys<DB>,
    rows: &[User],
    name: &'static str,
) -> Result<i64, SubjectKeyError> {
    let key = keys.opening(&TenantId::SINGLE, &person(name), Purpose::Seal).await?;
    let mut count = 0;
    for id in rows_of(name) {
        let row = RowContext::new(&key, TenantId::SINGLE, RowKey::int(id).unwrap());
        let user = rows.iter().find(|user| user.id == id).unwrap();
        let stored = Sealed::<String>::from_bytes(user.email.clone().unwrap());
        match field().open(&row.subject(person(name)), &stored) {
            Ok(opened) => assert_eq!(opened, email(id, 0)),
            Err(OpenError::Revoked { .. }) => continue,
            Err(error) => panic!("{error}"),
        }
        count += 1;
    }
    Ok(count)
}

async fn a_person_is_forgotten_in_the_hosts_transaction<T: TestDatabase<Db: Host>>(db: T) {
    let life = Life::new();
    let pool = db.pool(4).await;
    life.fill::<T>(&pool).await;
    let (here, elsewhere) =
        (life.process(&pool, life.epochs()).await, life.process(&pool, life.epochs()).await);
    let rows = T::Db::all(&pool).await;
    for keys in [&here, &elsewhere] {
        for name in PEOPLE {
            assert_eq!(opens(keys, &rows, name).await.unwrap(), ROWS);
        }
    }
    let alice = person("alice");
    let wrapped = KeyStore::open(pool.clone(), &*life.clock).await.unwrap();
    let before = wrapped.find(&TenantId::SINGLE, &alice, Purpose::Seal).await.unwrap().unwrap();

    // A transaction that is rolled back has destroyed nothing.
    let at = life.clock.now();
    let mut tx = pool.begin().await.unwrap();
    let store = here.store();
    let gone = store.destroy_subject_in(&mut tx, &TenantId::SINGLE, &alice, at).await.unwrap();
    assert_eq!(gone.len(), 1);
    tx.rollback().await.unwrap();
    let found = store.find(&TenantId::SINGLE, &alice, Purpose::Seal).await.unwrap().unwrap();
    assert_eq!(found, before);

    // Keys and blind indexes together.
    let mut tx = pool.begin().await.unwrap();
    store.destroy_subject_in(&mut tx, &TenantId::SINGLE, &alice, at).await.unwrap();
    T::Db::forget_indexes(&mut tx, *rows_of("alice").start(), *rows_of("alice").end()).await;
    tx.commit().await.unwrap();
    let erasure = here.destroy(&TenantId::SINGLE, &alice).await.unwrap();
    assert_eq!(erasure.keys, [before.id]);
    assert_eq!((erasure.destroyed_at, erasure.closed_at), (at, at.saturating_add(TTL)));

    let gone = opens(&here, &rows, "alice").await.unwrap_err();
    assert!(matches!(gone, SubjectKeyError::Destroyed { at: then } if then == at), "{gone:?}");
    let status =
        async |name| here.status(&TenantId::SINGLE, &person(name), Purpose::Seal).await.unwrap();
    assert_eq!(status("alice").await, KeyStatus::Destroyed { at });
    assert_eq!(status("bob").await, KeyStatus::Live);
    assert_eq!(status("dave").await, KeyStatus::Unknown);
    assert_eq!(opens(&here, &rows, "bob").await.unwrap(), ROWS);
    let index = "SELECT COUNT(*) FROM users WHERE email_index IS NULL";
    assert_eq!(T::Db::count(&pool, index).await, ROWS);

    // A process that was not told opens from its cache until the stated time, and no longer.
    life.clock.set(Timestamp::from_micros(erasure.closed_at.as_micros() - 1));
    assert_eq!(opens(&elsewhere, &rows, "alice").await.unwrap(), ROWS);
    life.clock.set(erasure.closed_at);
    let gone = opens(&elsewhere, &rows, "alice").await.unwrap_err();
    assert!(matches!(gone, SubjectKeyError::Destroyed { .. }), "{gone:?}");
    assert_eq!(opens(&elsewhere, &rows, "carol").await.unwrap(), ROWS);
    // Nothing is sealed for her again.
    let anew = here.sealing(&TenantId::SINGLE, &alice, Purpose::Seal).await;
    assert!(matches!(anew, Err(SubjectKeyError::Destroyed { .. })));
}

async fn a_backup_dies_with_its_epoch_and_the_living_go_on<T: TestDatabase<Db: Host>>(db: T) {
    let life = Life::new();
    let pool = db.pool(4).await;
    life.fill::<T>(&pool).await;
    pool.close().await;
    let backup = db.copy().await;

    let pool = db.pool(4).await;
    let keys = life.process(&pool, life.epochs()).await;
    keys.destroy(&TenantId::SINGLE, &person("alice")).await.unwrap();

    // The backup from before is alive as long as the key of its epoch is there.
    let restored_pool = backup.pool(4).await;
    let rows = T::Db::all(&restored_pool).await;
    let restored = life.process(&restored_pool, life.epochs()).await;
    for name in PEOPLE {
        assert_eq!(opens(&restored, &rows, name).await.unwrap(), ROWS);
    }

    // The next epoch: the living are rewrapped, and the old key is no more.
    let next = epoch();
    let old = life.epoch.id().to_owned();
    keys.set_epochs(EpochKeys::new(Arc::clone(&next)).with(Arc::clone(&life.epoch)));
    assert_eq!(keys.rewrap(&old).await.unwrap().done, 2);
    assert_eq!(keys.rewrap(&old).await.unwrap(), Rewrapped::default());
    let only_next = || EpochKeys::new(Arc::clone(&next));

    // From the backup alone nothing opens any more: she is forgotten there too.
    let restored = life.process(&restored_pool, only_next()).await;
    for name in PEOPLE {
        let closed = opens(&restored, &rows, name).await.unwrap_err();
        let unknown = matches!(&closed, SubjectKeyError::Wrap(WrapError::UnknownWrapper { .. }));
        assert!(unknown, "{closed:?}");
    }
    // Its rows beside the keys of today: the living open, she does not.
    let today = life.process(&pool, only_next()).await;
    for name in ["bob", "carol"] {
        assert_eq!(opens(&today, &rows, name).await.unwrap(), ROWS);
        assert_eq!(opens(&today, &T::Db::all(&pool).await, name).await.unwrap(), ROWS);
    }
    let gone = opens(&today, &rows, "alice").await.unwrap_err();
    assert!(matches!(gone, SubjectKeyError::Destroyed { .. }), "{gone:?}");
}

async fn a_destroyed_key_is_not_brought_back<T: TestDatabase<Db: Host>>(db: T) {
    let life = Life::new();
    let pool = db.pool(4).await;
    life.fill::<T>(&pool).await;
    let keys = life.process(&pool, life.epochs()).await;
    let (store, alice) = (keys.store(), person("alice"));
    let living = store.find(&TenantId::SINGLE, &alice, Purpose::Seal).await.unwrap().unwrap();
    let crypto_fields::SubjectKeyState::Live(wrapped) = &living.state else { panic!("alive") };
    keys.destroy(&TenantId::SINGLE, &alice).await.unwrap();

    // A rewrapping that read her key before comes too late; so does one who makes her a new one.
    assert!(!store.replace(living.id, wrapped, wrapped.clone()).await.unwrap());
    let there = store.insert(living.clone()).await.unwrap();
    assert!(matches!(there.state, crypto_fields::SubjectKeyState::Destroyed { .. }));
    assert!(store.wrapped_by(wrapped.wrapper(), None, 10).await.unwrap().len() == 2);
    pool.close().await;
    if let Some(path) = db.url().strip_prefix("sqlite:") {
        let file = std::fs::read(path).unwrap();
        let bytes = wrapped.bytes();
        assert!(!file.windows(bytes.len()).any(|window| window == bytes), "still in the file");
    }
}

async fn a_rotation_passes_by_who_was_forgotten<T: TestDatabase<Db: Host>>(db: T) {
    let life = Life::new();
    let pool = db.pool(4).await;
    life.fill::<T>(&pool).await;
    let keys = life.process(&pool, life.epochs()).await;
    let alice = person("alice");
    let key = keys.opening(&TenantId::SINGLE, &alice, Purpose::Seal).await.unwrap();
    keys.destroy(&TenantId::SINGLE, &alice).await.unwrap();
    let clock: Arc<dyn Clock> = life.clock.clone();
    let rotator = crypto_fields::Rotator::open(pool.clone(), clock).await.unwrap();
    let before = T::Db::all(&pool).await;
    let progress = rotator.rotate(&column(), &key).await.unwrap();
    assert_eq!((progress.done, progress.failed), (0, 0));
    assert_eq!(T::Db::all(&pool).await, before);
}

both_databases!(
    a_person_is_forgotten_in_the_hosts_transaction,
    a_backup_dies_with_its_epoch_and_the_living_go_on,
    a_destroyed_key_is_not_brought_back,
    a_rotation_passes_by_who_was_forgotten,
);
