//! One batch of a pruning: which records go, and what the entry says about it. No I/O.

use std::ops::RangeInclusive;

use audit_core::{MAX_KEPT, SeqRange};

/// So many bytes of records go in one batch at most.
const BYTES: usize = 16 << 20;

/// What is to become of a record that is old enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes.
    Goes,
    /// A hold keeps it.
    Held,
    /// Nothing can excuse its absence.
    Reserved,
}

/// The records of one pruning: those that go from `after` up to `before`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// The first that goes.
    pub(super) after: u64,
    /// The boundary: the first standing one behind the last that goes.
    pub(super) before: u64,
    /// How many go.
    pub(super) count: u64,
    /// Runs of seqs in which nothing stands that stays.
    pub(super) runs: Vec<RangeInclusive<u64>>,
    /// What stays in between, but for what is reserved.
    pub(super) kept: Vec<SeqRange>,
    /// What goes, to be held against the holds once more.
    pub(super) bodies: Vec<String>,
}

/// Gathers a batch from standing records in their order.
#[derive(Debug)]
pub(super) struct Gathering {
    limit: usize,
    batch: Batch,
    bytes: usize,
    /// The first record behind the last that goes.
    next: Option<u64>,
    /// Held ones behind the last that goes.
    held: Option<SeqRange>,
    /// Whether the run of those that go is interrupted.
    interrupted: bool,
}

impl Gathering {
    /// Of so many records at most.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, batch: Batch::default(), bytes: 0, next: None, held: None, interrupted: true }
    }

    fn is_full(&self) -> bool {
        let bodies = self.batch.bodies.len();
        bodies >= self.limit || (bodies > 0 && self.bytes >= BYTES)
    }

    /// Takes the next standing record. False where the batch is whole without it.
    pub(super) fn take(&mut self, seq: u64, fate: Fate, body: String) -> bool {
        let begun = self.batch.count > 0;
        if begun {
            self.next.get_or_insert(seq);
        }
        if self.is_full() {
            return false;
        }
        match fate {
            Fate::Goes => {
                if let Some(held) = self.held {
                    if self.batch.kept.len() >= MAX_KEPT {
                        return false;
                    }
                    self.batch.kept.push(held);
                    self.held = None;
                }
                if !begun {
                    self.batch.after = seq;
                }
                match self.batch.runs.last_mut().filter(|_| !self.interrupted) {
                    Some(run) => *run = *run.start()..=seq,
                    None => self.batch.runs.push(seq..=seq),
                }
                self.interrupted = false;
                self.next = None;
                self.batch.count = self.batch.count.saturating_add(1);
                self.bytes = self.bytes.saturating_add(body.len());
                self.batch.bodies.push(body);
            }
            // Before the first that goes there is nothing to keep anything from.
            Fate::Held if begun => {
                self.interrupted = true;
                self.held = Some((self.held.map_or(seq, |(first, _)| first), seq));
            }
            Fate::Held => {}
            Fate::Reserved => self.interrupted = true,
        }
        true
    }

    /// The batch, with the boundary `last` where nothing stands in between.
    pub(super) fn finish(self, last: u64) -> Option<Batch> {
        let Self { mut batch, next, .. } = self;
        batch.before = next.unwrap_or(last);
        (batch.count > 0).then_some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(limit: usize, fates: &[(u64, Fate)], last: u64) -> (usize, Option<Batch>) {
        let mut gathering = Gathering::new(limit);
        let taken = fates
            .iter()
            .take_while(|(seq, fate)| gathering.take(*seq, *fate, format!("{seq}")))
            .count();
        (taken, gathering.finish(last))
    }

    #[test]
    fn a_batch_names_what_goes_and_what_stays_between() {
        use Fate::{Goes, Held, Reserved};
        // 4 and 9 are absent already.
        let fates = [
            (0, Reserved),
            (1, Held),
            (2, Goes),
            (3, Goes),
            (5, Goes),
            (6, Held),
            (7, Reserved),
            (8, Held),
            (10, Goes),
            (11, Reserved),
            (12, Goes),
            (13, Held),
        ];
        let (taken, batch) = gathered(100, &fates, 20);
        let batch = batch.unwrap();
        assert_eq!(taken, fates.len());
        assert_eq!((batch.after, batch.before, batch.count), (2, 13, 5));
        assert_eq!(batch.runs, [2..=5, 10..=10, 12..=12]);
        assert_eq!(batch.kept, [(6, 8)]);
        assert_eq!(batch.bodies, ["2", "3", "5", "10", "12"]);
    }

    #[test]
    fn a_full_batch_ends_at_the_next_that_stands() {
        use Fate::{Goes, Held};
        let fates = [(1, Goes), (4, Goes), (7, Goes), (8, Goes)];
        let (taken, batch) = gathered(2, &fates, 20);
        let batch = batch.unwrap();
        assert_eq!((taken, batch.before, batch.count), (2, 7, 2));
        assert_eq!(batch.runs, [1..=4]);
        // Nothing behind it: the boundary that was found before.
        let (_, batch) = gathered(9, &fates, 20);
        assert_eq!(batch.unwrap().before, 20);
        assert_eq!(gathered(9, &[(1, Held)], 20), (1, None));
        assert_eq!(gathered(9, &[], 20), (0, None));
    }

    #[test]
    fn a_batch_names_no_more_ranges_than_an_entry_may() {
        let fates: Vec<_> = (0..10_000_u64)
            .map(|seq| (seq, if seq.is_multiple_of(2) { Fate::Goes } else { Fate::Held }))
            .collect();
        let (taken, batch) = gathered(100_000, &fates, 20_000);
        let batch = batch.unwrap();
        assert_eq!(batch.kept.len(), MAX_KEPT);
        let last = *batch.runs.last().unwrap().end();
        assert_eq!((batch.before, taken), (last + 1, usize::try_from(last).unwrap() + 2));
        assert!(batch.kept.iter().all(|(_, kept)| *kept < batch.before));
    }
}
