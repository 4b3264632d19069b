//! How a chain passes over from one rule to another.

use std::time::Duration;

use super::period::Period;
use super::plan::Downgrade;
use super::rule::RetentionRule;
use super::schedule::{Applies, ScheduleEntry, ScheduleHistory, Stretch};
use crate::Timestamp;

/// What a change of rule says in a chain: which records it binds, and from when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScheduleChange {
    /// Which records.
    pub applies: Applies,
    /// From when on.
    pub effective: Timestamp,
}

/// The records' statutory minimum would get shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the statutory minimum {minimum} that is in force would be shortened")]
#[non_exhaustive]
pub struct ShortensMinimum {
    /// The minimum in force.
    pub minimum: Period,
}

impl ScheduleHistory {
    /// How a chain of `size` entries passes over to a rule at `now`.
    ///
    /// What keeps every record at least as long as before applies to all of them at once. Anything
    /// else is a downgrade, by the rule for those; a grace that has begun for an earlier one is not
    /// begun again. Where no schedule was in force, records were kept for ever.
    ///
    /// # Errors
    ///
    /// [`ShortensMinimum`].
    pub fn change_to(
        &self,
        rule: &RetentionRule,
        downgrade: Downgrade,
        size: u64,
        now: Timestamp,
    ) -> Result<ScheduleChange, ShortensMinimum> {
        let at_once = |applies| ScheduleChange { applies, effective: now };
        let new = ScheduleEntry::new(size, now, now, Applies::All, rule.period, rule.minimum);
        let stretches = self.stretches(size, now);
        let ruling = || stretches.iter().map(|stretch| stretch.schedule);
        let minimums = ruling().flatten().chain(self.newest()).filter_map(|of| of.minimum);
        for minimum in minimums {
            if rule.minimum.is_none_or(|new| new.is_ever_shorter(minimum)) {
                return Err(ShortensMinimum { minimum });
            }
        }
        let shortens = |stretches: &[Stretch<'_>]| {
            stretches.iter().any(|stretch| match stretch.schedule {
                Some(old) => new.ever_cuts_later_than(old),
                None => new.latest_cutoff(Timestamp::MAX).is_some(),
            })
        };
        if !shortens(&stretches) {
            return Ok(at_once(Applies::All));
        }
        Ok(match downgrade {
            Downgrade::Immediate => at_once(Applies::All),
            Downgrade::KeepStamped => at_once(Applies::New),
            Downgrade::Grace(days) => {
                let grace = Duration::from_secs(u64::from(days).saturating_mul(86_400));
                let end = now.saturating_add(grace);
                // What was announced before and lets more go must not come to rule alone.
                let announced = self.pending(now).map(|of| of.effective).filter(|at| *at < end);
                let joined = announced.filter(|at| !shortens(&self.stretches(size, *at))).min();
                ScheduleChange { applies: Applies::All, effective: joined.unwrap_or(end) }
            }
        })
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(day: u32) -> Timestamp {
        Timestamp::from_micros(i64::from(day) * 86_400_000_000).unwrap()
    }

    fn rule(days: u32) -> RetentionRule {
        RetentionRule::new("r", Period::days(days))
    }

    fn history(entries: &[(u64, u32, u32, Applies, u32)]) -> ScheduleHistory {
        let mut history = ScheduleHistory::default();
        for (seq, at, effective, applies, days) in entries {
            let period = Period::days(*days);
            history.push(ScheduleEntry::new(
                *seq,
                day(*at),
                day(*effective),
                *applies,
                period,
                None,
            ));
        }
        history
    }

    #[test]
    fn how_a_chain_passes_over() {
        use Applies::{All, New};
        use Downgrade::{Grace, Immediate, KeepStamped};
        let change = |history: &ScheduleHistory, days, downgrade| {
            let change = history.change_to(&rule(days), downgrade, 50, day(100)).unwrap();
            (change.applies, change.effective)
        };
        let yearly = history(&[(1, 1, 1, All, 365)]);
        for downgrade in [Grace(30), Immediate, KeepStamped] {
            assert_eq!(change(&yearly, 366, downgrade), (All, day(100)), "an upgrade");
            assert_eq!(change(&yearly, 365, downgrade), (All, day(100)), "no difference");
        }
        assert_eq!(change(&yearly, 90, Grace(30)), (All, day(130)));
        assert_eq!(change(&yearly, 90, Immediate), (All, day(100)));
        assert_eq!(change(&yearly, 90, KeepStamped), (New, day(100)));
        // Without a schedule records were kept for ever.
        assert_eq!(change(&ScheduleHistory::default(), 90, Grace(30)), (All, day(130)));
        // Records of another stretch would be kept for less.
        let stamped = history(&[(1, 1, 1, All, 365), (20, 2, 2, New, 30)]);
        assert_eq!(change(&stamped, 90, KeepStamped), (New, day(100)));
        // A stricter one is pending: this comes in its place.
        let pending = history(&[(1, 1, 1, All, 365), (20, 99, 110, All, 30)]);
        assert_eq!(change(&pending, 90, Grace(30)), (All, day(110)));
        assert_eq!(change(&pending, 90, KeepStamped), (New, day(100)));
        assert_eq!(change(&pending, 365, Grace(30)), (All, day(100)));
        // A laxer one is pending: it rules until the grace is over.
        assert_eq!(change(&pending, 10, Grace(30)), (All, day(130)));
        // One that was overruled is not pending.
        let overruled =
            history(&[(1, 1, 1, All, 365), (20, 90, 110, All, 30), (30, 91, 91, All, 365)]);
        assert_eq!(change(&overruled, 90, Grace(30)), (All, day(130)));
        // Nothing stands yet.
        let first = ScheduleHistory::default().change_to(&rule(9), Grace(30), 0, day(100)).unwrap();
        assert_eq!((first.applies, first.effective), (All, day(100)));
    }

    #[test]
    fn a_statutory_minimum_is_not_shortened() {
        let mut history = ScheduleHistory::default();
        let (year, at) = (Period::years(1), day(1));
        history.push(ScheduleEntry::new(1, at, at, Applies::All, year, Some(year)));
        let to = |minimum: Option<Period>| {
            let rule = RetentionRule::new("r", Period::years(9));
            let rule = match minimum {
                Some(minimum) => rule.minimum(minimum),
                None => rule,
            };
            history.change_to(&rule, Downgrade::default(), 9, day(9)).map(drop)
        };
        let refused = Err(ShortensMinimum { minimum: year });
        assert_eq!(to(None), refused);
        assert_eq!(to(Some(Period::days(365))), refused);
        assert_eq!((to(Some(year)), to(Some(Period::months(12)))), (Ok(()), Ok(())));
        assert_eq!(to(Some(Period::FOREVER)), Ok(()));
    }

    proptest! {
        /// Whatever changes came before, a change lets nothing go earlier than it would have gone
        /// without it, or than the grace allows.
        #[test]
        fn nothing_goes_earlier_than_it_was_promised(
            changes in prop::collection::vec((1_u32..20, 1_u32..99, prop::option::of(0_u32..60)), 1..6),
            later in 0_u32..90, seq in 0_u64..60,
        ) {
            let mut history = ScheduleHistory::default();
            let (mut size, mut now) = (0_u64, 0_u32);
            for (gap, to, grace) in changes {
                let downgrade = grace.map_or(Downgrade::KeepStamped, Downgrade::Grace);
                let change = history.change_to(&rule(to), downgrade, size, day(now)).unwrap();
                let before = history.clone();
                let (applies, effective) = (change.applies, change.effective);
                history.push(ScheduleEntry::new(
                    size, day(now), effective, applies, Period::days(to), None));
                let moment = day(now + later);
                let cutoff = |history: &ScheduleHistory, seq| {
                    history.in_force(seq, moment).and_then(|of| of.latest_cutoff(moment))
                };
                if seq < size && grace.is_none_or(|grace| later < grace) {
                    prop_assert!(cutoff(&history, seq) <= cutoff(&before, seq));
                }
                let ruling = history.in_force(size + 1, day(now + 60)).unwrap();
                prop_assert_eq!((ruling.seq, ruling.period), (size, Period::days(to)));
                size += u64::from(gap);
                now += gap;
                let stretches = history.stretches(size, day(now));
                prop_assert_eq!(stretches.first().map(|of| of.first), Some(0));
                prop_assert_eq!(stretches.last().map(|of| of.end), Some(size));
                for pair in stretches.windows(2) {
                    prop_assert_eq!(pair[0].end, pair[1].first);
                }
                for of in &stretches {
                    prop_assert_eq!(history.ruling(of.first, of.end, day(now)), Ok(of.schedule));
                }
            }
        }
    }
}
