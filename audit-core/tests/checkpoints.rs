//! Checkpoints and proof files: what they look like, what they show, and what is to be refused.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests"
)]

use std::error::Error;

use audit_core::{
    Checkpoint, CheckpointError, CompactRange, CosigningKey, InclusionProof, InclusionRequest,
    KeyAlgorithm, LeafHash, MAX_EXTRA_LEN, NodeHash, Note, NoteError, Origin, ProofError,
    ProofFile, ProofFileError, RootHash, SignedCheckpoint, SigningKey, Timestamp, TreeHead,
    VerifierKey,
};
use proptest::prelude::*;

const NAME: &str = "audit.example.com";
const ORIGIN: &str = "audit.example.com/acme/default/1";
const ENTRIES: [&[u8]; 7] = [b"zero", b"one", b"two", b"three", b"four", b"five", b"six"];

fn journal() -> SigningKey {
    SigningKey::from_seed(NAME, &[7; 32]).unwrap()
}

fn origin() -> Origin {
    ORIGIN.parse().unwrap()
}

fn range(size: usize) -> CompactRange {
    let mut range = CompactRange::default();
    ENTRIES[..size].iter().for_each(|entry| range.push(LeafHash::of(entry)));
    range
}

fn signed(size: usize) -> SignedCheckpoint {
    Checkpoint::new(origin(), range(size).head()).sign(&journal()).unwrap()
}

fn proof(index: u64, size: u64) -> InclusionProof {
    let request = InclusionRequest::new(index, size).unwrap();
    let hashes: Vec<NodeHash> = request
        .nodes()
        .iter()
        .map(|node| {
            let mut range = CompactRange::default();
            for leaf in node.first_leaf()..node.end_leaf() {
                range.push(LeafHash::of(ENTRIES[usize::try_from(leaf).unwrap()]));
            }
            range.nodes().next().unwrap().1
        })
        .collect();
    request.assemble(&hashes).unwrap()
}

fn untrusted() -> CheckpointError {
    CheckpointError::Note(NoteError::Untrusted)
}

#[test]
fn the_text_is_three_lines() {
    let checkpoint = Checkpoint::new(origin(), range(3).head());
    let root = range(3).root().to_base64();
    assert_eq!(checkpoint.to_text(), format!("{ORIGIN}\n3\n{root}\n"));
    assert_eq!(Checkpoint::parse(&checkpoint.to_text()), Ok(checkpoint.clone()));
    let note = checkpoint.sign(&journal()).unwrap().to_string();
    let lines: Vec<_> = note.split('\n').collect();
    assert_eq!(lines[..4], [ORIGIN, "3", &root, ""]);
    assert!(lines[4].starts_with(&format!("\u{2014} {ORIGIN} ")));
    assert_eq!(lines[5..], [""]);
}

#[test]
fn other_spellings_are_refused() {
    let root = range(3).root().to_base64();
    for (text, expected) in [
        (String::new(), CheckpointError::Lines),
        (format!("{ORIGIN}\n"), CheckpointError::Lines),
        (format!("{ORIGIN}\n3\n"), CheckpointError::Lines),
        (format!("{ORIGIN}\n3\n{root}"), CheckpointError::Lines),
        (format!("{ORIGIN}\n3\n{root}\n\n"), CheckpointError::Extension),
        (format!("{ORIGIN}\n3\n{root}\nmore\n"), CheckpointError::Extension),
        (format!("{ORIGIN}\n03\n{root}\n"), CheckpointError::Size),
        (format!("{ORIGIN}\n+3\n{root}\n"), CheckpointError::Size),
        (format!("{ORIGIN}\n-3\n{root}\n"), CheckpointError::Size),
        (format!("{ORIGIN}\n 3\n{root}\n"), CheckpointError::Size),
        (format!("{ORIGIN}\n3 \n{root}\n"), CheckpointError::Size),
        (format!("{ORIGIN}\n\u{0663}\n{root}\n"), CheckpointError::Size),
        (format!("{ORIGIN}\n\n{root}\n"), CheckpointError::Size),
        (format!("{ORIGIN}\n00\n{root}\n"), CheckpointError::Size),
        (format!("{ORIGIN}\n9223372036854775808\n{root}\n"), CheckpointError::Size),
        (format!("{ORIGIN}\n18446744073709551616\n{root}\n"), CheckpointError::Size),
        (format!("{ORIGIN}\n0\n{root}\n"), CheckpointError::EmptyRoot),
    ] {
        assert_eq!(Checkpoint::parse(&text), Err(expected), "{text:?}");
    }
    let bad = |text: String| Checkpoint::parse(&text).unwrap_err();
    for root in ["", &root[1..], &root.replace('=', ""), &format!("{root}="), &"-".repeat(44)] {
        assert!(matches!(bad(format!("{ORIGIN}\n3\n{root}\n")), CheckpointError::Root(_)));
    }
    for origin in ["", "x", "audit.example.com/acme/default", "audit.example.com/acme/default/01"] {
        assert!(matches!(bad(format!("{origin}\n3\n{root}\n")), CheckpointError::Origin(_)));
    }
    assert!(Checkpoint::parse(&format!("{ORIGIN}\n9223372036854775807\n{root}\n")).is_ok());
}

#[test]
fn the_journals_key_and_the_derived_one_verify_and_no_other() {
    let signed = signed(3);
    let received: SignedCheckpoint = signed.to_string().parse().unwrap();
    assert_eq!(received, signed);
    let derived = journal().verifier().renamed(ORIGIN).unwrap();
    for key in [journal().verifier(), &derived] {
        assert_eq!(received.verify(key).unwrap().head, range(3).head());
    }
    let stranger = SigningKey::generate(NAME).unwrap();
    assert_eq!(received.verify(stranger.verifier()), Err(untrusted()));
    // The right bytes under a name that is not this origin's.
    for name in ["audit.example.com/acme/default/2", "audit.example.com/documents", "example.com"] {
        let key = journal().verifier().renamed(name).unwrap();
        assert_eq!(received.verify(&key), Err(CheckpointError::Key), "{name}");
    }
    let witness =
        VerifierKey::new(NAME, KeyAlgorithm::CosignatureV1, journal().verifier().public_key());
    assert_eq!(received.verify(&witness.unwrap()), Err(CheckpointError::Key));

    // Signed by the right key, but under the journal's own name or for its documents.
    let text = received.checkpoint().to_text();
    for name in [NAME, "audit.example.com/documents"] {
        let mut note = Note::new(text.as_str()).unwrap();
        note.add(journal().renamed(name).unwrap().sign(&text)).unwrap();
        let odd = SignedCheckpoint::parse(&note.to_string()).unwrap();
        assert_eq!(odd.verify(journal().verifier()), Err(untrusted()));
    }
    let other = SigningKey::generate("other.example").unwrap();
    let unsigned = Checkpoint::new(origin(), range(3).head());
    assert_eq!(unsigned.sign(&other), Err(CheckpointError::Key));
}

#[test]
fn a_changed_checkpoint_does_not_verify() {
    let note = signed(3).to_string();
    let changed = [
        note.replace("\n3\n", "\n4\n"),
        note.replace(&range(3).root().to_base64(), &range(2).root().to_base64()),
    ];
    for changed in changed {
        let changed = SignedCheckpoint::parse(&changed).unwrap();
        assert_eq!(
            changed.verify(journal().verifier()),
            Err(CheckpointError::Note(NoteError::Invalid { key: ORIGIN.into() }))
        );
    }
    // Moved to another chain, the signature is by nobody known there.
    let moved = note.replacen("acme", "evil", 1);
    assert_eq!(
        SignedCheckpoint::parse(&moved).unwrap().verify(journal().verifier()),
        Err(untrusted())
    );
    let moved = note.replace("acme", "evil");
    assert_eq!(
        SignedCheckpoint::parse(&moved).unwrap().verify(journal().verifier()),
        Err(untrusted())
    );
    let bare = note.split_once("\n\n").unwrap().0.to_owned() + "\n";
    assert_eq!(SignedCheckpoint::parse(&bare), Err(CheckpointError::Note(NoteError::NoSignature)));
}

#[test]
fn a_signature_made_elsewhere_is_checked_before_it_is_taken() {
    let checkpoint = Checkpoint::new(origin(), range(3).head());
    let good = journal().sign(&checkpoint.to_text()).signature().try_into().unwrap();
    let taken = checkpoint.clone().with_signature(journal().verifier(), &good).unwrap();
    assert_eq!(taken, signed(3));
    assert_eq!(
        checkpoint.clone().with_signature(journal().verifier(), &[0; 64]),
        Err(CheckpointError::Note(NoteError::Invalid { key: ORIGIN.into() }))
    );
    let other = journal().verifier().renamed("other.example").unwrap();
    assert_eq!(checkpoint.with_signature(&other, &good), Err(CheckpointError::Key));
}

#[test]
fn witnesses_add_their_signatures() {
    let at: Timestamp = "2026-11-20T23:23:00.000000Z".parse().unwrap();
    let one = CosigningKey::generate("one.example").unwrap();
    let two = CosigningKey::generate("two.example").unwrap();
    let mut checkpoint = signed(3);
    let cosignature = one.cosign(checkpoint.note().text(), at).unwrap();
    assert_eq!(checkpoint.add_cosignature(one.verifier(), cosignature.clone()), Ok(at));
    assert_eq!(checkpoint.add_cosignature(two.verifier(), cosignature), Err(untrusted()));
    let wrong = two.cosign(signed(2).note().text(), at).unwrap();
    let refused = CheckpointError::Note(NoteError::Invalid { key: "two.example".into() });
    assert_eq!(checkpoint.add_cosignature(two.verifier(), wrong.clone()), Err(refused.clone()));

    let received = SignedCheckpoint::parse(&checkpoint.to_string()).unwrap();
    assert_eq!(received.note().signatures().len(), 2);
    received.verify(journal().verifier()).unwrap();
    let both = [one.verifier().clone(), two.verifier().clone()];
    let verified = received.verify_cosignatures(&both).unwrap();
    assert_eq!(verified.len(), 1);
    assert_eq!((verified[0].key(), verified[0].at()), (one.verifier(), Some(at)));
    assert_eq!(received.verify_cosignatures(&both[1..]), Ok(vec![]));
    assert_eq!(
        received.verify_cosignatures(&[journal().verifier().renamed(ORIGIN).unwrap()]),
        Err(CheckpointError::Key)
    );
    // A false one spoils the cosignatures for who trusts that witness, and nothing else.
    let spoiled = SignedCheckpoint::parse(&format!("{checkpoint}{wrong}\n")).unwrap();
    assert_eq!(spoiled.verify_cosignatures(&both), Err(refused));
    assert_eq!(spoiled.verify_cosignatures(&both[..1]).unwrap().len(), 1);
    assert!(spoiled.verify(journal().verifier()).is_ok());
}

#[test]
fn a_proof_file_looks_as_the_standard_has_it() {
    let file = ProofFile::new(2, proof(2, 3), signed(3));
    let first = RootHash::from(proof(2, 3).hashes()[0]).to_base64();
    let expected = format!("c2sp.org/tlog-proof@v1\nindex 2\n{first}\n\n{}", signed(3));
    assert_eq!(file.to_string(), expected);
    assert_eq!(ProofFile::parse(&expected), Ok(file.clone()));
    let with_extra = file.with_extra(b"extra information".to_vec()).unwrap();
    let expected = expected.replacen("index", "extra ZXh0cmEgaW5mb3JtYXRpb24=\nindex", 1);
    assert_eq!(with_extra.to_string(), expected);
    let read = ProofFile::parse(&expected).unwrap();
    assert_eq!(read.extra(), Some(&b"extra information"[..]));
    assert_eq!(read, with_extra);
    let alone = ProofFile::new(0, proof(0, 1), signed(1)).to_string();
    assert_eq!(alone, format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{}", signed(1)));
    assert!(ProofFile::parse(&alone).unwrap().verify(b"zero", journal().verifier()).is_ok());
}

#[test]
fn a_proof_file_shows_its_entry_and_no_other() {
    for size in 1..=ENTRIES.len() {
        for (index, own) in ENTRIES.iter().enumerate().take(size) {
            let (i, n) = (index as u64, size as u64);
            let text = ProofFile::new(i, proof(i, n), signed(size)).to_string();
            let file = ProofFile::parse(&text).unwrap();
            assert_eq!(file.index(), i);
            for (other, entry) in ENTRIES.iter().enumerate() {
                let verified = file.verify(entry, journal().verifier());
                assert_eq!(verified.is_ok(), other == index);
            }
            assert!(file.verify_leaf(LeafHash::of(own), journal().verifier()).is_ok());
            for other in 0..=n + 1 {
                let moved = text.replacen(&format!("index {i}\n"), &format!("index {other}\n"), 1);
                let moved = ProofFile::parse(&moved).unwrap();
                let verified = moved.verify(own, journal().verifier());
                assert_eq!(verified.is_ok(), other == i);
                assert!(verified.is_ok() || matches!(verified, Err(ProofFileError::Proof(_))));
            }
            let other_size = ProofFile::new(i, proof(i, n), signed(size % ENTRIES.len() + 1));
            assert!(other_size.verify(own, journal().verifier()).is_err());
        }
    }
    let file = ProofFile::new(2, proof(2, 3), signed(3));
    let stranger = SigningKey::generate(NAME).unwrap();
    assert_eq!(
        file.verify(b"two", stranger.verifier()),
        Err(ProofFileError::Checkpoint(untrusted()))
    );
}

#[test]
fn malformed_proof_files_are_refused() {
    let good = ProofFile::new(2, proof(2, 3), signed(3)).to_string();
    let hash = RootHash::from(proof(2, 3).hashes()[0]).to_base64();
    let edit = |from: &str, to: &str| ProofFile::parse(&good.replacen(from, to, 1)).unwrap_err();
    assert_eq!(edit("@v1", "@v2"), ProofFileError::Header);
    assert_eq!(edit("c2sp", " c2sp"), ProofFileError::Header);
    assert_eq!(edit("@v1\n", "@v1\r\n"), ProofFileError::Header);
    assert_eq!(edit("index 2\n", ""), ProofFileError::Index);
    for index in [
        "index 02",
        "index +2",
        "index -1",
        "index",
        "index ",
        "index 2 ",
        "Index 2",
        "index 9223372036854775808",
    ] {
        assert_eq!(edit("index 2", index), ProofFileError::Index, "{index}");
    }
    for extra in ["extra \n", "extra =\n", "extra Zg\n", "extra Zh==\n", "extra Zg== \n"] {
        assert_eq!(edit("index 2", &format!("{extra}index 2")), ProofFileError::Extra, "{extra}");
    }
    assert_eq!(edit("index 2\n", "extra Zg==\nextra Zg==\nindex 2\n"), ProofFileError::Index);
    assert_eq!(edit("index 2\n", "extra Zg==\n"), ProofFileError::Index);
    assert_eq!(edit(&hash, &hash[1..]), ProofFileError::Hash { line: 3 });
    assert_eq!(edit(&hash, &format!("{hash}\nextra Zg==")), ProofFileError::Hash { line: 4 });
    assert_eq!(edit(&hash, &format!("{hash}\r")), ProofFileError::Hash { line: 3 });
    assert_eq!(
        edit(&format!("{hash}\n\n"), &format!("{hash}\n")),
        ProofFileError::Hash { line: 4 }
    );
    assert!(matches!(edit("\n\n", "\n\n\n"), ProofFileError::Checkpoint(_)));
    assert!(matches!(edit("\n3\n", "\n03\n"), ProofFileError::Checkpoint(CheckpointError::Size)));
    assert_eq!(ProofFile::parse(""), Err(ProofFileError::Separator));
    assert_eq!(
        ProofFile::parse("c2sp.org/tlog-proof@v1\nindex 2\n"),
        Err(ProofFileError::Separator)
    );
    assert!(ProofFile::parse(&format!("{good}x")).is_err());
    assert!(ProofFile::parse(good.trim_end()).is_err());
    let long = format!("{hash}\n").repeat(64);
    assert_eq!(edit(&format!("{hash}\n"), &long), ProofFileError::Proof(ProofError::TooLong));
    let huge = format!("{good}{}", "x".repeat(1 << 21));
    assert_eq!(ProofFile::parse(&huge), Err(ProofFileError::TooLarge));
    let file = ProofFile::parse(&good).unwrap();
    assert_eq!(file.clone().with_extra(vec![]), Err(ProofFileError::Extra));
    assert_eq!(file.clone().with_extra(vec![0; MAX_EXTRA_LEN + 1]), Err(ProofFileError::Extra));
    let most = file.with_extra(vec![0; MAX_EXTRA_LEN]).unwrap();
    assert_eq!(ProofFile::parse(&most.to_string()), Ok(most));
}

#[test]
fn errors_read_well_and_name_their_source_once() {
    let checkpoint = CheckpointError::Note(NoteError::Untrusted);
    assert_eq!(checkpoint.to_string(), "the signed note around the checkpoint was refused");
    assert_eq!(checkpoint.source().unwrap().to_string(), "no signature of a trusted key");
    for (error, text) in [
        (CheckpointError::EmptyRoot, "the root of an empty tree is another one"),
        (CheckpointError::Extension, "a line after the root hash"),
        (CheckpointError::Key, "not a key of this origin"),
        (CheckpointError::Lines, "not three lines, each with its end"),
        (CheckpointError::Size, "the second line is not the size of a tree"),
    ] {
        assert_eq!(error.to_string(), text);
    }
    for (error, text) in [
        (ProofFileError::Checkpoint(checkpoint), "the checkpoint was refused"),
        (ProofFileError::Extra, "the extra data was refused"),
        (ProofFileError::Hash { line: 3 }, "line 3 is not a hash"),
        (ProofFileError::Header, "not a tlog-proof file of version 1"),
        (ProofFileError::Index, "no index, or not a decimal number"),
        (ProofFileError::Proof(ProofError::TooLong), "the proof does not hold"),
        (ProofFileError::Separator, "no checkpoint after the proof"),
        (ProofFileError::TooLarge, "too long for a proof file"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

proptest! {
    #[test]
    fn checkpoints_round_trip(size in 1..1_u64 << 63, root: [u8; 32], incarnation in 1..9_999_u64) {
        let origin: Origin = format!("{NAME}/acme/default/{incarnation}").parse().unwrap();
        let head = TreeHead::new(size, RootHash::from_bytes(root));
        let checkpoint = Checkpoint::new(origin, head);
        prop_assert_eq!(&Checkpoint::parse(&checkpoint.to_text()).unwrap(), &checkpoint);
        let signed = checkpoint.sign(&journal()).unwrap();
        let text = signed.to_string();
        let again = SignedCheckpoint::parse(&text).unwrap();
        prop_assert_eq!(again.verify(journal().verifier()).unwrap(), signed.checkpoint());
        prop_assert_eq!(again.to_string(), text);
    }

    #[test]
    fn proof_files_round_trip(
        index in 0..1_u64 << 63,
        hashes in prop::collection::vec(any::<[u8; 32]>(), 0..=63),
        extra in prop::option::of(prop::collection::vec(any::<u8>(), 1..200)),
    ) {
        let hashes = hashes.into_iter().map(NodeHash::from_bytes).collect();
        let mut file = ProofFile::new(index, InclusionProof::from_hashes(hashes).unwrap(), signed(3));
        if let Some(extra) = extra {
            file = file.with_extra(extra).unwrap();
        }
        prop_assert_eq!(ProofFile::parse(&file.to_string()).unwrap(), file);
    }

    #[test]
    fn any_edit_is_refused_or_read_as_it_is(at in 0..400_usize, byte in 0x20..0x7f_u8) {
        let good = ProofFile::new(2, proof(2, 3), signed(3)).to_string();
        let mut bytes = good.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) && let Ok(file) = ProofFile::parse(&text) {
            prop_assert_eq!(file.to_string(), &*text);
            let verified = file.verify(b"two", journal().verifier());
            prop_assert_eq!(verified.is_ok(), text == good);
        }
    }

    #[test]
    fn nothing_panics(text: String, near in "c2sp.org/tlog-proof@v1\n(extra [A-Za-z=]{0,8}\n)?(index [0-9]{0,20}\n)?([A-Za-z0-9+/]{43}=\n){0,3}\n?(.{0,20}\n){0,5}") {
        for text in [&text, &near] {
            let _ = ProofFile::parse(text);
            let _ = SignedCheckpoint::parse(text);
            let _ = Checkpoint::parse(text);
        }
    }
}
