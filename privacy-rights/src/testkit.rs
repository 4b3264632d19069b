//! What a host's tests ask of its own sources, and of an erasure as a whole.

pub(crate) mod canary;
pub(crate) mod conformance;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod drill;
