//! The query index in SQLite.

use sqlx::Sqlite;

use crate::backend::index::IndexSql;

impl IndexSql for Sqlite {}
