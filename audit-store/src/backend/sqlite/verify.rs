//! Reading in bulk, for verification in SQLite.

use sqlx::Sqlite;

use crate::backend::verify::VerifySql;

impl VerifySql for Sqlite {}
