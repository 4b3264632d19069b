//! The query index.

use sqlx::Database;

/// The query index.
pub trait IndexSql: Database {}
