//! Reading what proofs and checkpoints need in PostgreSQL.

use sqlx::Postgres;

use crate::backend::proof::ProofSql;

impl ProofSql for Postgres {}
