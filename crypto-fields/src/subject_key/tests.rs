use std::time::Duration;

use super::store::MemorySubjectKeys;
use super::*;
use crate::associated_data::names::FieldId;
use crate::associated_data::row_key::RowKey;
use crate::clock::ManualClock;
use crate::field::FieldCipher;
use crate::field::row::RowContext;
use crate::sealed::Sealed;
use crate::wrap::kek::KeyEncryptionKey;

const TTL: Duration = Duration::from_secs(300);

fn epoch() -> Arc<dyn KeyWrapper> {
    Arc::new(KeyEncryptionKey::new(&DataKey::generate(Purpose::Wrap).unwrap()).unwrap())
}

fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn person(id: &str) -> SubjectId {
    SubjectId::new(id.to_owned()).unwrap()
}

fn field() -> FieldCipher {
    FieldCipher::new(FieldId::new("users.email").unwrap())
}

fn row<'a>(key: &'a SubjectKey, id: &str) -> RowContext<'a> {
    RowContext::new(key, tenant(), RowKey::text(id).unwrap()).subject(person(id))
}

type Keys = SubjectKeys<Arc<MemorySubjectKeys>>;

struct World {
    clock: Arc<ManualClock>,
    store: Arc<MemorySubjectKeys>,
    epoch: Arc<dyn KeyWrapper>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000)));
        Self { clock, store: Arc::default(), epoch: epoch() }
    }

    /// A process with a cache of its own.
    fn process(&self) -> Keys {
        self.over(Arc::clone(&self.store), EpochKeys::new(Arc::clone(&self.epoch)))
    }

    fn over(&self, store: Arc<MemorySubjectKeys>, epochs: EpochKeys) -> Keys {
        SubjectKeys::new(store, epochs, CachePolicy::new(100, TTL), self.clock.clone())
    }
}

async fn seal(keys: &Keys, id: &str) -> Sealed<String> {
    let key = keys.sealing(&tenant(), &person(id), Purpose::Seal).await.unwrap();
    field().seal(&row(&key, id), &format!("{id}@example.com")).unwrap()
}

async fn open(keys: &Keys, id: &str, stored: &Sealed<String>) -> Result<String, SubjectKeyError> {
    let key = keys.opening(&tenant(), &person(id), Purpose::Seal).await?;
    Ok(field().open(&row(&key, id), stored).unwrap())
}

#[tokio::test]
async fn who_was_forgotten_is_forgotten_and_others_are_not() {
    let world = World::new();
    let keys = world.process();
    let (alice, bob) = (seal(&keys, "alice").await, seal(&keys, "bob").await);
    assert_eq!(open(&keys, "alice", &alice).await.unwrap(), "alice@example.com");

    let erasure = keys.destroy(&tenant(), &person("alice")).await.unwrap();
    let at = world.clock.now();
    assert_eq!(erasure.keys, [alice.key_id().unwrap()]);
    assert_eq!((erasure.destroyed_at, erasure.closed_at), (at, at.saturating_add(TTL)));
    for _ in 0..2 {
        let gone = open(&keys, "alice", &alice).await.unwrap_err();
        assert!(matches!(gone, SubjectKeyError::Destroyed { at: then } if then == at));
    }
    // Nothing is sealed for her again either, and the second answer came from memory.
    let anew = keys.sealing(&tenant(), &person("alice"), Purpose::Seal).await;
    assert!(matches!(anew, Err(SubjectKeyError::Destroyed { .. })));
    assert_eq!(keys.metrics().loads, 3);
    assert_eq!(open(&keys, "bob", &bob).await.unwrap(), "bob@example.com");

    let status = async |id: &str| keys.status(&tenant(), &person(id), Purpose::Seal).await.unwrap();
    assert_eq!(status("alice").await, KeyStatus::Destroyed { at });
    assert_eq!(status("bob").await, KeyStatus::Live);
    assert_eq!(status("carol").await, KeyStatus::Unknown);
    let unknown = keys.opening(&tenant(), &person("carol"), Purpose::Seal).await;
    assert!(matches!(unknown, Err(SubjectKeyError::Unknown)));

    world.clock.advance(TTL);
    let again = keys.destroy(&tenant(), &person("alice")).await.unwrap();
    assert_eq!(again, erasure);
}

#[tokio::test]
async fn a_key_that_was_given_out_closes_at_once_here_and_in_time_elsewhere() {
    let world = World::new();
    let (here, there) = (world.process(), world.process());
    let alice = seal(&here, "alice").await;
    let held = here.opening(&tenant(), &person("alice"), Purpose::Seal).await.unwrap();
    open(&there, "alice", &alice).await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    let erasure = here.destroy(&tenant(), &person("alice")).await.unwrap();

    let key = alice.key_id().unwrap();
    let refused = field().open(&row(&held, "alice"), &alice);
    assert_eq!(refused, Err(OpenError::Revoked { key }));
    let refused = field().seal(&row(&held, "alice"), &"x".to_owned());
    assert_eq!(refused, Err(SealError::Revoked));
    // The other process has it in its cache until the stated time, and no longer.
    assert!(open(&there, "alice", &alice).await.is_ok());
    world.clock.set(erasure.closed_at);
    let gone = open(&there, "alice", &alice).await.unwrap_err();
    assert!(matches!(gone, SubjectKeyError::Destroyed { .. }));
}

#[tokio::test]
async fn a_backup_from_before_is_closed_with_its_epoch_and_the_living_go_on() {
    let world = World::new();
    let keys = world.process();
    let (alice, bob) = (seal(&keys, "alice").await, seal(&keys, "bob").await);
    let backup = Arc::new(world.store.backup());
    keys.destroy(&tenant(), &person("alice")).await.unwrap();

    // As long as the epoch's key is there, the backup is alive.
    let restored = world.over(Arc::clone(&backup), EpochKeys::new(Arc::clone(&world.epoch)));
    assert!(open(&restored, "alice", &alice).await.is_ok());

    // The next epoch: the living are rewrapped, then the old key is destroyed.
    let next = epoch();
    let old = world.epoch.id().to_owned();
    keys.set_epochs(EpochKeys::new(Arc::clone(&next)).with(Arc::clone(&world.epoch)));
    assert_eq!(keys.rewrap(&old).await.unwrap(), Rewrapped { done: 1, skipped: 0 });
    assert_eq!(keys.rewrap(&old).await.unwrap(), Rewrapped::default());

    let restored = world.over(backup, EpochKeys::new(Arc::clone(&next)));
    let closed = open(&restored, "alice", &alice).await.unwrap_err();
    assert!(matches!(closed, SubjectKeyError::Wrap(WrapError::UnknownWrapper { .. })));
    let today = world.over(Arc::clone(&world.store), EpochKeys::new(next));
    assert_eq!(open(&today, "bob", &bob).await.unwrap(), "bob@example.com");
    let gone = open(&today, "alice", &alice).await.unwrap_err();
    assert!(matches!(gone, SubjectKeyError::Destroyed { .. }));
}

#[tokio::test]
async fn the_key_of_one_person_serves_no_other() {
    let world = World::new();
    let keys = world.process();
    let alice = seal(&keys, "alice").await;
    let key = keys.opening(&tenant(), &person("alice"), Purpose::Seal).await.unwrap();
    assert_eq!(key.id(), alice.key_id().unwrap());
    let refused = field().seal(&row(&key, "bob"), &"x".to_owned());
    assert_eq!(refused, Err(SealError::WrongOwner));
    let nobody = RowContext::new(&key, tenant(), RowKey::text("alice").unwrap());
    assert_eq!(field().open(&nobody, &alice), Err(OpenError::WrongOwner));
    let row = RowKey::text("alice").unwrap();
    let other = RowContext::new(&key, TenantId::SINGLE, row).subject(person("alice"));
    assert_eq!(field().open(&other, &alice), Err(OpenError::WrongOwner));
}

#[tokio::test]
async fn keys_exchanged_in_the_store_do_not_open() {
    let world = World::new();
    let keys = world.process();
    let (alice, _) = (seal(&keys, "alice").await, seal(&keys, "bob").await);
    let find = async |id: &str| {
        let found = world.store.find(&tenant(), &person(id), Purpose::Seal).await;
        found.unwrap().unwrap()
    };
    let (one, other) = (find("alice").await, find("bob").await);
    let (SubjectKeyState::Live(one_key), SubjectKeyState::Live(other_key)) =
        (one.state, other.state)
    else {
        panic!("both live");
    };
    assert!(world.store.replace(one.id, &one_key, other_key).await.unwrap());
    let refused = open(&world.process(), "alice", &alice).await.unwrap_err();
    assert!(matches!(refused, SubjectKeyError::Wrap(WrapError::Refused)));
}

#[tokio::test]
async fn two_who_make_the_first_key_at_once_end_with_one() {
    let world = World::new();
    let (here, there) = (world.process(), world.process());
    let alice = seal(&here, "alice").await;
    let again = seal(&there, "alice").await;
    assert_eq!(alice.key_id().unwrap(), again.key_id().unwrap());
    let key = CacheKey { tenant: tenant(), subject: person("alice"), purpose: Purpose::Seal };
    // The slower of the two gets the key of the faster.
    assert_eq!(there.make(&key).await.unwrap().id, alice.key_id().unwrap());
}

#[tokio::test]
async fn no_key_is_made_for_who_was_forgotten_whatever_its_purpose() {
    let world = World::new();
    let keys = world.process();
    seal(&keys, "alice").await;
    keys.destroy(&tenant(), &person("alice")).await.unwrap();
    for purpose in Purpose::ALL {
        let refused = keys.sealing(&tenant(), &person("alice"), purpose).await.unwrap_err();
        assert!(matches!(refused, SubjectKeyError::Destroyed { .. }), "{purpose:?}");
    }
    keys.sealing(&tenant(), &person("bob"), Purpose::Stream).await.unwrap();
}

/// As from a key service that answers with another key than the one that was wrapped.
#[tokio::test]
async fn a_key_that_is_not_the_one_of_its_record_is_neither_used_nor_rewrapped() {
    let world = World::new();
    seal(&world.process(), "alice").await;
    let found = world.store.find(&tenant(), &person("alice"), Purpose::Seal).await.unwrap();
    let mut record = found.unwrap();
    record.check = KeyCheck::of(&DataKey::generate(Purpose::Seal).unwrap());
    let store = Arc::new(MemorySubjectKeys::default());
    store.insert(record).await.unwrap();
    let next = EpochKeys::new(epoch()).with(Arc::clone(&world.epoch));
    let keys = world.over(store, next);
    let opening = keys.opening(&tenant(), &person("alice"), Purpose::Seal).await.unwrap_err();
    assert!(matches!(opening, SubjectKeyError::Check(_)));
    let rewrapping = keys.rewrap(world.epoch.id()).await.unwrap_err();
    assert!(matches!(rewrapping, SubjectKeyError::Check(_)));
}
