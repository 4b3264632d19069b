//! What goes between a log and a witness, against the examples of the standard, and against what is
//! to be refused.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests"
)]

use audit_core::{
    AddCheckpoint, AddCheckpointError, Checkpoint, CheckpointError, CompactRange, ConsistencyProof,
    CosigningKey, HashParseError, LeafHash, LogCheckpoint, MAX_ADD_CHECKPOINT_LEN, MAX_PROOF_LINES,
    MAX_WITNESS_ANSWER_LEN, NodeHash, NoteError, SignedCheckpoint, SigningKey, Timestamp, TreeHead,
    WitnessCosignatures, WitnessSize,
};
use proptest::prelude::*;

/// The request of C2SP tlog-witness.
const REQUEST: &str = "old 20852014\n\
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
\n\
example.com/behind-the-sofa\n\
20852163\n\
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
\n\
\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
\u{2014} example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";

/// The response of C2SP tlog-witness.
const RESPONSE: &str = "\u{2014} witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==\n\
\u{2014} witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==\n\
\u{2014} witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==\n";

#[test]
fn the_published_request_is_read_and_written_byte_for_byte() {
    let request = AddCheckpoint::parse(REQUEST).unwrap();
    assert_eq!(request.to_string(), REQUEST);
    assert_eq!((request.old_size(), request.proof().hashes().len()), (20_852_014, 4));
    let checkpoint = request.checkpoint();
    assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
    assert_eq!(checkpoint.head().size, 20_852_163);
    assert_eq!(checkpoint.note().signatures().len(), 2);
    // The stranger's key is no key of this log, whatever it signed.
    let stranger = SigningKey::from_seed("example.com", &[1; 32]).unwrap();
    assert!(!checkpoint.names(stranger.verifier()));
    assert_eq!(checkpoint.verify(&[stranger.verifier().clone()]), Err(NoteError::Untrusted));
}

#[test]
fn the_published_response_is_read_and_written_byte_for_byte() {
    let response = WitnessCosignatures::parse(RESPONSE).unwrap();
    assert_eq!(response.to_string(), RESPONSE);
    let names: Vec<_> = response.lines().iter().map(|line| line.name()).collect();
    assert_eq!(names, ["witness.example/w1", "witness.example/w1", "witness.example/w2"]);
    // Two of them are cosignatures by their length; all are by unknown keys.
    let unknown = CosigningKey::from_seed("witness.example/w1", &[1; 32]).unwrap();
    assert_eq!(response.by(unknown.verifier(), "text\n"), Err(NoteError::Untrusted));
}

#[test]
fn malformed_requests_are_refused_with_the_place() {
    use AddCheckpointError as E;
    let replaced = |from: &str, to: &str| AddCheckpoint::parse(&REQUEST.replacen(from, to, 1));
    let refused = |from: &str, to: &str| replaced(from, to).unwrap_err();
    for (from, to) in [
        ("old 20852014", "old 020852014"),
        ("old 20852014", "old  20852014"),
        ("old 20852014", "Old 20852014"),
        ("old 20852014", "old -1"),
        ("old 20852014", "old 20852014 "),
        ("old 20852014", "old 9223372036854775808"),
        ("old 20852014", "old 99999999999999999999999999"),
        ("old 20852014\n", ""),
        ("old 20852014", "old"),
        ("old 20852014", "20852014"),
        ("old 20852014", "old 20852014\r"),
    ] {
        assert_eq!(refused(from, to), E::OldSize, "{to:?}");
    }
    assert_eq!(refused("jrJZ", "jrJ"), E::Hash { line: 3 });
    assert_eq!(refused("kaw=\n", "kaw\n"), E::Hash { line: 2 });
    // Base64 whose last bits are not zero.
    assert_eq!(refused("kaw=", "kax="), E::Hash { line: 2 });
    assert_eq!(refused("swk=\n", "swk= \n"), E::Hash { line: 3 });
    assert!(matches!(refused("/0=\n\n", "/0=\n"), E::Hash { line: 6 }));
    assert_eq!(AddCheckpoint::parse("old 0\n"), Err(E::Separator));
    assert_eq!(AddCheckpoint::parse(""), Err(E::Separator));
    let note = |error| E::Checkpoint(CheckpointError::Note(error));
    assert_eq!(refused("qbSzm9Q=\n", "qbSzm9Q="), note(NoteError::NoSignature));
    assert_eq!(refused("\n20852163", "\n020852163"), E::Checkpoint(CheckpointError::Size));
    assert_eq!(
        refused("CsUY", "Cs*Y"),
        E::Checkpoint(CheckpointError::Root(HashParseError::Base64))
    );
    assert_eq!(
        refused("example.com/behind-the-sofa\n", "\n"),
        E::Checkpoint(CheckpointError::Lines)
    );
    assert_eq!(
        AddCheckpoint::parse(
            "old 0\n\nx\n0\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} a AAAAAAA=\n"
        ),
        Err(E::Checkpoint(CheckpointError::EmptyRoot))
    );
    // Extension lines are the log's business.
    replaced("q2I=\n", "q2I=\nextension\n").unwrap();
    assert_eq!(refused("q2I=\n\n", "q2I=\n\n\n"), E::Checkpoint(CheckpointError::Lines));
}

#[test]
fn requests_are_bounded() {
    let line = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";
    let with = |lines: usize| AddCheckpoint::parse(&REQUEST.replacen(line, &line.repeat(lines), 1));
    assert_eq!(with(MAX_PROOF_LINES - 3).unwrap().proof().hashes().len(), MAX_PROOF_LINES);
    assert_eq!(with(MAX_PROOF_LINES - 2), Err(AddCheckpointError::TooManyLines));
    let long = format!("{REQUEST}{}", "x".repeat(MAX_ADD_CHECKPOINT_LEN));
    assert_eq!(AddCheckpoint::parse(&long), Err(AddCheckpointError::TooLarge));
    let hashes = vec![NodeHash::from_bytes([0; 32]); MAX_PROOF_LINES + 1];
    let proof = ConsistencyProof::from_hashes(hashes).unwrap();
    let checkpoint = AddCheckpoint::parse(REQUEST).unwrap().checkpoint().clone();
    assert_eq!(AddCheckpoint::new(1, proof, checkpoint), Err(AddCheckpointError::TooManyLines));
}

#[test]
fn malformed_answers_are_refused() {
    let refused = |body: &str| WitnessCosignatures::parse(body).unwrap_err();
    assert_eq!(refused(""), NoteError::NoSignature);
    assert_eq!(refused(RESPONSE.trim_end()), NoteError::NoSignature);
    assert_eq!(refused("\n"), NoteError::Line { line: 1 });
    assert_eq!(refused("<html>\n"), NoteError::Line { line: 1 });
    assert_eq!(refused(&format!("{RESPONSE}\n")), NoteError::Line { line: 4 });
    assert_eq!(refused(&RESPONSE.replacen('\u{2014}', "-", 1)), NoteError::Line { line: 1 });
    assert_eq!(refused(&"x".repeat(MAX_WITNESS_ANSWER_LEN + 1)), NoteError::TooLarge);
    let many = "\u{2014} a AAAAAAA=\n".repeat(101);
    assert_eq!(refused(&many), NoteError::TooManySignatures);
    assert_eq!(WitnessSize::parse("20852014\n").unwrap().get(), 20_852_014);
    for bad in
        ["", "\n", "20852014", "020852014\n", "1\n\n", "-1\n", " 1\n", "9223372036854775808\n"]
    {
        assert_eq!(WitnessSize::parse(bad), None, "{bad:?}");
    }
}

fn signed(size: u64) -> (SigningKey, SignedCheckpoint) {
    let key = SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap();
    let mut range = CompactRange::default();
    (0..size).for_each(|n| range.push(LeafHash::of(&n.to_be_bytes())));
    let origin = "audit.example.com/acme/default/1".parse().unwrap();
    let signed = Checkpoint::new(origin, range.head()).sign(&key).unwrap();
    (key, signed)
}

#[test]
fn the_cosignature_of_the_asked_key_is_found_and_checked() {
    let at = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
    let (_, signed) = signed(3);
    let text = signed.note().text();
    let keys = [1, 2].map(|n| CosigningKey::from_seed("w.example", &[n; 32]).unwrap());
    let ours = keys[0].cosign(text, at).unwrap();
    let body = format!(
        "{}{}",
        WitnessCosignatures::new(keys[1].cosign(text, at).unwrap()),
        WitnessCosignatures::new(ours.clone())
    );
    let answer = WitnessCosignatures::parse(&body).unwrap();
    assert_eq!(answer.by(keys[0].verifier(), text).unwrap(), ours);
    let other = text.replace("\n3\n", "\n4\n");
    assert!(matches!(answer.by(keys[0].verifier(), &other), Err(NoteError::Invalid { .. })));
    // A plain signature in the witness's name is no cosignature.
    let only_others = WitnessCosignatures::new(keys[1].cosign(text, at).unwrap());
    assert_eq!(only_others.by(keys[0].verifier(), text), Err(NoteError::Untrusted));
}

#[test]
fn a_journals_key_is_that_of_all_its_chains_and_of_no_other_log() {
    let (key, signed) = signed(3);
    let checkpoint = LogCheckpoint::parse(&signed.to_string()).unwrap();
    assert_eq!(checkpoint, (&signed).into());
    let derived = key.verifier().renamed("audit.example.com/acme/default/1").unwrap();
    for key in [key.verifier(), &derived] {
        assert_eq!(checkpoint.verify(std::slice::from_ref(key)).unwrap().len(), 1);
    }
    let other = key.verifier().renamed("audit.example.com/acme/default/2").unwrap();
    assert_eq!(checkpoint.verify(&[other]), Err(NoteError::Untrusted));
    let cosigner = CosigningKey::from_seed("audit.example.com", &[7; 32]).unwrap();
    assert!(!checkpoint.names(cosigner.verifier()));
    let forged = signed.to_string().replace("\n3\n", "\n4\n");
    let forged = LogCheckpoint::parse(&forged).unwrap();
    assert!(matches!(forged.verify(&[key.verifier().clone()]), Err(NoteError::Invalid { .. })));
    assert_eq!(forged.head(), TreeHead::new(4, signed.checkpoint().head.root));
}

proptest! {
    #[test]
    fn requests_parse_back(old in 0..1_u64 << 62, hashes in prop::collection::vec(any::<[u8; 32]>(), 0..=MAX_PROOF_LINES), size in 0..40_u64) {
        let hashes: Vec<_> = hashes.into_iter().map(NodeHash::from_bytes).collect();
        let proof = ConsistencyProof::from_hashes(hashes).unwrap();
        let request = AddCheckpoint::new(old, proof, (&signed(size).1).into()).unwrap();
        prop_assert_eq!(AddCheckpoint::parse(&request.to_string()), Ok(request));
    }

    #[test]
    fn what_is_read_is_written_back(text in "(old [0-9]{1,3}\n)?([A-Za-z0-9+/]{43}=\n){0,2}\n?[a-z\n0-9\u{2014} =]{0,60}", at in 0..REQUEST.len(), with in "[a\n =\u{2014}0]") {
        for body in [text, format!("{}{with}{}", &REQUEST[..floor(at)], &REQUEST[floor(at)..])] {
            if let Ok(request) = AddCheckpoint::parse(&body) { prop_assert_eq!(request.to_string(), &*body); }
            if let Ok(answer) = WitnessCosignatures::parse(&body) { prop_assert_eq!(answer.to_string(), &*body); }
            if let Some(size) = WitnessSize::parse(&body) { prop_assert_eq!(size.to_string(), body); }
        }
    }
}

fn floor(at: usize) -> usize {
    REQUEST.floor_char_boundary(at)
}
