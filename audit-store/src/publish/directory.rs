//! Publishing into a directory: a mounted share, a backup volume, a repository's working tree.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use audit_core::{Origin, SignedCheckpoint};

use super::sink::{BoxFuture, CheckpointSink, Newest, SinkError, published_size, same_checkpoint};

/// Publishes into a directory: `<origin>/<size>`, and `<origin>/latest`, which only moves forward.
///
/// A checkpoint is written beside its place, flushed to disk and renamed, so that a reader sees a
/// whole one or none; two processes that publish at once take turns by a lock on `<origin>/.lock`.
/// The directory must be there already: a share that is not mounted is an error, not a new folder.
#[derive(Debug, Clone)]
pub struct DirectorySink {
    root: PathBuf,
    name: String,
}

/// The greatest file that is taken for a checkpoint.
const MAX_NOTE: u64 = 64 << 10;

impl DirectorySink {
    /// A sink in the directory `root`, named `directory:<root>`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let name = format!("directory:{}", root.display());
        Self { root, name }
    }

    /// The same with another name, for a directory whose path changes, or is longer than 200
    /// bytes.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    fn folder(&self, origin: &Origin) -> Result<PathBuf, SinkError> {
        let origin = origin.to_string();
        // A journal's name may hold dots; one that consists of them would lead elsewhere.
        if origin.split('/').any(|part| part.bytes().all(|byte| byte == b'.')) {
            return Err(SinkError::Unsupported { what: "make a path of this journal's name" });
        }
        Ok(self.root.join(origin))
    }
}

impl CheckpointSink for DirectorySink {
    fn name(&self) -> &str {
        &self.name
    }

    fn publish<'a>(
        &'a self,
        checkpoint: &'a SignedCheckpoint,
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            let folder = self.folder(&checkpoint.checkpoint().origin)?;
            let (root, checkpoint) = (self.root.clone(), checkpoint.clone());
            blocking(move || write(&root, &folder, &checkpoint)).await
        })
    }

    fn newest<'a>(&'a self, origin: &'a Origin) -> BoxFuture<'a, Result<Newest, SinkError>> {
        Box::pin(async move {
            let latest = self.folder(origin)?.join("latest");
            let root = self.root.clone();
            blocking(move || {
                if !root.is_dir() {
                    let gone = io::Error::new(ErrorKind::NotFound, "the directory is not there");
                    return Err(SinkError::unavailable(gone));
                }
                Ok(read(&latest)?.map_or(Newest::Nothing, Newest::Checkpoint))
            })
            .await
        })
    }

    fn at<'a>(
        &'a self,
        origin: &'a Origin,
        size: u64,
    ) -> BoxFuture<'a, Result<Option<String>, SinkError>> {
        Box::pin(async move {
            let place = self.folder(origin)?.join(size.to_string());
            blocking(move || read(&place)).await
        })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SinkError> + Send + 'static,
) -> Result<T, SinkError> {
    tokio::task::spawn_blocking(work).await.map_err(SinkError::unavailable)?
}

fn write(root: &Path, folder: &Path, checkpoint: &SignedCheckpoint) -> Result<(), SinkError> {
    make_folders(root, folder).map_err(SinkError::unavailable)?;
    let lock = File::create(folder.join(".lock")).map_err(SinkError::unavailable)?;
    lock.lock().map_err(SinkError::unavailable)?;

    let size = checkpoint.checkpoint().head.size;
    let place = folder.join(size.to_string());
    match read(&place)? {
        Some(published) => same_checkpoint(&place.display().to_string(), published, checkpoint)?,
        None => put(folder, &place, &checkpoint.to_string()).map_err(SinkError::unavailable)?,
    }
    let latest = folder.join("latest");
    let newer = match read(&latest)? {
        Some(published) => published_size(&latest.display().to_string(), &published)? < size,
        None => true,
    };
    if newer {
        put(folder, &latest, &checkpoint.to_string()).map_err(SinkError::unavailable)?;
    }
    // Closing the file ends the lock.
    Ok(())
}

/// Makes the folders below `root` that are missing, each flushed into its parent. Not `root`.
fn make_folders(root: &Path, folder: &Path) -> io::Result<()> {
    if folder == root || folder.is_dir() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else { return Ok(()) };
    make_folders(root, parent)?;
    match fs::create_dir(folder) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => flush_folder(parent),
    }
}

/// The text of a file, `None` where there is none.
fn read(path: &Path) -> Result<Option<String>, SinkError> {
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(MAX_NOTE).read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) if e.kind() == ErrorKind::InvalidData => {
            Err(SinkError::malformed(path.display().to_string()))
        }
        Err(e) => Err(SinkError::unavailable(e)),
    }
}

/// Puts a whole file into its place, or leaves the place as it was.
fn put(folder: &Path, place: &Path, text: &str) -> io::Result<()> {
    // Under the lock there is one writer, so one name for what is not finished does.
    let unfinished = folder.join(".new");
    let mut file = File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, place)?;
    flush_folder(folder)
}

/// Makes renamed and created names in a folder durable.
fn flush_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
