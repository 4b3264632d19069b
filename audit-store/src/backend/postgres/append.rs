//! Writing entries and moving heads in PostgreSQL.

use sqlx::Postgres;

use crate::backend::append::AppendSql;

impl AppendSql for Postgres {}
