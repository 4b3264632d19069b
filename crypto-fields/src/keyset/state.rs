//! The states of a key, and which follows which.

use std::fmt;

/// Where a key stands in its life.
///
/// ```text
/// Pending -> Primary -> DecryptOnly -> Disabled -> Destroyed
///    |          ^            |  ^          |
///    +----------|------------+  +----------+
/// ```
///
/// Nothing skips: a key waits as [`Pending`](Self::Pending) until every process has loaded it,
/// a primary steps down only when another takes its place, and only a disabled key that nothing is
/// sealed under any more is destroyed. A key may also be *compromised*, which is no state of its
/// own but a mark beside it.
///
/// | state | seals | opens | NIST SP 800-57 |
/// |---|---|---|---|
/// | `Pending` | no | yes | pre-activation |
/// | `Primary` | yes | yes | active |
/// | `DecryptOnly` | no | yes | deactivated |
/// | `Disabled` | no | no | suspended |
/// | `Destroyed` | no | never again | destroyed |
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// Opens only; being spread to every process before the first value is sealed under it.
    Pending,
    /// The one of its group that seals.
    Primary,
    /// Opens what it sealed before.
    DecryptOnly,
    /// Opens nothing. Can be enabled again: a last look before destruction.
    Disabled,
    /// Gone for ever. The id stays, so that it is never given again and is known for destroyed.
    Destroyed,
}

impl KeyState {
    /// Every state, in the order of a key's life.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Primary, Self::DecryptOnly, Self::Disabled, Self::Destroyed];

    /// The name by which it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Primary => "primary",
            Self::DecryptOnly => "decrypt-only",
            Self::Disabled => "disabled",
            Self::Destroyed => "destroyed",
        }
    }

    /// The state of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether values are sealed under a key in this state.
    #[must_use]
    pub const fn seals(self) -> bool {
        matches!(self, Self::Primary)
    }

    /// Whether values are opened with a key in this state.
    #[must_use]
    pub const fn opens(self) -> bool {
        matches!(self, Self::Pending | Self::Primary | Self::DecryptOnly)
    }

    /// Whether `next` may follow at all; what else it takes is up to the transition.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Pending, Self::Primary | Self::DecryptOnly)
                | (Self::Primary, Self::DecryptOnly)
                | (Self::DecryptOnly, Self::Disabled)
                | (Self::Disabled, Self::DecryptOnly | Self::Destroyed)
        )
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_skips_and_nothing_comes_back_from_destruction() {
        let allowed: Vec<_> = KeyState::ALL
            .into_iter()
            .flat_map(|from| KeyState::ALL.map(|to| (from, to)))
            .filter(|(from, to)| from.may_become(*to))
            .collect();
        assert_eq!(
            allowed,
            [
                (KeyState::Pending, KeyState::Primary),
                (KeyState::Pending, KeyState::DecryptOnly),
                (KeyState::Primary, KeyState::DecryptOnly),
                (KeyState::DecryptOnly, KeyState::Disabled),
                (KeyState::Disabled, KeyState::DecryptOnly),
                (KeyState::Disabled, KeyState::Destroyed),
            ]
        );
    }

    #[test]
    fn only_the_primary_seals_and_a_disabled_key_opens_nothing() {
        for state in KeyState::ALL {
            assert_eq!(state.seals(), state == KeyState::Primary);
            assert_eq!(state.opens(), state < KeyState::Disabled);
            assert_eq!(KeyState::from_name(state.name()), Some(state));
        }
    }
}
