//! Ascending seqs and ranges of seqs in a few bytes each, for what there may be millions of.

/// Appends a number, seven bits a byte.
fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// Reads numbers back.
#[derive(Clone, Debug)]
struct Varints<'a>(std::slice::Iter<'a, u8>);

impl Iterator for Varints<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        let mut shift = 0_u32;
        loop {
            let byte = *self.0.next()?;
            number |= u64::from(byte & 0x7f).unbounded_shl(shift);
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift = shift.saturating_add(7);
        }
    }
}

/// Ascending seqs, each as often as it was given: a byte or two each.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeqList {
    bytes: Vec<u8>,
    last: u64,
}

impl SeqList {
    /// Adds a seq that is not below any in the list.
    pub(crate) fn push(&mut self, seq: u64) {
        push_varint(&mut self.bytes, seq.saturating_sub(self.last));
        self.last = seq;
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        Varints(self.bytes.iter()).scan(0_u64, |seq, delta| {
            *seq = seq.saturating_add(delta);
            Some(*seq)
        })
    }
}

/// Ascending ranges of seqs: a few bytes each.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeqRuns {
    bytes: Vec<u8>,
    /// Where the last range that has been written ended.
    written: u64,
    /// The range that may still grow, end not included.
    open: Option<(u64, u64)>,
    len: u64,
    /// How many ranges are written, and where every so-manieth begins: seq before it and byte.
    ranges: usize,
    marks: Vec<(u64, usize)>,
}

/// Ranges from one mark to the next.
const MARK: usize = 128;

impl SeqRuns {
    /// Adds a seq above all others.
    pub(crate) fn push(&mut self, seq: u64) {
        self.len = self.len.saturating_add(1);
        let end = seq.saturating_add(1);
        match &mut self.open {
            Some((_, last)) if *last == seq => *last = end,
            open => {
                if let Some((start, last)) = open.replace((seq, end)) {
                    if self.ranges.is_multiple_of(MARK) {
                        self.marks.push((self.written, self.bytes.len()));
                    }
                    self.ranges = self.ranges.saturating_add(1);
                    push_varint(&mut self.bytes, start.saturating_sub(self.written));
                    push_varint(&mut self.bytes, last.saturating_sub(start));
                    self.written = last;
                }
            }
        }
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// The ranges, ends not included.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.iter_from(0, 0).chain(self.open)
    }

    fn iter_from(&self, mut at: u64, byte: usize) -> impl Iterator<Item = (u64, u64)> {
        let mut numbers = Varints(self.bytes.get(byte..).unwrap_or_default().iter());
        std::iter::from_fn(move || {
            let start = at.saturating_add(numbers.next()?);
            at = start.saturating_add(numbers.next()?);
            Some((start, at))
        })
    }

    /// Whether a seq is in one of the ranges. Looks at a bounded number of them.
    pub(crate) fn contains(&self, seq: u64) -> bool {
        let within = |(start, end): (u64, u64)| (start..end).contains(&seq);
        if self.open.is_some_and(within) {
            return true;
        }
        // The last mark whose ranges begin at or below the seq.
        let after = self.marks.partition_point(|(before, _)| *before <= seq);
        let mark = after.checked_sub(1).and_then(|i| self.marks.get(i));
        mark.is_some_and(|(before, byte)| self.iter_from(*before, *byte).take(MARK).any(within))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_and_runs_give_back_what_they_were_given(
            mut seqs in prop::collection::vec(
                prop_oneof![0_u64..2000, any::<u64>().prop_map(|n| n / 2)], 0..900
            ),
            probe in 0_u64..2000,
        ) {
            seqs.sort_unstable();
            let mut list = SeqList::default();
            seqs.iter().for_each(|seq| list.push(*seq));
            prop_assert_eq!(list.iter().collect::<Vec<_>>(), seqs.clone());
            prop_assert_eq!(list.is_empty(), seqs.is_empty());

            let set: BTreeSet<u64> = seqs.into_iter().collect();
            let mut runs = SeqRuns::default();
            set.iter().for_each(|seq| runs.push(*seq));
            prop_assert_eq!(runs.len(), set.len() as u64);
            prop_assert_eq!(runs.contains(probe), set.contains(&probe));
            let ranges: Vec<_> = runs.iter().collect();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
            prop_assert_eq!(ranges.into_iter().flat_map(|(s, e)| s..e).collect::<BTreeSet<_>>(), set);
        }
    }
}
