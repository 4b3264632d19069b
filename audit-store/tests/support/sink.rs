// Included by the suites about checkpoints.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use audit_core::{Origin, SignedCheckpoint};
use audit_store::{BoxFuture, CheckpointSink, Newest, SinkError};

/// A sink in memory, that can be told to fail.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemorySink {
    pub(crate) shared: Arc<Shared>,
    pub(crate) write_only: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) published: Mutex<BTreeMap<(String, u64), String>>,
    pub(crate) attempts: AtomicU64,
    pub(crate) refuses: AtomicBool,
    pub(crate) silent: AtomicBool,
}

impl MemorySink {
    pub(crate) fn sizes(&self) -> Vec<u64> {
        self.shared.published.lock().unwrap().keys().map(|(_, size)| *size).collect()
    }

    pub(crate) fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::SeqCst);
    }

    pub(crate) fn put(&self, signed: &SignedCheckpoint) {
        let checkpoint = signed.checkpoint();
        let place = (checkpoint.origin.to_string(), checkpoint.head.size);
        self.shared.published.lock().unwrap().insert(place, signed.to_string());
    }
}

impl CheckpointSink for MemorySink {
    fn name(&self) -> &str {
        "memory"
    }

    fn publish<'a>(&'a self, signed: &'a SignedCheckpoint) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            self.shared.attempts.fetch_add(1, Ordering::SeqCst);
            if self.shared.refuses.load(Ordering::SeqCst) {
                return Err(SinkError::unavailable("told to"));
            }
            let checkpoint = signed.checkpoint();
            let place = (checkpoint.origin.to_string(), checkpoint.head.size);
            let mut published = self.shared.published.lock().unwrap();
            match published.get(&place) {
                Some(there) if *there != signed.to_string() => {
                    Err(SinkError::conflict(signed, there.clone()))
                }
                _ => {
                    published.insert(place, signed.to_string());
                    Ok(())
                }
            }
        })
    }

    fn newest<'a>(&'a self, origin: &'a Origin) -> BoxFuture<'a, Result<Newest, SinkError>> {
        Box::pin(async move {
            if self.write_only {
                return Ok(Newest::WriteOnly);
            }
            if self.shared.silent.load(Ordering::SeqCst) {
                return Err(SinkError::unavailable("told to"));
            }
            let origin = origin.to_string();
            let published = self.shared.published.lock().unwrap();
            let newest = published.iter().rfind(|((of, _), _)| *of == origin);
            Ok(newest.map_or(Newest::Nothing, |(_, note)| Newest::Checkpoint(note.clone())))
        })
    }
}
