//! Reading entries back.

use sqlx::Database;

/// Reading entries back.
pub trait ReadSql: Database {}
