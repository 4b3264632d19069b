//! A bundle that is whole, on its way to its place.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

#[cfg(feature = "zip")]
use tempfile::NamedTempFile;
use tempfile::TempDir;

use crate::access::error::AccessError;
use crate::access::file::on_disk;
use crate::access::manifest::{BundleManifest, MANIFEST, SIGNATURE};
use crate::access::sink::BundleSink;
#[cfg(feature = "zip")]
use crate::access::sink::ZipSink;

/// A bundle that is whole and on disk, in a directory that only its maker can read, and that goes
/// when it is dropped.
///
/// Between this and its place is where a host checks again that it may still be handed out: an
/// erasure that ran meanwhile must not find its data again in a bundle that is finished after it.
/// `Desk::publish_zip` and `Desk::publish_directory` do that, in the same transaction that registers the
/// bundle.
pub struct FinishedBundle {
    work: TempDir,
    manifest: BundleManifest,
}

impl FinishedBundle {
    pub(super) const fn new(work: TempDir, manifest: BundleManifest) -> Self {
        Self { work, manifest }
    }

    /// What it holds.
    #[must_use]
    pub const fn manifest(&self) -> &BundleManifest {
        &self.manifest
    }

    /// Where it is until it is in its place.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.work.path()
    }

    /// Moves it to `place`, a directory to be on the same file system.
    ///
    /// # Errors
    ///
    /// [`AccessError::AlreadyExists`], [`AccessError::Io`]; then nothing is left of it.
    pub async fn into_directory(
        self,
        place: impl AsRef<Path> + Send,
    ) -> Result<BundleManifest, AccessError> {
        let place = place.as_ref().to_owned();
        let Self { work, manifest } = self;
        let to = place.clone();
        let moved = on_disk(move || {
            if to.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(work.path(), &to)?;
            // It is not there any more to be removed.
            let _moved = work.keep();
            flush_parent(&to)
        });
        moved.await.map_err(|error| refused(error, place))?;
        Ok(manifest)
    }

    /// Copies it into a sink, on the calling thread: the manifest, its signature, then the files in
    /// the order of the manifest. The bundle itself stays.
    ///
    /// # Errors
    ///
    /// [`AccessError::Io`]; then the sink is not finished.
    pub fn copy_into(&self, sink: &mut dyn BundleSink) -> Result<(), AccessError> {
        Ok(copy(self.work.path(), &self.manifest, sink)?)
    }

    /// Packs it into a new zip archive. The same bundle makes the same bytes.
    ///
    /// # Errors
    ///
    /// [`AccessError::AlreadyExists`], [`AccessError::Io`]; then nothing is left of it.
    #[cfg(feature = "zip")]
    pub async fn into_zip(
        self,
        file: impl AsRef<Path> + Send,
    ) -> Result<BundleManifest, AccessError> {
        let place = file.as_ref().to_owned();
        let to = place.clone();
        let packed = on_disk(move || {
            if to.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
            let file = NamedTempFile::new_in(parent.unwrap_or(Path::new(".")))?;
            let out = io::BufWriter::with_capacity(256 << 10, file.as_file());
            copy(self.work.path(), &self.manifest, &mut ZipSink::new(out))?;
            file.as_file().sync_all()?;
            file.persist_noclobber(&to).map_err(|error| error.error)?;
            flush_parent(&to)?;
            Ok(self.manifest)
        });
        packed.await.map_err(|error| refused(error, place))
    }
}

impl fmt::Debug for FinishedBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FinishedBundle").field("id", &self.manifest.id).finish_non_exhaustive()
    }
}

fn refused(error: io::Error, path: PathBuf) -> AccessError {
    if error.kind() == io::ErrorKind::AlreadyExists {
        AccessError::AlreadyExists { path }
    } else {
        AccessError::Io(error)
    }
}

fn copy(folder: &Path, manifest: &BundleManifest, sink: &mut dyn BundleSink) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    let files = manifest.files.iter().map(|file| file.path.as_str());
    for path in [MANIFEST, SIGNATURE].into_iter().chain(files) {
        let mut file = File::open(folder.join(path))?;
        sink.begin(path)?;
        loop {
            let read = file.read(&mut buffer)?;
            match buffer.get(..read) {
                None | Some([]) => break,
                Some(piece) => sink.write(piece)?,
            }
        }
    }
    sink.finish()
}

fn flush_parent(place: &Path) -> io::Result<()> {
    match place.parent() {
        Some(parent) if cfg!(unix) && !parent.as_os_str().is_empty() => {
            File::open(parent)?.sync_all()
        }
        _ => Ok(()),
    }
}
