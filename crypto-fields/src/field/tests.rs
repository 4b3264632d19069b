use super::*;
use crate::associated_data::names::{SubjectId, TenantId};
use crate::associated_data::row_key::RowKey;
use crate::clock::SystemClock;
use crate::keyset::Keyset;
use crate::keyset::manager::{KeyPolicy, KeysetManager};
use crate::secret::SecretKey;
use crate::wrap::local::LocalKey;

fn tenant(name: &'static str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn row(keys: &Keyset, key: i64) -> RowContext<'_> {
    RowContext::new(keys, tenant("acme"), RowKey::int(key).unwrap())
}

fn email() -> FieldCipher {
    FieldCipher::new(FieldId::new("users.email").unwrap())
}

/// Two tenants with keys of both kinds.
async fn keys() -> Keyset {
    let root = LocalKey::new(SecretKey::random().unwrap());
    let policy = KeyPolicy::new(std::time::Duration::ZERO, std::time::Duration::ZERO);
    let mut manager = KeysetManager::new(Vec::new(), policy, SystemClock);
    for tenant in [tenant("acme"), tenant("umbrella")] {
        for purpose in [Purpose::Seal, Purpose::Deterministic] {
            manager.create(&root, &tenant, purpose, &KeyGroup::DEFAULT).await.unwrap();
        }
    }
    Keyset::load(manager.records().to_vec(), &[&root]).await.unwrap()
}

#[tokio::test]
async fn a_value_moved_anywhere_does_not_open() {
    let keys = keys().await;
    let here = row(&keys, 1);
    let value = "alice@example.com".to_owned();
    for field in [
        email(),
        email().padded(),
        email().cipher(Cipher::XChaCha20Poly1305),
        email().deterministic(),
    ] {
        let stored = field.seal(&here, &value).unwrap();
        assert_eq!(field.open(&here, &stored).unwrap(), value);

        let other_row = row(&keys, 2);
        assert_eq!(field.open(&other_row, &stored), Err(OpenError::Authentication));
        let mut other_column = field.clone();
        other_column.field = FieldId::new("users.phone").unwrap();
        assert_eq!(other_column.open(&here, &stored), Err(OpenError::Authentication));
        let other_tenant = RowContext::new(&keys, tenant("umbrella"), RowKey::int(1).unwrap());
        let key = stored.key_id().unwrap();
        assert_eq!(field.open(&other_tenant, &stored), Err(OpenError::UnknownKey { key }));
        let subject = row(&keys, 1).subject(SubjectId::new("s").unwrap());
        assert_eq!(field.open(&subject, &stored), Err(OpenError::Authentication));
        let more = row(&keys, 1).with("region", b"eu").unwrap();
        assert_eq!(field.open(&more, &stored), Err(OpenError::Authentication));
        let stored = field.seal(&more, &value).unwrap();
        assert_eq!(field.open(&more, &stored).unwrap(), value);
    }
}

#[tokio::test]
async fn text_and_bytes_are_the_same_ciphertext() {
    let keys = keys().await;
    let here = row(&keys, 1);
    let text = email().seal_text(&here, &"alice".to_owned()).unwrap();
    assert_eq!(email().open_text(&here, &text).unwrap(), "alice");
    let bytes = Sealed::<String>::from_bytes(ciphertext::from_text(text.as_str()).unwrap());
    assert_eq!(email().open(&here, &bytes).unwrap(), "alice");
}

#[tokio::test]
async fn a_field_opens_only_the_suites_that_it_admits() {
    let keys = keys().await;
    let here = row(&keys, 1);
    let value = "alice".to_owned();
    let chacha = email().cipher(Cipher::XChaCha20Poly1305).seal(&here, &value).unwrap();
    let siv = email().deterministic().seal(&here, &value).unwrap();
    let only = email().accept(&[Suite::Aes256Gcm]);
    let refused = only.open(&here, &chacha).unwrap_err();
    assert_eq!(refused, OpenError::SuiteNotAllowed(Suite::XChaCha20Poly1305));
    let refused = email().open(&here, &siv).unwrap_err();
    assert_eq!(refused, OpenError::SuiteNotAllowed(Suite::Aes256Siv));
    // A header edited down to the suite without a commitment leads to a key of another purpose.
    let mut edited = email().seal(&here, &value).unwrap().into_bytes();
    edited[2] = 3;
    let refused = email().deterministic().open(&here, &Sealed::<String>::from_bytes(edited));
    assert!(matches!(refused, Err(OpenError::Key(_))));
    // Changing the kind of a field reads what was there, if told so.
    let changing = email().accept(&[Suite::Aes256Gcm, Suite::Aes256Siv]);
    assert_eq!(changing.open(&here, &siv).unwrap(), value);
}

#[tokio::test]
async fn plaintext_is_sealed_step_by_step_and_refused_in_the_end() {
    let keys = keys().await;
    let here = row(&keys, 1);
    let value = "alice".to_owned();
    let (plain, both) = (email().mode(FieldMode::Plain), email().mode(FieldMode::ReadBoth));
    let (old, old_text) =
        (plain.seal(&here, &value).unwrap(), plain.seal_text(&here, &value).unwrap());
    assert_eq!((old.as_bytes(), old_text.as_str()), (&b"alice"[..], "alice"));
    let (new, new_text) =
        (both.seal(&here, &value).unwrap(), both.seal_text(&here, &value).unwrap());
    assert!(new.key_id().is_ok() && new_text.as_str().starts_with("cf1."));
    // Both steps read both, so that processes of both steps may run side by side.
    for field in [&plain, &both] {
        for (bytes, text) in [(&old, &old_text), (&new, &new_text)] {
            assert_eq!(field.open(&here, bytes).unwrap(), value);
            assert_eq!(field.open_text(&here, text).unwrap(), value);
        }
    }
    assert_eq!(email().open(&here, &old), Err(OpenError::NotSealed));
    assert_eq!(email().open_text(&here, &old_text), Err(OpenError::NotSealed));
    assert_eq!(email().open(&here, &new).unwrap(), value);
    // What is meant to be a ciphertext is never taken for plaintext.
    let damaged = Sealed::<String>::from_bytes(vec![0xC1, 1, 1]);
    assert!(matches!(both.open(&here, &damaged), Err(OpenError::Malformed(_))));
    let damaged = SealedText::<String>::from_text("cf1.!".into());
    assert!(matches!(both.open_text(&here, &damaged), Err(OpenError::Malformed(_))));
    // Numbers could begin like a ciphertext: they do not take the way.
    assert_eq!(plain.seal(&here, &1_i64), Err(SealError::PlainNotText));
    let number = Sealed::<i64>::from_bytes(1_i64.to_be_bytes().to_vec());
    assert_eq!(both.open(&here, &number), Err(OpenError::NotSealed));
}

#[tokio::test]
async fn what_is_to_be_sealed_anew_is_told() {
    let keys = keys().await;
    let here = row(&keys, 1);
    let stored = email().seal(&here, &"alice".to_owned()).unwrap();
    assert!(!email().needs_resealing(&here, &stored));
    assert!(email().accept(&[Suite::XChaCha20Poly1305]).needs_resealing(&here, &stored));
    assert!(email().needs_resealing(&here, &Sealed::<String>::from_bytes(b"alice".to_vec())));
    let other = self::keys().await;
    assert!(email().needs_resealing(&row(&other, 1), &stored));
}

#[tokio::test]
async fn a_value_of_another_type_is_refused() {
    let keys = keys().await;
    let here = row(&keys, 1);
    let stored = email().seal(&here, &"alice".to_owned()).unwrap().into_bytes();
    let refused = email().open(&here, &Sealed::<i64>::from_bytes(stored));
    assert_eq!(refused, Err(OpenError::Value));
}
