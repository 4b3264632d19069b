//! The end of a tenant: everything of theirs destroyed, store by store, with its record elsewhere.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::source::BoxFuture;
use crate::source::error::SourceError;
use crate::source::permit::{Connection, Item, Permit, Reason};
use crate::source::record::Step;

pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod holds;
pub(crate) mod keys;
pub(crate) mod ledger;
#[cfg(feature = "object-store")]
pub(crate) mod objects;
pub(crate) mod plan;
mod replay;
mod rows;
pub(crate) mod saga;
#[cfg(feature = "postgres")]
pub(crate) mod schema;
pub(crate) mod shared;
mod steps;

/// A place where something of a tenant is, as a whole: a schema, a file, rows of shared tables, a
/// prefix of objects, keys.
///
/// Given are `SchemaStore`, [`FileStore`](crate::FileStore), [`SharedStore`](crate::SharedStore),
/// `ObjectsStore` and [`KeysStore`](crate::KeysStore).
pub trait TenantStore: Send + Sync {
    /// What it is called in plans and in the journal; unlike any other of the same purge.
    fn name(&self) -> &str;

    /// Whether it holds keys. They are destroyed last, once nothing is kept that may be sealed under
    /// them: what is unreadable then is unreadable in backups, too.
    fn holds_keys(&self) -> bool {
        false
    }

    /// What of the tenant is there, and what of it cannot be seen from here. Changes nothing.
    fn survey<'a>(
        &'a self,
        tenant: &'a str,
        step: &'a Step,
    ) -> BoxFuture<'a, Result<TenantContents, SourceError>>;

    /// Destroys what of the tenant is there, in batches, each in a transaction of its own where there
    /// are any, inside of which `permit` is asked first. What is gone already is gone: the same again
    /// goes on where it was cut off.
    fn purge<'a>(
        &'a self,
        tenant: &'a str,
        step: &'a Step,
        permit: &'a dyn Permit,
    ) -> BoxFuture<'a, Result<TenantPurged, SourceError>>;
}

/// What a store has of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TenantContents {
    /// How many things: tables, rows, objects, keys.
    pub items: u64,
    /// How many of them a law keeps for now.
    pub kept_by_law: u64,
    /// What may be there besides and cannot be seen, in words.
    pub unseen: Vec<String>,
}

impl TenantContents {
    /// So many things, of which a law keeps so many.
    #[must_use]
    pub const fn new(items: u64, kept_by_law: u64) -> Self {
        Self { items, kept_by_law, unseen: Vec::new() }
    }

    /// And that, which cannot be seen.
    #[must_use]
    pub fn not_seeing(mut self, what: impl Into<String>) -> Self {
        self.unseen.push(what.into());
        self
    }
}

/// What a store did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TenantPurged {
    /// How many things are gone by this call.
    pub gone: u64,
    /// Why others are not: each reason once.
    pub kept: BTreeSet<Reason>,
}

impl TenantPurged {
    /// So many are gone.
    #[must_use]
    pub const fn new(gone: u64) -> Self {
        Self { gone, kept: BTreeSet::new() }
    }

    /// Adds what a batch did; whether the next one may be begun.
    pub(crate) fn add(&mut self, gone: u64) {
        self.gone = self.gone.saturating_add(gone);
    }
}

/// Why a store as a whole is kept, asked inside of its transaction.
pub(crate) async fn reasons(
    permit: &dyn Permit,
    mut conn: Connection<'_>,
    store: &str,
    tenant: &str,
) -> Result<Vec<Reason>, SourceError> {
    permit.begin(conn.again()).await?;
    permit.reasons(conn, &Item::new(store, tenant)).await
}

/// Where the tenant's id stands in the name of a schema, a file or a prefix.
const PLACE: &str = "{id}";

/// A pattern in which a tenant's id would not stand for that tenant alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pattern of a tenant's names has the part {PLACE} once, {what}")]
#[non_exhaustive]
pub struct PatternError {
    what: &'static str,
}

/// A tenant's id put into a pattern. Ids that a name cannot carry are refused: nothing is escaped.
fn filled(pattern: &str, tenant: &str) -> Result<String, SourceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if tenant.is_empty() || !tenant.bytes().all(plain) {
        return Err(SourceError::Identifier { kind: "tenant".to_owned() });
    }
    Ok(pattern.replace(PLACE, tenant))
}

fn checked(
    pattern: String,
    fits: impl Fn(&str) -> bool,
    what: &'static str,
) -> Result<String, PatternError> {
    let mut parts = pattern.split(PLACE);
    let (before, after) = (parts.next().unwrap_or_default(), parts.next());
    match (after, parts.next()) {
        (Some(after), None) if fits(before) && fits(after) => Ok(pattern),
        _ => Err(PatternError { what }),
    }
}
