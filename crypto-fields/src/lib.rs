//! Authenticated encryption of single fields with context, rotation of keys and their destruction.
//!
//! **Nothing is built here yet.** This version reserves the name; it has no items and encrypts
//! nothing. Do not depend on it.
//!
//! # What is planned
//!
//! - One field in, one token out: an AEAD whose associated data binds the value to its tenant, its
//!   field, its row and its data subject, so that a token moved to another cell does not open.
//! - Keysets with one primary key, rotation by rewrapping data keys, and a job that re-encrypts a
//!   host's tables in bounded batches.
//! - A key per data subject, so that destroying the key erases the subject's values everywhere,
//!   backups included.
//! - Blind indexes for equality search on encrypted fields, with their leakage stated.
//! - Tokens of other schemes read where hosts come from, none of them written.
//!
//! The crate will do no I/O without a feature, and will know nothing of the audit journal;
//! `audit-store` is to use it behind a feature, to seal the private fields of entries.
