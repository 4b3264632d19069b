//! What is settled tile by tile: hashes, links, order, and what reserved entries say.

use std::collections::BTreeMap;

use super::super::block::{InputKind, TILE};
use super::super::checkpoints::Surroundings;
use super::super::finding::{Evidence, EvidenceSource, Finding, FindingCode};
use super::super::summary::Row;
use super::super::trees::Substitutes;
use super::super::window::{Blame, Fault, Link};
use super::ChainVerifier;
use crate::{LeafHash, TILE_WIDTH, Timestamp};

impl ChainVerifier {
    /// Settles up to one tile of rows, the first of which begins a tile.
    pub(super) fn settle(&mut self, count: usize) {
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
                if row.is(Row::PRESENT) {
                    "the entry does not hash to what the next entry names"
                } else {
                    "the hash kept of the absent entry is not what the next entry names"
                },
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
}
