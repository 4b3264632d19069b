//! Where a bundle goes: a directory, an archive, a host's own place.

use std::fs;
use std::io::{self, Read as _};

use privacy_rights::{AccessError, BundleProgress, BundleSink, ZipSink, verify_bundle};
use uuid::Uuid;

use crate::world::{at, files, key, keys, made, shop};

#[tokio::test]
async fn a_directory_appears_when_it_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("bundle");
    let shop = shop();
    let watch = |_: &BundleProgress| assert!(!place.exists());
    shop.bundle().progress(watch).write_directory(&place, &key()).await.unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    verify_bundle(&place, &keys()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test]
async fn two_runs_of_the_same_state_give_the_same_bytes() {
    let shop = shop();
    let one = made(shop.bundle()).await;
    assert_eq!(one.files(), made(shop.bundle()).await.files());
    // Another id and time change what carries them, and no data.
    let (id, later) = (Uuid::from_u128(8), at() + chrono::TimeDelta::days(1));
    let other =
        privacy_rights::AccessBundle::access(&shop.map, &shop.person, &shop.notice, id, later)
            .source(&shop.customers)
            .source(&shop.invoices)
            .source(&shop.lines);
    let (one, other) = (one.files(), made(other).await.files());
    let differ: Vec<_> = one.iter().filter(|(path, bytes)| other[*path] != **bytes).collect();
    let differ: Vec<&str> = differ.into_iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(differ, ["index.html", "manifest.json", "manifest.sig"]);
}

#[tokio::test]
async fn an_archive_holds_the_same_files_and_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop();
    let places = ["one.zip", "two.zip"].map(|name| folder.path().join(name));
    for place in &places {
        shop.bundle().write_zip(place, &key()).await.unwrap();
    }
    assert_eq!(fs::read(&places[0]).unwrap(), fs::read(&places[1]).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let mut zip = zip::ZipArchive::new(fs::File::open(&places[0]).unwrap()).unwrap();
    assert_eq!(zip.by_index(0).unwrap().name().unwrap(), "manifest.json");
    let expected = made(shop.bundle()).await.files();
    assert_eq!(zip.len(), expected.len());
    for (path, bytes) in expected {
        let (mut member, mut found) = (zip.by_name(&path).unwrap(), Vec::new());
        assert!(member.enclosed_name().is_some());
        member.read_to_end(&mut found).unwrap();
        assert_eq!(found, bytes, "{path}");
    }
    // Unpacked it verifies like the directory.
    let unpacked = folder.path().join("unpacked");
    zip.extract(&unpacked).unwrap();
    verify_bundle(&unpacked, &keys()).unwrap();
}

#[tokio::test]
async fn what_is_there_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop();
    for made in ["file", "folder"] {
        let place = folder.path().join(made);
        if made == "file" {
            fs::write(&place, b"mine").unwrap();
        } else {
            fs::create_dir(&place).unwrap();
        }
        let error = shop.bundle().write_directory(&place, &key()).await.unwrap_err();
        assert!(matches!(&error, AccessError::AlreadyExists { path, .. } if *path == place));
        let error = shop.bundle().write_zip(&place, &key()).await.unwrap_err();
        assert!(matches!(&error, AccessError::AlreadyExists { path, .. } if *path == place));
        // Also where it came while the bundle was made.
        let finished = || async { shop.bundle().make(folder.path(), &key()).await.unwrap() };
        let error = finished().await.into_directory(&place).await.unwrap_err();
        assert!(matches!(error, AccessError::AlreadyExists { .. }));
        let error = finished().await.into_zip(&place).await.unwrap_err();
        assert!(matches!(error, AccessError::AlreadyExists { .. }));
    }
    assert_eq!(files(folder.path()), [("file".to_owned(), b"mine".to_vec())].into());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

/// An erasure that began meanwhile finds nothing: what is finished and not put into its place goes.
#[tokio::test]
async fn a_finished_bundle_that_nobody_may_have_any_more_goes() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop();
    let finished = shop.bundle().make(folder.path(), &key()).await.unwrap();
    verify_bundle(finished.path(), &keys()).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    drop(finished);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Takes so many bytes.
struct Small(usize);

impl BundleSink for Small {
    fn begin(&mut self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        panic!("there is nothing to finish")
    }
}

#[tokio::test]
async fn a_place_of_the_hosts_own() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop();
    let finished = shop.bundle().make(folder.path(), &key()).await.unwrap();
    let error = finished.copy_into(&mut Small(1000)).unwrap_err();
    assert!(matches!(error, AccessError::Io(error) if error.kind() == io::ErrorKind::StorageFull));
    // It is still there, and goes into an archive that is made as it is sent.
    let mut bytes = Vec::new();
    let mut sink = ZipSink::new(&mut bytes);
    finished.copy_into(&mut sink).unwrap();
    assert!(sink.begin("more").is_err());
    drop(sink);
    let place = folder.path().join("x.zip");
    finished.into_zip(&place).await.unwrap();
    assert_eq!(fs::read(&place).unwrap(), bytes);
}

#[tokio::test]
async fn a_place_that_is_not_there() {
    let shop = shop();
    let error = shop.bundle().write_directory("/nowhere/at/all", &key()).await.unwrap_err();
    assert!(matches!(error, AccessError::Io(_)));
}
