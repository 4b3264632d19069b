//! The witness's process is killed at a random moment, again and again, while two histories of each
//! log contend for its word.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod support;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audit_core::TreeHead;
use audit_store::{CheckpointWitness, HttpWitness, WitnessAnswer};
use support::{Home, Log};
use test_support::scaled;

/// Every log has its two histories in common up to here.
const FORK: u64 = 3;
const SIZES: u64 = 40;

/// Submits one history from its beginning to its end, as fast as it goes, until the witness is gone
/// or denies it; notes what was cosigned.
async fn submit(log: Log, client: HttpWitness, cosigned: Arc<Mutex<Vec<TreeHead>>>) {
    let (mut old, mut new) = (0, 1);
    while new <= SIZES {
        match client.add_checkpoint(&log.request(old, new)).await {
            Ok(WitnessAnswer::Cosigned(answer)) => {
                answer.by(client.verifier(), log.signed(new).note().text()).unwrap();
                cosigned.lock().unwrap().push(log.head(new));
                (old, new) = (new, new + 1);
            }
            Ok(WitnessAnswer::Conflict(size)) if size == old || size > SIZES => return,
            Ok(WitnessAnswer::Conflict(size)) => {
                (old, new) = (size, std::cmp::max(size, new));
            }
            Ok(_) => return,
            // Killed.
            Err(_) => return,
        }
    }
}

/// The sizes of one history are heads of one log; of two histories they cannot be.
fn one_history(logs: &[Log; 2], heads: &[TreeHead]) {
    let of = |log: &Log| heads.iter().all(|head| log.head(head.size) == *head);
    assert!(logs.iter().any(of), "two histories were cosigned: {heads:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_that_dies_never_cosigns_two_histories() {
    let random = RandomState::new();
    let home = Home::new(&[support::key(7).verifier().clone()]);
    let client = |url: &str| {
        HttpWitness::new(home.vkey.clone(), url).unwrap().timeout(Duration::from_secs(20))
    };
    let (mut beyond, mut unanswered) = (0, 0);
    for kill in 0..scaled(10_u64, 100) {
        let chain = format!("acme/c{kill}");
        let logs = || [Log::new(&chain), Log::new(&chain).forked_at(FORK)];
        let cosigned = Arc::new(Mutex::new(Vec::new()));
        let mut witness = home.serve();
        let mut tasks = tokio::task::JoinSet::new();
        // Each history by two processes.
        for log in logs().into_iter().chain(logs()) {
            tasks.spawn(submit(log, client(&witness.url), Arc::clone(&cosigned)));
        }
        // Not a wait for something to happen: the moment of death is meant to be arbitrary.
        let moment = Duration::from_millis(random.hash_one(kill) % 120);
        let killing = tokio::task::spawn_blocking(move || {
            std::thread::sleep(moment);
            witness.kill();
        });
        killing.await.unwrap();
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        let before = cosigned.lock().unwrap().clone();
        one_history(&logs(), &before);
        let newest = before.iter().map(|head| head.size).max().unwrap_or(0);

        // What it says it knows is at least what it cosigned, and of the same history.
        let witness = home.serve();
        let [one, other] = logs();
        let asked = client(&witness.url).add_checkpoint(&one.request(0, SIZES)).await.unwrap();
        let known = match asked {
            WitnessAnswer::Conflict(size) => size,
            // Nothing had been cosigned, so anything may be.
            WitnessAnswer::Cosigned(_) => {
                assert_eq!(newest, 0);
                cosigned.lock().unwrap().push(one.head(SIZES));
                SIZES
            }
            answer => panic!("{answer:?}"),
        };
        assert!(known >= newest, "it forgot {newest} and knows {known}");
        unanswered += u64::from(known > newest);
        for log in [one, other] {
            submit(log, client(&witness.url), Arc::clone(&cosigned)).await;
        }
        let all = cosigned.lock().unwrap().clone();
        one_history(&logs(), &all);
        beyond += u64::from(all.iter().any(|head| head.size > FORK));
        let latest = support::text(&home.latest(&logs()[0].origin).stdout);
        let latest = audit_core::SignedCheckpoint::parse(&latest).unwrap().checkpoint().head;
        one_history(&logs(), &[&all[..], &[latest]].concat());
        drop(witness);
    }
    println!("{beyond} logs went beyond the fork, {unanswered} cosigned more than was answered");
    assert!(beyond > 0, "no witness lived long enough");
}
