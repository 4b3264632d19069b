//! Reading bundles: whole ones as a directory and as an archive, and every kind of hostile one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    clippy::unwrap_in_result,
    reason = "a test fails by panicking"
)]

mod archive;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Seek, Write};
use std::path::Path;

use archive::{Member, archive};
use audit_core::{BundleFile, BundlePath, JournalName, Manifest, Timestamp};
use audit_store::{Bundle, BundleError, BundleFault, LineBlock, MAX_ENTRY_LINE_BYTES, ZipRule};
use flate2::Compression;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The files of a bundle by name, the manifest not yet among them.
fn files(lines: usize) -> BTreeMap<String, Vec<u8>> {
    let entries: String = (0..lines).map(|n| format!("{{\"line\":{n},\"é\":\"ü\"}}\n")).collect();
    BTreeMap::from([
        ("entries.jsonl".to_owned(), entries.into_bytes()),
        ("disclosures.jsonl".to_owned(), Vec::new()),
        ("keys.txt".to_owned(), b"audit.example.com+0+AAAA\n".to_vec()),
        ("checkpoints/9".to_owned(), b"a note\n".to_vec()),
        ("checkpoints/10.2".to_owned(), b"another\n".to_vec()),
    ])
}

fn manifest(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let name = JournalName::new("audit.example.com").unwrap();
    let at = Timestamp::UNIX_EPOCH;
    let mut manifest = Manifest::new(name, "acme/default".parse().unwrap(), at, at);
    for (path, bytes) in files {
        let file = BundleFile::new(bytes.len() as u64, Sha256::digest(bytes).into());
        manifest.files.insert(path.parse().unwrap(), file);
    }
    manifest.to_json().unwrap().into_bytes()
}

fn write_directory(root: &Path, files: &BTreeMap<String, Vec<u8>>) {
    fs::create_dir_all(root.join("checkpoints")).unwrap();
    for (path, bytes) in files {
        fs::write(root.join(path), bytes).unwrap();
    }
    fs::write(root.join("manifest.json"), manifest(files)).unwrap();
}

fn members(files: &BTreeMap<String, Vec<u8>>, deflate: bool) -> Vec<Member> {
    let mut all = vec![Member::new("manifest.json", &manifest(files), deflate)];
    all.extend(files.iter().map(|(name, bytes)| Member::new(name, bytes, deflate)));
    all
}

fn open_zip(bytes: &[u8]) -> Result<Bundle, BundleError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bundle.zip");
    fs::write(&path, bytes).unwrap();
    // The file is opened anew for each member, so it must outlive the bundle in these tests.
    std::mem::forget(dir);
    Bundle::open(path)
}

fn blocks(bundle: &Bundle, file: BundlePath) -> Result<Vec<LineBlock>, BundleError> {
    let mut file = bundle.lines(&file)?;
    let mut reader = file.lines()?;
    std::iter::from_fn(|| reader.next_block().transpose()).collect()
}

fn text(blocks: &[LineBlock]) -> String {
    blocks.iter().map(LineBlock::text).collect()
}

/// Reads all there is; the first thing that is wrong.
fn read_all(bundle: &Bundle) -> Result<String, BundleError> {
    if let Some(fault) = bundle.listing_faults(1).pop() {
        return Err(fault);
    }
    bundle.text(&BundlePath::Keys)?;
    for checkpoint in bundle.checkpoints() {
        bundle.text(checkpoint)?;
    }
    blocks(bundle, BundlePath::Disclosures)?;
    Ok(text(&blocks(bundle, BundlePath::Entries)?))
}

#[test]
fn a_directory_and_both_kinds_of_archive_read_alike() {
    let files = files(100_000);
    let dir = tempfile::tempdir().unwrap();
    write_directory(dir.path(), &files);
    let expected = String::from_utf8(files["entries.jsonl"].clone()).unwrap();
    for bundle in [
        Bundle::open(dir.path()).unwrap(),
        open_zip(&archive(&members(&files, false))).unwrap(),
        open_zip(&archive(&members(&files, true))).unwrap(),
    ] {
        assert_eq!(read_all(&bundle).unwrap(), expected);
        assert_eq!(bundle.text(&BundlePath::Keys).unwrap(), "audit.example.com+0+AAAA\n");
        let checkpoints: Vec<_> = bundle.checkpoints().map(ToString::to_string).collect();
        assert_eq!(checkpoints, ["checkpoints/9", "checkpoints/10.2"]);
        assert_eq!(bundle.text(&BundlePath::checkpoint(10, Some(2))).unwrap(), "another\n");
        assert_eq!(bundle.manifest().files.len(), 5);

        let blocks = blocks(&bundle, BundlePath::Entries).unwrap();
        let mut line = 0;
        for (n, block) in blocks.iter().enumerate() {
            assert_eq!(block.first_line(), line);
            assert!(n == blocks.len() - 1 || block.len() % 256 == 0, "{}", block.len());
            for text in block.lines() {
                assert_eq!(text, format!("{{\"line\":{line},\"é\":\"ü\"}}"));
                line += 1;
            }
        }
        assert_eq!(line, 100_000);
    }
}

#[test]
fn blocks_of_the_longest_lines_stay_small() {
    let mut files = files(0);
    let line = "x".repeat(MAX_ENTRY_LINE_BYTES) + "\n";
    files.insert("entries.jsonl".to_owned(), line.repeat(600).into_bytes());
    let bundle = open_zip(&archive(&members(&files, false))).unwrap();
    let blocks = blocks(&bundle, BundlePath::Entries).unwrap();
    assert_eq!(blocks.iter().map(LineBlock::len).collect::<Vec<_>>(), [256, 256, 88]);
}

#[test]
fn an_archive_by_another_tool_is_read() {
    fn write<W: Write + Seek>(mut zip: ZipWriter<W>, large: bool) -> W {
        let files = files(1_000);
        let options = SimpleFileOptions::default().large_file(large);
        let mut put = |name: &str, bytes: &[u8]| {
            zip.start_file(name, options).unwrap();
            zip.write_all(bytes).unwrap();
        };
        put("manifest.json", &manifest(&files));
        files.iter().for_each(|(name, bytes)| put(name, bytes));
        zip.finish().unwrap()
    }
    for large in [false, true] {
        let bytes = write(ZipWriter::new(Cursor::new(Vec::new())), large).into_inner();
        assert!(read_all(&open_zip(&bytes).unwrap()).is_ok());
        // Written in one go, with the sizes behind the data.
        let bytes = write(ZipWriter::new_stream(Vec::new()), large).into_inner();
        assert!(read_all(&open_zip(&bytes).unwrap()).is_ok());
    }
}

/// More members than the narrow records can count.
#[test]
fn an_archive_of_very_many_checkpoints_is_read() {
    let mut files = files(1);
    files.extend((1..=70_000).map(|n| (format!("checkpoints/{n}"), b"a note\n".to_vec())));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in [("manifest.json".to_owned(), manifest(&files))].into_iter().chain(files) {
        zip.start_file(name, options).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    let mut bytes = zip.finish().unwrap().into_inner();
    let bundle = open_zip(&bytes).unwrap();
    assert_eq!(bundle.checkpoints().count(), 70_001);
    assert_eq!(bundle.text(&BundlePath::checkpoint(70_000, None)).unwrap(), "a note\n");
    // The wide count of members.
    let at = bytes.len() - 98 + 32;
    bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(
        open_zip(&bytes),
        Err(BundleError::Refused { rule: ZipRule::TooManyMembers { .. }, .. })
    ));
}

/// What breaks a rule of the archive, and which one.
#[test]
fn hostile_archives_are_refused() {
    let files = files(10);
    let good = members(&files, true);
    assert!(read_all(&open_zip(&archive(&good)).unwrap()).is_ok());
    let with = |name: &str, change: &dyn Fn(&mut Member)| {
        let mut all = good.clone();
        change(all.iter_mut().find(|m| m.name == name.as_bytes()).unwrap());
        archive(&all)
    };
    let plus = |member: Member| archive(&[good.clone(), vec![member]].concat());
    let extra = |name: &str| plus(Member::new(name, b"x", false));
    let whole = archive(&good);
    let n = whole.len();
    let keys = good.iter().position(|m| m.name == b"keys.txt").unwrap();
    let offset_of_keys = archive(&good[..keys]).len() as u32
        - 22
        - good[..keys].iter().map(|m| 46 + m.name.len() as u32).sum::<u32>();

    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", Vec::new(), "NotAnArchive"),
        ("no archive", b"PK is how many a text begins, this one too".to_vec(), "NotAnArchive"),
        ("cut at the end", whole[..n - 1].to_vec(), "NotAnArchive"),
        ("bytes behind the end", [&whole[..], b"\0"].concat(), "NotAnArchive"),
        ("bytes before the beginning", [b"#!/bin/sh\n", &whole[..]].concat(), "NotAnArchive"),
        ("no member", archive(&[]), "ManifestNotFirst"),
        (
            "manifest last",
            archive(&[good[1..].to_vec(), good[..1].to_vec()].concat()),
            "ManifestNotFirst",
        ),
        ("no manifest", archive(&good[1..]), "ManifestNotFirst"),
        ("a duplicate", plus(good[keys].clone()), "Duplicate"),
        ("a second manifest", plus(good[0].clone()), "Duplicate"),
        ("a path", extra("../../etc/passwd"), "Name"),
        ("an absolute path", extra("/entries.jsonl"), "Name"),
        ("a folder", extra("checkpoints/"), "Name"),
        ("not at the root", extra("bundle/entries.jsonl"), "Name"),
        ("a stranger", extra("README.md"), "Name"),
        ("a leading zero", extra("checkpoints/010"), "Name"),
        ("a device of Windows", extra("CON"), "Name"),
        ("no UTF-8", with("keys.txt", &|m| m.name = b"keys\xff.txt".to_vec()), "Name"),
        ("a link", with("keys.txt", &|m| m.attributes = 0o120_777 << 16), "NotAFile"),
        ("a directory", with("keys.txt", &|m| m.attributes = 0o040_755 << 16), "NotAFile"),
        ("a directory of DOS", with("keys.txt", &|m| m.attributes = 0x10), "NotAFile"),
        ("encrypted", with("keys.txt", &|m| m.flags = 1), "Encrypted"),
        ("strongly encrypted", with("keys.txt", &|m| m.flags = 0x41), "Encrypted"),
        ("masked", with("keys.txt", &|m| m.flags = 0x2000), "Encrypted"),
        ("bzip2", with("keys.txt", &|m| m.method = 12), "Method"),
        ("stored, of two sizes", with("keys.txt", &|m| m.method = 0), "HeadersDisagree"),
        (
            "another name inside",
            with("keys.txt", &|m| m.local_name = Some(b"kays.txt".to_vec())),
            "HeadersDisagree",
        ),
        (
            "another method inside",
            with("keys.txt", &|m| m.local_method = Some(0)),
            "HeadersDisagree",
        ),
        ("overlapping", with("entries.jsonl", &|m| m.offset = Some(offset_of_keys)), "Overlap"),
        (
            "bytes behind a member",
            with("keys.txt", &|m| {
                m.packed = Some(m.data.len() as u32);
                m.data.extend(b"more");
            }),
            "StrayBytes",
        ),
        ("bytes behind the directory", inserted(&whole, n - 22, b"more", 0), "NotAnArchive"),
        ("bytes in the directory", inserted(&whole, n - 22, b"more", 4), "NotAnArchive"),
        ("a member not counted", poked(&extra("checkpoints/8"), -14, -12, 6), "StrayBytes"),
        ("a header not counted", poked(&plus(good[keys].clone()), -14, -12, 6), "StrayBytes"),
        ("a part of several", poked(&whole, -18, -16, 1), "NotAnArchive"),
        ("beyond the end", with("keys.txt", &|m| m.packed = Some(1 << 20)), "Overlap"),
        ("an absurd ratio", with("entries.jsonl", &|m| m.size = Some(u32::MAX - 1)), "Ratio"),
        ("zip64 without its field", with("entries.jsonl", &|m| m.size = Some(u32::MAX)), "Ratio"),
    ];
    for (what, bytes, rule) in table {
        match open_zip(&bytes) {
            Err(BundleError::Refused { rule: found, .. })
                if format!("{found:?}").starts_with(rule) => {}
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// With `more` put in at a place, and a directory that claims `claimed` bytes of it.
fn inserted(archive: &[u8], at: usize, more: &[u8], claimed: u8) -> Vec<u8> {
    let mut bytes = [&archive[..at], more, &archive[at..]].concat();
    let size = bytes.len() - 10;
    bytes[size] += claimed;
    bytes
}

/// With the two-byte numbers at these places, counted from the end, another one.
fn poked(archive: &[u8], one: isize, other: isize, number: u8) -> Vec<u8> {
    let mut bytes = archive.to_vec();
    for at in [one, other] {
        let at = bytes.len().checked_add_signed(at).unwrap();
        bytes[at..at + 2].copy_from_slice(&[number, 0]);
    }
    bytes
}

#[test]
fn a_bomb_is_refused_and_a_hidden_one_costs_no_memory() {
    // A thousand bytes out of one, as much as deflating can: the directory says so.
    let bomb = Member::packed("entries.jsonl", &vec![b'a'; 32 << 20], Some(Compression::best()));
    let mut all = members(&files(0), true);
    let at = all.iter().position(|m| m.name == b"entries.jsonl").unwrap();
    all[at] = bomb.clone();
    let opened = open_zip(&archive(&all));
    assert!(
        matches!(opened, Err(BundleError::Refused { rule: ZipRule::Ratio { .. }, .. })),
        "{opened:?}"
    );
    // One that states a small size is read up to that size and one byte.
    let mut lie = bomb;
    lie.size = Some(0);
    all[at] = lie;
    let read = open_zip(&archive(&all)).and_then(|bundle| read_all(&bundle));
    assert!(
        matches!(&read, Err(BundleError::Malformed { fault: BundleFault::Damaged, .. })),
        "{read:?}"
    );
}

#[test]
fn a_line_of_ten_gigabytes_costs_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(3);
    write_directory(dir.path(), &files);
    // A sparse file: it takes no room, and reads as zeros.
    let bytes = 10_u64 << 30;
    fs::File::create(dir.path().join("entries.jsonl")).unwrap().set_len(bytes).unwrap();
    let text = String::from_utf8(manifest(&files)).unwrap();
    let mut manifest = Manifest::parse(&text).unwrap();
    manifest.files.get_mut(&BundlePath::Entries).unwrap().bytes = bytes;
    fs::write(dir.path().join("manifest.json"), manifest.to_json().unwrap()).unwrap();
    match read_all(&Bundle::open(dir.path()).unwrap()) {
        Err(BundleError::Malformed {
            fault: BundleFault::LineTooLong { line: 0, limit, .. },
            ..
        }) => {
            assert_eq!(limit, 65_535);
        }
        other => panic!("{other:?}"),
    }
}

/// What a directory may have been made to hold after its manifest was written.
#[test]
fn files_that_are_not_what_the_manifest_says() {
    type Change = fn(&Path);
    let table: [(&str, Change, &str, fn(&BundleFault) -> bool); 13] = [
        (
            "a byte altered",
            |d| poke(&d.join("entries.jsonl"), 7),
            "entries.jsonl",
            |f| matches!(f, BundleFault::Hash { .. }),
        ),
        (
            "a line more",
            |d| append(&d.join("entries.jsonl"), b"{}\n"),
            "entries.jsonl",
            |f| matches!(f, BundleFault::Size { .. }),
        ),
        (
            "cut",
            |d| cut(&d.join("entries.jsonl")),
            "entries.jsonl",
            |f| matches!(f, BundleFault::Size { .. }),
        ),
        (
            "keys altered",
            |d| poke(&d.join("keys.txt"), 0),
            "keys.txt",
            |f| matches!(f, BundleFault::Hash { .. }),
        ),
        (
            "a checkpoint altered",
            |d| poke(&d.join("checkpoints/9"), 0),
            "checkpoints/9",
            |f| matches!(f, BundleFault::Hash { .. }),
        ),
        (
            "missing",
            |d| fs::remove_file(d.join("keys.txt")).unwrap(),
            "keys.txt",
            |f| *f == BundleFault::Missing,
        ),
        (
            "a checkpoint missing",
            |d| fs::remove_file(d.join("checkpoints/9")).unwrap(),
            "checkpoints/9",
            |f| *f == BundleFault::Missing,
        ),
        (
            "unlisted",
            |d| fs::write(d.join("checkpoints/11"), b"x").unwrap(),
            "checkpoints/11",
            |f| *f == BundleFault::Unlisted,
        ),
        (
            "a stranger",
            |d| fs::write(d.join("notes.txt"), b"x").unwrap(),
            "notes.txt",
            |f| *f == BundleFault::Unlisted,
        ),
        (
            "a folder",
            |d| fs::create_dir(d.join("more")).unwrap(),
            "more",
            |f| *f == BundleFault::Unlisted,
        ),
        (
            "a link",
            |d| {
                let keys = d.join("keys.txt");
                fs::rename(&keys, d.join("../elsewhere")).unwrap();
                std::os::unix::fs::symlink(d.join("../elsewhere"), keys).unwrap();
            },
            "keys.txt",
            |f| matches!(f, BundleFault::NotAFile | BundleFault::Missing),
        ),
        (
            "a manifest with a space more",
            |d| append(&d.join("manifest.json"), b" "),
            "manifest.json",
            |f| matches!(f, BundleFault::Manifest(_)),
        ),
        (
            "a manifest that is none",
            |d| fs::write(d.join("manifest.json"), b"\xff").unwrap(),
            "manifest.json",
            |f| matches!(f, BundleFault::NotText { .. }),
        ),
    ];
    for (what, change, file, expected) in table {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("bundle");
        write_directory(&root, &files(500));
        change(&root);
        match Bundle::open(&root).and_then(|bundle| read_all(&bundle)) {
            Err(BundleError::Malformed { file: found, fault, .. }) => {
                assert_eq!(found, file, "{what}: {fault:?}");
                assert!(expected(&fault), "{what}: {fault:?}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

fn poke(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn append(path: &Path, more: &[u8]) {
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(more).unwrap();
}

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn lines_that_are_none() {
    for (what, bytes, expected) in [
        ("no newline at the end", &b"{}\n{}"[..], "does not end with a newline"),
        ("no text", b"{}\n\xff\n{}\n", "is not UTF-8 text (at line 1, counted from 0)"),
        (
            "half a character at the end",
            b"{}\n\xc3\n",
            "is not UTF-8 text (at line 1, counted from 0)",
        ),
    ] {
        let mut files = files(0);
        files.insert("entries.jsonl".to_owned(), bytes.to_vec());
        let bundle = open_zip(&archive(&members(&files, false))).unwrap();
        match read_all(&bundle) {
            Err(BundleError::Malformed { fault, .. }) => {
                assert_eq!(fault.to_string(), expected, "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn every_altered_byte_of_an_archive_is_noticed_or_harmless() {
    let files = files(12);
    for deflate in [false, true] {
        let whole = archive(&members(&files, deflate));
        let expected = read_all(&open_zip(&whole).unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bundle.zip");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            fs::write(&path, &bytes).unwrap();
            // Either something is said, or what is read is what was written: the times and the
            // version numbers of an archive mean nothing here.
            if let Ok(bundle) = Bundle::open(&path)
                && let Ok(read) = read_all(&bundle)
            {
                assert_eq!(read, expected, "byte {at}");
            }
        }
    }
}

#[test]
fn what_is_no_bundle_says_so() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Bundle::open(dir.path()), Err(BundleError::NotABundle { .. })));
    assert!(matches!(Bundle::open(dir.path().join("nothing")), Err(BundleError::Io { .. })));
    assert!(matches!(Bundle::open("/dev/null"), Err(BundleError::NotABundle { .. })));
}
