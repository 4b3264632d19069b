//! What can be done to an auditor's bundle on its way, and that it is found.
//!
//! Everything in a bundle is the operator's word but the signatures. An attacker who wants the
//! manifest to fit can make it fit, so each change is tried twice: with the manifest as it was, and
//! with one that was written anew around the change.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use audit_core::{
    Actor, AuditorPolicy, BundleFile, BundlePath, Event, FindingCode, Manifest, Target, Verdict,
    VerificationReport,
};
use audit_store::{BundleOptions, VerifyOptions, verify_bundle};
use sha2::{Digest, Sha256};
use stress::Host;
use test_support::{TestDatabase, both_databases};

/// A bundle of 700 entries in a folder, every seventh with a disclosure, signed at 300 and 700.
struct Original {
    folder: tempfile::TempDir,
    key: String,
}

impl Original {
    async fn write<T: TestDatabase<Db: Host>>(db: &T) -> Self {
        let journal = support::journal::<T::Db>(&db.url()).await;
        let chain = support::chain();
        for (from, to) in [(1, 300), (300, 700)] {
            let events = (from..to).map(event).collect();
            journal.append_batch(&chain, events).await.unwrap();
            journal.checkpoint(&chain).await.unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let options = BundleOptions::new();
        journal.export_bundle(&chain, folder.path().join("bundle"), &options).await.unwrap();
        journal
            .export_bundle_zip(&chain, folder.path().join("bundle.zip"), &options)
            .await
            .unwrap();
        let key = journal.key().to_owned();
        journal.close().await;
        Self { folder, key }
    }

    fn bundle(&self) -> PathBuf {
        self.folder.path().join("bundle")
    }

    fn options(&self) -> VerifyOptions {
        VerifyOptions::new(AuditorPolicy::new([self.key.parse().unwrap()]))
    }

    fn audit(&self, path: &Path) -> VerificationReport {
        verify_bundle(path, &self.options()).unwrap()
    }

    /// A copy to tamper with.
    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir_in(self.folder.path()).unwrap();
        fs::create_dir(copy.path().join("checkpoints")).unwrap();
        for file in [
            "manifest.json",
            "entries.jsonl",
            "disclosures.jsonl",
            "keys.txt",
            "checkpoints/300",
            "checkpoints/700",
        ] {
            fs::copy(self.bundle().join(file), copy.path().join(file)).unwrap();
        }
        copy
    }
}

fn event(seq: u64) -> Event {
    let event = Event::builder("record.updated", Actor::user(format!("u-{}", seq % 17)))
        .target(Target::new("invoice", format!("inv-{}", seq % 41)));
    let event = if seq.is_multiple_of(7) {
        event.private(&format!("s-{}", seq % 5), "/context/ip", "192.0.2.44")
    } else {
        event
    };
    event.build().unwrap()
}

/// Writes a manifest that fits the files as they now are: counts, sizes and hashes.
fn make_fit(folder: &Path) {
    let path = folder.join("manifest.json");
    let mut manifest = Manifest::parse(&fs::read_to_string(&path).unwrap()).unwrap();
    let lines = |file: &str| {
        let bytes = fs::read(folder.join(file)).unwrap_or_default();
        bytes.iter().filter(|byte| **byte == b'\n').count() as u64
    };
    manifest.entries = lines("entries.jsonl");
    manifest.disclosures = lines("disclosures.jsonl");
    manifest.files.retain(|file, _| folder.join(file.to_string()).exists());
    for (file, listed) in &mut manifest.files {
        let bytes = fs::read(folder.join(file.to_string())).unwrap();
        *listed = BundleFile::new(bytes.len() as u64, Sha256::digest(&bytes).into());
    }
    let last = manifest.files.keys().filter_map(|file| match file {
        BundlePath::Checkpoint { size, .. } => Some(*size),
        _ => None,
    });
    manifest.checkpoint = last.max_by(u64::cmp).unwrap_or(0);
    fs::write(path, manifest.to_json().unwrap()).unwrap();
}

/// A change to one file's text.
type Change = fn(&str) -> String;

/// Exchanges two lines.
fn swapped(text: &str, a: usize, b: usize) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.swap(a, b);
    lines.concat()
}

/// Leaves out lines.
fn without(text: &str, gone: std::ops::Range<usize>) -> String {
    let lines = text.split_inclusive('\n').enumerate();
    lines.filter(|(i, _)| !gone.contains(i)).map(|(_, line)| line).collect()
}

/// Changes one line.
fn edited(text: &str, line: usize, from: &str, to: &str) -> String {
    let lines = text.split_inclusive('\n').enumerate();
    lines
        .map(|(i, text)| if i == line { text.replacen(from, to, 1) } else { text.to_owned() })
        .collect()
}

/// The change, the file, and what is found even where the manifest was made to fit.
const CHANGES: &[(&str, &str, Change, FindingCode)] = &[
    (
        "a letter of an entry",
        "entries.jsonl",
        |t| edited(t, 41, "record.", "recorf."),
        FindingCode::Altered,
    ),
    (
        "a letter of the first entry",
        "entries.jsonl",
        |t| edited(t, 0, "audit.stress", "audit.strezz"),
        FindingCode::Altered,
    ),
    (
        "a letter of the last entry",
        "entries.jsonl",
        |t| edited(t, 699, "record.", "recorf."),
        FindingCode::Altered,
    ),
    ("an entry left out", "entries.jsonl", |t| without(t, 41..42), FindingCode::Truncated),
    ("the first entries left out", "entries.jsonl", |t| without(t, 0..100), FindingCode::Truncated),
    (
        "the last entries left out",
        "entries.jsonl",
        |t| without(t, 650..700),
        FindingCode::Truncated,
    ),
    ("all entries left out", "entries.jsonl", |_| String::new(), FindingCode::Truncated),
    (
        "an entry called pruned",
        "entries.jsonl",
        |t| {
            let line = t.split_inclusive('\n').nth(41).unwrap();
            let leaf = audit_core::LeafHash::of(line.trim_end().as_bytes());
            t.replacen(
                line,
                &format!("{{\"absent\":\"pruned\",\"leaf\":\"{leaf}\",\"seq\":41}}\n"),
                1,
            )
        },
        FindingCode::Missing,
    ),
    (
        "an entry withheld without a filter",
        "entries.jsonl",
        |t| {
            let line = t.split_inclusive('\n').nth(41).unwrap();
            let leaf = audit_core::LeafHash::of(line.trim_end().as_bytes());
            t.replacen(
                line,
                &format!("{{\"absent\":\"withheld\",\"leaf\":\"{leaf}\",\"seq\":41}}\n"),
                1,
            )
        },
        FindingCode::Missing,
    ),
    ("two entries swapped", "entries.jsonl", |t| swapped(t, 41, 42), FindingCode::Reordered),
    (
        "an entry twice",
        "entries.jsonl",
        |t| {
            let line = t.split_inclusive('\n').nth(41).unwrap();
            t.replacen(line, &format!("{line}{line}"), 1)
        },
        FindingCode::Reordered,
    ),
    ("an empty line", "entries.jsonl", |t| edited(t, 41, "{", "\n{"), FindingCode::Malformed),
    (
        "white space in an entry",
        "entries.jsonl",
        |t| edited(t, 41, ",\"v\"", ", \"v\""),
        FindingCode::Malformed,
    ),
    (
        "a disclosure's value",
        "disclosures.jsonl",
        |t| edited(t, 5, "\"disclosure\":\"W", "\"disclosure\":\"X"),
        FindingCode::Disclosure,
    ),
    (
        "a disclosure of another entry",
        "disclosures.jsonl",
        |t| edited(t, 5, "\"seq\":42", "\"seq\":41"),
        FindingCode::Disclosure,
    ),
    (
        "a disclosure of another person",
        "disclosures.jsonl",
        |t| edited(t, 5, "\"subject\":\"", "\"subject\":\"0").replacen("0\"}\n", "\"}\n", 1),
        FindingCode::Malformed,
    ),
    (
        "a disclosure left out",
        "disclosures.jsonl",
        |t| without(t, 5..6),
        FindingCode::ErasedWithoutRecord,
    ),
    (
        "a disclosure twice",
        "disclosures.jsonl",
        |t| {
            let line = t.split_inclusive('\n').nth(5).unwrap();
            t.replacen(line, &format!("{line}{line}"), 1)
        },
        FindingCode::Disclosure,
    ),
    (
        "a disclosure withheld without a filter",
        "disclosures.jsonl",
        |t| {
            let line = t.split_inclusive('\n').nth(5).unwrap();
            let value = line.split('"').nth(3).unwrap();
            let digest = audit_core::Digest::of(value);
            let (_, rest) = line.split_once(",\"seq\"").unwrap();
            let rest = rest.trim_end().trim_end_matches('}');
            t.replacen(
                line,
                &format!("{{\"digest\":\"{digest}\",\"seq\"{rest},\"withheld\":\"x\"}}\n"),
                1,
            )
        },
        FindingCode::ErasedWithoutRecord,
    ),
    (
        "disclosures in another order",
        "disclosures.jsonl",
        |t| swapped(t, 4, 5),
        FindingCode::Malformed,
    ),
    (
        "a checkpoint's size",
        "checkpoints/300",
        |t| t.replacen("\n300\n", "\n301\n", 1),
        FindingCode::Checkpoint,
    ),
    (
        "a checkpoint's root",
        "checkpoints/300",
        |t| {
            let root = t.lines().nth(2).unwrap();
            t.replacen(root, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1)
        },
        FindingCode::Checkpoint,
    ),
    (
        "a checkpoint's origin",
        "checkpoints/300",
        |t| t.replace("/default/1", "/default/2"),
        FindingCode::Checkpoint,
    ),
    (
        "a checkpoint that is none",
        "checkpoints/300",
        |_| "nothing\n".into(),
        FindingCode::Checkpoint,
    ),
    ("a key that is none", "keys.txt", |_| "nothing\n".into(), FindingCode::Malformed),
];

async fn each_change_to_a_bundle_is_found<T: TestDatabase<Db: Host>>(db: T) {
    let original = Original::write(&db).await;
    for path in [original.bundle(), original.folder.path().join("bundle.zip")] {
        let report = original.audit(&path);
        assert!(report.is_intact(), "{}: {report}", path.display());
        assert_eq!(report.counts.entries, 700);
    }
    let fitting = original.copy();
    make_fit(fitting.path());
    assert!(original.audit(fitting.path()).is_intact());

    let mut wrong = Vec::new();
    for (name, file, change, code) in CHANGES {
        let copy = original.copy();
        let path = copy.path().join(file);
        let before = fs::read_to_string(&path).unwrap();
        let after = change(&before);
        assert_ne!(before, after, "{name}: nothing was changed");
        fs::write(&path, after).unwrap();
        let report = original.audit(copy.path());
        if !report.findings().any(|finding| finding.code == FindingCode::Malformed) {
            wrong.push(format!("{name}: the manifest tells, but nothing was said: {report}"));
        }
        make_fit(copy.path());
        let report = original.audit(copy.path());
        if !report.findings().any(|finding| finding.code == *code) {
            wrong.push(format!("{name}: no {code} with a manifest that fits: {report}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CHANGES.len(), wrong.join("\n"));
}

async fn a_byte_changed_anywhere_is_found<T: TestDatabase<Db: Host>>(db: T) {
    let original = Original::write(&db).await;
    for file in [
        "manifest.json",
        "entries.jsonl",
        "disclosures.jsonl",
        "keys.txt",
        "checkpoints/300",
        "checkpoints/700",
    ] {
        let bytes = fs::read(original.bundle().join(file)).unwrap();
        // A prime step visits every kind of place without visiting all.
        for place in (0..bytes.len()).step_by(bytes.len() / 24 + 1) {
            let copy = original.copy();
            let mut changed = bytes.clone();
            changed[place] ^= 0x01;
            fs::write(copy.path().join(file), changed).unwrap();
            // A manifest that cannot be read is refused before there is a report.
            let found = match verify_bundle(copy.path(), &original.options()) {
                Ok(report) => report.verdict == Verdict::Findings,
                Err(_) => file == "manifest.json",
            };
            assert!(found, "{file} at {place}");
        }
    }
}

async fn files_that_are_missing_or_too_many_are_found<T: TestDatabase<Db: Host>>(db: T) {
    let original = Original::write(&db).await;
    for file in
        ["entries.jsonl", "disclosures.jsonl", "keys.txt", "checkpoints/300", "checkpoints/700"]
    {
        let copy = original.copy();
        fs::remove_file(copy.path().join(file)).unwrap();
        let report = original.audit(copy.path());
        assert!(report.findings().any(|f| f.code == FindingCode::Malformed), "{file}: {report}");
    }
    let copy = original.copy();
    fs::write(copy.path().join("notes.txt"), "").unwrap();
    let report = original.audit(copy.path());
    assert!(report.findings().any(|f| f.code == FindingCode::Malformed), "{report}");

    // Without any checkpoint, and a manifest that says so, nothing is signed.
    let copy = original.copy();
    for size in ["300", "700"] {
        fs::remove_file(copy.path().join("checkpoints").join(size)).unwrap();
    }
    make_fit(copy.path());
    let report = original.audit(copy.path());
    assert_eq!((report.verdict, report.information.unsigned), (Verdict::Unproven, 700), "{report}");
    assert!(verify_bundle(copy.path().join("nowhere"), &original.options()).is_err());
}

both_databases!(
    a_byte_changed_anywhere_is_found,
    each_change_to_a_bundle_is_found,
    files_that_are_missing_or_too_many_are_found,
);
