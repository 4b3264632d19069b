//! The rows that are not settled yet, and which of them the evidence around them speaks against.
//!
//! A row's neighbours are evidence: the next entry's `prev` names its hash, its own `prev` names
//! the hash before. A stored tile, where there is one, decides who of two neighbours is wrong.
//! Without one, an entry whose links are broken on both sides is the altered one (its `prev` and
//! its bytes), and one whose only broken link is to the next is altered in what that names.

use std::collections::VecDeque;

use super::summary::{BlockSummary, Oddity, Row};
use crate::LeafHash;

/// How many hashes back an entry's `prev` is looked for where it does not name the one before.
const RECENT: usize = 4096;

/// How many such searches are made: a ruined journal is not worth more.
const SEARCHES: u32 = 10_000;

/// A tile, and the rows that must be known after it.
const NEAR: u64 = 258;

/// What an entry's `prev` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// There is nothing to compare: no entry, or no hash before it.
    Unknown,
    /// The hash of the entry before.
    Sound,
    /// Another hash.
    Broken,
    /// The hash of this earlier entry.
    Forked(u64),
}

/// What the evidence says about one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing against it.
    None,
    /// Its bytes hash to something else than a tile, or the next entry, has for them.
    Altered,
    /// It is the entry of another place.
    Reordered(u64),
}

/// Rows from `base` on, each with its link to the row before.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) base: u64,
    rows: Vec<Row>,
    links: Vec<Link>,
    oddities: VecDeque<(u64, Oddity)>,
    /// The row before `base`, and its link and fault.
    before: Option<(Row, Link)>,
    recent: VecDeque<LeafHash>,
    searches: u32,
    /// Where of the last two entries the evidence cannot say which is altered, what other
    /// evidence says: see [`Blame`].
    pub(crate) blame: Option<Blame>,
}

/// Which of the last two entries is wrong where the last one's `prev` is not the hash of the one
/// before, and nothing after them tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    Both,
    First,
    Second,
}

impl Window {
    pub(crate) fn new() -> Self {
        Self {
            base: 0,
            rows: Vec::new(),
            links: Vec::new(),
            oddities: VecDeque::new(),
            before: None,
            recent: VecDeque::new(),
            searches: 0,
            blame: None,
        }
    }

    /// How many rows wait.
    pub(crate) const fn len(&self) -> usize {
        self.rows.len()
    }

    /// The seq after the last row.
    pub(crate) fn end(&self) -> u64 {
        self.base.saturating_add(u64::try_from(self.rows.len()).unwrap_or(u64::MAX))
    }

    pub(crate) fn append(&mut self, summary: &mut BlockSummary) {
        self.rows.reserve(summary.rows.len());
        self.links.reserve(summary.rows.len());
        for row in std::mem::take(&mut summary.rows) {
            self.push(row);
        }
        self.oddities.extend(std::mem::take(&mut summary.oddities));
    }

    pub(crate) fn push(&mut self, row: Row) {
        let seq = self.end();
        let link = self.link(seq, &row);
        self.rows.push(row);
        self.links.push(link);
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(row.leaf);
    }

    fn link(&mut self, seq: u64, row: &Row) -> Link {
        if !row.is(Row::PARSED) {
            return Link::Unknown;
        }
        let before = match self.rows.last_mut() {
            Some(before) => Some(before),
            None => self.before.as_mut().map(|(before, _)| before),
        };
        match before {
            None if seq == 0 && row.prev == LeafHash::ZERO => return Link::Sound,
            None => {}
            Some(before) if before.leaf == row.prev && before.is(Row::HASHED) => {
                return Link::Sound;
            }
            Some(before) if !before.is(Row::HASHED) => {
                // Nothing else has the hash of what is absent there.
                if !row.is(Row::MISPLACED) {
                    before.leaf = row.prev;
                    before.flags |= Row::HASHED;
                    if let Some(recent) = self.recent.back_mut() {
                        *recent = row.prev;
                    }
                }
                return Link::Unknown;
            }
            Some(_) => {}
        }
        if row.prev == LeafHash::ZERO || self.searches >= SEARCHES {
            return Link::Broken;
        }
        self.searches = self.searches.saturating_add(1);
        // The hash right before is not it; that of an entry further back is a fork.
        let back = (1_u64..).zip(self.recent.iter().rev()).find(|(_, leaf)| **leaf == row.prev);
        back.map_or(Link::Broken, |(back, _)| Link::Forked(seq.saturating_sub(back)))
    }

    /// The row at `i` places after the base.
    pub(crate) fn row(&self, i: usize) -> Option<&Row> {
        self.rows.get(i)
    }

    pub(crate) fn rows(&self, count: usize) -> &[Row] {
        self.rows.get(..count).unwrap_or(&self.rows)
    }

    pub(crate) fn link_at(&self, i: usize) -> Link {
        self.links.get(i).copied().unwrap_or(Link::Unknown)
    }

    fn row_before(&self, i: usize) -> Option<&Row> {
        match i.checked_sub(1) {
            Some(i) => self.rows.get(i),
            None => self.before.as_ref().map(|(row, _)| row),
        }
    }

    /// The stored hash or the claimed seq of the row at `i`.
    pub(crate) fn oddities(&self, i: usize) -> impl Iterator<Item = Oddity> {
        let seq = self.base.saturating_add(u64::try_from(i).unwrap_or(u64::MAX));
        let start = self.oddities.partition_point(|(of, _)| *of < seq);
        self.oddities.range(start..).take_while(move |(of, _)| *of == seq).map(|(_, odd)| *odd)
    }

    /// The hash that a stored tile has instead of the row's.
    pub(crate) fn stored(&self, i: usize) -> Option<LeafHash> {
        self.oddities(i).find_map(|odd| match odd {
            Oddity::Stored(leaf) => Some(leaf),
            Oddity::Claims(_) => None,
        })
    }

    /// The hash that the entry after the row at `i` names, if it is not the row's.
    pub(crate) fn named(&self, i: usize) -> Option<LeafHash> {
        let next = i.saturating_add(1);
        let row = self.rows.get(next).filter(|_| self.link_at(next) == Link::Broken);
        row.map(|row| row.prev)
    }

    /// Whether nothing at all is odd about the row at `i` and its neighbours' links.
    pub(crate) fn is_plain(&self, i: usize) -> bool {
        const ODD: u8 = Row::CONTRADICTED | Row::MISPLACED | Row::WITHHELD;
        let next = i.saturating_add(1);
        let sound = |i| match self.link_at(i) {
            Link::Sound => true,
            Link::Unknown => i >= self.rows.len(),
            _ => false,
        };
        self.rows.get(i).is_some_and(|row| {
            row.is(Row::PRESENT | Row::PARSED | Row::HASHED) && row.flags & ODD == 0
        }) && sound(i)
            && sound(next)
    }

    /// What the evidence says about the row at `i`. Two rows after it must be known, unless there
    /// are none.
    pub(crate) fn fault(&self, i: usize) -> Fault {
        let Some(row) = self.rows.get(i) else { return Fault::None };
        if let Some(claims) = self.reordered(i) {
            return Fault::Reordered(claims);
        }
        if self.is_altered(i, row) { Fault::Altered } else { Fault::None }
    }

    /// The place that the row's entry belongs to, where that is another and its link to the entry
    /// before does not hold (else only the number was altered).
    fn reordered(&self, i: usize) -> Option<u64> {
        let row = self.rows.get(i)?;
        if !row.is(Row::MISPLACED) || self.link_at(i) == Link::Sound {
            return None;
        }
        self.oddities(i).find_map(|odd| match odd {
            Oddity::Claims(seq) => Some(seq),
            Oddity::Stored(_) => None,
        })
    }

    fn is_altered(&self, i: usize, row: &Row) -> bool {
        if row.flags & (Row::CONTRADICTED | Row::VOUCHED) != 0 {
            return row.is(Row::CONTRADICTED);
        }
        let (after, next) = (i.saturating_add(2), i.saturating_add(1));
        let broken = |i| self.link_at(i) == Link::Broken;
        let last = self.rows.len();
        if broken(next) {
            // The last two: see `Blame`.
            if after == last && self.blame == Some(Blame::Second) {
                return false;
            }
            let next_row = self.rows.get(next);
            let next_is = |flag| next_row.is_some_and(|row| row.is(flag));
            if next_is(Row::VOUCHED) {
                return true;
            }
            // The next entry is itself altered or out of place: its `prev` says nothing.
            if next_is(Row::CONTRADICTED) || self.reordered(next).is_some() {
                return false;
            }
            return broken(i) || !broken(after);
        }
        // Its `prev` contradicts a hash that a tile vouches for, and nothing stands by it.
        let before_is = |flag| self.row_before(i).is_some_and(|row| row.is(flag));
        let alone = self.link_at(next) != Link::Sound;
        broken(i) && alone && (before_is(Row::VOUCHED) || self.blames_the_last(i))
    }

    fn blames_the_last(&self, i: usize) -> bool {
        i.saturating_add(1) == self.rows.len() && self.blame == Some(Blame::Second)
    }

    /// Whether nothing but the link between the last two entries says that one of them is altered.
    pub(crate) fn ambiguous_end(&self) -> Option<usize> {
        let last = self.rows.len().checked_sub(1)?;
        let first = last.checked_sub(1)?;
        let decided = Row::VOUCHED | Row::CONTRADICTED | Row::MISPLACED;
        let undecided = |i| self.rows.get(i).is_some_and(|row: &Row| row.flags & decided == 0);
        let single = self.link_at(last) == Link::Broken && self.link_at(first) != Link::Broken;
        (single && undecided(first) && undecided(last)).then_some(first)
    }

    /// Whether the broken link to the row at `i` is held against one of its two entries.
    pub(crate) fn is_explained(&self, i: usize, before: Fault) -> bool {
        before != Fault::None || self.fault(i) != Fault::None
    }

    /// The hash of the entry that says that the place `seq` is its own, if that is among the rows
    /// which are certainly known when the first tile is settled.
    pub(crate) fn claimed_by(&self, seq: u64) -> Option<LeafHash> {
        let known = self.base.saturating_add(NEAR);
        let mut near = self.oddities.iter().take_while(|(place, _)| *place < known);
        let (place, _) =
            near.find(|(_, odd)| matches!(odd, Oddity::Claims(claims) if *claims == seq))?;
        let i = usize::try_from(place.checked_sub(self.base)?).ok()?;
        self.rows.get(i).map(|row| row.leaf)
    }

    /// Forgets the first `count` rows.
    pub(crate) fn settle(&mut self, count: usize) {
        let count = std::cmp::min(count, self.rows.len());
        if let Some(last) = count.checked_sub(1) {
            self.before = self.rows.get(last).map(|row| (*row, self.link_at(last)));
        }
        self.rows.drain(..count);
        self.links.drain(..count);
        self.base = self.base.saturating_add(u64::try_from(count).unwrap_or(0));
        while self.oddities.front().is_some_and(|(seq, _)| *seq < self.base) {
            self.oddities.pop_front();
        }
    }
}
