//! A chain with a signed checkpoint is intact as it was written, and is not once a byte of an
//! entry or a line has changed. Nothing that is put before the verifier makes it panic.
#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use audit_core::{
    Actor, AuditorPolicy, BlockVerifier, ChainId, ChainReport, ChainVerifier, Checkpoint,
    CompactRange, Event, InputKind, LeafHash, Reserved, SignedCheckpoint, SigningKey, Target,
    Timestamp, VerifierKey, entry,
};
use libfuzzer_sys::fuzz_target;

/// Beyond the first tile, so that blocks are joined.
const ENTRIES: u64 = 270;

struct Honest {
    chain: ChainId,
    key: VerifierKey,
    lines: Vec<Vec<u8>>,
    checkpoint: SignedCheckpoint,
}

static HONEST: LazyLock<Honest> = LazyLock::new(|| {
    let key = SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap();
    let chain: ChainId = "acme/default".parse().unwrap();
    let mut lines = Vec::new();
    let (mut range, mut prev) = (CompactRange::default(), LeafHash::ZERO);
    for seq in 0..ENTRIES {
        let event = if seq == 0 {
            let opened = Reserved::Opened {
                key: key.verifier().to_string(),
                name: "audit.example.com".parse().unwrap(),
            };
            opened.event(Actor::system("journal")).unwrap()
        } else {
            Event::builder("record.updated", Actor::user("u1"))
                .target(Target::new("invoice", seq.to_string()))
                .meta("n", seq)
                .build()
                .unwrap()
        };
        let event = event.canonicalize(|_| None).unwrap();
        let at = Timestamp::from_micros(1_700_000_000_000_000 + seq as i64).unwrap();
        let control = (seq > 0).then_some(0);
        let mut text = String::new();
        prev = entry::seal(&mut text, seq, &chain, at, control, &prev, event.as_str()).unwrap();
        range.push(prev);
        lines.push(text.into_bytes());
    }
    let origin = "audit.example.com/acme/default/1".parse().unwrap();
    let checkpoint = Checkpoint::new(origin, range.head()).sign(&key).unwrap();
    Honest { chain, key: key.verifier().clone(), lines, checkpoint }
});

#[derive(Arbitrary, Debug)]
enum Change {
    Turn { line: u16, at: u16, by: u8 },
    Insert { line: u16, at: u16, byte: u8 },
    Remove { line: u16 },
    Repeat { line: u16 },
    Swap { line: u16, other: u16 },
    Cut { line: u16 },
    Replace { line: u16, with: Vec<u8> },
}

fn apply(lines: &mut Vec<Vec<u8>>, change: Change) {
    let place = |line: u16, len: usize| usize::from(line).checked_rem(len);
    let count = lines.len();
    match change {
        Change::Turn { line, at, by } => {
            if let Some(line) = place(line, count).map(|i| &mut lines[i])
                && let Some(at) = place(at, line.len())
            {
                line[at] ^= by;
            }
        }
        Change::Insert { line, at, byte } => {
            if let Some(line) = place(line, count).map(|i| &mut lines[i])
                && let Some(at) = place(at, line.len())
            {
                line.insert(at, byte);
            }
        }
        Change::Remove { line } => drop(place(line, count).map(|i| lines.remove(i))),
        Change::Repeat { line } => {
            if let Some(line) = place(line, count) {
                lines.insert(line, lines[line].clone());
            }
        }
        Change::Swap { line, other } => {
            if let (Some(line), Some(other)) = (place(line, count), place(other, count)) {
                lines.swap(line, other);
            }
        }
        Change::Cut { line } => lines.truncate(place(line, count).unwrap_or(0)),
        Change::Replace { line, with } => {
            if let Some(line) = place(line, count) {
                lines[line] = with;
            }
        }
    }
}

/// As a bundle has it: line n is entry n.
fn verify(lines: &[Vec<u8>], note: &str) -> ChainReport {
    let input = InputKind::Bundle { filtered: false };
    let policy = AuditorPolicy::new([HONEST.key.clone()]).holding(HONEST.checkpoint.clone());
    let mut chain = ChainVerifier::new(&HONEST.chain, input, policy);
    chain.checkpoint(1, ENTRIES, note);
    let mut first = 0;
    for tile in lines.chunks(256) {
        let mut block = BlockVerifier::new(&HONEST.chain, input, first);
        for (seq, line) in (first..).zip(tile) {
            block.entry(seq, line);
        }
        first += tile.len() as u64;
        chain.merge(block.finish(first)).unwrap();
    }
    assert!(chain.wanted().is_empty());
    chain.finish(None)
}

fuzz_target!(|input: (Vec<Change>, Option<String>)| {
    let (changes, note) = input;
    let mut lines = HONEST.lines.clone();
    for change in changes {
        apply(&mut lines, change);
    }
    let same_note = note.is_none();
    let report = verify(&lines, &note.unwrap_or_else(|| HONEST.checkpoint.to_string()));
    let unchanged = lines == HONEST.lines;
    if unchanged && same_note {
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }
    assert!(unchanged || !report.findings.is_empty());
});
