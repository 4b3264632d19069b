//! Writing entries and moving heads.

use sqlx::Database;

/// Writing entries and moving heads.
pub trait AppendSql: Database {}
