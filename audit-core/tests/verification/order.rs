//! Entries that are gone, in another's place, or out of time.

use audit_core::{Actor, BlockVerifier, ChainVerifier, Event, FindingCode, InputKind, entry};

use crate::chain::{Chain, found, plus};

#[test]
fn an_absent_record_without_a_pruning_is_missing() {
    let mut chain = Chain::with(40);
    chain.entries[7] = None;
    chain.entries[8] = None;
    assert_eq!(found(&chain.verify()), [(FindingCode::Missing, 7, 8)]);
    assert_eq!(found(&chain.verify_database()), [(FindingCode::Missing, 7, 8)]);
}

#[test]
fn an_absent_reserved_entry_is_missing_whatever_a_pruning_says() {
    let mut chain = Chain::new();
    chain.schedule("P1D");
    for _ in 0..5 {
        chain.event();
    }
    let hidden = chain.hold("h", &[(2, 3)]);
    for _ in 0..5 {
        chain.event();
    }
    let cutoff = chain.now;
    chain.now = plus(chain.now, 3 * crate::chain::DAY);
    chain.pruning(2, 10, cutoff, &[]);
    chain.remove(2, 10);
    chain.entries[hidden as usize] = None;
    chain.checkpoint();
    let report = chain.verify();
    let codes = found(&report);
    assert!(codes.contains(&(FindingCode::Missing, hidden, hidden)), "{report}");

    let mut chain = Chain::with(10);
    chain.entries[0] = None;
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Missing, 0, 0)], "{report}");
}

#[test]
fn deleted_in_the_middle_with_tiles_but_the_tail_cut() {
    let mut chain = Chain::with(600);
    chain.entries.truncate(590);
    // The checkpoint over 601 counts more.
    let report = chain.verify_from(InputKind::Database, chain.policy(), 4096, None);
    assert_eq!(found(&report), [(FindingCode::Truncated, 590, 600)], "{report}");
    assert_eq!(found(&chain.verify()), [(FindingCode::Truncated, 590, 600)]);
    // No checkpoint: nothing in the bundle can tell; the head row still does.
    let head = chain.head_row();
    chain.checkpoints.clear();
    let mut full = head;
    full.size = 601;
    let report = chain.verify_from(InputKind::Database, chain.policy(), 4096, Some(&full));
    assert_eq!(found(&report), [(FindingCode::Missing, 590, 600)], "{report}");
}

#[test]
fn an_emptied_chain_is_truncated() {
    let mut chain = Chain::with(10);
    let held = chain.checkpoint();
    chain.entries.clear();
    chain.leaves.clear();
    chain.checkpoints.clear();
    let report = chain.verify_with(chain.policy().holding(held));
    assert_eq!(found(&report), [(FindingCode::Truncated, 0, 10)], "{report}");
}

#[test]
fn swapped_entries_are_reordered() {
    for (one, other) in [(5, 6), (5, 9), (20, 33)] {
        let mut chain = Chain::with(40);
        chain.entries.swap(one, other);
        let report = chain.verify();
        let (one, other) = (one as u64, other as u64);
        let expected = if one + 1 == other {
            vec![(FindingCode::Reordered, one, other)]
        } else {
            vec![(FindingCode::Reordered, one, one), (FindingCode::Reordered, other, other)]
        };
        assert_eq!(found(&report), expected, "{report}");
    }
    let mut chain = Chain::with(600);
    chain.entries.swap(5, 400);
    let report = chain.verify_database();
    let expected = [(FindingCode::Reordered, 5, 5), (FindingCode::Reordered, 400, 400)];
    assert_eq!(found(&report), expected, "{report}");
}

#[test]
fn a_changed_seq_alone_is_altered_and_not_reordered() {
    let mut chain = Chain::with(40);
    chain.alter(7, "\"seq\":7,", "\"seq\":9,");
    assert_eq!(found(&chain.verify()), [(FindingCode::Altered, 7, 7)]);
    // Sealed so: every hash holds, yet it is not its place.
    let mut chain = Chain::with(40);
    chain.checkpoints.clear();
    chain.rewrite(7, "\"seq\":7,", "\"seq\":9,");
    assert_eq!(found(&chain.verify()), [(FindingCode::Malformed, 7, 7)]);
}

#[test]
fn two_writers_without_a_lock_fork_the_chain() {
    let mut chain = Chain::with(20);
    // The second writer sealed on the head that the first one had seen.
    let before = chain.leaves.len() - 1;
    let stale = chain.leaves[before - 1];
    chain.leaves[before] = stale;
    chain.event();
    let event = Event::builder("record.updated", Actor::user("u2")).build().unwrap();
    let sealed = event.canonicalize(|_| None).unwrap();
    let mut chain = Chain::with(20);
    let mut bytes = String::new();
    let prev = chain.leaves[19];
    entry::seal(&mut bytes, 21, &chain.id, chain.now, Some(0), &prev, sealed.as_str()).unwrap();
    chain.event();
    chain.set(21, bytes);
    chain.leaves[21] = audit_core::LeafHash::of(chain.entry(21).as_bytes());
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Forked, 21, 21)], "{report}");
}

#[test]
fn one_seq_twice_is_a_fork() {
    let chain = Chain::with(20);
    let mut block = BlockVerifier::new(&chain.id, InputKind::Entries, 0);
    for (seq, entry) in (0..).zip(&chain.entries) {
        block.entry(seq, entry.as_ref().unwrap().as_bytes());
        if seq == 7 {
            block.entry(7, chain.entry(8).as_bytes());
        }
    }
    let mut verifier = ChainVerifier::new(&chain.id, InputKind::Entries, chain.policy());
    verifier.merge(block.finish(21)).unwrap();
    let report = verifier.finish(None);
    assert_eq!(found(&report), [(FindingCode::Forked, 7, 7)], "{report}");
}

#[test]
fn blocks_are_taken_in_their_order() {
    let chain = Chain::with(20);
    let mut verifier = ChainVerifier::new(&chain.id, InputKind::Entries, chain.policy());
    let block = BlockVerifier::new(&chain.id, InputKind::Entries, 256).finish(300);
    let error = verifier.merge(block).unwrap_err();
    assert_eq!(error.to_string(), "the block begins at 256, the next one begins at 0");
    assert_eq!(verifier.next(), 0);
}

#[test]
fn time_that_decreases() {
    let mut chain = Chain::with(10);
    chain.now = plus(chain.now, -3600);
    chain.event();
    chain.now = plus(chain.now, 3600);
    chain.event();
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Clock, 11, 11)], "{report}");
}

#[test]
fn control_must_name_the_last_reserved_entry() {
    let mut chain = Chain::with(10);
    chain.schedule("P1Y");
    for _ in 0..5 {
        chain.event();
    }
    chain.checkpoints.clear();
    chain.rewrite(13, "\"control\":11", "\"control\":0");
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Malformed, 13, 13)], "{report}");
    let evidence = report.findings[0].evidence.as_ref().unwrap();
    assert_eq!((evidence.expected.as_str(), evidence.found.as_str()), ("11", "0"));
}

#[test]
fn an_entry_of_another_chain_is_malformed() {
    let mut chain = Chain::with(10);
    chain.checkpoints.clear();
    chain.rewrite(5, "acme/default", "acme/billing");
    assert_eq!(found(&chain.verify()), [(FindingCode::Malformed, 5, 5)]);
}

#[test]
fn the_first_entry_opens_the_chain_and_no_other_does() {
    let mut chain = Chain::with(10);
    chain.checkpoints.clear();
    chain.rewrite(0, "journal.opened", "journal.closed");
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Malformed, 0, 0)], "{report}");

    let mut chain = Chain::with(10);
    chain.reserved(audit_core::Reserved::Opened {
        key: chain.key.verifier().to_string(),
        name: "audit.example.com".parse().unwrap(),
    });
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Malformed, 11, 11)], "{report}");
}

#[test]
fn a_chain_without_an_entry_does_not_even_open() {
    let mut chain = Chain::with(10);
    let held = chain.checkpoint();
    chain.entries.clear();
    chain.checkpoints.clear();
    assert_eq!(found(&chain.verify()), [(FindingCode::Missing, 0, 0)]);
    let report = chain.verify_with(chain.policy().holding(held));
    assert_eq!(found(&report), [(FindingCode::Truncated, 0, 10)], "{report}");
}

#[test]
fn the_hash_kept_of_an_absent_entry_is_checked_by_the_next_one() {
    let mut chain = Chain::with(40);
    chain.entries[7] = None;
    chain.leaves[7] = audit_core::LeafHash::ZERO;
    let report = chain.verify();
    let expected = [(FindingCode::Altered, 7, 7), (FindingCode::Missing, 7, 7)];
    assert_eq!(found(&report), expected, "{report}");
    assert_eq!(
        report.findings[0].message,
        "the hash kept of the absent entry is not what the next entry names"
    );
}
