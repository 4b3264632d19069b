//! The auditor's bundle as text: which files it has, what its manifest and its lines say.
//!
//! No I/O: whoever has the bytes asks what they mean, and whoever has the facts asks for the bytes.
//! All of it is canonical JSON (RFC 8785), and exactly one text stands for each value: parsing
//! refuses every other.

pub(crate) mod line;
pub(crate) mod manifest;
pub(crate) mod path;
