//! Legal holds: as they are placed, and as a chain's own entries place and release them.

use std::collections::BTreeMap;

use crate::canonical::MAX_NAME;
use crate::seq_set::SeqSet;
use crate::{EventView, HoldScope};

/// A legal hold: what may not be destroyed while a matter is open.
///
/// The id and the matter stand in the journal in the clear and for ever: a case number, never a
/// person's name.
///
/// ```
/// use audit_core::{HoldScope, LegalHold};
///
/// let scope = HoldScope::Target { kind: "invoice".to_owned(), id: "inv_7".to_owned() };
/// let hold = LegalHold::new("hold-7", "2026-C-114", scope)?;
/// assert_eq!(hold.id(), "hold-7");
/// assert!(LegalHold::new("", "2026-C-114", HoldScope::Chain).is_err());
/// # Ok::<(), audit_core::LegalHoldError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LegalHold {
    // INVARIANT: every text has 1 to MAX_NAME bytes.
    id: String,
    matter: String,
    scope: HoldScope,
}

impl LegalHold {
    /// A hold under an id of the host's, for a matter, over a scope.
    ///
    /// # Errors
    ///
    /// [`LegalHoldError`] where the id, the matter, or the type or id of a target is empty or has
    /// more than 256 bytes, or the id or the matter has a control character.
    pub fn new(
        id: impl Into<String>,
        matter: impl Into<String>,
        scope: HoldScope,
    ) -> Result<Self, LegalHoldError> {
        let hold = Self { id: id.into(), matter: matter.into(), scope };
        check("id", &hold.id)?;
        check("matter", &hold.matter)?;
        if let HoldScope::Target { kind, id } = &hold.scope {
            // Whatever an event may name can be held.
            length("target's type", kind)?;
            length("target's id", id)?;
        }
        Ok(hold)
    }

    /// The id, by which it is released.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The matter for which it is placed.
    #[must_use]
    pub fn matter(&self) -> &str {
        &self.matter
    }

    /// What it covers.
    #[must_use]
    pub const fn scope(&self) -> &HoldScope {
        &self.scope
    }
}

impl HoldScope {
    /// Whether it takes an event in, of a chain on which it is placed.
    #[must_use]
    pub fn covers(&self, event: &EventView<'_>) -> bool {
        match self {
            Self::Chain => true,
            Self::Subject(subject) => event.private().iter().any(|(of, _)| of == subject),
            Self::Target { kind, id } => {
                event.targets().iter().any(|target| target.kind == *kind && target.id == *id)
            }
        }
    }
}

fn length(what: &'static str, text: &str) -> Result<(), LegalHoldError> {
    if text.is_empty() || text.len() > MAX_NAME {
        return Err(LegalHoldError::Length { what, bytes: text.len(), limit: MAX_NAME });
    }
    Ok(())
}

fn check(what: &'static str, text: &str) -> Result<(), LegalHoldError> {
    length(what, text)?;
    if text.chars().any(char::is_control) {
        return Err(LegalHoldError::Control { what });
    }
    Ok(())
}

/// Why something is no legal hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LegalHoldError {
    /// A control character.
    #[error("the hold's {what} has a control character")]
    Control {
        /// Which text.
        what: &'static str,
    },
    /// Empty or too long.
    #[error("the hold's {what} has {bytes} bytes, allowed are 1 to {limit}")]
    Length {
        /// Which text.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

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

    /// The ids of the holds in force, sorted.
    pub(crate) fn in_force(&self) -> impl Iterator<Item = &str> {
        self.in_force.keys().map(String::as_str)
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
    fn a_hold_names_what_it_is_for() {
        let target = |kind: &str, id: &str| HoldScope::Target { kind: kind.into(), id: id.into() };
        assert!(LegalHold::new("h", "m", target("invoice", "7")).is_ok());
        assert!(LegalHold::new("h", "m", target("record", "what\tan event may name")).is_ok());
        assert!(LegalHold::new("h".repeat(256), "m", HoldScope::Chain).is_ok());
        let length = |what, bytes| Err(LegalHoldError::Length { what, bytes, limit: 256 });
        for (id, matter, scope, error) in [
            ("", "m", HoldScope::Chain, length("id", 0)),
            (&*"h".repeat(257), "m", HoldScope::Chain, length("id", 257)),
            ("h", "", HoldScope::Chain, length("matter", 0)),
            ("h", "m", target("", "7"), length("target's type", 0)),
            ("h", "m", target("invoice", ""), length("target's id", 0)),
            ("h\n", "m", HoldScope::Chain, Err(LegalHoldError::Control { what: "id" })),
        ] {
            assert_eq!(LegalHold::new(id, matter, scope), error, "{id} {matter}");
        }
    }

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
