//! The signature under a manifest.

use std::error::Error;

use audit_core::{KeyError, Note, NoteSignature, SigningKey, VerifierKey};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::access::error::AccessError;
use crate::access::manifest::FORMAT;
use crate::source::BoxFuture;

/// How the name of a key that signs documents ends, after the journal's name.
const DOCUMENTS: &str = "/documents";

/// A journal's key under its name for documents: nothing that is signed under it can be taken for a
/// checkpoint.
pub(super) fn for_documents(key: &VerifierKey) -> Result<VerifierKey, KeyError> {
    if key.name().ends_with(DOCUMENTS) {
        Ok(key.clone())
    } else {
        key.renamed(&format!("{}{DOCUMENTS}", key.name()))
    }
}

/// Who signs documents: a journal's key file, or a key that never leaves its keeper. What it signs
/// stands under the key name `<journal name>/documents`.
pub trait DocumentSigner: Send + Sync {
    /// The public key, under the journal's name or `<journal name>/documents`.
    fn verifier(&self) -> VerifierKey;

    /// The 64 bytes of the Ed25519 signature (RFC 8032) over `text`.
    fn sign<'a>(
        &'a self,
        text: &'a str,
    ) -> BoxFuture<'a, Result<[u8; 64], Box<dyn Error + Send + Sync>>>;
}

impl DocumentSigner for SigningKey {
    fn verifier(&self) -> VerifierKey {
        Self::verifier(self).clone()
    }

    fn sign<'a>(
        &'a self,
        text: &'a str,
    ) -> BoxFuture<'a, Result<[u8; 64], Box<dyn Error + Send + Sync>>> {
        let signature = Self::sign(self, text);
        Box::pin(async move { Ok(signature.signature().try_into()?) })
    }
}

/// The text that is signed: the format, the bundle's id, the manifest's length and hash.
pub(super) fn text(id: Uuid, manifest: &[u8]) -> String {
    let hash = base16ct::lower::encode_string(&Sha256::digest(manifest));
    format!("{FORMAT}\n{id}\n{} {hash}\n", manifest.len())
}

/// The signed note of a manifest.
pub(super) async fn sign(
    signer: &dyn DocumentSigner,
    id: Uuid,
    manifest: &[u8],
) -> Result<String, AccessError> {
    let key = for_documents(&signer.verifier()).map_err(|error| AccessError::Sign(error.into()))?;
    let mut note = Note::new(text(id, manifest)).map_err(AccessError::Signature)?;
    let signature = signer.sign(note.text()).await.map_err(AccessError::Sign)?;
    note.add(NoteSignature::ed25519(&key, &signature)).map_err(AccessError::Signature)?;
    note.verify(&[key]).map_err(AccessError::Signature)?;
    Ok(note.to_string())
}
