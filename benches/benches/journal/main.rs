//! The journal against what its database does for the plain thing:
//! `cargo bench -p benches --bench journal -- [sqlite|postgres] [row…]`.

#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement that cannot be taken ends the run, and says why"
)]

mod batch;
mod memory;
mod proof;
mod prune;
mod query;
mod shared;
mod single;
mod verify;
mod world;

use benches::{Engine, InPostgres, InSqlite, Report};
use world::World;

/// The rows, in the order of the table.
const ROWS: [&str; 10] =
    ["batch", "query", "tasks", "single", "shared", "stage", "verify", "proof", "growth", "prune"];

fn main() {
    let mut words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if words.first().is_some_and(|word| word == "child") {
        memory::child(&words);
        return;
    }
    let engines = ["sqlite", "postgres"];
    let engine = words.iter().position(|word| engines.contains(&word.as_str()));
    let engine = engine.map(|at| words.remove(at));
    for word in &words {
        assert!(
            word == "memory" || ROWS.contains(&word.as_str()),
            "no row {word}: {ROWS:?}, memory"
        );
    }
    for name in engines {
        if engine.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let runtime = world::runtime();
        if name == "sqlite" {
            runtime.block_on(run::<InSqlite>(&words));
        } else {
            runtime.block_on(run::<InPostgres>(&words));
        }
    }
}

async fn run<E: Engine>(words: &[String]) {
    let wanted = |row: &str| words.is_empty() || words.iter().any(|word| word == row);
    let mut report = Report::default();
    let report = &mut report;
    if wanted("batch") {
        batch::run::<E>(report).await;
    }
    if wanted("tasks") {
        single::tasks::<E>(report).await;
    }
    if wanted("single") {
        single::single::<E>(report).await;
    }
    if wanted("shared") {
        shared::transaction::<E>(report).await;
    }
    if wanted("stage") {
        shared::stage::<E>(report).await;
    }
    if ["query", "verify", "proof", "growth", "memory"].into_iter().any(wanted) {
        let world = World::<E>::million().await;
        if wanted("query") {
            query::run(&world, report).await;
        }
        if wanted("verify") {
            verify::run(&world, report).await;
        }
        if wanted("proof") {
            proof::run(&world, report).await;
        }
        if wanted("growth") {
            batch::growth(&world, report).await;
        }
        if wanted("memory") {
            memory::run(&world, report).await;
        }
    }
    if wanted("prune") {
        prune::run::<E>(report).await;
    }
    report.print(E::NAME);
}
