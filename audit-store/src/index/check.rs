//! What verification compares: the stored pages of a segment with those its entries give.

use std::collections::BTreeSet;

use audit_core::EventView;

use crate::backend::index::StoredPage;
use crate::index::poster::stored;
use crate::index::posting::{Posting, decode};
use crate::index::segment::{Segment, SegmentBuilder};
use crate::index::terms::TermHasher;

/// How the stored postings of a segment differ from those its entries give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum IndexDefect {
    /// The index hides an entry from a query that should find it.
    Hidden {
        /// The entry.
        seq: u64,
    },
    /// The index has something of an entry that the entry does not say.
    Invented {
        /// The entry, or where one would be.
        seq: u64,
    },
    /// The pages are not in the one form that these postings have.
    Unreadable,
}

/// What the index must hold of one segment, gathered from its entries in any order.
#[derive(Debug)]
pub(crate) struct ExpectedSegment(SegmentBuilder, TermHasher);

impl ExpectedSegment {
    /// Nothing yet.
    pub(crate) fn new(segment: Segment) -> Self {
        Self(SegmentBuilder::new(segment), TermHasher::default())
    }

    /// Takes a standing entry into account; one of another segment changes nothing.
    pub(crate) fn add(&mut self, seq: u64, event: &EventView<'_>) {
        let Self(builder, hasher) = self;
        hasher.event(event, |term| builder.add(seq, term));
    }

    /// The segment.
    pub(crate) const fn segment(&self) -> Segment {
        self.0.segment()
    }

    /// Sorts what was gathered, so that merging has less to do.
    pub(crate) fn sort(&mut self) {
        self.0.sort();
    }

    /// Takes what was gathered for the same segment elsewhere.
    pub(crate) fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// Compares with the stored pages, in their order. Equal bytes are equal postings; only where
    /// they differ are they looked at one by one. One defect per entry.
    pub(crate) fn compare(self, found: &[StoredPage]) -> Vec<IndexDefect> {
        let segment = self.0.segment();
        let expected = stored(self.0);
        if expected == found {
            return Vec::new();
        }
        let wanted: BTreeSet<Posting> = read(&expected).unwrap_or_default();
        let Some(there) = read(found) else { return vec![IndexDefect::Unreadable] };
        let seqs = |set: Vec<Posting>| -> BTreeSet<u64> {
            set.into_iter().map(|posting| segment.seq(posting.position())).collect()
        };
        let hidden = seqs(wanted.difference(&there).copied().collect());
        let invented = seqs(there.difference(&wanted).copied().collect());
        let mut defects: Vec<_> =
            hidden.into_iter().map(|seq| IndexDefect::Hidden { seq }).collect();
        defects.extend(invented.into_iter().map(|seq| IndexDefect::Invented { seq }));
        if defects.is_empty() {
            // The same postings under other keys or cut otherwise: look-ups would go astray.
            defects.push(IndexDefect::Unreadable);
        }
        defects
    }
}

fn read(pages: &[StoredPage]) -> Option<BTreeSet<Posting>> {
    pages.iter().flat_map(|page| decode(&page.bytes)).collect::<Result<_, _>>().ok()
}

#[cfg(test)]
mod tests {
    use audit_core::{Actor, Event, Target};

    use super::*;
    use crate::index::segment::standing;

    fn events() -> Vec<String> {
        let events = (0_u32..256).map(|n| {
            let event = Event::builder("user.login", Actor::user(format!("usr_{}", n % 7)))
                .target(Target::new("document", format!("doc_{n}")))
                .build()
                .unwrap();
            event.canonicalize(|_| None).unwrap().as_str().to_owned()
        });
        events.collect()
    }

    fn expected(events: &[String]) -> ExpectedSegment {
        let mut expected = ExpectedSegment::new(standing(256)[0]);
        // In any order, from several threads.
        let mut other = ExpectedSegment::new(standing(256)[0]);
        let numbered: Vec<_> = (0_u64..).zip(events).collect();
        for (seq, event) in numbered.into_iter().rev() {
            let part = if seq % 3 == 0 { &mut expected } else { &mut other };
            part.add(seq, &EventView::parse(event).unwrap());
        }
        expected.merge(other);
        expected
    }

    #[test]
    fn what_was_posted_passes() {
        let events = events();
        let pages = stored(expected(&events).0);
        assert!(pages.len() > 1);
        assert_eq!(expected(&events).compare(&pages), []);
    }

    #[test]
    fn an_index_that_hides_or_invents_is_found() {
        let all = events();
        let mut fewer = all.clone();
        fewer[41] = all[40].clone();
        let pages = stored(expected(&fewer).0);
        // Entry 41 is posted under what entry 40 says.
        let (hidden, invented) =
            (IndexDefect::Hidden { seq: 41 }, IndexDefect::Invented { seq: 41 });
        assert_eq!(expected(&all).compare(&pages), [hidden, invented]);

        let whole = stored(expected(&all).0);
        let missing = expected(&all).compare(&whole[1..]);
        assert!(matches!(missing[..], [IndexDefect::Hidden { .. }, ..]));
        assert_eq!(expected(&all).compare(&[]).len(), 256);

        let mut moved = whole.clone();
        moved[1].key += 1;
        assert_eq!(expected(&all).compare(&moved), [IndexDefect::Unreadable]);
        let mut damaged = whole;
        damaged[0].bytes.pop();
        damaged[0].bytes.push(0x80);
        assert_eq!(expected(&all).compare(&damaged), [IndexDefect::Unreadable]);
    }
}
