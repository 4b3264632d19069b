//! Policy files: the example of the standard, each thing that is to be refused, and quorums against
//! a plain definition of them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests"
)]

use std::error::Error as _;

use audit_core::{
    Checkpoint, CosigningKey, KeyError, MAX_POLICY_ITEMS, MAX_POLICY_LEN, PolicyDefect,
    PolicyError, SignedCheckpoint, SigningKey, Timestamp, TreeHead, TrustPolicy, VerifierKey,
};
use proptest::prelude::*;

fn witness(n: u8) -> CosigningKey {
    CosigningKey::from_seed(&format!("w{n}.example"), &[n; 32]).unwrap()
}

fn journal() -> SigningKey {
    SigningKey::from_seed("audit.example.com", &[77; 32]).unwrap()
}

/// The file of C2SP tlog-policy, with keys where it elides them.
fn published() -> String {
    let w = |n| witness(n).verifier().to_string();
    let log = journal().verifier().renamed("audit.example.com/acme/default/1").unwrap();
    format!(
        "log {log}\n\
         \n\
         witness X1 {}\nwitness X2 {}\nwitness X3 {}\n\
         group X-witnesses 2 X1 X2 X3\n\
         \n\
         witness Y1 {}\nwitness Y2 {}\nwitness Y3 {}\n\
         group Y-witnesses any Y1 Y2 Y3\n\
         \n\
         group X-and-Y all X-witnesses Y-witnesses\n\
         quorum X-and-Y\n",
        w(1),
        w(2),
        w(3),
        w(4),
        w(5),
        w(6)
    )
}

fn cosigned(by: &[u8]) -> SignedCheckpoint {
    cosigned_from(&journal(), by)
}

fn cosigned_from(key: &SigningKey, by: &[u8]) -> SignedCheckpoint {
    let origin = "audit.example.com/acme/default/1".parse().unwrap();
    let mut signed = Checkpoint::new(origin, TreeHead::EMPTY).sign(key).unwrap();
    for n in by {
        let at = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        let cosignature = witness(*n).cosign(signed.note().text(), at).unwrap();
        signed.add_cosignature(witness(*n).verifier(), cosignature).unwrap();
    }
    signed
}

#[test]
fn the_published_policy_asks_for_two_of_three_and_one_of_three() {
    let policy = TrustPolicy::parse(published().as_bytes()).unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 6));
    assert_eq!(policy.quorum_in_words(), "2 of (2 of (X1, X2, X3), 1 of (Y1, Y2, Y3))");
    for by in [&[1, 2, 4][..], &[1, 3, 6], &[3, 2, 1, 6, 5, 4]] {
        assert!(policy.is_satisfied(cosigned(by).note()), "{by:?}");
    }
    for by in [&[][..], &[1, 2], &[1, 4], &[1, 1, 4], &[4, 5, 6], &[1, 2, 3]] {
        assert!(!policy.is_satisfied(cosigned(by).note()), "{by:?}");
    }
    // By another log's key, or with one signature that is false, it is not valid.
    let stranger = SigningKey::from_seed("audit.example.com", &[78; 32]).unwrap();
    assert!(!policy.is_satisfied(cosigned_from(&stranger, &[1, 2, 4]).note()));
    let false_line = cosigned(&[3]).to_string().lines().last().unwrap().to_owned();
    let mut note = cosigned(&[1, 2, 4]).note().clone();
    let moved = CosigningKey::from_seed("w3.example", &[3; 32]).unwrap();
    let other = moved.cosign("another\n", Timestamp::UNIX_EPOCH).unwrap();
    note.add(false_line.parse().unwrap()).unwrap();
    assert!(policy.is_satisfied(&note));
    note.add(other.into()).unwrap();
    assert!(!policy.is_satisfied(&note));
}

#[test]
fn without_logs_any_is_valid_and_a_journals_key_stands_for_its_chains() {
    let only = |log: &str| {
        let key = witness(1);
        let file = format!("{log}witness w {}\nquorum w\n", key.verifier());
        TrustPolicy::parse(file.as_bytes()).unwrap()
    };
    let stranger = SigningKey::from_seed("audit.example.com", &[78; 32]).unwrap();
    assert!(only("").is_satisfied(cosigned_from(&stranger, &[1]).note()));
    let whole = only(&format!("log {}\n", journal().verifier()));
    assert!(whole.is_satisfied(cosigned(&[1]).note()));
    assert!(!whole.is_satisfied(cosigned_from(&stranger, &[1]).note()));
    let other = journal().verifier().renamed("audit.example.com/acme/default/2").unwrap();
    assert!(!only(&format!("log {other}\n")).is_satisfied(cosigned(&[1]).note()));
    let none = TrustPolicy::parse(b"quorum none\n").unwrap();
    assert!(none.asks_for_nothing() && none.is_satisfied(cosigned(&[]).note()));
    let none = TrustPolicy::parse(format!("log {other}\nquorum none\n").as_bytes()).unwrap();
    assert!(!none.is_satisfied(cosigned(&[]).note()));
}

#[test]
fn spaces_comments_order_and_urls() {
    let [a, b] = [1, 2].map(|n| witness(n).verifier().to_string());
    let log = journal().verifier().to_string();
    let file = format!(
        "\t # a comment \u{e4}\n\n  witness\ta  {a} \t http://localhost:1/w\t\n\
         #witness a {a}\nwitness none-of-it {b}\n\tgroup g 1 none-of-it a\n\
         quorum a\nlog {log} x:y\ngroup late any g\n"
    );
    let policy = TrustPolicy::parse(file.as_bytes()).unwrap();
    assert_eq!(policy.witnesses()[0].url.as_deref(), Some("http://localhost:1/w"));
    assert_eq!(policy.witnesses()[1].name, "none-of-it");
    assert_eq!(policy.logs()[0].url.as_deref(), Some("x:y"));
    assert_eq!(policy.quorum_in_words(), "a");
    // Comments are octets.
    TrustPolicy::parse(b"# \xff\xfe\nquorum none\n").unwrap();
}

fn defect(file: &str) -> (usize, PolicyDefect) {
    match TrustPolicy::parse(file.as_bytes()) {
        Err(PolicyError::Line { line, defect }) => (line, defect),
        other => panic!("{file:?}: {other:?}"),
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn each_defect_is_told_with_its_line() {
    use PolicyDefect as D;
    let [a, b] = [1, 2].map(|n| witness(n).verifier().to_string());
    let log = journal().verifier().to_string();
    let renamed: VerifierKey = a.parse().unwrap();
    let renamed = renamed.renamed("another.example").unwrap();
    let two = format!("witness a {a}\nwitness b {b}\n");
    let table: Vec<(String, usize, D)> = vec![
        ("quorum none\r\n".into(), 1, D::Character),
        ("# \u{7f}\nquorum none\n".into(), 1, D::Character),
        ("# \u{0}\nquorum none\n".into(), 1, D::Character),
        ("\nqorum none\n".into(), 2, D::Keyword),
        ("quorum\n".into(), 1, D::Words),
        ("quorum a b\n".into(), 1, D::Words),
        ("quorum a\n".into(), 1, D::Undefined),
        ("quorum none\nquorum none\n".into(), 2, D::SecondQuorum),
        (format!("quorum a\nwitness a {a}\n"), 1, D::Undefined),
        (format!("witness none {a}\n"), 1, D::None),
        (format!("witness a {a}\nwitness a {b}\n"), 2, D::Redefined),
        (format!("witness a {a}\nwitness b {a}\n"), 2, D::DuplicateKey),
        (format!("witness a {a}\nwitness b {renamed}\n"), 2, D::DuplicateKey),
        (format!("witness a {log}\n"), 1, D::KeyKind),
        (format!("witness {a}\n"), 1, D::Words),
        (format!("witness a {a} url more\n"), 1, D::Words),
        ("witness a b\n".into(), 1, D::Key(KeyError::Malformed)),
        ("witness a w.example+00000000+BA==\n".into(), 1, D::Key(KeyError::Malformed)),
        // ML-DSA-44, which nothing here can check.
        ("witness a w.example+00000000+BgAA\n".into(), 1, D::Key(KeyError::Algorithm(6))),
        (format!("log {a}\n"), 1, D::KeyKind),
        (format!("log {log}\nlog {log}\n"), 2, D::DuplicateKey),
        ("log\n".into(), 1, D::Words),
        (format!("{two}group g all\n"), 3, D::Words),
        (format!("{two}group g 0 a b\n"), 3, D::Threshold),
        (format!("{two}group g 3 a b\n"), 3, D::Threshold),
        (format!("{two}group g 01 a b\n"), 3, D::Threshold),
        (format!("{two}group g +1 a b\n"), 3, D::Threshold),
        (format!("{two}group g ALL a b\n"), 3, D::Threshold),
        (format!("{two}group g 99999999999999999999999 a b\n"), 3, D::Threshold),
        (format!("{two}group g any a c\n"), 3, D::Undefined),
        (format!("{two}group g any a none\n"), 3, D::None),
        (format!("{two}group g any g\n"), 3, D::Undefined),
        (format!("{two}group a any b\n"), 3, D::Redefined),
        (format!("{two}group none any b\n"), 3, D::None),
        (format!("{two}group g 2 a a\n"), 3, D::Repeated),
        (format!("{two}group g any a\ngroup h any a b\n"), 4, D::Repeated),
    ];
    for (file, line, expected) in table {
        assert_eq!(defect(&file), (line, expected), "{file:?}");
    }
    let parse = |file: &[u8]| TrustPolicy::parse(file).unwrap_err();
    assert_eq!(parse(b"witness \xff x\n"), PolicyError::Line { line: 1, defect: D::NotUtf8 });
    assert_eq!(parse(b""), PolicyError::NoQuorum);
    assert_eq!(parse(b"\n"), PolicyError::NoQuorum);
    assert_eq!(parse(b"quorum none"), PolicyError::Unterminated);
    assert_eq!(parse(&vec![b'\n'; MAX_POLICY_LEN + 1]), PolicyError::TooLarge);
    let error = parse(b"\n\nquorum x\n");
    assert_eq!(error.to_string(), "line 3 was refused");
    assert_eq!(error.source().unwrap().to_string(), "a name that no earlier line defines");
}

#[test]
fn a_policy_is_bounded() {
    let mut file = String::new();
    for n in 0..=MAX_POLICY_ITEMS {
        let seed = [&n.to_be_bytes()[..], &[1; 24]].concat();
        let key = CosigningKey::from_seed("w", &seed.try_into().unwrap()).unwrap();
        file.push_str(&format!("witness w{n} {}\n", key.verifier()));
    }
    assert_eq!(defect(&file), (MAX_POLICY_ITEMS + 1, PolicyDefect::TooMany));
}

#[test]
fn at_least_some_of_these() {
    let keys = || (1..=3).map(|n| witness(n).verifier().clone());
    let policy = TrustPolicy::at_least(2, keys()).unwrap();
    assert_eq!(policy.quorum_in_words(), "2 of (w1, w2, w3)");
    assert!(!policy.is_satisfied(cosigned(&[3]).note()));
    assert!(policy.is_satisfied(cosigned(&[3, 1]).note()));
    let threshold = PolicyError::Line { line: 4, defect: PolicyDefect::Threshold };
    assert_eq!(TrustPolicy::at_least(0, keys()), Err(threshold.clone()));
    assert_eq!(TrustPolicy::at_least(4, keys()), Err(threshold));
    assert!(TrustPolicy::at_least(1, []).is_err());
}

/// A group of a random policy: its threshold, and which of what stands before it are its members.
#[derive(Clone, Debug)]
struct Plan {
    witnesses: usize,
    groups: Vec<(usize, Vec<usize>)>,
}

fn plans() -> impl Strategy<Value = Plan> {
    let groups =
        prop::collection::vec((any::<usize>(), prop::collection::vec(any::<usize>(), 1..6)), 0..5);
    (1..8_usize, groups).prop_map(|(witnesses, raw)| {
        let mut free: Vec<usize> = (0..witnesses).collect();
        let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
        for (threshold, picks) in raw {
            let mut members = Vec::new();
            for pick in picks {
                if !free.is_empty() {
                    members.push(free.remove(pick % free.len()));
                }
            }
            if !members.is_empty() {
                free.push(witnesses + groups.len());
                groups.push((1 + threshold % members.len(), members));
            }
        }
        Plan { witnesses, groups }
    })
}

impl Plan {
    fn name(&self, at: usize) -> String {
        if at < self.witnesses { format!("w{at}") } else { format!("g{}", at - self.witnesses) }
    }

    fn file(&self, quorum: usize) -> String {
        let mut file = String::new();
        for at in 0..self.witnesses {
            let n = u8::try_from(at + 1).unwrap();
            file.push_str(&format!("witness w{at} {}\n", witness(n).verifier()));
        }
        for (at, (threshold, members)) in self.groups.iter().enumerate() {
            let members: Vec<_> = members.iter().map(|m| self.name(*m)).collect();
            file.push_str(&format!("group g{at} {threshold} {}\n", members.join(" ")));
        }
        format!("{file}quorum {}\n", self.name(quorum))
    }

    fn holds(&self, at: usize, cosigned: &[bool]) -> bool {
        if at < self.witnesses {
            return cosigned[at];
        }
        let (threshold, members) = &self.groups[at - self.witnesses];
        members.iter().filter(|member| self.holds(**member, cosigned)).count() >= *threshold
    }
}

proptest! {
    #[test]
    fn quorums_are_what_they_say(plan in plans(), quorum in any::<usize>(), bits in any::<u8>()) {
        let quorum = quorum % (plan.witnesses + plan.groups.len());
        let file = plan.file(quorum);
        let policy = TrustPolicy::parse(file.as_bytes()).unwrap();
        let cosigned: Vec<bool> = (0..plan.witnesses).map(|at| bits >> at & 1 == 1).collect();
        let by = |key: &VerifierKey| policy.witnesses().iter().position(|w| w.key == *key).is_some_and(|at| cosigned[at]);
        prop_assert_eq!(policy.is_quorum(by), plan.holds(quorum, &cosigned));
        prop_assert_eq!(policy.to_string(), file);
    }

    #[test]
    fn no_octets_make_reading_panic(octets in prop::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut file = published().into_bytes();
        let at = cut.index(file.len());
        file[at] = with;
        for octets in [octets, file] {
            if let Ok(policy) = TrustPolicy::parse(&octets) {
                prop_assert_eq!(TrustPolicy::parse(policy.to_string().as_bytes()), Ok(policy));
            }
        }
    }
}
