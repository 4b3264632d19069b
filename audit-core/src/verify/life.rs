//! What a chain itself records of its life: what was removed from it, what must not be, and why.

use std::collections::VecDeque;

use serde::Serialize;

use crate::{Applies, HoldScope, Period, Reserved, SubjectRef, Timestamp};

/// How many of these one report lists: the newest.
pub const MAX_LIFE_EVENTS: usize = 1_000;

/// Something that a chain records of its life, by one entry or by several that go on from each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LifeEvent {
    /// The entry, or the last of them.
    pub seq: u64,
    /// When it was sealed.
    pub at: Timestamp,
    /// What it says.
    #[serde(flatten)]
    pub record: LifeRecord,
}

/// What an entry records of a chain's life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "record", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LifeRecord {
    /// A legal hold was placed.
    HoldPlaced {
        /// Its id.
        hold: String,
        /// What it is for.
        matter: String,
        /// What it covers: `chain`, `subject …` or `target TYPE:ID`.
        scope: String,
        /// How many entries that were when it was placed.
        covered: u64,
    },
    /// A legal hold was released.
    HoldReleased {
        /// Its id.
        hold: String,
    },
    /// Records were removed by a rule, in one batch or in several that go on from each other.
    Pruned {
        /// The first seq that may be absent by it.
        after: u64,
        /// The seq below which records may be absent by it.
        before: u64,
        /// How many records it says were removed.
        count: u64,
        /// Up to when records were old enough.
        cutoff: Timestamp,
        /// The rule.
        rule: String,
        /// In how many batches.
        batches: u64,
    },
    /// Another rule says how long records are kept.
    ScheduleChanged {
        /// The tenant's plan.
        plan: String,
        /// The rule's name.
        rule: String,
        /// How long records are kept.
        period: Period,
        /// How long they are kept at least.
        #[serde(skip_serializing_if = "Option::is_none")]
        minimum: Option<Period>,
        /// From when on.
        effective: Timestamp,
        /// Whether it is for new records only.
        new_only: bool,
    },
    /// A data subject's private fields were erased.
    SubjectErased {
        /// The pseudonym that the person had.
        subject: SubjectRef,
        /// The legal ground.
        ground: String,
        /// The request that led to it.
        request: String,
        /// The last entry whose fields may be absent by it.
        through: u64,
    },
}

/// The newest of them, gathered as the chain is read.
#[derive(Debug, Default)]
pub(crate) struct Life {
    events: VecDeque<LifeEvent>,
    left_out: u64,
}

impl Life {
    /// An entry that stands, and what it says.
    pub(crate) fn push(&mut self, seq: u64, at: Timestamp, said: &Reserved) {
        let Some(record) = record(said) else { return };
        if let Some(last) = self.events.back_mut()
            && last.record.continues(&record)
        {
            (last.seq, last.at) = (seq, at);
            return;
        }
        self.events.push_back(LifeEvent { seq, at, record });
        if self.events.len() > MAX_LIFE_EVENTS {
            self.events.pop_front();
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// Those that are listed, and how many older ones are not.
    pub(crate) fn finish(self) -> (Vec<LifeEvent>, u64) {
        (self.events.into(), self.left_out)
    }
}

impl LifeRecord {
    /// Takes in what goes on from it: the next batch of a pruning.
    fn continues(&mut self, next: &Self) -> bool {
        let (
            Self::Pruned { before, count, cutoff, rule, batches, .. },
            Self::Pruned {
                after: next_after,
                before: next_before,
                count: next_count,
                cutoff: next_cutoff,
                rule: next_rule,
                ..
            },
        ) = (self, next)
        else {
            return false;
        };
        if before != next_after || cutoff != next_cutoff || rule != next_rule {
            return false;
        }
        *before = *next_before;
        *count = count.saturating_add(*next_count);
        *batches = batches.saturating_add(1);
        true
    }
}

fn record(said: &Reserved) -> Option<LifeRecord> {
    Some(match said.clone() {
        Reserved::HoldPlaced { covers, hold, matter, scope } => LifeRecord::HoldPlaced {
            hold,
            matter,
            scope: match scope {
                HoldScope::Chain => "chain".to_owned(),
                HoldScope::Subject(subject) => format!("subject {subject}"),
                HoldScope::Target { kind, id } => format!("target {kind}:{id}"),
            },
            covered: covers.iter().fold(0, |sum, (first, last)| {
                sum.saturating_add(last.saturating_sub(*first).saturating_add(1))
            }),
        },
        Reserved::HoldReleased { hold } => LifeRecord::HoldReleased { hold },
        Reserved::Pruned { after, before, count, cutoff, rule, .. } => {
            LifeRecord::Pruned { after, before, count, cutoff, rule, batches: 1 }
        }
        Reserved::ScheduleChanged { applies, effective, minimum, period, plan, rule } => {
            let new_only = applies == Applies::New;
            LifeRecord::ScheduleChanged { plan, rule, period, minimum, effective, new_only }
        }
        Reserved::SubjectErased { ground, request, subject, through } => {
            LifeRecord::SubjectErased { subject, ground, request, through }
        }
        Reserved::EventRefused { .. }
        | Reserved::KeyAdded { .. }
        | Reserved::KeyRetired { .. }
        | Reserved::Opened { .. }
        | Reserved::Restored { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pruned(after: u64, before: u64, rule: &str) -> Reserved {
        let cutoff = Timestamp::UNIX_EPOCH;
        Reserved::Pruned { after, before, count: 3, cutoff, kept: vec![], rule: rule.to_owned() }
    }

    #[test]
    fn batches_that_go_on_from_each_other_are_one_and_the_newest_are_listed() {
        let mut life = Life::default();
        let at = Timestamp::UNIX_EPOCH;
        for (seq, said) in
            [(9, pruned(0, 4, "a")), (10, pruned(4, 8, "a")), (11, pruned(8, 9, "b"))]
        {
            life.push(seq, at, &said);
        }
        let cutoff = at;
        let (events, left_out) = life.finish();
        let (before, rule) = (8, "a".to_owned());
        assert_eq!(
            events[0].record,
            LifeRecord::Pruned { after: 0, before, count: 6, cutoff, rule, batches: 2 }
        );
        assert_eq!((events[0].seq, events[1].seq, events.len(), left_out), (10, 11, 2, 0));

        let mut life = Life::default();
        for seq in 0..=1_000 {
            life.push(seq, at, &Reserved::HoldReleased { hold: seq.to_string() });
        }
        let (events, left_out) = life.finish();
        assert_eq!((events.len(), events[0].seq, left_out), (MAX_LIFE_EVENTS, 1, 1));
    }
}
