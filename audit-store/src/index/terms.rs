//! What an entry is posted under: the terms of its event, and the parts its action starts with.

use audit_core::{CanonicalEvent, EventView, Term};

use crate::index::posting::TermHash;
use crate::index::scan;

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
            self.with_prefixes(term, &mut each);
        }
    }

    /// As [`event`](Self::event), for an event whose text is known to be canonical: faster.
    pub(crate) fn canonical(&mut self, event: &CanonicalEvent, mut each: impl FnMut(TermHash)) {
        let scanned = scan::terms(event, |term| self.with_prefixes(term, &mut each));
        if scanned.is_none()
            && let Ok(event) = EventView::parse(event.as_str())
        {
            // What was found so far is found again, which changes nothing.
            self.event(&event, each);
        }
    }

    fn with_prefixes(&mut self, term: Term<'_>, each: &mut impl FnMut(TermHash)) {
        each(self.term(term));
        if let Term::Action(action) = term {
            for (dot, _) in action.match_indices('.') {
                if let Some(prefix) = action.get(..=dot) {
                    each(self.action_prefix(prefix));
                }
            }
        }
    }
}
