//! The part of verification that takes the time, one block of a chain at a time, on any thread.

use super::checkpoints::StoredCheckpoint;
use super::disclosed::{Disclosed, Expectations};
use super::finding::{Evidence, EvidenceSource, Finding, FindingCode, FindingLog};
use super::summary::{BlockSummary, Oddity, Row};
use crate::{
    ChainId, CompactRange, Entry, EntryError, HASH_LEN, LeafHash, NodeHash, SubjectRef, TILE_WIDTH,
    TileId, Timestamp,
};

/// Leaves in a tile.
pub(crate) const TILE: u64 = TILE_WIDTH as u64;

/// What is verified, as far as it makes a difference to what must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InputKind {
    /// A bundle; `filtered` where its manifest states a filter, so that lines may be withheld.
    Bundle {
        /// Whether the manifest states a filter.
        filtered: bool,
    },
    /// A database, which stores every full hash tile.
    Database,
    /// Entries alone: their private fields are not looked at.
    Entries,
}

/// Why an entry is absent, as the input states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Absence {
    /// The input does not say: a database has no row.
    Unstated,
    /// The bundle's line says that it was pruned.
    Pruned,
    /// The bundle's line says that the export left it out.
    Withheld,
}

/// Examines one contiguous block of a chain: the bytes of its entries, what disclosures are there
/// for them, and the stored tiles over them.
///
/// Blocks begin at multiples of 256 entries and end where the next begins; how a chain is cut into
/// blocks makes no difference to the report. Within a block, entries are given in the order of
/// their seqs, each before its disclosures; what is not given is absent.
///
/// It keeps no bytes of what it is given.
#[derive(Debug)]
pub struct BlockVerifier {
    chain: ChainId,
    input: InputKind,
    summary: BlockSummary,
    expected: Expectations,
    /// The widest stored tile of level 0 by its place in the block.
    tiles: Vec<Vec<u8>>,
}

impl BlockVerifier {
    /// Begins the block of `chain` whose first entry is `first`, rounded down to a multiple of 256.
    #[must_use]
    pub fn new(chain: &ChainId, input: InputKind, first: u64) -> Self {
        let first = first.saturating_sub(first % TILE);
        Self {
            chain: chain.clone(),
            input,
            summary: BlockSummary { first, ..BlockSummary::default() },
            expected: Expectations::new(first),
            tiles: Vec::new(),
        }
    }

    /// The next entry's bytes. Entries that are passed over are absent.
    ///
    /// Returns the entry, where the bytes are one, for the caller to derive more from it (such as
    /// the terms of the query index); what is wrong with it is noted either way.
    pub fn entry<'e>(&mut self, seq: u64, bytes: &'e [u8]) -> Option<Entry<'e>> {
        let leaf = LeafHash::of(bytes);
        if seq < self.summary.end() {
            self.twice(seq, &leaf);
            return None;
        }
        self.fill(seq);
        self.summary.counts.entries = self.summary.counts.entries.saturating_add(1);
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.summary.counts.bytes = self.summary.counts.bytes.saturating_add(length);
        let mut row = Row { leaf, flags: Row::PRESENT | Row::HASHED, ..Row::ABSENT };
        let entry = self.parse(seq, bytes);
        if let Some(entry) = &entry {
            self.examine(seq, entry, &mut row);
        }
        self.summary.rows.push(row);
        entry
    }

    /// An entry that is absent. `leaf` is its hash where the input states it beside the absence;
    /// stored tiles are given by [`tile`](Self::tile).
    pub fn absent(&mut self, seq: u64, absence: Absence, leaf: Option<LeafHash>) {
        if seq < self.summary.end() {
            if let Some(leaf) = leaf {
                self.twice(seq, &leaf);
            }
            return;
        }
        self.fill(seq);
        let mut row = Row::ABSENT;
        if let Some(leaf) = leaf {
            row.leaf = leaf;
            row.flags |= Row::HASHED;
        }
        // Without a filter in the manifest nothing may be withheld: it is absent, and that is all.
        if absence == Absence::Withheld && self.input == (InputKind::Bundle { filtered: true }) {
            row.flags |= Row::WITHHELD;
        }
        self.summary.counts.absent = self.summary.counts.absent.saturating_add(1);
        self.summary.rows.push(row);
    }

    /// What is there for one digest of an entry given before.
    pub fn disclosure(&mut self, seq: u64, subject: SubjectRef, disclosed: Disclosed<'_>) {
        let row = seq.checked_sub(self.summary.first).and_then(|offset| {
            usize::try_from(offset).ok().and_then(|offset| self.summary.rows.get(offset))
        });
        let present = row.is_some_and(|row| row.is(Row::PRESENT));
        if present && !row.is_some_and(|row| row.is(Row::PARSED)) {
            // Which digests it has is not known, and that it is malformed has been said.
            return;
        }
        if let Disclosed::Plain { .. } = disclosed {
            self.summary.counts.disclosures = self.summary.counts.disclosures.saturating_add(1);
        }
        // Without a filter in the manifest nothing may be withheld: it is missing.
        let withheld = matches!(disclosed, Disclosed::Withheld { .. });
        if withheld && self.input != (InputKind::Bundle { filtered: true }) {
            return;
        }
        match self.expected.meet(seq, subject, &disclosed) {
            Ok(in_order) => {
                if withheld {
                    self.summary.withheld = self.summary.withheld.saturating_add(1);
                } else if matches!(disclosed, Disclosed::Sealed { .. }) {
                    self.summary.sealed = self.summary.sealed.saturating_add(1);
                }
                if !in_order && matches!(self.input, InputKind::Bundle { .. }) {
                    let message = "the lines of the disclosures are not sorted";
                    self.report(Finding::at(FindingCode::Malformed, &self.chain, seq, message));
                }
            }
            Err(mismatch) => {
                let message = if present {
                    mismatch.message
                } else {
                    "there is a disclosure, but its entry is absent"
                };
                let finding = Finding::at(FindingCode::Disclosure, &self.chain, seq, message);
                let evidence =
                    Evidence::new(EvidenceSource::Entry, mismatch.expected, mismatch.found);
                self.report(finding.with(evidence));
            }
        }
    }

    /// A stored hash tile of any level that ends in this block. Several of the same place may be
    /// given, in any order: narrower ones must agree with the widest.
    pub fn tile(&mut self, level: u8, index: u64, width: u16, hashes: &[u8]) {
        let first = index.saturating_mul(TILE);
        let id = TileId::new(level, index, width);
        let length = usize::from(width).saturating_mul(HASH_LEN);
        let Some(id) = id.ok().filter(|_| hashes.len() == length) else {
            let message = "a stored hash tile has not as many hashes as its width says";
            let finding = Finding::at(FindingCode::Malformed, &self.chain, first, message);
            return self.report(finding.with(Evidence::new(
                EvidenceSource::Tile,
                format_args!("{length} bytes"),
                format_args!("{} bytes", hashes.len()),
            )));
        };
        if level > 0 {
            let (hashes, _) = hashes.as_chunks::<HASH_LEN>();
            let hashes = hashes.iter().copied().map(NodeHash::from_bytes).collect();
            self.summary.tiles.push((id, hashes));
            return;
        }
        let place = first.checked_sub(self.summary.first).map(|offset| offset / TILE);
        let Some(place) = place.and_then(|place| usize::try_from(place).ok()) else { return };
        // A block is short; a place beyond any would only waste memory.
        if place > 0xffff {
            return;
        }
        if self.tiles.len() <= place {
            self.tiles.resize_with(place.saturating_add(1), Vec::new);
        }
        let Some(widest) = self.tiles.get_mut(place) else { return };
        let (known, _) = widest.as_chunks::<HASH_LEN>();
        let (given, _) = hashes.as_chunks::<HASH_LEN>();
        let differs =
            known.iter().zip(given).enumerate().find(|(_, (known, given))| known != given);
        let differs = differs.map(|(i, (known, given))| {
            (first.saturating_add(u64::try_from(i).unwrap_or(0)), *known, *given)
        });
        if hashes.len() > widest.len() {
            hashes.clone_into(widest);
        }
        if let Some((seq, known, given)) = differs {
            let message = "two stored hash tiles of one place differ";
            let finding = Finding::at(FindingCode::Altered, &self.chain, seq, message);
            self.report(finding.with(Evidence::new(
                EvidenceSource::Tile,
                LeafHash::from_bytes(known),
                LeafHash::from_bytes(given),
            )));
        }
    }

    /// A stored checkpoint: the signed note with all its signature lines, and the incarnation and
    /// size it is filed under. Each is given with the block that ends at or after its size, or
    /// any earlier one.
    pub fn checkpoint(&mut self, incarnation: u64, size: u64, note: &str) {
        self.summary.checkpoints.push(StoredCheckpoint::parse(incarnation, size, note));
    }

    /// Adds a finding of the caller's, such as an index that says something else than an entry.
    pub fn report(&mut self, finding: Finding) {
        let tile = finding.first_seq / TILE;
        let logs = &mut self.summary.logs;
        match logs.iter_mut().rev().find(|(of, _)| *of == tile) {
            Some((_, log)) => log.push(finding),
            None => {
                let mut log = FindingLog::default();
                log.push(finding);
                logs.push((tile, log));
            }
        }
    }

    /// Ends the block at `end`, not included: what has not been given up to there is absent.
    #[must_use]
    pub fn finish(mut self, end: u64) -> BlockSummary {
        // A tile that reaches further says that there were more entries.
        let width = |hashes: &Vec<u8>| u64::try_from(hashes.len() / HASH_LEN).unwrap_or(0);
        let tiles = self.tiles.last().map_or(0, |last| {
            let before = u64::try_from(self.tiles.len()).unwrap_or(0).saturating_sub(1);
            before.saturating_mul(TILE).saturating_add(width(last))
        });
        self.fill(std::cmp::max(end, self.summary.first.saturating_add(tiles)));
        self.compare_tiles();
        let mut undisclosed = Vec::new();
        self.expected.unmet(|seq, subject| undisclosed.push((subject, seq)));
        self.summary.undisclosed = undisclosed;
        self.summary.logs.sort_by_key(|(tile, _)| *tile);
        self.summary
    }

    /// Marks everything up to `seq` that was not given as absent.
    fn fill(&mut self, seq: u64) {
        let missing = seq.saturating_sub(self.summary.end());
        let length = self.summary.rows.len();
        let Ok(count) = usize::try_from(missing) else { return };
        self.summary.counts.absent = self.summary.counts.absent.saturating_add(missing);
        self.summary.rows.resize(length.saturating_add(count), Row::ABSENT);
    }

    fn twice(&mut self, seq: u64, found: &LeafHash) {
        let offset = seq.checked_sub(self.summary.first).and_then(|i| usize::try_from(i).ok());
        let row = offset.and_then(|offset| self.summary.rows.get(offset));
        let first = row.map_or(LeafHash::ZERO, |row| row.leaf);
        let finding = Finding::at(
            FindingCode::Forked,
            &self.chain,
            seq,
            "there are two entries with one seq",
        );
        self.report(finding.with(Evidence::new(EvidenceSource::Entry, first, found)));
    }

    fn parse<'e>(&mut self, seq: u64, bytes: &'e [u8]) -> Option<Entry<'e>> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            let message = "the entry is not UTF-8";
            self.report(Finding::at(FindingCode::Malformed, &self.chain, seq, message));
            return None;
        };
        match Entry::parse(text) {
            Ok(entry) => Some(entry),
            Err(error) => {
                let code = match error {
                    EntryError::UnsupportedVersion { .. } => FindingCode::UnsupportedVersion,
                    _ => FindingCode::Malformed,
                };
                self.report(Finding::at(code, &self.chain, seq, error.to_string()));
                None
            }
        }
    }

    /// What an entry says, as far as it needs no other entry to be judged.
    fn examine(&mut self, seq: u64, entry: &Entry<'_>, row: &mut Row) {
        row.flags |= Row::PARSED;
        row.prev = entry.prev();
        row.at = entry.at();
        row.control = entry.control().unwrap_or(u64::MAX);
        if entry.chain() != self.chain.as_str() {
            let message = "the entry belongs to another chain";
            let finding = Finding::at(FindingCode::Malformed, &self.chain, seq, message);
            let evidence = Evidence::new(EvidenceSource::Entry, &self.chain, entry.chain());
            self.report(finding.with(evidence));
        }
        if entry.seq() != seq {
            row.flags |= Row::MISPLACED;
            self.summary.oddities.push((seq, Oddity::Claims(entry.seq())));
        }
        if self.input != InputKind::Entries {
            for (subject, digests) in entry.event().private() {
                self.expected.expect(seq, *subject, digests);
            }
        }
        if entry.event().is_reserved() {
            row.flags |= Row::RESERVED;
            self.summary.counts.reserved = self.summary.counts.reserved.saturating_add(1);
            self.reserved(seq, entry);
        }
    }

    fn reserved(&mut self, seq: u64, entry: &Entry<'_>) {
        let at: Timestamp = entry.at();
        match entry.reserved() {
            Ok(Some(reserved)) => self.summary.reserved.push((seq, at, reserved)),
            Ok(None) => {}
            Err(error) => {
                let message = error.to_string();
                self.report(Finding::at(FindingCode::Malformed, &self.chain, seq, message));
            }
        }
    }

    /// Compares the rows with the stored tiles of level 0, takes from these the hashes of what is
    /// absent, and computes the roots of whole tiles.
    fn compare_tiles(&mut self) {
        let tiles = std::mem::take(&mut self.tiles);
        let mut first = self.summary.first;
        let mut untiled = Vec::new();
        let mut oddities = std::mem::take(&mut self.summary.oddities);
        let mut roots = Vec::new();
        for (place, rows) in self.summary.rows.chunks_mut(usize::from(TILE_WIDTH)).enumerate() {
            let stored = tiles.get(place).map_or(&[][..], Vec::as_slice);
            let (hashes, _) = stored.as_chunks::<HASH_LEN>();
            for ((row, hash), seq) in rows.iter_mut().zip(hashes).zip(first..) {
                let stored = LeafHash::from_bytes(*hash);
                if !row.is(Row::HASHED) {
                    row.leaf = stored;
                    row.flags |= Row::HASHED;
                } else if row.leaf == stored {
                    row.flags |= Row::VOUCHED;
                } else {
                    row.flags |= Row::CONTRADICTED;
                    oddities.push((seq, Oddity::Stored(stored)));
                }
            }
            let whole = rows.len() == usize::from(TILE_WIDTH);
            if whole && rows.iter().all(|row| row.is(Row::HASHED)) {
                let leaves = rows.iter().map(|row| row.leaf);
                roots.extend(root_of(leaves).map(|root| (first / TILE, root)));
            }
            if whole && hashes.len() < rows.len() && self.input == InputKind::Database {
                untiled.push(first);
            }
            first = first.saturating_add(TILE);
        }
        oddities.sort_by_key(|(seq, _)| *seq);
        self.summary.oddities = oddities;
        self.summary.roots = roots;
        for first in untiled {
            let last = first.saturating_add(TILE).saturating_sub(1);
            let message = "the full hash tile over these entries is not stored";
            let finding = Finding::within(FindingCode::Missing, &self.chain, first, last, message);
            self.report(finding);
        }
    }
}

/// The root over the leaves of a whole tile.
fn root_of(leaves: impl Iterator<Item = LeafHash>) -> Option<NodeHash> {
    let mut range = CompactRange::default();
    leaves.for_each(|leaf| range.push(leaf));
    range.nodes().next().map(|(_, hash)| hash)
}
