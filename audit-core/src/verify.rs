//! The streaming verifier: fed bytes, it says whether anything was altered, removed, reordered,
//! forked or cut off, exactly where, and by which evidence.

#[allow(dead_code, reason = "the log is used by the chain verifier, which follows")]
pub(crate) mod finding;
pub(crate) mod report;
