//! Files that belong to records.

use std::sync::Arc;

use futures_util::stream;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, path::Path};
use privacy_rights::{
    AccessBundle, AccessError, AccessNotice, BoxFuture, DataMap, ErasureStrategy, Field,
    FileContent, FileContents, Link, ObjectSource, Record, Retention, Selection, SourceDeclaration,
    SourceError, Storage, verify_bundle,
};
use serde_json::{Value, json};

use crate::support::{belgium, empty_map};
use crate::world::{Rows, ann, at, id, key, keys, made, notice, value};

fn uploads() -> SourceDeclaration {
    SourceDeclaration::new("uploads", Storage::Objects { prefix: "users/{id}/".into() })
        .linked(Link::column("id", "customer_id").unwrap())
        .located(belgium(), "our own data centre")
        .purpose("sale")
        .kept(Retention::new("a year"))
        .erased_by(ErasureStrategy::Delete)
        .field(Field::new("path", "uploads", "What you uploaded."))
        .field(Field::new("bytes", "uploads", "How long it is."))
        .field(Field::new("modified", "uploads", "When you uploaded it."))
}

struct World {
    map: DataMap,
    person: Selection,
    notice: AccessNotice,
}

impl World {
    fn new() -> Self {
        let map = empty_map().source(uploads()).build().unwrap();
        Self { map, person: ann(), notice: notice() }
    }

    fn bundle(&self) -> AccessBundle<'_> {
        AccessBundle::access(&self.map, &self.person, &self.notice, id(), at())
    }
}

const OWN: [&str; 4] =
    ["users/1/<script>.html", "users/1/a.JPG", "users/1/con", "users/1/deep/../x.pdf"];

/// A store that holds files of two people, and a source over it.
async fn stored() -> (Arc<dyn ObjectStore>, ObjectSource) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for path in OWN.into_iter().chain(["users/10/other.jpg"]) {
        let bytes = PutPayload::from(format!("the bytes of {path}"));
        store.put(&Path::from(path), bytes).await.unwrap();
    }
    let source = ObjectSource::new(uploads(), Arc::clone(&store)).unwrap();
    (store, source)
}

#[tokio::test]
async fn files_and_not_links() {
    let world = World::new();
    let (_store, source) = stored().await;
    let made = made(world.bundle().source(&source).files("uploads", &source)).await;
    let files = made.files();
    let paths: Vec<&String> = files.keys().filter(|path| path.starts_with("files/")).collect();
    // Named by number; what could run has no ending that would make it.
    assert_eq!(
        paths,
        [
            "files/uploads/0000001.bin",
            "files/uploads/0000002.jpg",
            "files/uploads/0000003.bin",
            "files/uploads/0000004.pdf",
        ]
    );
    let records = made.json("data/uploads.json");
    for record in records.as_array().unwrap() {
        let bytes = &files[record["$file"].as_str().unwrap()];
        let expected = format!("the bytes of {}", record["$key"].as_str().unwrap());
        let decoded = expected.replace("%3C", "<").replace("%3E", ">").replace("%2E", ".");
        assert_eq!(String::from_utf8_lossy(bytes), decoded);
    }
    assert_eq!(records.as_array().unwrap().len(), 4);
    assert_eq!(made.holding("users/10"), [""; 0]);
    let listed = made.manifest.files.iter().find(|file| file.path.ends_with(".jpg")).unwrap();
    assert_eq!((listed.source.as_deref(), listed.bytes), (Some("uploads"), 26));
    assert!(made.text("data/uploads.csv").contains("files/uploads/0000002.jpg"));
    assert!(made.text("index.html").contains("4 records, 4 files"));
    verify_bundle(&made.place, &keys()).unwrap();
}

async fn error(bundle: AccessBundle<'_>) -> AccessError {
    let folder = tempfile::tempdir().unwrap();
    let error = bundle.write_directory(folder.path().join("x"), &key()).await.unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    error
}

#[tokio::test]
async fn files_are_given_or_their_absence_is_explained() {
    let world = World::new();
    let (_store, source) = stored().await;
    let refused = error(world.bundle().source(&source)).await;
    let expected = "the files of the source \"uploads\" are neither given nor explained";
    assert_eq!(refused.to_string(), expected);
    let made = made(world.bundle().source(&source).explain("uploads", "They come by post.")).await;
    assert_eq!(made.manifest.explained[0].reason, "They come by post.");
    assert_eq!(made.json("data/uploads.json").as_array().unwrap().len(), 4);
}

/// What is said of the file of each record.
struct Contents(fn(&Record) -> FileContent<'static>);

impl FileContents for Contents {
    fn open<'a>(
        &'a self,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<FileContent<'a>, SourceError>> {
        let content = (self.0)(record);
        Box::pin(async move { Ok(content) })
    }
}

fn rows(count: u64) -> Rows {
    Rows::new(uploads(), count, |n| {
        ["path", "bytes", "modified"].map(|field| (field, value(n))).to_vec()
    })
}

fn pieces(pieces: Vec<Result<Vec<u8>, SourceError>>) -> FileContent<'static> {
    FileContent::Bytes(Box::pin(stream::iter(pieces)))
}

#[tokio::test]
async fn a_missing_file_is_explained_or_there_is_no_bundle() {
    let world = World::new();
    let rows = rows(3);
    let contents = Contents(|record| match record.key.as_str() {
        "0" => pieces(vec![Ok(b"abc".to_vec()), Ok(b"def".to_vec())]),
        "1" => FileContent::Missing,
        _ => FileContent::None,
    });
    let bundle = || world.bundle().source(&rows).files("uploads", &contents);
    let refused = error(bundle()).await;
    let expected = "the file of record 2 of the source \"uploads\" is missing";
    assert_eq!(refused.to_string(), expected);
    let nothing = |_: &str, _: &str| None;
    assert!(matches!(
        error(bundle().explain_missing(nothing)).await,
        AccessError::MissingFile { .. }
    ));

    let lost = |source: &str, key: &str| Some(format!("{source} {key} was lost in a fire"));
    let made = made(bundle().explain_missing(lost)).await;
    let explained = &made.manifest.explained[0];
    assert_eq!(explained.record.as_deref(), Some("1"));
    assert_eq!(explained.reason, "uploads 1 was lost in a fire");
    let records = made.json("data/uploads.json");
    let files: Vec<&Value> = records.as_array().unwrap().iter().map(|one| &one["$file"]).collect();
    let missing = json!({ "$missing": "uploads 1 was lost in a fire" });
    assert_eq!(files, [&json!("files/uploads/0000001.bin"), &missing, &Value::Null]);
    assert_eq!(made.text("files/uploads/0000001.bin"), "abcdef");
    assert!(made.text("index.html").contains("uploads 1 was lost in a fire"));
}

#[tokio::test]
async fn a_file_that_breaks_off() {
    let world = World::new();
    let rows = rows(1);
    let contents = Contents(|_| {
        pieces(vec![Ok(vec![7; 1000]), Err(SourceError::Unavailable("the line is cut".into()))])
    });
    let refused = error(world.bundle().source(&rows).files("uploads", &contents)).await;
    assert!(matches!(refused, AccessError::Source { .. }));
}
