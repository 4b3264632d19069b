//! The program runs to its end and shows what it promises.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

#[test]
fn it_runs_and_loses_nothing() {
    let output = Command::new(env!("CARGO_BIN_EXE_encrypted-fields")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for promise in [
        "User 7, found",
        "the value does not open here",
        "no write was lost",
        "finds 0 values",
        "was destroyed meanwhile",
    ] {
        assert!(text.contains(promise), "{promise}: {text}");
    }
}
