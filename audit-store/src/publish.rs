//! Signing and publishing checkpoints.

use std::fmt::Debug;

/// Who signs checkpoints: a key file, or a key that never leaves its keeper.
pub trait CheckpointSigner: Debug + Send + Sync {
    /// The journal's verifier key, as text (a vkey of the signed-note format).
    fn vkey(&self) -> String;
}

/// Where checkpoints go so that the database's owner cannot take them back.
pub trait CheckpointSink: Debug + Send + Sync {}
