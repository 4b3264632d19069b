//! What the reserved entries put in force, and what absences they excuse.
//!
//! Each is judged when the chain reaches it: the schedules, the holds and the records that it is
//! judged by all stand before it.

use std::collections::BTreeMap;

use super::finding::{Evidence, EvidenceSource, Finding, FindingCode};
use super::keys::Keys;
use super::life::Life;
use super::policy::AuditorPolicy;
use super::runs::SeqRuns;
use super::undisclosed::Undisclosed;
use crate::retention::hold::HoldState;
use crate::seq_set::SeqSet;
use crate::{
    ChainId, HoldScope, Reserved, RootHash, ScheduleEntry, ScheduleHistory, SeqRange, Timestamp,
    VerifierKey,
};

/// How many times of records right above an absence are kept for judging prunings by.
const EDGES: usize = 1 << 16;

/// A `journal.pruned` entry, as far as it is judged.
#[derive(Debug)]
struct Pruned {
    after: u64,
    before: u64,
    cutoff: Timestamp,
    kept: Vec<SeqRange>,
}

/// A `journal.restored` entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Restored {
    pub(crate) incarnation: u64,
    pub(crate) lost_from: u64,
    pub(crate) root: RootHash,
    pub(crate) size: u64,
}

/// A pruning whose boundary record stands, but whose time is not known any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) before: u64,
    pub(crate) cutoff: Timestamp,
    pub(crate) after: u64,
}

/// What is absent, and what the entries so far say about it.
#[derive(Debug)]
pub(crate) struct Rules {
    chain: ChainId,
    schedules: ScheduleHistory,
    pub(crate) holds: HoldState,
    /// Absent, but not withheld.
    pub(crate) absent: SeqRuns,
    pub(crate) withheld: SeqRuns,
    /// Absent reserved entries: nothing excuses them.
    reserved_absent: SeqSet,
    /// Some pruning covers these.
    excused: SeqSet,
    /// A pruning covers these that was sealed while no hold did.
    lawful: SeqSet,
    edges: BTreeMap<u64, Timestamp>,
    edge_open: bool,
    /// Times of boundary records that were told again.
    told: BTreeMap<u64, Timestamp>,
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) boundaries_gone: u64,
    pub(crate) undisclosed: Undisclosed,
    /// The greatest reserved seq so far, and the one before it.
    last_reserved: Option<u64>,
    reserved_before: Option<u64>,
    /// Entries with a fault: what they say is not relied on.
    faulty: SeqRuns,
    pub(crate) journal: Option<String>,
    /// Which entry began each incarnation.
    pub(crate) began: BTreeMap<u64, u64>,
    pub(crate) restored: Vec<(u64, Restored)>,
    pub(crate) accepted: Vec<u64>,
    pub(crate) life: Life,
}

impl Rules {
    pub(crate) fn new(chain: &ChainId) -> Self {
        Self {
            chain: chain.clone(),
            schedules: ScheduleHistory::default(),
            holds: HoldState::default(),
            absent: SeqRuns::default(),
            withheld: SeqRuns::default(),
            reserved_absent: SeqSet::default(),
            excused: SeqSet::default(),
            lawful: SeqSet::default(),
            edges: BTreeMap::new(),
            edge_open: false,
            told: BTreeMap::new(),
            wanted: Vec::new(),
            boundaries_gone: 0,
            undisclosed: Undisclosed::default(),
            last_reserved: None,
            reserved_before: None,
            faulty: SeqRuns::default(),
            journal: None,
            began: BTreeMap::from([(1, 0)]),
            restored: Vec::new(),
            accepted: Vec::new(),
            life: Life::default(),
        }
    }

    /// An entry is absent.
    pub(crate) fn absent(&mut self, seq: u64, withheld: bool, report: &mut impl FnMut(Finding)) {
        if withheld {
            self.withheld.push(seq);
        } else {
            self.absent.push(seq);
            self.edge_open = true;
        }
        if seq == 0 {
            self.reserved_is_absent(0, None, report);
            self.last_reserved = Some(0);
        }
    }

    /// An entry has a fault, so that what it says is not relied on.
    pub(crate) fn faulty(&mut self, seq: u64) {
        self.faulty.push(seq);
    }

    /// An entry stands and nothing is held against it: the first two above an absence are
    /// remembered, since boundaries of prunings are such.
    pub(crate) fn stands(&mut self, seq: u64, at: Timestamp, reserved: bool) {
        if self.edge_open {
            self.edges.insert(seq, at);
            self.edge_open = reserved;
            if self.edges.len() > EDGES {
                self.edges.pop_first();
            }
        }
    }

    /// The greatest reserved entry so far, absent ones that others name included.
    pub(crate) const fn last_reserved(&self) -> Option<u64> {
        self.last_reserved
    }

    /// A reserved entry stands here.
    pub(crate) fn reserved_stands(&mut self, seq: u64) {
        self.reserved_before = self.last_reserved;
        self.last_reserved = Some(seq);
    }

    /// An entry names another reserved entry than the last one standing before it.
    pub(crate) fn control(
        &mut self,
        seq: u64,
        named: Option<u64>,
        report: &mut impl FnMut(Finding),
    ) {
        if let Some(named) = named.filter(|named| *named < seq) {
            if self.absent.contains(named) || self.withheld.contains(named) {
                if !self.reserved_absent.contains(named) {
                    self.reserved_is_absent(named, Some(seq), report);
                }
                // From here on it is the last reserved entry, though it is gone.
                if self.last_reserved < Some(named) {
                    self.reserved_stands(named);
                }
                return;
            }
            if self.last_reserved < Some(named) && self.faulty.contains(named) {
                // It was a reserved entry before it was damaged.
                return self.reserved_stands(named);
            }
        }
        let damaged = self.last_reserved.is_some_and(|last| self.faulty.contains(last));
        if damaged && named == self.reserved_before {
            return;
        }
        let say = |seq: Option<u64>| seq.map_or_else(|| "none".to_owned(), |seq| seq.to_string());
        let message = "`control` does not name the last reserved entry before the entry";
        let finding = Finding::at(FindingCode::Malformed, &self.chain, seq, message);
        let (expected, found) = (say(self.last_reserved), say(named));
        report(finding.with(Evidence::new(EvidenceSource::Entry, expected, found)));
    }

    fn reserved_is_absent(&mut self, seq: u64, by: Option<u64>, report: &mut impl FnMut(Finding)) {
        self.reserved_absent.insert(seq, seq.saturating_add(1));
        let message = "a reserved entry is absent, which nothing excuses";
        let finding = Finding::at(FindingCode::Missing, &self.chain, seq, message);
        let expected = by.map_or_else(
            || "the entry that opens the chain".to_owned(),
            |by| format!("the reserved entry {seq}, which {by} names"),
        );
        report(finding.with(Evidence::new(EvidenceSource::Entry, expected, "no entry")));
    }

    /// What a reserved entry puts in force or excuses.
    pub(crate) fn apply(
        &mut self,
        seq: u64,
        at: Timestamp,
        reserved: Reserved,
        policy: &AuditorPolicy,
        keys: &mut Keys,
        report: &mut impl FnMut(Finding),
    ) {
        self.life.push(seq, at, &reserved);
        match reserved {
            Reserved::Opened { key, name } => {
                if seq == 0 {
                    self.journal = Some(name.to_string());
                    self.key(seq, &key, report).iter().for_each(|key| keys.open(key));
                } else {
                    report(self.malformed(seq, "only the first entry opens a chain"));
                }
            }
            Reserved::KeyAdded { key } => {
                self.key(seq, &key, report).iter().for_each(|key| keys.add(key, seq));
            }
            Reserved::KeyRetired { key } => {
                self.key(seq, &key, report).iter().for_each(|key| keys.retire(key, seq));
            }
            Reserved::ScheduleChanged { applies, effective, minimum, period, .. } => {
                let entry = ScheduleEntry::new(seq, at, effective, applies, period, minimum);
                self.schedules.push(entry);
            }
            Reserved::HoldPlaced { covers, hold, scope, .. } => {
                self.holds.place(&hold, scope == HoldScope::Chain, &covers);
            }
            Reserved::HoldReleased { hold } => self.holds.release(&hold),
            Reserved::Pruned { after, before, cutoff, kept, .. } => {
                let pruned = Pruned { after, before, cutoff, kept };
                self.pruned(seq, at, &pruned, report);
            }
            Reserved::SubjectErased { subject, through, .. } => {
                if through < seq {
                    self.undisclosed.erase(subject, through, &self.holds);
                } else {
                    let message = "an erasure reaches to its own entry or beyond";
                    let expected = format_args!("`through` below {seq}").to_string();
                    let evidence = Evidence::new(EvidenceSource::Entry, expected, through);
                    report(self.malformed(seq, message).with(evidence));
                }
            }
            Reserved::Restored { incarnation, lost_from, root, size } => {
                let restored = Restored { incarnation, lost_from, root, size };
                self.restored(seq, restored, policy, report);
            }
            // Nothing is judged by it.
            Reserved::EventRefused { .. } => {}
        }
        if seq == 0 && self.journal.is_none() {
            report(self.malformed(0, "the first entry does not open the chain"));
        }
    }

    fn key(&self, seq: u64, vkey: &str, report: &mut impl FnMut(Finding)) -> Option<VerifierKey> {
        match vkey.parse() {
            Ok(key) => Some(key),
            Err(error) => {
                let message = format!("the entry names no verifier key: {error}");
                report(self.malformed(seq, &message));
                None
            }
        }
    }

    fn malformed(&self, seq: u64, message: &str) -> Finding {
        Finding::at(FindingCode::Malformed, &self.chain, seq, message)
    }

    fn pruned(
        &mut self,
        seq: u64,
        at: Timestamp,
        pruned: &Pruned,
        report: &mut impl FnMut(Finding),
    ) {
        let (after, before) = (pruned.after, pruned.before);
        if after >= before || before >= seq {
            let message = "a pruning reaches to its own entry or beyond, or over nothing";
            let evidence = Evidence::new(
                EvidenceSource::Entry,
                format_args!("`after` below `before` below {seq}"),
                format_args!("{after} and {before}"),
            );
            return report(self.malformed(seq, message).with(evidence));
        }
        self.judge_cutoff(seq, at, pruned, report);
        self.judge_boundary(pruned, report);
        let mut covered = SeqSet::default();
        covered.insert(after, before);
        for (first, last) in &pruned.kept {
            covered.remove(*first, last.saturating_add(1));
        }
        self.excused.extend(&covered);
        self.holds.spare(&mut covered);
        self.lawful.extend(&covered);
    }

    /// `cutoff` is at most the pruning's time less the period, and less the minimum.
    fn judge_cutoff(
        &self,
        seq: u64,
        at: Timestamp,
        pruned: &Pruned,
        report: &mut impl FnMut(Finding),
    ) {
        let schedule = match self.schedules.ruling(pruned.after, pruned.before, at) {
            Ok(schedule) => schedule,
            Err(error) => return report(self.malformed(seq, &error.to_string())),
        };
        let latest = schedule.and_then(|schedule| schedule.latest_cutoff(at));
        if latest.is_some_and(|latest| pruned.cutoff <= latest) {
            return;
        }
        let expected = latest.map_or_else(
            || "no pruning: the records are kept forever".to_owned(),
            |latest| format!("a cutoff of {latest} at most"),
        );
        let message = "the schedule in force forbade the pruning";
        let evidence =
            Evidence::new(EvidenceSource::Entry, expected, format_args!("{}", pruned.cutoff));
        report(self.too_early(pruned.after, pruned.before, message).with(evidence));
    }

    fn too_early(&self, after: u64, before: u64, message: &str) -> Finding {
        let last = before.saturating_sub(1);
        Finding::within(FindingCode::PrunedTooEarly, &self.chain, after, last, message)
    }

    /// The record at `before` proves by its own time that all below were old enough.
    fn judge_boundary(&mut self, pruned: &Pruned, report: &mut impl FnMut(Finding)) {
        let before = pruned.before;
        if self.withheld.contains(before) {
            let message = "the boundary record of a pruning is withheld, which no bundle may";
            report(Finding::at(FindingCode::Missing, &self.chain, before, message));
        } else if self.absent.contains(before) {
            // Whether another pruning excuses that is judged with all absences.
            self.boundaries_gone = self.boundaries_gone.saturating_add(1);
        } else {
            let wanted = Wanted { before, cutoff: pruned.cutoff, after: pruned.after };
            match self.edges.get(&before).or_else(|| self.told.get(&before)) {
                Some(at) => self.boundary(wanted, *at, report),
                None => self.wanted.push(wanted),
            }
        }
    }

    /// Whether the time of a boundary record may have to be told.
    pub(crate) fn may_want(&self, before: u64) -> bool {
        let known = self.edges.contains_key(&before) || self.told.contains_key(&before);
        !known && !self.absent.contains(before) && !self.withheld.contains(before)
    }

    /// The time of a boundary record, told again.
    pub(crate) fn boundary_is(
        &mut self,
        before: u64,
        at: Timestamp,
        report: &mut impl FnMut(Finding),
    ) {
        self.told.insert(before, at);
        let wanted = std::mem::take(&mut self.wanted);
        for wanted in wanted {
            if wanted.before == before {
                self.boundary(wanted, at, report);
            } else {
                self.wanted.push(wanted);
            }
        }
    }

    /// Judges a pruning by the time of its boundary record.
    fn boundary(&self, wanted: Wanted, at: Timestamp, report: &mut impl FnMut(Finding)) {
        if at <= wanted.cutoff {
            return;
        }
        let message = "the record at the end of a pruning was not old enough";
        let expected = format_args!("{} at most", wanted.cutoff).to_string();
        let evidence = Evidence::new(EvidenceSource::Entry, expected, at);
        report(self.too_early(wanted.after, wanted.before, message).with(evidence));
    }

    fn restored(
        &mut self,
        seq: u64,
        restored: Restored,
        policy: &AuditorPolicy,
        report: &mut impl FnMut(Finding),
    ) {
        let current = self.began.keys().next_back().copied().unwrap_or(1);
        if restored.incarnation <= current || restored.lost_from > seq {
            let message = "a restore begins no new incarnation, or loses what comes after it";
            let evidence = Evidence::new(
                EvidenceSource::Entry,
                format_args!("an incarnation above {current}, and a loss from {seq} at most"),
                format_args!("{} and {}", restored.incarnation, restored.lost_from),
            );
            report(self.malformed(seq, message).with(evidence));
        }
        self.began.insert(restored.incarnation, seq);
        if policy.accepted_restores.contains(&seq) {
            self.accepted.push(seq);
        } else {
            let last = restored.size.saturating_sub(1);
            let message = "history was lost and replaced, as the journal itself declares";
            let first = restored.lost_from;
            let finding = Finding::within(FindingCode::Restored, &self.chain, first, last, message);
            report(finding.with(Evidence::new(
                EvidenceSource::Checkpoint,
                format_args!("size {}, root {}", restored.size, restored.root.to_base64()),
                format_args!("another history, declared by entry {seq}"),
            )));
        }
        self.restored.push((seq, restored));
    }

    /// Judges all absences below `end`. Returns how many a pruning excuses.
    pub(crate) fn judge_absences(&self, end: u64, report: &mut impl FnMut(Finding)) -> u64 {
        let mut pruned = 0_u64;
        for (start, last) in self.absent.iter() {
            let last = std::cmp::min(last, end);
            let mut excused = last.saturating_sub(start);
            for (start, last) in self.lawful.gaps(start, last) {
                excused = excused.saturating_sub(last.saturating_sub(start));
                for (start, last) in self.excused.within(start, last) {
                    let message = "a record went under a pruning that a hold forbade";
                    report(self.absence(FindingCode::HoldViolated, start, last, message));
                }
                for (start, last) in self.excused.gaps(start, last) {
                    for (start, last) in self.reserved_absent.gaps(start, last) {
                        let message = "a record is absent, and no pruning covers it";
                        report(self.absence(FindingCode::Missing, start, last, message));
                    }
                }
            }
            pruned = pruned.saturating_add(excused);
        }
        pruned
    }

    fn absence(&self, code: FindingCode, start: u64, end: u64, message: &str) -> Finding {
        let mut finding = Finding::within(code, &self.chain, start, end.saturating_sub(1), message);
        finding.count = end.saturating_sub(start);
        finding
    }
}
