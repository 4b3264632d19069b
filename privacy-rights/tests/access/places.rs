use std::io::Read as _;

use privacy_rights::{BundleSink, DirectorySink, ZipSink};

use crate::{bundle, given, key, shop, written};

#[tokio::test]
async fn a_directory_appears_when_it_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("bundle");
    let (map, sources) = shop();
    let mut sink = DirectorySink::create(&place).unwrap();
    let there = || std::fs::read_dir(folder.path()).unwrap().count();
    let watch = |_: &str, _: u64| assert!(!place.exists());
    bundle(&map).write(&given(&sources), &key(), &mut sink, watch).await.unwrap();
    drop(sink);
    assert_eq!(there(), 1);
    for (path, bytes) in written(&map, &sources).await.files {
        assert_eq!(std::fs::read(place.join(&path)).unwrap(), bytes, "{path}");
    }
    // Nothing is written over it.
    let error = DirectorySink::create(&place).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
}

#[test]
fn what_is_not_finished_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("bundle");
    let mut sink = DirectorySink::create(&place).unwrap();
    sink.begin("data/x.json").unwrap();
    sink.write(b"[]").unwrap();
    assert!(sink.begin("data/x.json").is_err());
    drop(sink);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // Somebody else was faster.
    let mut sink = DirectorySink::create(&place).unwrap();
    sink.begin("x").unwrap();
    std::fs::create_dir(&place).unwrap();
    assert!(sink.finish().is_err());
    drop(sink);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn an_archive_holds_the_same_files() {
    let (map, sources) = shop();
    let archive = async || {
        let file = tempfile::tempfile().unwrap();
        let mut sink = ZipSink::new(file.try_clone().unwrap());
        bundle(&map).write(&given(&sources), &key(), &mut sink, |_, _| {}).await.unwrap();
        assert!(sink.begin("more").is_err());
        file
    };
    let mut zip = zip::ZipArchive::new(archive().await).unwrap();
    let files = written(&map, &sources).await.files;
    assert_eq!(zip.len(), files.len());
    for (path, bytes) in files {
        let mut found = Vec::new();
        let mut member = zip.by_name(&path).unwrap();
        assert!(member.enclosed_name().is_some());
        member.read_to_end(&mut found).unwrap();
        assert_eq!(found, bytes, "{path}");
    }
    let bytes = async || {
        use std::io::Seek as _;
        let (mut file, mut bytes) = (archive().await, Vec::new());
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    };
    assert_eq!(bytes().await, bytes().await);
}
