//! Following a chain, and reading its private fields.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    dead_code,
    reason = "tests"
)]

use std::pin::pin;
use std::time::Duration;

use audit_core::{Actor, Entry, Event, Target};
use audit_store::{
    AccessReason, PRIVATE_READ, PrivateField, Query, QueryError, ReadPrivateError, StoredEntry,
};
use futures_util::{Stream, StreamExt};
use uuid::Uuid;

#[path = "support/place.rs"]
mod support;
use support::{Place, chain, event, options, private_event};

const PATIENCE: Duration = Duration::from_secs(20);

async fn next<S>(stream: &mut S) -> u64
where
    S: Stream<Item = Result<StoredEntry, QueryError>> + Unpin,
{
    let next = tokio::time::timeout(PATIENCE, stream.next()).await;
    next.expect("nothing came").expect("the stream has ended").unwrap().seq()
}

async fn a_tail_yields_what_is_there_and_what_comes<T: Place>(db: T) {
    let journal = db.journal().await;
    let chain = chain("acme/default");
    let events = (0..700).map(|n| event(&format!("{n}"))).collect();
    journal.append_batch(&chain, events).await.unwrap();
    let mut all = pin!(journal.tail(&chain, 0));
    let mut late = pin!(journal.tail(&chain, 650));
    for seq in 0..=700 {
        assert_eq!(next(&mut all).await, seq);
    }
    for seq in 650..=700 {
        assert_eq!(next(&mut late).await, seq);
    }
    // Nothing more until something is appended, then that.
    assert!(tokio::time::timeout(Duration::from_millis(50), all.next()).await.is_err());
    for seq in 701..720 {
        journal.append(&chain, event("x")).await.unwrap();
        assert_eq!(next(&mut all).await, seq);
    }
    assert_eq!(next(&mut late).await, 701);
    // Another chain's growth is none of this one's.
    let other = support::chain("acme/other");
    journal.create_chain(&other).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(50), all.next()).await.is_err());
}

async fn a_tail_sees_what_another_process_appends<T: Place>(db: T) {
    let journal = db.journal().await;
    let other = db.open(&options()).await.unwrap();
    let chain = chain("acme/default");
    let mut tail = pin!(other.tail(&chain, 0));
    assert_eq!(next(&mut tail).await, 0);
    for seq in 1..20 {
        let (came, appended) = tokio::join!(next(&mut tail), journal.append(&chain, event("x")));
        appended.unwrap();
        assert_eq!(came, seq);
    }
}

async fn many_tails_share_one_connection_and_end_with_the_journal<T: Place>(db: T) {
    let few = options().connections(2);
    let journal = db.create(&few).await.unwrap();
    let chain = chain("acme/default");
    journal.create_chain(&chain).await.unwrap();
    let tails: Vec<_> = (0..20)
        .map(|_| {
            let mut tail = Box::pin(journal.tail(&chain, 0));
            tokio::spawn(async move {
                let mut count = 0;
                while let Some(entry) = tail.next().await {
                    entry.unwrap();
                    count += 1;
                }
                count
            })
        })
        .collect();
    for _ in 0..10 {
        journal.append(&chain, event("x")).await.unwrap();
    }
    // Each reads all before it ends, or is cut off: never an error.
    tokio::time::timeout(PATIENCE, journal.close()).await.expect("close hangs");
    for tail in tails {
        let count = tokio::time::timeout(PATIENCE, tail).await.expect("a tail hangs").unwrap();
        assert!(count <= 11, "{count}");
    }
}

async fn an_unknown_chain_has_no_tail<T: Place>(db: T) {
    let journal = db.journal().await;
    let mut tail = pin!(journal.tail(&chain("acme/none"), 0));
    assert!(matches!(tail.next().await, Some(Err(QueryError::UnknownChain))));
    assert!(tail.next().await.is_none());
}

async fn private_fields_are_read_apart_and_the_reading_is_recorded<T: Place>(db: T) {
    let journal = db.create(&options().record_private_reads(true)).await.unwrap();
    let chain = chain("acme/default");
    journal.create_chain(&chain).await.unwrap();
    let private = private_event(Uuid::now_v7(), "usr_9", "192.0.2.7");
    let seq = journal.append(&chain, private).await.unwrap().seq;

    let page = journal.query(&Query::new(&chain).action("user.login")).await.unwrap();
    assert!(!page.entries[0].as_str().contains("192.0.2.7"));

    let reason = AccessReason::new(Actor::user("auditor_1"), "case 4711");
    let fields = journal.read_private(&chain, seq, &reason).await.unwrap();
    let mut found: Vec<(String, String)> = Vec::new();
    for field in &fields {
        assert!(!format!("{field:?}").contains("Ada"));
        let PrivateField::Plain { pointer, value, .. } = field else { panic!("{field:?}") };
        found.push((pointer.clone(), value.as_str().unwrap().to_owned()));
    }
    found.sort();
    let expected = [("/actor/name", "Ada"), ("/context/ip", "192.0.2.7")];
    assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));

    // Who read, what and why stands in the chain; found through the subject, the login is.
    let recorded = journal.query(&Query::new(&chain).action(PRIVATE_READ)).await.unwrap();
    let entry = recorded.entries[0].entry().unwrap();
    assert_eq!(entry.event().actor().id, "auditor_1");
    assert_eq!(entry.event().targets()[0].id, format!("acme/default/{seq}"));
    assert_eq!(entry.event().meta(), Some(r#"{"purpose":"case 4711"}"#));
    let login = Entry::parse(page.entries[0].as_str()).unwrap();
    let (subject, _) = login.event().private()[0];
    let by_subject = journal.query(&Query::new(&chain).subject(subject)).await.unwrap();
    assert_eq!(by_subject.entries, page.entries);

    // Nothing is recorded where there is nothing to read, nor read where nothing can be recorded.
    let missing = journal.read_private(&chain, 99, &reason).await;
    assert!(matches!(missing, Err(ReadPrivateError::UnknownEntry { seq: 99 })));
    // Nor is anything read of another entry, or chain, under a seq that no entry can have.
    let beyond = journal.read_private(&chain, seq | 1 << 40, &reason).await;
    assert!(matches!(beyond, Err(ReadPrivateError::UnknownEntry { .. })));
    let nameless = AccessReason::new(Actor::user("x".repeat(300)), "case 4711");
    let refused = journal.read_private(&chain, seq, &nameless).await;
    assert!(matches!(refused, Err(ReadPrivateError::AccessReason(_))));
    let recorded = journal.query(&Query::new(&chain).action(PRIVATE_READ)).await.unwrap();
    assert_eq!(recorded.entries.len(), 1);
    journal.close().await;

    // Without the option the reading leaves no trace.
    let silent = db.open(&options()).await.unwrap();
    assert_eq!(silent.read_private(&chain, seq, &reason).await.unwrap().len(), 2);
    let recorded = silent.query(&Query::new(&chain).action(PRIVATE_READ)).await.unwrap();
    assert_eq!(recorded.entries.len(), 1);
}

/// The background task posts by itself, and what it posts is what is asked for.
async fn what_is_appended_is_posted_in_the_background<T: Place>(db: T) {
    let journal = db.journal().await;
    let chain = chain("acme/default");
    for batch in 0..10 {
        let events: Vec<Event> = (0..500).map(|n| event(&format!("{}", batch * 500 + n))).collect();
        journal.append_batch(&chain, events).await.unwrap();
    }
    // 5,001 entries have 19 full runs of 256.
    let posted = async {
        while db.number("SELECT coalesce(max(upto), 0) FROM audit_posted").await != 19 * 256 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, posted).await.expect("not posted in time");
    assert_eq!(journal.post_index().await.unwrap(), 0);
    for seq in [1_u64, 4_096, 4_863, 4_864, 5_000] {
        let target = Target::new("record", format!("{}", seq - 1));
        let page = journal.query(&Query::new(&chain).target(target)).await.unwrap();
        assert_eq!(page.entries.iter().map(StoredEntry::seq).collect::<Vec<_>>(), [seq]);
    }
    support::verified(&journal).await;
    journal.close().await;
}

test_support::both_databases!(
    a_tail_yields_what_is_there_and_what_comes,
    a_tail_sees_what_another_process_appends,
    many_tails_share_one_connection_and_end_with_the_journal,
    an_unknown_chain_has_no_tail,
    private_fields_are_read_apart_and_the_reading_is_recorded,
    what_is_appended_is_posted_in_the_background,
);
