//! Columns of every shape: text, keys of other types, tenants and data subjects by row, blind
//! indexes that get another version, plaintext on its way.
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

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto_fields::{
    AssociatedData, DataKey, DocumentCipher, FieldCipher, FieldId, FieldMode, KeyGroup, Keyset,
    PlaintextRows, Purpose, RotationError, RowContext, RowKey, RowKeyType, Sealed, SealedColumn,
    SealedText, SubjectId, TenantId, from_text, to_text,
};
use host::{Host, User, World, column, email, field, index, key_of, open, place, seal};
use test_support::{TestDatabase, both_databases};

async fn a_blind_index_gets_another_version<T: TestDatabase<Db: Host>>(db: T) {
    let world = World::new(db).await;
    let keys = [(); 2].map(|()| DataKey::generate(Purpose::BlindIndex).unwrap());
    let old = index(1, &keys[0]);
    let user = |id: i64| {
        let text = email(id, 0);
        let stored = old.value(&text).unwrap().unwrap().into_bytes();
        User { id, email: Some(seal(&world.before, id, 0)), index: Some(stored), version: 0 }
    };
    let mut users: Vec<User> = (1..=300).map(user).collect();
    // Never indexed; and under the new key already, but with the old index.
    users[4].index = None;
    users[5].email = Some(seal(&world.keys, 6, 0));
    let empty = field().seal(&place(&world.keys, 7), &String::new()).unwrap().into_bytes();
    (users[6].email, users[6].index) = (Some(empty.clone()), None);
    T::Db::insert(&world.pool, users).await;

    let both = Arc::new(index(2, &keys[1]).replacing(index(1, &keys[0])).unwrap());
    let column = column().blind_index("email_index", Arc::clone(&both)).unwrap();
    let rotator = world.rotator().await;
    let versions = rotator.index_versions(&column).await.unwrap();
    assert_eq!(versions, BTreeMap::from([(None, 2), (Some(1), 298)]));
    let progress = rotator.rotate(&column, &world.keys).await.unwrap();
    assert_eq!((progress.done, progress.failed, progress.finished), (299, 0, true));
    let versions = rotator.index_versions(&column).await.unwrap();
    assert_eq!(versions, BTreeMap::from([(None, 1), (Some(2), 299)]));

    let new = index(2, &keys[1]);
    for row in T::Db::all(&world.pool).await {
        let stored = row.email.unwrap();
        assert_eq!(key_of(&stored), world.new);
        let text = open(&world.keys, row.id, &stored).unwrap();
        let wanted = new.value(&text).unwrap().map(crypto_fields::BlindIndexValue::into_bytes);
        assert_eq!(row.index, wanted, "row {}", row.id);
        assert_eq!(row.id == 7, text.is_empty());
    }
    assert_eq!(rotator.rotate(&column, &world.keys).await.unwrap().done, 0);
}

fn note() -> FieldCipher {
    FieldCipher::new(FieldId::new("notes.text").unwrap()).padded()
}

/// Notes of two tenants, of whom each has a key, with text everywhere.
async fn rows_say_whose_they_are<T: TestDatabase<Db: Host>>(db: T) {
    let mut world = World::new(db).await;
    let uuid = if T::POSTGRES { "UUID" } else { "BLOB" };
    let table = format!(
        "CREATE TABLE notes (uid {uuid} PRIMARY KEY, tenant TEXT NOT NULL, about TEXT, text TEXT)"
    );
    T::Db::run(&world.pool, &table).await;
    let tenants = ["acme", "umbrella"].map(|name| TenantId::new(name).unwrap());
    for tenant in &tenants {
        world.manager.create(&world.root, tenant, Purpose::Seal, &KeyGroup::DEFAULT).await.unwrap();
    }
    let old = Keyset::load(world.manager.records().to_vec(), &[&world.root]).await.unwrap();
    let mut rows = Vec::new();
    for number in 1..=120_u128 {
        let uid = uuid::Uuid::from_u128(number << 64 | 0x8000);
        let tenant = tenants[usize::from(number % 2 == 0)].clone();
        let about = (number % 3 == 0).then(|| format!("person-{number}"));
        let key = RowKey::uuid(uid).unwrap();
        let mut place = RowContext::new(&old, tenant.clone(), key);
        if let Some(about) = &about {
            place = place.subject(SubjectId::new(about.clone()).unwrap());
        }
        let text = note().seal_text(&place, &format!("note {number}")).unwrap().into_text();
        let uid = if T::POSTGRES { format!("'{uid}'") } else { format!("x'{}'", uid.simple()) };
        let about = about.map_or("NULL".to_owned(), |about| format!("'{about}'"));
        rows.push(format!("({uid}, '{}', {about}, '{text}')", tenant.as_str()));
    }
    T::Db::run(&world.pool, &format!("INSERT INTO notes VALUES {}", rows.join(","))).await;

    // Only acme gets a new key.
    let next = world.manager.add(&world.root, &tenants[0], Purpose::Seal, &KeyGroup::DEFAULT).await;
    let next = next.unwrap().record.id;
    world.clock.advance(std::time::Duration::from_secs(60));
    world.manager.promote(next).unwrap();
    let keys = Keyset::load(world.manager.records().to_vec(), &[&world.root]).await.unwrap();
    let column = SealedColumn::new(note(), "notes", "text", "uid", RowKeyType::Uuid)
        .unwrap()
        .text()
        .tenant_column("tenant")
        .unwrap()
        .subject_column("about")
        .unwrap();
    let rotator = world.rotator().await.batch(7);
    let progress = rotator.rotate(&column, &keys).await.unwrap();
    assert_eq!((progress.done, progress.failed, progress.finished), (60, 0, true));

    let census = rotator.census([note().field().clone()], &[column]).await.unwrap();
    let counts: Vec<_> = census.counts().map(|(_, count)| count).collect();
    assert_eq!((counts, census.of(next)), (vec![60, 60], 60));
    let select = "SELECT COUNT(*) FROM notes WHERE text LIKE 'cf1.%'";
    assert_eq!(T::Db::count(&world.pool, select).await, 120);
}

async fn plaintext_is_sealed_only_where_that_was_said<T: TestDatabase<Db: Host>>(db: T) {
    let world = World::new(db).await;
    T::Db::run(&world.pool, "CREATE TABLE notes (id TEXT PRIMARY KEY, text TEXT)").await;
    let plain: Vec<_> = (1..=30).map(|id| format!("('n{id}', 'note {id}')")).collect();
    T::Db::run(&world.pool, &format!("INSERT INTO notes VALUES {}", plain.join(","))).await;
    let sealed = note();
    let row = |id: &str| RowContext::new(&*world.keys, TenantId::SINGLE, RowKey::text(id).unwrap());
    let one = sealed.seal_text(&row("n31"), &"note 31".to_owned()).unwrap().into_text();
    T::Db::run(&world.pool, &format!("INSERT INTO notes VALUES ('n31', '{one}')")).await;

    let column = SealedColumn::new(note(), "notes", "text", "id", RowKeyType::Text).unwrap().text();
    let rotator = world.rotator().await.batch(10);
    let strict = rotator.rotate(&column, &world.keys).await.unwrap();
    assert_eq!((strict.done, strict.failed), (0, 30));
    let keep = column.clone().plaintext(PlaintextRows::Keep);
    let kept = rotator.rotate(&keep, &world.keys).await.unwrap();
    assert_eq!((kept.done, kept.failed), (0, 0));
    let seal = column.plaintext(PlaintextRows::Seal);
    let moved = rotator.rotate(&seal, &world.keys).await.unwrap();
    assert_eq!((moved.done, moved.failed, moved.finished), (30, 0, true));
    let select = "SELECT COUNT(*) FROM notes WHERE text LIKE 'cf1.%'";
    assert_eq!(T::Db::count(&world.pool, select).await, 31);
    assert_eq!(note().mode(FieldMode::Strict).field(), seal.field());
}

async fn the_leaves_of_documents_are_counted<T: TestDatabase<Db: Host>>(db: T) {
    let world = World::new(db).await;
    let json = if T::POSTGRES { "jsonb" } else { "TEXT" };
    let table = format!("CREATE TABLE visits (id TEXT PRIMARY KEY, notes {json})");
    T::Db::run(&world.pool, &table).await;
    let field = FieldCipher::new(FieldId::new("visits.notes").unwrap());
    let cipher =
        DocumentCipher::new(field.clone(), ["name".parse().unwrap(), "days[*]".parse().unwrap()]);
    let mut rows = Vec::new();
    for number in 0..25 {
        let id = format!("v{number}");
        let keys = if number < 10 { &world.before } else { &*world.keys };
        let row = RowContext::new(keys, TenantId::SINGLE, RowKey::text(&id).unwrap());
        let mut document = serde_json::json!({"name": "A", "days": ["x", "y"], "ward": number});
        cipher.seal(&row, &mut document).unwrap();
        rows.push(format!("('{id}', '{document}')"));
    }
    rows.push("('empty', NULL)".to_owned());
    T::Db::run(&world.pool, &format!("INSERT INTO visits VALUES {}", rows.join(","))).await;
    let column = SealedColumn::new(field.clone(), "visits", "notes", "id", RowKeyType::Text);
    let column = column.unwrap().documents();
    let rotator = world.rotator().await.batch(4);
    let census =
        rotator.census([field.field().clone()], std::slice::from_ref(&column)).await.unwrap();
    assert_eq!((census.of(world.old), census.of(world.new)), (30, 45));
    let refused = rotator.rotate(&column, &world.keys).await.unwrap_err();
    assert!(matches!(refused, RotationError::Documents), "{refused:?}");
    let nobody = SealedColumn::new(field.clone(), "visits", "text", "id", RowKeyType::Text);
    let nobody = [nobody.unwrap().documents()];
    let refused = rotator.census([field.field().clone()], &nobody).await.unwrap_err();
    assert!(matches!(refused, RotationError::NoSuchColumn(_)), "{refused:?}");
}

/// The part of a text that names the key stands at the same characters whatever the suite.
#[tokio::test]
async fn a_text_names_its_key_where_it_is_looked_for() {
    let world = World::new(test_support::sqlite()).await;
    let (tenant, id, row) = (TenantId::SINGLE, FieldId::new("f").unwrap(), RowKey::int(1).unwrap());
    for cipher in [FieldCipher::new(id.clone()), FieldCipher::new(id.clone()).padded()] {
        let place = AssociatedData::new(&tenant, &id, &row);
        let sealed = cipher.seal_bytes(&*world.keys, &place, b"value").unwrap();
        let text = to_text(&sealed);
        let head = format!("cf1.AAAA{}", &text[8..20]);
        assert_eq!(from_text(&head).unwrap()[4..], world.new.to_bytes());
        let stored = SealedText::<Vec<u8>>::from_text(text);
        assert_eq!(stored.key_id().unwrap(), world.new);
        assert_eq!(Sealed::<Vec<u8>>::from_bytes(sealed).key_id().unwrap(), world.new);
    }
}

both_databases!(
    a_blind_index_gets_another_version,
    rows_say_whose_they_are,
    plaintext_is_sealed_only_where_that_was_said,
    the_leaves_of_documents_are_counted,
);
