//! Keys that were unwrapped a short while ago.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use crate::associated_data::names::{SubjectId, TenantId};
use crate::clock::{Clock, Timestamp};
use crate::keyset::ready::ReadyKey;
use crate::purpose::Purpose;

/// The bounds of a cache of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachePolicy {
    /// The most keys; the one that was not used for longest goes first.
    pub capacity: usize,
    /// How long after it was read a key may be used without asking the store again. **This is how
    /// long another process may still open the values of a data subject who was forgotten.** It is
    /// measured by the clock and by the system's monotonic one, whichever says more: a clock that
    /// is set back keeps no key alive.
    pub ttl: Duration,
}

impl CachePolicy {
    /// Ten thousand keys, five minutes.
    pub const DEFAULT: Self = Self { capacity: 10_000, ttl: Duration::from_secs(5 * 60) };

    /// With other bounds; the capacity is at least one.
    #[must_use]
    pub const fn new(capacity: usize, ttl: Duration) -> Self {
        Self { capacity: if capacity == 0 { 1 } else { capacity }, ttl }
    }
}

impl Default for CachePolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a cache did since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheMetrics {
    /// Answers from memory.
    pub hits: u64,
    /// Questions that had to wait for the store, their own or another's.
    pub misses: u64,
    /// Times that the store and the wrapper were asked.
    pub loads: u64,
    /// Keys that had to make room.
    pub evictions: u64,
}

/// Whose key it is and what for. Which suites a field admits is no part of it, because a key does
/// not carry that: a [`FieldCipher`](crate::FieldCipher) checks it each time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CacheKey {
    pub(crate) tenant: TenantId,
    pub(crate) subject: SubjectId,
    pub(crate) purpose: Purpose,
}

/// What is known of a key.
#[derive(Debug, Clone)]
pub(crate) enum Known {
    Live(Arc<ReadyKey>),
    Destroyed(Timestamp),
}

/// One place in the cache, and what everybody who was given its key shares.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    known: OnceCell<(Known, Asked)>,
    revoked: AtomicBool,
}

/// When the store was asked, by both clocks.
#[derive(Debug, Clone, Copy)]
struct Asked {
    at: Timestamp,
    monotonic: Instant,
}

impl Asked {
    fn is_within(self, ttl: Duration, now: Timestamp) -> bool {
        // A clock that stepped back before it tells nothing of how long it was.
        self.at <= now && now.since(self.at) < ttl && self.monotonic.elapsed() < ttl
    }
}

impl Slot {
    /// Whether the key was destroyed by this process since it was given out.
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }
}

/// Keys by data subject: bounded, with one load at a time for each.
pub(crate) struct KeyCache {
    policy: CachePolicy,
    clock: Arc<dyn Clock>,
    slots: Mutex<Slots>,
    counts: Counts,
}

#[derive(Default)]
struct Slots {
    by_key: HashMap<CacheKey, (Arc<Slot>, u64)>,
    /// The keys by when they were last used.
    by_use: BTreeMap<u64, CacheKey>,
    tick: u64,
    /// Slots that went stale or had to make room while somebody held their key.
    parted: Vec<(CacheKey, Weak<Slot>)>,
    /// How many of these it takes to look which of them are held still.
    parted_limit: usize,
}

#[derive(Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    loads: AtomicU64,
    evictions: AtomicU64,
}

impl KeyCache {
    pub(crate) fn new(policy: CachePolicy, clock: Arc<dyn Clock>) -> Self {
        let (slots, counts) = (Mutex::default(), Counts::default());
        Self { policy, clock, slots, counts }
    }

    /// The key, from memory or by `load`, which returns `None` for what is not to be remembered.
    ///
    /// Whoever asks while it is being loaded waits for that load. If it fails or is given up, the
    /// next one loads.
    pub(crate) async fn get<F, E>(
        &self,
        key: &CacheKey,
        mut load: impl FnMut() -> F,
    ) -> Result<(Known, Arc<Slot>), E>
    where
        F: Future<Output = Result<Known, E>>,
    {
        loop {
            let slot = self.slot(key);
            if let Some((known, _)) = slot.known.get() {
                self.counts.hits.fetch_add(1, Ordering::Relaxed);
                return Ok((known.clone(), slot));
            }
            self.counts.misses.fetch_add(1, Ordering::Relaxed);
            let loaded = slot
                .known
                .get_or_try_init(|| async {
                    self.counts.loads.fetch_add(1, Ordering::Relaxed);
                    // Before the store is asked: the bound counts from what the store said.
                    let asked = Asked { at: self.clock.now(), monotonic: Instant::now() };
                    Ok((load().await?, asked))
                })
                .await;
            match loaded {
                Ok((known, _)) if !slot.is_revoked() => return Ok((known.clone(), slot)),
                // Destroyed while it was being loaded: what came may be from before.
                Ok(_) => {}
                Err(error) => {
                    self.forget_empty(key, &slot);
                    return Err(error);
                }
            }
        }
    }

    /// Forgets everything of a data subject at once, also what was given out.
    pub(crate) fn revoke(&self, tenant: &TenantId, subject: &SubjectId) {
        let mut slots = self.lock();
        for purpose in Purpose::ALL {
            let key = CacheKey { tenant: tenant.clone(), subject: subject.clone(), purpose };
            if let Some(slot) = slots.remove(&key) {
                slot.revoked.store(true, Ordering::Release);
            }
        }
        slots.parted.retain(|(key, slot)| {
            if key.tenant != *tenant || key.subject != *subject {
                return true;
            }
            if let Some(slot) = slot.upgrade() {
                slot.revoked.store(true, Ordering::Release);
            }
            false
        });
    }

    pub(crate) fn metrics(&self) -> CacheMetrics {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        CacheMetrics {
            hits: read(&self.counts.hits),
            misses: read(&self.counts.misses),
            loads: read(&self.counts.loads),
            evictions: read(&self.counts.evictions),
        }
    }

    pub(crate) const fn policy(&self) -> CachePolicy {
        self.policy
    }

    /// The slot of a key, fresh or being filled; an empty one in its place if it went stale.
    fn slot(&self, key: &CacheKey) -> Arc<Slot> {
        let now = self.clock.now();
        let mut slots = self.lock();
        let found = slots.by_key.get(key).map(|(slot, _)| Arc::clone(slot));
        let slot = match found {
            Some(slot)
                if slot.known.get().is_none_or(|it| it.1.is_within(self.policy.ttl, now)) =>
            {
                slot
            }
            Some(stale) => {
                slots.part(key, &stale);
                Arc::default()
            }
            None => Arc::default(),
        };
        slots.used(key, Arc::clone(&slot));
        while slots.by_key.len() > self.policy.capacity {
            let Some(oldest) = slots.by_use.first_key_value().map(|(_, key)| key.clone()) else {
                break;
            };
            if let Some(slot) = slots.remove(&oldest) {
                slots.part(&oldest, &slot);
            }
            self.counts.evictions.fetch_add(1, Ordering::Relaxed);
        }
        slot
    }

    /// What could not be loaded takes no room.
    fn forget_empty(&self, key: &CacheKey, slot: &Arc<Slot>) {
        let mut slots = self.lock();
        let same = slots.by_key.get(key).is_some_and(|(there, _)| Arc::ptr_eq(there, slot));
        if same && slot.known.get().is_none() {
            slots.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    fn used(&mut self, key: &CacheKey, slot: Arc<Slot>) {
        self.tick = self.tick.saturating_add(1);
        if let Some((_, before)) = self.by_key.insert(key.clone(), (slot, self.tick)) {
            self.by_use.remove(&before);
        }
        self.by_use.insert(self.tick, key.clone());
    }

    /// Remembers a slot that leaves the cache for as long as its key is held somewhere, or being
    /// loaded: it must hear of a destruction all the same.
    fn part(&mut self, key: &CacheKey, slot: &Arc<Slot>) {
        self.parted.push((key.clone(), Arc::downgrade(slot)));
        if self.parted.len() > self.parted_limit {
            self.parted.retain(|(_, slot)| slot.strong_count() > 0);
            // Twice what is held: so each one is looked at a bounded number of times.
            self.parted_limit = self.parted.len().saturating_mul(2).saturating_add(64);
        }
    }

    fn remove(&mut self, key: &CacheKey) -> Option<Arc<Slot>> {
        let (slot, used) = self.by_key.remove(key)?;
        self.by_use.remove(&used);
        Some(slot)
    }
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache").field("metrics", &self.metrics()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
