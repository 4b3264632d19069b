use std::sync::Mutex;

use super::*;
use crate::clock::ManualClock;
use crate::error::{OpenError, SealError};
use crate::keyset::census::CensusBuilder;
use crate::keyset::sealed::{SealedKeyset, SealedKeysetError};
use crate::keyset::{KeySource, KeyStatus, Keyset, KeysetError};
use crate::secret::SecretKey;
use crate::wrap::local::LocalKey;
use crate::{FieldId, KeyEncryptionKey};

#[derive(Debug, Default)]
struct Told(Mutex<Vec<KeyEventKind>>);

impl KeyEvents for Told {
    fn observe(&self, event: &KeyEvent) {
        self.0.lock().unwrap().push(event.kind.clone());
    }
}

struct World {
    clock: Arc<ManualClock>,
    root: LocalKey,
    manager: KeysetManager<Arc<ManualClock>>,
    told: Arc<Told>,
    tenant: TenantId,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_000)));
        let told = Arc::new(Told::default());
        let manager = KeysetManager::new(Vec::new(), KeyPolicy::DEFAULT, Arc::clone(&clock));
        Self {
            root: LocalKey::new(SecretKey::random().unwrap()),
            manager: manager.observed_by(told.clone()),
            clock,
            told,
            tenant: TenantId::new("acme").unwrap(),
        }
    }

    async fn create(&mut self) -> KeyId {
        let (manager, group) = (&mut self.manager, KeyGroup::DEFAULT);
        let made = manager.create(&self.root, &self.tenant, Purpose::Seal, &group).await;
        made.unwrap().record.id
    }

    async fn add(&mut self) -> KeyId {
        let (manager, group) = (&mut self.manager, KeyGroup::DEFAULT);
        let made = manager.add(&self.root, &self.tenant, Purpose::Seal, &group).await;
        made.unwrap().record.id
    }

    /// Two keys, of which the second is primary.
    async fn rotated(&mut self) -> (KeyId, KeyId) {
        let (old, new) = (self.create().await, self.add().await);
        self.clock.advance(KeyPolicy::DEFAULT.propagation);
        self.manager.promote(new).unwrap();
        (old, new)
    }

    fn state(&self, id: KeyId) -> KeyState {
        self.manager.records().iter().find(|record| record.id == id).unwrap().state
    }

    fn unused(&self, id: KeyId) -> UnusedKey {
        let field = FieldId::new("users.email").unwrap();
        let mut census = CensusBuilder::new([field.clone()], self.clock.now());
        census.count(&field, []).unwrap();
        census.finish().unwrap().unused(id).unwrap()
    }

    async fn keyset(&self) -> Keyset {
        Keyset::load(self.manager.records().to_vec(), &[&self.root]).await.unwrap()
    }

    fn opens(&self, keyset: &Keyset, id: KeyId) -> Result<KeyId, OpenError> {
        keyset.opening(&self.tenant, Purpose::Seal, id).map(|key| key.id())
    }

    fn seals(&self, keyset: &Keyset) -> KeyId {
        keyset.sealing(&self.tenant, Purpose::Seal, &KeyGroup::DEFAULT).unwrap().id()
    }
}

#[tokio::test]
async fn a_key_waits_before_it_seals() {
    let mut world = World::new();
    let (old, new) = (world.create().await, world.add().await);
    assert_eq!(world.state(new), KeyState::Pending);
    let keyset = world.keyset().await;
    assert_eq!(world.seals(&keyset), old);
    assert_eq!(world.opens(&keyset, new), Ok(new));

    world.clock.advance(KeyPolicy::DEFAULT.propagation - Duration::from_micros(1));
    let early = world.manager.promote(new).unwrap_err();
    assert!(matches!(early, TransitionError::TooEarly { .. }));
    // A clock that steps back lengthens the wait.
    world.clock.set(Timestamp::from_micros(0));
    assert!(matches!(world.manager.promote(new), Err(TransitionError::TooEarly { .. })));
    assert_eq!(world.state(new), KeyState::Pending);

    world.clock.set(Timestamp::from_micros(1_000).saturating_add(KeyPolicy::DEFAULT.propagation));
    let changes = world.manager.promote(new).unwrap();
    let changes: Vec<_> =
        changes.iter().map(|it| (it.record.id, it.from, it.record.state)).collect();
    assert_eq!(
        changes,
        [
            (old, Some(KeyState::Primary), KeyState::DecryptOnly),
            (new, Some(KeyState::Pending), KeyState::Primary)
        ]
    );
    let keyset = world.keyset().await;
    assert_eq!(world.seals(&keyset), new);
    assert_eq!(world.opens(&keyset, old), Ok(old));
}

#[tokio::test]
async fn nothing_is_destroyed_that_is_in_use_or_was_not_disabled_for_long() {
    let mut world = World::new();
    let (old, new) = world.rotated().await;
    let proof = world.unused(old);
    assert!(matches!(
        world.manager.destroy(old, &proof),
        Err(TransitionError::NotAllowed { from: KeyState::DecryptOnly, .. })
    ));
    assert!(matches!(world.manager.disable(new), Err(TransitionError::NotAllowed { .. })));
    assert!(matches!(world.manager.enable_reading(new), Err(TransitionError::NotAllowed { .. })));

    world.clock.advance(Duration::from_secs(1));
    world.manager.disable(old).unwrap();
    let keyset = world.keyset().await;
    assert_eq!(world.opens(&keyset, old), Err(OpenError::Disabled { key: old }));
    assert_eq!(keyset.status(old), KeyStatus::Live);

    // A census from before, and one of another key.
    assert!(matches!(world.manager.destroy(old, &proof), Err(TransitionError::WrongCensus)));
    let other = world.unused(new);
    assert!(matches!(world.manager.destroy(old, &other), Err(TransitionError::WrongCensus)));
    let proof = world.unused(old);
    world.clock.advance(DAY * 29);
    assert!(matches!(world.manager.destroy(old, &proof), Err(TransitionError::TooEarly { .. })));
    assert_eq!(world.state(old), KeyState::Disabled);

    world.clock.advance(DAY);
    let at = world.clock.now();
    let destroyed = world.manager.destroy(old, &proof).unwrap().record;
    assert_eq!((destroyed.state, destroyed.wrapped), (KeyState::Destroyed, None));
    let told = world.told.0.lock().unwrap().clone();
    let (begun_at, fields) = (proof.begun_at(), 1);
    let counted = KeyEventKind::CountedUnused { begun_at, fields };
    let (from, to) = (KeyState::Disabled, KeyState::Destroyed);
    assert!(told.ends_with(&[counted, KeyEventKind::Moved { from, to }]));
    let keyset = world.keyset().await;
    assert_eq!(world.opens(&keyset, old), Err(OpenError::Destroyed { key: old, at }));
    assert_eq!(keyset.status(old), KeyStatus::Destroyed { at });
    assert_eq!(keyset.status(KeyId::new(1).unwrap()), KeyStatus::Unknown);
    assert!(matches!(world.manager.enable_reading(old), Err(TransitionError::NotAllowed { .. })));
}

#[tokio::test]
async fn a_disabled_key_can_be_enabled_again() {
    let mut world = World::new();
    let (old, _) = world.rotated().await;
    world.manager.disable(old).unwrap();
    world.manager.enable_reading(old).unwrap();
    assert_eq!(world.opens(&world.keyset().await, old), Ok(old));
}

#[tokio::test]
async fn a_compromised_key_goes_on_and_is_watched() {
    let mut world = World::new();
    let id = world.create().await;
    world.manager.compromised(id).unwrap();
    let keyset = world.keyset().await;
    let keyset = keyset.observed_by(world.told.clone(), world.clock.clone());
    assert_eq!(world.seals(&keyset), id);
    assert_eq!(world.opens(&keyset, id), Ok(id));
    assert_eq!(
        *world.told.0.lock().unwrap(),
        [KeyEventKind::Created, KeyEventKind::Compromised, KeyEventKind::CompromisedRead]
    );
}

#[tokio::test]
async fn keys_of_another_tenant_or_purpose_are_not_given() {
    let mut world = World::new();
    let id = world.create().await;
    let keyset = world.keyset().await;
    let other = TenantId::new("umbrella").unwrap();
    let refused = keyset.opening(&other, Purpose::Seal, id).unwrap_err();
    assert_eq!(refused, OpenError::UnknownKey { key: id });
    let refused = keyset.opening(&world.tenant, Purpose::Stream, id).unwrap_err();
    assert!(matches!(refused, OpenError::Key(_)));
    let group = KeyGroup::new("health").unwrap();
    for (tenant, purpose, group) in [
        (&other, Purpose::Seal, &KeyGroup::DEFAULT),
        (&world.tenant, Purpose::BlindIndex, &KeyGroup::DEFAULT),
        (&world.tenant, Purpose::Seal, &group),
    ] {
        let refused = keyset.sealing(tenant, purpose, group).unwrap_err();
        assert_eq!(refused, SealError::NoPrimary);
    }
}

#[tokio::test]
async fn a_root_key_is_rotated_without_touching_a_value() {
    let mut world = World::new();
    let (old, new) = world.rotated().await;
    let next = KeyEncryptionKey::new(&DataKey::generate(Purpose::Wrap).unwrap()).unwrap();
    let check = world.manager.records()[0].check;
    let changed = world.manager.rewrap(&world.root, &next).await.unwrap();
    assert_eq!(changed.len(), 2);
    assert_eq!(world.manager.records()[0].check, check);
    let records = world.manager.records().to_vec();
    let keyset = Keyset::load(records.clone(), &[&next]).await.unwrap();
    assert_eq!(world.opens(&keyset, old), Ok(old));
    assert_eq!(world.seals(&keyset), new);
    let refused = Keyset::load(records, &[&world.root]).await.unwrap_err();
    assert!(matches!(refused, KeysetError::Unwrap { error: WrapError::UnknownWrapper { .. }, .. }));
}

#[tokio::test]
async fn a_key_table_that_was_tampered_with_is_refused() {
    let mut world = World::new();
    world.rotated().await;
    let records = world.manager.records().to_vec();
    let load = |change: fn(&mut Vec<KeyRecord>)| {
        let mut records = records.clone();
        change(&mut records);
        let root = &world.root;
        async move { Keyset::load(records, &[root]).await.map(drop) }
    };
    // Two keys exchanged, a purpose changed, a tenant changed, a group changed.
    type Change = fn(&mut Vec<KeyRecord>);
    let bound: [Change; 4] = [
        |records| {
            let wrapped = records[0].wrapped.take();
            records[0].wrapped = records[1].wrapped.replace(wrapped.unwrap());
        },
        |records| records[0].purpose = Purpose::BlindIndex,
        |records| records[0].tenant = TenantId::SINGLE,
        |records| records[0].group = KeyGroup::new("other").unwrap(),
    ];
    for change in bound {
        let refused = load(change).await.unwrap_err();
        assert!(matches!(refused, KeysetError::Unwrap { error: WrapError::Refused, .. }));
    }
    let refused = load(|records| records[0].state = KeyState::Primary).await;
    assert!(matches!(refused, Err(KeysetError::TwoPrimaries(_))));
    let refused = load(|records| records[0].check = records[1].check).await;
    assert!(matches!(refused, Err(KeysetError::Check(_))));
    let refused = load(|records| records[0].wrapped = None).await;
    assert!(matches!(refused, Err(KeysetError::Material(_))));
    let refused = load(|records| records[0].state = KeyState::Destroyed).await;
    assert!(matches!(refused, Err(KeysetError::Material(_))));
    let refused = load(|records| {
        let mut again = records[0].clone();
        again.state = KeyState::DecryptOnly;
        records.push(again);
    });
    assert!(matches!(refused.await, Err(KeysetError::Duplicate(_))));
}

#[tokio::test]
async fn a_group_is_created_once_and_rotated_after() {
    let mut world = World::new();
    let (tenant, group) = (world.tenant.clone(), KeyGroup::DEFAULT);
    let none = world.manager.add(&world.root, &tenant, Purpose::Seal, &group).await;
    assert!(matches!(none, Err(TransitionError::Group(_))));
    world.create().await;
    let twice = world.manager.create(&world.root, &tenant, Purpose::Seal, &group).await;
    assert!(matches!(twice, Err(TransitionError::Group(_))));
    let unknown = world.manager.promote(KeyId::new(1).unwrap());
    assert!(matches!(unknown, Err(TransitionError::Unknown(_))));
}

#[tokio::test]
async fn a_sealed_keyset_opens_as_it_was_and_no_other_way() {
    let mut world = World::new();
    let (old, _) = world.rotated().await;
    world.manager.compromised(old).unwrap();
    world.manager.disable(old).unwrap();
    world.clock.advance(DAY * 30);
    // The census began in the same instant as the state.
    let proof = world.unused(old);
    world.manager.destroy(old, &proof).unwrap();
    let sealed = SealedKeyset::seal(world.manager.records(), &world.root).await.unwrap();
    assert_eq!(sealed.open(&world.root).await.unwrap(), world.manager.records());

    let other = LocalKey::new(SecretKey::random().unwrap());
    assert!(matches!(sealed.open(&other).await, Err(SealedKeysetError::Wrap(_))));
    let text = sealed.as_str();
    let at = text.find("\"sealed\": \"cf1.").unwrap() + 120;
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    let changed = SealedKeyset::from_text(String::from_utf8(bytes).unwrap());
    assert!(matches!(changed.open(&world.root).await, Err(SealedKeysetError::Form)));
    for bad in ["", "{}", &text.replace("keyset/v1", "keyset/v2")] {
        let bad = SealedKeyset::from_text(bad.to_owned());
        assert!(matches!(bad.open(&world.root).await, Err(SealedKeysetError::Form)));
    }
}
