//! Publishing into an object store.

use std::sync::Arc;

use audit_core::{Origin, SignedCheckpoint};
use object_store::path::Path;
use object_store::{
    Error as StoreError, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, UpdateVersion,
};

use super::sink::{BoxFuture, CheckpointSink, Newest, SinkError, published_size, same_checkpoint};

/// Publishes into an object store: `<prefix>/<origin>/<size>`, and `<prefix>/<origin>/latest`,
/// which only moves forward.
///
/// `<size>` is only ever created, never replaced, so a bucket with a write-once lock on it takes
/// it; `latest` is replaced conditionally, on the version that was read. A store that cannot put
/// conditionally is refused at the first publication ([`SinkError::Unsupported`]).
#[derive(Debug, Clone)]
pub struct ObjectStoreSink {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    name: String,
}

/// The greatest object that is taken for a checkpoint.
const MAX_NOTE: u64 = 64 << 10;
/// How often another publisher may be faster before `latest` is left for the next time.
const ATTEMPTS: usize = 16;

impl ObjectStoreSink {
    /// A sink in `store` below `prefix`, which may be empty, named `objects:<prefix>`.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self { store, prefix: Path::from(prefix), name: format!("objects:{prefix}") }
    }

    /// The same with another name: two stores of one journal need two.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    fn place(&self, origin: &Origin, last: &str) -> Path {
        let parts = origin.to_string();
        let mut place = self.prefix.clone();
        for part in parts.split('/').chain([last]) {
            place = place.join(part);
        }
        place
    }

    async fn read(&self, place: &Path) -> Result<Option<(String, UpdateVersion)>, SinkError> {
        let found = match self.store.get(place).await {
            Ok(found) => found,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(SinkError::unavailable(e)),
        };
        let malformed = || SinkError::malformed(place.to_string());
        if found.meta.size > MAX_NOTE {
            return Err(malformed());
        }
        let version =
            UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        let bytes = found.bytes().await.map_err(SinkError::unavailable)?;
        let text = String::from_utf8(bytes.to_vec()).map_err(|_| malformed())?;
        Ok(Some((text, version)))
    }

    async fn put(&self, place: &Path, text: &str, mode: PutMode) -> Result<Put, SinkError> {
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.store.put_opts(place, text.to_owned().into(), options).await {
            Ok(_) => Ok(Put::Done),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {
                Ok(Put::Overtaken)
            }
            Err(StoreError::NotSupported { .. } | StoreError::NotImplemented { .. }) => {
                Err(SinkError::Unsupported { what: "put an object on a condition" })
            }
            Err(e) => Err(SinkError::unavailable(e)),
        }
    }

    async fn publish_checkpoint(&self, checkpoint: &SignedCheckpoint) -> Result<(), SinkError> {
        let (origin, size) = {
            let checkpoint = checkpoint.checkpoint();
            (&checkpoint.origin, checkpoint.head.size)
        };
        let text = checkpoint.to_string();
        let place = self.place(origin, &size.to_string());
        if let Put::Overtaken = self.put(&place, &text, PutMode::Create).await? {
            let (published, _) = self
                .read(&place)
                .await?
                .ok_or_else(|| SinkError::unavailable("the object is there and cannot be read"))?;
            same_checkpoint(place.as_ref(), published, checkpoint)?;
        }
        self.move_latest(&self.place(origin, "latest"), size, &text).await
    }

    async fn move_latest(&self, latest: &Path, size: u64, text: &str) -> Result<(), SinkError> {
        for _ in 0..ATTEMPTS {
            let mode = match self.read(latest).await? {
                None => PutMode::Create,
                Some((published, _)) if published_size(latest.as_ref(), &published)? >= size => {
                    return Ok(());
                }
                Some((_, version)) => PutMode::Update(version),
            };
            if let Put::Done = self.put(latest, text, mode).await? {
                return Ok(());
            }
        }
        Err(SinkError::unavailable("others kept moving `latest`"))
    }
}

enum Put {
    Done,
    /// Somebody else was there before.
    Overtaken,
}

impl CheckpointSink for ObjectStoreSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn publish<'a>(
        &'a self,
        checkpoint: &'a SignedCheckpoint,
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.publish_checkpoint(checkpoint))
    }

    fn newest<'a>(&'a self, origin: &'a Origin) -> BoxFuture<'a, Result<Newest, SinkError>> {
        Box::pin(async move {
            let latest = self.read(&self.place(origin, "latest")).await?;
            Ok(latest.map_or(Newest::Nothing, |(note, _)| Newest::Checkpoint(note)))
        })
    }
    fn at<'a>(
        &'a self,
        origin: &'a Origin,
        size: u64,
    ) -> BoxFuture<'a, Result<Option<String>, SinkError>> {
        Box::pin(async move {
            let note = self.read(&self.place(origin, &size.to_string())).await?;
            Ok(note.map(|(note, _)| note))
        })
    }
}
