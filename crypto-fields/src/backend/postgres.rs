//! PostgreSQL.

mod rewrite;
mod statement;
