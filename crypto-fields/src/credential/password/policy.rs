//! How much work a password is worth, and how much of it at once.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use super::PasswordError;

/// The cost of one Argon2 hash: RFC 9106's `m` (memory in KiB), `t` (passes) and `p` (lanes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    // INVARIANT: what Argon2 accepts.
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl PasswordCost {
    /// OWASP's minimum and Argon2's default here: 19 MiB, two passes, one lane.
    pub const OWASP: Self = Self { memory_kib: 19_456, passes: 2, lanes: 1 };
    /// The second choice of RFC 9106 section 4, for less memory: 64 MiB, three passes, four lanes.
    pub const RFC_9106_LOW_MEMORY: Self = Self { memory_kib: 65_536, passes: 3, lanes: 4 };

    /// Another cost.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Cost`] for what Argon2 does not know: no pass, no lane, or less than 8 KiB
    /// of memory per lane.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, PasswordError> {
        argon2::Params::new(memory_kib, passes, lanes, None).map_err(|_| PasswordError::Cost)?;
        Ok(Self { memory_kib, passes, lanes })
    }

    /// Memory in KiB.
    #[must_use]
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes.
    #[must_use]
    pub const fn lanes(self) -> u32 {
        self.lanes
    }

    /// Whether no part of it is above the limit's.
    pub(super) const fn is_within(self, limit: Self) -> bool {
        self.memory_kib <= limit.memory_kib
            && self.passes <= limit.passes
            && self.lanes <= limit.lanes
    }

    /// Whether less work went into a hash than `wanted`. Lanes divide work, they add none.
    pub(super) const fn is_below(self, wanted: Self) -> bool {
        self.memory_kib < wanted.memory_kib || self.passes < wanted.passes
    }

    pub(super) fn at_least(self, other: Self) -> Self {
        Self {
            memory_kib: std::cmp::max(self.memory_kib, other.memory_kib),
            passes: std::cmp::max(self.passes, other.passes),
            lanes: std::cmp::max(self.lanes, other.lanes),
        }
    }
}

/// What a [`PasswordHasher`](crate::PasswordHasher) does and refuses.
///
/// The default: OWASP's cost; as many hashes at once as there are processors, 64 more waiting;
/// passwords of at most 1024 bytes; stored hashes of at most 128 MiB, 16 passes and 16 lanes, or a
/// bcrypt cost of 14.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordPolicy {
    /// The cost of new hashes. Stored ones with less are replaced at the next login.
    pub cost: PasswordCost,
    /// The most that checking a stored hash may cost: whoever can write a hash must not be able to
    /// stop the server with it. Never below `cost`.
    pub limit: PasswordCost,
    /// The highest bcrypt cost that is checked. Each step doubles the time.
    pub bcrypt_limit: u32,
    /// How many are hashed at once.
    pub concurrency: NonZeroUsize,
    /// How many may wait for their turn.
    pub max_waiting: usize,
    /// The longest password in bytes. Longer ones are refused before any work.
    pub max_length: usize,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            cost: PasswordCost::OWASP,
            limit: PasswordCost { memory_kib: 131_072, passes: 16, lanes: 16 },
            bcrypt_limit: 14,
            concurrency: available_parallelism().unwrap_or(NonZeroUsize::MIN),
            max_waiting: 64,
            max_length: 1024,
        }
    }
}

impl PasswordPolicy {
    /// The policy with another cost of new hashes, and the limit raised to it.
    #[must_use]
    pub fn cost(mut self, cost: PasswordCost) -> Self {
        self.cost = cost;
        self.limit = self.limit.at_least(cost);
        self
    }

    /// The policy with another limit for stored hashes, raised to the cost of new ones.
    #[must_use]
    pub fn limit(mut self, limit: PasswordCost) -> Self {
        self.limit = limit.at_least(self.cost);
        self
    }

    /// The policy with another limit for the cost of stored bcrypt hashes.
    #[must_use]
    pub const fn bcrypt_limit(mut self, cost: u32) -> Self {
        self.bcrypt_limit = cost;
        self
    }

    /// The policy with so many hashes at once and so many waiting.
    #[must_use]
    pub const fn concurrency(mut self, at_once: NonZeroUsize, waiting: usize) -> Self {
        self.concurrency = at_once;
        self.max_waiting = waiting;
        self
    }

    /// The policy with another limit for the length of a password.
    #[must_use]
    pub const fn max_length(mut self, bytes: usize) -> Self {
        self.max_length = bytes;
        self
    }
}
