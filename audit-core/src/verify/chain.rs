//! The sequential part of verification: links, order, the tree, checkpoints and rules.

mod conclude;
mod head;
mod settle;

use std::collections::VecDeque;

pub use head::HeadRow;

use super::block::{InputKind, TILE};
use super::checkpoints::{Checkpoints, StoredCheckpoint};
use super::finding::{Finding, FindingLog};
use super::growth::Growth;
use super::keys::Keys;
use super::policy::AuditorPolicy;
use super::report::{ChainReport, Counts, Information};
use super::rules::Rules;
use super::runs::SeqRuns;
use super::summary::{BlockSummary, Row};
use super::trees::{Trees, UpperTiles};
use super::window::{Fault, Window};
use crate::{ChainId, Entry, LeafHash, NodeHash, Reserved, TILE_WIDTH, TileId, Timestamp};

/// Rows that must be known after a row before it is judged.
const LOOKAHEAD: usize = 2;

/// Puts the blocks of a chain together, in their order, into a verdict.
///
/// 1. [`merge`](Self::merge) each block's summary, first to last;
/// 2. [`checkpoint`](Self::checkpoint) those that no block was given;
/// 3. while [`wanted`](Self::wanted) names entries, give them again by
///    [`boundary`](Self::boundary): records at the end of a pruning that must have been old
///    enough, where their time has been forgotten;
/// 4. [`finish`](Self::finish).
///
/// Its memory does not grow with the number of entries, but with that of reserved entries, of
/// ranges of absent ones (a few bytes each) and of disclosures that are missing (a byte or two
/// each).
#[derive(Debug)]
pub struct ChainVerifier {
    chain: ChainId,
    input: InputKind,
    policy: AuditorPolicy,
    window: Window,
    reserved: VecDeque<(u64, Timestamp, Reserved)>,
    roots: VecDeque<(u64, NodeHash)>,
    block_logs: VecDeque<(u64, FindingLog)>,
    trees: Trees,
    upper: UpperTiles,
    checkpoints: Checkpoints,
    keys: Keys,
    rules: Rules,
    log: FindingLog,
    growth: Growth,
    counts: Counts,
    information: Information,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    /// One more than the last entry that stands.
    standing: u64,
    last_leaf: Option<LeafHash>,
    /// Absent entries whose hash is not to be had.
    unhashed: SeqRuns,
    fault_before: Fault,
}

/// A block that is not the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the block begins at {found}, the next one begins at {expected}")]
#[non_exhaustive]
pub struct OutOfOrder {
    /// Where the next block begins.
    pub expected: u64,
    /// Where the given one does.
    pub found: u64,
}

impl ChainVerifier {
    /// Begins the verification of a chain.
    #[must_use]
    pub fn new(chain: &ChainId, input: InputKind, policy: AuditorPolicy) -> Self {
        Self {
            chain: chain.clone(),
            input,
            window: Window::new(),
            reserved: VecDeque::new(),
            roots: VecDeque::new(),
            block_logs: VecDeque::new(),
            trees: Trees::default(),
            upper: UpperTiles::default(),
            checkpoints: Checkpoints::new(chain, &policy),
            keys: Keys::new(&policy),
            rules: Rules::new(chain),
            log: FindingLog::default(),
            growth: Growth::new(),
            counts: Counts::default(),
            information: Information::default(),
            first_at: None,
            last_at: None,
            standing: 0,
            last_leaf: None,
            unhashed: SeqRuns::default(),
            fault_before: Fault::None,
            policy,
        }
    }

    /// Where the next block begins.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.window.end()
    }

    /// Adds a stored tile above level 0 that no block was given, before the tree fills it.
    pub fn tile(&mut self, id: TileId, hashes: Vec<NodeHash>) {
        let finding = self.upper.stored(&self.chain, id, hashes);
        finding.into_iter().for_each(|finding| self.log.push(finding));
    }

    /// Adds a stored checkpoint that no block was given: the signed note with all its signature
    /// lines, and the incarnation and size it is filed under. Its size must not have been passed,
    /// else it is judged without the root of its size.
    pub fn checkpoint(&mut self, incarnation: u64, size: u64, note: &str) {
        self.checkpoints.push(StoredCheckpoint::parse(incarnation, size, note));
    }

    /// Adds a finding of the caller's about the chain as a whole.
    pub fn report(&mut self, finding: Finding) {
        self.log.push(finding);
    }

    /// Counts staged events that wait for their sealing.
    pub fn unsealed(&mut self, count: u64, oldest_age_seconds: Option<u64>) {
        self.information.unsealed = count;
        self.information.unsealed_age = oldest_age_seconds;
    }

    /// Takes the next block.
    ///
    /// # Errors
    ///
    /// [`OutOfOrder`] where it is not the next one; nothing has changed.
    pub fn merge(&mut self, mut block: BlockSummary) -> Result<(), OutOfOrder> {
        let expected = self.window.end();
        if block.first != expected || !expected.is_multiple_of(TILE) {
            return Err(OutOfOrder { expected, found: block.first });
        }
        self.counts.add(&block.counts);
        self.information.sealed = self.information.sealed.saturating_add(block.sealed);
        self.information.withheld = self.information.withheld.saturating_add(block.withheld);
        for (id, hashes) in std::mem::take(&mut block.tiles) {
            self.tile(id, hashes);
        }
        for checkpoint in std::mem::take(&mut block.checkpoints) {
            self.checkpoints.push(checkpoint);
        }
        for (subject, seq) in std::mem::take(&mut block.undisclosed) {
            self.rules.undisclosed.push(subject, seq);
        }
        self.reserved.extend(std::mem::take(&mut block.reserved));
        self.roots.extend(std::mem::take(&mut block.roots));
        self.block_logs.extend(std::mem::take(&mut block.logs));
        self.window.append(&mut block);
        let tile = usize::from(TILE_WIDTH);
        while self.window.len() >= tile.saturating_add(LOOKAHEAD) {
            self.settle(tile);
        }
        self.checkpoints.trim(self.window.end());
        Ok(())
    }

    /// Records at the end of a pruning that are to be given again, once all blocks are merged:
    /// their seqs, ascending.
    #[must_use]
    pub fn wanted(&self) -> Vec<u64> {
        // Prunings among the last rows are judged at the very end.
        let pending = self.reserved.iter().filter_map(|(_, _, reserved)| match reserved {
            Reserved::Pruned { before, .. } => Some(*before),
            _ => None,
        });
        let judged = self.rules.wanted.iter().map(|wanted| wanted.before);
        let mut seqs: Vec<_> =
            judged.chain(pending.filter(|seq| self.rules.may_want(*seq))).collect();
        seqs.sort_unstable();
        seqs.dedup();
        seqs
    }

    /// Gives the bytes of a [wanted](Self::wanted) entry, of the same snapshot as the blocks.
    pub fn boundary(&mut self, seq: u64, bytes: &[u8]) {
        let entry = std::str::from_utf8(bytes).ok().and_then(|text| Entry::parse(text).ok());
        // What is no entry, or another one, has been found to be so in its block.
        if let Some(entry) = entry.filter(|entry| entry.seq() == seq) {
            self.rules.boundary_is(seq, entry.at(), &mut |finding| self.log.push(finding));
        }
    }

    /// Judges what only the whole chain can show, and sums up. `head` is what the database's head
    /// row says.
    #[must_use]
    pub fn finish(mut self, head: Option<&HeadRow>) -> ChainReport {
        // Entries that only the head row counts are absent like others.
        let counted = head.map_or(0, |head| head.size);
        let lacking = counted.saturating_sub(self.window.end());
        // A head row that counts wildly is no reason to count along.
        for _ in 0..std::cmp::min(lacking, 1 << 20) {
            self.window.push(Row::ABSENT);
            self.counts.absent = self.counts.absent.saturating_add(1);
            while self.window.len() >= usize::from(TILE_WIDTH).saturating_add(LOOKAHEAD) {
                self.settle(usize::from(TILE_WIDTH));
            }
        }
        if self.window.len() > usize::from(TILE_WIDTH) {
            // The last tile but one is whole, and what stands after it decides about its end.
            self.decide_end(head);
            self.settle(usize::from(TILE_WIDTH));
        }
        self.decide_end(head);
        self.settle(self.window.len());
        self.conclude(head);
        self.into_report()
    }
}
