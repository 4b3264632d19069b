//! A small journal in memory: seals entries as a journal does, and lets tests tamper with them.

use std::collections::BTreeMap;

use audit_core::{
    Absence, Actor, AuditorPolicy, BlockVerifier, ChainId, ChainReport, ChainVerifier, Checkpoint,
    CompactRange, Disclosed, Disclosure, Event, FindingCode, HeadRow, InputKind, LeafHash,
    NodeHash, Period, Reserved, SignedCheckpoint, SigningKey, SubjectRef, Timestamp, TreeHead,
    entry, tiles_filled,
};

pub const NAME: &str = "audit.example.com";

pub fn time(text: &str) -> Timestamp {
    format!("{text}.000000Z").parse().unwrap()
}

pub fn plus(at: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_micros(at.as_micros() + seconds * 1_000_000).unwrap()
}

pub const DAY: i64 = 86_400;

/// One key for all tests: signatures are the same in every run.
pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(NAME, &[seed; 32]).unwrap()
}

pub fn subject(n: u8) -> SubjectRef {
    SubjectRef::from_bytes([n; 16])
}

pub struct Chain {
    pub id: ChainId,
    pub entries: Vec<Option<String>>,
    /// The hashes that the tiles have.
    pub leaves: Vec<LeafHash>,
    pub disclosures: BTreeMap<u64, Vec<Disclosure>>,
    /// Incarnation, size, note.
    pub checkpoints: Vec<(u64, u64, String)>,
    pub withheld: Vec<u64>,
    pub now: Timestamp,
    pub incarnation: u64,
    pub key: SigningKey,
    last_at: Timestamp,
    tree: CompactRange,
    control: Option<u64>,
}

impl Chain {
    pub fn new() -> Self {
        let mut chain = Self {
            id: "acme/default".parse().unwrap(),
            entries: vec![],
            leaves: vec![],
            disclosures: BTreeMap::new(),
            checkpoints: vec![],
            withheld: vec![],
            now: time("2026-01-01T00:00:00"),
            incarnation: 1,
            key: key(1),
            last_at: Timestamp::MIN,
            tree: CompactRange::default(),
            control: None,
        };
        chain.reserved(Reserved::Opened {
            key: chain.key.verifier().to_string(),
            name: NAME.parse().unwrap(),
        });
        chain
    }

    /// Opened, `n` ordinary events a second apart, and a checkpoint over them.
    pub fn with(n: u64) -> Self {
        let mut chain = Self::new();
        for _ in 0..n {
            chain.event();
        }
        chain.checkpoint();
        chain
    }

    pub fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    pub fn event(&mut self) -> u64 {
        let event = Event::builder("record.updated", Actor::user("u1"));
        self.push(&event.meta("n", self.size()).build().unwrap())
    }

    pub fn private_event(&mut self, who: u8) -> u64 {
        let event = Event::builder("user.login", Actor::user("u1"))
            .private(&who.to_string(), "/context/ip", "198.51.100.7")
            .private(&who.to_string(), "/context/user_agent", "curl")
            .build()
            .unwrap();
        self.push(&event)
    }

    pub fn reserved(&mut self, reserved: Reserved) -> u64 {
        let event = reserved.event(Actor::system("journal")).unwrap();
        self.push(&event)
    }

    pub fn push(&mut self, event: &Event) -> u64 {
        let sealed = event.canonicalize(|who| Some(subject(who.parse().unwrap()))).unwrap();
        let seq = self.size();
        let mut bytes = String::new();
        let prev = self.leaves.last().copied().unwrap_or(LeafHash::ZERO);
        let leaf =
            entry::seal(&mut bytes, seq, &self.id, self.now, self.control, &prev, sealed.as_str())
                .unwrap();
        if sealed.is_reserved() {
            self.control = Some(seq);
        }
        if !sealed.disclosures().is_empty() {
            self.disclosures.insert(seq, sealed.disclosures().to_vec());
        }
        self.last_at = self.now;
        self.now = plus(self.now, 1);
        self.tree.push(leaf);
        self.leaves.push(leaf);
        self.entries.push(Some(bytes));
        seq
    }

    pub fn head(&self) -> TreeHead {
        self.tree.head()
    }

    pub fn sign(&self, key: &SigningKey, incarnation: u64, head: TreeHead) -> SignedCheckpoint {
        let origin = format!("{NAME}/{}/{incarnation}", self.id).parse().unwrap();
        Checkpoint::new(origin, head).sign(key).unwrap()
    }

    pub fn checkpoint(&mut self) -> SignedCheckpoint {
        let signed = self.sign(&self.key, self.incarnation, self.head());
        self.checkpoints.push((self.incarnation, self.size(), signed.to_string()));
        signed
    }

    pub fn schedule(&mut self, period: &str) -> u64 {
        self.reserved(Reserved::ScheduleChanged {
            applies: audit_core::Applies::All,
            effective: self.now,
            minimum: None,
            period: period.parse::<Period>().unwrap(),
            plan: "pro".into(),
            rule: "default".into(),
        })
    }

    /// The entry of a pruning; nothing is removed.
    pub fn pruning(
        &mut self,
        after: u64,
        before: u64,
        cutoff: Timestamp,
        kept: &[(u64, u64)],
    ) -> u64 {
        self.reserved(Reserved::Pruned {
            after,
            before,
            count: before - after,
            cutoff,
            kept: kept.to_vec(),
            rule: "default".into(),
        })
    }

    pub fn erasure(&mut self, who: u8, through: u64) -> u64 {
        self.reserved(Reserved::SubjectErased {
            ground: "17(1)(b)".into(),
            request: "r1".into(),
            subject: subject(who),
            through,
        })
    }

    pub fn hold(&mut self, id: &str, covers: &[(u64, u64)]) -> u64 {
        self.reserved(Reserved::HoldPlaced {
            covers: covers.to_vec(),
            hold: id.into(),
            matter: "m".into(),
            scope: audit_core::HoldScope::Subject(subject(9)),
        })
    }

    pub fn release(&mut self, id: &str) -> u64 {
        self.reserved(Reserved::HoldReleased { hold: id.into() })
    }

    pub fn restored(&mut self, lost_from: u64, lost: &SignedCheckpoint) -> u64 {
        self.incarnation += 1;
        self.reserved(Reserved::Restored {
            incarnation: self.incarnation,
            lost_from,
            root: lost.checkpoint().head.root,
            size: lost.checkpoint().head.size,
        })
    }

    /// Back to an earlier size, as from a backup.
    pub fn restore(&mut self, size: u64) {
        let keep = usize::try_from(size).unwrap();
        self.entries.truncate(keep);
        self.leaves.truncate(keep);
        self.disclosures.retain(|seq, _| *seq < size);
        self.checkpoints.retain(|(_, of, _)| *of <= size);
        self.tree = CompactRange::default();
        self.leaves.iter().for_each(|leaf| self.tree.push(*leaf));
        self.control = self
            .entries
            .iter()
            .rposition(|entry| entry.as_ref().unwrap().contains("\"action\":\"journal."))
            .map(|seq| seq as u64);
    }

    /// Removes the records of a stretch, but not reserved ones.
    pub fn remove(&mut self, after: u64, before: u64) {
        for seq in after..before {
            let entry = self.entry(seq);
            if !entry.contains("\"action\":\"journal.") {
                self.entries[seq as usize] = None;
                self.disclosures.remove(&seq);
            }
        }
    }

    pub fn entry(&self, seq: u64) -> String {
        self.entries[seq as usize].clone().unwrap_or_default()
    }

    pub fn set(&mut self, seq: u64, bytes: impl Into<String>) {
        self.entries[seq as usize] = Some(bytes.into());
    }

    /// Replaces text in an entry, and nothing else: no hash follows.
    pub fn alter(&mut self, seq: u64, from: &str, to: &str) {
        let entry = self.entry(seq);
        let altered = entry.replacen(from, to, 1);
        assert_ne!(entry, altered);
        self.set(seq, altered);
    }

    /// Rewrites an entry and everything after it with right links and hashes, as someone does who
    /// owns the database.
    pub fn rewrite(&mut self, seq: u64, from: &str, to: &str) {
        self.alter(seq, from, to);
        self.tree = CompactRange::default();
        for i in 0..self.entries.len() {
            if i as u64 > seq {
                let prev = format!("\"prev\":\"{}\"", self.leaves[i - 1]);
                let entry = self.entries[i].clone().unwrap();
                let at = entry.rfind("\"prev\":\"").unwrap();
                let fixed = format!("{}{prev}{}", &entry[..at], &entry[at + prev.len()..]);
                self.entries[i] = Some(fixed);
            }
            self.leaves[i] = LeafHash::of(self.entries[i].as_ref().unwrap().as_bytes());
            self.tree.push(self.leaves[i]);
        }
    }

    pub fn policy(&self) -> AuditorPolicy {
        AuditorPolicy::new([key(1).verifier().clone()])
    }

    pub fn head_row(&self) -> HeadRow {
        let mut head = HeadRow::new(self.size(), self.control);
        head.leaf = self.leaves.last().copied();
        head.range = Some(self.tree.to_bytes());
        head.at = Some(self.last_at);
        head.incarnation = Some(self.incarnation);
        head
    }

    /// As a bundle: absent entries state their hash.
    pub fn verify(&self) -> ChainReport {
        self.verify_as(
            InputKind::Bundle { filtered: !self.withheld.is_empty() },
            self.policy(),
            4096,
        )
    }

    pub fn verify_with(&self, policy: AuditorPolicy) -> ChainReport {
        self.verify_as(InputKind::Bundle { filtered: !self.withheld.is_empty() }, policy, 4096)
    }

    /// As a database: tiles and the head row.
    pub fn verify_database(&self) -> ChainReport {
        self.verify_as(InputKind::Database, self.policy(), 4096)
    }

    pub fn verify_as(&self, input: InputKind, policy: AuditorPolicy, block: u64) -> ChainReport {
        let database = input == InputKind::Database;
        self.verify_from(input, policy, block, database.then(|| self.head_row()).as_ref())
    }

    pub fn verify_from(
        &self,
        input: InputKind,
        policy: AuditorPolicy,
        block: u64,
        head: Option<&HeadRow>,
    ) -> ChainReport {
        let mut chain = ChainVerifier::new(&self.id, input, policy);
        let mut first = 0;
        while first < self.size() {
            let end = std::cmp::min(first + block, self.size());
            let mut verifier = BlockVerifier::new(&self.id, input, first);
            for seq in first..end {
                match &self.entries[seq as usize] {
                    Some(bytes) => {
                        verifier.entry(seq, bytes.as_bytes());
                    }
                    None if input == InputKind::Database => {}
                    None => {
                        let leaf = Some(self.leaves[seq as usize]);
                        let withheld = self.withheld.contains(&seq);
                        let absence = if withheld { Absence::Withheld } else { Absence::Pruned };
                        verifier.absent(seq, absence, leaf);
                    }
                }
            }
            for (seq, disclosures) in self.disclosures.range(first..end) {
                for disclosure in disclosures {
                    let plain = Disclosed::Plain { digest: None, text: disclosure.text() };
                    verifier.disclosure(*seq, disclosure.subject(), plain);
                }
            }
            if input == InputKind::Database {
                self.tiles(first, end, &mut verifier);
            }
            for (incarnation, size, note) in &self.checkpoints {
                if (first + 1..=end).contains(size) || (end == self.size() && *size > end) {
                    verifier.checkpoint(*incarnation, *size, note);
                }
            }
            chain.merge(verifier.finish(end)).unwrap();
            first = end;
        }
        if self.size() == 0 {
            for (incarnation, size, note) in &self.checkpoints {
                chain.checkpoint(*incarnation, *size, note);
            }
        }
        for seq in chain.wanted() {
            chain.boundary(seq, self.entry(seq).as_bytes());
        }
        chain.finish(head)
    }

    /// The full tiles that end in a block, and a partial one over its last leaves.
    fn tiles(&self, first: u64, end: u64, verifier: &mut BlockVerifier) {
        for tile in tiles_filled(first, end) {
            let hashes = self.hashes(tile.level(), tile.index(), 256);
            verifier.tile(tile.level(), tile.index(), 256, &hashes);
        }
        let rest = end % 256;
        if rest > 0 && self.entries[(end - rest) as usize..].iter().any(Option::is_none) {
            let width = u16::try_from(rest).unwrap();
            verifier.tile(0, end / 256, width, &self.hashes(0, end / 256, rest));
        }
    }

    fn hashes(&self, level: u8, index: u64, count: u64) -> Vec<u8> {
        let span = 256_usize.pow(u32::from(level));
        let first = usize::try_from(index).unwrap() * 256 * span;
        let mut bytes = Vec::new();
        for leaves in self.leaves[first..].chunks(span).take(usize::try_from(count).unwrap()) {
            let mut range = CompactRange::default();
            leaves.iter().for_each(|leaf| range.push(*leaf));
            let node: NodeHash = range.nodes().next().unwrap().1;
            bytes.extend(node.as_bytes());
        }
        bytes
    }
}

/// Code and place of every finding.
pub fn found(report: &ChainReport) -> Vec<(FindingCode, u64, u64)> {
    report.findings.iter().map(|f| (f.code, f.first_seq, f.last_seq)).collect()
}

#[track_caller]
pub fn assert_intact(report: &ChainReport) {
    assert!(report.findings.is_empty(), "{report}");
}
