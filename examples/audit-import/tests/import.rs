//! The program as a person runs it: on both databases, with good, bad and repeated input.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use audit_core::{Actor, ChainId, Outcome};
use audit_store::Query;
use test_support::{TestDatabase, both_databases};
use tool_support::{AnyJournal, with_journal};

/// Three records about nobody: an ordinary one, a refused one, one by a service.
fn records() -> Vec<String> {
    let record = |id: &str, second: u32, name: &str, rest: &str| {
        format!(
            r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333","accessKeyId":"AKIAEXAMPLE","userName":"alice"}},"eventTime":"2023-07-10T11:42:{second:02}Z","eventSource":"s3.amazonaws.com","eventName":"{name}","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7","userAgent":"Boto3/1.26 – ü","requestParameters":{{"bucketName":"b-1","nested":{{"a":[1,2.5,null,{{"b":true}}]}}}},"responseElements":null,"requestID":"R{second}","eventID":"{id}","readOnly":true,"eventType":"AwsApiCall"{rest}}}"#
        )
    };
    let resource =
        r#","resources":[{"accountId":"1","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::b-1"}]"#;
    vec![
        record("875240ac-e821-4fc6-a311-8c352a1d20f5", 18, "GetBucketPolicy", resource),
        record(
            "c20d93d2-87e1-483d-9c6c-9cdfc35671d4",
            23,
            "DeleteBucket",
            r#","errorCode":"AccessDenied","errorMessage":"no""#,
        ),
        r#"{"eventVersion":"1.08","userIdentity":{"type":"AWSService","invokedBy":"rds.amazonaws.com"},"eventTime":"2023-07-10T11:43:00Z","eventSource":"kms.amazonaws.com","eventName":"GenerateDataKey","sourceIPAddress":"rds.amazonaws.com","userAgent":"rds.amazonaws.com","eventID":"b69c41d9-ccc8-41d7-82f1-d3f27cb2fb3c"}"#.to_owned(),
    ]
}

struct Ran {
    status: i32,
    out: String,
    err: String,
}

fn run(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_audit-import")).args(arguments).output().unwrap();
    Ran {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder with a log and a place for the key.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(name: &str, bytes: &[u8]) -> (Self, PathBuf) {
        let folder = Self(tempfile::tempdir().unwrap());
        let path = folder.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn key(&self) -> String {
        self.0.path().join("journal.skey").display().to_string()
    }
}

fn import(format: &str, log: &Path, url: &str, key: &str) -> Ran {
    let log = log.display().to_string();
    run(&["--format", format, &log, url, "--chain", "acme/cloud", "--key", key])
}

async fn entries(url: &str, query: impl FnOnce(Query) -> Query) -> Vec<String> {
    let journal = AnyJournal::read(&url.parse().unwrap()).await.unwrap();
    let chain: ChainId = "acme/cloud".parse().unwrap();
    let query = query(Query::new(&chain).oldest_first().page_size(1_000));
    let page = with_journal!(&journal, journal => journal.query(&query).await).unwrap();
    journal.close().await;
    page.entries.into_iter().map(audit_store::StoredEntry::into_string).collect()
}

async fn a_log_is_sealed_once<T: TestDatabase>(db: T) {
    let (folder, log) = Folder::with("trail.jsonl", (records().join("\n") + "\n\n").as_bytes());
    let (url, key) = (db.url(), folder.key());
    let first = import("cloudtrail", &log, &url, &key);
    assert_eq!(first.status, 0, "{}", first.err);
    assert!(first.out.contains("made the journal localhost/imported"), "{}", first.out);
    assert!(first.out.contains("3 sealed into acme/cloud, 1 blank lines"), "{}", first.out);
    assert!(first.out.contains("a signed checkpoint covers all 4 entries"), "{}", first.out);
    let sealed = entries(&url, |query| query).await;
    assert_eq!(sealed.len(), 4);

    let second = import("cloudtrail", &log, &url, &key);
    assert_eq!(second.status, 0, "{}", second.err);
    assert!(second.out.contains("0 sealed into acme/cloud, 3 there already"), "{}", second.out);
    assert!(!second.out.contains("made"), "{}", second.out);
    assert_eq!(entries(&url, |query| query).await, sealed);

    let denied = entries(&url, |query| query.outcome(Outcome::Denied)).await;
    assert_eq!(denied.len(), 1);
    assert!(denied[0].contains("aws.s3.delete_bucket"), "{denied:?}");
    let service = Actor::service("rds.amazonaws.com");
    assert_eq!(entries(&url, |query| query.actor(service)).await.len(), 1);
    assert!(!sealed.concat().contains("alice"));
    assert!(!sealed.concat().contains("192.0.2.7"));
}

async fn what_cannot_be_taken_is_named_and_the_rest_is_sealed<T: TestDatabase>(db: T) {
    let mut log = records();
    log.insert(1, "{\"eventID\":1".to_owned());
    log.insert(2, log[0].replace("875240ac", "975240ac").replace("2.5", "9007199254740993"));
    log.push(log[0].replace("us-east-1", "us-west-1"));
    log.push(log[0].replace("875240ac", "a75240ac").replace("us-east-1", &"x".repeat(66_000)));
    log.push(log[0].replace("875240ac", "b75240ac").replace("\"readOnly\"", "\"eventTime\""));
    let (folder, path) = Folder::with("trail.jsonl", log.join("\n").as_bytes());
    let ran = import("cloudtrail", &path, &db.url(), &folder.key());
    assert_eq!(ran.status, 1, "{}", ran.err);
    assert!(ran.out.contains("3 sealed into acme/cloud, 5 could not be taken"), "{}", ran.out);
    for reason in [
        "line 2: EOF",
        "line 3: the event is refused: /meta/record/requestParameters/nested/a/1",
        "line 6: another event stands in acme/cloud under the id",
        "line 7: the event has",
        "line 8: a member appears twice",
    ] {
        assert!(ran.err.contains(reason), "{reason}\n{}", ran.err);
    }
    assert!(ran.err.contains("65000"), "{}", ran.err);
    assert_eq!(entries(&db.url(), |query| query).await.len(), 4);
}

async fn events_of_the_journals_own_form<T: TestDatabase>(db: T) {
    let mut log = String::new();
    for n in 0..1_200 {
        writeln!(
            log,
            r#"{{"action":"record.created","actor":{{"id":"u","type":"user"}},"id":"01893f9c-0990-79e6-979b-{n:012x}","targets":[{{"id":"{n}","type":"x"}}]}}"#
        )
        .unwrap();
    }
    let (folder, path) = Folder::with("events.jsonl", log.as_bytes());
    let ran = import("jsonl", &path, &db.url(), &folder.key());
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.out.contains("1,200 sealed"), "{}", ran.out);
    let ran = import("jsonl", &path, &db.url(), &folder.key());
    assert!(ran.out.contains("0 sealed into acme/cloud, 1,200 there already"), "{}", ran.out);
}

async fn made_up_events_are_the_same_for_the_same_seed<T: TestDatabase>(db: T) {
    let folder = Folder(tempfile::tempdir().unwrap());
    let (url, key) = (db.url(), folder.key());
    let make = |count: &str, seed: &str| {
        run(&["--synthetic", count, "--seed", seed, &url, "--chain", "acme/cloud", "--key", &key])
    };
    let ran = make("1500", "7");
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.out.contains("1,500 sealed"), "{}", ran.out);
    let ran = make("1600", "7");
    assert!(ran.out.contains("100 sealed into acme/cloud, 1,500 there already"), "{}", ran.out);
}

both_databases!(
    a_log_is_sealed_once,
    what_cannot_be_taken_is_named_and_the_rest_is_sealed,
    events_of_the_journals_own_form,
    made_up_events_are_the_same_for_the_same_seed,
);

#[test]
fn a_zipped_log_and_awss_own_files() {
    let own = format!("{{\"Records\":[{}]}}", records().join(","));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(own.as_bytes()).unwrap();
    let zipped = gzip.finish().unwrap();
    let (folder, path) = Folder::with("trail.json.gz", &zipped);
    let url = format!("sqlite:{}", folder.0.path().join("j.db").display());
    let ran = import("cloudtrail", &path, &url, &folder.key());
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.out.contains("3 sealed"), "{}", ran.out);

    // Cut off on the way: what there was is sealed, and the end is not taken for the end.
    let lines = records().join("\n").repeat(40);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(lines.as_bytes()).unwrap();
    let zipped = gzip.finish().unwrap();
    let cut = folder.0.path().join("cut.gz");
    std::fs::write(&cut, &zipped[..zipped.len() / 2]).unwrap();
    let ran = import("cloudtrail", &cut, &url, &folder.key());
    assert_eq!(ran.status, 2, "{}", ran.out);
    assert!(ran.err.contains("cannot read"), "{}", ran.err);
    assert!(ran.out.contains("there already"), "{}", ran.out);
}

#[test]
fn the_key_is_made_beside_the_file_and_nobody_else_reads_it() {
    let (folder, log) = Folder::with("trail.jsonl", records().join("\n").as_bytes());
    let log = log.display().to_string();
    let path = folder.0.path().join("trail.db");
    let url = format!("sqlite:{}", path.display());
    let arguments = ["--format", "cloudtrail", &log, &url, "--chain", "acme/cloud"];
    let ran = run(&arguments);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let (secret, public) = (path.with_extension("skey"), path.with_extension("vkey"));
    assert!(std::fs::read_to_string(&public).unwrap().starts_with("localhost/imported+"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // Without its key, and with another one, the journal is left alone.
    std::fs::remove_file(&secret).unwrap();
    std::fs::remove_file(&public).unwrap();
    let ran = run(&arguments);
    assert_eq!(ran.status, 2, "{}", ran.out);
    assert!(ran.err.contains("--key") && !secret.exists(), "{}", ran.err);
}

#[test]
fn wrong_use_makes_nothing() {
    let (folder, log) = Folder::with("trail.jsonl", records().join("\n").as_bytes());
    let log = log.display().to_string();
    let inside = |name: &str| folder.0.path().join(name).display().to_string();
    let before = std::fs::read_dir(folder.0.path()).unwrap().count();
    let good = format!("sqlite:{}", inside("j.db"));
    let typo = format!("sqlit:{}", inside("j.db"));
    let nowhere = format!("sqlite:{}", inside("no/such/j.db"));
    let missing = inside("missing.jsonl");
    let chain = ["--chain", "acme/cloud"];
    let format = ["--format", "cloudtrail"];
    for arguments in [
        [&format[..], &[&log, &typo], &chain].concat(),
        [&format[..], &[&log, &nowhere], &chain].concat(),
        [&format[..], &[&log, &log], &chain].concat(),
        [&format[..], &[&missing, &good], &chain].concat(),
        [&format[..], &[&log, &good, "--chain", "Acme"]].concat(),
        [&["--format", "csv", log.as_str(), &good], &chain[..]].concat(),
        [&format[..], &[&log], &chain].concat(),
        [&["--synthetic", "5", log.as_str(), &good], &chain[..]].concat(),
        [&["--synthetic", "5", "postgres://localhost/x"], &chain[..]].concat(),
        vec![],
    ] {
        let ran = run(&arguments);
        assert_eq!(ran.status, 2, "{arguments:?}: {}", ran.out);
        assert!(!ran.err.is_empty());
    }
    assert_eq!(std::fs::read_dir(folder.0.path()).unwrap().count(), before);
}
