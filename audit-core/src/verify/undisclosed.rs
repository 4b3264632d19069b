//! Digests without a disclosure, until an erasure entry covers them.

use std::collections::BTreeMap;

use super::finding::{Evidence, EvidenceSource, Finding, FindingCode, MAX_FINDINGS_PER_CODE};
use super::runs::SeqList;
use crate::retention::hold::HoldState;
use crate::{ChainId, SubjectRef};

/// What is missing, by subject: a byte or two for each digest.
#[derive(Debug, Default)]
pub(crate) struct Undisclosed {
    subjects: BTreeMap<SubjectRef, Missing>,
    erased: u64,
}

#[derive(Debug, Default)]
struct Missing {
    /// No entry covers these.
    open: SeqList,
    /// Only entries sealed under a hold cover these.
    held: SeqList,
}

impl Undisclosed {
    /// Notes a digest without a disclosure. Seqs of one subject come ascending.
    pub(crate) fn push(&mut self, subject: SubjectRef, seq: u64) {
        self.subjects.entry(subject).or_default().open.push(seq);
    }

    /// Digests that an erasure excuses.
    pub(crate) const fn erased(&self) -> u64 {
        self.erased
    }

    /// A `journal.subject_erased` entry, with the holds in force when it was sealed.
    pub(crate) fn erase(&mut self, subject: SubjectRef, through: u64, holds: &HoldState) {
        let Some(missing) = self.subjects.remove(&subject) else { return };
        let mut left = Missing::default();
        let mut held = Vec::new();
        for seq in missing.held.iter() {
            if seq > through || holds.covers(seq) {
                held.push(seq);
            } else {
                self.erased = self.erased.saturating_add(1);
            }
        }
        for seq in missing.open.iter() {
            if seq > through {
                left.open.push(seq);
            } else if holds.covers(seq) {
                held.push(seq);
            } else {
                self.erased = self.erased.saturating_add(1);
            }
        }
        held.sort_unstable();
        held.into_iter().for_each(|seq| left.held.push(seq));
        if !left.open.is_empty() || !left.held.is_empty() {
            self.subjects.insert(subject, left);
        }
    }

    /// What no entry excuses, as findings in the order of their places.
    pub(crate) fn finish(&self, chain: &ChainId, report: &mut impl FnMut(Finding)) {
        let open = "a digest has no disclosure, and no erasure entry covers it";
        let held = "a disclosure went under an erasure that a hold forbade";
        let lists = |pick: fn(&Missing) -> &SeqList| {
            self.subjects.iter().map(move |(subject, missing)| (*subject, pick(missing)))
        };
        first_ones(lists(|m| &m.open), chain, FindingCode::ErasedWithoutRecord, open, report);
        first_ones(lists(|m| &m.held), chain, FindingCode::HoldViolated, held, report);
    }
}

/// Reports the first places one by one, and the rest as one count.
fn first_ones<'a>(
    lists: impl Iterator<Item = (SubjectRef, &'a SeqList)>,
    chain: &ChainId,
    code: FindingCode,
    message: &str,
    report: &mut impl FnMut(Finding),
) {
    let mut first = BTreeMap::new();
    let mut rest: Option<(u64, u64, u64)> = None;
    for (subject, list) in lists {
        for (seq, nth) in list.iter().zip(0_u64..) {
            first.insert((seq, subject, nth), ());
            if first.len() > MAX_FINDINGS_PER_CODE {
                let Some(((seq, ..), ())) = first.pop_last() else { continue };
                let (low, high, count) = rest.unwrap_or((seq, seq, 0));
                let range = (std::cmp::min(low, seq), std::cmp::max(high, seq));
                rest = Some((range.0, range.1, count.saturating_add(1)));
            }
        }
    }
    for (seq, subject, _) in first.into_keys() {
        let evidence =
            Evidence::new(EvidenceSource::Entry, "a disclosure", format_args!("none of {subject}"));
        report(Finding::at(code, chain, seq, message).with(evidence));
    }
    if let Some((low, high, count)) = rest {
        let mut finding = Finding::within(code, chain, low, high, message);
        finding.count = count;
        report(finding);
    }
}
