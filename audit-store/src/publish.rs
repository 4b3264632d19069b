//! Signing and publishing checkpoints: what stands outside the database of what is inside.

mod directory;
mod error;
mod gate;
mod history;
#[cfg(feature = "object-store")]
mod object_store;
mod outbox;
mod signer;
mod sink;
mod task;

pub use directory::DirectorySink;
pub use error::{CheckpointPlace, HistoryError, PublishReport, SigningError, SinkFailure};
#[cfg(feature = "object-store")]
pub use object_store::ObjectStoreSink;
pub use signer::{CheckpointSigner, SignerError};
pub use sink::{BoxFuture, CheckpointSink, Newest, SinkError};

pub(crate) use gate::{Gate, verify_open};
pub(crate) use history::{compare, never_published, origin, published, trusted};
pub(crate) use outbox::publish_chain;
pub(crate) use task::Publisher;
