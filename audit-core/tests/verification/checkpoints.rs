//! Checkpoints, keys, and what the auditor holds from before.

use audit_core::{
    AuditorPolicy, CheckpointStatus, CosigningKey, FindingCode, KeyTrust, Reserved,
    SignedCheckpoint, TreeHead, TrustPolicy, Verdict,
};

use crate::chain::{Chain, assert_intact, found, key, plus};

#[test]
fn entries_above_the_last_checkpoint_are_unsigned() {
    let mut chain = Chain::with(10);
    chain.event();
    chain.event();
    let report = chain.verify();
    assert_eq!((report.information.unsigned, report.verdict), (2, Verdict::Unproven));
    assert_eq!(report.checkpoints.len(), 1);
    assert_eq!(report.checkpoints[0].status, CheckpointStatus::Verified);
}

#[test]
fn a_key_without_a_path_of_trust_is_unknown_and_not_a_finding() {
    let chain = Chain::with(10);
    let stranger = AuditorPolicy::new([key(7).verifier().clone()]);
    let report = chain.verify_with(stranger);
    assert_intact(&report);
    assert_eq!((report.information.unknown_key, report.verdict), (1, Verdict::Unproven));
    assert_eq!(report.checkpoints[0].status, CheckpointStatus::UnknownKey);
    // The root still has to be the entries'.
    let mut chain = Chain::with(10);
    chain.rewrite(5, "record.updated", "record.created");
    let stranger = AuditorPolicy::new([key(7).verifier().clone()]);
    let report = chain.verify_with(stranger);
    assert_eq!(found(&report), [(FindingCode::Checkpoint, 10, 10)], "{report}");
}

#[test]
fn a_derived_key_of_any_incarnation_is_the_same_key() {
    let chain = Chain::with(10);
    let derived = key(1).verifier().renamed("audit.example.com/acme/default/7").unwrap();
    assert_eq!(chain.verify_with(AuditorPolicy::new([derived])).verdict, Verdict::Intact);
}

#[test]
fn a_wrong_signature_is_a_finding() {
    let mut chain = Chain::with(10);
    let note = chain.checkpoints[0].2.clone();
    // The root in the text, under the old signature.
    let root = chain.head().root.to_base64();
    let other = audit_core::RootHash::EMPTY.to_base64();
    chain.checkpoints[0].2 = note.replace(&root, &other);
    let report = chain.verify();
    assert!(found(&report).contains(&(FindingCode::Checkpoint, 10, 10)), "{report}");
    chain.checkpoints[0].2 = note.replace("\n\n", "\nmore\n\n");
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Checkpoint, 10, 10)], "{report}");
    chain.checkpoints[0].2 = String::from("nothing");
    assert_eq!(found(&chain.verify()), [(FindingCode::Checkpoint, 10, 10)]);
    // The signature of somebody in another name.
    let (text, _) = note.split_once("\n\n").unwrap();
    let foreign = key(1).renamed("elsewhere.example").unwrap().sign(&format!("{text}\n"));
    chain.checkpoints[0].2 = format!("{text}\n\n{foreign}\n");
    assert_eq!(found(&chain.verify()), [(FindingCode::Checkpoint, 10, 10)]);
}

#[test]
fn a_checkpoint_is_filed_where_it_belongs() {
    let mut chain = Chain::with(10);
    chain.checkpoints[0].1 = 9;
    assert!(found(&chain.verify()).contains(&(FindingCode::Checkpoint, 8, 8)));
    let mut chain = Chain::with(10);
    chain.checkpoints[0].0 = 2;
    let report = chain.verify();
    assert!(found(&report).iter().all(|f| *f == (FindingCode::Checkpoint, 10, 10)), "{report}");
    let mut chain = Chain::with(10);
    let origin = "audit.example.com/acme/billing/1".parse().unwrap();
    let other = audit_core::Checkpoint::new(origin, chain.head()).sign(&chain.key).unwrap();
    chain.checkpoints[0].2 = other.to_string();
    assert_eq!(found(&chain.verify()), [(FindingCode::Checkpoint, 10, 10)]);
}

#[test]
fn a_checkpoint_that_a_later_one_contradicts_is_itself_wrong() {
    let mut chain = Chain::with(10);
    let forged = TreeHead::new(6, audit_core::RootHash::from_bytes([5; 32]));
    let forged = chain.sign(&chain.key, 1, forged);
    chain.checkpoints.push((1, 6, forged.to_string()));
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Checkpoint, 5, 5)], "{report}");
}

#[test]
fn a_key_that_the_chain_adds_is_trusted_from_the_checkpoint_that_covers_it() {
    let mut chain = Chain::with(5);
    let new = key(2);
    let added = chain.reserved(Reserved::KeyAdded { key: new.verifier().to_string() });
    chain.event();
    chain.checkpoint();
    let covering = chain.size();
    chain.event();
    chain.key = new;
    chain.checkpoint();
    let report = chain.verify();
    assert_eq!(report.verdict, Verdict::Intact, "{report}");
    let trust = report.keys.iter().find(|key| key.vkey == chain.key.verifier().to_string());
    assert!(
        matches!(
            &trust.unwrap().trust,
            KeyTrust::Chain { added: a, checkpoint: c, .. } if (*a, *c) == (added, covering)
        ),
        "{trust:?}"
    );
    let report = chain.verify_with(chain.policy().no_rotation());
    assert_eq!((report.information.unknown_key, report.verdict), (1, Verdict::Unproven));
    // Without the covering checkpoint there is no path.
    chain.checkpoints.remove(1);
    let report = chain.verify();
    assert_eq!((report.information.unknown_key, report.verdict), (1, Verdict::Unproven));
}

#[test]
fn a_retired_key_signs_no_more() {
    let mut chain = Chain::with(5);
    chain.reserved(Reserved::KeyAdded { key: key(2).verifier().to_string() });
    chain.checkpoint();
    let retired = chain.reserved(Reserved::KeyRetired { key: key(1).verifier().to_string() });
    let report = chain.verify();
    assert_intact(&report);
    assert_eq!(report.keys[0].retired, Some(retired));
    chain.checkpoint();
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Checkpoint, retired, retired)], "{report}");
    chain.checkpoints.pop();
    chain.key = key(2);
    chain.checkpoint();
    assert_eq!(chain.verify().verdict, Verdict::Intact);
}

#[test]
fn history_that_is_not_the_outside_one_was_rolled_back() {
    let mut chain = Chain::with(10);
    for _ in 0..5 {
        chain.event();
    }
    let held = chain.checkpoint();
    let policy = || AuditorPolicy::new([key(1).verifier().clone()]).holding(held.clone());
    assert_eq!(chain.verify_with(policy()).verdict, Verdict::Intact);
    // An old backup: shorter than what the auditor holds.
    chain.restore(11);
    let report = chain.verify_with(policy());
    assert_eq!(found(&report), [(FindingCode::Truncated, 11, 15)], "{report}");
    // And gone on from there.
    chain.now = plus(chain.now, 500);
    for _ in 0..8 {
        chain.event();
    }
    chain.checkpoint();
    let report = chain.verify_with(policy());
    assert_eq!(found(&report), [(FindingCode::RolledBack, 0, 15)], "{report}");
    // By a key that the auditor does not know it proves nothing.
    let stranger = chain.sign(&key(7), 1, held.checkpoint().head);
    let report = chain.verify_with(chain.policy().holding(stranger));
    assert_eq!((report.information.unknown_key, report.verdict), (1, Verdict::Unproven));
}

/// Ten entries, five that are lost, a declared restore and five others.
fn restored() -> (Chain, SignedCheckpoint, u64) {
    let mut chain = Chain::with(10);
    for _ in 0..5 {
        chain.event();
    }
    let lost = chain.checkpoint();
    chain.restore(11);
    chain.now = plus(chain.now, 500);
    let seq = chain.restored(11, &lost);
    for _ in 0..8 {
        chain.event();
    }
    chain.checkpoint();
    (chain, lost, seq)
}

#[test]
fn a_declared_loss_is_a_finding_unless_accepted() {
    let (chain, lost, seq) = restored();
    let report = chain.verify();
    assert_eq!(found(&report), [(FindingCode::Restored, 11, 15)], "{report}");
    assert_eq!(report.incarnation, 2);
    let report = chain.verify_with(chain.policy().accept_restore(seq));
    assert_eq!(report.verdict, Verdict::Intact, "{report}");
    assert_eq!(report.accepted_restores, [seq]);
    let report = chain.verify_with(chain.policy().accept_restore(seq).holding(lost.clone()));
    assert_eq!(report.verdict, Verdict::Intact, "{report}");
    let report = chain.verify_with(chain.policy().accept_restore(seq + 1));
    assert!(report.has(FindingCode::Restored));
}

#[test]
fn a_declared_loss_excuses_no_more_than_it_says() {
    let (chain, lost, seq) = restored();
    let policy = || chain.policy().accept_restore(seq);
    // A longer history of the first incarnation than the one declared.
    let head = TreeHead::new(17, lost.checkpoint().head.root);
    let longer = chain.sign(&chain.key, 1, head);
    let report = chain.verify_with(policy().holding(longer));
    assert_eq!(found(&report), [(FindingCode::RolledBack, 0, 16)], "{report}");
    // What was not lost must be as it was.
    let head = TreeHead::new(8, lost.checkpoint().head.root);
    let earlier = chain.sign(&chain.key, 1, head);
    let report = chain.verify_with(policy().holding(earlier));
    assert_eq!(found(&report), [(FindingCode::RolledBack, 0, 7)], "{report}");
    // The declared size with another root.
    let head = TreeHead::new(16, audit_core::RootHash::from_bytes([3; 32]));
    let other = chain.sign(&chain.key, 1, head);
    let report = chain.verify_with(policy().holding(other));
    assert_eq!(found(&report), [(FindingCode::RolledBack, 0, 15)], "{report}");
    // In between anything may have been.
    let head = TreeHead::new(14, audit_core::RootHash::from_bytes([3; 32]));
    let between = chain.sign(&chain.key, 1, head);
    assert_eq!(chain.verify_with(policy().holding(between)).verdict, Verdict::Intact);
    // A checkpoint of the second incarnation is not excused by its own beginning.
    let head = TreeHead::new(14, audit_core::RootHash::from_bytes([3; 32]));
    let current = chain.sign(&chain.key, 2, head);
    let report = chain.verify_with(policy().holding(current));
    assert_eq!(found(&report), [(FindingCode::RolledBack, 0, 13)], "{report}");
}

#[test]
fn a_checkpoint_stays_within_its_incarnation() {
    let (mut chain, _, seq) = restored();
    let policy = chain.policy().accept_restore(seq);
    // The first incarnation ended before the restore.
    let late = chain.sign(&chain.key, 1, chain.head());
    chain.checkpoints.push((1, chain.size(), late.to_string()));
    let report = chain.verify_with(policy.clone());
    let last = chain.size() - 1;
    assert_eq!(found(&report), [(FindingCode::Checkpoint, last, last)], "{report}");
    // The second one begins with it.
    let (mut chain, ..) = restored();
    let mut tree = audit_core::CompactRange::default();
    chain.leaves[..11].iter().for_each(|leaf| tree.push(*leaf));
    let early = chain.sign(&chain.key, 2, tree.head());
    chain.checkpoints.push((2, 11, early.to_string()));
    let report = chain.verify_with(policy);
    assert_eq!(found(&report), [(FindingCode::Checkpoint, 10, 10)], "{report}");
}

#[test]
fn a_restore_that_begins_nothing_is_malformed() {
    let (mut chain, lost, _) = restored();
    chain.incarnation = 1;
    let seq = chain.restored(11, &lost);
    let report = chain.verify();
    assert!(found(&report).contains(&(FindingCode::Malformed, seq, seq)), "{report}");
}

#[test]
fn a_witness_bounds_the_time() {
    let witness = CosigningKey::from_seed("witness.example", &[9; 32]).unwrap();
    let mut chain = Chain::with(10);
    let last = plus(chain.now, -1);
    for (offset, codes) in [(0, vec![]), (60, vec![]), (-1, vec![(FindingCode::Clock, 10, 10)])] {
        let mut signed: SignedCheckpoint = chain.checkpoints[0].2.parse().unwrap();
        let cosignature = witness.cosign(signed.note().text(), plus(last, offset)).unwrap();
        signed.add_cosignature(witness.verifier(), cosignature).unwrap();
        let saved = std::mem::replace(&mut chain.checkpoints[0].2, signed.to_string());
        let report = chain.verify_with(chain.policy().witness(witness.verifier().clone()));
        assert_eq!(found(&report), codes, "{report}");
        assert_eq!(report.checkpoints[0].witnesses.len(), 1);
        // Without his key the auditor does not look at it.
        assert_intact(&chain.verify());
        chain.checkpoints[0].2 = saved;
    }
}

#[test]
fn reports_of_checkpoints_are_bounded() {
    let mut chain = Chain::new();
    for _ in 0..300 {
        chain.event();
        chain.checkpoint();
    }
    let report = chain.verify();
    assert_eq!(report.verdict, Verdict::Intact, "{report}");
    assert_eq!(report.counts.checkpoints, 300);
    assert!(report.checkpoints.len() <= 128);
    assert_eq!(report.checkpoints.last().unwrap().size, 301);
}

/// A chain of two checkpoints, the second over three entries more; each cosigned by the given
/// witnesses of three.
fn cosigned(first: &[u8], second: &[u8]) -> Chain {
    let mut chain = Chain::with(10);
    for _ in 0..3 {
        chain.event();
    }
    chain.checkpoint();
    for (at, by) in [first, second].into_iter().enumerate() {
        let mut signed = SignedCheckpoint::parse(&chain.checkpoints[at].2).unwrap();
        for n in by {
            let witness = witness(*n);
            let cosignature = witness.cosign(signed.note().text(), plus(chain.now, 5)).unwrap();
            signed.add_cosignature(witness.verifier(), cosignature).unwrap();
        }
        chain.checkpoints[at].2 = signed.to_string();
    }
    chain
}

fn witness(n: u8) -> CosigningKey {
    CosigningKey::from_seed(&format!("w{n}.example"), &[n; 32]).unwrap()
}

fn two_of_three() -> TrustPolicy {
    TrustPolicy::at_least(2, (1..=3).map(|n| witness(n).verifier().clone())).unwrap()
}

#[test]
fn a_chain_is_witnessed_up_to_the_newest_checkpoint_with_a_quorum() {
    let verify = |chain: &Chain| chain.verify_with(chain.policy().witnesses(two_of_three()));
    let report = verify(&cosigned(&[1, 2], &[2, 3]));
    assert_eq!((report.information.unwitnessed, report.verdict), (0, Verdict::Intact), "{report}");
    assert_eq!(report.checkpoints[1].witnesses.len(), 2);
    // Not enough of them yet: nothing is wrong, and not everything is shown.
    let report = verify(&cosigned(&[1, 2], &[3]));
    assert_eq!((report.information.unwitnessed, report.verdict), (3, Verdict::Unproven));
    assert!(report.to_string().contains("3 unwitnessed"), "{report}");
    // What nobody signs yet is unwitnessed as well.
    let mut chain = cosigned(&[], &[2, 3, 1]);
    chain.event();
    let report = verify(&chain);
    assert_eq!((report.information.unwitnessed, report.information.unsigned), (1, 1));
    assert_eq!(found(&report), []);
    // Nobody asks.
    let none = TrustPolicy::parse(b"quorum none\n").unwrap();
    let chain = cosigned(&[], &[]);
    assert_eq!(chain.verify_with(chain.policy().witnesses(none)).verdict, Verdict::Intact);
}

#[test]
fn a_history_that_no_quorum_ever_saw_is_a_finding() {
    for (first, second, said) in
        [(&[][..], &[][..], "no cosignature"), (&[], &[3], "only w3.example")]
    {
        let chain = cosigned(first, second);
        let report = chain.verify_with(chain.policy().witnesses(two_of_three()));
        assert_eq!(found(&report), [(FindingCode::Checkpoint, 13, 13)], "{report}");
        let evidence = report.findings[0].evidence.as_ref().unwrap();
        assert_eq!(
            (evidence.expected.as_str(), evidence.found.as_str()),
            ("2 of (w1, w2, w3)", said)
        );
        assert_eq!(report.information.unwitnessed, chain.size());
    }
    // A checkpoint that the auditor holds himself, with its cosignatures, is as good.
    let mut chain = cosigned(&[], &[1, 3]);
    let held = SignedCheckpoint::parse(&chain.checkpoints[1].2).unwrap();
    let own = held.note().signatures().first().unwrap();
    chain.checkpoints[1].2 = format!("{}\n{own}\n", held.note().text());
    assert!(
        chain.verify_with(chain.policy().witnesses(two_of_three())).verdict == Verdict::Findings
    );
    let policy = chain.policy().witnesses(two_of_three()).holding(held);
    assert_eq!(chain.verify_with(policy).verdict, Verdict::Intact);
}

#[test]
fn cosignatures_count_only_where_they_are_right_and_the_log_is_trusted() {
    // One witness's line is another's signature.
    let mut chain = cosigned(&[1, 2], &[1, 2]);
    let cosignature = witness(3).cosign("another\n", chain.now).unwrap();
    chain.checkpoints[1].2.push_str(&format!("{cosignature}\n"));
    let report = chain.verify_with(chain.policy().witnesses(two_of_three()));
    assert_eq!(found(&report), [(FindingCode::Checkpoint, 13, 13)], "{report}");
    assert_eq!(report.information.unwitnessed, 3);
    // The policy's logs are trusted, and nobody else where no other key is named.
    let chain = cosigned(&[1, 2], &[1, 2]);
    let with_log = |key: &audit_core::VerifierKey| {
        let policy = format!("log {key}\n{}", two_of_three());
        chain.verify_with(AuditorPolicy::new([]).witnesses(policy.parse().unwrap()))
    };
    assert_eq!(with_log(key(1).verifier()).verdict, Verdict::Intact);
    let report = with_log(key(7).verifier());
    assert_eq!((report.information.unknown_key, report.information.unwitnessed), (2, chain.size()));
    assert_intact(&report);
}
