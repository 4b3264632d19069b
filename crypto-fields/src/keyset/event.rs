//! What happens to keys, for a host that keeps a journal of it.

use std::fmt;

use super::record::KeyRecord;
use super::state::KeyState;
use crate::associated_data::names::{KeyGroup, TenantId};
use crate::clock::Timestamp;
use crate::key_id::KeyId;
use crate::purpose::Purpose;

/// Is told of everything that happens to a key. A host points it at its journal.
///
/// It is called after the change was made in memory and before it is stored; it must not block.
pub trait KeyEvents: fmt::Debug + Send + Sync {
    /// Something happened.
    fn observe(&self, event: &KeyEvent);
}

/// Whoever keeps no journal of keys.
impl KeyEvents for () {
    fn observe(&self, _: &KeyEvent) {}
}

/// Something that happened to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyEvent {
    /// The key.
    pub key: KeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it is for.
    pub purpose: Purpose,
    /// For which fields.
    pub group: KeyGroup,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: KeyEventKind,
}

/// What happened to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyEventKind {
    /// Declared compromised.
    Compromised,
    /// A value was opened with a key that is compromised.
    CompromisedRead,
    /// A complete census found nothing sealed under it: what its destruction, which follows, is
    /// founded on.
    CountedUnused {
        /// When the census began.
        begun_at: Timestamp,
        /// How many fields it covered.
        fields: usize,
    },
    /// Made.
    Created,
    /// Went from one state to the next.
    Moved {
        /// From here.
        from: KeyState,
        /// To here.
        to: KeyState,
    },
    /// Wrapped under another wrapper, or another version of its own.
    Rewrapped {
        /// The wrapper it was under.
        from: String,
        /// The wrapper it is under.
        to: String,
    },
}

impl KeyEvent {
    pub(crate) fn of(record: &KeyRecord, at: Timestamp, kind: KeyEventKind) -> Self {
        Self {
            key: record.id,
            tenant: record.tenant.clone(),
            purpose: record.purpose,
            group: record.group.clone(),
            at,
            kind,
        }
    }
}
