//! How long records are kept: the plans of tenants, and the pruning of what is no longer kept.

mod batch;
mod error;
pub(crate) mod options;
mod plan;
mod prune;
mod stamps;
mod sweep;

pub use error::{PlanError, PruneError};
pub use options::{PruneOptions, PruneProgress, PruneReport, PrunedChain};
pub use plan::{PlanApplied, PlanEntry};
