//! The program runs to its end and shows what it promises.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

#[test]
fn the_loss_is_refused_declared_and_found_and_nobody_comes_back() {
    let output = Command::new(env!("CARGO_BIN_EXE_restore-drill")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let (before, after) = text.split_once("Declared: from entry 3 on").unwrap();
    assert!(before.contains("It refuses to append"), "{text}");
    assert!(before.contains("the checkpoint in the sink"), "{text}");
    assert!(before.contains("have yet to be erased again"), "{text}");
    assert!(after.contains("Private fields of Ada: 0; of Bob: 1."), "{text}");
    assert!(after.contains("restored acme/default"), "{text}");
    assert!(after.contains("With that loss accepted: intact."), "{text}");
}
