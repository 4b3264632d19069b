//! Reading in bulk, for verification in PostgreSQL.

use sqlx::Postgres;

use crate::backend::verify::VerifySql;

impl VerifySql for Postgres {}
