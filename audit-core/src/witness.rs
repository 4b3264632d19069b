//! What goes between a log and a witness: C2SP tlog-witness.
//!
//! Bodies only. Who sends them, and what a witness remembers, is for others.

pub(crate) mod log_checkpoint;
pub(crate) mod request;
pub(crate) mod response;
