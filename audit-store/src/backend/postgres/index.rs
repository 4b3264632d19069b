//! The query index in PostgreSQL.

use sqlx::Postgres;

use crate::backend::index::IndexSql;

impl IndexSql for Postgres {}
