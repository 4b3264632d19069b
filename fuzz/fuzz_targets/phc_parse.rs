//! Stored password hashes: whatever stands there costs no more than the limit, and a hash that was
//! made is recognised.
#![no_main]

use std::sync::LazyLock;

use crypto_fields::{PasswordCost, PasswordHasher, PasswordPolicy, PasswordVerdict};
use libfuzzer_sys::fuzz_target;

/// So low that a run is a matter of microseconds, and of seconds if the limit were not kept.
static HASHER: LazyLock<PasswordHasher> = LazyLock::new(|| {
    let cost = |memory, passes| PasswordCost::new(memory, passes, 1).unwrap();
    let policy = PasswordPolicy::default().cost(cost(8, 1)).limit(cost(64, 2)).bcrypt_limit(4);
    PasswordHasher::new(policy).unwrap()
});

fuzz_target!(|lines: &str| {
    let (password, stored) = lines.split_once('\n').unwrap_or(("password", lines));
    if let Ok(PasswordVerdict::RightUpgrade(upgrade)) = HASHER.verify(password, Some(stored)) {
        assert_eq!(upgrade.old_hash(), stored);
        let verdict = HASHER.verify(password, Some(upgrade.new_hash()));
        assert_eq!(verdict, Ok(PasswordVerdict::Right));
    }
    if let Ok(made) = HASHER.hash(password) {
        assert_eq!(HASHER.verify(password, Some(&made)), Ok(PasswordVerdict::Right));
    }
});
