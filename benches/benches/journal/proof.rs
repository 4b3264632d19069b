//! Proofs from stored tiles.

use benches::{Engine, Figure, Report, chain, median, timed};

use crate::world::{World, size};

/// Inclusion proofs of entries all over a journal of a million, at its size now.
pub(crate) async fn run<E: Engine>(world: &World<E>, report: &mut Report) {
    let count = size("BENCH_PROOFS", 500);
    let mut cpu = 0.0;
    let mut costs = Vec::with_capacity(count);
    for n in 0..=count {
        let seq = u64::try_from(n * (world.entries / (count + 1)) + n % 256).expect("small");
        let (proven, took) = timed(world.journal.prove_inclusion(&chain(), seq, None)).await;
        let proven = proven.expect("proved");
        proven.proof.verify(proven.leaf, proven.seq, &proven.head).expect("true");
        if n > 0 {
            costs.push(took.wall.as_secs_f64() * 1e3);
            cpu += took.cpu.as_secs_f64() * 1e3;
        }
    }
    costs.sort_by(f64::total_cmp);
    let slow = costs.get(costs.len() * 99 / 100).copied().unwrap_or_default();
    let measured = format!(
        "99 of 100 within {slow:.2} ms; CPU {:.2} ms",
        cpu / f64::from(u32::try_from(count).expect("few"))
    );
    let what = "inclusion proof at 1 M entries";
    report.value(what, &measured, median(&costs), "ms", Figure::AtMost(1.0));
}
