//! Reading what proofs and checkpoints need.

use sqlx::Database;

/// Reading what proofs and checkpoints need.
pub trait ProofSql: Database {}
