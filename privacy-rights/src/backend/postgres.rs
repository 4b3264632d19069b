//! PostgreSQL.

mod catalogue;
mod statement;
