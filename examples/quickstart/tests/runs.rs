//! The program runs to its end and shows what it promises.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

#[test]
fn it_runs_and_names_the_entry_that_was_rewritten() {
    let output = Command::new(env!("CARGO_BIN_EXE_quickstart")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let (before, after) = text.split_once("Somebody turns inv_7 into inv_8").unwrap();
    assert!(before.contains("The auditor checks everything: intact."), "{text}");
    assert!(after.contains("append-only"), "{text}");
    assert!(after.contains("altered acme/default 2:"), "{text}");
}
