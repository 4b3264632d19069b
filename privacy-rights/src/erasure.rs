//! Erasure: planned, carried out step by step, and certified.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod after;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod answers;
pub(crate) mod blocker;
pub(crate) mod certificate;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod error;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod finish;
pub(crate) mod hooks;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod identity;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod lease;
pub(crate) mod ledger;
pub(crate) mod plan;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod private;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod replay;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod saga;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod step;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod store;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod suppression;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod sweep;
