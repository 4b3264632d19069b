//! Erasure: planned, carried out step by step, and certified.

pub(crate) mod certificate;
