//! A database's head row, compared with the entries.

use base16ct::lower::encode_string as hex;

use super::super::finding::{Evidence, EvidenceSource, Finding, FindingCode};
use super::ChainVerifier;
use crate::{LeafHash, Timestamp};

/// What a database's head row says about a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeadRow {
    /// Number of entries.
    pub size: u64,
    /// Hash of the last entry; zero bytes where there is none.
    pub leaf: Option<LeafHash>,
    /// The tree's compact range.
    pub range: Option<Vec<u8>>,
    /// When the last entry was sealed.
    pub at: Option<Timestamp>,
    /// The last reserved entry.
    pub control: Option<u64>,
    /// The current incarnation.
    pub incarnation: Option<u64>,
    /// The ids of the legal holds that the database keeps as being in force, each once and sorted.
    pub holds: Option<Vec<String>>,
}

impl HeadRow {
    /// A head row of this size that names this reserved entry. Of the other members, which are
    /// public, those that are set are compared.
    #[must_use]
    pub fn new(size: u64, control: Option<u64>) -> Self {
        Self { size, control, ..Self::default() }
    }
}

impl ChainVerifier {
    /// What the head row says, compared with what stands.
    pub(super) fn compare_head(&mut self, head: &HeadRow) {
        let end = self.window.end();
        let seq = end.saturating_sub(1);
        let mut differs = |what: &str, expected: String, found: String| {
            if expected != found {
                let message =
                    format!("the database keeps another {what} of the chain than the entries say");
                let finding = Finding::at(FindingCode::Projection, &self.chain, seq, message);
                self.log.push(finding.with(Evidence::new(
                    EvidenceSource::HeadRow,
                    expected,
                    found,
                )));
            }
        };
        differs("size", head.size.to_string(), end.to_string());
        if self.standing != end || head.size != end {
            return;
        }
        let say = |value: Option<u64>| value.map_or_else(|| "none".to_owned(), |v| v.to_string());
        if let (Some(leaf), Some(last)) = (head.leaf, self.last_leaf) {
            differs("last hash", leaf.to_string(), last.to_string());
        }
        if let (Some(at), Some(last)) = (head.at, self.last_at) {
            differs("time", at.to_string(), last.to_string());
        }
        if end > 0 {
            differs("reserved entry", say(head.control), say(self.rules.last_reserved()));
        }
        if let Some(incarnation) = head.incarnation {
            let found = self.rules.began.keys().next_back().copied();
            differs("incarnation", incarnation.to_string(), say(found));
        }
        if let Some(holds) = &head.holds {
            let in_force = self.rules.holds.in_force().collect::<Vec<_>>();
            differs("list of legal holds", holds.join(", "), in_force.join(", "));
        }
        if let Some(range) = &head.range {
            let (own, committed) = self.trees.ranges();
            let same = |tree: Option<&crate::CompactRange>| {
                tree.is_some_and(|tree| tree.to_bytes() == *range)
            };
            if own.is_some() && !same(own) && !same(committed) {
                let found = own.map(|tree| hex(&tree.to_bytes())).unwrap_or_default();
                differs("compact range", hex(range), found);
            }
        }
    }
}
