//! The schedules that a chain's own entries put in force.

use super::period::{Period, is_ever_later};
use crate::Timestamp;

/// Which records a schedule entry binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Applies {
    /// Every record of the chain.
    All,
    /// Only records above the schedule entry.
    New,
}

/// What one `journal.schedule_changed` entry says, as far as pruning is judged by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScheduleEntry {
    /// Its seq.
    pub seq: u64,
    /// From when on it is in force: never before it was sealed.
    pub effective: Timestamp,
    /// Which records it binds.
    pub applies: Applies,
    /// How long they are kept.
    pub period: Period,
    /// How long they are kept at least, whatever the period says.
    pub minimum: Option<Period>,
}

impl ScheduleEntry {
    /// An entry sealed at `at`; an `effective` before that counts as `at`.
    #[must_use]
    pub fn new(
        seq: u64,
        at: Timestamp,
        effective: Timestamp,
        applies: Applies,
        period: Period,
        minimum: Option<Period>,
    ) -> Self {
        Self { seq, effective: std::cmp::max(effective, at), applies, period, minimum }
    }

    /// The latest cutoff that a pruning at `now` may have: the earlier of `now` − period and
    /// `now` − minimum. `None` where nothing may be pruned.
    #[must_use]
    pub fn latest_cutoff(&self, now: Timestamp) -> Option<Timestamp> {
        let by_period = self.period.before(now)?;
        match self.minimum {
            None => Some(by_period),
            Some(minimum) => Some(std::cmp::min(by_period, minimum.before(now)?)),
        }
    }

    /// Whether it ever lets records go that `other` keeps.
    pub(super) fn ever_cuts_later_than(&self, other: &Self) -> bool {
        is_ever_later(|now| self.latest_cutoff(now), |now| other.latest_cutoff(now))
    }
}

/// All schedule entries of a chain up to some entry, in the order of their seqs.
#[derive(Clone, Debug, Default)]
pub struct ScheduleHistory {
    entries: Vec<ScheduleEntry>,
}

impl ScheduleHistory {
    /// Adds the entry that comes next.
    pub fn push(&mut self, entry: ScheduleEntry) {
        self.entries.push(entry);
    }

    /// The entry that rules over the record `seq` in a pruning at `now`: the newest that is
    /// effective by then and binds that record. `None` means `forever`.
    #[must_use]
    pub fn in_force(&self, seq: u64, now: Timestamp) -> Option<&ScheduleEntry> {
        self.entries.iter().rev().find(|entry| {
            let binds = entry.applies == Applies::All || seq > entry.seq;
            entry.effective <= now && binds
        })
    }

    /// The stretches of a chain of `size` entries in a pruning at `now`, ascending: runs of records
    /// that one entry rules over. A pruning lies within one of them.
    #[must_use]
    pub fn stretches(&self, size: u64, now: Timestamp) -> Vec<Stretch<'_>> {
        let mut stretches: Vec<Stretch<'_>> = Vec::new();
        // Only above a schedule entry can another one rule.
        let begins = self.entries.iter().map(|entry| entry.seq.saturating_add(1));
        for first in std::iter::once(0).chain(begins).filter(|first| *first < size) {
            let schedule = self.in_force(first, now);
            let seq = |schedule: Option<&ScheduleEntry>| schedule.map(|entry| entry.seq);
            if let Some(last) = stretches.last_mut() {
                if seq(last.schedule) == seq(schedule) {
                    continue;
                }
                last.end = first;
            }
            stretches.push(Stretch { first, end: size, schedule });
        }
        stretches
    }

    /// The newest entry, in force or not.
    #[must_use]
    pub fn newest(&self) -> Option<&ScheduleEntry> {
        self.entries.last()
    }

    /// The entries that come into force later than `now`, but for those that a newer one overrules
    /// already.
    pub(super) fn pending(&self, now: Timestamp) -> impl Iterator<Item = &ScheduleEntry> {
        let in_force = self.in_force(u64::MAX, now).map(|entry| entry.seq);
        let pending = self.entries.iter().filter(move |entry| entry.effective > now);
        pending.filter(move |entry| Some(entry.seq) > in_force)
    }

    /// The one entry that rules over all records from `after` up to `before`, not included, in a
    /// pruning at `now`; `None` inside means `forever`.
    ///
    /// # Errors
    ///
    /// [`AcrossSchedules`] where the records lie in more than one stretch: one pruning lies
    /// within one.
    pub fn ruling(
        &self,
        after: u64,
        before: u64,
        now: Timestamp,
    ) -> Result<Option<&ScheduleEntry>, AcrossSchedules> {
        // Stretches begin right above `new` entries, so its ends lie in the same one exactly
        // where everything between does.
        let first = self.in_force(after, now);
        let last = self.in_force(before.saturating_sub(1), now);
        let seq = |entry: Option<&ScheduleEntry>| entry.map(|entry| entry.seq);
        if seq(first) == seq(last) { Ok(first) } else { Err(AcrossSchedules) }
    }
}

/// A run of records that one schedule entry rules over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stretch<'a> {
    /// The first seq.
    pub first: u64,
    /// The seq after the last one.
    pub end: u64,
    /// The entry; `None` means `forever`.
    pub schedule: Option<&'a ScheduleEntry>,
}

/// A pruning that reaches over the begin of a schedule that binds new records only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pruning reaches across the begin of a schedule for new records")]
#[non_exhaustive]
pub struct AcrossSchedules;

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> Timestamp {
        format!("2026-01-{day:02}T00:00:00.000000Z").parse().unwrap()
    }

    fn entry(seq: u64, at: u32, effective: u32, applies: Applies, days: u32) -> ScheduleEntry {
        ScheduleEntry::new(seq, day(at), day(effective), applies, Period::days(days), None)
    }

    #[test]
    fn the_newest_effective_one_that_binds_is_in_force() {
        let mut history = ScheduleHistory::default();
        assert_eq!(history.in_force(0, day(31)), None);
        history.push(entry(10, 1, 1, Applies::All, 1));
        history.push(entry(20, 2, 9, Applies::New, 2));
        history.push(entry(30, 3, 1, Applies::New, 3));
        let seq = |record, now| history.in_force(record, day(now)).map(|entry| entry.seq);
        assert_eq!(seq(5, 4), Some(10), "all binds what stands below it");
        assert_eq!(seq(20, 10), Some(10));
        assert_eq!(seq(21, 8), Some(10), "not effective yet");
        assert_eq!(seq(21, 9), Some(20));
        assert_eq!(seq(31, 3), Some(30));
        assert_eq!(seq(31, 2), Some(10), "effective counts from its own time at the earliest");
        let ruling = |after, before, now| {
            history.ruling(after, before, day(now)).map(|entry| entry.map(|entry| entry.seq))
        };
        assert_eq!(ruling(0, 21, 10), Ok(Some(10)));
        assert_eq!(ruling(0, 22, 10), Err(AcrossSchedules));
        assert_eq!(ruling(21, 31, 10), Ok(Some(20)));
        assert_eq!(ruling(0, 25, 3), Ok(Some(10)));
        assert_eq!(
            AcrossSchedules.to_string(),
            "the pruning reaches across the begin of a schedule for new records"
        );
    }

    #[test]
    fn the_minimum_limits_the_cutoff() {
        let mut schedule = entry(0, 1, 1, Applies::All, 5);
        assert_eq!(schedule.latest_cutoff(day(20)), Some(day(15)));
        schedule.minimum = Some(Period::days(10));
        assert_eq!(schedule.latest_cutoff(day(20)), Some(day(10)));
        schedule.minimum = Some(Period::days(2));
        assert_eq!(schedule.latest_cutoff(day(20)), Some(day(15)));
        schedule.minimum = Some(Period::FOREVER);
        assert_eq!(schedule.latest_cutoff(day(20)), None);
        schedule = ScheduleEntry { period: Period::FOREVER, minimum: None, ..schedule };
        assert_eq!(schedule.latest_cutoff(day(20)), None);
    }
}
