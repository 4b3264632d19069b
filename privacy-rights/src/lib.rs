//! The requests of data subjects under the GDPR and similar laws, as software.
//!
//! **Nothing is built here yet.** This version reserves the name; it has no items. Do not depend
//! on it.
//!
//! # What is planned
//!
//! - A request as a state machine with the legal clocks: receipt, identification, extension,
//!   answer or refusal, each with its deadline and its ground.
//! - Access and portability: a bundle of everything the host's declared sources hold about a
//!   person.
//! - Erasure across the same sources, with exemptions and legal holds, in one transaction with the
//!   evidence in the audit journal, and a certificate of what was erased and what was kept, and
//!   why.
//! - Registers of processing activities, consents and breaches.
//!
//! It will stand on `audit-core`, `audit-store` and `crypto-fields`, and is not legal advice.
