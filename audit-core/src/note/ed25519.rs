//! Secret keys (skeys) and plain Ed25519 signatures: C2SP signed-note v1, signature type 0x01.

use std::fmt;

use base64ct::{Base64, Encoding};
use ed25519_dalek::Signer as _;
use zeroize::Zeroizing;

use super::NoteSignature;
use super::key::{KeyAlgorithm, KeyError, KeyText, VerifierKey, is_key_name};

/// What a secret key's text begins with.
const PREFIX: &str = "PRIVATE+KEY+";

/// One byte of signature type and 32 of seed.
const SECRET_LEN: usize = 33;

/// Length of the base64 form of those: 33 bytes take no padding.
const SECRET_BASE64_LEN: usize = 44;

/// A secret key that signs notes.
///
/// It wipes itself when dropped; it is neither copied nor printed. [`Debug`] shows the public key.
pub struct SigningKey(Secret);

impl SigningKey {
    /// Makes a new key from the operating system's random numbers.
    ///
    /// # Errors
    ///
    /// [`KeyError::Name`], [`KeyError::Random`].
    pub fn generate(name: &str) -> Result<Self, KeyError> {
        Secret::generate(name, KeyAlgorithm::Ed25519).map(Self)
    }

    /// Takes a seed of 32 random bytes: the private key of RFC 8032 section 5.1.5.
    ///
    /// # Errors
    ///
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        Secret::new(name, KeyAlgorithm::Ed25519, seed).map(Self)
    }

    /// Reads what [`to_skey`](Self::to_skey) wrote. Strict: no line end, no other spelling.
    ///
    /// # Errors
    ///
    /// [`KeyError`], each variant but `Random`.
    pub fn parse(skey: &str) -> Result<Self, KeyError> {
        Secret::parse(skey, KeyAlgorithm::Ed25519).map(Self)
    }

    /// The text form, `PRIVATE+KEY+<name>+<id>+<base64>`. Whoever reads it can sign.
    #[must_use]
    pub fn to_skey(&self) -> Zeroizing<String> {
        self.0.to_skey()
    }

    /// The public key, under the same name.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.0.verifier
    }

    /// The same key under another key name.
    ///
    /// # Errors
    ///
    /// [`KeyError::Name`].
    pub fn renamed(&self, name: &str) -> Result<Self, KeyError> {
        let verifier = self.0.verifier.renamed(name)?;
        Ok(Self(Secret { secret: self.0.secret.clone(), verifier }))
    }

    /// Signs a note's text.
    ///
    /// The text is signed as it is. A key that is also to cosign must not sign texts that others
    /// choose: one that begins with `cosignature/v1` would be a cosignature.
    #[must_use]
    pub fn sign(&self, text: &str) -> NoteSignature {
        NoteSignature::ed25519(&self.0.verifier, &self.0.sign(text.as_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("verifier", &self.0.verifier).finish_non_exhaustive()
    }
}

/// A secret key of either use. `secret` wipes itself when dropped.
pub(super) struct Secret {
    secret: ed25519_dalek::SigningKey,
    pub(super) verifier: VerifierKey,
}

impl Secret {
    pub(super) fn generate(name: &str, algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(|_| KeyError::Random)?;
        Self::new(name, algorithm, &seed)
    }

    pub(super) fn new(
        name: &str,
        algorithm: KeyAlgorithm,
        seed: &[u8; 32],
    ) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name);
        }
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        // A public key computed from a seed is a canonical point, and of large order: clamping
        // makes the scalar a multiple of 8 between 2^254 and 2^255.
        let verifier = VerifierKey::of(name, algorithm, secret.verifying_key());
        Ok(Self { secret, verifier })
    }

    pub(super) fn parse(skey: &str, expected: KeyAlgorithm) -> Result<Self, KeyError> {
        let text = KeyText::split(skey.strip_prefix(PREFIX).ok_or(KeyError::Malformed)?)?;
        if text.base64.len() != SECRET_BASE64_LEN {
            return Err(KeyError::Malformed);
        }
        let mut bytes = Zeroizing::new([0; SECRET_LEN]);
        Base64::decode(text.base64, bytes.as_mut_slice()).map_err(|_| KeyError::Malformed)?;
        let (algorithm, seed) = bytes.split_first().ok_or(KeyError::Malformed)?;
        if KeyAlgorithm::from_byte(*algorithm)? != expected {
            return Err(KeyError::Algorithm(*algorithm));
        }
        let seed = <&[u8; 32]>::try_from(seed).map_err(|_| KeyError::Malformed)?;
        let secret = Self::new(text.name, expected, seed)?;
        if secret.verifier.id() == text.id { Ok(secret) } else { Err(KeyError::Id) }
    }

    pub(super) fn to_skey(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; SECRET_LEN]);
        if let Some((first, seed)) = bytes.split_first_mut() {
            *first = self.verifier.algorithm().byte();
            seed.copy_from_slice(self.secret.as_bytes());
        }
        let mut base64 = Zeroizing::new([0; SECRET_BASE64_LEN]);
        // 33 bytes fill the 44 characters exactly, so this never falls back.
        let base64 = Base64::encode(bytes.as_slice(), base64.as_mut_slice()).unwrap_or_default();
        // Made in one allocation: one that grows would leave copies behind.
        let id = format!("{:08x}", self.verifier.id());
        Zeroizing::new([PREFIX, self.verifier.name(), "+", &id, "+", base64].concat())
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }
}
