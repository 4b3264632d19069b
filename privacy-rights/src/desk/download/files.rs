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

pub(super) async fn is_there(path: &Path) -> io::Result<bool> {
    let path = path.to_owned();
    on_disk(move || path.try_exists()).await
}

/// Removes the folder of a bundle with everything in it. It may not be there; an export that still
/// writes to it loses that.
pub(super) async fn remove(place: &Path) -> io::Result<()> {
    let place = place.to_owned();
    on_disk(move || {
        for _again in 0..8 {
            match fs::remove_dir_all(&place) {
                Ok(()) => return flush_parent(&place),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                // Something was written to it just now.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::DirectoryNotEmpty.into())
    })
    .await
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
            ids.extend(name.to_str().and_then(|name| Uuid::parse_str(name).ok()));
        }
        Ok(ids)
    })
    .await
}

/// A removal that is not on disk yet may come back with the next power cut.
fn flush_parent(place: &Path) -> io::Result<()> {
    match place.parent() {
        Some(parent) if cfg!(unix) => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}
