//! Years of tenants on plans, day by day, beside a model of what must stand: on both databases.
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
#[path = "simulation/script.rs"]
mod script;
#[path = "simulation/world.rs"]
mod world;

use place::Place;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use script::Script;
use world::World;

/// What must hold after every day is asserted inside; a script that breaks it is printed.
async fn what_must_stand_stands_and_all_else_goes<T: Place>(_: T) {
    let (length, cases) = if test_support::long() { (3 * 365, 1) } else { (60, 2) };
    for case in 0..cases {
        // Each case is another script, and the same one in every run of the suite.
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[case + 1; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let script: Script = script::scripts(length).new_tree(&mut runner).unwrap().current();
        let mut world = World::<T>::new(&script).await;
        for (number, day) in script.days.iter().enumerate() {
            world.live(number, day).await;
        }
        world.end().await;
    }
}

test_support::both_databases!(what_must_stand_stands_and_all_else_goes);
