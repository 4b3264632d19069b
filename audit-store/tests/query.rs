//! Queries against a brute-force filter, and what happens to pages and to the index meanwhile.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

#[path = "query/fixture.rs"]
mod fixture;

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use audit_core::{Entry, Timestamp};
use audit_store::{Backend, Cursor, CursorError, Journal, MAX_PAGE_SIZE, Order, Query, QueryError};
use fixture::{Fixture, Question, TestJournal, chain, question};
use futures_util::TryStreamExt;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use test_support::scaled;

/// All pages of a query.
async fn pages<DB: Backend>(journal: &Journal<DB>, query: &Query) -> Vec<u64> {
    let mut all = Vec::new();
    let mut query = query.clone();
    loop {
        let page = journal.query(&query).await.unwrap();
        all.extend(page.entries.iter().map(|entry| entry.seq()));
        match page.next {
            Some(next) => query = query.after(next.to_string().parse().unwrap()),
            None => return all,
        }
    }
}

fn expected(fixture: &Fixture, question: &Question) -> Vec<u64> {
    let matching = fixture.bodies.iter().filter_map(|(seq, body)| {
        let entry = Entry::parse(body).unwrap();
        question.matches(&entry).then_some(*seq)
    });
    let mut seqs: Vec<u64> = matching.collect();
    if question.order == Order::NewestFirst {
        seqs.reverse();
    }
    seqs
}

async fn ask_many<T: TestJournal>(
    journal: &Journal<T::Db>,
    fixture: &Fixture,
    runner: &mut TestRunner,
    questions: usize,
) {
    let mut hits = 0;
    for _ in 0..questions {
        let question = question(fixture).new_tree(runner).unwrap().current();
        let expected = expected(fixture, &question);
        hits += usize::from(!expected.is_empty());
        let found = pages(journal, &question.query()).await;
        assert_eq!(found, expected, "{question:?}");
    }
    assert!(
        questions < 10 || hits > questions / 4,
        "only {hits} of {questions} questions have an answer"
    );
}

async fn answers_are_those_of_a_filter<T: TestJournal>(db: T) {
    let journal = db.journal().await;
    let mut fixture = Fixture::new();
    let mut runner = TestRunner::deterministic();
    for entries in [200, 100, 400, scaled(4_200, 70_000), 255] {
        fixture.append(&db, &journal, &mut runner, entries).await;
        ask_many::<T>(&journal, &fixture, &mut runner, scaled(8, 20)).await;
        journal.post_index().await.unwrap();
        ask_many::<T>(&journal, &fixture, &mut runner, scaled(12, 40)).await;
    }
    // Records that are gone are found by nothing, whether the index still names them or not.
    fixture.remove(&db, &journal, 3..700).await;
    fixture.remove(&db, &journal, 5_000..5_001).await;
    ask_many::<T>(&journal, &fixture, &mut runner, scaled(20, 60)).await;
    journal.rebuild_index(&chain()).await.unwrap();
    ask_many::<T>(&journal, &fixture, &mut runner, scaled(20, 60)).await;
    journal.close().await;
}

async fn pages_stay_while_entries_are_appended<T: TestJournal>(db: T) {
    let journal = db.journal().await;
    let mut fixture = Fixture::new();
    let mut runner = TestRunner::deterministic();
    fixture.append(&db, &journal, &mut runner, 1_000).await;
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let question = Question { order, page_size: 7, ..Question::everything_of("user.") };
        let before = expected(&fixture, &question);
        let mut query = question.query();
        let mut all = Vec::new();
        while let Some(next) = {
            let page = journal.query(&query).await.unwrap();
            assert!(page.entries.len() <= 7);
            all.extend(page.entries.iter().map(|entry| entry.seq()));
            page.next
        } {
            if all.len() % 3 == 0 {
                fixture.append(&db, &journal, &mut runner, 1).await;
            }
            if all.len() % 70 == 0 {
                fixture.append(&db, &journal, &mut runner, 300).await;
                journal.post_index().await.unwrap();
            }
            query = query.after(next);
            if order == Order::OldestFirst && all.len() >= before.len() {
                break;
            }
        }
        assert_eq!(all[..before.len()], before);
        let all: BTreeSet<_> = all.into_iter().collect();
        let now: BTreeSet<_> = expected(&fixture, &question).into_iter().collect();
        assert!(all.is_subset(&now));
    }
    journal.close().await;
}

async fn a_stream_is_all_pages<T: TestJournal>(db: T) {
    let journal = db.journal().await;
    let mut fixture = Fixture::new();
    fixture.append(&db, &journal, &mut TestRunner::deterministic(), 700).await;
    journal.post_index().await.unwrap();
    let question = Question { page_size: 10, ..Question::everything_of("record.") };
    let streamed: Vec<u64> = journal
        .query_stream(question.query())
        .map_ok(|entry| entry.seq())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(streamed, expected(&fixture, &question));
    journal.close().await;
}

async fn questions_that_make_no_sense_are_refused<T: TestJournal>(db: T) {
    let journal = db.journal().await;
    let mut fixture = Fixture::new();
    fixture.append(&db, &journal, &mut TestRunner::deterministic(), 100).await;
    let query = Query::new(&chain()).page_size(10);
    let ask = async |query: &Query| journal.query(query).await.unwrap_err();

    for (given, query) in [(0, query.clone().page_size(0)), (1_001, query.clone().page_size(1_001))]
    {
        let error = ask(&query).await;
        assert!(
            matches!(error, QueryError::PageSize { given: g, limit: MAX_PAGE_SIZE } if g == given)
        );
        assert_eq!(error.to_string(), format!("a page has 1 to 1000 entries, not {given}"));
    }
    for prefix in ["", ".", "user", "user.logi"] {
        let error = ask(&query.clone().action_prefix(prefix)).await;
        assert!(matches!(error, QueryError::ActionPrefix), "{prefix}");
    }
    let long = ask(&query.clone().action("a.".repeat(60))).await;
    assert_eq!(long.to_string(), "the action has 120 bytes, the limit is 100");
    let unknown = Query::new(&audit_core::ChainId::new("acme", "other").unwrap());
    assert!(matches!(ask(&unknown).await, QueryError::UnknownChain));

    let next = journal.query(&query).await.unwrap().next.unwrap();
    let other = query.clone().outcome(audit_core::Outcome::Success).after(next);
    assert!(matches!(ask(&other).await, QueryError::Cursor(CursorError::OtherQuery)));
    let turned = query.clone().oldest_first().after(next);
    assert!(matches!(ask(&turned).await, QueryError::Cursor(CursorError::OtherQuery)));
    // The page size may change from page to page.
    assert_eq!(
        journal.query(&query.clone().page_size(3).after(next)).await.unwrap().entries.len(),
        3
    );
    assert_eq!("x".parse::<Cursor>(), Err(CursorError::Form));
    journal.close().await;
}

async fn times_bound_like_seqs<T: TestJournal>(db: T) {
    let journal = db.journal().await;
    let mut fixture = Fixture::new();
    fixture.append(&db, &journal, &mut TestRunner::deterministic(), 600).await;
    journal.post_index().await.unwrap();
    for removed in [0..0, 0..5, 250..300, 590..600] {
        fixture.remove(&db, &journal, removed).await;
        for (seq, body) in fixture.bodies.iter().step_by(61) {
            let at = Entry::parse(body).unwrap().at();
            for at in [at, Timestamp::from_micros(at.as_micros() + 1).unwrap()] {
                let query = Query::new(&chain()).oldest_first().page_size(1_000);
                let from = pages(&journal, &query.clone().from(at)).await;
                let until = pages(&journal, &query.clone().until(at)).await;
                let all: Vec<u64> = fixture.bodies.keys().copied().collect();
                assert_eq!([until, from].concat(), all, "{seq}");
            }
        }
    }
    journal.close().await;
}

/// A future that is dropped when it would be polled once more, as a crash or a cancelled task
/// would: each further poll is one answer of the database later.
async fn cut_off<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polled = 0;
    poll_fn(|context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

async fn posting_cut_off_anywhere_is_done_again<T: TestJournal>(db: T) {
    let journal = db.journal().await;
    let mut fixture = Fixture::new();
    let mut runner = TestRunner::deterministic();
    let mut cut = 0;
    for round in 0..scaled(30, 60) {
        fixture.append(&db, &journal, &mut runner, 300).await;
        // How many polls a whole posting takes depends on how fast the database answers.
        cut += usize::from(cut_off(journal.post_index(), round % 12).await.is_none());
        if round % 10 == 0 {
            ask_many::<T>(&journal, &fixture, &mut runner, 4).await;
        }
    }
    assert!(cut >= 5, "{cut}");
    journal.post_index().await.unwrap();
    let incremental = T::index_dump(journal.pool()).await;
    assert!(incremental.len() > 20);
    journal.rebuild_index(&chain()).await.unwrap();
    assert_eq!(T::index_dump(journal.pool()).await, incremental);
    journal.close().await;
}

async fn posters_do_not_get_in_each_others_way<T: TestJournal>(db: T) {
    let journal = db.journal().await;
    let other = db.reopen().await;
    let mut fixture = Fixture::new();
    let mut runner = TestRunner::deterministic();
    for _ in 0..10 {
        fixture.append(&db, &journal, &mut runner, 600).await;
        let (a, b) = tokio::join!(journal.post_index(), other.post_index());
        assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
        ask_many::<T>(&journal, &fixture, &mut runner, 4).await;
    }
    journal.post_index().await.unwrap();
    let together = T::index_dump(journal.pool()).await;
    journal.rebuild_index(&chain()).await.unwrap();
    assert_eq!(T::index_dump(journal.pool()).await, together);
    other.close().await;
    journal.close().await;
}

/// Queries run while another connection posts and merges segments under them.
async fn answers_are_right_while_segments_are_merged<T: TestJournal>(db: T) {
    let journal = db.journal().await;
    let poster = db.reopen().await;
    let mut fixture = Fixture::new();
    let mut runner = TestRunner::deterministic();
    fixture.append(&db, &journal, &mut runner, 5_000).await;
    let question = Question { page_size: 900, ..Question::everything_of("user.") };
    let answer = expected(&fixture, &question);
    let asking = async {
        for round in 0..scaled(12, 60) {
            let question = if round % 2 == 0 {
                question.clone()
            } else {
                Question { order: Order::OldestFirst, ..question.clone() }
            };
            let mut found = pages(&journal, &question.query()).await;
            if question.order == Order::OldestFirst {
                found.reverse();
            }
            assert!(found == answer, "{} found, {} expected", found.len(), answer.len());
        }
    };
    let posting = async {
        loop {
            poster.rebuild_index(&chain()).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = asking => {}
        () = posting => {}
    }
    poster.close().await;
    journal.close().await;
}

test_support::both_databases!(
    answers_are_those_of_a_filter,
    pages_stay_while_entries_are_appended,
    a_stream_is_all_pages,
    questions_that_make_no_sense_are_refused,
    times_bound_like_seqs,
    posting_cut_off_anywhere_is_done_again,
    posters_do_not_get_in_each_others_way,
    answers_are_right_while_segments_are_merged,
);
