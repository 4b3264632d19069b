//! Reading entries back in PostgreSQL.

use sqlx::Postgres;

use crate::backend::read::ReadSql;

impl ReadSql for Postgres {}
