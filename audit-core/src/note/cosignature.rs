//! Cosignatures: C2SP tlog-cosignature v1, signature type 0x04.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::ed25519::Secret;
use super::key::{KeyAlgorithm, KeyError, VerifierKey};
use super::{NoteError, NoteSignature};
use crate::clock::Timestamp;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// A witness's statement: at this time, this was the largest tree of this origin that it had seen,
/// and it continues all it had seen before.
// INVARIANT: 72 bytes of signature, of which the first 8 are a time within Timestamp's range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    signature: NoteSignature,
    at: Timestamp,
}

impl Cosignature {
    /// Reads the signature line of a cosignature, without its newline. Nothing is checked but its
    /// form.
    ///
    /// # Errors
    ///
    /// [`NoteError::Line`], [`NoteError::Time`].
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        Self::try_from(NoteSignature::parse(line)?)
    }

    /// When the witness says it signed, to the second.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The signature as it stands under the checkpoint.
    #[must_use]
    pub const fn signature(&self) -> &NoteSignature {
        &self.signature
    }

    /// Checks it against the text of the checkpoint (without signatures) and returns the witness's
    /// time.
    ///
    /// # Errors
    ///
    /// [`NoteError::Untrusted`] where it is by another key, or the key is not one for
    /// cosignatures; [`NoteError::Invalid`] where it does not verify.
    pub fn verify(&self, key: &VerifierKey, text: &str) -> Result<Timestamp, NoteError> {
        if key.algorithm() != KeyAlgorithm::CosignatureV1 || !self.signature.is_by(key) {
            return Err(NoteError::Untrusted);
        }
        verify(key, text, &self.signature)
    }
}

impl TryFrom<NoteSignature> for Cosignature {
    type Error = NoteError;

    fn try_from(signature: NoteSignature) -> Result<Self, NoteError> {
        let (seconds, _) = split(&signature).ok_or(NoteError::Line { line: 1 })?;
        Ok(Self { at: timestamp(seconds)?, signature })
    }
}

impl From<Cosignature> for NoteSignature {
    fn from(cosignature: Cosignature) -> Self {
        cosignature.signature
    }
}

impl fmt::Display for Cosignature {
    /// The signature line, without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.signature.fmt(f)
    }
}

impl FromStr for Cosignature {
    type Err = NoteError;

    fn from_str(line: &str) -> Result<Self, NoteError> {
        Self::parse(line)
    }
}

/// A witness's secret key.
///
/// It wipes itself when dropped; it is neither copied nor printed. [`Debug`] shows the public key.
/// One witness, one key: the signed message does not say which witness it is by.
pub struct CosigningKey(Secret);

impl CosigningKey {
    /// Makes a new key from the operating system's random numbers.
    ///
    /// # Errors
    ///
    /// [`KeyError::Name`], [`KeyError::Random`].
    pub fn generate(name: &str) -> Result<Self, KeyError> {
        Secret::generate(name, KeyAlgorithm::CosignatureV1).map(Self)
    }

    /// Takes a seed of 32 random bytes: the private key of RFC 8032 section 5.1.5.
    ///
    /// # Errors
    ///
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        Secret::new(name, KeyAlgorithm::CosignatureV1, seed).map(Self)
    }

    /// Reads what [`to_skey`](Self::to_skey) wrote. Strict: no line end, no other spelling.
    ///
    /// # Errors
    ///
    /// [`KeyError`], each variant but `Random`.
    pub fn parse(skey: &str) -> Result<Self, KeyError> {
        Secret::parse(skey, KeyAlgorithm::CosignatureV1).map(Self)
    }

    /// The text form, `PRIVATE+KEY+<name>+<id>+<base64>`. Whoever reads it can cosign.
    #[must_use]
    pub fn to_skey(&self) -> Zeroizing<String> {
        self.0.to_skey()
    }

    /// The public key, under the same name.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.0.verifier
    }

    /// Cosigns a checkpoint's text. That the tree continues the last one it cosigned is for the
    /// caller to have checked.
    ///
    /// # Errors
    ///
    /// [`NoteError::Time`] for a time before 1970.
    pub fn cosign(&self, text: &str, at: Timestamp) -> Result<Cosignature, NoteError> {
        let seconds = at.as_micros().div_euclid(MICROS_PER_SECOND);
        let seconds = u64::try_from(seconds).map_err(|_| NoteError::Time)?;
        let signature = self.0.sign(message(seconds, text).as_bytes());
        Ok(Cosignature {
            signature: NoteSignature {
                name: self.0.verifier.name().to_owned(),
                id: self.0.verifier.id(),
                signature: [&seconds.to_be_bytes()[..], &signature].concat(),
            },
            at: timestamp(seconds)?,
        })
    }
}

impl fmt::Debug for CosigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CosigningKey").field("verifier", &self.0.verifier).finish_non_exhaustive()
    }
}

/// Checks a signature that names this cosigner's key.
pub(super) fn verify(
    key: &VerifierKey,
    text: &str,
    signature: &NoteSignature,
) -> Result<Timestamp, NoteError> {
    let invalid = || NoteError::Invalid { key: signature.name().to_owned() };
    let (seconds, bytes) = split(signature).ok_or_else(invalid)?;
    if !key.verify_strict(message(seconds, text).as_bytes(), bytes) {
        return Err(invalid());
    }
    timestamp(seconds)
}

/// The signed message: two lines, then the text of the checkpoint.
fn message(seconds: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

/// The time and the Ed25519 signature of a `timestamped_signature`.
fn split(signature: &NoteSignature) -> Option<(u64, &[u8; 64])> {
    let (seconds, bytes) = signature.signature().split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*seconds), bytes.try_into().ok()?))
}

fn timestamp(seconds: u64) -> Result<Timestamp, NoteError> {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| seconds.checked_mul(MICROS_PER_SECOND))
        .and_then(|micros| Timestamp::from_micros(micros).ok())
        .ok_or(NoteError::Time)
}
