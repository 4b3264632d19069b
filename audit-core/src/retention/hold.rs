//! The legal holds that a chain's own entries place and release.

use std::collections::BTreeMap;

use crate::seq_set::SeqSet;

/// The holds in force, moved along a chain entry by entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct HoldState {
    in_force: BTreeMap<String, Held>,
    beyond_the_chain: bool,
}

#[derive(Clone, Debug, Default)]
struct Held {
    whole_chain: bool,
    covers: SeqSet,
}

impl HoldState {
    /// A `journal.hold_placed` entry: `covers` are ranges, both ends included. Several entries of
    /// one hold add up.
    pub(crate) fn place(&mut self, hold: &str, whole_chain: bool, covers: &[(u64, u64)]) {
        let held = self.in_force.entry(hold.to_owned()).or_default();
        // A chain's hold covers what comes later too.
        held.whole_chain |= whole_chain;
        for (first, last) in covers {
            held.covers.insert(*first, last.saturating_add(1));
        }
        self.beyond_the_chain |= !whole_chain;
    }

    /// A `journal.hold_released` entry.
    pub(crate) fn release(&mut self, hold: &str) {
        self.in_force.remove(hold);
    }

    /// Whether a hold in force covers this seq.
    pub(crate) fn covers(&self, seq: u64) -> bool {
        self.in_force.values().any(|held| held.whole_chain || held.covers.contains(seq))
    }

    /// Takes out of `set` what a hold in force covers.
    pub(crate) fn spare(&self, set: &mut SeqSet) {
        for held in self.in_force.values() {
            if held.whole_chain {
                *set = SeqSet::default();
                return;
            }
            let parts: Vec<_> =
                set.iter().flat_map(|(start, end)| held.covers.within(start, end)).collect();
            parts.into_iter().for_each(|(start, end)| set.remove(start, end));
        }
    }

    /// Whether a hold was ever placed whose scope takes in records that are sealed later, which
    /// the chain alone cannot show.
    pub(crate) const fn beyond_the_chain(&self) -> bool {
        self.beyond_the_chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_covers_until_it_is_released() {
        let mut holds = HoldState::default();
        assert!(!holds.covers(3));
        holds.place("a", false, &[(2, 4)]);
        holds.place("a", false, &[(8, 8)]);
        holds.place("b", false, &[(4, 5)]);
        let mut set = SeqSet::default();
        set.insert(0, 10);
        holds.spare(&mut set);
        assert_eq!(set.iter().collect::<Vec<_>>(), [(0, 2), (6, 8), (9, 10)]);
        assert!(holds.covers(8) && !holds.covers(9));
        holds.release("a");
        assert!(!holds.covers(8) && holds.covers(4));
        holds.release("b");
        assert!(!holds.covers(4));
        holds.place("c", true, &[]);
        assert!(holds.covers(1_000));
        holds.spare(&mut set);
        assert!(set.iter().next().is_none() && holds.beyond_the_chain());
    }
}
