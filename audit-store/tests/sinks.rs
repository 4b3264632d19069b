//! What every sink promises: idempotent, first one wins, `latest` only forward.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::sync::Arc;

use audit_core::{Checkpoint, CompactRange, LeafHash, Origin, SignedCheckpoint, SigningKey};
use audit_store::{CheckpointSink, DirectorySink, Newest, ObjectStoreSink, SinkError};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};

const NAME: &str = "audit.example.com";

fn origin(chain: &str) -> Origin {
    format!("{NAME}/{chain}/1").parse().unwrap()
}

/// A checkpoint of `size` entries that begin with `first`.
fn checkpoint(key: &SigningKey, origin: &Origin, first: &str, size: u64) -> SignedCheckpoint {
    let mut range = CompactRange::default();
    range.push(LeafHash::of(first.as_bytes()));
    (1..size).for_each(|n| range.push(LeafHash::of(&n.to_be_bytes())));
    Checkpoint::new(origin.clone(), range.head()).sign(key).unwrap()
}

async fn newest(sink: &dyn CheckpointSink, origin: &Origin) -> u64 {
    match sink.newest(origin).await.unwrap() {
        Newest::Checkpoint(note) => SignedCheckpoint::parse(&note).unwrap().checkpoint().head.size,
        Newest::Nothing => 0,
        other => panic!("{other:?}"),
    }
}

async fn keeps_its_promises(sink: &dyn CheckpointSink) {
    let key = SigningKey::generate(NAME).unwrap();
    let (acme, other) = (origin("acme/default"), origin("other/default"));
    let at = |size| checkpoint(&key, &acme, "a", size);

    assert_eq!(newest(sink, &acme).await, 0);
    sink.publish(&at(5)).await.unwrap();
    assert_eq!(newest(sink, &acme).await, 5);
    assert_eq!(sink.newest(&acme).await.unwrap(), Newest::Checkpoint(at(5).to_string()));
    // Again, and an older one that was left over: neither is an error, neither moves `latest` back.
    sink.publish(&at(9)).await.unwrap();
    sink.publish(&at(5)).await.unwrap();
    sink.publish(&at(7)).await.unwrap();
    assert_eq!(newest(sink, &acme).await, 9);
    // Another chain has a place of its own.
    assert_eq!(newest(sink, &other).await, 0);
    sink.publish(&checkpoint(&key, &other, "a", 3)).await.unwrap();
    assert_eq!((newest(sink, &acme).await, newest(sink, &other).await), (9, 3));
    // A second history of the same origin and size is refused, and the first one is the evidence.
    match sink.publish(&checkpoint(&key, &acme, "b", 7)).await {
        Err(SinkError::Conflict { origin, size, published, .. }) => {
            assert_eq!((origin, size), (acme.clone(), 7));
            assert_eq!(published, at(7).to_string());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(newest(sink, &acme).await, 9);
}

/// Whichever of several publishers comes last, `latest` is the greatest.
async fn moves_forward_under_contention<S: CheckpointSink + Clone + 'static>(sink: S) {
    let key = Arc::new(SigningKey::generate(NAME).unwrap());
    let origin = origin("acme/busy");
    let tasks: Vec<_> = (1..=8_u64)
        .map(|task| {
            let (sink, key, origin) = (sink.clone(), Arc::clone(&key), origin.clone());
            tokio::spawn(async move {
                for round in 0..6 {
                    sink.publish(&checkpoint(&key, &origin, "a", 8 * round + task)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(newest(&sink, &origin).await, 48);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory() {
    let root = tempfile::tempdir().unwrap();
    let sink = DirectorySink::new(root.path());
    keeps_its_promises(&sink).await;
    moves_forward_under_contention(sink).await;
    let folder = root.path().join("audit.example.com/acme/default/1");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, [".lock", "5", "7", "9", "latest"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_store() {
    let store = Arc::new(InMemory::new());
    let shared: Arc<dyn ObjectStore> = store.clone();
    let sink = ObjectStoreSink::new(shared, "audit/checkpoints");
    keeps_its_promises(&sink).await;
    moves_forward_under_contention(sink).await;
    let place = "audit/checkpoints/audit.example.com/acme/default/1/9";
    store.head(&place.into()).await.unwrap();
}

#[tokio::test]
async fn a_store_without_conditions_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let store = object_store::local::LocalFileSystem::new_with_prefix(root.path()).unwrap();
    let sink = ObjectStoreSink::new(Arc::new(store), "");
    let key = SigningKey::generate(NAME).unwrap();
    let origin = origin("acme/default");
    sink.publish(&checkpoint(&key, &origin, "a", 1)).await.unwrap();
    let second = sink.publish(&checkpoint(&key, &origin, "a", 2)).await;
    assert!(matches!(second, Err(SinkError::Unsupported { .. })), "{second:?}");
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_not_made() {
    let root = tempfile::tempdir().unwrap();
    let gone = root.path().join("not-mounted");
    let sink = DirectorySink::new(&gone);
    let key = SigningKey::generate(NAME).unwrap();
    let origin = origin("acme/default");
    let published = sink.publish(&checkpoint(&key, &origin, "a", 1)).await;
    assert!(matches!(published, Err(SinkError::Unavailable(_))), "{published:?}");
    assert!(matches!(sink.newest(&origin).await, Err(SinkError::Unavailable(_))));
    assert!(!gone.exists());
}

#[tokio::test]
async fn a_name_of_dots_leads_nowhere() {
    let root = tempfile::tempdir().unwrap();
    let inside = root.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let sink = DirectorySink::new(&inside);
    let key = SigningKey::generate("a/../../b").unwrap();
    let origin: Origin = "a/../../b/acme/default/1".parse().unwrap();
    let published = sink.publish(&checkpoint(&key, &origin, "a", 1)).await;
    assert!(matches!(published, Err(SinkError::Unsupported { .. })), "{published:?}");
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn what_is_no_checkpoint_is_not_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let sink = DirectorySink::new(root.path());
    let key = SigningKey::generate(NAME).unwrap();
    let origin = origin("acme/default");
    sink.publish(&checkpoint(&key, &origin, "a", 1)).await.unwrap();
    let folder = root.path().join(origin.to_string());
    let spoil = |name: &str, bytes: &[u8]| std::fs::write(Path::new(&folder).join(name), bytes);
    spoil("2", b"not a note").unwrap();
    let published = sink.publish(&checkpoint(&key, &origin, "a", 2)).await;
    assert!(matches!(published, Err(SinkError::Malformed { .. })), "{published:?}");
    spoil("latest", b"\xff\xfe").unwrap();
    let published = sink.publish(&checkpoint(&key, &origin, "a", 3)).await;
    assert!(matches!(published, Err(SinkError::Malformed { .. })), "{published:?}");
    assert_eq!(std::fs::read(folder.join("latest")).unwrap(), b"\xff\xfe");
}
