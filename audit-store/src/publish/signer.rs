//! Who signs.

use std::fmt;

use audit_core::{SigningKey, VerifierKey};

use super::sink::BoxFuture;

/// Who signs checkpoints: a key file, or a key that never leaves its keeper.
///
/// The journal asks for the raw Ed25519 signature (RFC 8032) of the checkpoint's text, which is
/// what key management services offer, puts it into a signed note under the origin's key name and
/// verifies it before anything is stored.
pub trait CheckpointSigner: fmt::Debug + Send + Sync {
    /// The journal's verifier key: its name is the journal's.
    fn verifier(&self) -> VerifierKey;

    /// The 64 bytes of the signature over `message`.
    ///
    /// On SQLite the database's only write lock is held meanwhile, so that nothing can be appended
    /// between what is signed and what is stored.
    ///
    /// # Errors
    ///
    /// [`SignerError`] where the key could not be reached; no checkpoint is made then.
    fn sign<'a>(&'a self, message: &'a str) -> BoxFuture<'a, Result<[u8; 64], SignerError>>;
}

/// The key could not be used.
#[derive(Debug, thiserror::Error)]
#[error("the signing key could not be used")]
pub struct SignerError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl SignerError {
    /// An error of whoever keeps the key. It must not carry the key.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl CheckpointSigner for SigningKey {
    fn verifier(&self) -> VerifierKey {
        Self::verifier(self).clone()
    }

    fn sign<'a>(&'a self, message: &'a str) -> BoxFuture<'a, Result<[u8; 64], SignerError>> {
        let signature = Self::sign(self, message);
        Box::pin(async move {
            // An Ed25519 signature has 64 bytes, behind the key id that the note puts before it.
            signature.signature().try_into().map_err(SignerError::new)
        })
    }
}
