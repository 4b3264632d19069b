//! The streaming verifier: fed bytes, it says whether anything was altered, removed, reordered,
//! forked or cut off, exactly where, and by which evidence.
//!
//! Examining entries (parsing, hashing, disclosures) takes the time and needs no other entry:
//! [`BlockVerifier`](crate::BlockVerifier) does it block by block, on any number of threads. What
//! needs the order is cheap: [`ChainVerifier`](crate::ChainVerifier) takes the blocks' summaries in
//! turn. Neither does any I/O, and neither keeps what it is given.

pub(crate) mod block;
pub(crate) mod chain;
pub(crate) mod checkpoints;
pub(crate) mod disclosed;
pub(crate) mod entries;
pub(crate) mod finding;
mod growth;
mod keys;
pub(crate) mod life;
mod outside;
pub(crate) mod policy;
pub(crate) mod report;
mod rules;
mod runs;
pub(crate) mod summary;
mod trees;
mod undisclosed;
mod window;
