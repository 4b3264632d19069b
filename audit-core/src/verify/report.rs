//! The outcome of a verification: of one chain, and of all chains looked at.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::finding::{Finding, FindingCode};
use super::life::LifeEvent;
use crate::{ChainId, Timestamp};

/// The one word that sums a report up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// Everything was checked, and nothing is wrong.
    Intact,
    /// Nothing is wrong with what could be checked, but something could not be: a key without a
    /// path of trust, sealed or withheld fields, entries that no checkpoint covers, or none that
    /// enough witnesses cosigned.
    Unproven,
    /// Something is wrong.
    Findings,
}

impl Verdict {
    /// Exit status of a tool that reports this verdict: 0 intact, 1 findings, 3 unproven. (2 is
    /// for wrong use and for an input that cannot be opened.)
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Intact => 0,
            Self::Findings => 1,
            Self::Unproven => 3,
        }
    }

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Unproven => "unproven",
            Self::Findings => "findings",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is not wrong, yet limits what was shown; all counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Information {
    /// Checkpoints signed by a key without a path of trust: unverifiable, which is not tampered.
    pub unknown_key: u64,
    /// Disclosures that are sealed and were not opened here.
    pub sealed: u64,
    /// Entries and disclosures that an export left out.
    pub withheld: u64,
    /// Entries above the last checkpoint.
    pub unsigned: u64,
    /// Entries above the newest checkpoint that a quorum of the auditor's witnesses cosigned; 0
    /// where he asks for none.
    pub unwitnessed: u64,
    /// Staged events that are not sealed yet.
    pub unsealed: u64,
    /// How long the oldest of those has waited, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsealed_age: Option<u64>,
}

impl Information {
    /// Whether anything but [`unsealed`](Self::unsealed) is above zero.
    #[must_use]
    pub const fn limits_the_verdict(&self) -> bool {
        self.unknown_key > 0
            || self.sealed > 0
            || self.withheld > 0
            || self.unsigned > 0
            || self.unwitnessed > 0
    }

    fn add(&mut self, other: &Self) {
        self.unknown_key = self.unknown_key.saturating_add(other.unknown_key);
        self.sealed = self.sealed.saturating_add(other.sealed);
        self.withheld = self.withheld.saturating_add(other.withheld);
        self.unsigned = self.unsigned.saturating_add(other.unsigned);
        self.unwitnessed = self.unwitnessed.saturating_add(other.unwitnessed);
        self.unsealed = self.unsealed.saturating_add(other.unsealed);
        self.unsealed_age = std::cmp::max(self.unsealed_age, other.unsealed_age);
    }
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Entries that stand and were checked.
    pub entries: u64,
    /// Bytes of those entries.
    pub bytes: u64,
    /// Entries that are absent, for whatever reason.
    pub absent: u64,
    /// Absent entries that a pruning excuses.
    pub pruned: u64,
    /// Reserved entries among those that stand.
    pub reserved: u64,
    /// Disclosures that were checked against their digest.
    pub disclosures: u64,
    /// Digests whose disclosure is gone under an erasure.
    pub erased: u64,
    /// Stored checkpoints.
    pub checkpoints: u64,
    /// Prunings whose boundary record has since gone, so that their `cutoff` alone was judged.
    pub boundaries_gone: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.entries = self.entries.saturating_add(other.entries);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.absent = self.absent.saturating_add(other.absent);
        self.pruned = self.pruned.saturating_add(other.pruned);
        self.reserved = self.reserved.saturating_add(other.reserved);
        self.disclosures = self.disclosures.saturating_add(other.disclosures);
        self.erased = self.erased.saturating_add(other.erased);
        self.checkpoints = self.checkpoints.saturating_add(other.checkpoints);
        self.boundaries_gone = self.boundaries_gone.saturating_add(other.boundaries_gone);
    }
}

/// What became of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CheckpointStatus {
    /// Its root is the entries', and a trusted key signed it.
    Verified,
    /// Its root is the entries', but no trusted key signed it.
    UnknownKey,
    /// It is part of a finding.
    Wrong,
}

/// One checkpoint of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckpointReport {
    /// Entries it covers.
    pub size: u64,
    /// The incarnation it is filed under.
    pub incarnation: u64,
    /// The root it states, base64.
    pub root: String,
    /// Key id of the signature that counted, eight hexadecimal digits; empty where none did.
    pub key: String,
    /// What became of it.
    pub status: CheckpointStatus,
    /// Witnesses whose cosignature was verified, with the time they state.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<WitnessReport>,
    /// Whether the auditor brought it from outside.
    pub outside: bool,
}

/// A witness's verified word on a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WitnessReport {
    /// Name of the witness's key.
    pub name: String,
    /// When it cosigned.
    pub at: Timestamp,
}

/// How a key came to be trusted, or did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "by")]
#[non_exhaustive]
pub enum KeyTrust {
    /// The auditor named it.
    Auditor,
    /// An entry added it, and a checkpoint by a trusted key covers that entry.
    Chain {
        /// The `journal.key_added` entry.
        added: u64,
        /// Size of the first checkpoint that covers it and was signed by a trusted key.
        checkpoint: u64,
        /// Key id of the trusted key that signed that checkpoint.
        signer: String,
    },
    /// The chain names it, but nothing the auditor trusts vouches for it.
    Unknown,
}

/// One key of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyReport {
    /// The verifier key as the auditor or the chain writes it.
    pub vkey: String,
    /// Its path of trust.
    pub trust: KeyTrust,
    /// The `journal.key_retired` entry that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired: Option<u64>,
}

/// One point of a chain's growth over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GrowthPoint {
    /// An entry.
    pub seq: u64,
    /// When it was sealed.
    pub at: Timestamp,
}

/// The outcome for one chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ChainReport {
    /// The chain.
    pub chain: ChainId,
    /// The journal's name as the chain states it; empty where its first entry is not to be had.
    pub journal: String,
    /// The current incarnation.
    pub incarnation: u64,
    /// Number of entries, absent ones included.
    pub size: u64,
    /// Root of the tree over them, base64; empty where a leaf hash is not to be had.
    pub root: String,
    /// When the first standing entry was sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_at: Option<Timestamp>,
    /// When the last standing entry was sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
    /// The verdict for this chain alone.
    pub verdict: Verdict,
    /// What was looked at.
    pub counts: Counts,
    /// What limits the verdict.
    pub information: Information,
    /// What is wrong, by place; bounded for each code.
    pub findings: Vec<Finding>,
    /// How many faults there are of each code, those left out of `findings` included.
    pub totals: BTreeMap<FindingCode, u64>,
    /// Declared losses that the auditor accepted, by the seq of their `journal.restored` entry.
    pub accepted_restores: Vec<u64>,
    /// Checkpoints, bounded: the first ones, the newest ones, and every one that is wrong.
    pub checkpoints: Vec<CheckpointReport>,
    /// The keys that were named by the auditor or by the chain.
    pub keys: Vec<KeyReport>,
    /// A bounded sample of its growth, evenly spread over the seqs.
    pub growth: Vec<GrowthPoint>,
    /// What the chain records of its life, oldest first: what was removed, held and erased.
    pub life: Vec<LifeEvent>,
    /// How many older such records are not in `life`.
    pub life_left_out: u64,
    /// The ids of the legal holds in force at its end.
    pub holds_in_force: Vec<String>,
    /// Whether a hold on a subject or a target was placed: records sealed later under it are
    /// protected by the library and the database, which the chain alone cannot show.
    pub holds_beyond_the_chain: bool,
}

impl ChainReport {
    /// Adds a finding of the caller's, which decides the verdict.
    pub fn add(&mut self, finding: Finding) {
        let total = self.totals.entry(finding.code).or_default();
        *total = total.saturating_add(finding.count);
        self.findings.push(finding);
        self.verdict = Verdict::Findings;
    }

    /// Whether a finding of this code was made.
    #[must_use]
    pub fn has(&self, code: FindingCode) -> bool {
        self.totals.contains_key(&code)
    }
}

/// The outcome of a verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerificationReport {
    /// The verdict for all chains together.
    pub verdict: Verdict,
    /// What was looked at, in all chains together.
    pub counts: Counts,
    /// What limits the verdict, in all chains together.
    pub information: Information,
    /// The chains.
    pub chains: Vec<ChainReport>,
}

impl VerificationReport {
    /// Sums up the reports of single chains. No chain at all is intact: there is nothing wrong.
    #[must_use]
    pub fn new(chains: Vec<ChainReport>) -> Self {
        let mut report = Self {
            verdict: Verdict::Intact,
            counts: Counts::default(),
            information: Information::default(),
            chains,
        };
        for chain in &report.chains {
            report.counts.add(&chain.counts);
            report.information.add(&chain.information);
            report.verdict = std::cmp::max(report.verdict, chain.verdict);
        }
        report
    }

    /// All findings of all chains.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.chains.iter().flat_map(|chain| &chain.findings)
    }

    /// Whether everything was checked and nothing is wrong.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.verdict == Verdict::Intact
    }

    /// Exit status of a tool that reports this: 0 intact; 1 findings; 3 nothing wrong, but not
    /// everything could be shown.
    #[must_use]
    pub const fn exit_status(&self) -> u8 {
        self.verdict.exit_status()
    }
}

/// A few lines for a terminal: the verdict, one line for each chain, one for each finding kept.
impl fmt::Display for VerificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.verdict)?;
        for chain in &self.chains {
            writeln!(f, "{chain}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ChainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chain, verdict, size, counts, information, .. } = self;
        write!(f, "{chain}: {verdict}, {size} entries")?;
        let notes = [
            (counts.pruned, "pruned"),
            (counts.erased, "erased"),
            (information.unknown_key, "unknown_key"),
            (information.sealed, "sealed"),
            (information.withheld, "withheld"),
            (information.unsigned, "unsigned"),
            (information.unwitnessed, "unwitnessed"),
            (information.unsealed, "unsealed"),
        ];
        for (count, word) in notes.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, ", {count} {word}")?;
        }
        for finding in &self.findings {
            write!(f, "\n  {finding}")?;
        }
        for (code, total) in &self.totals {
            let kept = self.findings.iter().filter(|finding| finding.code == *code);
            let shown = kept.fold(0_u64, |sum, finding| sum.saturating_add(finding.count));
            if *total > shown {
                write!(f, "\n  {code}: {} more", total.saturating_sub(shown))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain_report() -> ChainReport {
        ChainReport {
            chain: "acme/default".parse().unwrap(),
            journal: "audit.example.com".into(),
            incarnation: 1,
            size: 10,
            root: String::new(),
            first_at: None,
            last_at: None,
            verdict: Verdict::Intact,
            counts: Counts::default(),
            information: Information::default(),
            findings: vec![],
            totals: BTreeMap::new(),
            accepted_restores: vec![],
            checkpoints: vec![],
            keys: vec![],
            growth: vec![],
            life: vec![],
            life_left_out: 0,
            holds_in_force: vec![],
            holds_beyond_the_chain: false,
        }
    }

    #[test]
    fn the_worst_chain_gives_the_verdict() {
        let report = |verdicts: &[Verdict]| {
            let chains = verdicts.iter().map(|v| ChainReport { verdict: *v, ..chain_report() });
            VerificationReport::new(chains.collect())
        };
        assert_eq!(report(&[]).exit_status(), 0);
        assert_eq!(report(&[Verdict::Intact]).exit_status(), 0);
        assert_eq!(report(&[Verdict::Intact, Verdict::Unproven]).exit_status(), 3);
        assert_eq!(report(&[Verdict::Findings, Verdict::Unproven]).exit_status(), 1);
    }

    #[test]
    fn unsealed_alone_does_not_limit_the_verdict() {
        let unsealed = Information { unsealed: 3, ..Information::default() };
        assert!(!unsealed.limits_the_verdict());
        assert!(Information { unsigned: 1, ..unsealed }.limits_the_verdict());
    }

    #[test]
    fn the_text_names_what_there_is() {
        let mut chain = chain_report();
        chain.verdict = Verdict::Findings;
        chain.counts.pruned = 4;
        chain.information.unsigned = 2;
        chain.findings = vec![Finding::at(FindingCode::Missing, &chain.chain, 3, "gone")];
        chain.totals = BTreeMap::from([(FindingCode::Missing, 5)]);
        assert_eq!(
            VerificationReport::new(vec![chain]).to_string(),
            "findings\n\
             acme/default: findings, 10 entries, 4 pruned, 2 unsigned\n  \
             missing in acme/default at 3: gone\n  \
             missing: 4 more\n"
        );
    }
}
