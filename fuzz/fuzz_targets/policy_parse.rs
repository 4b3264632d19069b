//! Policy files: what is read is written so that it reads the same, and a quorum that holds for
//! nobody holds for everybody.
#![no_main]

use audit_core::TrustPolicy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let Ok(policy) = TrustPolicy::parse(file) else { return };
    assert_eq!(TrustPolicy::parse(policy.to_string().as_bytes()).as_ref(), Ok(&policy));
    assert_eq!(policy.is_quorum(|_| false), policy.asks_for_nothing());
    assert!(policy.is_quorum(|_| true));
    let _ = policy.quorum_in_words();
});
