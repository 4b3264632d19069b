//! Intersecting posting lists, one segment at a time and without I/O: a scan says which pages it
//! needs, is given them, and yields the seqs that carry all of its terms, in the query's order.
//!
//! A term's list may span many pages. Only those are asked for whose neighbourhood the other
//! lists have something in, so a rare term makes a common one cheap.

use std::cmp::{max, min};
use std::ops::RangeInclusive;

use crate::backend::index::FoundPage;
use crate::index::posting::{Posting, PostingError, TermHash, decode};
use crate::index::segment::Segment;

/// Which end of the chain a query starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Order {
    /// From the newest entry back.
    #[default]
    NewestFirst,
    /// From the oldest entry on.
    OldestFirst,
}

/// Which page of a segment is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seek {
    /// The first page whose key is greater than this.
    After(i64),
    /// The last page whose key is at most this.
    AtOrBefore(i64),
}

/// What is known of one term's positions in a segment.
#[derive(Debug)]
struct TermList {
    term: TermHash,
    /// Every position within this range is known; none yet where it is `None`.
    known: Option<RangeInclusive<u16>>,
    /// The positions within `known`, ascending.
    positions: Vec<u16>,
    /// The key of the page that was read last.
    key: i64,
}

impl TermList {
    const fn new(term: TermHash) -> Self {
        Self { term, known: None, positions: Vec::new(), key: 0 }
    }

    fn knows(&self, position: u16) -> bool {
        self.known.as_ref().is_some_and(|known| known.contains(&position))
    }

    /// The page that tells whether the term stands at `position`.
    fn seek(&self, position: u16, order: Order) -> Seek {
        // Going up page by page: what precedes the next page is known, so ask for that one.
        let continues = order == Order::OldestFirst
            && self.known.as_ref().is_some_and(|known| {
                known.end().checked_add(1).is_some_and(|next| next == position)
            });
        if continues {
            Seek::After(self.key)
        } else {
            Seek::AtOrBefore(self.term.at(position).to_key())
        }
    }

    /// Takes a page that was asked for by `seek`, or `None` where there is no further one.
    fn read(&mut self, seek: Seek, page: Option<&FoundPage>) -> Result<(), PostingError> {
        let Some(page) = page else {
            let start = match &self.known {
                Some(known) => known.end().saturating_add(1),
                None => 0,
            };
            self.positions.clear();
            self.known = Some(start..=u16::MAX);
            return Ok(());
        };
        let key = Posting::from_key(page.key)?;
        self.key = page.key;
        let mut positions = Vec::new();
        let mut last = key;
        for posting in decode(&page.bytes) {
            let posting = posting?;
            last = posting;
            if posting.term() == self.term {
                positions.push(posting.position());
            }
        }
        // Below the page's key nothing is known of the term, but that there is nothing of it
        // between the page before and this one.
        let mut start = if key.term() == self.term { key.position() } else { 0 };
        // The term's positions end in this page, or the page ends in the term's positions.
        let mut end = if last.term() > self.term { u16::MAX } else { 0 };
        if last.term() == self.term {
            end = last.position();
        }
        match seek {
            // The next page starts above the position that was asked for.
            Seek::AtOrBefore(asked) => end = max(end, Posting::from_key(asked)?.position()),
            Seek::After(_) => {
                start = self.known.as_ref().map_or(start, |known| known.end().saturating_add(1));
                if key.term() > self.term {
                    end = u16::MAX;
                }
                // Only in pages that no encoder wrote; a scan must end in those, too.
                end = max(end, start);
            }
        }
        self.positions = positions;
        self.known = Some(start..=end);
        Ok(())
    }

    /// The nearest position at or beyond `from` where the term may stand.
    fn next(&self, from: u16, order: Order) -> Option<u16> {
        let known = match &self.known {
            Some(known) if known.contains(&from) => known,
            _ => return Some(from),
        };
        match order {
            Order::NewestFirst => {
                let found = self.positions.iter().rev().find(|position| **position <= from);
                found.copied().or_else(|| known.start().checked_sub(1))
            }
            Order::OldestFirst => {
                let found = self.positions.iter().find(|position| **position >= from);
                found.copied().or_else(|| known.end().checked_add(1))
            }
        }
    }
}

/// The search of one segment.
#[derive(Debug)]
pub(crate) struct SegmentScan {
    segment: Segment,
    order: Order,
    lists: Vec<TermList>,
    /// The positions still to search, from the one nearest the query's start.
    at: Option<u16>,
    /// The last position to search.
    until: u16,
}

impl SegmentScan {
    /// Searches the seqs of `range` that lie in `segment` for those that carry all `terms`, of
    /// which there is at least one.
    pub(crate) fn new(
        segment: Segment,
        range: &std::ops::Range<u64>,
        terms: &[TermHash],
        order: Order,
    ) -> Self {
        let low = max(range.start, segment.first());
        let high = min(range.end, segment.end()).checked_sub(1).filter(|high| *high >= low);
        let ends = high.and_then(|high| Some((segment.position(low)?, segment.position(high)?)));
        let (at, until) = match (ends, order) {
            (None, _) => (None, 0),
            (Some((low, high)), Order::NewestFirst) => (Some(high), low),
            (Some((low, high)), Order::OldestFirst) => (Some(low), high),
        };
        let lists = terms.iter().map(|term| TermList::new(*term)).collect();
        Self { segment, order, lists, at, until }
    }

    pub(crate) const fn segment(&self) -> Segment {
        self.segment
    }

    /// The pages without which the scan cannot go on, each with the list it is for.
    pub(crate) fn needs(&self) -> Vec<(usize, Seek)> {
        let Some(at) = self.at else { return Vec::new() };
        let unknown = self.lists.iter().enumerate().filter(|(_, list)| !list.knows(at));
        unknown.map(|(index, list)| (index, list.seek(at, self.order))).collect()
    }

    /// Takes the page that was needed for a list.
    pub(crate) fn give(
        &mut self,
        list: usize,
        seek: Seek,
        page: Option<&FoundPage>,
    ) -> Result<(), PostingError> {
        self.lists.get_mut(list).map_or(Ok(()), |list| list.read(seek, page))
    }

    /// Goes on as far as the pages at hand reach. Returns whether the segment is done; where it is
    /// not, either `found` holds `limit` seqs or [`needs`](Self::needs) names a page.
    pub(crate) fn advance(&mut self, found: &mut Vec<u64>, limit: usize) -> bool {
        while let Some(at) = self.at {
            if found.len() >= limit {
                return false;
            }
            if self.lists.iter().any(|list| !list.knows(at)) {
                return false;
            }
            let next = self.lists.iter().map(|list| list.next(at, self.order));
            // The farthest of the lists' next positions; done where one has no further.
            let farthest = next.reduce(|a, b| match self.order {
                Order::NewestFirst => a.zip(b).map(|(a, b)| min(a, b)),
                Order::OldestFirst => a.zip(b).map(|(a, b)| max(a, b)),
            });
            self.at = match farthest.flatten() {
                Some(next) if next == at => {
                    found.push(self.segment.seq(at));
                    self.beyond(at)
                }
                next => next,
            }
            .filter(|next| self.within(*next));
        }
        true
    }

    const fn beyond(&self, position: u16) -> Option<u16> {
        match self.order {
            Order::NewestFirst => position.checked_sub(1),
            Order::OldestFirst => position.checked_add(1),
        }
    }

    const fn within(&self, position: u16) -> bool {
        match self.order {
            Order::NewestFirst => position >= self.until,
            Order::OldestFirst => position <= self.until,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::index::posting::Page;
    use crate::index::segment::{SegmentBuilder, standing};

    fn fetch(pages: &[Page], seek: Seek) -> Option<FoundPage> {
        let page = match seek {
            Seek::After(key) => pages.iter().find(|page| page.first.to_key() > key),
            Seek::AtOrBefore(key) => pages.iter().rev().find(|page| page.first.to_key() <= key),
        };
        page.map(|page| FoundPage { key: page.first.to_key(), bytes: page.bytes.clone() })
    }

    fn scan(pages: &[Page], mut scan: SegmentScan, page_size: usize) -> (Vec<u64>, usize) {
        let (mut all, mut found, mut reads) = (Vec::new(), Vec::new(), 0_usize);
        loop {
            let done = scan.advance(&mut found, page_size);
            all.append(&mut found);
            if done {
                return (all, reads);
            }
            for (list, seek) in scan.needs() {
                let page = fetch(pages, seek);
                assert!(page.is_some() || matches!(seek, Seek::After(_)));
                scan.give(list, seek, page.as_ref()).unwrap();
                reads = usize::saturating_add(reads, 1);
                assert!(reads < 100_000, "the scan goes on for ever");
            }
        }
    }

    /// Three terms of different density in a segment of 65,536, some hidden among others.
    fn pages(sets: &[BTreeSet<u16>]) -> Vec<Page> {
        let segment = standing(65_536)[0];
        let mut builder = SegmentBuilder::new(segment);
        for (term, set) in (0_u8..).zip(sets) {
            for position in set {
                builder.add(u64::from(*position), TermHash::of(&[term]));
            }
        }
        builder.finish()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn a_scan_finds_the_intersection(
            dense in prop::collection::btree_set(0_u16..9_000, 0..6_000),
            middle in prop::collection::btree_set(0_u16..30_000, 0..3_000),
            rare in prop::collection::btree_set(any::<u16>(), 0..50),
            noise in prop::collection::btree_set(any::<u16>(), 0..3_000),
            bounds in (0_u64..70_000, 0_u64..70_000),
            page_size in 1_usize..300,
        ) {
            let sets = [dense, noise.clone(), middle, rare, noise];
            let pages = pages(&sets);
            let range = min(bounds.0, bounds.1)..max(bounds.0, bounds.1);
            for terms in [vec![0], vec![2], vec![3], vec![9], vec![0, 2], vec![2, 0, 3], vec![0, 1, 2]] {
                let empty = BTreeSet::new();
                let set = |term: u8| sets.get(usize::from(term)).unwrap_or(&empty);
                let mut expected: Vec<u64> = (0..=u16::MAX)
                    .filter(|position| terms.iter().all(|term| set(*term).contains(position)))
                    .map(u64::from)
                    .filter(|seq| range.contains(seq))
                    .collect();
                let hashes: Vec<_> = terms.iter().map(|term| TermHash::of(&[*term])).collect();
                for order in [Order::OldestFirst, Order::NewestFirst] {
                    let new = SegmentScan::new(standing(65_536)[0], &range, &hashes, order);
                    prop_assert_eq!(&scan(&pages, new, page_size).0, &expected);
                    expected.reverse();
                }
            }
        }
    }

    #[test]
    fn a_rare_term_spares_the_pages_of_a_common_one() {
        let sets = [(0..=u16::MAX).collect(), BTreeSet::from([7, 40_000])];
        let pages = pages(&sets);
        assert!(pages.len() > 30);
        let hashes = [TermHash::of(&[0]), TermHash::of(&[1])];
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let new = SegmentScan::new(standing(65_536)[0], &(0..65_536), &hashes, order);
            let (found, reads) = scan(&pages, new, 50);
            assert_eq!(found.len(), 2);
            assert!(reads <= 6, "{reads}");
        }
    }
}
