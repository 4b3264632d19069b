use privacy_rights::{BackupError, BackupRegistry, BackupSet};

use crate::at;

fn ids<'a>(sets: impl Iterator<Item = &'a BackupSet>) -> Vec<&'a str> {
    sets.map(|set| set.id.as_str()).collect()
}

#[test]
fn an_erasure_is_complete_when_the_last_older_set_is_gone() {
    let mut backups = BackupRegistry::default();
    let erased = at("2026-05-10");
    assert_eq!(backups.clear_since(erased), Some(erased));
    for (id, taken) in [("a", "2026-05-01"), ("b", "2026-05-10"), ("c", "2026-05-11")] {
        backups.add(BackupSet::rolling(id, at(taken))).unwrap();
    }
    // One that was taken at that very moment may hold it; a later one does not.
    assert_eq!(ids(backups.holding(erased)), ["a", "b"]);
    assert_eq!(backups.clear_since(erased), None);
    backups.attest_gone("b", at("2026-06-09")).unwrap();
    assert_eq!(backups.clear_since(erased), None);
    backups.attest_gone("a", at("2026-05-31")).unwrap();
    assert_eq!(backups.clear_since(erased), Some(at("2026-06-09")));
    // The first attestation stays.
    backups.attest_gone("b", at("2026-07-01")).unwrap();
    assert_eq!(backups.clear_since(erased), Some(at("2026-06-09")));
    assert_eq!(backups.clear_since(at("2026-05-11")), None);
}

#[test]
fn nobody_attested_it_in_time() {
    let mut backups = BackupRegistry::default();
    backups.add(BackupSet::rolling("a", at("2026-05-01"))).unwrap();
    assert!(ids(backups.overdue(at("2026-05-31"))).is_empty());
    assert_eq!(ids(backups.overdue(at("2026-05-31T10:01"))), ["a"]);
    backups.attest_gone("a", at("2026-06-02")).unwrap();
    assert!(ids(backups.overdue(at("2026-06-03"))).is_empty());
    let register = backups.register();
    assert_eq!(register.rows()[0][2], "2026-05-31T10:00:00.000000Z");
    assert_eq!(register.rows()[0][3], "2026-06-02T10:00:00.000000Z");
}

#[test]
fn sets_that_cannot_be() {
    let mut backups = BackupRegistry::default();
    let set = || BackupSet::rolling("a", at("2026-05-01"));
    backups.add(set()).unwrap();
    let id = || String::from("a");
    assert_eq!(backups.add(set()), Err(BackupError::Known { id: id() }));
    let early = BackupSet::new("a", at("2026-05-02"), at("2026-05-01"));
    assert_eq!(backups.add(early), Err(BackupError::TooEarly { id: id() }));
    let early = backups.attest_gone("a", at("2026-04-30"));
    assert_eq!(early, Err(BackupError::TooEarly { id: id() }));
    let unknown = backups.attest_gone("b", at("2026-05-30")).unwrap_err();
    assert_eq!(unknown.to_string(), "there is no backup set \"b\"");
    // It survives being written down.
    let text = serde_json::to_string(&backups).unwrap();
    assert_eq!(serde_json::from_str::<BackupRegistry>(&text).unwrap(), backups);
}
