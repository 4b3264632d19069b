//! Reading entries back in SQLite.

use sqlx::Sqlite;

use crate::backend::read::ReadSql;

impl ReadSql for Sqlite {}
