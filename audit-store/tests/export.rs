//! Taking a chain out of the database, on both of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    dead_code,
    reason = "a test fails by panicking"
)]

#[path = "support/place.rs"]
mod place;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use audit_core::siem::Producer;
use audit_core::{
    Actor, AuditorPolicy, BundlePath, Context, DisclosureLine, Entry, EntryLine, Event,
    LineAbsence, LineContent, SubjectRef, Target,
};
use audit_store::{
    Backend, Bundle, BundleOptions, ExportError, ExportFormat, Journal, JournalOptions,
    VerifyOptions, Withholding, verify_bundle,
};
use futures_util::TryStreamExt as _;
use place::{Place, chain, event, key, options, private_event};
use uuid::Uuid;

fn quiet() -> JournalOptions {
    options().checkpoint_after(u64::MAX, Duration::MAX)
}

fn producer() -> Producer {
    Producer::new("audit.example.com".parse().unwrap(), "Example", "Shop")
}

/// A chain of `count` entries, every tenth with private fields of one of three people.
async fn filled<T: Place>(db: &T, count: usize) -> Journal<T::Db> {
    let journal = db.create(&quiet()).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    let events = (1..count).map(|n| match n % 10 {
        3 => private_event(Uuid::now_v7(), &format!("person-{}", n % 3), "192.0.2.1"),
        _ => event(&n.to_string()),
    });
    journal.append_batch(&acme, events.collect()).await.unwrap();
    journal
}

async fn text<DB: Backend>(journal: &Journal<DB>, format: ExportFormat) -> String {
    let mut out = Vec::new();
    let export = journal.export(&chain("acme/default"), .., format).await.unwrap();
    let summary = export.write_to(&mut out).await.unwrap();
    assert_eq!(summary.bytes, out.len() as u64);
    String::from_utf8(out).unwrap()
}

async fn lines_are_the_exact_bytes_of_one_moment<T: Place>(db: T) {
    let journal = filled(&db, 700).await;
    let acme = chain("acme/default");
    let export = journal.export(&acme, .., ExportFormat::JsonLines).await.unwrap();
    // What comes later is not part of it.
    journal.append(&acme, event("later")).await.unwrap();
    let chunks: Vec<Vec<u8>> = export.into_stream().try_collect().await.unwrap();
    assert!(chunks.len() > 1 && chunks.iter().all(|chunk| chunk.ends_with(b"\n")));
    let lines = String::from_utf8(chunks.concat()).unwrap();
    let mut prev = None;
    for (n, line) in lines.lines().enumerate() {
        let entry = Entry::parse(line).unwrap();
        assert_eq!(entry.seq(), n as u64);
        assert!(prev.is_none_or(|prev| prev == entry.prev()));
        prev = Some(entry.leaf());
    }
    assert_eq!(lines.lines().count(), 700);
    assert_eq!(text(&journal, ExportFormat::JsonLines).await.lines().count(), 701);

    let mut some = Vec::new();
    let export = journal.export(&acme, 690..=695, ExportFormat::JsonLines).await.unwrap();
    assert_eq!(export.write_to(&mut some).await.unwrap().entries, 6);
    let expected: Vec<_> = lines.lines().skip(690).take(6).collect();
    assert_eq!(String::from_utf8(some).unwrap().lines().collect::<Vec<_>>(), expected);
    let unknown = journal.export(&chain("acme/other"), .., ExportFormat::JsonLines).await;
    assert!(matches!(unknown, Err(ExportError::UnknownChain { .. })));
    journal.close().await;
}

async fn a_spreadsheet_runs_nothing<T: Place>(db: T) {
    let journal = db.create(&quiet()).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    let formula = "=HYPERLINK(\"http://evil.example\",\"x\")";
    let nasty = Event::builder("record.updated", Actor::user("@SUM(1)"))
        .target(Target::new("record", "-2+3"))
        .context(Context::new().request_id(formula))
        .meta("note", "line\nbreak, \"quote\"")
        .build()
        .unwrap();
    journal.append(&acme, nasty).await.unwrap();
    let csv = text(&journal, ExportFormat::Csv).await;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), audit_store::CSV_COLUMNS);
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    let columns: BTreeMap<_, _> =
        audit_store::CSV_COLUMNS.into_iter().zip(rows[1].iter()).collect();
    assert_eq!(columns["seq"], "1");
    assert_eq!(columns["action"], "record.updated");
    assert_eq!(columns["actor_id"], "'@SUM(1)");
    assert_eq!(columns["request_id"], format!("'{formula}"));
    assert_eq!(columns["targets"], r#"[{"id":"-2+3","type":"record"}]"#);
    assert_eq!(columns["meta"], r#"{"note":"line\nbreak, \"quote\""}"#);
    for row in &rows {
        for cell in row {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
    }
    assert!(csv.ends_with("\r\n"));
    journal.close().await;
}

async fn security_tools_get_a_line_for_each_entry<T: Place>(db: T) {
    let journal = filled(&db, 300).await;
    for (format, member) in [
        (ExportFormat::CloudEvents(producer()), "specversion"),
        (ExportFormat::Ecs(producer()), "@timestamp"),
        (ExportFormat::Ocsf(producer()), "class_uid"),
    ] {
        let lines = text(&journal, format).await;
        assert_eq!(lines.lines().count(), 300);
        for line in lines.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(value.get(member).is_some(), "{line}");
        }
        assert!(!lines.contains("192.0.2.1"), "private fields stay private");
    }
    journal.close().await;
}

/// All files of a bundle by name.
fn contents(bundle: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in [bundle.to_owned(), bundle.join("checkpoints")] {
        for item in std::fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            if path.is_file() {
                let name = path.strip_prefix(bundle).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    files
}

fn unpacked(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(archive).unwrap()).unwrap();
    (0..zip.len())
        .map(|n| {
            let mut file = zip.by_index(n).unwrap();
            let mut bytes = Vec::new();
            std::io::copy(&mut file, &mut bytes).unwrap();
            (file.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

fn verify_options() -> VerifyOptions {
    VerifyOptions::new(AuditorPolicy::new([key().verifier().clone()]))
}

async fn directory_and_archive_hold_the_same_and_are_intact<T: Place>(db: T) {
    let journal = filled(&db, 900).await;
    let acme = chain("acme/default");
    journal.checkpoint(&acme).await.unwrap();
    journal.append(&acme, event("more")).await.unwrap();
    journal.checkpoint(&acme).await.unwrap();
    journal.append(&acme, event("unsigned")).await.unwrap();

    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let manifest = journal.export_bundle(&acme, at("b"), &BundleOptions::new()).await.unwrap();
    assert_eq!((manifest.entries, manifest.checkpoint, manifest.withheld), (902, 901, 0));
    assert_eq!(manifest.disclosures, 180);
    assert_eq!(manifest.filter, None);
    let files = contents(&at("b"));
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "checkpoints/900",
            "checkpoints/901",
            "disclosures.jsonl",
            "entries.jsonl",
            "keys.txt",
            "manifest.json"
        ]
    );
    assert_eq!(
        files["entries.jsonl"],
        text(&journal, ExportFormat::JsonLines).await.into_bytes(),
        "every entry's exact bytes"
    );
    assert_eq!(files["keys.txt"], format!("{}\n", key().verifier()).into_bytes());
    assert_eq!(files["manifest.json"], manifest.to_json().unwrap().into_bytes());

    let packed = BundleOptions::new();
    journal.export_bundle_zip(&acme, at("b.zip"), &packed).await.unwrap();
    journal.export_bundle_zip(&acme, at("again.zip"), &packed).await.unwrap();
    let stored = BundleOptions::new().uncompressed();
    journal.export_bundle_zip(&acme, at("stored.zip"), &stored).await.unwrap();
    assert_eq!(unpacked(&at("b.zip")), files);
    assert_eq!(unpacked(&at("stored.zip")), files);
    let bytes = |name: &str| std::fs::read(at(name)).unwrap();
    assert_eq!(bytes("b.zip"), bytes("again.zip"), "the same bytes each time");
    assert!(bytes("b.zip").len() * 2 < bytes("stored.zip").len());

    for name in ["b", "b.zip", "stored.zip"] {
        let report = verify_bundle(at(name), &verify_options()).unwrap();
        let findings: Vec<_> = report.findings().collect();
        assert!(findings.is_empty(), "{name}: {findings:#?}");
        let mut lines = 0;
        let bundle = Bundle::open(at(name)).unwrap();
        let mut file = bundle.lines(&BundlePath::Disclosures).unwrap();
        let mut reader = file.lines().unwrap();
        let mut before = None;
        while let Some(block) = reader.next_block().unwrap() {
            for line in block.lines() {
                let line = DisclosureLine::parse(line).unwrap();
                let order = (line.seq, line.subject, line.content.digest());
                assert!(before.is_none_or(|before| before < order), "sorted");
                before = Some(order);
                lines += 1;
            }
        }
        assert_eq!(lines, manifest.disclosures);
    }
    // Nothing is overwritten, and nothing unfinished lies about.
    for place in [at("b"), at("b.zip")] {
        let again = journal.export_bundle(&acme, &place, &packed).await;
        assert!(matches!(again, Err(ExportError::AlreadyExists { .. })), "{again:?}");
        let again = journal.export_bundle_zip(&acme, &place, &packed).await;
        assert!(matches!(again, Err(ExportError::AlreadyExists { .. })), "{again:?}");
    }
    let missing = journal.export_bundle(&acme, at("no/such/place"), &packed).await;
    assert!(matches!(missing, Err(ExportError::Io(_))), "{missing:?}");
    let mut left: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|item| item.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["again.zip", "b", "b.zip", "stored.zip"]);
    journal.close().await;
}

async fn an_export_that_is_dropped_leaves_nothing<T: Place>(db: T) {
    let journal = filled(&db, 3_000).await;
    let dir = tempfile::tempdir().unwrap();
    let acme = chain("acme/default");
    for polls in 0..40_u32 {
        let options = BundleOptions::new();
        let place = dir.path().join(polls.to_string());
        let export = journal.export_bundle(&acme, &place, &options);
        tokio::pin!(export);
        let mut left = polls;
        let done = std::future::poll_fn(|cx| {
            if let std::task::Poll::Ready(done) = export.as_mut().poll(cx) {
                return std::task::Poll::Ready(Some(done));
            }
            if left == 0 {
                return std::task::Poll::Ready(None);
            }
            left -= 1;
            std::task::Poll::Pending
        })
        .await;
        if let Some(done) = done {
            done.unwrap();
        }
    }
    journal.close().await;
    // File work that was under way when its export was dropped goes on to its own end.
    let unfinished = || {
        let names = std::fs::read_dir(dir.path()).unwrap().map(|item| item.unwrap().file_name());
        names.into_iter().any(|name| name.to_str().unwrap().ends_with(".unfinished"))
    };
    while unfinished() {
        tokio::task::yield_now().await;
    }
    // What has got its name is whole.
    for item in std::fs::read_dir(dir.path()).unwrap() {
        let report = verify_bundle(item.unwrap().path(), &verify_options()).unwrap();
        assert_eq!(report.findings().count(), 0);
    }
}

async fn what_is_withheld_is_seen_and_verifies<T: Place>(db: T) {
    let journal = filled(&db, 400).await;
    let acme = chain("acme/default");
    journal.checkpoint(&acme).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let filter = serde_json::json!({"kept": "one person", "seqs": "every second"});
    let person = subject_of(&journal).await;
    let options = BundleOptions::new().withholding(
        Withholding::new(filter.as_object().cloned().unwrap())
            // Reserved entries and the last one are asked for too, and not given.
            .entries(|entry| entry.seq() % 2 == 0 || entry.seq() >= 399)
            .disclosures(move |_, subject, open| {
                assert!(open.is_some_and(|open| open.name().starts_with('/')));
                (subject != person).then(|| "another person".to_owned())
            }),
    );
    for name in ["b", "b.zip"] {
        let place = dir.path().join(name);
        let manifest = if name == "b" {
            journal.export_bundle(&acme, &place, &options).await.unwrap()
        } else {
            journal.export_bundle_zip(&acme, &place, &options).await.unwrap()
        };
        assert_eq!(manifest.filter.as_ref(), filter.as_object());
        let bundle = Bundle::open(&place).unwrap();
        let (mut withheld, mut seq) = (0, 0);
        let mut file = bundle.lines(&BundlePath::Entries).unwrap();
        let mut reader = file.lines().unwrap();
        while let Some(block) = reader.next_block().unwrap() {
            for line in block.lines() {
                match EntryLine::parse(line).unwrap() {
                    EntryLine::Entry(text) => assert_eq!(Entry::parse(text).unwrap().seq(), seq),
                    EntryLine::Absent { absence, seq: of, .. } => {
                        assert_eq!((absence, of), (LineAbsence::Withheld, seq));
                        withheld += 1;
                    }
                    other => panic!("{other:?}"),
                }
                seq += 1;
            }
        }
        assert_eq!((seq, withheld), (400, 199), "all even ones but the first");
        let mut file = bundle.lines(&BundlePath::Disclosures).unwrap();
        let mut reader = file.lines().unwrap();
        let (mut plain, mut kept_back) = (0, 0);
        while let Some(block) = reader.next_block().unwrap() {
            for line in block.lines() {
                let line = DisclosureLine::parse(line).unwrap();
                assert!(line.seq % 2 == 1, "none for an entry that is withheld");
                match line.content {
                    LineContent::Disclosure(_) => {
                        assert_eq!(line.subject, person);
                        plain += 1;
                    }
                    LineContent::Withheld { reason, .. } => {
                        assert_eq!(reason, "another person");
                        kept_back += 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(plain > 0 && kept_back > 0);
        assert_eq!(manifest.withheld, withheld + kept_back);
        assert_eq!(manifest.disclosures, plain + kept_back);
        let report = verify_bundle(&place, &verify_options()).unwrap();
        let findings: Vec<_> = report.findings().collect();
        assert!(findings.is_empty(), "{findings:#?}");
    }
    journal.close().await;
}

/// The ref of one of the people.
async fn subject_of<DB: Backend>(journal: &Journal<DB>) -> SubjectRef {
    let lines = text(journal, ExportFormat::JsonLines).await;
    let entries = lines.lines().map(|line| Entry::parse(line).unwrap());
    let with_private = entries.filter(|entry| !entry.event().private().is_empty());
    with_private.map(|entry| entry.event().private()[0].0).next().unwrap()
}

/// Text so monotonous that it would be taken for a bomb is stored instead.
async fn an_archive_is_one_that_its_reader_takes<T: Place>(db: T) {
    let journal = db.create(&quiet()).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    let long = "a".repeat(64_000);
    let events = (0..60).map(|_| {
        Event::builder("record.updated", Actor::user("u")).meta("m", &long).build().unwrap()
    });
    journal.append_batch(&acme, events.collect()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("b.zip");
    journal.export_bundle_zip(&acme, &place, &BundleOptions::new()).await.unwrap();
    let report = verify_bundle(&place, &verify_options()).unwrap();
    assert_eq!(report.findings().count(), 0);
    journal.close().await;
}

test_support::both_databases!(
    lines_are_the_exact_bytes_of_one_moment,
    a_spreadsheet_runs_nothing,
    security_tools_get_a_line_for_each_entry,
    directory_and_archive_hold_the_same_and_are_intact,
    an_export_that_is_dropped_leaves_nothing,
    what_is_withheld_is_seen_and_verifies,
    an_archive_is_one_that_its_reader_takes,
);
