//! Objects under a prefix.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, path::Path};
use privacy_rights::{
    ErasureStrategy, Field, FieldValue, Link, NothingIsHeld, ObjectSource, PersonalDataSource,
    Retention, SourceDeclaration, SourceError, Storage,
};

use crate::world::{erase, keys, keys_in_pages, person, remaining, step};

fn declaration(prefix: &str) -> SourceDeclaration {
    SourceDeclaration::new("uploads", Storage::Objects { prefix: prefix.into() })
        .linked(Link::column("id", "customer_id").unwrap())
        .located("BE".parse().unwrap(), "our own data centre")
        .kept(Retention::new("a year"))
        .erased_by(ErasureStrategy::Delete)
        .field(Field::new("path", "uploads", "What you uploaded."))
}

async fn store() -> Arc<dyn ObjectStore> {
    let store = InMemory::new();
    for path in [
        "users/1/a.jpg",
        "users/1/deep/b.jpg",
        "users/1/c.jpg",
        "users/10/other.jpg",
        "users/2/other.jpg",
        "users/11",
    ] {
        store.put(&Path::from(path), PutPayload::from_static(b"bytes")).await.unwrap();
    }
    Arc::new(store)
}

fn source(store: &Arc<dyn ObjectStore>) -> ObjectSource {
    ObjectSource::new(declaration("users/{id}/"), Arc::clone(store)).unwrap()
}

#[tokio::test]
async fn one_persons_objects_and_nobody_elses() {
    let store = store().await;
    let source = source(&store);
    let ann = person("customer_id", "1");
    let all = ["users/1/a.jpg", "users/1/c.jpg", "users/1/deep/b.jpg"];
    for size in 1..5 {
        assert_eq!(keys_in_pages(&source, ann.clone(), size).await, all, "{size}");
    }
    let page = source.scan(&ann, None, 1).await.unwrap();
    assert_eq!(page.records[0].fields[1], ("bytes".to_owned(), FieldValue::Value(5.into())));
    assert!(keys(&source, person("email", "1")).await.is_empty());
    assert_eq!(source.resolve(&ann).await.unwrap(), []);

    assert_eq!(remaining(&source, &ann).await.records, 3);
    let (changed, kept) = erase(&source, &ann, &step()).await;
    assert_eq!((changed, kept.len()), (3, 0));
    assert_eq!(remaining(&source, &ann).await.records, 0);
    assert_eq!(erase(&source, &ann, &step()).await.0, 0);
    for id in ["10", "2"] {
        assert_eq!(keys(&source, person("customer_id", id)).await.len(), 1);
    }
    store.head(&Path::from("users/11")).await.unwrap();
}

#[tokio::test]
async fn batches_converge() {
    let store = store().await;
    let source = source(&store);
    let ann = person("customer_id", "1");
    let first = source.apply(&ann, &step(), &NothingIsHeld, None, 2).await.unwrap();
    assert_eq!(first.changed, 2);
    let rest = source.apply(&ann, &step(), &NothingIsHeld, first.next.as_ref(), 2).await.unwrap();
    assert_eq!((rest.changed, rest.next), (1, None));
}

#[tokio::test]
async fn names_from_hell() {
    let store = store().await;
    let source = source(&store);
    for id in ["..", ".", "1/../2", "2/", "a\\b", "1\n", "1/deep"] {
        let error = source.scan(&person("customer_id", id), None, 10).await.unwrap_err();
        assert!(matches!(error, SourceError::Identifier { .. }), "{id:?}");
        assert!(!error.to_string().contains(id) || id == ".");
        let error = source.remaining(&person("customer_id", id), &step()).await.unwrap_err();
        assert!(matches!(error, SourceError::Identifier { .. }), "{id:?}");
    }
    for id in ["*", "%", "1%2F..", "{id}"] {
        assert!(keys(&source, person("customer_id", id)).await.is_empty(), "{id}");
    }
}

#[tokio::test]
async fn prefixes_that_would_select_others() {
    let store = store().await;
    for prefix in [
        "users/{id}",
        "users/",
        "{id}x/",
        "users/u{id}/",
        "{id}/{id}/",
        "{id}/x{id}/",
        "//{id}/",
        "",
        "/",
    ] {
        assert!(ObjectSource::new(declaration(prefix), Arc::clone(&store)).is_err(), "{prefix}");
    }
    ObjectSource::new(declaration("{id}/"), store).unwrap();
}
