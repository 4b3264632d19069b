//! Prunings, schedules and holds.

use audit_core::{Applies, FindingCode, InputKind, Reserved, Verdict};

use crate::chain::{Chain, DAY, assert_intact, found, plus};

/// A day's entries a day apart under `P10D`, then a pruning of `[2, 12)` by the rules.
fn pruned() -> Chain {
    let mut chain = Chain::new();
    chain.schedule("P10D");
    days(&mut chain, 20);
    let cutoff = plus(chain.now, -10 * DAY);
    chain.pruning(2, 12, cutoff, &[]);
    chain.remove(2, 12);
    chain.checkpoint();
    chain
}

fn days(chain: &mut Chain, n: u64) {
    for _ in 0..n {
        chain.event();
        chain.now = plus(chain.now, DAY);
    }
}

#[test]
fn a_lawful_pruning_is_intact() {
    let chain = pruned();
    for report in [chain.verify(), chain.verify_database()] {
        assert_eq!(report.verdict, Verdict::Intact, "{report}");
        assert_eq!((report.counts.absent, report.counts.pruned), (10, 10));
    }
}

#[test]
fn what_no_pruning_covers_is_missing() {
    let mut chain = pruned();
    chain.entries[12] = None;
    assert_eq!(found(&chain.verify()), [(FindingCode::Missing, 12, 12)]);

    let mut chain = Chain::new();
    chain.schedule("P10D");
    days(&mut chain, 20);
    chain.pruning(2, 12, plus(chain.now, -10 * DAY), &[(4, 5), (9, 9)]);
    chain.remove(2, 12);
    let expected = [(FindingCode::Missing, 4, 5), (FindingCode::Missing, 9, 9)];
    assert_eq!(found(&chain.verify()), expected);
}

#[test]
fn a_pruning_may_span_reserved_and_kept_ones_that_stand() {
    let mut chain = Chain::new();
    chain.schedule("P10D");
    days(&mut chain, 5);
    chain.hold("h", &[]);
    days(&mut chain, 15);
    let kept = [chain.entry(4), chain.entry(11)];
    chain.pruning(1, 12, plus(chain.now, -9 * DAY - 100), &[(4, 4), (11, 11)]);
    chain.remove(1, 12);
    chain.set(4, kept[0].clone());
    chain.set(11, kept[1].clone());
    // Its boundary is not next to an absence, so that it is asked for again.
    let report = chain.verify();
    assert!(report.has(FindingCode::PrunedTooEarly), "nine days are too few: {report}");

    let mut chain = Chain::new();
    chain.schedule("P10D");
    days(&mut chain, 20);
    let kept = chain.entry(11);
    chain.pruning(2, 12, plus(chain.now, -10 * DAY), &[(11, 11)]);
    chain.remove(2, 11);
    assert_eq!(kept, chain.entry(11));
    assert_intact(&chain.verify());
}

#[test]
fn the_schedule_in_force_limits_the_cutoff() {
    let prune = |setup: &dyn Fn(&mut Chain), back: i64| {
        let mut chain = Chain::new();
        setup(&mut chain);
        let first = chain.size();
        days(&mut chain, 30);
        let cutoff = plus(chain.now, -back * DAY);
        chain.pruning(first, first + 3, cutoff, &[]);
        chain.remove(first, first + 3);
        (first, found(&chain.verify()))
    };
    let early = |first| vec![(FindingCode::PrunedTooEarly, first, first + 2)];
    // No schedule: forever.
    let (first, codes) = prune(&|_| {}, 20);
    assert_eq!(codes, early(first));
    let ten = |chain: &mut Chain| {
        chain.schedule("P10D");
    };
    assert_eq!(prune(&ten, 10).1, []);
    let (first, codes) = prune(&ten, 9);
    assert_eq!(codes, early(first));
    // A minimum beats the period.
    let schedule = |applies, period: &str, minimum: &str, ahead: i64| {
        let (period, minimum) = (period.parse().unwrap(), minimum.parse().ok());
        move |chain: &mut Chain| {
            let effective = plus(chain.now, ahead * DAY);
            chain.reserved(Reserved::ScheduleChanged {
                applies,
                effective,
                minimum,
                period,
                plan: "pro".into(),
                rule: "r".into(),
            });
        }
    };
    let minimum = schedule(Applies::All, "P10D", "P20D", 0);
    let (first, codes) = prune(&minimum, 15);
    assert_eq!(codes, early(first));
    assert_eq!(prune(&minimum, 20).1, []);
    let forever = schedule(Applies::All, "forever", "", 0);
    let (first, codes) = prune(&forever, 20);
    assert_eq!(codes, early(first));
    // Not effective yet: the one before is in force.
    let later = schedule(Applies::All, "P1D", "", 100);
    let (first, codes) = prune(
        &|chain| {
            ten(chain);
            later(chain);
        },
        5,
    );
    assert_eq!(codes, early(first));
}

#[test]
fn a_schedule_for_new_records_binds_only_those() {
    let new = |chain: &mut Chain, period: &str| {
        let effective = chain.now;
        chain.reserved(Reserved::ScheduleChanged {
            applies: Applies::New,
            effective,
            minimum: None,
            period: period.parse().unwrap(),
            plan: "starter".into(),
            rule: "r".into(),
        })
    };
    let mut chain = Chain::new();
    chain.schedule("P20D");
    days(&mut chain, 5);
    let seq = new(&mut chain, "P5D");
    days(&mut chain, 30);
    // Old ones by the old schedule, new ones by the new.
    chain.pruning(2, 5, plus(chain.now, -20 * DAY), &[]);
    chain.remove(2, 5);
    chain.pruning(seq + 1, seq + 10, plus(chain.now, -5 * DAY), &[]);
    chain.remove(seq + 1, seq + 10);
    assert_intact(&chain.verify());
    // Old ones by the new schedule.
    let at = chain.pruning(2, 6, plus(chain.now, -5 * DAY), &[]);
    assert_eq!(found(&chain.verify()), [(FindingCode::PrunedTooEarly, 2, 5)]);
    // Across both.
    chain.restore(at);
    let at = chain.pruning(2, seq + 10, plus(chain.now, -20 * DAY), &[]);
    assert_eq!(found(&chain.verify()), [(FindingCode::Malformed, at, at)]);
}

#[test]
fn the_boundary_record_must_be_old_enough() {
    let mut chain = Chain::new();
    chain.schedule("P10D");
    days(&mut chain, 20);
    // The cutoff is lawful, but the record at the end is younger.
    chain.pruning(2, 15, plus(chain.now, -10 * DAY), &[]);
    chain.remove(2, 15);
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::PrunedTooEarly, 2, 14)], "{report}");
}

#[test]
fn a_boundary_that_a_later_pruning_took_is_judged_by_its_cutoff() {
    let mut chain = pruned();
    days(&mut chain, 5);
    // The boundary of the first one, at 12, goes with the second.
    chain.pruning(12, 16, plus(chain.now, -10 * DAY), &[]);
    chain.remove(12, 16);
    chain.checkpoint();
    let report = chain.verify();
    assert_eq!(report.verdict, Verdict::Intact, "{report}");
    assert_eq!((report.counts.pruned, report.counts.boundaries_gone), (14, 1));
    // Without the second, it is missing.
    let mut chain = pruned();
    chain.entries[12] = None;
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Missing, 12, 12)], "{report}");
    // Withheld it is, too: no bundle may.
    let mut chain = pruned();
    chain.entries[12] = None;
    chain.withheld.push(12);
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Missing, 12, 12)], "{report}");
}

#[test]
fn a_pruning_that_reaches_beyond_itself_is_malformed_and_excuses_nothing() {
    let mut chain = Chain::new();
    chain.schedule("P10D");
    days(&mut chain, 20);
    let seq = chain.pruning(2, 12, plus(chain.now, -10 * DAY), &[]);
    chain.rewrite(seq, "\"before\":12", &format!("\"before\":{seq}"));
    chain.remove(2, 12);
    let expected = [(FindingCode::Missing, 2, 11), (FindingCode::Malformed, seq, seq)];
    assert_eq!(found(&chain.verify()), expected);
}

#[test]
fn an_altered_pruning_excuses_nothing() {
    let mut chain = pruned();
    let seq = 22;
    assert!(chain.entry(seq).contains("journal.pruned"));
    chain.event();
    chain.alter(seq, "\"before\":12", "\"before\":13");
    chain.entries[12] = None;
    let expected = [(FindingCode::Missing, 2, 12), (FindingCode::Altered, seq, seq)];
    assert_eq!(found(&chain.verify()), expected);
}

#[test]
fn a_hold_forbids_what_a_schedule_allows() {
    let mut chain = Chain::new();
    chain.schedule("P10D");
    days(&mut chain, 20);
    chain.hold("h", &[(4, 5)]);
    chain.hold("h", &[(8, 8)]);
    chain.pruning(2, 12, plus(chain.now, -10 * DAY), &[]);
    chain.remove(2, 12);
    let report = chain.verify();
    let expected = [(FindingCode::HoldViolated, 4, 5), (FindingCode::HoldViolated, 8, 8)];
    assert_eq!(found(&report), expected, "{report}");
    // A pruning after the release excuses them.
    chain.release("h");
    chain.pruning(2, 12, plus(chain.now, -10 * DAY), &[]);
    assert_intact(&chain.verify());
    // One placed after the pruning changes nothing.
    chain.hold("later", &[(2, 11)]);
    assert_intact(&chain.verify());
}

#[test]
fn a_hold_on_the_chain_covers_what_comes_later() {
    let mut chain = Chain::new();
    chain.schedule("P10D");
    chain.reserved(Reserved::HoldPlaced {
        covers: vec![(0, 1)],
        hold: "h".into(),
        matter: "m".into(),
        scope: audit_core::HoldScope::Chain,
    });
    days(&mut chain, 20);
    chain.pruning(3, 8, plus(chain.now, -10 * DAY), &[]);
    chain.remove(3, 8);
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::HoldViolated, 3, 7)], "{report}");
    assert!(!report.holds_beyond_the_chain);
}

#[test]
fn a_database_needs_the_hash_of_what_is_absent() {
    let mut chain = pruned();
    for _ in 0..300 {
        chain.event();
    }
    chain.checkpoint();
    assert_intact(&chain.verify_database());
    let mut block = audit_core::BlockVerifier::new(&chain.id, InputKind::Database, 0);
    for (seq, entry) in (0..).zip(&chain.entries) {
        if let Some(entry) = entry {
            block.entry(seq, entry.as_bytes());
        }
    }
    let policy = chain.policy();
    let mut verifier = audit_core::ChainVerifier::new(&chain.id, InputKind::Database, policy);
    verifier.merge(block.finish(chain.size())).unwrap();
    let report = verifier.finish(None);
    // The last of the absent ones is named by the entry after it.
    assert!(found(&report).contains(&(FindingCode::Missing, 2, 10)), "{report}");
    assert!(found(&report).contains(&(FindingCode::Missing, 0, 255)), "{report}");
}
