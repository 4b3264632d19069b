//! Checkpoints, judged at the moment the chain reaches their size.

use std::collections::{BTreeMap, VecDeque};

use super::finding::{Evidence, EvidenceSource, Finding, FindingCode};
use super::keys::{Keys, Signed};
use super::policy::AuditorPolicy;
use super::report::{CheckpointReport, CheckpointStatus, WitnessReport};
use super::trees::Roots;
use crate::{ChainId, SignedCheckpoint, Timestamp, TrustPolicy, VerifierKey};

/// Checkpoints beyond the chain's end, and reports of checkpoints, that are kept of each kind.
const KEPT: usize = 64;

/// A stored checkpoint, read but not judged.
#[derive(Clone, Debug)]
pub(crate) struct StoredCheckpoint {
    pub(crate) incarnation: u64,
    pub(crate) size: u64,
    pub(crate) signed: Result<SignedCheckpoint, String>,
    pub(crate) outside: bool,
}

impl StoredCheckpoint {
    pub(crate) fn parse(incarnation: u64, size: u64, note: &str) -> Self {
        let signed = SignedCheckpoint::parse(note).map_err(|error| {
            let source = std::error::Error::source(&error);
            source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
        });
        Self { incarnation, size, signed, outside: false }
    }

    fn outside(signed: &SignedCheckpoint) -> Self {
        let checkpoint = signed.checkpoint();
        Self {
            incarnation: checkpoint.origin.incarnation(),
            size: checkpoint.head.size,
            signed: Ok(signed.clone()),
            outside: true,
        }
    }
}

/// What is known about the chain around a checkpoint's size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) chain: &'a ChainId,
    /// As `journal.opened` states it.
    pub(crate) journal: Option<&'a str>,
    /// Which entry began each incarnation.
    pub(crate) began: &'a BTreeMap<u64, u64>,
    /// `at` of the last entry that the checkpoint covers.
    pub(crate) last_at: Option<Timestamp>,
}

/// A checkpoint of the auditor's that the entries of the same size do not agree with.
#[derive(Clone, Debug)]
pub(crate) struct Disagreeing {
    pub(crate) incarnation: u64,
    pub(crate) size: u64,
    pub(crate) root: String,
    pub(crate) found: String,
}

/// All checkpoints of one chain.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    waiting: BTreeMap<(u64, u64, u64), StoredCheckpoint>,
    order: u64,
    /// How many beyond the chain's end were dropped.
    dropped: u64,
    witnesses: Vec<VerifierKey>,
    quorum: Option<TrustPolicy>,
    /// Size of the last checkpoint that is no finding, by whichever key.
    pub(crate) signed_to: u64,
    /// Size of the last one that is trusted and right.
    pub(crate) proven_to: u64,
    /// Size of the last one of those that a quorum of the auditor's witnesses cosigned.
    witnessed_to: u64,
    /// Who cosigned the last one that is trusted and right.
    last_cosigned_by: Vec<String>,
    /// The largest size that a trusted key signed, right or not, in the current incarnation.
    pub(crate) promised: Option<(u64, bool)>,
    pub(crate) unknown_key: u64,
    pub(crate) stored: u64,
    /// Trusted checkpoints that the entries disagree with, not contradicted by a later one yet.
    mismatches: Vec<Finding>,
    mismatched: u64,
    pub(crate) disagreeing: Vec<Disagreeing>,
    first_reports: Vec<CheckpointReport>,
    last_reports: VecDeque<CheckpointReport>,
    wrong_reports: Vec<CheckpointReport>,
}

impl Checkpoints {
    pub(crate) fn new(chain: &ChainId, policy: &AuditorPolicy) -> Self {
        let mut checkpoints = Self {
            waiting: BTreeMap::new(),
            order: 0,
            dropped: 0,
            witnesses: policy.witnesses.clone(),
            quorum: policy.quorum.clone(),
            signed_to: 0,
            proven_to: 0,
            witnessed_to: 0,
            last_cosigned_by: Vec::new(),
            promised: None,
            unknown_key: 0,
            stored: 0,
            mismatches: Vec::new(),
            mismatched: 0,
            disagreeing: Vec::new(),
            first_reports: Vec::new(),
            last_reports: VecDeque::new(),
            wrong_reports: Vec::new(),
        };
        // A checkpoint over nothing agrees with every history.
        let own = |signed: &&SignedCheckpoint| {
            signed.checkpoint().origin.chain() == chain && signed.checkpoint().head.size > 0
        };
        for signed in policy.outside.iter().filter(own) {
            checkpoints.push(StoredCheckpoint::outside(signed));
        }
        checkpoints
    }

    pub(crate) fn push(&mut self, checkpoint: StoredCheckpoint) {
        if !checkpoint.outside {
            self.stored = self.stored.saturating_add(1);
        }
        self.order = self.order.saturating_add(1);
        let key = (checkpoint.size, checkpoint.incarnation, self.order);
        self.waiting.insert(key, checkpoint);
    }

    /// Keeps what waits bounded: `near` is how far the chain will certainly be read.
    pub(crate) fn trim(&mut self, near: u64) {
        while self.waiting.range((near, u64::MAX, u64::MAX)..).count() > KEPT {
            let Some(((_, _, _), last)) = self.waiting.pop_last() else { return };
            if last.outside {
                // The auditor's own are never dropped.
                self.order = self.order.saturating_add(1);
                self.waiting.insert((last.size, last.incarnation, self.order), last);
                return;
            }
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// The sizes above `from` and up to `to` that a checkpoint waits for, ascending.
    pub(crate) fn sizes(&self, from: u64, to: u64) -> Vec<u64> {
        let after = (from, u64::MAX, u64::MAX);
        let until = (to, u64::MAX, u64::MAX);
        if from >= to {
            return Vec::new();
        }
        let mut sizes: Vec<u64> =
            self.waiting.range(after..=until).map(|((size, ..), _)| *size).collect();
        sizes.dedup();
        sizes
    }

    /// The roots that checkpoints of one size state.
    pub(crate) fn roots_at(&self, size: u64) -> impl Iterator<Item = &crate::RootHash> {
        self.waiting
            .range((size, 0, 0)..=(size, u64::MAX, u64::MAX))
            .filter_map(|(_, checkpoint)| checkpoint.signed.as_ref().ok())
            .map(|signed| &signed.checkpoint().head.root)
    }

    /// Judges the checkpoints of one size, which the chain has now reached.
    pub(crate) fn reach(
        &mut self,
        size: u64,
        roots: Roots,
        around: Surroundings<'_>,
        keys: &mut Keys,
        report: &mut impl FnMut(Finding),
    ) {
        loop {
            let next = self.waiting.range((size, 0, 0)..=(size, u64::MAX, u64::MAX)).next();
            let Some(key) = next.map(|(key, _)| *key) else { return };
            let Some(checkpoint) = self.waiting.remove(&key) else { return };
            self.judge(&checkpoint, Some(roots), around, keys, report);
        }
    }

    /// Judges what is left: checkpoints of sizes that the chain does not have.
    pub(crate) fn beyond(
        &mut self,
        around: Surroundings<'_>,
        keys: &mut Keys,
        report: &mut impl FnMut(Finding),
    ) {
        for (_, checkpoint) in std::mem::take(&mut self.waiting) {
            self.judge(&checkpoint, None, around, keys, report);
        }
    }

    fn judge(
        &mut self,
        stored: &StoredCheckpoint,
        roots: Option<Roots>,
        around: Surroundings<'_>,
        keys: &mut Keys,
        report: &mut impl FnMut(Finding),
    ) {
        let seq = stored.size.saturating_sub(1);
        let wrong =
            |message: String| Finding::at(FindingCode::Checkpoint, around.chain, seq, message);
        let mut outcome = CheckpointReport {
            size: stored.size,
            incarnation: stored.incarnation,
            root: String::new(),
            key: String::new(),
            status: CheckpointStatus::Wrong,
            witnesses: Vec::new(),
            outside: stored.outside,
        };
        let signed = match &stored.signed {
            Ok(signed) => signed,
            Err(error) => {
                report(wrong(format!("what is stored is no checkpoint: {error}")));
                return self.keep(outcome);
            }
        };
        let checkpoint = signed.checkpoint();
        outcome.root = checkpoint.head.root.to_base64();
        let mut findings = misfiled(stored, signed, around);
        if !stored.outside {
            findings.extend(wrong_incarnation(stored, around));
        }
        let signer = keys.signer(signed);
        match &signer {
            Signed::Trusted { id } => outcome.key.clone_from(id),
            Signed::Unknown => self.unknown_key = self.unknown_key.saturating_add(1),
            Signed::Retired { by } => findings.push(
                wrong("a retired key signed the checkpoint".to_owned()).with(Evidence::new(
                    EvidenceSource::Entry,
                    format_args!("at most size {by}, where it was retired"),
                    format_args!("size {}", stored.size),
                )),
            ),
            Signed::Invalid { key } => {
                findings.push(wrong(format!("the signature of {key} does not verify")));
            }
            Signed::Unsigned => {
                findings
                    .push(wrong("the checkpoint is not signed in its origin's name".to_owned()));
            }
        }
        let trusted = matches!(signer, Signed::Trusted { .. }) && findings.is_empty();
        let formal = findings.is_empty();
        findings.into_iter().for_each(&mut *report);
        if trusted
            && (!stored.outside || around.began.keys().next_back() <= Some(&stored.incarnation))
        {
            let promised = self.promised.map_or(0, |(size, _)| size);
            if stored.size > promised {
                self.promised = Some((stored.size, stored.outside));
            }
        }
        let (witnesses, quorum) = self.witnessed(signed, around, stored.size, report);
        outcome.witnesses = witnesses;
        let included = roots.and_then(|roots| roots.include(&checkpoint.head.root));
        let found = || {
            let root = roots.and_then(|roots| roots.own);
            root.map_or_else(|| "no root".to_owned(), |root| root.to_base64())
        };
        match (included, &signer) {
            (Some(true), Signed::Trusted { id }) if formal => {
                outcome.status = CheckpointStatus::Verified;
                // Whatever came before and disagreed was not signed over this history.
                for finding in std::mem::take(&mut self.mismatches) {
                    let first_seq = finding.last_seq;
                    report(Finding { code: FindingCode::Checkpoint, first_seq, ..finding });
                }
                self.mismatched = 0;
                if stored.size >= self.proven_to {
                    self.proven_to = stored.size;
                    let names = outcome.witnesses.iter().map(|witness| witness.name.clone());
                    self.last_cosigned_by = names.collect();
                }
                if quorum {
                    self.witnessed_to = std::cmp::max(self.witnessed_to, stored.size);
                }
                self.signed_to = std::cmp::max(self.signed_to, stored.size);
                keys.cover(stored.size, id);
            }
            (Some(true), Signed::Unknown) if formal => {
                outcome.status = CheckpointStatus::UnknownKey;
                self.signed_to = std::cmp::max(self.signed_to, stored.size);
            }
            (Some(false) | None, _) if stored.outside && trusted => {
                self.disagreeing.push(Disagreeing {
                    incarnation: stored.incarnation,
                    size: stored.size,
                    root: checkpoint.head.root.to_base64(),
                    found: if roots.is_some() { found() } else { "fewer entries".to_owned() },
                });
            }
            (Some(false) | None, _) if stored.outside => {}
            (Some(false), Signed::Trusted { .. }) if formal => {
                self.mismatched = self.mismatched.saturating_add(1);
                if self.mismatches.len() < KEPT {
                    let message = "the entries do not have the root that a checkpoint signs";
                    let first = std::cmp::min(self.proven_to, seq);
                    let code = FindingCode::Altered;
                    let finding = Finding::within(code, around.chain, first, seq, message);
                    self.mismatches.push(finding.with(Evidence::new(
                        EvidenceSource::Checkpoint,
                        checkpoint.head.root.to_base64(),
                        found(),
                    )));
                }
            }
            (Some(false), _) => {
                let evidence = Evidence::new(
                    EvidenceSource::Checkpoint,
                    checkpoint.head.root.to_base64(),
                    found(),
                );
                let message = "the checkpoint has another root than the entries".to_owned();
                report(wrong(message).with(evidence));
            }
            // Beyond the end, or over leaves that are not to be had: said elsewhere.
            _ => {}
        }
        self.keep(outcome);
    }

    /// The verified cosignatures, and whether they are a quorum. Says so where an entry is later
    /// than one of them.
    fn witnessed(
        &self,
        signed: &SignedCheckpoint,
        around: Surroundings<'_>,
        size: u64,
        report: &mut impl FnMut(Finding),
    ) -> (Vec<WitnessReport>, bool) {
        if self.witnesses.is_empty() {
            return (Vec::new(), false);
        }
        let seq = size.saturating_sub(1);
        let verified = match signed.verify_cosignatures(&self.witnesses) {
            Ok(verified) => verified,
            Err(error) => {
                let message = format!("a witness's cosignature is wrong: {error}");
                report(Finding::at(FindingCode::Checkpoint, around.chain, seq, message));
                return (Vec::new(), false);
            }
        };
        let cosigned = |key: &VerifierKey| verified.iter().any(|by| by.key() == key);
        let quorum = self.quorum.as_ref().is_some_and(|policy| policy.is_quorum(cosigned));
        let mut reports = Vec::new();
        for cosignature in &verified {
            let Some(at) = cosignature.at() else { continue };
            // A witness's time is in whole seconds, cut off.
            let second = |time: Timestamp| time.as_micros().div_euclid(1_000_000);
            if let Some(last) = around.last_at.filter(|last| second(*last) > second(at)) {
                let message = "the entry is later than a witness's time on a checkpoint over it";
                let finding = Finding::at(FindingCode::Clock, around.chain, seq, message);
                let expected = format_args!("at most {at}");
                report(finding.with(Evidence::new(EvidenceSource::Witness, expected, last)));
            }
            reports.push(WitnessReport { name: cosignature.key().name().to_owned(), at });
        }
        (reports, quorum)
    }

    /// How many of `end` entries no checkpoint covers that a quorum cosigned. Where there is none
    /// at all though there could be, says so.
    pub(crate) fn unwitnessed(
        &self,
        chain: &ChainId,
        end: u64,
        report: &mut impl FnMut(Finding),
    ) -> u64 {
        let Some(policy) = &self.quorum else { return 0 };
        if self.witnessed_to == 0 && self.proven_to > 0 {
            let seq = self.proven_to.saturating_sub(1);
            let message = "no checkpoint is cosigned by a quorum of the auditor's witnesses";
            let finding = Finding::at(FindingCode::Checkpoint, chain, seq, message);
            let found = match self.last_cosigned_by.as_slice() {
                [] => "no cosignature".to_owned(),
                names => format!("only {}", names.join(", ")),
            };
            let expected = policy.quorum_in_words();
            report(finding.with(Evidence::new(EvidenceSource::Witness, expected, found)));
        }
        end.saturating_sub(self.witnessed_to)
    }

    /// The mismatches that no later checkpoint contradicts: the entries are not what was signed.
    pub(crate) fn finish(&mut self, report: &mut impl FnMut(Finding)) {
        let mismatches = std::mem::take(&mut self.mismatches);
        // The first says where; the later ones follow from it.
        if let Some(mut finding) = mismatches.into_iter().next() {
            finding.count = std::cmp::max(self.mismatched, 1);
            report(finding);
        }
    }

    fn keep(&mut self, outcome: CheckpointReport) {
        if outcome.status == CheckpointStatus::Wrong || outcome.outside {
            if self.wrong_reports.len() < KEPT {
                self.wrong_reports.push(outcome);
            }
        } else if self.first_reports.len() < KEPT {
            self.first_reports.push(outcome);
        } else {
            if self.last_reports.len() >= KEPT {
                self.last_reports.pop_front();
            }
            self.last_reports.push_back(outcome);
        }
    }

    pub(crate) fn reports(&mut self) -> Vec<CheckpointReport> {
        let mut reports = std::mem::take(&mut self.first_reports);
        reports.extend(std::mem::take(&mut self.last_reports));
        reports.append(&mut self.wrong_reports);
        reports.sort_by_key(|report| (report.size, report.incarnation, report.outside));
        reports
    }
}

/// Whether a checkpoint is of another chain, size or incarnation than it is filed under.
fn misfiled(
    stored: &StoredCheckpoint,
    signed: &SignedCheckpoint,
    around: Surroundings<'_>,
) -> Vec<Finding> {
    let checkpoint = signed.checkpoint();
    let seq = stored.size.saturating_sub(1);
    let mut findings = Vec::new();
    let mut wrong = |message: &str, expected: String, found: String| {
        let finding = Finding::at(FindingCode::Checkpoint, around.chain, seq, message);
        findings.push(finding.with(Evidence::new(EvidenceSource::Checkpoint, expected, found)));
    };
    if checkpoint.origin.chain() != around.chain {
        let found = checkpoint.origin.chain().to_string();
        wrong("the checkpoint is of another chain", around.chain.to_string(), found);
    }
    if let Some(journal) = around.journal {
        let found = checkpoint.origin.journal().as_str();
        if found != journal {
            let message = "the checkpoint is of another journal";
            wrong(message, journal.to_owned(), found.to_owned());
        }
    }
    if checkpoint.head.size != stored.size {
        let message = "the checkpoint is filed under another size";
        wrong(message, checkpoint.head.size.to_string(), stored.size.to_string());
    }
    if checkpoint.origin.incarnation() != stored.incarnation {
        let message = "the checkpoint is filed under another incarnation";
        let expected = checkpoint.origin.incarnation().to_string();
        wrong(message, expected, stored.incarnation.to_string());
    }
    findings
}

/// A stored checkpoint covers the entry that began its incarnation, and not the one that began
/// the next.
fn wrong_incarnation(stored: &StoredCheckpoint, around: Surroundings<'_>) -> Option<Finding> {
    let began = around.began.get(&stored.incarnation);
    let next = around.began.range(stored.incarnation.saturating_add(1)..).next();
    let (message, expected) = match (began, next) {
        (None, _) => ("the checkpoint is of an incarnation that no entry began", "none".to_owned()),
        (Some(began), _) if stored.size <= *began => (
            "the checkpoint does not cover the entry that began its incarnation",
            format!("more than {began}"),
        ),
        (_, Some((_, next))) if stored.size > *next => (
            "the checkpoint covers the entry that began the next incarnation",
            format!("at most {next}"),
        ),
        _ => return None,
    };
    let seq = stored.size.saturating_sub(1);
    let finding = Finding::at(FindingCode::Checkpoint, around.chain, seq, message);
    Some(finding.with(Evidence::new(EvidenceSource::Entry, expected, stored.size)))
}
