//! Checkpoints from outside that the chain does not agree with: lost, declared as lost, or
//! replaced behind the auditor's back.

use super::checkpoints::Disagreeing;
use super::finding::{Evidence, EvidenceSource, Finding, FindingCode};
use super::rules::Restored;
use crate::ChainId;

/// What a disagreement with a checkpoint of an earlier incarnation comes down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// Declared: the restore's own finding (or its acceptance) speaks for it.
    Declared,
    /// No restore speaks for it.
    Undeclared,
}

/// Judges one disagreement. `restores` are the declared losses in the order of their entries;
/// `standing` is the number of entries up to the last that stands.
pub(crate) fn judge(
    chain: &ChainId,
    disagreeing: &Disagreeing,
    restores: &[(u64, Restored)],
    standing: u64,
    report: &mut impl FnMut(Finding),
) {
    if declared(disagreeing, restores) == Loss::Declared {
        return;
    }
    let current = restores.iter().map(|(_, restored)| restored.incarnation).max().unwrap_or(1);
    if disagreeing.size > standing && disagreeing.incarnation >= current {
        // Fewer entries than were signed: that is `truncated`.
        return;
    }
    let message = "history is not the one that a checkpoint from outside signs";
    let last = disagreeing.size.saturating_sub(1);
    let finding = Finding::within(FindingCode::RolledBack, chain, 0, last, message);
    report(finding.with(Evidence::new(
        EvidenceSource::Checkpoint,
        format_args!("size {}, root {}", disagreeing.size, disagreeing.root),
        &disagreeing.found,
    )));
}

/// A loss is declared where a later incarnation was begun with a loss that reaches below the
/// checkpoint's size, and the history it gave up was at least as long.
fn declared(disagreeing: &Disagreeing, restores: &[(u64, Restored)]) -> Loss {
    let later = restores.iter().filter(|(_, r)| r.incarnation > disagreeing.incarnation);
    for (_, restored) in later {
        if disagreeing.size <= restored.lost_from {
            // That restore kept all of it: the next one may have lost it.
            continue;
        }
        let same_size = disagreeing.size == restored.size;
        let known = !same_size || restored.root.to_base64() == disagreeing.root;
        return if disagreeing.size <= restored.size && known {
            Loss::Declared
        } else {
            Loss::Undeclared
        };
    }
    Loss::Undeclared
}
