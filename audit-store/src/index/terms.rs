//! What an entry is posted under: the terms of its event, and the parts its action starts with.

use audit_core::{EventView, Term};

use crate::index::posting::TermHash;

/// The kind of an action's prefixes, which are terms of the index only: all that ends in a dot.
/// Written like the core's terms, and unlike any of them.
const ACTION_PREFIX: u8 = 0x70;

/// Hashes terms, with one buffer for all of them.
#[derive(Debug, Default)]
pub(crate) struct TermHasher {
    bytes: Vec<u8>,
}

impl TermHasher {
    /// The hash of a term.
    pub(crate) fn term(&mut self, term: Term<'_>) -> TermHash {
        self.bytes.clear();
        term.encode(&mut self.bytes);
        TermHash::of(&self.bytes)
    }

    /// The hash of what an action starts with, the dot at its end included.
    pub(crate) fn action_prefix(&mut self, prefix: &str) -> TermHash {
        self.bytes.clear();
        self.bytes.push(ACTION_PREFIX);
        self.bytes.extend_from_slice(prefix.as_bytes());
        TermHash::of(&self.bytes)
    }

    /// Everything an event can be found by; the same thing more than once where the event says so.
    pub(crate) fn event(&mut self, event: &EventView<'_>, mut each: impl FnMut(TermHash)) {
        for term in Term::of(event) {
            each(self.term(term));
        }
        for (dot, _) in event.action().match_indices('.') {
            if let Some(prefix) = event.action().get(..=dot) {
                each(self.action_prefix(prefix));
            }
        }
    }
}
