//! A set of seqs kept as ranges: what stays small where whole stretches are in it.

use std::collections::BTreeMap;

/// A set of seqs.
// INVARIANT: start -> end (not included); never empty, never touching.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SeqSet {
    ranges: BTreeMap<u64, u64>,
}

impl SeqSet {
    /// Adds the seqs from `start` up to `end`, not included.
    pub(crate) fn insert(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        let (mut start, mut end) = (start, end);
        // Everything that begins at or before the new end and reaches the new start is swallowed.
        while let Some((first, last)) = self.ranges.range(..=end).next_back() {
            let (first, last) = (*first, *last);
            if last < start {
                break;
            }
            self.ranges.remove(&first);
            start = std::cmp::min(start, first);
            end = std::cmp::max(end, last);
        }
        self.ranges.insert(start, end);
    }

    pub(crate) fn remove(&mut self, start: u64, end: u64) {
        let touched: Vec<_> = self.within(start, end).collect();
        for (first, last) in touched {
            // The whole range that this piece is part of is cut in up to two.
            let Some((whole, whole_end)) = self.ranges.range(..=first).next_back() else {
                continue;
            };
            let (whole, whole_end) = (*whole, *whole_end);
            self.ranges.remove(&whole);
            if whole < first {
                self.ranges.insert(whole, first);
            }
            if last < whole_end {
                self.ranges.insert(last, whole_end);
            }
        }
    }

    pub(crate) fn contains(&self, seq: u64) -> bool {
        self.ranges.range(..=seq).next_back().is_some_and(|(_, end)| seq < *end)
    }

    /// All ranges, ascending, ends not included.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.iter().map(|(start, end)| (*start, *end))
    }

    /// The parts that lie between `start` and `end`, not included.
    pub(crate) fn within(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> {
        let before = self.ranges.range(..start).next_back();
        let after = self.ranges.range(start..std::cmp::max(start, end));
        before.into_iter().chain(after).filter_map(move |(first, last)| {
            let part = (std::cmp::max(*first, start), std::cmp::min(*last, end));
            (part.0 < part.1).then_some(part)
        })
    }

    /// The parts between `start` and `end`, not included, that are not in the set.
    pub(crate) fn gaps(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let mut next = start;
        for (first, last) in self.within(start, end) {
            if next < first {
                gaps.push((next, first));
            }
            next = last;
        }
        if next < end {
            gaps.push((next, end));
        }
        gaps
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        other.iter().for_each(|(start, end)| self.insert(start, end));
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_set_it_stands_for(
            changes in prop::collection::vec((any::<bool>(), 0_u64..60, 0_u64..20), 0..30),
            start in 0_u64..70, width in 0_u64..40,
        ) {
            let (mut set, mut model) = (SeqSet::default(), BTreeSet::new());
            for (add, first, width) in changes {
                if add {
                    set.insert(first, first + width);
                    model.extend(first..first + width);
                } else {
                    set.remove(first, first + width);
                    model.retain(|seq| !(first..first + width).contains(seq));
                }
                // Ranges never touch and are never empty.
                let ranges: Vec<_> = set.iter().collect();
                prop_assert!(ranges.iter().all(|(start, end)| start < end));
                prop_assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
                prop_assert_eq!(ranges.iter().flat_map(|(s, e)| *s..*e).collect::<BTreeSet<_>>(), model.clone());
            }
            let end = start + width;
            prop_assert_eq!(set.contains(start), model.contains(&start));
            let within: Vec<_> = set.within(start, end).flat_map(|(s, e)| s..e).collect();
            let gaps: Vec<_> = set.gaps(start, end).into_iter().flat_map(|(s, e)| s..e).collect();
            prop_assert_eq!(within, (start..end).filter(|s| model.contains(s)).collect::<Vec<_>>());
            prop_assert_eq!(gaps, (start..end).filter(|s| !model.contains(s)).collect::<Vec<_>>());
        }
    }
}
