//! What to prune, and what came of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use audit_core::{Actor, ChainId, Timestamp};

use crate::append::Receipt;
use crate::erasure::Residue;

/// What a sweep does. Every default is a constant of this type.
#[derive(Clone)]
pub struct PruneOptions {
    pub(super) actor: Actor,
    pub(super) tenant: Option<String>,
    pub(super) now: Option<Timestamp>,
    pub(super) dry_run: bool,
    pub(super) batch: usize,
    pub(super) trust_clock: bool,
    pub(super) progress: Option<ProgressCallback>,
}

type ProgressCallback = Arc<dyn Fn(PruneProgress) + Send + Sync>;

impl PruneOptions {
    /// How many records go in one transaction: 8,192.
    pub const BATCH: usize = 8_192;
    /// How much later than the newest entry of the journal the clock may be: 31 days.
    pub const MAX_AHEAD: Duration = Duration::from_hours(31 * 24);
    /// How much earlier than the newest entry of the journal the clock may be: a day.
    pub const MAX_BEHIND: Duration = Duration::from_hours(24);

    /// Prunes all chains of all tenants by the journal's clock, on behalf of the journal itself.
    #[must_use]
    pub fn new() -> Self {
        Self {
            actor: Actor::system("retention"),
            tenant: None,
            now: None,
            dry_run: false,
            batch: Self::BATCH,
            trust_clock: false,
            progress: None,
        }
    }

    /// Who prunes, as the entries say it.
    #[must_use]
    pub fn actor(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// Prunes the chains of this tenant only.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Prunes what was due by then, instead of by now. A moment to come is refused, but not for a
    /// [dry run](Self::dry_run).
    #[must_use]
    pub const fn now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// Reports what would go, and changes nothing.
    #[must_use]
    pub const fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// See [`BATCH`](Self::BATCH); at least 1. Appending to the chain waits while a batch is
    /// removed.
    #[must_use]
    pub fn batch(mut self, records: usize) -> Self {
        self.batch = std::cmp::max(records, 1);
        self
    }

    /// Prunes even where the clock is far from what the journal has seen, see
    /// [`MAX_AHEAD`](Self::MAX_AHEAD) and [`MAX_BEHIND`](Self::MAX_BEHIND): for a journal that was
    /// silent for long.
    #[must_use]
    pub const fn dangerous_trust_clock(mut self) -> Self {
        self.trust_clock = true;
        self
    }

    /// Calls `report` after each batch.
    #[must_use]
    pub fn progress(mut self, report: impl Fn(PruneProgress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(report));
        self
    }
}

impl Default for PruneOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PruneOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PruneOptions")
            .field("tenant", &self.tenant)
            .field("now", &self.now)
            .field("dry_run", &self.dry_run)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

/// How far a sweep has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneProgress {
    /// The chain that is being pruned.
    pub chain: ChainId,
    /// The seq up to which it has come.
    pub before: u64,
    /// How many of its records have gone in this sweep, or would go.
    pub removed: u64,
}

/// What a sweep did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneReport {
    /// By which time.
    pub now: Timestamp,
    /// Whether it only looked.
    pub dry_run: bool,
    /// The chains of which something goes, or would but for a hold.
    pub chains: Vec<PrunedChain>,
    /// What is left of the records on the database's disk; nothing where none went.
    pub residue: Option<Residue>,
}

impl PruneReport {
    /// How many records have gone, or would go.
    #[must_use]
    pub fn removed(&self) -> u64 {
        self.chains.iter().map(|chain| chain.removed).fold(0, u64::saturating_add)
    }

    /// How many records are old enough to go and stay because of a hold.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.chains.iter().map(|chain| chain.held).fold(0, u64::saturating_add)
    }
}

/// What a sweep did on one chain, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrunedChain {
    /// The chain.
    pub chain: ChainId,
    /// How many of its records have gone, or would go.
    pub removed: u64,
    /// How many are old enough to go and stay because of a hold.
    pub held: u64,
    /// In how many batches.
    pub batches: u64,
    /// The entries that say so, one for each batch; none of a dry run.
    pub entries: Vec<Receipt>,
}
