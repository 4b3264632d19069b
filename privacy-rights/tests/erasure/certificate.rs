//! Certificates: their form, their signature, their entry.

use std::collections::BTreeMap;

use audit_core::{
    Actor, ChainId, Checkpoint, CompactRange, Event, InclusionRequest, JournalName, LeafHash,
    Origin, Outcome, ProofFile, Reserved, SigningKey, Target, entry,
};
use privacy_rights::{
    BackupRegistry, BackupSet, BackupsCertificate, CERTIFIED, Certificate, CertificateError,
    ErasedCount, ErasureCertificate, KeptCount, LeftCount, NoticeOutcome, RecipientNotice,
    SignedCertificate, Until,
};
use uuid::Uuid;

use crate::at;

const JOURNAL: &str = "audit.example.com";

fn key() -> SigningKey {
    SigningKey::from_seed(JOURNAL, &[7; 32]).unwrap()
}

fn names() -> (JournalName, ChainId) {
    (JournalName::new(JOURNAL).unwrap(), ChainId::new("acme", "rights").unwrap())
}

fn part_one() -> ErasureCertificate {
    let times = (at("2026-06-11"), at("2026-06-12"));
    let what = ("gdpr-17-1-b", "ab".repeat(32));
    let mut part = ErasureCertificate::new(names(), Uuid::from_u128(5), what, times);
    let strategies = BTreeMap::from([("anonymised".to_owned(), 1), ("masked".to_owned(), 2)]);
    part.erased = vec![ErasedCount::new("customers", 1, strategies)];
    let until = Until::Date("2031-05-01".parse().unwrap());
    part.kept = vec![KeptCount::new("invoices", "Belgian VAT Code Art. 60", until, 2)];
    part.left = LeftCount::new(2, 2);
    part.deferred = 2;
    part.journal_entries = 3;
    part.keys_destroyed = true;
    part.recipients = vec![RecipientNotice::new("accountant", NoticeOutcome::Told)];
    part
}

/// A chain of two entries, the second of which records the certificate.
struct Recorded {
    origin: Origin,
    entry: String,
    first: LeafHash,
    action: &'static str,
}

impl Recorded {
    fn of(certificate: &Certificate) -> Self {
        Self::as_what(certificate, CERTIFIED, &certificate.digest(), certificate.request())
    }

    fn as_what(
        certificate: &Certificate,
        action: &'static str,
        digest: &str,
        request: Uuid,
    ) -> Self {
        let (journal, chain) = names();
        let opened = Reserved::Opened { key: key().verifier().to_string(), name: journal.clone() };
        let opened = opened.event(Actor::system("journal")).unwrap();
        let opened = opened.canonicalize(|_| None).unwrap();
        let mut text = String::new();
        let when = at("2026-06-12");
        let zero = LeafHash::ZERO;
        let first = entry::seal(&mut text, 0, &chain, when, None, &zero, opened.as_str()).unwrap();
        let event = Event::builder(action, Actor::system("privacy-rights"))
            .outcome(Outcome::Success)
            .target(Target::new("rights_request", request.to_string()))
            .meta("certificate", digest)
            .build()
            .unwrap();
        let event = event.canonicalize(|_| None).unwrap();
        let mut entry = String::new();
        entry::seal(&mut entry, 1, &chain, when, Some(0), &first, event.as_str()).unwrap();
        let origin = Origin::new(journal, certificate.chain().clone(), 1).unwrap();
        Self { origin, entry, first, action }
    }

    fn proof(&self, key: &SigningKey) -> ProofFile {
        let mut tree = CompactRange::default();
        tree.push(self.first);
        tree.push(LeafHash::of(self.entry.as_bytes()));
        let checkpoint = Checkpoint::new(self.origin.clone(), tree.head()).sign(key).unwrap();
        let proof = InclusionRequest::new(1, 2).unwrap().assemble(&[self.first.into()]).unwrap();
        let file = ProofFile::new(1, proof, checkpoint);
        file.with_extra(self.entry.clone().into_bytes()).unwrap()
    }
}

fn signed(certificate: &Certificate) -> SignedCertificate {
    let note = SignedCertificate::sign(certificate, &key()).unwrap();
    SignedCertificate::new(note, Recorded::of(certificate).proof(&key())).unwrap()
}

fn verify(file: &str) -> Result<(), CertificateError> {
    let signed = SignedCertificate::parse(file)?;
    signed.verify(&[key().verifier().clone()]).map(drop)
}

#[test]
fn the_text_is_what_a_reader_would_write() {
    let text = Certificate::Erasure(part_one()).to_string();
    assert_eq!(
        text,
        format!(
            concat!(
                r#"{{"chain":"acme/rights","completed_at":"2026-06-12T10:00:00.000000Z","#,
                r#""deferred":2,"document":"privacy-rights/erasure-certificate/1","#,
                r#""erased":[{{"records":1,"source":"customers","#,
                r#""strategies":{{"anonymised":1,"masked":2}}}}],"ground":"gdpr-17-1-b","#,
                r#""intended_at":"2026-06-11T10:00:00.000000Z","journal":"audit.example.com","#,
                r#""journal_entries":3,"kept":[{{"ground":"Belgian VAT Code Art. 60","#,
                r#""records":2,"source":"invoices","until":{{"date":"2031-05-01"}}}}],"#,
                r#""keys_destroyed":true,"left":{{"explained":2,"records":2}},"plan":"{}","#,
                r#""recipients":[{{"outcome":"told","recipient":"accountant"}}],"#,
                r#""request":"00000000-0000-0000-0000-000000000005"}}"#
            ),
            "ab".repeat(32)
        )
    );
    // The members stand in the order that RFC 8785 demands, on every level.
    let sorted: serde_json::Value = serde_json::from_str(&text).unwrap();
    let event = Event::builder("x.y", Actor::system("x")).meta("c", &sorted).build().unwrap();
    assert!(event.canonicalize(|_| None).unwrap().as_str().contains(&text));
    assert_eq!(Certificate::parse(&text).unwrap(), Certificate::Erasure(part_one()));
}

#[test]
fn whoever_has_the_public_key_can_check_it() {
    let file = signed(&Certificate::Erasure(part_one())).to_string();
    verify(&file).unwrap();
    assert_eq!(SignedCertificate::parse(&file).unwrap().to_string(), file);
}

#[test]
fn no_figure_can_be_changed() {
    let file = signed(&Certificate::Erasure(part_one())).to_string();
    for (old, new) in [
        (r#""records":1"#, r#""records":2"#),
        (r#""deferred":2"#, r#""deferred":0"#),
        ("2031-05-01", "2030-05-01"),
        (r#""masked":2"#, r#""masked":3"#),
        ("000000000005", "000000000006"),
        ("gdpr-17-1-b", "gdpr-17-1-a"),
    ] {
        let changed = file.replacen(old, new, 1);
        assert_ne!(changed, file);
        let error = verify(&changed).unwrap_err();
        assert!(matches!(error, CertificateError::Note(_)), "{old}: {error:?}");
        assert!(!error.is_untrusted(), "it is wrong, and not by a stranger");
    }
}

#[test]
fn a_signature_alone_is_not_enough() {
    // The operator signs other figures later: the journal has recorded the first ones.
    let first = Certificate::Erasure(part_one());
    let mut other = part_one();
    other.erased[0].records = 9;
    let other = Certificate::Erasure(other);
    let proof = || Recorded::of(&first).proof(&key());
    let note = SignedCertificate::sign(&other, &key()).unwrap();
    let error = SignedCertificate::new(note, proof()).unwrap();
    let error = error.verify(&[key().verifier().clone()]).unwrap_err();
    assert_eq!(error, CertificateError::Entry { what: "the digest" });

    let note = SignedCertificate::sign(&first, &key()).unwrap();
    let with = |proof| {
        let signed = SignedCertificate::new(note.clone(), proof).unwrap();
        signed.verify(&[key().verifier().clone()]).unwrap_err()
    };
    let digest = first.digest();
    let what = |action, digest: &str, request| {
        let recorded = Recorded::as_what(&first, action, digest, request);
        assert_eq!(recorded.action, action);
        with(recorded.proof(&key()))
    };
    let request = first.request();
    let entry = |what| CertificateError::Entry { what };
    assert_eq!(what("rights.executed", &digest, request), entry("what happened"));
    assert_eq!(what(CERTIFIED, &digest, Uuid::nil()), entry("the request"));
    assert_eq!(what(CERTIFIED, &"0".repeat(64), request), entry("the digest"));
    let bare = ProofFile::new(1, proof().proof().clone(), proof().checkpoint().clone());
    assert_eq!(with(bare), entry("its text"));
    let mut elsewhere = Recorded::of(&first);
    elsewhere.origin = Origin::new(names().0, ChainId::new("acme", "x").unwrap(), 1).unwrap();
    assert_eq!(with(elsewhere.proof(&key())), entry("the chain"));
    // The tree is another one.
    let mut altered = Recorded::of(&first);
    let honest = altered.proof(&key());
    altered.entry = altered.entry.replace("success", "failure");
    let forged = ProofFile::new(1, honest.proof().clone(), honest.checkpoint().clone());
    let forged = forged.with_extra(altered.entry.into_bytes()).unwrap();
    assert!(matches!(with(forged), CertificateError::Proof(_)));
}

#[test]
fn other_keys_prove_nothing() {
    let signed = signed(&Certificate::Erasure(part_one()));
    let other = SigningKey::from_seed(JOURNAL, &[8; 32]).unwrap();
    let elsewhere = SigningKey::from_seed("audit.example.org", &[7; 32]).unwrap();
    for key in [&other, &elsewhere] {
        let error = signed.verify(&[key.verifier().clone()]).unwrap_err();
        assert!(error.is_untrusted(), "{error:?}");
    }
    // After a change of keys the certificate may be under the old one, its checkpoint under the new.
    let certificate = Certificate::Erasure(part_one());
    let note = SignedCertificate::sign(&certificate, &key()).unwrap();
    let proof = Recorded::of(&certificate).proof(&other);
    let signed = SignedCertificate::new(note, proof).unwrap();
    let both = [key().verifier().clone(), other.verifier().clone()];
    signed.verify(&both).unwrap();
    assert!(signed.verify(&both[..1]).unwrap_err().is_untrusted());
    // The key of checkpoints does not sign documents under its own name.
    let mut note = audit_core::Note::new(format!("{certificate}\n")).unwrap();
    let signature = key().sign(note.text());
    note.add(signature).unwrap();
    let proof = Recorded::of(&certificate).proof(&key());
    let signed = SignedCertificate::new(note, proof).unwrap();
    assert!(signed.verify(&[key().verifier().clone()]).unwrap_err().is_untrusted());
}

#[test]
fn only_one_form_is_read() {
    let text = Certificate::Erasure(part_one()).to_string();
    for (old, new) in [
        (r#"{"chain""#, r#"{ "chain""#),
        (r#""deferred":2,"#, ""),
        (r#""deferred":2,"#, r#""deferred":2,"deferred":2,"#),
        (r#""deferred":2,"#, r#""deferred":2,"name":"Ann","#),
        (r#""deferred":2"#, r#""deferred":2.0"#),
        (r#""deferred":2"#, r#""deferred":9007199254740992"#),
        (r#""explained":2"#, r#""explained":3"#),
        ("erasure-certificate/1", "erasure-certificate/2"),
        ("2026-06-11T10", "2026-06-13T10"),
        ("abab", "ABAB"),
        ("customers", " "),
        (r#""source":"customers""#, r#""source":"a\u0000b""#),
        ("acme/rights", "acme"),
    ] {
        let changed = text.replacen(old, new, 1);
        assert_ne!(changed, text, "{old}");
        let refused = Certificate::parse(&changed);
        assert!(matches!(refused, Err(CertificateError::Form { .. })), "{new}: {refused:?}");
    }
    let mut twice = part_one();
    twice.erased.push(twice.erased[0].clone());
    assert!(Certificate::Erasure(twice).check().is_err());
    for file in ["", "x\n", "\n\nc2sp.org/tlog-proof@v1\n", "{}\n\n\u{2014} a b\n"] {
        assert!(SignedCertificate::parse(file).is_err(), "{file:?}");
    }
}

#[test]
fn part_two_waits_for_the_last_backup() {
    let one = part_one();
    let mut backups = BackupRegistry::default();
    backups.add(BackupSet::rolling("b1", at("2026-06-01"))).unwrap();
    backups.add(BackupSet::rolling("b2", at("2026-06-12T09:00"))).unwrap();
    backups.add(BackupSet::rolling("b3", at("2026-06-13"))).unwrap();
    backups.attest_gone("b1", at("2026-07-01")).unwrap();
    assert_eq!(BackupsCertificate::of(&one, &backups), None);
    backups.attest_gone("b2", at("2026-07-12")).unwrap();
    let two = BackupsCertificate::of(&one, &backups).unwrap();
    assert_eq!(two.clear_since, at("2026-07-12"));
    assert_eq!(two.sets.iter().map(|set| set.id.as_str()).collect::<Vec<_>>(), ["b1", "b2"]);

    let (one, two) = (signed(&Certificate::Erasure(one)), signed(&Certificate::Backups(two)));
    verify(&two.to_string()).unwrap();
    two.follows(&one).unwrap();
    assert_eq!(one.follows(&two), Err(CertificateError::OtherPart));
    let mut other = part_one();
    other.deferred = 0;
    let other = signed(&Certificate::Erasure(other));
    assert_eq!(two.follows(&other), Err(CertificateError::OtherPart));
    let changed = two.to_string().replacen("2026-07-12", "2026-07-11", 1);
    assert!(verify(&changed).is_err());
}

#[test]
fn a_signature_of_a_key_service_is_taken_and_checked() {
    let certificate = Certificate::Erasure(part_one());
    let documents = key().renamed(&format!("{JOURNAL}/documents")).unwrap();
    let raw = key().sign(&SignedCertificate::text(&certificate));
    let raw: [u8; 64] = raw.signature().try_into().unwrap();
    let note = SignedCertificate::signed_elsewhere(&certificate, key().verifier(), &raw).unwrap();
    note.verify(&[documents.verifier().clone()]).unwrap();
    let wrong = SignedCertificate::signed_elsewhere(&certificate, key().verifier(), &[1; 64]);
    assert!(matches!(wrong, Err(CertificateError::Note(_))));
}
