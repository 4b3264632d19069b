//! Writing entries and moving heads in SQLite.

use sqlx::Sqlite;

use crate::backend::append::AppendSql;

impl AppendSql for Sqlite {}
