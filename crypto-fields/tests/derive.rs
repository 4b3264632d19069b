//! `#[derive(SealFields)]`.

#![cfg(feature = "derive")]
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use crypto_fields::{
    FieldMode, KeyGroup, KeyPolicy, Keyset, KeysetManager, LocalKey, OpenError, Purpose,
    RowContext, RowKey, SealError, SealFields, SealedField, SecretKey, SystemClock, TenantId,
};

#[derive(Debug, Clone, PartialEq, SealFields)]
#[seal(row = "UserRow", derive(Debug, Clone, PartialEq))]
struct User {
    id: i64,
    #[seal(field = "users.email", index = "email", text)]
    email: String,
    #[seal(field = "users.birth", padded)]
    birth: Option<i32>,
    #[seal(field = "users.ward", group = "health", deterministic)]
    ward: u16,
    name: String,
}

async fn keys() -> Keyset {
    let root = LocalKey::new(SecretKey::random().unwrap());
    let mut manager = KeysetManager::new(Vec::new(), KeyPolicy::DEFAULT, SystemClock);
    let health = KeyGroup::new("health").unwrap();
    for (purpose, group) in [(Purpose::Seal, KeyGroup::DEFAULT), (Purpose::Deterministic, health)] {
        manager.create(&root, &TenantId::SINGLE, purpose, &group).await.unwrap();
    }
    Keyset::load(manager.records().to_vec(), &[&root]).await.unwrap()
}

fn user() -> User {
    let (email, name) = ("alice@example.com".to_owned(), "Alice".to_owned());
    User { id: 1, email, birth: Some(1990), ward: 7, name }
}

#[tokio::test]
async fn a_row_is_sealed_and_opened_by_one_call_each() {
    let keys = keys().await;
    let row = RowContext::new(&keys, TenantId::SINGLE, RowKey::int(1).unwrap());
    let sealed: UserRow = user().seal_row(&row).unwrap();
    assert_eq!((sealed.id, &*sealed.name), (1, "Alice"));
    assert!(sealed.email.as_str().starts_with("cf1."));
    assert_eq!(sealed.birth.as_ref().unwrap().as_bytes().len(), 84 + 32);
    assert_eq!(sealed.ward, user().seal_row(&row).unwrap().ward);
    assert_eq!(sealed.open_row(&row).unwrap(), user());

    let other = RowContext::new(&keys, TenantId::SINGLE, RowKey::int(2).unwrap());
    assert_eq!(sealed.open_row(&other), Err(OpenError::Authentication));
    let unset = User { birth: None, ..user() };
    assert_eq!(unset.seal_row(&row).unwrap().birth, None);
    assert_eq!(unset.seal_row(&row).unwrap().open_row(&row).unwrap(), unset);
}

#[tokio::test]
async fn the_registry_names_every_sealed_field() {
    assert_eq!(
        User::FIELDS,
        [
            SealedField::new("users.email", "email", Some("email")),
            SealedField::new("users.birth", "birth", None),
            SealedField::new("users.ward", "ward", None),
        ]
    );
}

#[tokio::test]
async fn a_row_on_its_way_from_plaintext_says_so_in_its_context() {
    let keys = keys().await;
    let row = || RowContext::new(&keys, TenantId::SINGLE, RowKey::int(1).unwrap());
    // Numbers do not take that way.
    let refused = user().seal_row(&row().mode(FieldMode::Plain));
    assert_eq!(refused, Err(SealError::PlainNotText));
    let mut sealed = user().seal_row(&row()).unwrap();
    sealed.email = crypto_fields::SealedText::from_text("alice@example.com".to_owned());
    assert_eq!(sealed.open_row(&row()), Err(OpenError::NotSealed));
    assert_eq!(sealed.open_row(&row().mode(FieldMode::ReadBoth)).unwrap(), user());
}
