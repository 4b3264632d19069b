//! How PostgreSQL does it.

pub(crate) mod append;
pub(crate) mod dispose;
pub(crate) mod hold;
pub(crate) mod index;
pub(crate) mod key;
pub(crate) mod offboard;
pub(crate) mod proof;
pub(crate) mod read;
pub(crate) mod retention;
pub(crate) mod rows;
pub(crate) mod setup;
pub(crate) mod stage;
pub(crate) mod tenancy;
pub(crate) mod verify;
