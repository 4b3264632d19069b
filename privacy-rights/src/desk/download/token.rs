//! What lets a person have their bundle.

use std::fmt;

use crypto_fields::{
    ApiToken, ApiTokenError, CredentialHash, CredentialKeys, TokenPrefix, TokenVerdict,
};
use serde::{Deserialize, Serialize};

use super::DownloadError;

/// The token of a bundle: shown once, and stored nowhere. Two API tokens of `crypto-fields` side by
/// side, so that more than 300 random bits are secret; of it a keyed hash is stored.
pub struct DownloadToken {
    halves: [ApiToken; 2],
}

/// What is stored of a token.
#[derive(Serialize, Deserialize)]
pub(crate) struct Given {
    #[serde(skip)]
    pub(super) lookup: String,
    hashes: [CredentialHash; 2],
}

impl Given {
    pub(super) fn text(&self) -> String {
        // Two texts always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

fn prefix() -> Result<TokenPrefix, ApiTokenError> {
    TokenPrefix::new("bundle")
}

impl DownloadToken {
    pub(super) fn generate() -> Result<Self, DownloadError> {
        let not_drawn = |error| DownloadError::Random(Box::new(error));
        let prefix = prefix().map_err(|error| DownloadError::Random(Box::new(error)))?;
        let half = || ApiToken::generate(&prefix).map_err(not_drawn);
        Ok(Self { halves: [half()?, half()?] })
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (one, two) = text.split_once('.')?;
        let half = |text| ApiToken::parse(&prefix().ok()?, text).ok();
        Some(Self { halves: [half(one)?, half(two)?] })
    }

    pub(super) fn lookup(&self) -> String {
        let [one, _] = &self.halves;
        one.lookup_id().as_str().to_owned()
    }

    pub(super) fn given(&self, keys: &CredentialKeys) -> Given {
        let [one, two] = &self.halves;
        Given { lookup: self.lookup(), hashes: [one.stored(keys).hash, two.stored(keys).hash] }
    }

    pub(super) fn is(&self, keys: &CredentialKeys, given: &Given) -> bool {
        let halves = self.halves.iter().zip(&given.hashes);
        // Both are looked at, whatever the first one is.
        let verdicts: Vec<TokenVerdict> =
            halves.map(|(half, hash)| half.verify(keys, hash)).collect();
        verdicts.iter().all(|verdict| {
            matches!(verdict, TokenVerdict::Valid | TokenVerdict::ValidRehash { .. })
        })
    }

    /// The token itself: to be sent, once, to the person. Letters, digits, `_` and a dot.
    #[must_use]
    pub fn reveal(&self) -> String {
        let [one, two] = &self.halves;
        format!("{}.{}", one.reveal(), two.reveal())
    }
}

/// The public part only.
impl fmt::Debug for DownloadToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DownloadToken({}, ..)", self.lookup())
    }
}
