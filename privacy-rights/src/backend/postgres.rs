//! PostgreSQL.

mod catalogue;
mod source;
mod statement;
