//! Over HTTP.

use std::sync::Arc;
use std::time::Duration;

use audit_core::{
    CosigningKey, MAX_ADD_CHECKPOINT_LEN, VerifierKey, WitnessCosignatures, WitnessSize,
};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use crate::judge::{Refusal, read};
use crate::store::Store;

/// How long a client may take for its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the answers are made of.
#[derive(Debug)]
pub(crate) struct Witness {
    pub(crate) key: CosigningKey,
    pub(crate) logs: Vec<VerifierKey>,
    pub(crate) store: Store,
}

/// The one call there is.
pub(crate) fn router(witness: Arc<Witness>) -> Router {
    Router::new().route("/add-checkpoint", post(add_checkpoint)).with_state(witness)
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Body) -> Response {
    let Ok(read) = tokio::time::timeout(PATIENCE, to_bytes(body, MAX_ADD_CHECKPOINT_LEN)).await
    else {
        return (StatusCode::REQUEST_TIMEOUT, "the request took too long\n").into_response();
    };
    let Ok(body) = read else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "the request is too large\n").into_response();
    };
    let Ok(body) = std::str::from_utf8(&body) else {
        return (StatusCode::BAD_REQUEST, "the request is not UTF-8\n").into_response();
    };
    match witness.add_checkpoint(body).await {
        Ok(cosignatures) => cosignatures.to_string().into_response(),
        Err(refusal) => refused(&refusal),
    }
}

impl Witness {
    async fn add_checkpoint(&self, body: &str) -> Result<WitnessCosignatures, Refusal> {
        let trusted = read(body, &self.logs)?;
        self.store.cosign(trusted, &self.key).await.map(WitnessCosignatures::new)
    }
}

fn refused(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::Conflict(size) => {
            let kind = HeaderValue::from_static(WitnessSize::CONTENT_TYPE);
            let size = WitnessSize::new(*size).to_string();
            return (StatusCode::CONFLICT, [(header::CONTENT_TYPE, kind)], size).into_response();
        }
        Refusal::Malformed(_) | Refusal::OldSize => StatusCode::BAD_REQUEST,
        Refusal::Proof(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::Signature(_) => StatusCode::FORBIDDEN,
        Refusal::Store(_) | Refusal::Time(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Refusal::UnknownOrigin => StatusCode::NOT_FOUND,
    };
    let mut words = refusal.to_string();
    // What is wrong with a request is the client's to know; what is wrong with the witness is not.
    if let (true, Some(source)) = (status.is_client_error(), std::error::Error::source(refusal)) {
        words.push_str(&format!(": {source}"));
    }
    (status, format!("{words}\n")).into_response()
}
