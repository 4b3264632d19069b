//! What a purge would destroy, before it does.

use serde::Serialize;
use uuid::Uuid;

use crate::erasure::certificate::hex_digest;
use crate::source::permit::Reason;
use crate::tenant::TenantContents;

/// What a purge would destroy in one store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlannedStore {
    /// What is there.
    pub contents: TenantContents,
    /// The store.
    pub store: String,
}

/// What the purge of a tenant would destroy, store by store in its order: counts, and no data.
// The fields stand in the order of their names, so that what serde writes is canonical.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PurgePlan {
    /// The legal holds that stand in the way. Empty if none do.
    pub blocked: Vec<Reason>,
    /// Why: the end of a contract, a decision.
    pub ground: String,
    /// The purge.
    pub purge: Uuid,
    /// Store by store.
    pub stores: Vec<PlannedStore>,
    /// The tenant.
    pub tenant: String,
}

impl PurgePlan {
    /// The SHA-256 of the plan as canonical JSON, in hexadecimal: what is approved. Another count,
    /// another store, another hold are another digest: stop the tenant's writers before.
    #[must_use]
    pub fn digest(&self) -> String {
        // Its members are texts and numbers, which always serialise.
        hex_digest(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }
}
