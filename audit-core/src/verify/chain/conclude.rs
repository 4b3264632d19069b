//! What only the whole chain can show.

use super::super::checkpoints::Surroundings;
use super::super::finding::{Evidence, EvidenceSource, Finding, FindingCode};
use super::super::outside;
use super::super::report::{ChainReport, Verdict};
use super::super::summary::Row;
use super::super::trees::Substitutes;
use super::super::window::Blame;
use super::{ChainVerifier, HeadRow};

impl ChainVerifier {
    /// Where nothing after them tells which of the last two entries is altered, asks the head row
    /// and the checkpoints.
    pub(super) fn decide_end(&mut self, head: Option<&HeadRow>) {
        let Some(first) = self.window.ambiguous_end() else { return };
        let end = self.window.end();
        let last = first.saturating_add(1);
        let Some(next) = self.window.row(last) else { return };
        let (named, own) = (next.prev, next.leaf);
        let told = head.filter(|head| head.size == end).and_then(|head| head.leaf);
        let blame = match told {
            Some(leaf) if leaf == own => Blame::First,
            Some(_) => Blame::Second,
            None => {
                // Of the entry before the last, its own hash or the one that the last names: whose
                // root does a checkpoint state?
                let mut rows = self.window.rows(usize::MAX).to_vec();
                let sizes = [end.saturating_sub(1), end];
                let stated = |rows: &[Row], sizes: &[u64]| {
                    let mut stated = false;
                    self.trees.clone().advance(
                        rows,
                        &Substitutes::new(),
                        None,
                        sizes,
                        |at, roots| {
                            let mut signed = self.checkpoints.roots_at(at);
                            stated |= roots.own.is_some_and(|own| signed.any(|root| *root == own));
                        },
                    );
                    stated
                };
                let [without_last, _] = sizes;
                let own =
                    self.checkpoints.proven_to == without_last || stated(&rows, &[without_last]);
                if let Some(row) = rows.get_mut(first) {
                    row.leaf = named;
                }
                match (own, stated(&rows, &sizes)) {
                    (true, false) => Blame::Second,
                    (false, true) => Blame::First,
                    _ => Blame::Both,
                }
            }
        };
        self.window.blame = Some(blame);
    }

    pub(super) fn conclude(&mut self, head: Option<&HeadRow>) {
        let log = &mut self.log;
        let report = &mut |finding| log.push(finding);
        let around = Surroundings {
            chain: &self.chain,
            journal: self.rules.journal.as_deref(),
            began: &self.rules.began,
            last_at: self.last_at,
        };
        self.checkpoints.beyond(around, &mut self.keys, report);
        self.checkpoints.finish(report);
        let entries = self.window.end();
        self.information.unwitnessed = self.checkpoints.unwitnessed(&self.chain, entries, report);
        self.upper.finish(&self.chain, report);
        for disagreeing in &self.checkpoints.disagreeing {
            let restored = &self.rules.restored;
            outside::judge(&self.chain, disagreeing, restored, self.standing, report);
        }
        self.rules.undisclosed.finish(&self.chain, report);
        self.counts.erased = self.rules.undisclosed.erased();
        self.counts.pruned = self.rules.judge_absences(self.standing, report);
        for (start, end) in self.unhashed.iter().filter(|(start, _)| *start < self.standing) {
            let message = "the hash of an absent entry is gone too";
            let last = end.saturating_sub(1);
            let code = FindingCode::Missing;
            let mut finding = Finding::within(code, &self.chain, start, last, message);
            finding.count = end.saturating_sub(start);
            report(finding);
        }
        self.counts.boundaries_gone = self.rules.boundaries_gone;
        self.counts.checkpoints = self.checkpoints.stored;
        let withheld = self.rules.withheld.len();
        self.information.withheld = self.information.withheld.saturating_add(withheld);
        self.information.unknown_key = self.checkpoints.unknown_key;
        let end = self.window.end();
        self.information.unsigned = end.saturating_sub(self.checkpoints.signed_to);
        for wanted in std::mem::take(&mut self.rules.wanted) {
            let message = "the boundary record of a pruning was not to be had again";
            report(Finding::at(FindingCode::Missing, &self.chain, wanted.before, message));
        }
        self.cut_off();
        if let Some(head) = head {
            self.compare_head(head);
        }
    }

    /// What is absent at the end: nothing excuses it, since what excuses stands above.
    fn cut_off(&mut self) {
        let end = self.window.end();
        let promised = self.checkpoints.promised.map_or(0, |(size, _)| size);
        let mut missing = self.standing;
        if promised > self.standing {
            let message = "a signed checkpoint counts more entries than there are";
            let last = promised.saturating_sub(1);
            let code = FindingCode::Truncated;
            let mut finding = Finding::within(code, &self.chain, self.standing, last, message);
            finding.count = promised.saturating_sub(self.standing);
            let (expected, found) = (format!("{promised} entries"), self.standing);
            self.log.push(finding.with(Evidence::new(EvidenceSource::Checkpoint, expected, found)));
            missing = promised;
        }
        if end == 0 && promised == 0 {
            let message = "there is no entry, not even the one that opens the chain";
            self.log.push(Finding::at(FindingCode::Missing, &self.chain, 0, message));
        }
        if end > missing {
            let message = "the last entries are absent, which nothing can excuse";
            let last = end.saturating_sub(1);
            let mut finding =
                Finding::within(FindingCode::Missing, &self.chain, missing, last, message);
            finding.count = end.saturating_sub(missing);
            self.log.push(finding);
        }
    }

    pub(super) fn into_report(mut self) -> ChainReport {
        let (findings, totals) = self.log.into_parts();
        let verdict = if !totals.is_empty() {
            Verdict::Findings
        } else if self.information.limits_the_verdict() {
            Verdict::Unproven
        } else {
            Verdict::Intact
        };
        let (life, life_left_out) = self.rules.life.finish();
        ChainReport {
            chain: self.chain,
            journal: self.rules.journal.unwrap_or_default(),
            incarnation: self.rules.began.keys().next_back().copied().unwrap_or(1),
            size: self.window.end(),
            root: self.trees.roots().own.map(|root| root.to_base64()).unwrap_or_default(),
            first_at: self.first_at,
            last_at: self.last_at,
            verdict,
            counts: self.counts,
            information: self.information,
            findings,
            totals,
            accepted_restores: self.rules.accepted,
            checkpoints: self.checkpoints.reports(),
            keys: self.keys.report(),
            growth: self.growth.finish(),
            life,
            life_left_out,
            holds_in_force: self.rules.holds.in_force().map(str::to_owned).collect(),
            holds_beyond_the_chain: self.rules.holds.beyond_the_chain(),
        }
    }
}
