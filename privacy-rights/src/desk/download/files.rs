//! The folders of bundles: one for each, under its id, within that of the tenant.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::access::file::on_disk;
use crate::access::name::stem;

/// The folder of a tenant's bundles.
pub(super) fn of_tenant(folder: &Path, tenant: &str) -> PathBuf {
    folder.join(stem(tenant))
}

/// Makes the folder of a bundle, readable by nobody else.
pub(super) async fn make(place: &Path) -> io::Result<()> {
    let place = place.to_owned();
    on_disk(move || {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(place)
    })
    .await
}

/// Whether that is there and is what it is to be. What links to elsewhere is not: nothing here was
/// made as a link.
pub(super) async fn is_there(path: &Path, is: fn(&fs::Metadata) -> bool) -> io::Result<bool> {
    let path = path.to_owned();
    on_disk(move || match fs::symlink_metadata(path) {
        Ok(found) => Ok(is(&found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    })
    .await
}

/// Removes the folder of a bundle with everything in it. It may not be there; an export that still
/// writes to it loses that.
pub(super) async fn remove(place: &Path) -> io::Result<()> {
    let place = place.to_owned();
    on_disk(move || {
        // Out of the way first: what still writes there does not find it, nor write to it.
        let gone = going(&place);
        remove_all(&gone)?;
        match fs::rename(&place, &gone) {
            Ok(()) => remove_all(&gone)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        flush_parent(&place)
    })
    .await
}

/// What a folder is called while it is removed.
fn going(place: &Path) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!(".{name}{GOING}"))
}

const GOING: &str = ".going";

fn remove_all(folder: &Path) -> io::Result<()> {
    for _again in 0..8 {
        match fs::remove_dir_all(folder) {
            Ok(()) => {}
            // Somebody else removes the same, or a file was just being made in it.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty
                ) => {}
            Err(error) => return Err(error),
        }
        if !folder.try_exists()? {
            return Ok(());
        }
    }
    Err(io::ErrorKind::DirectoryNotEmpty.into())
}

/// The ids of all bundles that have a folder. What is none of a bundle's is nobody's business.
pub(super) async fn all(folder: &Path) -> io::Result<Vec<Uuid>> {
    let folder = folder.to_owned();
    on_disk(move || {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let name = name.to_str().unwrap_or_default();
            let going = name.strip_prefix('.').and_then(|name| name.strip_suffix(GOING));
            ids.extend(Uuid::parse_str(going.unwrap_or(name)));
        }
        Ok(ids)
    })
    .await
}

/// A removal that is not on disk yet may come back with the next power cut.
fn flush_parent(place: &Path) -> io::Result<()> {
    match place.parent() {
        Some(parent) if cfg!(unix) && parent.try_exists()? => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}
