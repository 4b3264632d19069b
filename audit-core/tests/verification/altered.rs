//! Bytes that were changed.

use audit_core::{EvidenceSource, FindingCode, LeafHash, Verdict};

use crate::chain::{Chain, assert_intact, found};

#[test]
fn an_untouched_chain_is_intact() {
    for n in [0, 1, 2, 40, 254, 255, 256, 257, 600] {
        let chain = Chain::with(n);
        for report in [chain.verify(), chain.verify_database()] {
            assert_eq!(report.verdict, Verdict::Intact, "{report}");
            assert_eq!((report.size, report.counts.entries), (n + 1, n + 1));
            assert_eq!(report.root, chain.head().root.to_base64());
            assert_eq!(report.journal, "audit.example.com");
            assert_eq!(report.growth.last().map(|point| point.seq), Some(n));
        }
    }
}

#[test]
fn an_altered_entry_is_named_by_the_next_one() {
    for seq in [0, 1, 20, 38, 39] {
        let mut chain = Chain::with(40);
        let leaf = chain.leaves[seq as usize];
        chain.alter(seq, "2026-01-01T00:00:", "2026-01-01T00:01:");
        let report = chain.verify();
        assert_eq!(found(&report), [(FindingCode::Altered, seq, seq)], "{report}");
        let evidence = report.findings[0].evidence.clone().unwrap();
        assert_eq!(evidence.source, EvidenceSource::NextEntry);
        assert_eq!(evidence.expected, leaf.to_string());
        assert_eq!(evidence.found, LeafHash::of(chain.entry(seq).as_bytes()).to_string());
    }
}

#[test]
fn the_last_entry_is_named_by_the_checkpoint() {
    let mut chain = Chain::with(39);
    chain.event();
    chain.checkpoint();
    chain.alter(40, "\"n\":40", "\"n\":41");
    let report = chain.verify();
    // The checkpoint before covers all but this one.
    assert_eq!(found(&report), [(FindingCode::Altered, 40, 40)], "{report}");
    assert_eq!(report.findings[0].evidence.as_ref().unwrap().source, EvidenceSource::Checkpoint);

    let report = chain.verify_database();
    let codes = found(&report);
    assert!(codes.contains(&(FindingCode::Altered, 40, 40)), "{report}");
    assert!(codes.contains(&(FindingCode::Projection, 40, 40)), "{report}");
}

#[test]
fn a_changed_prev_is_the_entrys_own_fault() {
    for (seq, last) in [(20, 40), (1, 40), (39, 40)] {
        let mut chain = Chain::with(last);
        let prev = chain.leaves[seq as usize - 1].to_string();
        chain.alter(seq, &prev, &"ab".repeat(32));
        assert_eq!(found(&chain.verify()), [(FindingCode::Altered, seq, seq)]);
    }
}

#[test]
fn the_last_entrys_prev_is_decided_by_what_covers_it() {
    let changed = |chain: &mut Chain| {
        let prev = chain.leaves[39].to_string();
        chain.alter(40, &prev, &"ab".repeat(32));
    };
    // A checkpoint over all but the last speaks for the entry before.
    let mut chain = Chain::with(39);
    chain.event();
    changed(&mut chain);
    assert_eq!(found(&chain.verify()), [(FindingCode::Altered, 40, 40)]);
    // The head row speaks against the last.
    let mut chain = Chain::with(40);
    chain.checkpoints.clear();
    changed(&mut chain);
    let report = chain.verify_database();
    assert!(found(&report).contains(&(FindingCode::Altered, 40, 40)), "{report}");
    // Nothing speaks: one of the two.
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Altered, 39, 40)], "{report}");
    assert_eq!(report.findings[0].evidence.as_ref().unwrap().source, EvidenceSource::NextEntry);
}

#[test]
fn tiles_name_the_altered_entry() {
    let mut chain = Chain::with(600);
    chain.alter(17, "\"n\":17", "\"n\":18");
    chain.alter(255, "\"n\":255", "\"n\":256");
    chain.alter(300, "\"n\":300", "\"n\":301");
    // Beyond the last full tile only the next entry tells.
    chain.alter(590, "\"n\":590", "\"n\":591");
    let report = chain.verify_database();
    let codes = [17, 255, 300, 590].map(|seq| (FindingCode::Altered, seq, seq));
    assert_eq!(found(&report), codes, "{report}");
    let sources: Vec<_> = report.findings.iter().filter_map(|f| f.evidence.as_ref()).collect();
    assert_eq!(sources[0].source, EvidenceSource::Tile);
    assert_eq!(sources[3].source, EvidenceSource::NextEntry);
    // The same from a bundle, which has no tiles.
    assert_eq!(found(&chain.verify()), codes);
}

#[test]
fn neighbours_that_were_altered_are_one_finding() {
    let mut chain = Chain::with(600);
    for seq in 20..30 {
        chain.alter(seq, "record.updated", "record.created");
    }
    let report = chain.verify_database();
    assert_eq!(found(&report), [(FindingCode::Altered, 20, 29)], "{report}");
    assert_eq!(report.findings[0].count, 10);
}

#[test]
fn a_rewritten_history_is_not_what_was_signed() {
    let mut chain = Chain::with(20);
    for _ in 0..2 {
        for _ in 0..20 {
            chain.event();
        }
        chain.checkpoint();
    }
    chain.rewrite(30, "record.updated", "record.created");
    for report in [chain.verify(), chain.verify_database()] {
        // Good up to the checkpoint over 21, wrong by the one over 41.
        assert_eq!(found(&report), [(FindingCode::Altered, 21, 40)], "{report}");
        let finding = &report.findings[0];
        assert_eq!(finding.evidence.as_ref().unwrap().source, EvidenceSource::Checkpoint);
        assert_eq!(finding.count, 2, "both later checkpoints disagree");
    }
}

#[test]
fn a_tile_that_was_changed_is_found() {
    let mut chain = Chain::with(600);
    chain.leaves[100] = LeafHash::of(b"another");
    let report = chain.verify_database();
    assert_eq!(found(&report), [(FindingCode::Altered, 100, 100)], "{report}");
    assert_eq!(report.findings[0].evidence.as_ref().unwrap().source, EvidenceSource::Tile);
}

#[test]
fn what_is_not_an_entry_is_malformed() {
    let mut chain = Chain::with(40);
    chain.set(7, "{\"at\":1}");
    let report = chain.verify();
    assert_eq!(
        found(&report),
        [(FindingCode::Altered, 7, 7), (FindingCode::Malformed, 7, 7)],
        "{report}"
    );
    // Sealed in a form that is not canonical: every hash holds.
    let mut chain = Chain::with(40);
    chain.checkpoints.clear();
    chain.rewrite(7, "\"event\":{", "\"event\": {");
    assert_eq!(found(&chain.verify()), [(FindingCode::Malformed, 7, 7)]);
}

#[test]
fn another_version_is_not_supported() {
    let mut chain = Chain::with(40);
    chain.checkpoints.clear();
    chain.rewrite(7, "\"v\":1}", "\"v\":2}");
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::UnsupportedVersion, 7, 7)], "{report}");
    assert_eq!(
        report.findings[0].message,
        "the entry has format version 2, this library reads version 1"
    );
}

#[test]
fn the_head_row_is_compared() {
    let chain = Chain::with(300);
    let input = audit_core::InputKind::Database;
    let codes = |change: &dyn Fn(&mut audit_core::HeadRow)| {
        let mut head = chain.head_row();
        change(&mut head);
        let report = chain.verify_from(input, chain.policy(), 4096, Some(&head));
        found(&report)
    };
    assert_eq!(codes(&|_| {}), []);
    let projection = vec![(FindingCode::Projection, 300, 300)];
    assert_eq!(codes(&|head| head.leaf = Some(LeafHash::ZERO)), projection);
    assert_eq!(codes(&|head| head.range.as_mut().unwrap()[0] ^= 1), projection);
    assert_eq!(codes(&|head| head.at = Some(audit_core::Timestamp::MIN)), projection);
    assert_eq!(codes(&|head| head.control = None), projection);
    assert_eq!(codes(&|head| head.incarnation = Some(2)), projection);
    assert_eq!(codes(&|head| head.size = 300), projection);
    // A head row that counts more says that entries are gone.
    assert_eq!(codes(&|head| head.size = 305), [(FindingCode::Missing, 301, 304)]);
}

#[test]
fn a_ruined_journal_is_counted_and_bounded() {
    let mut chain = Chain::with(3000);
    for seq in (1..3000).step_by(2) {
        chain.alter(seq, "record.updated", "record.deleted");
    }
    let report = chain.verify();
    assert_eq!(report.totals[&FindingCode::Altered], 1500, "{}", report.findings.len());
    assert_eq!(report.findings.len(), audit_core::MAX_FINDINGS_PER_CODE);
    assert!(report.to_string().ends_with("altered: 1400 more"), "{report}");
}

#[test]
fn a_missing_or_too_wide_tile_is_found() {
    let chain = Chain::with(300);
    let mut block = audit_core::BlockVerifier::new(&chain.id, audit_core::InputKind::Database, 0);
    for (seq, entry) in (0..).zip(&chain.entries) {
        block.entry(seq, entry.as_ref().unwrap().as_bytes());
    }
    let policy = chain.policy();
    let input = audit_core::InputKind::Database;
    let mut verifier = audit_core::ChainVerifier::new(&chain.id, input, policy);
    block.tile(0, 1, 50, &vec![0; 50 * 32]);
    block.tile(0, 1, 3, &[1; 3 * 32]);
    block.tile(0, 1, 3, &[1; 32]);
    verifier.merge(block.finish(301)).unwrap();
    let report = verifier.finish(None);
    let codes = found(&report);
    assert!(codes.contains(&(FindingCode::Missing, 0, 255)), "{report}");
    assert!(codes.contains(&(FindingCode::Missing, 301, 305)), "{report}");
    assert!(codes.contains(&(FindingCode::Malformed, 256, 256)), "{report}");
    assert!(codes.iter().any(|(code, first, _)| (*code, *first) == (FindingCode::Altered, 256)));
    assert_intact(&chain.verify_database());
}
