//! What the process holds at most, in processes of their own.

use audit_core::AuditorPolicy;
use audit_store::{Query, VerifyOptions};
use benches::{Engine, Figure, InPostgres, InSqlite, Report, chain, journal_options};
use futures_util::TryStreamExt;
use test_support::TestDatabase;

use crate::world::{World, events, runtime};

const WORK: [&str; 3] = ["append", "verify", "query"];

/// The work in journals of a tenth and of all entries: the memory must be the same.
pub(crate) async fn run<E: Engine>(large: &World<E>, report: &mut Report) {
    let small = World::<E>::new(large.entries / 10, 1).await;
    for what in WORK {
        let measure = |world: &World<E>| {
            let program = std::env::current_exe().expect("this program");
            let output = std::process::Command::new(program)
                .args(["child", E::NAME, what, &world.place.url()])
                .output()
                .expect("ran");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8_lossy(&output.stdout);
            text.trim().parse::<f64>().expect("a number")
        };
        let (of_small, of_large) = (measure(&small), measure(large));
        let measured = format!(
            "{of_large:.0} MB at {} entries, {of_small:.0} MB at {}",
            large.entries, small.entries
        );
        let line = format!("memory, {what}: growth for ten times the entries");
        report.value(&line, &measured, of_large - of_small, "MB", Figure::AtMost(8.0));
    }
    small.journal.close().await;
}

/// One piece of work, then the process's high-water mark in megabytes on standard output.
pub(crate) fn child(words: &[String]) {
    let [_, engine, what, url] = words else { panic!("child ENGINE WORK URL") };
    let runtime = runtime();
    if engine == InSqlite::NAME {
        runtime.block_on(work::<InSqlite>(what, url));
    } else {
        runtime.block_on(work::<InPostgres>(what, url));
    }
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a high-water mark");
    let kilobytes = line.split_whitespace().nth(1).expect("a number");
    println!("{:.1}", kilobytes.parse::<f64>().expect("a number") / 1024.0);
}

async fn work<E: Engine>(what: &str, url: &str) {
    let journal = E::open(url, &journal_options()).await;
    match what {
        "append" => {
            let mut events = events(77);
            benches::fill(&journal, None, &mut events, 50_000).await;
        }
        "verify" => {
            let key: audit_core::VerifierKey = journal.key().parse().expect("a key");
            journal.verify(&VerifyOptions::new(AuditorPolicy::new([key]))).await.expect("verified");
        }
        _ => {
            let all = journal.query_stream(Query::new(&chain()).page_size(1_000));
            let bytes = all.try_fold(0, async |sum, entry| Ok(sum + entry.as_str().len()));
            assert!(bytes.await.expect("read") > 0);
        }
    }
    journal.close().await;
}
