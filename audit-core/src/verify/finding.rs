//! What verification finds, and by which evidence.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::ChainId;

/// Findings of one code that a report keeps of each chain; the rest is counted, so that a ruined
/// journal does not eat the verifier's memory.
pub const MAX_FINDINGS_PER_CODE: usize = 100;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingCode {
    /// Stored bytes do not hash to what the next entry, the tile or a checkpoint commits to.
    Altered,
    /// Signature, root, consistency or signer of a stored checkpoint is wrong.
    Checkpoint,
    /// Time decreases, or lies later than a witness's time on a checkpoint that covers it.
    Clock,
    /// A disclosure that no digest matches.
    Disclosure,
    /// A digest without disclosure, withheld line or erasure entry.
    ErasedWithoutRecord,
    /// A seq twice, or two entries that continue the same one.
    Forked,
    /// A record or a disclosure went while the chain's own hold covered it.
    HoldViolated,
    /// Bytes, a line or a file that the format does not allow.
    Malformed,
    /// A record is absent and no pruning entry covers it, or a reserved one is absent.
    Missing,
    /// The query index, the event id, the head row or the journal's own row says something else than
    /// the entries.
    Projection,
    /// The chain's own schedule forbade a pruning.
    PrunedTooEarly,
    /// An entry in another's place.
    Reordered,
    /// A declared loss of history.
    Restored,
    /// History inconsistent with a checkpoint from outside.
    RolledBack,
    /// Fewer entries than a signed checkpoint counts.
    Truncated,
    /// An entry or a journal of a version that this library does not know.
    UnsupportedVersion,
}

impl FindingCode {
    /// The code as reports write it, such as `pruned_too_early`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Checkpoint => "checkpoint",
            Self::Clock => "clock",
            Self::Disclosure => "disclosure",
            Self::ErasedWithoutRecord => "erased_without_record",
            Self::Forked => "forked",
            Self::HoldViolated => "hold_violated",
            Self::Malformed => "malformed",
            Self::Missing => "missing",
            Self::Projection => "projection",
            Self::PrunedTooEarly => "pruned_too_early",
            Self::Reordered => "reordered",
            Self::Restored => "restored",
            Self::RolledBack => "rolled_back",
            Self::Truncated => "truncated",
            Self::UnsupportedVersion => "unsupported_version",
        }
    }
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What said otherwise: where the expected value of an [`Evidence`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub enum EvidenceSource {
    /// A signed checkpoint.
    #[serde(rename = "checkpoint")]
    Checkpoint,
    /// The entry itself, or another entry of the chain that rules over it.
    #[serde(rename = "entry")]
    Entry,
    /// The chain's head row in the database.
    #[serde(rename = "head row")]
    HeadRow,
    /// The query index, or another column derived from the entries.
    #[serde(rename = "index")]
    Index,
    /// The bundle's manifest, or a rule about the bundle's files.
    #[serde(rename = "manifest")]
    Manifest,
    /// The `prev` member of the entry after it.
    #[serde(rename = "next entry")]
    NextEntry,
    /// A stored hash tile, or the hash that a bundle's line states for an absent entry.
    #[serde(rename = "tile")]
    Tile,
    /// A witness's cosignature.
    #[serde(rename = "witness")]
    Witness,
}

impl EvidenceSource {
    /// The word that reports write, such as `next entry`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Entry => "entry",
            Self::HeadRow => "head row",
            Self::Index => "index",
            Self::Manifest => "manifest",
            Self::NextEntry => "next entry",
            Self::Tile => "tile",
            Self::Witness => "witness",
        }
    }
}

impl fmt::Display for EvidenceSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What was expected, by whose word, and what was found instead: hashes in hexadecimal, times,
/// seqs and short texts as they are. Never the content of a private field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Evidence {
    /// Where the expected value stands.
    pub source: EvidenceSource,
    /// What that source says.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Evidence {
    /// Puts evidence together.
    pub fn new(
        source: EvidenceSource,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self { source, expected: expected.to_string(), found: found.to_string() }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.source, self.expected, self.found)
    }
}

/// One thing that is wrong with a chain, with its place and its evidence.
///
/// Neighbouring entries with the same fault are one finding with a range of seqs and the evidence
/// of the first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What is wrong.
    pub code: FindingCode,
    /// In which chain.
    pub chain: ChainId,
    /// The first entry it is about.
    pub first_seq: u64,
    /// The last entry it is about, included.
    pub last_seq: u64,
    /// How many single faults this stands for.
    pub count: u64,
    /// One sentence, without the place.
    pub message: String,
    /// What was expected and what was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

impl Finding {
    /// A finding about one entry.
    pub fn at(code: FindingCode, chain: &ChainId, seq: u64, message: impl Into<String>) -> Self {
        Self::within(code, chain, seq, seq, message)
    }

    /// A finding about the entries from `first_seq` to `last_seq`, both included.
    pub fn within(
        code: FindingCode,
        chain: &ChainId,
        first_seq: u64,
        last_seq: u64,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            chain: chain.clone(),
            first_seq,
            last_seq: std::cmp::max(first_seq, last_seq),
            count: 1,
            message: message.into(),
            evidence: None,
        }
    }

    /// The same finding with its evidence.
    #[must_use]
    pub fn with(mut self, evidence: Evidence) -> Self {
        self.evidence = Some(evidence);
        self
    }

    /// Whether `next` says the same of the entries that follow (or of the same last entry).
    fn continues_in(&self, next: &Self) -> bool {
        let source = |finding: &Self| finding.evidence.as_ref().map(|evidence| evidence.source);
        (self.first_seq..=self.last_seq.saturating_add(1)).contains(&next.first_seq)
            && self.message == next.message
            && source(self) == source(next)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} at ", self.code, self.chain)?;
        if self.first_seq == self.last_seq {
            write!(f, "{}", self.first_seq)?;
        } else {
            write!(f, "{} to {}", self.first_seq, self.last_seq)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(evidence) = &self.evidence {
            write!(f, " ({evidence})")?;
        }
        Ok(())
    }
}

/// Findings as they arrive: joined where they touch, bounded by code, all counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct FindingLog {
    by_code: BTreeMap<FindingCode, Kept>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    findings: Vec<Finding>,
    total: u64,
}

impl FindingLog {
    pub(crate) fn push(&mut self, finding: Finding) {
        let kept = self.by_code.entry(finding.code).or_default();
        kept.total = kept.total.saturating_add(finding.count);
        let room = kept.findings.len() < MAX_FINDINGS_PER_CODE;
        match kept.findings.last_mut() {
            Some(last) if last.continues_in(&finding) => {
                last.last_seq = std::cmp::max(last.last_seq, finding.last_seq);
                last.count = last.count.saturating_add(finding.count);
            }
            _ if room => kept.findings.push(finding),
            _ => {}
        }
    }

    /// Takes over another log whose findings come after these.
    pub(crate) fn absorb(&mut self, later: Self) {
        for (code, kept) in later.by_code {
            let counted = kept.findings.iter().fold(0_u64, |sum, f| sum.saturating_add(f.count));
            kept.findings.into_iter().for_each(|finding| self.push(finding));
            let uncounted = kept.total.saturating_sub(counted);
            let mine = self.by_code.entry(code).or_default();
            mine.total = mine.total.saturating_add(uncounted);
        }
    }

    /// All kept findings in the order of their places, and how many there were of each code.
    pub(crate) fn into_parts(self) -> (Vec<Finding>, BTreeMap<FindingCode, u64>) {
        let totals = self.by_code.iter().map(|(code, kept)| (*code, kept.total)).collect();
        let mut findings: Vec<_> =
            self.by_code.into_values().flat_map(|kept| kept.findings).collect();
        findings.sort_by_key(|finding| (finding.first_seq, finding.code, finding.last_seq));
        (findings, totals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> ChainId {
        "acme/default".parse().unwrap()
    }

    #[test]
    fn texts() {
        let finding = Finding::at(FindingCode::Altered, &chain(), 41, "its bytes were changed");
        assert_eq!(finding.to_string(), "altered in acme/default at 41: its bytes were changed");
        let finding = Finding::within(FindingCode::PrunedTooEarly, &chain(), 3, 9, "too young")
            .with(Evidence::new(EvidenceSource::NextEntry, "aa", "bb"));
        assert_eq!(
            finding.to_string(),
            "pruned_too_early in acme/default at 3 to 9: too young \
             (next entry: expected aa, found bb)"
        );
        let json = serde_json::to_string(&finding).unwrap();
        assert_eq!(
            json,
            "{\"code\":\"pruned_too_early\",\"chain\":\"acme/default\",\"first_seq\":3,\
             \"last_seq\":9,\"count\":1,\"message\":\"too young\",\"evidence\":{\
             \"source\":\"next entry\",\"expected\":\"aa\",\"found\":\"bb\"}}"
        );
    }

    #[test]
    fn the_written_code_is_the_serialised_one() {
        for code in [
            FindingCode::Altered,
            FindingCode::Checkpoint,
            FindingCode::Clock,
            FindingCode::Disclosure,
            FindingCode::ErasedWithoutRecord,
            FindingCode::Forked,
            FindingCode::HoldViolated,
            FindingCode::Malformed,
            FindingCode::Missing,
            FindingCode::Projection,
            FindingCode::PrunedTooEarly,
            FindingCode::Reordered,
            FindingCode::Restored,
            FindingCode::RolledBack,
            FindingCode::Truncated,
            FindingCode::UnsupportedVersion,
        ] {
            assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
        }
        for source in [
            EvidenceSource::Checkpoint,
            EvidenceSource::Entry,
            EvidenceSource::HeadRow,
            EvidenceSource::Index,
            EvidenceSource::Manifest,
            EvidenceSource::NextEntry,
            EvidenceSource::Tile,
            EvidenceSource::Witness,
        ] {
            assert_eq!(serde_json::to_string(&source).unwrap(), format!("\"{source}\""));
        }
    }

    #[test]
    fn neighbours_join_and_the_rest_is_counted() {
        let mut log = FindingLog::default();
        for seq in 0..5 {
            log.push(Finding::at(FindingCode::Missing, &chain(), seq, "gone"));
        }
        for seq in 0..1000 {
            log.push(Finding::at(FindingCode::Altered, &chain(), seq * 2, "changed"));
        }
        let mut whole = FindingLog::default();
        whole.push(Finding::at(FindingCode::Altered, &chain(), 0, "changed"));
        whole.absorb(log);
        let (findings, totals) = whole.into_parts();
        assert_eq!(totals[&FindingCode::Altered], 1001);
        assert_eq!(totals[&FindingCode::Missing], 5);
        let altered = findings.iter().filter(|f| f.code == FindingCode::Altered).count();
        assert_eq!(altered, MAX_FINDINGS_PER_CODE);
        let missing = findings.iter().find(|f| f.code == FindingCode::Missing).unwrap();
        assert_eq!((missing.first_seq, missing.last_seq, missing.count), (0, 4, 5));
        assert!(findings.is_sorted_by_key(|finding| finding.first_seq));
    }
}
