//! Keys that are added and retired, and what auditors make of it, on both databases.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    dead_code,
    reason = "a test fails by panicking"
)]

#[path = "support/cast.rs"]
mod cast;
#[path = "support/place.rs"]
mod place;
#[path = "support/sink.rs"]
mod sink;

use std::sync::atomic::Ordering;
use std::time::Duration;

use audit_core::{
    Actor, AuditorPolicy, ChainId, Checkpoint, CosigningKey, FindingCode, KeyTrust, SigningKey,
    Verdict, VerificationReport,
};
use audit_store::{
    Backend, BundleOptions, DatabaseErrorKind, HistoryError, Journal, JournalOptions,
    KeyChangeError, OpenError, Query, SigningError, Tenancy, VerifyOptions, verify_bundle,
};
use place::{Place, chain, event, key, options};
use sink::MemorySink;

fn other_key(seed: u8) -> SigningKey {
    SigningKey::from_seed("audit.example.com", &[seed; 32]).unwrap()
}

/// No background rounds, signing with that key.
fn by(key: SigningKey) -> JournalOptions {
    options().signer(key).checkpoint_after(u64::MAX, Duration::MAX)
}

fn admin() -> Actor {
    Actor::user("usr_admin")
}

async fn append<DB: Backend>(journal: &Journal<DB>, chain: &ChainId, count: usize) {
    let events = (0..count).map(|n| event(&n.to_string())).collect();
    journal.append_batch(chain, events).await.unwrap();
}

async fn verify<DB: Backend>(journal: &Journal<DB>, policy: AuditorPolicy) -> VerificationReport {
    journal.verify(&VerifyOptions::new(policy)).await.unwrap()
}

fn trusting(key: &SigningKey) -> AuditorPolicy {
    AuditorPolicy::new([key.verifier().clone()])
}

/// The actions of a chain's reserved entries, with the last characters of the key they name.
async fn key_entries<DB: Backend>(journal: &Journal<DB>, chain: &ChainId) -> Vec<String> {
    let page = journal.query(&Query::new(chain).action_prefix("journal.")).await.unwrap();
    let mut entries: Vec<_> = page.entries.iter().collect();
    entries.sort_by_key(|entry| entry.seq());
    let view = |entry: &audit_store::StoredEntry| {
        let parsed = entry.entry().unwrap();
        format!("{} {}", parsed.seq(), parsed.event().action())
    };
    entries.into_iter().map(view).collect()
}

async fn keys_change_while_everything_stays_verifiable<T: Place>(db: T) {
    let (old, new) = (key(), other_key(8));
    let journal = db.create(&by(key())).await.unwrap();
    let (acme, globex) = (chain("acme/default"), chain("globex/default"));
    for chain in [&acme, &globex] {
        journal.create_chain(chain).await.unwrap();
        append(&journal, chain, 3).await;
    }
    let receipts = journal.add_key(new.verifier(), admin()).await.unwrap();
    let places: Vec<_> = receipts.iter().map(|r| (r.chain.clone(), r.seq)).collect();
    assert_eq!(places, [(acme.clone(), 4), (globex.clone(), 4)]);
    assert_eq!(key_entries(&journal, &acme).await, ["0 journal.opened", "4 journal.key_added"]);
    let keys = journal.keys().await.unwrap();
    assert_eq!((keys.len(), keys[0].added, keys[1].covered), (2, None, true));
    assert_eq!(&keys[1].key, new.verifier());
    // Adding it again does nothing.
    assert_eq!(journal.add_key(new.verifier(), admin()).await.unwrap(), []);

    // Both sign meanwhile, and either goes on from what the other signed.
    let next = db.open(&by(other_key(8))).await.unwrap();
    for (journal, key) in [(&journal, &old), (&next, &new), (&journal, &old), (&next, &new)] {
        append(journal, &acme, 1).await;
        let signed = journal.checkpoint(&acme).await.unwrap();
        signed.verify(key.verifier()).unwrap();
    }
    let report = verify(&journal, trusting(&old)).await;
    assert_eq!(report.verdict, Verdict::Intact, "{report}");
    let report = verify(&journal, trusting(&old).no_rotation()).await;
    assert_eq!((report.information.unknown_key, report.verdict), (2, Verdict::Unproven));

    next.retire_key(old.verifier(), admin()).await.unwrap();
    append(&journal, &acme, 1).await;
    let refused = journal.checkpoint(&acme).await;
    assert!(matches!(refused, Err(SigningError::KeyRetired)), "{refused:?}");
    journal.close().await;
    let refused = db.open(&by(key())).await;
    assert!(matches!(refused, Err(OpenError::KeyRetired { .. })), "{refused:?}");
    for chain in [&acme, &globex] {
        next.checkpoint(chain).await.unwrap().verify(new.verifier()).unwrap();
    }
    let report = verify(&next, trusting(&old)).await;
    assert_eq!(report.verdict, Verdict::Intact, "{report}");
    let listed = &report.chains[0].keys;
    assert_eq!((listed.len(), listed[0].retired), (2, Some(9)));
    assert!(matches!(listed[1].trust, KeyTrust::Chain { added: 4, checkpoint: 5, .. }));

    // A chain that is made later begins with what holds, and is the new key's alone.
    let late = chain("acme/late");
    next.create_chain(&late).await.unwrap();
    append(&next, &late, 2).await;
    next.checkpoint(&late).await.unwrap();
    assert_eq!(
        key_entries(&next, &late).await,
        ["0 journal.opened", "1 journal.key_added", "2 journal.key_retired"]
    );
    let of_late = |policy| VerifyOptions::new(policy).chain(late.clone());
    let report = next.verify(&of_late(trusting(&old))).await.unwrap();
    assert_eq!((report.information.unknown_key, report.verdict), (1, Verdict::Unproven));
    let both = AuditorPolicy::new([old.verifier().clone(), new.verifier().clone()]);
    let report = verify(&next, both.clone()).await;
    assert_eq!(report.verdict, Verdict::Intact, "{report}");

    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    next.export_bundle(&acme, &bundle, &BundleOptions::new()).await.unwrap();
    let listed = std::fs::read_to_string(bundle.join("keys.txt")).unwrap();
    assert_eq!(listed, format!("{}\n{}\n", old.verifier(), new.verifier()));
    let report = verify_bundle(&bundle, &VerifyOptions::new(trusting(&old))).unwrap();
    assert_eq!(report.verdict, Verdict::Intact, "{report}");
    next.close().await;
}

async fn what_is_no_key_of_the_journal_is_refused<T: Place>(db: T) {
    let (old, new) = (key(), other_key(8));
    let journal = db.create(&by(key())).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    let elsewhere = SigningKey::from_seed("audit.example.org", &[8; 32]).unwrap();
    let witness = CosigningKey::from_seed("audit.example.com", &[8; 32]).unwrap();
    for refused in [elsewhere.verifier(), witness.verifier()] {
        let refused = journal.add_key(refused, admin()).await;
        assert!(matches!(refused, Err(KeyChangeError::NotAJournalKey)), "{refused:?}");
    }
    let unknown = journal.retire_key(new.verifier(), admin()).await;
    assert!(matches!(unknown, Err(KeyChangeError::UnknownKey)), "{unknown:?}");
    let last = journal.retire_key(old.verifier(), admin()).await;
    assert!(matches!(last, Err(KeyChangeError::LastKey)), "{last:?}");
    assert_eq!(db.number("SELECT size FROM audit_chain").await, 1, "nothing was appended");
    let stranger = db.open(&by(other_key(9))).await;
    assert!(matches!(stranger, Err(OpenError::KeyMismatch { .. })), "{stranger:?}");

    journal.add_key(new.verifier(), admin()).await.unwrap();
    journal.retire_key(new.verifier(), admin()).await.unwrap();
    for outcome in [
        journal.add_key(new.verifier(), admin()).await,
        journal.retire_key(new.verifier(), admin()).await,
    ] {
        assert!(matches!(outcome, Err(KeyChangeError::Retired)), "{outcome:?}");
    }
    journal.close().await;
    let plain = JournalOptions::new("audit.example.com".parse().unwrap());
    let journal = db.open(&plain).await.unwrap();
    let refused = journal.add_key(other_key(9).verifier(), admin()).await;
    assert!(matches!(refused, Err(KeyChangeError::NoSigner)), "{refused:?}");
    journal.close().await;
    // By plain SQL, too, a key is added once and retired once.
    for statement in [
        "DELETE FROM audit_key",
        "UPDATE audit_key SET retired = NULL",
        "UPDATE audit_key SET key = 'another'",
    ] {
        assert!(db.execute(statement).await.is_err(), "{statement}");
    }
}

async fn a_key_that_nothing_vouches_for_yet_replaces_none<T: Place>(db: T) {
    let (old, new) = (key(), other_key(8));
    let sink = MemorySink::default();
    let journal = db.create(&by(key()).sink(sink.clone())).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    // Nothing is signed while the sink cannot be asked.
    sink.shared.silent.store(true, Ordering::SeqCst);
    let added = journal.add_key(new.verifier(), admin()).await;
    assert!(matches!(added, Err(KeyChangeError::NotCovered(_))), "{added:?}");
    assert!(!journal.keys().await.unwrap()[1].covered);
    let refused = journal.retire_key(old.verifier(), admin()).await;
    assert!(matches!(refused, Err(KeyChangeError::LastKey)), "{refused:?}");
    sink.shared.silent.store(false, Ordering::SeqCst);
    // It cannot vouch for itself, nor for others.
    let next = db.open(&by(other_key(8)).sink(sink.clone())).await.unwrap();
    for key in [new.verifier(), other_key(9).verifier()] {
        let refused = next.add_key(key, admin()).await;
        assert!(matches!(refused, Err(KeyChangeError::NoSigner)), "{refused:?}");
    }
    next.close().await;
    assert_eq!(journal.add_key(new.verifier(), admin()).await.unwrap(), [], "it is there");
    assert!(journal.keys().await.unwrap()[1].covered);
    assert_eq!(key_entries(&journal, &acme).await.len(), 2);
    journal.retire_key(old.verifier(), admin()).await.unwrap();
    journal.close().await;
    let journal = db.open(&by(other_key(8)).sink(sink)).await.unwrap();
    journal.checkpoint(&acme).await.unwrap();
    let report = verify(&journal, trusting(&old)).await;
    assert_eq!(report.verdict, Verdict::Intact, "{report}");
    journal.close().await;
}

/// A thief with the old key, and the database.
async fn a_retired_key_signs_nothing_more_that_is_believed<T: Place>(db: T) {
    let (old, new) = (key(), other_key(8));
    let journal = db.create(&by(key())).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    journal.add_key(new.verifier(), admin()).await.unwrap();
    let retired = journal.retire_key(old.verifier(), admin()).await.unwrap()[0].seq;
    append(&journal, &acme, 5).await;
    let head = journal.prove_consistency(&acme, 1, 8).await.unwrap().new;
    let origin = "audit.example.com/acme/default/1".parse().unwrap();
    let forged = Checkpoint::new(origin, head).sign(&old).unwrap();
    let (id, size) = (db.number("SELECT id FROM audit_chain").await, head.size);
    let tenant = if T::POSTGRES { (", tenant", ", 'acme'") } else { ("", "") };
    db.execute(&format!(
        "INSERT INTO audit_checkpoint (chain, incarnation, size{}, note) \
         VALUES ({id}, 1, {size}{}, '{forged}')",
        tenant.0, tenant.1
    ))
    .await
    .unwrap();
    let report = verify(&journal, trusting(&old)).await;
    let finding = report.findings().next().unwrap();
    assert_eq!((finding.code, finding.first_seq), (FindingCode::Checkpoint, size - 1), "{report}");
    assert!(finding.evidence.as_ref().unwrap().expected.contains(&retired.to_string()));
    journal.close().await;
}

/// Chains that come to be while keys change have every key once.
async fn no_chain_misses_a_key<T: Place>(db: T) {
    let (first, second) = (other_key(8), other_key(9));
    let journal = db.create(&by(key())).await.unwrap();
    journal.create_chain(&chain("acme/c0")).await.unwrap();
    let making = tokio::spawn({
        let journal = journal.clone();
        async move {
            for n in 1..12 {
                let name = chain(&format!("{}/c{n}", if n % 2 == 0 { "acme" } else { "globex" }));
                journal.create_chain(&name).await.unwrap();
                append(&journal, &name, 2).await;
            }
        }
    });
    let appending = tokio::spawn({
        let journal = journal.clone();
        async move {
            for _ in 0..40 {
                append(&journal, &chain("acme/c0"), 3).await;
            }
        }
    });
    journal.add_key(first.verifier(), admin()).await.unwrap();
    journal.add_key(second.verifier(), admin()).await.unwrap();
    journal.retire_key(first.verifier(), admin()).await.unwrap();
    making.await.unwrap();
    appending.await.unwrap();
    for n in 0..12 {
        let name = chain(&format!("{}/c{n}", if n % 2 == 0 { "acme" } else { "globex" }));
        let entries = key_entries(&journal, &name).await;
        let count = |action: &str| entries.iter().filter(|entry| entry.ends_with(action)).count();
        // A chain that was made after the first had gone begins with that alone.
        let added = count("key_added");
        assert!(added == 2 || added == 1, "{name}: {entries:?}");
        assert_eq!(count("key_retired"), 1, "{name}: {entries:?}");
        journal.checkpoint(&name).await.unwrap();
    }
    let report = verify(&journal, trusting(&key())).await;
    assert_eq!(report.verdict, Verdict::Intact, "{report}");
    assert!(report.chains.iter().all(|chain| chain.keys.len() >= 2));
    journal.close().await;
}

/// A backup from before the new key does not know it; who opens it does.
async fn a_backup_from_before_a_key_is_told_of_it<T: Place>(db: T) {
    let new = other_key(8);
    let sink = MemorySink::default();
    let journal = db.create(&by(key()).sink(sink.clone())).await.unwrap();
    let acme = chain("acme/default");
    journal.create_chain(&acme).await.unwrap();
    journal.close().await;
    let backup = db.copy().await;
    let journal = db.open(&by(key()).sink(sink.clone())).await.unwrap();
    journal.add_key(new.verifier(), admin()).await.unwrap();
    journal.close().await;
    let journal = db.open(&by(other_key(8)).sink(sink.clone())).await.unwrap();
    append(&journal, &acme, 3).await;
    journal.checkpoint(&acme).await.unwrap();
    journal.close().await;

    let journal = backup.open(&by(key()).sink(sink.clone())).await.unwrap();
    assert!(matches!(journal.suspension(), Some(HistoryError::Untrusted { .. })));
    journal.close().await;
    let told = by(key()).sink(sink).also_signed_by(new.verifier().clone());
    let journal = backup.open(&told).await.unwrap();
    assert!(matches!(journal.suspension(), Some(HistoryError::RolledBack { .. })));
    journal.declare_restored(admin()).await.unwrap();
    journal.add_key(new.verifier(), admin()).await.unwrap();
    journal.close().await;
}

/// Who sees one tenant of several changes nothing that is all tenants'; who has the journal alone
/// does.
async fn a_handle_for_one_tenant_changes_the_keys_of_its_own_journal_only<T: Place>(db: T) {
    let new = other_key(8);
    let journal = db.create(&by(key())).await.unwrap();
    journal.create_chain(&chain("acme/default")).await.unwrap();
    journal.close().await;
    let journal = db.open(&by(key()).tenant("acme")).await.unwrap();
    for outcome in [
        journal.add_key(new.verifier(), admin()).await,
        journal.retire_key(key().verifier(), admin()).await,
    ] {
        assert!(matches!(outcome, Err(KeyChangeError::OneTenant)), "{outcome:?}");
    }
    journal.close().await;
    let own = T::fresh().await;
    let journal = own.create(&by(key()).tenant("acme")).await.unwrap();
    journal.create_chain(&chain("acme/default")).await.unwrap();
    assert_eq!(journal.add_key(new.verifier(), admin()).await.unwrap().len(), 1);
    journal.retire_key(key().verifier(), admin()).await.unwrap();
    journal.close().await;
}

/// Of all tenants, though the database shows one at a time.
#[test]
fn keys_change_under_row_level_security() {
    test_support::run::<test_support::TestPg, _>(|_| async {
        let isolated = |key| by(key).tenancy(Tenancy::row_level_security());
        let cast = cast::Cast::with_journal(&isolated(key())).await;
        let (old, new) = (key(), other_key(8));
        let journal = cast.open(&cast.appender, &isolated(key())).await.unwrap();
        // By id they stand in another order than by name.
        for name in ["b/default", "a/default", "b/late"] {
            journal.create_chain(&chain(name)).await.unwrap();
            append(&journal, &chain(name), 2).await;
        }
        let refused = journal.add_key(new.verifier(), admin()).await;
        match refused {
            Err(KeyChangeError::Database(e)) => assert_eq!(e.kind(), DatabaseErrorKind::Denied),
            other => panic!("{other:?}"),
        }
        journal.close().await;
        let journal = cast.open(&cast.custodian, &isolated(key())).await.unwrap();
        assert_eq!(journal.add_key(new.verifier(), admin()).await.unwrap().len(), 3);
        journal.close().await;
        let journal = cast.open(&cast.custodian, &isolated(other_key(8))).await.unwrap();
        assert_eq!(journal.retire_key(old.verifier(), admin()).await.unwrap().len(), 3);
        journal.create_chain(&chain("c/default")).await.unwrap();
        for name in ["b/default", "a/default", "b/late", "c/default"] {
            journal.checkpoint(&chain(name)).await.unwrap();
            assert_eq!(key_entries(&journal, &chain(name)).await.len(), 3);
        }
        let both = [old.verifier().clone(), new.verifier().clone()];
        let report = verify(&journal, AuditorPolicy::new(both)).await;
        assert_eq!((report.chains.len(), report.verdict), (4, Verdict::Intact), "{report}");
        journal.close().await;
    });
}

test_support::both_databases!(
    keys_change_while_everything_stays_verifiable,
    what_is_no_key_of_the_journal_is_refused,
    a_key_that_nothing_vouches_for_yet_replaces_none,
    a_retired_key_signs_nothing_more_that_is_believed,
    no_chain_misses_a_key,
    a_handle_for_one_tenant_changes_the_keys_of_its_own_journal_only,
    a_backup_from_before_a_key_is_told_of_it,
);
