//! Segments: runs of entries that are posted together, and their postings as pages.
//!
//! A chain's posted entries are covered without a gap by segments of three widths, aligned to
//! their width, widest first: each time 256 more entries are posted they become a segment, and
//! sixteen neighbours of one width become one of the next. So a look-up touches few segments, and
//! writing stays sequential: a posting is written three times at most, ten or so bytes per entry
//! each time. Which segments stand is a function of the watermark alone, and what is in them one
//! of the entries' bytes.

use crate::index::posting::{Page, Posting, PostingError, TermHash, decode, encode};

/// Entries in a segment of each level.
const WIDTHS: [u64; 3] = [256, 4_096, 65_536];

/// How many widths there are.
pub(crate) const LEVELS: u8 = 3;

/// The watermark moves by this many entries, a segment of the lowest level.
pub(crate) const SEGMENT_ENTRIES: u64 = 256;

/// The longest run that is posted in one step: a segment of the highest level.
pub(crate) const STEP_ENTRIES: u64 = 65_536;

/// A run of entries that is posted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Segment {
    // INVARIANT: `level` is an index of WIDTHS and the last seq fits.
    first: u64,
    level: u8,
}

impl Segment {
    /// The level: 0 for 256 entries, 1 for 4,096, 2 for 65,536.
    pub(crate) const fn level(self) -> u8 {
        self.level
    }

    /// How many segments of its level lie below it.
    pub(crate) fn block(self) -> u64 {
        self.first.checked_div(self.width()).unwrap_or(0)
    }

    /// The first seq.
    pub(crate) const fn first(self) -> u64 {
        self.first
    }

    /// The seq after the last one.
    pub(crate) fn end(self) -> u64 {
        self.first.saturating_add(self.width())
    }

    fn width(self) -> u64 {
        // The invariant makes the fall-back unreachable.
        WIDTHS.get(usize::from(self.level)).copied().unwrap_or(SEGMENT_ENTRIES)
    }

    /// Where `seq` stands in this segment, if it does.
    pub(crate) fn position(self, seq: u64) -> Option<u16> {
        let offset = seq.checked_sub(self.first)?;
        if seq < self.end() { u16::try_from(offset).ok() } else { None }
    }

    /// The seq at `position`.
    pub(crate) fn seq(self, position: u16) -> u64 {
        self.first.saturating_add(u64::from(position))
    }
}

/// The segments that cover a chain's first `upto` entries, in order. What is above the last
/// multiple of 256 is not covered.
pub(crate) fn standing(upto: u64) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut first = 0_u64;
    for (level, width) in (0..LEVELS).zip(WIDTHS).rev() {
        while first.saturating_add(width) <= upto {
            segments.push(Segment { first, level });
            first = first.saturating_add(width);
        }
    }
    segments
}

/// How posting moves from one watermark to another: the segments that go and those that come.
pub(crate) fn step(from: u64, to: u64) -> (Vec<Segment>, Vec<Segment>) {
    let (before, after) = (standing(from), standing(to));
    let shared = before.iter().zip(&after).take_while(|(old, new)| old == new).count();
    (before.into_iter().skip(shared).collect(), after.into_iter().skip(shared).collect())
}

/// The farthest watermark that one step from `from` may reach: the next boundary of the widest
/// segments, so that a step's memory is bounded.
pub(crate) fn farthest(from: u64) -> u64 {
    let offset = from.checked_rem(STEP_ENTRIES).unwrap_or(0);
    from.saturating_sub(offset).saturating_add(STEP_ENTRIES)
}

/// Gathers the postings of one segment, from entries or from the narrower segments it replaces.
#[derive(Debug)]
pub(crate) struct SegmentBuilder {
    segment: Segment,
    postings: Vec<Posting>,
}

impl SegmentBuilder {
    pub(crate) const fn new(segment: Segment) -> Self {
        Self { segment, postings: Vec::new() }
    }

    pub(crate) const fn segment(&self) -> Segment {
        self.segment
    }

    /// Posts a term of the entry `seq`; of an entry outside the segment, nothing.
    pub(crate) fn add(&mut self, seq: u64, term: TermHash) {
        if let Some(position) = self.segment.position(seq) {
            self.postings.push(term.at(position));
        }
    }

    /// Takes a page of `other` over: all of it that lies in this segment.
    pub(crate) fn absorb(&mut self, other: Segment, page: &[u8]) -> Result<(), PostingError> {
        for posting in decode(page) {
            let posting = posting?;
            self.add(other.seq(posting.position()), posting.term());
        }
        Ok(())
    }

    /// Sorts what was gathered so far.
    pub(crate) fn sort(&mut self) {
        self.postings.sort();
    }

    /// Takes what another builder of the same segment has gathered.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.postings.append(&mut other.postings);
    }

    /// Forgets what `keep` refuses.
    pub(crate) fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        let segment = self.segment;
        self.postings.retain(|posting| keep(segment.seq(posting.position())));
    }

    /// The segment's pages. The same postings give the same bytes, in whatever order they came.
    pub(crate) fn finish(mut self) -> Vec<Page> {
        // Stable sorting is the faster one here: what is merged are sorted runs.
        self.postings.sort();
        self.postings.dedup();
        encode(&self.postings)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn segments_cover_what_is_posted() {
        for upto in (0..200_000).step_by(251).chain([255, 256, 4_096, 65_536, 1_000_000]) {
            let segments = standing(upto);
            let mut next = 0;
            for segment in &segments {
                assert_eq!(segment.first(), next);
                assert_eq!(segment.first() % (segment.end() - segment.first()), 0);
                next = segment.end();
            }
            assert_eq!(next, upto / 256 * 256);
            assert!(segments.len() <= usize::try_from(upto / 65_536).unwrap() + 30);
        }
    }

    #[test]
    fn a_step_replaces_what_the_new_segments_cover() {
        let (gone, new) = step(65_536 - 256, 65_536);
        assert_eq!(gone.len(), 30);
        assert_eq!(new.iter().map(|s| (s.level(), s.block())).collect::<Vec<_>>(), [(2, 0)]);
        let (gone, new) = step(65_536, 65_536 + 512);
        assert!(gone.is_empty());
        assert_eq!(
            new.iter().map(|s| (s.level(), s.block())).collect::<Vec<_>>(),
            [(0, 256), (0, 257)]
        );
        assert_eq!(farthest(0), 65_536);
        assert_eq!(farthest(65_536), 131_072);
        assert_eq!(farthest(65_280), 65_536);
    }

    fn built(segment: Segment, entries: &[(u64, TermHash)]) -> Vec<Page> {
        let mut builder = SegmentBuilder::new(segment);
        for (seq, term) in entries {
            builder.add(*seq, *term);
        }
        builder.finish()
    }

    proptest! {
        #[test]
        fn merged_segments_are_those_built_at_once(
            entries in prop::collection::vec((0_u64..4_096, 0_u8..40), 0..3_000)
        ) {
            let entries: Vec<_> = entries
                .into_iter()
                .map(|(seq, term)| (seq, TermHash::of(&[term])))
                .collect();
            let [wide] = <[Segment; 1]>::try_from(standing(4_096)).unwrap();
            let mut merged = SegmentBuilder::new(wide);
            for narrow in standing(4_095) {
                for page in built(narrow, &entries) {
                    merged.absorb(narrow, &page.bytes).unwrap();
                }
            }
            // The last 256 come from entries.
            for (seq, term) in entries.iter().filter(|(seq, _)| *seq >= 3_840) {
                merged.add(*seq, *term);
            }
            prop_assert_eq!(merged.finish(), built(wide, &entries));
        }
    }
}
