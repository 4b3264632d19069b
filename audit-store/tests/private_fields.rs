//! Private fields that are stored sealed, on both databases: nothing of a person can be read without
//! the key, and nothing of the journal changes when the key goes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    dead_code,
    reason = "a test fails by panicking"
)]

#[path = "support/place.rs"]
mod place;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use audit_core::{Actor, AuditorPolicy, Event, SubjectRef, Verdict};
use audit_store::{
    AccessReason, AppendError, Backend, BoxFuture, BundleOptions, Journal, JournalOptions,
    OpenedPrivate, PrivateField, PrivateFieldSealer, PrivatePlace, ReadPrivateError, SealerError,
    SubjectKeySealer, VerifyOptions,
};
use crypto_fields::{
    CachePolicy, EpochKeys, KeyStore, LocalKey, SecretKey, SubjectKeys, SystemClock, TenantId,
};
use place::{Place, chain, options, verified};
use uuid::Uuid;

/// In base64, wherever it stands, it is this again and again.
const CANARY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const IN_BASE64: &str = "QUFBQUFBQUFBQUFBQUFB";

type Keys<T> = Arc<SubjectKeys<KeyStore<<T as test_support::TestDatabase>::Db>>>;

trait Sealing: Place<Db: crypto_fields::Backend> {
    /// Whether a text stands anywhere in what the database has stored.
    async fn stores(&self, text: &str) -> bool;
}

impl Sealing for test_support::TestSqlite {
    async fn stores(&self, text: &str) -> bool {
        let files = std::fs::read_dir(self.dir()).unwrap();
        files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}

impl Sealing for test_support::TestPg {
    async fn stores(&self, text: &str) -> bool {
        let mut found = 0;
        for (table, column) in [
            ("disclosure", "items"),
            ("staged", "disclosures"),
            ("staged", "body"),
            ("entry", "body"),
        ] {
            let sql = format!("SELECT count(*) FROM audit_{table} WHERE {column} LIKE '%{text}%'");
            found += self.number(&sql).await;
        }
        found > 0
    }
}

/// Keys in a database of their own.
async fn keys<T: Sealing>(place: &T, root: [u8; 32]) -> Keys<T> {
    let store = KeyStore::open(place.pool(2).await, &SystemClock).await.unwrap();
    let epoch = EpochKeys::new(Arc::new(LocalKey::new(SecretKey::from_slice(&root).unwrap())));
    Arc::new(SubjectKeys::new(store, epoch, CachePolicy::DEFAULT, Arc::new(SystemClock)))
}

fn sealing<T: Sealing>(keys: &Keys<T>) -> JournalOptions {
    options().private_fields(SubjectKeySealer::new(Arc::clone(keys)).unwrap())
}

fn about(id: Uuid, person: &str, says: &str) -> Event {
    Event::builder("user.login", Actor::user("usr_1"))
        .id(id)
        .private(person, "/context/ip", says)
        .private(person, "/actor/name", "Ada")
        .build()
        .unwrap()
}

fn reason() -> AccessReason {
    AccessReason::new(Actor::user("support"), "matter 7")
}

async fn read<DB: Backend>(journal: &Journal<DB>, seq: u64) -> Vec<(String, String)> {
    let fields = journal.read_private(&chain("acme/default"), seq, &reason()).await.unwrap();
    let mut said: Vec<_> = fields
        .into_iter()
        .map(|field| match field {
            PrivateField::Plain { pointer, value, .. } => (pointer, value.to_string()),
            other => panic!("{other:?}"),
        })
        .collect();
    said.sort();
    said
}

fn said(value: &str) -> Vec<(String, String)> {
    let field = |name: &str, value: &str| (name.to_owned(), format!("\"{value}\""));
    vec![field("/actor/name", "Ada"), field("/context/ip", value)]
}

/// The refs of an entry's private fields.
async fn refs<DB: Backend>(journal: &Journal<DB>, seq: u64) -> Vec<SubjectRef> {
    let query = audit_store::Query::new(&chain("acme/default"));
    let page = journal.query(&query).await.unwrap();
    let entry = page.entries.iter().find(|entry| entry.seq() == seq).unwrap();
    let entry = entry.entry().unwrap();
    entry.event().private().iter().map(|(subject, _)| *subject).collect()
}

async fn nothing_is_stored_in_the_clear_and_all_of_it_opens<T: Sealing>(db: T) {
    // Control: this is how it is found where nothing is sealed.
    let open = T::fresh().await;
    let plain = open.journal().await;
    plain.append(&chain("acme/default"), about(Uuid::now_v7(), "p", CANARY)).await.unwrap();
    assert!(open.stores(IN_BASE64).await);

    let (vault, acme) = (T::fresh().await, chain("acme/default"));
    let keys = keys(&vault, [1; 32]).await;
    let journal = db.create(&sealing::<T>(&keys)).await.unwrap();
    journal.create_chain(&acme).await.unwrap();
    let id = Uuid::now_v7();
    journal.append(&acme, about(id, "p", CANARY)).await.unwrap();
    let batch = ["p", "q", "q"].map(|person| about(Uuid::now_v7(), person, CANARY)).to_vec();
    journal.append_batch(&acme, batch).await.unwrap();
    let mut tx = journal.begin().await.unwrap();
    for _ in 0..2 {
        tx.record(&acme, about(Uuid::now_v7(), "r", CANARY)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = journal.begin().await.unwrap();
    let ticket = journal.stage(&mut tx, &acme, about(Uuid::now_v7(), "s", CANARY)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ticket.sealed().await.unwrap().seq, 7);
    for seq in 1..=7 {
        assert_eq!(read(&journal, seq).await, said(CANARY), "{seq}");
    }
    // One person, one ref and so one key; another person, another.
    assert_eq!(refs(&journal, 1).await, refs(&journal, 2).await);
    assert_ne!(refs(&journal, 1).await, refs(&journal, 3).await);

    // The same again is known by what it says, and another one is refused.
    assert_eq!(journal.append(&acme, about(id, "p", CANARY)).await.unwrap().seq, 1);
    let error = journal.append(&acme, about(id, "p", "else")).await.unwrap_err();
    assert!(matches!(error, AppendError::DuplicateId { .. }), "{error}");
    verified(&journal).await;
    assert!(!db.stores(IN_BASE64).await);
    journal.close().await;
    assert!(!db.stores(IN_BASE64).await);

    // Another process meets the same people again, by the directory.
    let journal = db.open(&sealing::<T>(&keys)).await.unwrap();
    let seq = journal.append(&acme, about(Uuid::now_v7(), "p", CANARY)).await.unwrap().seq;
    assert_eq!(refs(&journal, seq).await, refs(&journal, 1).await);
    assert_eq!(read(&journal, seq).await, said(CANARY));
    let people = "SELECT count(*) FROM cf_subject_key";
    assert_eq!(vault.number(people).await, 4, "no key but those of four people");
}

async fn a_destroyed_key_erases_and_the_journal_verifies<T: Sealing>(db: T) {
    let (vault, acme) = (T::fresh().await, chain("acme/default"));
    let keys = keys(&vault, [1; 32]).await;
    let journal = db.create(&sealing::<T>(&keys)).await.unwrap();
    journal.create_chain(&acme).await.unwrap();
    for person in ["p", "q", "p"] {
        journal.append(&acme, about(Uuid::now_v7(), person, "192.0.2.1")).await.unwrap();
    }
    let before = journal.checkpoint(&acme).await.unwrap();
    let p = SubjectKeySealer::<KeyStore<T::Db>>::subject_id(refs(&journal, 1).await[0]).unwrap();
    keys.destroy(&TenantId::new("acme").unwrap(), &p).await.unwrap();

    assert_eq!(read(&journal, 1).await, []);
    assert_eq!(read(&journal, 3).await, []);
    assert_eq!(read(&journal, 2).await, said("192.0.2.1"), "others are as they were");
    // Still appended to: the person's event is refused, the others' are not.
    let error = journal.append(&acme, about(Uuid::now_v7(), "p", "x")).await.unwrap_err();
    assert!(matches!(error, AppendError::PrivateFields(_)), "{error}");
    journal.append(&acme, about(Uuid::now_v7(), "q", "192.0.2.2")).await.unwrap();
    verified(&journal).await;
    let after = journal.checkpoint(&acme).await.unwrap();
    let (old, new) = (before.checkpoint().head, after.checkpoint().head);
    let proof = journal.prove_consistency(&acme, old.size, new.size).await.unwrap();
    proof.proof.verify(&old, &new).unwrap();
    // An auditor who has no key sees that nothing else was touched.
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    journal.export_bundle(&acme, &bundle, &BundleOptions::default()).await.unwrap();
    let policy = AuditorPolicy::new([place::key().verifier().clone()]);
    let report = audit_store::verify_bundle(&bundle, &VerifyOptions::new(policy)).unwrap();
    assert_eq!((report.verdict, report.findings().count()), (Verdict::Unproven, 0), "{report:#?}");
    assert_eq!((report.information.sealed, report.counts.entries), (8, 5));
    journal.close().await;

    // Neither with the keys of another root nor without any is somebody taken for erased.
    let journal = db.open(&options()).await.unwrap();
    let fields = journal.read_private(&acme, 2, &reason()).await.unwrap();
    assert!(
        fields.iter().all(|field| matches!(field, PrivateField::Sealed { .. }))
            && fields.len() == 2
    );
    journal.close().await;
    let wrong = self::keys(&vault, [2; 32]).await;
    let journal = db.open(&sealing::<T>(&wrong)).await.unwrap();
    let error = journal.read_private(&acme, 2, &reason()).await.unwrap_err();
    assert!(
        matches!(error, ReadPrivateError::PrivateFields(SealerError::Unavailable(_))),
        "{error}"
    );
    let empty = T::fresh().await;
    let unknown = self::keys(&empty, [1; 32]).await;
    journal.close().await;
    let journal = db.open(&sealing::<T>(&unknown)).await.unwrap();
    let error = journal.read_private(&acme, 2, &reason()).await.unwrap_err();
    assert!(
        matches!(error, ReadPrivateError::PrivateFields(SealerError::Unavailable(_))),
        "{error}"
    );
}

async fn what_was_stored_in_the_clear_stays_readable<T: Sealing>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    journal.append(&acme, about(Uuid::now_v7(), "p", "192.0.2.1")).await.unwrap();
    journal.close().await;
    let vault = T::fresh().await;
    let keys = keys(&vault, [1; 32]).await;
    let journal = db.open(&sealing::<T>(&keys)).await.unwrap();
    journal.append(&acme, about(Uuid::now_v7(), "p", CANARY)).await.unwrap();
    assert_eq!(read(&journal, 1).await, said("192.0.2.1"));
    assert_eq!(read(&journal, 2).await, said(CANARY));
    assert!(!db.stores(IN_BASE64).await);
    verified(&journal).await;
}

/// A sealed field that is moved to another entry's place, or changed, is not taken for another.
async fn a_sealed_field_opens_in_its_place_only<T: Sealing>(db: T) {
    let (vault, acme) = (T::fresh().await, chain("acme/default"));
    let keys = keys(&vault, [1; 32]).await;
    let sealer = SubjectKeySealer::new(Arc::clone(&keys)).unwrap();
    let journal = db.create(&options()).await.unwrap();
    journal.create_chain(&acme).await.unwrap();
    let one = PrivatePlace::new("acme", SubjectRef::from_bytes([1; 16]), digest("a"));
    let sealed = sealer.seal(&one, "text").await.unwrap();
    assert_eq!(
        sealer.open(&one, &sealed).await.unwrap(),
        OpenedPrivate::Disclosure("text".to_owned())
    );
    let mut elsewhere = one.clone();
    elsewhere.digest = digest("b");
    let error = sealer.open(&elsewhere, &sealed).await.unwrap_err();
    assert!(matches!(error, SealerError::NotAuthentic));
    let error = sealer.open(&one, "cf1.AAAA").await.unwrap_err();
    assert!(matches!(error, SealerError::NotAuthentic));
    let error = sealer.open(&one, "plain").await.unwrap_err();
    assert!(matches!(error, SealerError::NotAuthentic));
    let mut stranger = one.clone();
    stranger.subject = SubjectRef::from_bytes([2; 16]);
    let error = sealer.open(&stranger, &sealed).await.unwrap_err();
    assert!(matches!(error, SealerError::Unavailable(_)), "no key is known there");
}

fn digest(text: &str) -> audit_core::Digest {
    audit_core::Digest::of(text)
}

/// Fails when told to, and returns what cannot be stored when told that.
#[derive(Debug, Default, Clone)]
struct Faulty {
    down: Arc<AtomicBool>,
    odd: Arc<AtomicBool>,
}

impl PrivateFieldSealer for Faulty {
    fn seal<'a>(
        &'a self,
        _place: &'a PrivatePlace,
        disclosure: &'a str,
    ) -> BoxFuture<'a, Result<String, SealerError>> {
        Box::pin(async move {
            if self.down.load(Ordering::Relaxed) {
                return Err(SealerError::unavailable(std::io::Error::other("no answer")));
            }
            let odd = if self.odd.load(Ordering::Relaxed) { "\"" } else { "" };
            let reversed: String = disclosure.chars().rev().collect();
            Ok(format!("cf1.{reversed}{odd}"))
        })
    }

    fn destroy<'a>(
        &'a self,
        _tenant: &'a str,
        _subject: SubjectRef,
    ) -> BoxFuture<'a, Result<(), SealerError>> {
        Box::pin(async move {
            if self.down.load(Ordering::Relaxed) {
                return Err(SealerError::unavailable(std::io::Error::other("no answer")));
            }
            Ok(())
        })
    }

    fn keep<'a>(
        &'a self,
        place: &'a PrivatePlace,
        disclosure: &'a str,
    ) -> BoxFuture<'a, Result<String, SealerError>> {
        self.seal(place, disclosure)
    }

    fn destroy_custody<'a>(
        &'a self,
        tenant: &'a str,
        subject: SubjectRef,
    ) -> BoxFuture<'a, Result<(), SealerError>> {
        self.destroy(tenant, subject)
    }

    fn open<'a>(
        &'a self,
        _place: &'a PrivatePlace,
        sealed: &'a str,
    ) -> BoxFuture<'a, Result<OpenedPrivate, SealerError>> {
        let sealed = sealed.trim_start_matches("cf1.");
        Box::pin(async move { Ok(OpenedPrivate::Disclosure(sealed.chars().rev().collect())) })
    }
}

async fn a_sealer_that_fails_leaves_nothing_half_done<T: Sealing>(db: T) {
    let (sealer, acme) = (Faulty::default(), chain("acme/default"));
    let journal = db.create(&options().private_fields(sealer.clone())).await.unwrap();
    journal.create_chain(&acme).await.unwrap();
    for (down, odd) in [(true, false), (false, true)] {
        sealer.down.store(down, Ordering::Relaxed);
        sealer.odd.store(odd, Ordering::Relaxed);
        let event = || about(Uuid::now_v7(), "p", "x");
        let refused = |error: AppendError| match error {
            AppendError::PrivateFields(_) => assert!(down),
            AppendError::SealedForm => assert!(odd),
            other => panic!("{other}"),
        };
        refused(journal.append(&acme, event()).await.unwrap_err());
        refused(journal.append_batch(&acme, vec![event(), event()]).await.unwrap_err());
        let mut tx = journal.begin().await.unwrap();
        refused(tx.record(&acme, event()).await.unwrap_err());
        refused(journal.stage(&mut tx, &acme, event()).await.unwrap_err());
        tx.rollback().await.unwrap();
    }
    assert_eq!(db.number("SELECT count(*) FROM audit_entry").await, 1);
    sealer.odd.store(false, Ordering::Relaxed);
    journal.append(&acme, about(Uuid::now_v7(), "p", "x")).await.unwrap();
    assert_eq!(read(&journal, 1).await, said("x"));
    verified(&journal).await;
}

test_support::both_databases!(
    nothing_is_stored_in_the_clear_and_all_of_it_opens,
    a_destroyed_key_erases_and_the_journal_verifies,
    what_was_stored_in_the_clear_stays_readable,
    a_sealed_field_opens_in_its_place_only,
    a_sealer_that_fails_leaves_nothing_half_done,
);
