//! A witness behind an address.

use std::time::Duration;

use audit_core::{
    AddCheckpoint, KeyAlgorithm, MAX_WITNESS_ANSWER_LEN, TrustPolicy, VerifierKey,
    WitnessCosignatures, WitnessSize,
};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Response, StatusCode, Url, redirect};

use super::{CheckpointWitness, WitnessAnswer, WitnessError};
use crate::publish::BoxFuture;

/// Why a witness cannot be talked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessSetupError {
    /// The client could not be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The key is not one for cosignatures.
    #[error("the key of {name} is not one for cosignatures")]
    Key {
        /// The key's name.
        name: String,
    },
    /// An address that begins with `https:` needs a feature for it: `tls-rustls-aws-lc-rs` or
    /// `tls-native-tls`.
    #[error("this program was built without TLS")]
    Tls,
    /// The address is none of the form `http://…` or `https://…`, without query and fragment.
    #[error("the address of {name} is not one of HTTP")]
    Url {
        /// The key's name.
        name: String,
    },
}

/// A witness that speaks C2SP tlog-witness over HTTP.
///
/// An answer is read up to 64 KiB and waited for up to a [time-out](Self::TIMEOUT) that includes
/// connecting and reading; redirects are not followed, and proxies named in the environment are not
/// used. Connections are kept for the next request.
#[derive(Clone, Debug)]
pub struct HttpWitness {
    key: VerifierKey,
    url: Url,
    client: Client,
    timeout: Duration,
}

impl HttpWitness {
    /// How long an answer may take: 5 seconds.
    pub const TIMEOUT: Duration = Duration::from_secs(5);

    /// The witness of this key at `prefix`, to which `/add-checkpoint` is appended.
    ///
    /// # Errors
    ///
    /// [`WitnessSetupError`].
    pub fn new(key: VerifierKey, prefix: &str) -> Result<Self, WitnessSetupError> {
        if key.algorithm() != KeyAlgorithm::CosignatureV1 {
            return Err(WitnessSetupError::Key { name: key.name().to_owned() });
        }
        let invalid = || WitnessSetupError::Url { name: key.name().to_owned() };
        // Alone first: without a host what comes behind would be taken for one.
        let prefix = Url::parse(prefix).map_err(|_| invalid())?;
        let url = format!("{}/add-checkpoint", prefix.as_str().trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|_| invalid())?;
        if prefix.query().is_some()
            || prefix.fragment().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
            || url.host().is_none()
        {
            return Err(invalid());
        }
        match url.scheme() {
            "http" => {}
            "https" if cfg!(any(feature = "tls-rustls-aws-lc-rs", feature = "tls-native-tls")) => {}
            "https" => return Err(WitnessSetupError::Tls),
            _ => return Err(invalid()),
        }
        let client = Client::builder()
            .user_agent(concat!("audit-store/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| WitnessSetupError::Client(error.into()))?;
        Ok(Self { key, url, client, timeout: Self::TIMEOUT })
    }

    /// All witnesses of a policy that have an address.
    ///
    /// # Errors
    ///
    /// [`WitnessSetupError`], for the first that is wrong.
    pub fn of_policy(policy: &TrustPolicy) -> Result<Vec<Self>, WitnessSetupError> {
        let with_url = policy.witnesses().iter().filter_map(|w| w.url.as_ref().zip(Some(&w.key)));
        with_url.map(|(url, key)| Self::new(key.clone(), url)).collect()
    }

    /// The same with another time-out, see [`TIMEOUT`](Self::TIMEOUT).
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn ask(&self, request: &AddCheckpoint) -> Result<WitnessAnswer, WitnessError> {
        let sent = self.client.post(self.url.clone()).body(request.to_string()).send().await;
        let mut response = sent.map_err(WitnessError::unreachable)?;
        let status = response.status();
        // Nobody needs to read what belongs to it.
        if status == StatusCode::UNPROCESSABLE_ENTITY {
            return Ok(WitnessAnswer::Inconsistent);
        }
        let body = read(&mut response).await?;
        let text = std::str::from_utf8(&body);
        match status {
            StatusCode::OK => text
                .ok()
                .and_then(|text| WitnessCosignatures::parse(text).ok())
                .map(WitnessAnswer::Cosigned)
                .ok_or(WitnessError::answer("not signature lines")),
            StatusCode::CONFLICT if is_size(response.headers()) => text
                .ok()
                .and_then(WitnessSize::parse)
                .map(|size| WitnessAnswer::Conflict(size.get()))
                .ok_or(WitnessError::answer("not the size of a tree")),
            StatusCode::CONFLICT => Err(WitnessError::answer("a conflict without the size")),
            status if status.is_client_error() || status.is_server_error() => {
                Err(WitnessError::refused(status.as_u16(), text.unwrap_or_default()))
            }
            _ => Err(WitnessError::answer("a status that the protocol does not know")),
        }
    }
}

impl CheckpointWitness for HttpWitness {
    fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    fn add_checkpoint<'a>(
        &'a self,
        request: &'a AddCheckpoint,
    ) -> BoxFuture<'a, Result<WitnessAnswer, WitnessError>> {
        Box::pin(async move {
            let asked = tokio::time::timeout(self.timeout, self.ask(request)).await;
            asked.map_err(|_| WitnessError::TimedOut)?
        })
    }
}

fn is_size(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // Parameters, if a server adds some, say nothing about a number.
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case(WitnessSize::CONTENT_TYPE)
}

/// The body, as far as any answer may reach.
async fn read(response: &mut Response) -> Result<Vec<u8>, WitnessError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(WitnessError::unreachable)? {
        if body.len().saturating_add(chunk.len()) > MAX_WITNESS_ANSWER_LEN {
            return Err(WitnessError::answer("longer than any answer"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use audit_core::{CosigningKey, SigningKey};

    use super::*;

    #[test]
    fn addresses_are_checked() {
        let key = CosigningKey::generate("w.example").unwrap().verifier().clone();
        for good in ["http://localhost", "http://127.0.0.1:81/", "http://w.example/a/b"] {
            let witness = HttpWitness::new(key.clone(), good).unwrap();
            assert!(witness.url.path().ends_with("/add-checkpoint"), "{}", witness.url);
            assert!(!witness.url.path().contains("//"), "{}", witness.url);
        }
        for bad in ["", "w.example", "ftp://w.example", "http://", "http://w?x=1", "http://w#x"] {
            let refused = HttpWitness::new(key.clone(), bad);
            assert!(matches!(refused, Err(WitnessSetupError::Url { .. })), "{bad}: {refused:?}");
        }
        let tls = cfg!(any(feature = "tls-rustls-aws-lc-rs", feature = "tls-native-tls"));
        let secure = HttpWitness::new(key, "https://w.example");
        assert_eq!(matches!(secure, Err(WitnessSetupError::Tls)), !tls);
        let other = SigningKey::generate("w.example").unwrap().verifier().clone();
        let refused = HttpWitness::new(other, "http://localhost");
        assert!(matches!(refused, Err(WitnessSetupError::Key { .. })));
    }
}
