//! Witnesses: others who see the journal grow, and say so under each of its checkpoints.
//!
//! The protocol is C2SP tlog-witness. What is sent to whom, and what follows from the answers, is
//! here, whatever carries it; `HttpWitness` carries it over HTTP.

mod collect;
mod error;
#[cfg(feature = "witness")]
mod http;
mod probe;
mod submit;

use std::fmt;

use audit_core::{AddCheckpoint, TrustPolicy, VerifierKey, WitnessCosignatures};

use crate::publish::BoxFuture;

pub use error::WitnessError;
#[cfg(feature = "witness")]
pub use http::{HttpWitness, WitnessSetupError};

pub(crate) use collect::{Collected, collect, has_passed};
pub(crate) use probe::probe_all;

/// A witness: whoever cosigns checkpoints that continue the ones it cosigned before.
///
/// An answer is believed no further than it can be checked: a cosignature is verified by
/// [`verifier`](Self::verifier), under which alone it is stored. What a witness says about the size
/// that it knows cannot be checked; one that claims to know more than the journal has makes the
/// journal refuse to append ([`HistoryError::WitnessAhead`](crate::HistoryError::WitnessAhead)), for
/// that is how a restored backup looks from outside. So a witness can stop a journal, and never
/// make it sign anything. Whatever else goes wrong between the two stops nothing.
pub trait CheckpointWitness: fmt::Debug + Send + Sync {
    /// The key of its cosignatures.
    fn verifier(&self) -> &VerifierKey;

    /// Sends a request and waits for the answer, for a bounded time.
    ///
    /// # Errors
    ///
    /// [`WitnessError`]; the request is then sent again later.
    fn add_checkpoint<'a>(
        &'a self,
        request: &'a AddCheckpoint,
    ) -> BoxFuture<'a, Result<WitnessAnswer, WitnessError>>;
}

/// What a witness answers to a request that it could read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WitnessAnswer {
    /// It cosigned the checkpoint (status 200).
    Cosigned(WitnessCosignatures),
    /// It cosigned another checkpoint last: of this size (status 409).
    Conflict(u64),
    /// The proof does not hold against the checkpoint that it cosigned last (status 422).
    Inconsistent,
}

/// The name under which is kept how far a witness is served: one of a sink's.
pub(crate) fn sink_name(key: &VerifierKey) -> String {
    let name: String = key.name().chars().take(200).collect();
    format!("witness:{:08x}:{name}", key.id())
}

/// Whether these witnesses together could ever be the quorum that a policy asks for.
pub(crate) fn can_satisfy(
    policy: &TrustPolicy,
    witnesses: &[std::sync::Arc<dyn CheckpointWitness>],
) -> bool {
    policy.is_quorum(|key| witnesses.iter().any(|witness| witness.verifier() == key))
}
