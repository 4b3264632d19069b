//! Reading in bulk, for verification.

use sqlx::Database;

/// Reading in bulk, for verification.
pub trait VerifySql: Database {}
