//! Reading what proofs and checkpoints need in SQLite.

use sqlx::Sqlite;

use crate::backend::proof::ProofSql;

impl ProofSql for Sqlite {}
