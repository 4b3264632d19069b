//! Events that were just committed, kept for posting so that they need not be read back.

use std::collections::VecDeque;

use audit_core::CanonicalEvent;

use crate::subject::Prepared;

/// So many bytes of events of a chain are kept at most; the rest is read back.
const BYTES: usize = 8 << 20;

/// Events of one chain with their seqs, ascending, perhaps with gaps.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    events: VecDeque<(u64, CanonicalEvent)>,
    bytes: usize,
}

impl Handed {
    /// Adds events from `first` on. Beyond the limit, or out of order, they are left out.
    pub(super) fn push(&mut self, first: u64, events: Vec<Prepared>) {
        for (seq, event) in (first..).zip(events) {
            let event = event.into_canonical();
            let bytes = self.bytes.saturating_add(event.as_str().len());
            let follows = self.events.back().is_none_or(|(last, _)| *last < seq);
            if bytes > BYTES || !follows {
                return;
            }
            self.bytes = bytes;
            self.events.push_back((seq, event));
        }
    }

    /// Adds what came later.
    pub(super) fn join(&mut self, mut later: Self) {
        self.events.append(&mut later.events);
        self.bytes = self.bytes.saturating_add(later.bytes);
    }

    /// The event at `seq`, which is given away, if it is here; those before it are dropped. Asked
    /// for with ascending seqs only.
    pub(super) fn take(&mut self, seq: u64) -> Option<CanonicalEvent> {
        while self.first().is_some_and(|first| first <= seq) {
            let (first, event) = self.events.pop_front()?;
            self.bytes = self.bytes.saturating_sub(event.as_str().len());
            if first == seq {
                return Some(event);
            }
        }
        None
    }

    /// The first seq that is here.
    pub(super) fn first(&self) -> Option<u64> {
        self.events.front().map(|(seq, _)| *seq)
    }
}
