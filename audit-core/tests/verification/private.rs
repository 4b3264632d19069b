//! Private fields: disclosures, erasures, what is sealed and what is withheld.

use audit_core::{
    BlockVerifier, ChainReport, ChainVerifier, Disclosed, Disclosure, FindingCode, InputKind,
    Verdict,
};

use crate::chain::{Chain, assert_intact, found, subject};

fn with_private() -> Chain {
    let mut chain = Chain::with(3);
    chain.private_event(1);
    chain.private_event(2);
    chain.event();
    chain.private_event(1);
    chain
}

#[test]
fn disclosures_are_checked_against_their_digests() {
    let mut chain = with_private();
    chain.checkpoint();
    let report = chain.verify();
    assert_intact(&report);
    assert_eq!(report.counts.disclosures, 6);

    let another = Disclosure::new(subject(1), "WyJh".to_owned());
    chain.disclosures.get_mut(&4).unwrap()[0] = another;
    let report = chain.verify();
    let expected = [(FindingCode::Disclosure, 4, 4), (FindingCode::ErasedWithoutRecord, 4, 4)];
    assert_eq!(found(&report), expected, "{report}");
}

#[test]
fn a_disclosure_twice_of_nobody_or_of_an_absent_entry() {
    let mut chain = with_private();
    let twice = chain.disclosures[&4][0].clone();
    chain.disclosures.get_mut(&4).unwrap().push(twice.clone());
    assert_eq!(found(&chain.verify()), [(FindingCode::Disclosure, 4, 4)]);

    let mut chain = with_private();
    chain.disclosures.insert(6, vec![twice]);
    assert_eq!(found(&chain.verify()), [(FindingCode::Disclosure, 6, 6)]);

    let mut chain = with_private();
    chain.entries[4] = None;
    let expected = [(FindingCode::Disclosure, 4, 4), (FindingCode::Missing, 4, 4)];
    assert_eq!(found(&chain.verify()), expected);
}

#[test]
fn a_missing_disclosure_needs_an_erasure() {
    let mut chain = with_private();
    chain.disclosures.remove(&4);
    chain.disclosures.remove(&7);
    let report = chain.verify();
    let expected = [4, 7].map(|seq| (FindingCode::ErasedWithoutRecord, seq, seq));
    assert_eq!(found(&report), expected, "{report}");
    assert_eq!(report.totals[&FindingCode::ErasedWithoutRecord], 4, "two fields each");

    chain.erasure(1, 6);
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::ErasedWithoutRecord, 7, 7)], "{report}");
    assert_eq!(report.counts.erased, 2);

    chain.erasure(2, 8);
    assert!(!chain.verify().findings.is_empty(), "another's erasure excuses nothing");
    chain.erasure(1, 9);
    let report = chain.verify();
    assert_intact(&report);
    assert_eq!(report.counts.erased, 4);
}

#[test]
fn an_erasure_that_reaches_beyond_itself_is_malformed_and_excuses_nothing() {
    let mut chain = with_private();
    chain.disclosures.remove(&4);
    let seq = chain.erasure(1, 7);
    chain.rewrite(seq, "\"through\":7", &format!("\"through\":{seq}"));
    let expected = [(FindingCode::ErasedWithoutRecord, 4, 4), (FindingCode::Malformed, seq, seq)];
    assert_eq!(found(&chain.verify()), expected);
}

#[test]
fn a_held_disclosure_may_not_go() {
    let mut chain = with_private();
    chain.hold("h", &[(4, 4)]);
    chain.erasure(1, 7);
    chain.disclosures.remove(&4);
    chain.disclosures.remove(&7);
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::HoldViolated, 4, 4)], "{report}");
    assert!(report.holds_beyond_the_chain);
    // After the release a further erasure covers it.
    chain.release("h");
    chain.erasure(1, 7);
    assert_intact(&chain.verify());
}

fn verify(
    chain: &Chain,
    filtered: bool,
    row: for<'a> fn(digest: &'a str, text: &'a str) -> Disclosed<'a>,
) -> ChainReport {
    let input = InputKind::Bundle { filtered };
    let mut block = BlockVerifier::new(&chain.id, input, 0);
    for (seq, entry) in (0..).zip(&chain.entries) {
        block.entry(seq, entry.as_ref().unwrap().as_bytes());
    }
    for (seq, disclosures) in &chain.disclosures {
        for disclosure in disclosures {
            let digest = disclosure.digest();
            let disclosed = row(digest.as_str(), disclosure.text());
            block.disclosure(*seq, disclosure.subject(), disclosed);
        }
    }
    let mut verifier = ChainVerifier::new(&chain.id, input, chain.policy());
    for (incarnation, size, note) in &chain.checkpoints {
        verifier.checkpoint(*incarnation, *size, note);
    }
    verifier.merge(block.finish(chain.size())).unwrap();
    verifier.finish(None)
}

#[test]
fn sealed_and_withheld_disclosures_are_counted() {
    let mut chain = with_private();
    chain.checkpoint();
    let report = verify(&chain, true, |digest, _| Disclosed::Sealed { digest });
    assert_eq!((report.information.sealed, report.verdict), (6, Verdict::Unproven), "{report}");
    let report = verify(&chain, true, |digest, _| Disclosed::Withheld { digest });
    assert_eq!((report.information.withheld, report.verdict), (6, Verdict::Unproven), "{report}");
    let report =
        verify(&chain, true, |digest, text| Disclosed::Plain { digest: Some(digest), text });
    assert_eq!((report.counts.disclosures, report.verdict), (6, Verdict::Intact), "{report}");
    // Without a filter in the manifest nothing may be withheld.
    let report = verify(&chain, false, |digest, _| Disclosed::Withheld { digest });
    assert_eq!(report.totals[&FindingCode::ErasedWithoutRecord], 6, "{report}");
    let report = verify(&chain, true, |_, _| Disclosed::Sealed { digest: "short" });
    assert_eq!(report.totals[&FindingCode::Disclosure], 6, "{report}");
    let report = verify(&chain, true, |_, text| Disclosed::Plain {
        digest: Some("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"),
        text,
    });
    assert_eq!(report.totals[&FindingCode::Disclosure], 6, "{report}");
}

#[test]
fn lines_of_a_bundle_are_sorted() {
    let mut chain = with_private();
    chain.disclosures.get_mut(&4).unwrap().reverse();
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Malformed, 4, 4)], "{report}");
    // A database keeps them in any order.
    assert!(!chain.verify_database().has(FindingCode::Malformed));
}

#[test]
fn withheld_entries_need_a_filter() {
    let mut chain = with_private();
    chain.checkpoint();
    chain.entries[2] = None;
    chain.withheld.push(2);
    let report = chain.verify();
    assert_eq!((report.information.withheld, report.verdict), (1, Verdict::Unproven), "{report}");
    let unfiltered = InputKind::Bundle { filtered: false };
    let report = chain.verify_as(unfiltered, chain.policy(), 4096);
    assert_eq!(found(&report), [(FindingCode::Missing, 2, 2)], "{report}");
    // The last entry is never withheld.
    let last = chain.size() - 1;
    chain.entries[last as usize] = None;
    chain.disclosures.remove(&last);
    chain.withheld.push(last);
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Truncated, last, last)], "{report}");
    chain.checkpoints.clear();
    assert_eq!(found(&chain.verify()), [(FindingCode::Missing, last, last)]);
}

#[test]
fn a_reserved_entry_is_never_withheld() {
    let mut chain = with_private();
    let hold = chain.hold("h", &[(4, 4)]);
    chain.event();
    chain.erasure(1, 7);
    chain.event();
    chain.checkpoint();
    for reserved in [0, hold, hold + 2] {
        let kept = chain.entries[reserved as usize].take();
        chain.withheld.push(reserved);
        let report = chain.verify();
        let expected = (FindingCode::Missing, reserved, reserved);
        assert!(found(&report).contains(&expected), "{reserved}: {report}");
        chain.entries[reserved as usize] = kept;
        chain.withheld.clear();
    }
    assert_intact(&chain.verify());
}

#[test]
fn an_erasure_with_another_bound_is_altered_and_excuses_what_it_says() {
    let mut chain = with_private();
    chain.disclosures.remove(&4);
    chain.disclosures.remove(&7);
    let erasure = chain.erasure(1, 4);
    let next = chain.event();
    chain.checkpoint();
    assert_eq!(found(&chain.verify()), [(FindingCode::ErasedWithoutRecord, 7, 7)]);
    // Made to reach further after the fact, it does not hash to what the next entry names.
    chain.alter(erasure, "\"through\":4", "\"through\":7");
    let report = chain.verify();
    assert!(found(&report).contains(&(FindingCode::Altered, erasure, erasure)), "{report}");
    assert!(next > erasure);
}
