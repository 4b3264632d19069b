//! What the workspace promises about itself: which crate may know which, how long a file may be,
//! and that both databases have the same migrations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which of the family each published crate may depend on, and whether only behind a feature.
const DIRECTIONS: [(&str, &[&str], &[&str]); 5] = [
    ("audit-core", &[], &[]),
    ("audit-store", &["audit-core"], &["crypto-fields"]),
    ("crypto-fields", &[], &["crypto-fields-derive"]),
    ("crypto-fields-derive", &[], &[]),
    ("privacy-rights", &["audit-core", "audit-store", "crypto-fields"], &[]),
];

/// The crates behind which no I/O may stand, and what of a runtime they may use all the same:
/// hashing a password waits for its turn, and takes a thread that others do not wait for.
const PURE: [(&str, &[&str]); 2] = [("audit-core", &[]), ("crypto-fields", &["tokio"])];

/// What writes an allocator, and so cannot take the table of lints that forbids `unsafe`.
const OWN_LINTS: &str = "crypto-fields-memory";

/// What does I/O, or brings a runtime.
const IMPURE: [&str; 8] =
    ["async-std", "hyper", "libsqlite3-sys", "mio", "reqwest", "rusqlite", "sqlx", "tokio"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

fn packages() -> Vec<Value> {
    let metadata = cargo(&["metadata", "--no-deps", "--locked", "--format-version", "1"]);
    let mut metadata: Value = serde_json::from_str(&metadata).unwrap();
    serde_json::from_value(metadata["packages"].take()).unwrap()
}

/// The crates of this workspace that a package needs when it is used; `true` = only behind a
/// feature.
fn needs(package: &Value, workspace: &BTreeSet<&str>) -> Vec<(String, bool)> {
    package["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .map(|dependency| {
            let optional = dependency["optional"].as_bool().unwrap();
            (dependency["name"].as_str().unwrap().to_owned(), optional)
        })
        .filter(|(name, _)| workspace.contains(name.as_str()))
        .collect()
}

#[test]
fn crates_know_each_other_in_one_direction_only() {
    let packages = packages();
    let workspace: BTreeSet<&str> = packages.iter().map(|p| p["name"].as_str().unwrap()).collect();
    for (name, may, may_behind_a_feature) in DIRECTIONS {
        let package = packages.iter().find(|p| p["name"] == name).expect(name);
        for (needed, optional) in needs(package, &workspace) {
            let allowed = may.contains(&needed.as_str())
                || (optional && may_behind_a_feature.contains(&needed.as_str()));
            assert!(allowed, "{name} must not depend on {needed} (optional: {optional})");
        }
    }
}

#[test]
fn exactly_the_libraries_are_published_and_nothing_published_needs_the_rest() {
    let packages = packages();
    let published: BTreeSet<&str> = packages
        .iter()
        .filter(|p| p["publish"].is_null())
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(published, DIRECTIONS.iter().map(|(name, ..)| *name).collect());
    let versions: BTreeSet<&str> =
        packages.iter().map(|p| p["version"].as_str().unwrap()).collect();
    assert_eq!(versions.len(), 1, "one version for the family");
}

#[test]
fn the_pure_crates_have_no_io_behind_them() {
    for (name, may) in PURE {
        let tree = cargo(&[
            "tree",
            "--locked",
            "--package",
            name,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]);
        assert!(tree.starts_with(name), "{tree}");
        for line in tree.lines() {
            let dependency = line.split(' ').next().unwrap();
            let impure = IMPURE.iter().any(|impure| {
                dependency == *impure || dependency.starts_with(&format!("{impure}-"))
            });
            let allowed = !impure || may.contains(&dependency);
            assert!(allowed, "{name} must not reach {dependency}");
        }
    }
}

#[test]
fn every_package_takes_the_lints_and_facts_of_the_workspace() {
    for package in packages() {
        let path = package["manifest_path"].as_str().unwrap();
        let manifest = std::fs::read_to_string(path).unwrap();
        let lints =
            if package["name"] == OWN_LINTS { "[lints.rust]" } else { "[lints]\nworkspace = true" };
        for line in [lints, "rust-version.workspace = true"] {
            assert!(manifest.contains(line), "{path} lacks {line:?}");
        }
        assert_eq!(package["license"], "MIT OR Apache-2.0", "{path}");
    }
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let hidden = path.file_name().and_then(OsStr::to_str).is_some_and(|n| n.starts_with('.'));
        if path.is_dir() && !hidden && !path.ends_with("target") {
            files(&path, extension, found);
        } else if path.extension() == Some(OsStr::new(extension)) {
            found.push(path);
        }
    }
}

#[test]
fn no_source_file_is_longer_than_a_person_reads() {
    let mut sources = Vec::new();
    files(&root(), "rs", &mut sources);
    assert!(sources.len() > 10);
    let mut long = Vec::new();
    for path in sources {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        let in_tests = path.components().any(|part| part.as_os_str() == "tests");
        let code = if in_tests {
            0
        } else {
            text.lines().take_while(|line| *line != "#[cfg(test)]").count()
        };
        if code > 500 || lines > 600 {
            long.push(format!("{}: {code} lines, {lines} with its tests", path.display()));
        }
    }
    assert!(long.is_empty(), "at most 500 lines, 600 with tests:\n{}", long.join("\n"));
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database: &str| {
        let mut found = Vec::new();
        let folder = root().join("audit-store/migrations").join(database);
        if folder.exists() {
            files(&folder, "sql", &mut found);
        }
        found.iter().map(|path| path.file_name().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}
