//! The sequential part of verification: links, order, the tree, checkpoints and rules.

use std::collections::{BTreeMap, VecDeque};

use super::block::{InputKind, TILE};
use super::checkpoints::{Checkpoints, StoredCheckpoint, Surroundings};
use super::finding::{Evidence, EvidenceSource, Finding, FindingCode, FindingLog};
use super::growth::Growth;
use super::keys::Keys;
use super::outside;
use super::policy::AuditorPolicy;
use super::report::{ChainReport, Counts, Information, Verdict};
use super::rules::Rules;
use super::runs::SeqRuns;
use super::summary::{BlockSummary, Row};
use super::trees::{Substitutes, Trees, UpperTiles};
use super::window::{Blame, Fault, Link, Window};
use crate::{ChainId, Entry, LeafHash, NodeHash, Reserved, TILE_WIDTH, TileId, Timestamp};

/// Rows that must be known after a row before it is judged.
const LOOKAHEAD: usize = 2;

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
}

impl HeadRow {
    /// A head row of this size that names this reserved entry. Of the other members, which are
    /// public, those that are set are compared.
    #[must_use]
    pub fn new(size: u64, control: Option<u64>) -> Self {
        Self { size, control, ..Self::default() }
    }
}

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

    /// Settles up to one tile of rows, the first of which begins a tile.
    fn settle(&mut self, count: usize) {
        let base = self.window.base;
        let tile = base / TILE;
        while self.block_logs.front().is_some_and(|(of, _)| *of <= tile) {
            if let Some((_, log)) = self.block_logs.pop_front() {
                self.log.absorb(log);
            }
        }
        let mut substitutes = Substitutes::new();
        let mut ats = self.last_at;
        let end = base.saturating_add(u64::try_from(count).unwrap_or(0));
        let sizes = self.checkpoints.sizes(base, end);
        let mut covered: BTreeMap<u64, Option<Timestamp>> = BTreeMap::new();
        for (i, seq) in (0..count).zip(base..) {
            let fault = if self.window.is_plain(i) {
                Fault::None
            } else {
                self.look_closer(i, seq, &mut substitutes)
            };
            self.row(i, seq, fault);
            self.fault_before = fault;
            if let Some(at) = self.window.row(i).filter(|row| row.is(Row::PARSED)) {
                ats = Some(at.at);
            }
            if sizes.binary_search(&seq.saturating_add(1)).is_ok() {
                covered.insert(seq.saturating_add(1), ats);
            }
        }
        while self.roots.front().is_some_and(|(of, _)| *of < tile) {
            self.roots.pop_front();
        }
        let root = self.roots.front().filter(|(of, _)| *of == tile);
        let root = root.map(|(_, root)| *root);
        let mut reached = Vec::with_capacity(sizes.len());
        let rows = self.window.rows(count);
        let tile_roots = self.trees.advance(rows, &substitutes, root, &sizes, |size, roots| {
            reached.push((size, roots));
        });
        for (size, roots) in reached {
            let around = Surroundings {
                chain: &self.chain,
                journal: self.rules.journal.as_deref(),
                began: &self.rules.began,
                last_at: covered.get(&size).copied().flatten(),
            };
            let log = &mut self.log;
            let report = &mut |finding| log.push(finding);
            self.checkpoints.reach(size, roots, around, &mut self.keys, report);
        }
        if count == usize::from(TILE_WIDTH) {
            let required = self.input == InputKind::Database;
            let log = &mut self.log;
            let report = &mut |finding| log.push(finding);
            self.upper.push(&self.chain, required, tile_roots, report);
        }
        self.window.settle(count);
    }

    /// What is wrong with a row's hash, its links or its place; and what stands for its leaf.
    fn look_closer(&mut self, i: usize, seq: u64, substitutes: &mut Substitutes) -> Fault {
        let Some(row) = self.window.row(i).copied() else { return Fault::None };
        let fault = self.window.fault(i);
        let link = self.window.link_at(i);
        let moved = |fault| matches!(fault, Fault::Reordered(_));
        if let Link::Forked(other) = link
            && !moved(fault)
            && !moved(self.fault_before)
        {
            let message = "`prev` is the hash of an earlier entry, not of the one before";
            let finding = Finding::at(FindingCode::Forked, &self.chain, seq, message);
            self.log.push(finding.with(Evidence::new(
                EvidenceSource::Entry,
                format_args!("the hash of entry {}", seq.saturating_sub(1)),
                format_args!("{}, the hash of entry {other}", row.prev),
            )));
        }
        if link == Link::Broken && !self.window.is_explained(i, self.fault_before) {
            self.broken_link(i, seq, &row);
        }
        let stored = self.window.stored(i);
        match fault {
            Fault::None => {}
            Fault::Reordered(claims) => {
                let message = "the entry of another place stands here";
                let finding = Finding::at(FindingCode::Reordered, &self.chain, seq, message);
                self.log.push(finding.with(Evidence::new(
                    EvidenceSource::Entry,
                    format_args!("entry {seq}"),
                    format_args!("entry {claims}"),
                )));
                let leaf = stored.or_else(|| self.window.claimed_by(seq));
                substitutes.insert(i, leaf.or_else(|| self.window.named(i)));
            }
            Fault::Altered => {
                let leaf = stored.or_else(|| self.window.named(i));
                self.altered(i, seq, &row, stored);
                substitutes.insert(i, leaf);
            }
        }
        if fault == Fault::None && row.is(Row::MISPLACED) {
            let message = "`seq` is not the entry's place, though its links are";
            let finding = Finding::at(FindingCode::Malformed, &self.chain, seq, message);
            self.log.push(finding);
        }
        fault
    }

    fn altered(&mut self, i: usize, seq: u64, row: &Row, stored: Option<LeafHash>) {
        let (source, expected, message) = match (stored, self.window.named(i)) {
            (Some(leaf), _) => {
                (EvidenceSource::Tile, leaf, "the entry does not hash to what the tile has for it")
            }
            (None, Some(leaf)) => (
                EvidenceSource::NextEntry,
                leaf,
                "the entry does not hash to what the next entry names",
            ),
            // Only its own `prev` speaks against it.
            (None, None) => {
                let message = "`prev` is not the hash of the entry before";
                let before = self.last_leaf.unwrap_or(LeafHash::ZERO);
                let finding = Finding::at(FindingCode::Altered, &self.chain, seq, message);
                let evidence = Evidence::new(EvidenceSource::Entry, before, row.prev);
                return self.log.push(finding.with(evidence));
            }
        };
        let both =
            self.window.blame == Some(Blame::Both) && seq.saturating_add(2) == self.window.end();
        let finding = if both {
            let next = seq.saturating_add(1);
            let message = "one of the last two entries was altered: the first does not hash to \
                           what the last names";
            Finding::within(FindingCode::Altered, &self.chain, seq, next, message)
        } else {
            Finding::at(FindingCode::Altered, &self.chain, seq, message)
        };
        self.log.push(finding.with(Evidence::new(source, expected, row.leaf)));
    }

    /// A link that does not hold though nothing else speaks against either entry.
    fn broken_link(&mut self, i: usize, seq: u64, row: &Row) {
        let before = self.last_leaf.unwrap_or(LeafHash::ZERO);
        let evidence = Evidence::new(EvidenceSource::NextEntry, row.prev, before);
        let message = "the entry does not hash to what the next entry names";
        let place = if i == 0 && seq == 0 { seq } else { seq.saturating_sub(1) };
        let finding = Finding::at(FindingCode::Altered, &self.chain, place, message);
        self.log.push(finding.with(evidence));
    }

    /// Everything about one row that does not concern its hash.
    fn row(&mut self, i: usize, seq: u64, fault: Fault) {
        let Some(row) = self.window.row(i).copied() else { return };
        self.last_leaf = row.is(Row::HASHED).then_some(row.leaf);
        let log = &mut self.log;
        let report = &mut |finding| log.push(finding);
        if !row.is(Row::PRESENT) {
            let withheld = row.is(Row::WITHHELD);
            self.rules.absent(seq, withheld, report);
            if !row.is(Row::HASHED) {
                self.unhashed.push(seq);
            }
            return;
        }
        self.standing = seq.saturating_add(1);
        if fault != Fault::None || !row.is(Row::PARSED) {
            self.rules.faulty(seq);
        }
        if !row.is(Row::PARSED) {
            return;
        }
        let named = (row.control != u64::MAX).then_some(row.control);
        let reordered = matches!(fault, Fault::Reordered(_));
        if named != self.rules.last_reserved() && !reordered {
            self.rules.control(seq, named, report);
        }
        let reserved = row.is(Row::RESERVED);
        if reserved && !reordered {
            self.rules.reserved_stands(seq);
        }
        if seq == 0 && !reserved {
            let message = "the first entry does not open the chain";
            report(Finding::at(FindingCode::Malformed, &self.chain, seq, message));
        }
        if fault == Fault::None {
            if let Some(last) = self.last_at.filter(|last| row.at < *last) {
                let message = "the entry is earlier than the one before";
                let finding = Finding::at(FindingCode::Clock, &self.chain, seq, message);
                let expected = format_args!("{last} at least").to_string();
                report(finding.with(Evidence::new(EvidenceSource::Entry, expected, row.at)));
            }
            self.last_at = Some(row.at);
            self.first_at.get_or_insert(row.at);
            self.growth.push(seq, row.at);
            self.rules.stands(seq, row.at, reserved);
        }
        while self.reserved.front().is_some_and(|(of, ..)| *of <= seq) {
            let Some((of, at, reserved)) = self.reserved.pop_front() else { break };
            // What a damaged entry says excuses nothing.
            if of == seq && fault == Fault::None {
                self.rules.apply(seq, at, reserved, &self.policy, &mut self.keys, report);
            }
        }
    }

    /// Where nothing after them tells which of the last two entries is altered, asks the head row
    /// and the checkpoints.
    fn decide_end(&mut self, head: Option<&HeadRow>) {
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

    fn conclude(&mut self, head: Option<&HeadRow>) {
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
        if end > missing {
            let message = "the last entries are absent, which nothing can excuse";
            let last = end.saturating_sub(1);
            let mut finding =
                Finding::within(FindingCode::Missing, &self.chain, missing, last, message);
            finding.count = end.saturating_sub(missing);
            self.log.push(finding);
        }
    }

    /// What the head row says, compared with what stands.
    fn compare_head(&mut self, head: &HeadRow) {
        let end = self.window.end();
        let seq = end.saturating_sub(1);
        let mut differs = |what: &str, expected: String, found: String| {
            if expected != found {
                let message = format!("the head row has another {what} than the entries");
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
        if let Some(range) = &head.range {
            let (own, committed) = self.trees.ranges();
            let same = |tree: Option<&crate::CompactRange>| {
                tree.is_some_and(|tree| tree.to_bytes() == *range)
            };
            if own.is_some() && !same(own) && !same(committed) {
                let hex = |bytes: &[u8]| {
                    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
                };
                let found = own.map(|tree| hex(&tree.to_bytes())).unwrap_or_default();
                differs("compact range", hex(range), found);
            }
        }
    }

    fn into_report(mut self) -> ChainReport {
        let (findings, totals) = self.log.into_parts();
        let verdict = if !totals.is_empty() {
            Verdict::Findings
        } else if self.information.limits_the_verdict() {
            Verdict::Unproven
        } else {
            Verdict::Intact
        };
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
            holds_beyond_the_chain: self.rules.holds.beyond_the_chain(),
        }
    }
}
